//! [`Settings`]: what the layers say together. Tables are merged, values and arrays are replaced.

use crate::{KeyPath, Origin, Value};
use std::collections::BTreeMap;

/// A value and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// What it is set to.
    pub value: Value,
    /// Where it comes from.
    pub origin: Origin,
}

/// Values by their keys. Tables are not kept, only what is in them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Settings {
    by_path: BTreeMap<KeyPath, Setting>,
}

impl Settings {
    /// Puts a value over what weaker layers say. A value where they have a table takes the place of the whole table, and
    /// a table where they have a value takes its place.
    pub(crate) fn put(&mut self, path: KeyPath, setting: Setting) {
        for parent in path.parents() {
            self.by_path.remove(&parent);
        }
        let below: Vec<KeyPath> = self.within(&path).map(|(below, _)| below.clone()).collect();
        for below in below {
            self.by_path.remove(&below);
        }
        self.by_path.insert(path, setting);
    }

    /// Sets what nothing else has set.
    pub(crate) fn put_default(&mut self, path: KeyPath, value: Value) {
        self.by_path.entry(path).or_insert(Setting { value, origin: Origin::Default });
    }

    /// Drops what does not stay.
    pub(crate) fn retain(&mut self, stays: impl Fn(&KeyPath) -> bool) {
        self.by_path.retain(|path, _| stays(path));
    }

    pub(crate) fn get(&self, path: &KeyPath) -> Option<&Setting> {
        self.by_path.get(path)
    }

    /// The value itself, where there is one, and all that is below this path.
    pub(crate) fn within<'a>(
        &'a self,
        path: &'a KeyPath,
    ) -> impl Iterator<Item = (&'a KeyPath, &'a Setting)> + 'a {
        self.by_path.range(path..).take_while(move |(below, _)| below.is_within(path))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&KeyPath, &Setting)> {
        self.by_path.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn layer(index: usize) -> Origin {
        Origin::Variable(index.to_string())
    }

    /// Paths that are within each other often enough.
    fn path() -> impl Strategy<Value = KeyPath> {
        proptest::collection::vec(prop_oneof!["a", "b", "c"], 1..4)
            .prop_map(|keys| keys.into_iter().collect())
    }

    fn layers() -> impl Strategy<Value = Vec<BTreeMap<KeyPath, i64>>> {
        proptest::collection::vec(proptest::collection::btree_map(path(), 0..100_i64, 0..6), 1..5)
    }

    proptest! {
        #[test]
        fn the_stronger_layer_wins_and_what_it_leaves_alone_keeps_its_origin(layers in layers()) {
            let mut settings = Settings::default();
            let mut order = Vec::new();
            for (index, layer_of) in layers.iter().enumerate() {
                for (path, value) in layer_of {
                    settings.put(path.clone(), Setting { value: (*value).into(), origin: layer(index) });
                    order.push((path.clone(), *value, layer(index)));
                }
            }
            // Said another way: what was put last counts, unless something put later is above, at or below it.
            let mut expected = BTreeMap::new();
            for (at, (path, value, origin)) in order.iter().enumerate() {
                let later = &order[at + 1..];
                if !later.iter().any(|(other, ..)| other.is_within(path) || path.is_within(other)) {
                    expected.insert(path.clone(), Setting { value: (*value).into(), origin: origin.clone() });
                }
            }
            prop_assert_eq!(settings.by_path, expected);
        }
    }

    #[test]
    fn within_finds_the_value_and_what_is_below_and_nothing_beside() {
        let mut settings = Settings::default();
        for path in ["a.b", "a.b.c", "a.bb", "a"] {
            settings
                .by_path
                .insert(KeyPath::bare(path), Setting { value: Value::Bool(true), origin: Origin::Default });
        }
        let path = KeyPath::bare("a.b");
        let found: Vec<String> = settings.within(&path).map(|(path, _)| path.to_string()).collect();
        assert_eq!(found, ["a.b", "a.b.c"]);
    }
}
