//! Keeps secrets out of the journal: what an effect answers is scrubbed before it becomes an input.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::fmt;

/// Values shorter than this are not treated as secrets: they would blank out ordinary words.
pub const MIN_SECRET_CHARS: usize = 8;

/// What stands where a secret stood.
pub const REDACTED: &str = "[redacted]";

/// Knows secret values and replaces them wherever they occur.
#[derive(Clone, Default)]
pub struct Redactor {
    /// Longest first, so that a secret that contains another goes whole.
    secrets: Vec<Secret>,
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
}

/// The text as it stands between the quotes of a JSON string.
fn escaped(text: &str) -> String {
    let quoted = Value::String(text.to_owned()).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

impl Redactor {
    /// A redactor of these values; those under [`MIN_SECRET_CHARS`] are left out.
    pub fn new(values: impl IntoIterator<Item = String>) -> Self {
        let mut values: Vec<String> =
            values.into_iter().filter(|value| value.chars().count() >= MIN_SECRET_CHARS).collect();
        values.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        values.dedup();
        let secrets = values.into_iter().map(Secret::new).collect();
        Self { secrets }
    }

    /// The text without secrets.
    pub fn scrub(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        for form in self.secrets.iter().flat_map(|secret| &secret.forms) {
            if clean.contains(form.as_str()) {
                clean = clean.replace(form.as_str(), REDACTED);
            }
        }
        clean
    }

    /// How many bytes at the end of a text cut anywhere may be the beginning of a secret.
    pub fn holdback(&self) -> usize {
        let forms = self.secrets.iter().flat_map(|secret| &secret.forms);
        forms.map(|form| form.len() - 1).max().unwrap_or(0)
    }

    /// Takes what can be shown, without secrets, from the front of a text that is still growing. What may be the
    /// beginning of a secret stays.
    pub fn release(&self, growing: &mut String) -> String {
        *growing = self.scrub(growing);
        let mut end = growing.len().saturating_sub(self.holdback());
        while !growing.is_char_boundary(end) {
            end -= 1;
        }
        let rest = growing.split_off(end);
        std::mem::replace(growing, rest)
    }

    /// The value with every string in it scrubbed. It goes through JSON so that no field can be forgotten;
    /// the common case, no secret inside, costs one serialisation.
    pub fn scrub_value<T: Serialize + DeserializeOwned>(&self, value: T) -> Result<T, serde_json::Error> {
        if self.secrets.is_empty() {
            return Ok(value);
        }
        let json = serde_json::to_string(&value)?;
        if !self.secrets.iter().flat_map(|secret| &secret.traces).any(|trace| json.contains(trace.as_str())) {
            return Ok(value);
        }
        let mut tree: Value = serde_json::from_str(&json)?;
        self.scrub_tree(&mut tree);
        serde_json::from_value(tree)
    }

    fn scrub_tree(&self, tree: &mut Value) {
        match tree {
            Value::String(text) => *text = self.scrub(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.scrub_tree(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.scrub_tree(field)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} secrets)", self.secrets.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
