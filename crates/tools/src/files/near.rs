//! What could be meant by a path that leads nowhere.

use super::Site;
use std::{fs, path::Path};

/// Names suggested.
const SUGGESTIONS: usize = 3;
/// How alike a name has to be, from 0 to 1.
const LIKENESS: f32 = 0.6;
/// Entries of a directory that are compared.
const MAX_ENTRIES: usize = 5_000;

/// Says that there is no such path, how far it does lead, and what is there with a similar name.
pub(super) fn not_found(site: &Site, path: &Path) -> String {
    let shown = site.shown(path);
    let there = path.ancestors().skip(1).find(|ancestor| ancestor.exists());
    let Some(there) = there else { return format!("{shown} does not exist") };
    if !there.is_dir() {
        return format!("{shown} does not exist: {} is a file", site.shown(there));
    }
    let missing = path.strip_prefix(there).ok().and_then(|rest| rest.components().next());
    let wanted = missing.map(|name| name.as_os_str().to_string_lossy().into_owned()).unwrap_or_default();
    let mut message = format!("{shown} does not exist");
    if path.parent() != Some(there) {
        message.push_str(&format!(": there is no {wanted} in {}", site.shown(there)));
    }
    let similar = if site.hides(there) { Vec::new() } else { similar(there, &wanted) };
    if !similar.is_empty() {
        let found: Vec<String> = similar.iter().map(|name| site.shown(&there.join(name))).collect();
        message.push_str(&format!(". Similar names: {}", found.join(", ")));
    }
    message
}

fn similar(directory: &Path, wanted: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.take(MAX_ENTRIES).filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    // What differs only in case counts as the same.
    let lower: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    let candidates: Vec<&str> = lower.iter().map(String::as_str).collect();
    let close =
        similar::get_close_matches(wanted.to_lowercase().as_str(), &candidates, SUGGESTIONS, LIKENESS);
    let mut found: Vec<String> = Vec::new();
    for name in close {
        for (original, _) in names.iter().zip(&lower).filter(|(_, lower)| lower.as_str() == name) {
            if !found.contains(original) {
                found.push(original.clone());
            }
        }
    }
    found
}
