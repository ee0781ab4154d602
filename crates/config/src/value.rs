//! [`Value`]: what a key is set to, and [`Secret`], a value that is never shown.

use secrecy::{ExposeSecret, SecretString};
use std::{borrow::Cow, collections::BTreeMap, fmt};

/// What a setting is set to. Shown as TOML would write it, secrets apart.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A string.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// Yes or no.
    Bool(bool),
    /// An array.
    List(Vec<Value>),
    /// A string that nobody may see.
    Secret(Secret),
    /// A table in an array. Tables by themselves are not values: their keys are.
    Table(BTreeMap<String, Value>),
}

/// A string that is never shown. Its source is a file or a variable, so it may be compared.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Hides a string.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The string.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(HIDDEN)
    }
}

/// What is shown in place of a secret.
const HIDDEN: &str = "(hidden)";

impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => out.write_str(&quoted(text)),
            Self::Integer(number) => write!(out, "{number}"),
            Self::Float(number) => write!(out, "{number:?}"),
            Self::Bool(yes) => write!(out, "{yes}"),
            Self::Secret(_) => out.write_str(HIDDEN),
            Self::List(items) => {
                out.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    write!(out, "{}{item}", if index > 0 { ", " } else { "" })?;
                }
                out.write_str("]")
            }
            Self::Table(items) => {
                out.write_str("{")?;
                for (index, (key, item)) in items.iter().enumerate() {
                    write!(out, "{}{key} = {item}", if index > 0 { ", " } else { " " })?;
                }
                out.write_str(" }")
            }
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        Self::Bool(yes)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u64> for Value {
    /// A number that TOML cannot hold becomes the largest that it can.
    fn from(number: u64) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

/// A string as TOML writes it, with quotes, in one line.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        let escaped: Cow<'_, str> = match letter {
            '"' => "\\\"".into(),
            '\\' => "\\\\".into(),
            '\n' => "\\n".into(),
            '\t' => "\\t".into(),
            '\r' => "\\r".into(),
            letter if letter.is_control() => format!("\\u{:04X}", u32::from(letter)).into(),
            letter => {
                out.push(letter);
                continue;
            }
        };
        out.push_str(&escaped);
    }
    out.push('"');
    out
}

/// Whether what has this name is usually a secret.
pub(crate) fn names_a_secret(name: &str) -> bool {
    const PARTS: [&str; 8] =
        ["auth", "cookie", "credential", "key", "passphrase", "password", "secret", "token"];
    let name = name.to_ascii_lowercase();
    PARTS.iter().any(|part| name.contains(part))
}

/// What a header's value has behind its scheme, for example the key of `Bearer KEY`. In `Authorization` every first word is
/// a scheme (RFC 9110, section 11.4), elsewhere only those that are known.
pub(crate) fn credentials<'a>(header: &str, value: &'a str) -> Option<&'a str> {
    const SCHEMES: [&str; 7] = ["api-key", "apikey", "basic", "bearer", "key", "oauth", "token"];
    let (scheme, rest) = value.trim().split_once(char::is_whitespace)?;
    let is = |names: &[&str], word: &str| names.iter().any(|name| name.eq_ignore_ascii_case(word));
    let has_scheme = is(&["authorization", "proxy-authorization"], header) || is(&SCHEMES, scheme);
    has_scheme.then(|| rest.split_whitespace().next_back()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_as_toml_and_can_be_read_back() {
        let cases = [
            (Value::from("a \"b\" \\ \n\u{1}é"), r#""a \"b\" \\ \n\u0001é""#),
            (Value::from(-3_i64), "-3"),
            (Value::Float(2.0), "2.0"),
            (Value::from(vec!["x", "y"]), r#"["x", "y"]"#),
            (Value::from(true), "true"),
        ];
        for (value, shown) in cases {
            assert_eq!(value.to_string(), shown);
            assert!(toml::de::DeValue::parse(shown).is_ok(), "{shown}");
        }
    }

    #[test]
    fn credentials_are_what_follows_a_scheme() {
        let cases = [
            ("Authorization", "Bearer sk-1", Some("sk-1")),
            ("authorization", "Anything  sk-1 ", Some("sk-1")),
            ("X-Upstream", "token sk-1", Some("sk-1")),
            ("X-Upstream", "BASIC\tdTpw", Some("dTpw")),
            ("X-Title", "My client", None),
            ("X-Api-Key", "sk-1", None),
            ("Authorization", "Bearer ", None),
        ];
        for (header, value, expected) in cases {
            assert_eq!(credentials(header, value), expected, "{header}: {value}");
        }
    }

    #[test]
    fn a_secret_is_shown_by_no_formatter() {
        let value = Value::Secret(Secret::new("sk-123"));
        assert_eq!(format!("{value} {value:?}"), "(hidden) Secret((hidden))");
    }
}
