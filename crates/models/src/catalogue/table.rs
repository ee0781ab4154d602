//! The compiled-in table. Only the entry that is asked for is read as TOML: the whole table would take a third of a
//! millisecond, which is felt at the start of a program that does little else.

use super::{
    info::{ModelOverrides, PriceOverrides},
    name::{Name, Offer},
};

const MODELS: &str = include_str!("models.toml");
const ENTRY: &str = "[[model]]";

/// What is known of a model.
pub(super) fn find(name: &str) -> Option<ModelOverrides> {
    let name = name.to_ascii_lowercase();
    let name = Name::of(&name);
    let entry = name
        .candidates()
        .find_map(|candidate| entries().find(|entry| names_of(entry).any(|name| name == candidate)))?;
    let mut facts = facts_of(entry).ok()?;
    match name.offer() {
        Offer::Makers => {}
        Offer::Gateways => facts.price = PriceOverrides::default(),
        Offer::Servers => {
            facts.price = PriceOverrides::default();
            facts.context_window = None;
            facts.max_output_tokens = None;
        }
    }
    Some(facts)
}

/// All names, in the order of the table.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    entries().flat_map(names_of)
}

fn entries() -> impl Iterator<Item = &'static str> {
    MODELS.split(ENTRY).skip(1).map(str::trim_start)
}

/// The first line of an entry: every name its models go by.
fn names_of(entry: &'static str) -> impl Iterator<Item = &'static str> {
    entry.lines().next().unwrap_or_default().split('"').skip(1).step_by(2)
}

/// The other lines: what is true of all of them.
fn facts_of(entry: &str) -> Result<ModelOverrides, toml::de::Error> {
    toml::from_str(entry.split_once('\n').unwrap_or_default().1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        model: Vec<Entry>,
    }

    #[derive(Deserialize)]
    struct Entry {
        names: Vec<String>,
        #[serde(flatten)]
        facts: ModelOverrides,
    }

    #[test]
    fn one_entry_reads_as_it_does_in_the_whole_table() {
        let file: File = toml::from_str(MODELS).unwrap();
        assert_eq!(entries().count(), file.model.len());
        for (text, entry) in entries().zip(file.model) {
            assert_eq!(names_of(text).collect::<Vec<_>>(), entry.names, "{text}");
            assert_eq!(facts_of(text).unwrap(), entry.facts, "{text}");
        }
    }

    #[test]
    fn every_name_is_there_once_and_in_lower_case() {
        let mut all: Vec<_> = names().collect();
        assert!(all.iter().all(|name| *name == name.to_ascii_lowercase()));
        let many = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), many);
    }
}
