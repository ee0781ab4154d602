//! [`Problem`]: what is wrong with one setting. [`ConfigError`]: why there is no configuration.

use crate::{KeyPath, Origin, Place};
use std::{fmt, io, path::PathBuf};

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file is larger than anybody would write it.
    #[error("{} has more than {limit} bytes; it was not read", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// The most that is read, in bytes.
        limit: u64,
    },
    /// A file is not TOML.
    #[error("{0}")]
    Syntax(SyntaxError),
    /// Settings are wrong: all that was found, not only the first.
    #[error("{}", lines(.0))]
    Problems(Vec<Problem>),
}

/// Where a file stops being TOML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// Where.
    pub origin: Origin,
    /// What is wrong there.
    pub message: String,
    /// The line, and below it what points at the place; empty where the line holds a secret.
    pub excerpt: String,
}

/// What is wrong with one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it was set.
    pub origin: Origin,
    /// What is wrong.
    pub kind: ProblemKind,
}

/// What can be wrong with a setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProblemKind {
    /// Nobody knows this key.
    #[error("unknown key `{key}`{advice}")]
    UnknownKey {
        /// The key.
        key: KeyPath,
        /// What may have been meant.
        advice: Advice,
    },
    /// The key does not take this value.
    #[error("`{key}` is {found}; it takes {allowed}")]
    BadValue {
        /// The key.
        key: KeyPath,
        /// The value, or what kind of value it is.
        found: String,
        /// What would have been right.
        allowed: String,
    },
    /// The same setting under two names.
    #[error("`{key}` is set twice, here as `{written}`; keep one of them")]
    SetTwice {
        /// The key.
        key: KeyPath,
        /// How it is written here.
        written: KeyPath,
    },
    /// Two keys that take each other's place.
    #[error("`{other}` and `{key}` are both set; keep one of them")]
    BothSet {
        /// The key.
        key: KeyPath,
        /// The other one.
        other: KeyPath,
    },
    /// `-c` without a key and a value.
    #[error("`{given}` is no setting; write KEY=VALUE, for example model=gpt-6.2-sol")]
    NoSetting {
        /// What was given.
        given: String,
    },
    /// There is no such profile.
    #[error(
        "there is no profile `{name}`; {}",
        among("profiles", known, "add a table [profiles.NAME] to config.toml")
    )]
    UnknownProfile {
        /// The name.
        name: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// There is no such provider.
    #[error(
        "there is no provider `{name}`; {}",
        among("providers", known, "add a table [model_providers.NAME] to config.toml")
    )]
    UnknownProvider {
        /// The name.
        name: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// A provider of the user's own has no address.
    #[error("provider `{name}` has no address; set `model_providers.{name}.base_url`")]
    NoBaseUrl {
        /// The name.
        name: String,
    },
    /// An MCP server is neither a program nor an address.
    #[error(
        "MCP server `{name}` has neither `mcp_servers.{name}.command` nor `mcp_servers.{name}.url`; set one of them"
    )]
    NoTransport {
        /// The name.
        name: String,
    },
    /// There is no such feature.
    #[error("there is no feature `{name}`{}", feature_advice(*nearest, known))]
    UnknownFeature {
        /// The name.
        name: String,
        /// What may have been meant.
        nearest: Option<&'static str>,
        /// Those there are.
        known: Vec<String>,
    },
    /// Whoever manages this machine does not allow this value.
    #[error("`{key}` is {found}, which {by} does not allow; {allowed}")]
    Forbidden {
        /// The key.
        key: KeyPath,
        /// The value.
        found: String,
        /// What is allowed, as a sentence.
        allowed: String,
        /// The constraint.
        by: Place,
    },
    /// Constraints that leave nothing.
    #[error("`{key}` allows nothing{}; a list needs at least one value", beside.as_ref().map(|place| format!(" beside {place}")).unwrap_or_default())]
    NothingAllowed {
        /// The constraint.
        key: KeyPath,
        /// The other constraint that it does not agree with.
        beside: Option<Place>,
    },
    /// A file that a setting names cannot be used.
    #[error("`{key}`: {} {why}", path.display())]
    File {
        /// The key.
        key: KeyPath,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// What may have been meant by a key that nobody knows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Advice {
    /// A key whose name is much the same.
    Nearest(KeyPath),
    /// A key of this name is in other tables.
    Elsewhere(Vec<String>),
    /// A table with few keys has these.
    Among(Vec<String>),
    /// A key of a provider was to be written into the file.
    KeepKeysOut,
    /// A secret of Temporal was to be written into the file; this says what to do in place of it.
    KeepOut(&'static str),
    /// A key of a profile was given to `-c`, which goes over whatever profile is chosen.
    WithoutProfile,
    /// Nothing comes near.
    None,
}

impl fmt::Display for Advice {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nearest(key) => write!(out, "; did you mean `{key}`?"),
            Self::Elsewhere(tables) => write!(out, "; it belongs in {}", tables.join(" or ")),
            Self::Among(keys) => write!(out, "; there are {}", keys.join(", ")),
            Self::KeepKeysOut => write!(
                out,
                "; a provider's key is kept out of this file: name its environment variable with `env_key`, or use \
                 everturn login"
            ),
            Self::KeepOut(instead) => write!(out, "; secrets are kept out of this file: {instead}"),
            Self::WithoutProfile => write!(
                out,
                "; with -c the keys of the chosen profile are given without `profiles.NAME.` before them, for example -c \
                 model=NAME"
            ),
            Self::None => write!(out, "; everturn config keys lists those there are"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.origin.short(), self.kind)
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: not TOML: {}", self.origin, self.message)?;
        if self.excerpt.is_empty() { Ok(()) } else { write!(out, "\n{}", self.excerpt) }
    }
}

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

fn feature_advice(nearest: Option<&'static str>, known: &[String]) -> String {
    match nearest {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None => format!("; there are {}", known.join(", ")),
    }
}

fn among(what: &str, known: &[String], none: &str) -> String {
    if known.is_empty() { none.to_owned() } else { format!("{what} are {}", known.join(", ")) }
}
