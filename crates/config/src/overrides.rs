//! `-c KEY=VALUE`.

use crate::{
    Advice, KeyPath, Origin, Problem, ProblemKind, Value,
    read::{Reader, Said},
};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// Reads one `KEY=VALUE`. The key is written as in TOML; a value that is not TOML is taken as a string, so that quotes that a
/// shell has eaten are not missed.
pub(crate) fn read_override(given: &str, reader: &Reader<'_>, layer: &mut Said) {
    let no_setting = || {
        // What stands after the sign may be a secret.
        let given = given.split_once('=').map_or(given, |(key, _)| key).to_owned();
        Problem { origin: Origin::Override, kind: ProblemKind::NoSetting { given } }
    };
    let Some((path, text)) =
        given.split_once('=').and_then(|(key, text)| Some((key_path(key)?, text.trim())))
    else {
        layer.problems.push(no_setting());
        return;
    };
    if path.is_within(&KeyPath::bare("profiles")) {
        let kind = ProblemKind::UnknownKey { key: path, advice: Advice::WithoutProfile };
        layer.problems.push(Problem { origin: Origin::Override, kind });
        return;
    }
    match DeValue::parse(text) {
        Ok(value) => reader.key(path, 0, &value, layer),
        Err(_) => reader.key(path, 0, &Spanned::new(0..0, DeValue::String(text.into())), layer),
    }
}

/// The path that a key of TOML stands for.
pub(crate) fn key_path(key: &str) -> Option<KeyPath> {
    if key.contains('\n') {
        return None;
    }
    let text = format!("{key} = 0");
    let document = DeTable::parse(&text).ok()?;
    let mut segments = Vec::new();
    let mut table = document.get_ref();
    loop {
        let (name, value) = table.iter().next()?;
        segments.push(name.get_ref().clone().into_owned());
        match value.get_ref() {
            DeValue::Table(below) => table = below,
            _ => return Some(segments.into_iter().collect()),
        }
    }
}

/// A setting that a flag of its own stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct FlagValue {
    /// The key that it sets, as in [`crate::KEYS`].
    pub key: &'static str,
    /// What it sets the key to.
    pub value: Value,
    /// How the user knows it, for example `--model`.
    pub flag: &'static str,
}

impl FlagValue {
    /// `FlagValue::new("--model", "model", "gpt-5")`.
    pub fn new(flag: &'static str, key: &'static str, value: impl Into<Value>) -> Self {
        Self { key, value: value.into(), flag }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_written_as_in_toml() {
        let cases = [
            ("model", Some("model")),
            (" a . b ", Some("a.b")),
            ("models.\"gpt-5.1\".images", Some("models.\"gpt-5.1\".images")),
            ("", None),
            ("a b", None),
            ("[a]", None),
            ("a = 1\nb", None),
        ];
        for (key, path) in cases {
            assert_eq!(key_path(key).map(|path| path.to_string()).as_deref(), path, "{key:?}");
        }
    }
}
