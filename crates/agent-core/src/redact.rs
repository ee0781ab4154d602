//! Keeps secrets out of the journal: what an effect answers is scrubbed before it becomes an input.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

/// Values shorter than this are not treated as secrets: they would blank out ordinary words.
pub const MIN_SECRET_CHARS: usize = 8;

/// What stands where a secret stood.
pub const REDACTED: &str = "[redacted]";

/// Knows secret values and replaces them wherever they occur. Clones share what they know: a secret that one of them
/// learns is kept out by all.
#[derive(Clone, Default)]
pub struct Redactor {
    /// Longest first, so that a secret that contains another goes whole. The lock is held only to look or to replace.
    secrets: Arc<RwLock<Arc<[Secret]>>>,
}

#[derive(Clone)]
struct Secret {
    /// As it is, as it looks inside a JSON string, and as it looks in JSON inside a JSON string, which is how models
    /// pass arguments. Each a form by itself only where it differs; the longest first.
    forms: Vec<String>,
    /// What betrays any of these forms in the JSON of a value that holds it.
    traces: Vec<String>,
}

impl Secret {
    fn new(plain: String) -> Self {
        let once = escaped(&plain);
        let twice = escaped(&once);
        let mut traces = vec![escaped(&twice), twice.clone(), once.clone()];
        let mut forms = vec![twice, once, plain];
        traces.dedup();
        forms.dedup();
        Self { forms, traces }
    }

    fn plain(&self) -> &str {
        self.forms.last().map_or("", String::as_str)
    }
}

/// The text as it stands between the quotes of a JSON string.
fn escaped(text: &str) -> String {
    let quoted = Value::String(text.to_owned()).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

impl Redactor {
    /// A redactor of these values; those under [`MIN_SECRET_CHARS`] are left out.
    pub fn new(values: impl IntoIterator<Item = String>) -> Self {
        let redactor = Self::default();
        redactor.learn(values);
        redactor
    }

    /// From now on these values are secrets too, for all clones; those under [`MIN_SECRET_CHARS`] are left out. What was
    /// let through before stays as it is.
    pub fn learn(&self, values: impl IntoIterator<Item = String>) {
        let is_known = |known: &[Secret], value: &str| known.iter().any(|secret| secret.plain() == value);
        let values = values.into_iter().filter(|value| value.chars().count() >= MIN_SECRET_CHARS);
        let known = self.known();
        let unknown: Vec<String> = values.filter(|value| !is_known(&known, value)).collect();
        if unknown.is_empty() {
            return;
        }
        let mut guarded = self.secrets.write().unwrap_or_else(PoisonError::into_inner);
        let mut secrets = guarded.to_vec();
        for value in unknown {
            // Another clone, or these values themselves, may have brought it meanwhile.
            if !is_known(&secrets, &value) {
                secrets.push(Secret::new(value));
            }
        }
        let length = |secret: &Secret| secret.plain().len();
        secrets.sort_by(|a, b| length(b).cmp(&length(a)).then_with(|| a.plain().cmp(b.plain())));
        *guarded = secrets.into();
    }

    /// The text without secrets.
    pub fn scrub(&self, text: &str) -> String {
        scrub(&self.known(), text)
    }

    /// How many bytes at the end of a text cut anywhere may be the beginning of a secret.
    pub fn holdback(&self) -> usize {
        holdback(&self.known())
    }

    /// How many bytes at the end of this text, which is still growing, are the beginning of a secret. It is nothing for
    /// most texts, however long the secrets are.
    pub fn unsure(&self, growing: &str) -> usize {
        unsure(&self.known(), growing)
    }

    /// Takes what can be shown, without secrets, from the front of a text that is still growing. What is the beginning of
    /// a secret stays.
    pub fn release(&self, growing: &mut String) -> String {
        let known = self.known();
        *growing = scrub(&known, growing);
        // A secret begins with a whole character, so the cut is between two.
        let rest = growing.split_off(growing.len() - unsure(&known, growing));
        std::mem::replace(growing, rest)
    }

    /// The value with every string in it scrubbed. It goes through JSON so that no field can be forgotten;
    /// the common case, no secret inside, costs one serialisation.
    pub fn scrub_value<T: Serialize + DeserializeOwned>(&self, value: T) -> Result<T, serde_json::Error> {
        let known = self.known();
        if known.is_empty() {
            return Ok(value);
        }
        let json = serde_json::to_string(&value)?;
        if !known.iter().flat_map(|secret| &secret.traces).any(|trace| json.contains(trace.as_str())) {
            return Ok(value);
        }
        let mut tree: Value = serde_json::from_str(&json)?;
        scrub_tree(&known, &mut tree);
        serde_json::from_value(tree)
    }

    fn known(&self) -> Arc<[Secret]> {
        Arc::clone(&self.secrets.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn scrub(known: &[Secret], text: &str) -> String {
    let mut clean = text.to_owned();
    for form in known.iter().flat_map(|secret| &secret.forms) {
        if clean.contains(form.as_str()) {
            clean = clean.replace(form.as_str(), REDACTED);
        }
    }
    clean
}

fn holdback(known: &[Secret]) -> usize {
    let forms = known.iter().flat_map(|secret| &secret.forms);
    forms.map(|form| form.len() - 1).max().unwrap_or(0)
}

fn unsure(known: &[Secret], growing: &str) -> usize {
    let forms = known.iter().flat_map(|secret| &secret.forms);
    forms.map(|form| begun(growing.as_bytes(), form.as_bytes())).max().unwrap_or(0)
}

/// The length of the longest end of a text that a secret begins with without being complete.
fn begun(text: &[u8], secret: &[u8]) -> usize {
    let longest = text.len().min(secret.len().saturating_sub(1));
    (1..=longest).rev().find(|length| text.ends_with(&secret[..*length])).unwrap_or(0)
}

fn scrub_tree(known: &[Secret], tree: &mut Value) {
    match tree {
        Value::String(text) => *text = scrub(known, text),
        Value::Array(items) => items.iter_mut().for_each(|item| scrub_tree(known, item)),
        Value::Object(fields) => fields.values_mut().for_each(|field| scrub_tree(known, field)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} secrets)", self.known().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_begins_no_secret_is_shown_at_once() {
        let redactor = Redactor::new(["sk-12345678".into(), "ké-12345678".into()]);
        let table = [
            ("", 0),
            ("no secret", 0),
            ("a task", 2),
            ("a sk", 2),
            ("a s", 1),
            ("sk-1234567", 10),
            ("the ké", 3),
        ];
        for (text, unsure) in table {
            assert_eq!(redactor.unsure(text), unsure, "{text}");
            let mut growing = text.to_owned();
            assert_eq!(redactor.release(&mut growing), text[..text.len() - unsure]);
            assert_eq!(growing, text[text.len() - unsure..]);
        }
    }

    #[test]
    fn secrets_go_from_every_string_and_short_values_stay() {
        let redactor = Redactor::new(["sk-12345678".into(), "short".into(), "line\n\"quoted\"".into()]);
        let value = vec![
            ("a sk-12345678 b".to_owned(), 1),
            ("short".to_owned(), 2),
            ("x line\n\"quoted\"y".to_owned(), 3),
        ];
        let clean = redactor.scrub_value(value).unwrap();
        assert_eq!(
            clean,
            vec![("a [redacted] b".to_owned(), 1), ("short".to_owned(), 2), ("x [redacted]y".to_owned(), 3)]
        );
        assert_eq!(format!("{redactor:?}"), "Redactor(2 secrets)");
    }

    #[test]
    fn secrets_go_from_json_inside_a_string() {
        let secret = "-----BEGIN \"KEY\"-----\nabc";
        let redactor = Redactor::new([secret.to_owned()]);
        let arguments = serde_json::json!({ "cmd": secret }).to_string();
        assert_eq!(redactor.scrub_value(arguments).unwrap(), r#"{"cmd":"[redacted]"}"#);
    }

    #[test]
    fn a_secret_that_grows_piece_by_piece_is_never_shown() {
        let redactor = Redactor::new(["sk-12345678".into()]);
        let (mut growing, mut shown) = (String::new(), String::new());
        for piece in ["the ké", "y is sk-1", "234", "5678, ", "and no more of it"] {
            growing.push_str(piece);
            shown.push_str(&redactor.release(&mut growing));
        }
        assert_eq!(shown + &growing, "the kéy is [redacted], and no more of it");
    }

    #[test]
    fn the_longer_of_two_nested_secrets_goes_whole() {
        let redactor = Redactor::new(["password1".into(), "password1-extended".into()]);
        assert_eq!(redactor.scrub("is password1-extended"), "is [redacted]");
        assert_eq!(redactor.holdback(), "password1-extended".len() - 1);
    }

    #[test]
    fn what_one_clone_learns_is_kept_out_by_all() {
        let redactor = Redactor::new(["password1".into()]);
        let clone = redactor.clone();
        assert_eq!(clone.scrub("password1-extended"), "[redacted]-extended");
        redactor.learn(["password1-extended".into(), "short".into(), "password1".into()]);
        assert_eq!(format!("{clone:?}"), "Redactor(2 secrets)");
        assert_eq!(clone.scrub("password1-extended, short"), "[redacted], short");
        assert_eq!(clone.scrub_value("is password1-extended".to_owned()).unwrap(), "is [redacted]");
        assert_eq!(clone.holdback(), "password1-extended".len() - 1);
    }
}
