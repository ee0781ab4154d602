//! The array `hooks`: each table in it is checked key by key, so that what is wrong has a line of its own.

use super::{Reader, Said, found, plain};
use crate::{
    Advice, KeyPath, ProblemKind, Value, Word,
    choice::Choice,
    keys::{Blank, Kind},
};
use agent_core::HookPhase;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// The most hooks of one layer.
const MAX_HOOKS: usize = 64;
/// The longest that a hook may be waited for, in milliseconds.
pub const MAX_HOOK_TIMEOUT_MS: u64 = 600_000;
/// The phases in which hooks run.
pub const HOOK_PHASES: &[Word] = HookPhase::WORDS;

const PHASE: &str = "phase";
const COMMAND: &str = "command";
const KEYS: [(&str, Kind, Blank); 5] = [
    ("name", Kind::Text, Blank::Refused),
    (PHASE, Kind::Word(HookPhase::WORDS), Blank::Refused),
    ("tools", Kind::Texts, Blank::Taken),
    ("cwd_prefix", Kind::Path, Blank::Taken),
    ("timeout_ms", Kind::Count(1), Blank::Taken),
];

impl Reader<'_> {
    /// The value of `hooks`; what is wrong with a hook goes to the layer's problems, and the hook is left out.
    pub(super) fn hooks(
        &self,
        shown: &KeyPath,
        items: &[Spanned<DeValue<'_>>],
        at: usize,
        layer: &mut Said,
    ) -> Value {
        let mut hooks = Vec::new();
        if items.len() > MAX_HOOKS {
            let kind = ProblemKind::BadValue {
                key: shown.clone(),
                found: format!("an array of {}", items.len()),
                allowed: format!("at most {MAX_HOOKS} tables"),
            };
            self.problem(shown.clone(), at, kind, layer);
        }
        for (index, item) in items.iter().take(MAX_HOOKS).enumerate() {
            let shown = shown.with((index + 1).to_string());
            match item.get_ref() {
                DeValue::Table(table) => {
                    let before = layer.problems.len();
                    let hook = self.hook(&shown, table, item.span().start, layer);
                    hooks.extend((layer.problems.len() == before).then_some(Value::Table(hook)));
                }
                other => {
                    let allowed = Kind::Hooks.to_string();
                    let kind = ProblemKind::BadValue { key: shown.clone(), found: found(other), allowed };
                    self.problem(shown, item.span().start, kind, layer);
                }
            }
        }
        Value::List(hooks)
    }

    fn hook(
        &self,
        shown: &KeyPath,
        table: &DeTable<'_>,
        at: usize,
        layer: &mut Said,
    ) -> BTreeMap<String, Value> {
        let mut hook = BTreeMap::new();
        for (name, value) in table {
            let (key, start) = (shown.with(name.get_ref().as_ref()), value.span().start);
            let read = match name.get_ref().as_ref() {
                COMMAND => self.command(value.get_ref()),
                name => match KEYS.iter().find(|(known, ..)| *known == name) {
                    Some((_, kind, blank)) => self.part(*kind, *blank, &key, value.get_ref()),
                    None => {
                        let advice = nearest(name).map_or_else(
                            || Advice::Among(names().map(str::to_owned).collect()),
                            |nearest| Advice::Nearest(shown.with(nearest)),
                        );
                        let kind = ProblemKind::UnknownKey { key: key.clone(), advice };
                        self.problem(key, name_start(table, name), kind, layer);
                        continue;
                    }
                },
            };
            match read {
                Ok(value) => _ = hook.insert(name.get_ref().to_string(), value),
                Err(allowed) => {
                    let found = found(value.get_ref());
                    self.problem(key.clone(), start, ProblemKind::BadValue { key, found, allowed }, layer);
                }
            }
        }
        for needed in [PHASE, COMMAND] {
            if !table.iter().any(|(name, _)| name.get_ref() == needed) {
                let (key, found) = (shown.clone(), format!("without `{needed}`"));
                let kind = ProblemKind::BadValue {
                    key,
                    found,
                    allowed: "a table with `phase` and `command`".into(),
                };
                self.problem(shown.clone(), at, kind, layer);
            }
        }
        hook
    }

    fn part(&self, kind: Kind, blank: Blank, key: &KeyPath, value: &DeValue<'_>) -> Result<Value, String> {
        let value = plain(value).ok_or_else(|| kind.to_string())?;
        let value = kind.check(&self.completed(kind, key, value))?;
        match (&value, blank) {
            (Value::Text(text), Blank::Refused) if text.trim().is_empty() => {
                Err(format!("{kind} that is not blank"))
            }
            (Value::Integer(ms), _) if u64::try_from(*ms).is_ok_and(|ms| ms > MAX_HOOK_TIMEOUT_MS) => {
                Err(format!("at most {MAX_HOOK_TIMEOUT_MS}"))
            }
            _ => Ok(value),
        }
    }

    /// A line for the shell, or a program and its arguments. A program with a folder before its name is relative to the file
    /// that says it, like every path; a name alone is looked for on PATH.
    fn command(&self, value: &DeValue<'_>) -> Result<Value, String> {
        let allowed = || "a line for the shell, or an array with a program and its arguments".to_owned();
        match plain(value) {
            Some(Value::Text(line)) if !line.trim().is_empty() => Ok(Value::Text(line)),
            Some(Value::List(words)) => {
                let mut words = words.into_iter();
                let Some(Value::Text(program)) = words.next() else { return Err(allowed()) };
                if program.trim().is_empty() {
                    return Err(allowed());
                }
                let has_folder = program.contains('/') && !Path::new(&program).is_absolute();
                let program = if has_folder { plainly(&self.absolute(&program)) } else { program };
                let words: Vec<Value> = words.collect();
                if words.iter().any(|word| !matches!(word, Value::Text(_))) {
                    return Err(allowed());
                }
                Ok(Value::List(std::iter::once(Value::Text(program)).chain(words).collect()))
            }
            _ => Err(allowed()),
        }
    }
}

/// A path without `.` in it.
fn plainly(path: &str) -> String {
    Path::new(path).components().collect::<PathBuf>().to_string_lossy().into_owned()
}

fn names() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|(name, ..)| *name).chain([COMMAND])
}

fn nearest(name: &str) -> Option<&'static str> {
    let distance = |known: &&'static str| strsim::damerau_levenshtein(name, known);
    names().min_by_key(distance).filter(|known| distance(known) <= known.len().div_ceil(3))
}

fn name_start(table: &DeTable<'_>, name: &str) -> usize {
    table.iter().find(|(known, _)| known.get_ref() == name).map_or(0, |(known, _)| known.span().start)
}
