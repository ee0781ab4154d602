//! What may have been meant by a key that nobody knows.

use crate::{Advice, KEYS, KeyPath};
use std::collections::BTreeSet;

/// A table with no more keys than this has them listed.
const MAX_LISTED: usize = 16;

/// Names that people give to a key they paste into the file.
const PASTED_KEYS: [&str; 6] = ["api_key", "apikey", "api-key", "key", "token", "openai_api_key"];

/// What to say of an unknown key; `below` is the table that its own path starts in.
pub(super) fn advice(path: &KeyPath, below: &KeyPath) -> Advice {
    let name = path.last();
    if PASTED_KEYS.contains(&name.to_ascii_lowercase().as_str()) {
        return match path.segments().first().map(String::as_str) {
            Some("temporal") if path.is_within(&KeyPath::bare("temporal.codec")) => Advice::KeepOut(
                "name a file of keys with `temporal.codec.key_file`, or an environment variable with \
                 `temporal.codec.key_env`",
            ),
            Some("temporal") => Advice::KeepOut(
                "set TEMPORAL_API_KEY, or name another environment variable with `temporal.api_key_env`",
            ),
            _ => Advice::KeepKeysOut,
        };
    }
    let table = path.parents().next().unwrap_or_default();
    let here = keys_of(&table);
    if let Some(nearest) = nearest(name, &here) {
        return Advice::Nearest(below.join(&table.with(nearest)));
    }
    let elsewhere: BTreeSet<String> = KEYS
        .iter()
        .filter_map(|key| key.path.rsplit_once('.'))
        .filter(|(_, key)| *key == name)
        .map(|(table, _)| table)
        .chain(KEYS.iter().filter(|key| key.path == name).map(|_| ""))
        .map(|table| if table.starts_with("modes.") { "modes.*" } else { table })
        .map(|table| shown_table(table, below))
        .collect();
    if !elsewhere.is_empty() {
        return Advice::Elsewhere(elsewhere.into_iter().collect());
    }
    match here.len() {
        1..=MAX_LISTED => Advice::Among(here.into_iter().map(str::to_owned).collect()),
        _ => Advice::None,
    }
}

/// The keys and tables that a table may have, without names of the user's own.
fn keys_of(table: &KeyPath) -> BTreeSet<&'static str> {
    let depth = table.segments().len();
    KEYS.iter()
        .filter(|key| table.is_above(key.path))
        .filter_map(|key| key.path.split('.').nth(depth))
        .filter(|name| *name != "*")
        .chain((depth == 0).then_some("profiles"))
        .collect()
}

/// The name that is so near that it must have been meant: a third of its letters may differ.
fn nearest(name: &str, names: &BTreeSet<&'static str>) -> Option<&'static str> {
    let folded = name.to_ascii_lowercase().replace('-', "_");
    let distance = |known: &str| strsim::damerau_levenshtein(&folded, known);
    // Of two that are as near, the one with all of its letters: who writes `modl` or `modle` means `model`,
    // not `mode`.
    let lacks = |known: &str| {
        let mut left: Vec<char> = known.chars().collect();
        folded.chars().any(|letter| {
            left.iter().position(|other| *other == letter).map(|at| left.swap_remove(at)).is_none()
        })
    };
    let far = |known: &&&'static str| (distance(known), lacks(known));
    names.iter().min_by_key(far).filter(|known| distance(known) <= known.len() / 3).copied()
}

/// The nearest of other names.
pub(crate) fn nearest_of(name: &str, names: &[&'static str]) -> Option<&'static str> {
    nearest(name, &names.iter().copied().collect())
}

/// `[model_providers.NAME]`, or what the top of the file is called.
fn shown_table(table: &str, below: &KeyPath) -> String {
    let table = table.replace('*', "NAME");
    match (below.segments().is_empty(), table.is_empty()) {
        (true, true) => "the top of the file, before any [table]".to_owned(),
        (true, false) => format!("[{table}]"),
        (false, true) => format!("[{below}]"),
        (false, false) => format!("[{below}.{table}]"),
    }
}
