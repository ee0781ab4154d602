//! [`KEYS`]: every key of the configuration, each once. Checking, defaults, the reference and the JSON schema read this.
//!
//! * `kind` says what a key may be set to.
//! * `table` has the keys, `long_threads` those of budgets, modes, hooks and the like, `temporal` those of the table
//!   `[temporal]`, `mcp` those of `[mcp_servers]`; `unserved` those of Codex that have no effect here.

mod kind;
mod long_threads;
mod mcp;
mod table;
mod temporal;
mod unserved;

pub use kind::Kind;
pub use unserved::{UNSERVED, Unserved};

use crate::{KeyPath, Value};

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Where it is, with `*` for a name that the user chooses.
    pub path: &'static str,
    /// What it may be set to.
    pub kind: Kind,
    /// Whether a blank string is such a value.
    pub blank: Blank,
    /// What it is where nothing sets it.
    pub default: Fallback,
    /// What it does.
    pub about: &'static str,
    /// The environment variables that set it, the strongest first.
    pub variables: &'static [&'static str],
    /// The flag that sets it.
    pub flag: Option<&'static str>,
    /// Another way to write this key; everything but the name is that key's.
    pub means: Option<&'static str>,
}

const COUNT: usize =
    table::TABLE.len() + mcp::MCP.len() + temporal::TEMPORAL.len() + long_threads::LONG_THREADS.len();

/// Every key, in the order of the reference.
pub const KEYS: &[Key] = &joined(&[table::TABLE, long_threads::LONG_THREADS, mcp::MCP, temporal::TEMPORAL]);

const fn joined(parts: &[&[Key]]) -> [Key; COUNT] {
    let mut keys = [parts[0][0]; COUNT];
    let (mut at, mut part, mut within) = (0, 0, 0);
    while at < COUNT {
        if within == parts[part].len() {
            part += 1;
            within = 0;
            continue;
        }
        keys[at] = parts[part][within];
        at += 1;
        within += 1;
    }
    keys
}

/// A key that takes any value of its kind and that nothing but `-c` and the file sets.
const fn key(path: &'static str, kind: Kind, default: Fallback, about: &'static str) -> Key {
    Key { path, kind, blank: Blank::Taken, default, about, variables: &[], flag: None, means: None }
}

/// What becomes of a string without a letter in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blank {
    /// It is a value like any other.
    Taken,
    /// It is refused: nothing can be called so.
    Refused,
}

/// What a key is where nothing sets it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fallback {
    /// Not set, without any effect.
    Unset,
    /// It depends; this says on what.
    Depends(&'static str),
    /// A string.
    Text(&'static str),
    /// A number.
    Integer(i64),
    /// Yes or no.
    Bool(bool),
    /// An array of strings.
    Texts(&'static [&'static str]),
}

impl Key {
    /// The value as it is used, or what would have been allowed.
    pub(crate) fn check(&self, value: &Value) -> Result<Value, String> {
        let is_blank = matches!(value, Value::Text(text) if text.trim().is_empty());
        match self.blank {
            Blank::Taken => self.kind.check(value),
            Blank::Refused => self.kind.check(value).ok().filter(|_| !is_blank).ok_or_else(|| self.takes()),
        }
    }

    /// What it may be set to, to follow "it takes".
    pub fn takes(&self) -> String {
        match self.blank {
            Blank::Taken => self.kind.to_string(),
            Blank::Refused => format!("{} that is not blank", self.kind),
        }
    }
}

/// What is known of a path.
#[derive(Clone, Copy, Debug)]
pub enum Lookup {
    /// A key.
    Key(&'static Key),
    /// A table of keys.
    Table,
    /// A key or a table that is known and has no effect yet.
    Unserved(&'static Unserved),
    /// Nothing.
    Unknown,
}

/// Looks up a key as a user writes it.
pub fn lookup_key(key: &str) -> Lookup {
    crate::overrides::key_path(key).map_or(Lookup::Unknown, |path| lookup(&path))
}

/// Looks up a path of the top level or of a profile.
pub(crate) fn lookup(path: &KeyPath) -> Lookup {
    if let Some(key) = KEYS.iter().find(|key| path.fits(key.path)) {
        return Lookup::Key(key);
    }
    if let Some(unserved) = UNSERVED.iter().find(|unserved| path.fits(unserved.path)) {
        return Lookup::Unserved(unserved);
    }
    if KEYS.iter().any(|key| path.is_above(key.path)) { Lookup::Table } else { Lookup::Unknown }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{environment::VARIABLES, providers::BUILT_IN};
    use std::collections::BTreeSet;

    #[test]
    fn every_path_is_listed_once() {
        let paths: Vec<&str> =
            KEYS.iter().map(|key| key.path).chain(UNSERVED.iter().map(|key| key.path)).collect();
        let different: BTreeSet<&str> = paths.iter().copied().collect();
        assert_eq!(paths.len(), different.len());
        for unserved in UNSERVED {
            assert!(
                !KEYS.iter().any(|key| key.path.starts_with(&format!("{}.", unserved.path))),
                "{} would hide a key",
                unserved.path
            );
        }
    }

    #[test]
    fn every_default_is_one_that_the_key_takes() {
        for key in KEYS {
            if let Some(value) = key.default.value() {
                assert_eq!(key.kind.check(&value), Ok(value.clone()), "{}", key.path);
            }
        }
    }

    #[test]
    fn every_variable_is_in_the_one_list() {
        let keys = KEYS.iter().flat_map(|key| key.variables.iter().copied());
        let providers = BUILT_IN.iter().filter_map(|provider| provider.env_key);
        for name in keys.chain(providers) {
            assert!(VARIABLES.iter().any(|variable| variable.name == name), "{name}");
        }
    }

    #[test]
    fn another_way_to_write_a_key_leads_to_a_key() {
        for (key, means) in KEYS.iter().filter_map(|key| Some((key, key.means?))) {
            let Lookup::Key(meant) = lookup(&KeyPath::bare(means)) else { unreachable!("{means}") };
            assert_eq!((meant.means, meant.kind), (None, key.kind), "{}", key.path);
        }
    }
}
