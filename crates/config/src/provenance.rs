//! [`Provenance`]: every setting with its value and where it came from.

use crate::{
    KEYS, Key, KeyPath, Origin, Setting, Value,
    keys::{Lookup, lookup},
    settings::Settings,
};

/// Every setting with its value and where it came from. Secrets are hidden in it.
#[derive(Clone, Debug)]
pub struct Provenance {
    settings: Settings,
}

/// Which settings to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// Those that concern this run: without what other providers are known for, and what is not set.
    Effective,
    /// All of them.
    All,
}

impl Provenance {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// The settings by their keys.
    pub fn list(&self, listing: Listing) -> Vec<(&KeyPath, &Setting)> {
        let chosen = self.get(&KeyPath::bare("model_provider")).map(|setting| &setting.value);
        let concerns = |path: &KeyPath, setting: &Setting| {
            let of_provider = path.segments().first().is_some_and(|table| table == "model_providers");
            let id = path.segments().get(1).map(|id| Value::from(id.as_str()));
            !of_provider || setting.origin != Origin::Default || id.as_ref() == chosen
        };
        let wanted =
            |(path, setting): &(&KeyPath, &Setting)| listing == Listing::All || concerns(path, setting);
        self.settings.iter().filter(wanted).collect()
    }

    /// The keys that nothing sets and that have no default, without those in tables of the user's own.
    pub fn unset(&self) -> impl Iterator<Item = &'static Key> {
        KEYS.iter()
            .filter(|key| key.means.is_none() && !key.path.contains('*'))
            .filter(|key| self.settings.get(&KeyPath::bare(key.path)).is_none())
    }

    /// One setting.
    pub fn get(&self, key: &KeyPath) -> Option<&Setting> {
        self.settings.get(key)
    }

    /// A setting, or all settings of a table, by the key as a user writes it.
    pub fn find(&self, key: &str) -> Vec<(&KeyPath, &Setting)> {
        let Some(key) = crate::overrides::key_path(key) else { return Vec::new() };
        let key = match lookup(&key) {
            Lookup::Key(Key { means: Some(means), .. }) => KeyPath::bare(means),
            _ => key,
        };
        self.settings.iter().filter(|(path, _)| path.is_within(&key)).collect()
    }
}
