//! [`Kind`]: what a key may be set to, and how that is told to whoever set it to something else.

use super::Fallback;
use crate::{
    choice::Word,
    value::{Secret, Value},
};
use std::path::Path;

/// What a key may be set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any string.
    Text,
    /// A string that is never shown.
    Secret,
    /// A string that is not shown where its name says that it is a secret.
    Guarded,
    /// The name of an environment variable.
    Variable,
    /// The address of a server.
    Url,
    /// The address of a server that may have parameters. They may hold credentials; then it is never shown.
    Endpoint,
    /// The address of a message bus. It may hold credentials; then it is never shown.
    Bus,
    /// A file or a folder. `~/` is the user's home; what is relative is so to the file that says it.
    Path,
    /// Several of them.
    Paths,
    /// Several strings.
    Texts,
    /// `true` or `false`.
    Bool,
    /// A whole number, not below this one.
    Count(u64),
    /// A whole number of hundredths, from 0 to 100.
    Percent,
    /// A number of dollars, not below zero.
    Dollars,
    /// One of some words.
    Word(&'static [Word]),
    /// Several of some words.
    Words(&'static [Word]),
    /// Hooks: an array of tables. What is in each is checked where it is read.
    Hooks,
}

impl Kind {
    /// The value as it is used, or what would have been allowed.
    pub(crate) fn check(self, value: &Value) -> Result<Value, String> {
        let allowed = || self.to_string();
        match (self, value) {
            (Self::Text | Self::Guarded, Value::Text(_))
            | (Self::Bool, Value::Bool(_))
            | (Self::Secret, Value::Secret(_)) => Ok(value.clone()),
            (Self::Secret, Value::Text(text)) if !text.is_empty() => Ok(Value::Secret(Secret::new(text))),
            (Self::Guarded, Value::Secret(_)) => Ok(value.clone()),
            (Self::Variable, Value::Text(name)) if is_variable(name) => Ok(value.clone()),
            (Self::Url, Value::Text(url)) => address(url).map(Value::Text),
            (Self::Endpoint, Value::Text(url)) => endpoint(url),
            (Self::Endpoint, Value::Secret(_)) => Ok(value.clone()),
            (Self::Bus, Value::Text(url)) if is_bus(url) => Ok(hidden_if_it_has_credentials(url)),
            (Self::Bus, Value::Secret(_)) => Ok(value.clone()),
            (Self::Path, Value::Text(path)) if Path::new(path).is_absolute() => Ok(value.clone()),
            (Self::Count(least), Value::Integer(number))
                if u64::try_from(*number).is_ok_and(|number| number >= least) =>
            {
                Ok(value.clone())
            }
            (Self::Percent, Value::Integer(number)) if (0..=100).contains(number) => Ok(value.clone()),
            (Self::Hooks, Value::List(items)) if items.iter().all(|item| matches!(item, Value::Table(_))) => {
                Ok(value.clone())
            }
            (Self::Dollars, Value::Integer(dollars)) if *dollars >= 0 => Ok(value.clone()),
            (Self::Dollars, Value::Float(dollars)) if *dollars >= 0.0 && dollars.is_finite() => {
                Ok(value.clone())
            }
            (Self::Word(words), Value::Text(text)) if words.iter().any(|known| known.word == text) => {
                Ok(value.clone())
            }
            (_, Value::List(items)) => {
                let item = self.item().ok_or_else(allowed)?;
                let checked: Result<Vec<Value>, String> =
                    items.iter().map(|value| item.check(value)).collect();
                checked.map(Value::List).map_err(|_| allowed())
            }
            _ => Err(allowed()),
        }
    }

    /// What each of several is.
    pub fn item(self) -> Option<Self> {
        match self {
            Self::Texts => Some(Self::Text),
            Self::Paths => Some(Self::Path),
            Self::Words(words) => Some(Self::Word(words)),
            _ => None,
        }
    }
}

impl std::fmt::Display for Kind {
    /// What is allowed, to follow "it takes".
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text | Self::Secret | Self::Guarded => out.write_str("a string"),
            Self::Variable => out.write_str("the name of an environment variable, such as \"MY_API_KEY\""),
            Self::Url | Self::Endpoint => out.write_str("an address that begins with http:// or https://"),
            Self::Bus => out.write_str("an address that begins with nats:// or tls://"),
            Self::Path => out.write_str("a path"),
            Self::Paths => out.write_str("an array of paths"),
            Self::Texts => out.write_str("an array of strings"),
            Self::Bool => out.write_str("true or false"),
            Self::Count(least) => write!(out, "a whole number from {least}"),
            Self::Percent => out.write_str("a whole number from 0 to 100"),
            Self::Dollars => out.write_str("a number of dollars, from 0"),
            Self::Hooks => out.write_str("an array of tables, each with `phase` and `command`"),
            Self::Word(words) => out.write_str(&listed(words, "or")),
            Self::Words(words) => write!(out, "an array of {}", listed(words, "and")),
        }
    }
}

impl Fallback {
    /// The value, where it does not depend on anything.
    pub fn value(self) -> Option<Value> {
        match self {
            Self::Unset | Self::Depends(_) => None,
            Self::Text(text) => Some(text.into()),
            Self::Integer(number) => Some(number.into()),
            Self::Bool(yes) => Some(yes.into()),
            Self::Texts(texts) => Some(texts.to_vec().into()),
        }
    }
}

/// `"a", "b" or "c"`.
fn listed(words: &[Word], last: &str) -> String {
    let mut text = String::new();
    for (index, known) in words.iter().enumerate() {
        let before = match index {
            0 => String::new(),
            _ if index + 1 == words.len() => format!(" {last} "),
            _ => ", ".to_owned(),
        };
        text.push_str(&format!("{before}\"{}\"", known.word));
    }
    text
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|letter: char| letter.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether it is the address of a NATS server.
fn is_bus(url: &str) -> bool {
    let rest = url.strip_prefix("nats://").or_else(|| url.strip_prefix("tls://"));
    rest.is_some_and(|host| !host.is_empty() && !url.contains(char::is_whitespace))
}

/// A user, a password or a token stands before the `@` of an address.
fn hidden_if_it_has_credentials(url: &str) -> Value {
    if url.contains('@') { Value::Secret(Secret::new(url)) } else { url.into() }
}

/// An address that is used as it is. What its parameters hold may be a key.
fn endpoint(url: &str) -> Result<Value, String> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).filter(|host| !host.is_empty());
    let Some(host) = host.filter(|_| !url.contains(char::is_whitespace)) else {
        return Err(Kind::Endpoint.to_string());
    };
    if host.contains('@') {
        return Err(
            "an address without a user name or a password; `bearer_token_env_var` names the variable with a \
                    token"
                .into(),
        );
    }
    Ok(if url.contains('?') { Value::Secret(Secret::new(url)) } else { url.into() })
}

/// An address without a slash at its end, to which a path can be added.
fn address(url: &str) -> Result<String, String> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let host = rest.and_then(|rest| rest.split('/').next()).filter(|host| !host.is_empty());
    let Some(host) = host.filter(|_| !url.contains(char::is_whitespace)) else {
        return Err(Kind::Url.to_string());
    };
    if host.contains('@') {
        return Err(
            "an address without a user name or a password; `env_key` names the variable with a key".into()
        );
    }
    if url.contains(['?', '#']) {
        return Err("an address without parameters; `query_params` adds some".into());
    }
    Ok(url.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_ends_without_a_slash_and_holds_no_credentials() {
        let good = [("http://127.0.0.1:1/v1//", "http://127.0.0.1:1/v1"), ("https://a.b", "https://a.b")];
        for (given, kept) in good {
            assert_eq!(Kind::Url.check(&given.into()), Ok(kept.into()));
        }
        let refused = "an address that begins with http:// or https://";
        let cases = [
            ("localhost:11434", refused),
            ("http://", refused),
            ("https:///v1", refused),
            ("http://a b", refused),
            (
                "https://me:pw@a.b/v1",
                "an address without a user name or a password; `env_key` names the variable with a key",
            ),
            ("https://a.b/v1?api-version=1", "an address without parameters; `query_params` adds some"),
        ];
        for (given, allowed) in cases {
            assert_eq!(Kind::Url.check(&given.into()), Err(allowed.to_owned()), "{given}");
        }
    }

    #[test]
    fn the_address_of_a_bus_is_hidden_where_it_has_credentials() {
        let shown = |url: &str| Kind::Bus.check(&url.into()).map(|value| value.to_string());
        assert_eq!(shown("nats://127.0.0.1:4222"), Ok("\"nats://127.0.0.1:4222\"".into()));
        assert_eq!(shown("tls://me:pw@bus:4222"), Ok("(hidden)".into()));
        let refused = Err("an address that begins with nats:// or tls://".to_owned());
        for given in ["bus:4222", "nats://", "http://bus", "nats://a b"] {
            assert_eq!(shown(given), refused, "{given}");
        }
    }

    #[test]
    fn an_endpoint_is_hidden_where_it_has_parameters() {
        let shown = |url: &str| Kind::Endpoint.check(&url.into()).map(|value| value.to_string());
        assert_eq!(shown("https://a.b/mcp/"), Ok("\"https://a.b/mcp/\"".into()));
        assert_eq!(shown("https://a.b/mcp?key=1"), Ok("(hidden)".into()));
        for given in ["a.b/mcp", "http://", "http:///mcp", "https://a b"] {
            assert_eq!(shown(given), Err(Kind::Endpoint.to_string()), "{given}");
        }
        assert!(shown("https://me:pw@a.b").unwrap_err().contains("bearer_token_env_var"));
    }

    #[test]
    fn numbers_have_bounds() {
        assert!(Kind::Count(1).check(&Value::Integer(0)).is_err());
        assert!(Kind::Count(0).check(&Value::Integer(-1)).is_err());
        assert!(Kind::Count(0).check(&Value::Integer(0)).is_ok());
        assert!(Kind::Dollars.check(&Value::Float(f64::NAN)).is_err());
        assert!(Kind::Dollars.check(&Value::Float(-0.5)).is_err());
        assert!(Kind::Dollars.check(&Value::Integer(3)).is_ok());
    }
}
