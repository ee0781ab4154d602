//! The files of whoever manages a machine: constraints on settings, settings that are fixed, and hooks.
//!
//! A file that is there and cannot be read or is wrong stops every run: what was meant to hold must not be lost by a slip.

use crate::{
    Advice, ConfigError, KeyPath, Origin, ProblemKind, Setting, Value,
    choice::{Choice, SandboxMode, WebSearch, Word},
    constraints::{Allowed, Constraints, GRANULAR, Maximum, Spending, Subject},
    keys::Kind,
    origin::Lines,
    read::{Reader, Said, found, nearest_of, parse, plain, read_file},
};
use agent_core::ApprovalPolicy;
use std::path::Path;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// Where the constraints of a machine are.
pub const MANAGED_FILE: &str = "/etc/everturn/managed.toml";

const FIXED: &str = "fixed";
const HOOKS: &str = "hooks";
const MAX_BUDGET: &str = "max_budget";
const WEB_SEARCH: &str = "web_search";
/// Another way to write `disabled`.
const OFF: &str = "off";
const LISTS: [(&str, Subject); 4] = [
    ("allowed_approval_policies", Subject::Approval),
    ("allowed_sandbox_modes", Subject::Sandbox),
    ("allowed_providers", Subject::Provider),
    ("allowed_models", Subject::Model),
];

/// What the files say.
#[derive(Debug, Default)]
pub(crate) struct Managed {
    pub(crate) constraints: Constraints,
    /// What is fixed, and the hooks.
    pub(crate) said: Said,
}

impl Managed {
    /// Reads the files that are there. The first goes before the others in what it fixes; in what they allow all have to
    /// agree.
    pub(crate) fn read(paths: &[&Path], home: Option<&Path>) -> Result<Self, ConfigError> {
        let mut managed = Self::default();
        for path in paths {
            let Some(text) = read_file(path)? else { continue };
            managed.file(path, &text, home)?;
        }
        Ok(managed)
    }

    fn file(&mut self, path: &Path, text: &str, home: Option<&Path>) -> Result<(), ConfigError> {
        let lines = Lines::new(path, text);
        let document = parse(&lines)?;
        let origin = |at| Origin::Managed(lines.place(at));
        let folder = path.parent().unwrap_or(Path::new("/"));
        let reader = Reader { origin: &origin, shown_below: KeyPath::default(), folder, home };
        let mut said = Said::default();
        for (name, value) in document.get_ref() {
            let (at, key) = (name.span().start, KeyPath::default().with(name.get_ref().as_ref()));
            match (name.get_ref().as_ref(), value.get_ref()) {
                (FIXED, DeValue::Table(table)) => {
                    let below = Reader { shown_below: KeyPath::bare(FIXED), ..reader };
                    below.table(&KeyPath::default(), table, &mut said);
                }
                (HOOKS, _) => reader.key(key, at, value, &mut said),
                (MAX_BUDGET, DeValue::Table(table)) => self.budget(table, &lines, &reader, &mut said),
                (WEB_SEARCH, _) => self.web_search(value, &lines, &reader, &mut said),
                (name, _) => match LISTS.iter().find(|(list, _)| *list == name) {
                    Some((_, subject)) => self.list(*subject, key, value, &lines, &reader, &mut said),
                    None if [FIXED, MAX_BUDGET].contains(&name) => {
                        bad(&reader, key, value, "a table", &mut said);
                    }
                    None => unknown(&reader, key, at, &names(), &mut said),
                },
            }
        }
        // What an earlier file has fixed stays so; hooks add up.
        let known: Vec<KeyPath> = self.said.settings.iter().map(|(path, _)| path.clone()).collect();
        said.settings.retain(|(path, _)| path.fits(HOOKS) || !known.contains(path));
        self.said.absorb(said);
        Ok(())
    }

    fn list(
        &mut self,
        subject: Subject,
        key: KeyPath,
        value: &Spanned<DeValue<'_>>,
        lines: &Lines<'_>,
        reader: &Reader<'_>,
        said: &mut Said,
    ) {
        let words: Vec<&str> = match subject {
            Subject::Approval => words(ApprovalPolicy::WORDS).chain([GRANULAR]).collect(),
            Subject::Sandbox => words(SandboxMode::WORDS).collect(),
            _ => Vec::new(),
        };
        let allowed = match &words[..] {
            [] => "an array of strings, with at least one".to_owned(),
            words => format!("an array with at least one of \"{}\"", words.join("\", \"")),
        };
        let values = match plain(value.get_ref()) {
            Some(Value::List(items)) => items.into_iter().map(|item| match item {
                Value::Text(text) if words.is_empty() || words.contains(&text.as_str()) => Some(text),
                _ => None,
            }),
            _ => return bad(reader, key, value, &allowed, said),
        };
        let Some(values) = values.collect::<Option<Vec<String>>>() else {
            return bad(reader, key, value, &allowed, said);
        };
        let list = Allowed { values, by: lines.place(value.span().start) };
        said.problems.extend(self.constraints.limit(subject, key, list));
    }

    /// The most that may be set.
    fn web_search(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        lines: &Lines<'_>,
        reader: &Reader<'_>,
        said: &mut Said,
    ) {
        let key = KeyPath::bare(WEB_SEARCH);
        let word = match plain(value.get_ref()) {
            Some(Value::Text(word)) => word,
            _ => String::new(),
        };
        let most = if word == OFF { Some(WebSearch::Disabled) } else { WebSearch::of(&word) };
        let upto: &[WebSearch] = match most {
            Some(WebSearch::Disabled) => &[WebSearch::Disabled],
            Some(WebSearch::Cached) => &[WebSearch::Disabled, WebSearch::Cached],
            Some(WebSearch::Live) => return,
            None => return bad(reader, key, value, "\"off\", \"cached\" or \"live\"", said),
        };
        let values = upto.iter().filter_map(Choice::word).map(str::to_owned).collect();
        let list = Allowed { values, by: lines.place(value.span().start) };
        said.problems.extend(self.constraints.limit(Subject::WebSearch, key, list));
    }

    fn budget(&mut self, table: &DeTable<'_>, lines: &Lines<'_>, reader: &Reader<'_>, said: &mut Said) {
        for (name, value) in table {
            let key = KeyPath::bare(MAX_BUDGET).with(name.get_ref().as_ref());
            let Some((spending, _)) = Spending::ALL.into_iter().find(|(_, known)| known == name.get_ref())
            else {
                unknown(reader, key, name.span().start, &Spending::ALL.map(|(_, name)| name), said);
                continue;
            };
            let kind = if spending == Spending::Cost { Kind::Dollars } else { Kind::Count(0) };
            match plain(value.get_ref()).map(|value| kind.check(&value)) {
                Some(Ok(checked)) => {
                    let by = lines.place(value.span().start);
                    self.constraints.cap(spending, Maximum { value: checked, by });
                }
                _ => bad(reader, key, value, &kind.to_string(), said),
            }
        }
    }

    /// The settings that nothing goes over. What another layer says of them is a notice, unless it says the same.
    pub(crate) fn fixed(
        self,
        before: impl Fn(&KeyPath) -> Option<Setting>,
    ) -> (Vec<(KeyPath, Setting)>, Vec<String>) {
        let mut notices = Vec::new();
        for (path, fixed) in &self.said.settings {
            if let Some(other) = before(path).filter(|other| other.value != fixed.value && !path.fits(HOOKS))
            {
                notices.push(format!(
                    "{}: `{path}` is fixed by {}; it stays {}",
                    other.origin.short(),
                    fixed.origin.short(),
                    fixed.value
                ));
            }
        }
        (self.said.settings, notices)
    }
}

fn words(words: &'static [Word]) -> impl Iterator<Item = &'static str> {
    words.iter().map(|known| known.word)
}

fn names() -> Vec<&'static str> {
    LISTS.iter().map(|(name, _)| *name).chain([WEB_SEARCH, MAX_BUDGET, HOOKS, FIXED]).collect()
}

fn bad(reader: &Reader<'_>, key: KeyPath, value: &Spanned<DeValue<'_>>, allowed: &str, said: &mut Said) {
    let kind = ProblemKind::BadValue {
        key: key.clone(),
        found: found(value.get_ref()),
        allowed: allowed.to_owned(),
    };
    reader.problem(key, value.span().start, kind, said);
}

fn unknown(reader: &Reader<'_>, key: KeyPath, at: usize, names: &[&'static str], said: &mut Said) {
    let table = key.parents().next().unwrap_or_default();
    let advice = match nearest_of(key.last(), names) {
        Some(nearest) => Advice::Nearest(table.with(nearest)),
        None => Advice::Among(names.iter().map(|name| (*name).to_owned()).collect()),
    };
    reader.problem(key.clone(), at, ProblemKind::UnknownKey { key, advice }, said);
}
