//! [`Values`]: the settings of one table, by their types. All of them were checked when they were read.

use crate::{
    KeyPath, Origin, Problem, ProblemKind, Secret, Setting, Value, choice::Choice, settings::Settings,
};
use std::{collections::BTreeMap, path::PathBuf};

/// The settings of one table.
pub(crate) struct Values<'a> {
    settings: &'a Settings,
    table: KeyPath,
}

impl<'a> Values<'a> {
    pub(crate) fn top(settings: &'a Settings) -> Self {
        Self { settings, table: KeyPath::default() }
    }

    pub(crate) fn table(&self, name: &str) -> Self {
        Self { settings: self.settings, table: self.table.with(name) }
    }

    fn setting(&self, key: &str) -> Option<&'a Setting> {
        self.settings.get(&self.table.with(key))
    }

    /// Whether anything is said of a key.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.setting(key).is_some()
    }

    /// What is in an array.
    pub(crate) fn items(&self, key: &str) -> &'a [Value] {
        match self.setting(key).map(|setting| &setting.value) {
            Some(Value::List(items)) => items,
            _ => &[],
        }
    }

    /// Where a value comes from.
    pub(crate) fn origin(&self, key: &str) -> Origin {
        self.setting(key).map_or(Origin::Default, |setting| setting.origin.clone())
    }

    /// Where the first value of the table comes from that somebody set.
    pub(crate) fn any_origin(&self) -> Origin {
        let mut origins = self.settings.within(&self.table).map(|(_, setting)| setting.origin.clone());
        origins.find(|origin| *origin != Origin::Default).unwrap_or(Origin::Default)
    }

    /// Where a value comes from, or the first that is in the table of this name.
    pub(crate) fn any_origin_of(&self, key: &str) -> Origin {
        match self.origin(key) {
            Origin::Default => self.table(key).any_origin(),
            origin => origin,
        }
    }

    /// Of keys that take each other's place, the one that the strongest layer sets. Two of one layer are a mistake.
    pub(crate) fn strongest(
        &self,
        keys: &[&'static str],
        problems: &mut Vec<Problem>,
    ) -> Option<&'static str> {
        let mut set: Vec<&'static str> =
            keys.iter().copied().filter(|key| self.setting(key).is_some()).collect();
        set.sort_by_key(|key| std::cmp::Reverse(self.origin(key).layer()));
        if let [first, second, ..] = set[..]
            && self.origin(first).layer() == self.origin(second).layer()
        {
            let kind = ProblemKind::BothSet { key: self.table.with(second), other: self.table.with(first) };
            problems.push(Problem { origin: self.origin(second), kind });
        }
        set.first().copied()
    }

    /// The names of what is in the table, some of them several times.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let depth = self.table.segments().len();
        self.settings
            .within(&self.table)
            .filter_map(move |(path, _)| path.segments().get(depth))
            .map(String::as_str)
    }

    pub(crate) fn text(&self, key: &str) -> Option<String> {
        match &self.setting(key)?.value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        }
    }

    pub(crate) fn secret(&self, key: &str) -> Option<Secret> {
        match &self.setting(key)?.value {
            Value::Secret(secret) => Some(secret.clone()),
            Value::Text(text) => Some(Secret::new(text)),
            _ => None,
        }
    }

    pub(crate) fn bool(&self, key: &str) -> Option<bool> {
        match self.setting(key)?.value {
            Value::Bool(yes) => Some(yes),
            _ => None,
        }
    }

    /// Whether it is set to `true`.
    pub(crate) fn yes(&self, key: &str) -> bool {
        self.bool(key).unwrap_or_default()
    }

    pub(crate) fn count(&self, key: &str) -> Option<u64> {
        match self.setting(key)?.value {
            Value::Integer(number) => u64::try_from(number).ok(),
            _ => None,
        }
    }

    pub(crate) fn micro_dollars(&self, key: &str) -> Option<u64> {
        const MICRO: f64 = 1_000_000.0;
        match self.setting(key)?.value {
            Value::Integer(dollars) => u64::try_from(dollars).ok()?.checked_mul(1_000_000),
            // Rounded, because 0.1 is not quite a tenth. What is too much for the type becomes its largest value.
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked not to be negative when it was read; a cast of a float saturates"
            )]
            Value::Float(dollars) => Some((dollars * MICRO).round() as u64),
            _ => None,
        }
    }

    pub(crate) fn choice<T: Choice>(&self, key: &str) -> Option<T> {
        T::of(&self.text(key)?)
    }

    pub(crate) fn choices<T: Choice>(&self, key: &str) -> Option<Vec<T>> {
        self.setting(key)?;
        Some(self.texts(key).iter().filter_map(|word| T::of(word)).collect())
    }

    pub(crate) fn texts(&self, key: &str) -> Vec<String> {
        let Some(Setting { value: Value::List(items), .. }) = self.setting(key) else { return Vec::new() };
        let text = |item: &Value| match item {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        };
        items.iter().filter_map(text).collect()
    }

    pub(crate) fn paths(&self, key: &str) -> Vec<PathBuf> {
        self.texts(key).into_iter().map(PathBuf::from).collect()
    }

    /// A table of strings that may be secrets.
    pub(crate) fn guarded(&self, table: &str) -> BTreeMap<String, Secret> {
        let table = self.table(table);
        table.names().filter_map(|name| Some((name.to_owned(), table.secret(name)?))).collect()
    }

    /// A table of strings.
    pub(crate) fn named_texts(&self, table: &str) -> BTreeMap<String, String> {
        let table = self.table(table);
        table.names().filter_map(|name| Some((name.to_owned(), table.text(name)?))).collect()
    }
}
