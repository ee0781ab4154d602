//! From TOML to settings: every key is looked up, every value checked, and everything wrong is said at once.

mod advice;
mod file;
mod hooks;

pub(crate) use advice::nearest_of;
pub(crate) use file::{File, parse, read_file};
pub use hooks::{HOOK_PHASES, MAX_HOOK_TIMEOUT_MS};

use crate::{
    Advice, KeyPath, Origin, Problem, ProblemKind, Setting, Value,
    keys::{KEYS, Key, Kind, Lookup, UNSERVED, lookup},
    value::{Secret, names_a_secret},
};
use advice::advice;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// What one layer says.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) settings: Vec<(KeyPath, Setting)>,
    pub(crate) problems: Vec<Problem>,
    /// What has no effect, one line each.
    pub(crate) notices: Vec<String>,
    /// What became of each key and of each table without effect, as it is written.
    pub(crate) verdicts: Vec<(KeyPath, Verdict)>,
}

impl Said {
    /// Takes what a stronger layer of the same kind says.
    pub(crate) fn absorb(&mut self, stronger: Self) {
        self.settings.extend(stronger.settings);
        self.problems.extend(stronger.problems);
        self.notices.extend(stronger.notices);
        self.verdicts.extend(stronger.verdicts);
    }
}

/// What became of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It has its effect.
    Taken,
    /// It is known, and has none; this says why.
    Unserved(String),
    /// Nobody knows it.
    Unknown(String),
    /// It does not take this value.
    BadValue(String),
}

/// What a key and its value are read with.
pub(crate) struct Reader<'a> {
    /// Where what stands at a byte comes from.
    pub(crate) origin: &'a dyn Fn(usize) -> Origin,
    /// Before the key when it is shown: the table of the profile it belongs to.
    pub(crate) shown_below: KeyPath,
    /// What relative paths are relative to.
    pub(crate) folder: &'a Path,
    /// The user's home.
    pub(crate) home: Option<&'a Path>,
}

impl Reader<'_> {
    /// Reads all keys of a table.
    pub(crate) fn table(&self, path: &KeyPath, table: &DeTable<'_>, layer: &mut Said) {
        for (name, value) in table {
            self.key(path.with(name.get_ref().as_ref()), name.span().start, value, layer);
        }
    }

    /// Reads one key, which stands at this byte.
    pub(crate) fn key(&self, path: KeyPath, at: usize, value: &Spanned<DeValue<'_>>, layer: &mut Said) {
        let shown = self.shown_below.join(&path);
        match (lookup(&path), value.get_ref()) {
            (Lookup::Key(key), DeValue::Table(table)) if is_table_too(key) => self.table(&path, table, layer),
            (Lookup::Table, DeValue::Table(table)) => self.table(&path, table, layer),
            (Lookup::Key(key), DeValue::Array(items)) if key.kind == Kind::Hooks => {
                let value = self.hooks(&shown, items, value.span().start, layer);
                layer.settings.push((path, Setting { value, origin: (self.origin)(at) }));
                layer.verdicts.push((shown, Verdict::Taken));
            }
            (Lookup::Key(key), DeValue::Table(_)) if key.kind == Kind::Hooks => {
                let why =
                    "no effect here: hooks are written as an array of tables, `[[hooks]]`, see docs/hooks.md";
                layer.notices.push(format!("{}: `{shown}` has {why}", (self.origin)(at).short()));
                layer.verdicts.push((shown, Verdict::Unserved(why.to_owned())));
            }
            (Lookup::Key(_), _) if self.is_choice_of_profile_in_profile(&path) => {
                let advice = Advice::Elsewhere(vec!["the top of the file, before any [table]".into()]);
                self.problem(shown.clone(), at, ProblemKind::UnknownKey { key: shown, advice }, layer);
            }
            (Lookup::Key(key), _) => self.setting(path, &shown, key, at, value, layer),
            (Lookup::Table, found) => {
                let found = kind_of(found).to_owned();
                let kind = ProblemKind::BadValue { key: shown.clone(), found, allowed: "a table".into() };
                self.problem(shown, value.span().start, kind, layer);
            }
            (Lookup::Unserved(unserved), _) => {
                layer.notices.push(format!(
                    "{}: `{shown}` has no effect {}",
                    (self.origin)(at).short(),
                    unserved.why
                ));
                layer.verdicts.push((shown, Verdict::Unserved(format!("no effect {}", unserved.why))));
            }
            (Lookup::Unknown, _) => {
                let kind =
                    ProblemKind::UnknownKey { key: shown.clone(), advice: advice(&path, &self.shown_below) };
                self.problem(shown, at, kind, layer);
            }
        }
    }

    fn is_choice_of_profile_in_profile(&self, path: &KeyPath) -> bool {
        !self.shown_below.segments().is_empty() && path.fits("profile")
    }

    /// Checks a value and keeps it.
    fn setting(
        &self,
        path: KeyPath,
        shown: &KeyPath,
        key: &Key,
        at: usize,
        value: &Spanned<DeValue<'_>>,
        layer: &mut Said,
    ) {
        let checked = plain(value.get_ref())
            .map(|value| self.completed(key.kind, &path, value))
            .ok_or_else(|| key.takes())
            .and_then(|value| key.check(&value));
        match checked {
            Ok(value) => {
                let path = key.means.map_or(path, KeyPath::bare);
                // TOML itself refuses the same name twice; that leaves keys that have two names.
                let has_two_names = KEYS.iter().any(|key| key.means.is_some_and(|means| path.fits(means)));
                if has_two_names && layer.settings.iter().any(|(other, _)| *other == path) {
                    let kind = ProblemKind::SetTwice { key: path, written: shown.clone() };
                    return self.problem(shown.clone(), at, kind, layer);
                }
                layer.settings.push((path, Setting { value, origin: (self.origin)(at) }));
                layer.verdicts.push((shown.clone(), Verdict::Taken));
            }
            Err(allowed) => {
                let found = match plain(value.get_ref()) {
                    Some(plain) if may_be_secret(key.kind, &plain) => kind_of(value.get_ref()).to_owned(),
                    _ => found(value.get_ref()),
                };
                let kind = ProblemKind::BadValue { key: shown.clone(), found, allowed };
                self.problem(shown.clone(), value.span().start, kind, layer);
            }
        }
    }

    pub(crate) fn problem(&self, shown: KeyPath, at: usize, kind: ProblemKind, layer: &mut Said) {
        let verdict = match &kind {
            ProblemKind::UnknownKey { .. } => Verdict::Unknown(kind.to_string()),
            _ => Verdict::BadValue(kind.to_string()),
        };
        layer.verdicts.push((shown, verdict));
        layer.problems.push(Problem { origin: (self.origin)(at), kind });
    }

    /// Paths are made absolute; what its name calls a secret is hidden.
    pub(crate) fn completed(&self, kind: Kind, path: &KeyPath, value: Value) -> Value {
        match (kind, value) {
            (Kind::Path, Value::Text(text)) => self.absolute(&text).into(),
            (Kind::Paths, Value::List(items)) => {
                Value::List(items.into_iter().map(|item| self.completed(Kind::Path, path, item)).collect())
            }
            (Kind::Guarded, Value::Text(text)) if names_a_secret(path.last()) => {
                Value::Secret(Secret::new(text))
            }
            (_, value) => value,
        }
    }

    fn absolute(&self, text: &str) -> String {
        let path = match (text.strip_prefix("~/"), self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ if text == "~" => self.home.map_or_else(|| PathBuf::from(text), Path::to_owned),
            _ if text.is_empty() => PathBuf::new(),
            _ => self.folder.join(text),
        };
        path.to_string_lossy().into_owned()
    }
}

/// A value by itself, as a flag or a variable gives it.
pub(crate) fn checked(path: KeyPath, value: Value, origin: Origin, reader: &Reader<'_>, layer: &mut Said) {
    let Lookup::Key(key) = lookup(&path) else {
        let kind = ProblemKind::UnknownKey { key: path.clone(), advice: advice(&path, &KeyPath::default()) };
        layer.problems.push(Problem { origin, kind });
        return;
    };
    let value = reader.completed(key.kind, &path, value);
    match key.check(&value) {
        Ok(value) => {
            layer.settings.push((key.means.map_or(path, KeyPath::bare), Setting { value, origin }));
        }
        Err(allowed) => {
            let found = if may_be_secret(key.kind, &value) {
                "a string".to_owned()
            } else {
                shortened(value.to_string())
            };
            let kind = ProblemKind::BadValue { key: path, found, allowed };
            layer.problems.push(Problem { origin, kind });
        }
    }
}

/// Whether a key that takes a value may be a table as well.
fn is_table_too(key: &Key) -> bool {
    let path = KeyPath::bare(key.path);
    KEYS.iter().any(|other| path.is_above(other.path))
        || UNSERVED.iter().any(|other| path.is_above(other.path))
}

/// A value without its places; none for tables, dates and numbers that are too large.
pub(crate) fn plain(value: &DeValue<'_>) -> Option<Value> {
    Some(match value {
        DeValue::String(text) => Value::Text(text.clone().into_owned()),
        DeValue::Integer(number) => {
            Value::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok()?)
        }
        DeValue::Float(number) => Value::Float(number.as_str().parse().ok()?),
        DeValue::Boolean(yes) => Value::Bool(*yes),
        DeValue::Array(items) => {
            let items: Option<Vec<Value>> = items.iter().map(|item| plain(item.get_ref())).collect();
            Value::List(items?)
        }
        DeValue::Datetime(_) | DeValue::Table(_) => return None,
    })
}

/// The most of a value that a message repeats, in letters.
const MAX_FOUND_CHARS: usize = 60;

/// What a message says of a value.
pub(crate) fn found(value: &DeValue<'_>) -> String {
    match (value, plain(value)) {
        (DeValue::Integer(number), None) => shortened(number.to_string()),
        (_, Some(value)) => shortened(value.to_string()),
        (value, None) => kind_of(value).to_owned(),
    }
}

fn shortened(text: String) -> String {
    match text.char_indices().nth(MAX_FOUND_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Whether a value that was refused may be a secret that landed in the wrong place.
fn may_be_secret(kind: Kind, value: &Value) -> bool {
    match (kind, value) {
        (Kind::Secret | Kind::Guarded | Kind::Variable, _) => true,
        (Kind::Url | Kind::Endpoint | Kind::Bus, Value::Text(url)) => url.contains(['@', '?']),
        _ => false,
    }
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// The tables of the profiles in a file, each read for itself.
pub(crate) type Profiles = BTreeMap<String, Said>;
