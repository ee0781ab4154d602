//! What people are told of a snapshot or a restore, bounded.

use super::{SnapshotsConfig, about::Left};
use agent_core::SandboxPolicy;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Names in one note.
const MAX_NAMES: usize = 5;
/// Characters of one name.
const MAX_NAME_CHARS: usize = 120;
/// The order in which is told what is not kept.
const REASONS: [Left; 5] = [Left::TooLarge, Left::Repository, Left::Unreadable, Left::Special, Left::Ignored];

/// What a snapshot does not cover.
pub(super) fn notes(left: &BTreeMap<PathBuf, Left>, config: &SnapshotsConfig) -> Vec<String> {
    let of =
        |reason: Left| left.iter().filter(move |(_, why)| **why == reason).map(|(path, _)| path.as_path());
    let told = REASONS.into_iter().filter_map(|reason| {
        let count = of(reason).count();
        let what = match reason {
            Left::TooLarge => format!("larger than {} bytes", config.max_file_bytes),
            Left::Repository => "a repository of its own".to_owned(),
            Left::Unreadable => "not readable by this user".to_owned(),
            Left::Special => "no plain file".to_owned(),
            Left::Ignored => "ignored".to_owned(),
        };
        (count > 0).then(|| format!("cannot be restored, {what}: {}", named(of(reason), count)))
    });
    told.collect()
}

/// Directories that may be changed and that no snapshot of this root covers.
pub(super) fn elsewhere(sandbox: &SandboxPolicy, root: &Path) -> Option<String> {
    let SandboxPolicy::WorkspaceWrite { writable_roots, .. } = sandbox else { return None };
    let real = |path: &String| fs::canonicalize(path).unwrap_or_else(|_| PathBuf::from(path));
    let outside: Vec<PathBuf> =
        writable_roots.iter().map(real).filter(|path| !path.starts_with(root)).collect();
    let named = || named(outside.iter().map(PathBuf::as_path), outside.len());
    (!outside.is_empty()).then(|| format!("cannot be restored, not in this workspace: {}", named()))
}

/// What a restore left as it is, because a snapshot does not hold it.
pub(super) fn skipped(paths: &BTreeMap<PathBuf, Left>) -> Option<String> {
    let named = || named(paths.keys().map(PathBuf::as_path), paths.len());
    (!paths.is_empty())
        .then(|| format!("left as they are, because the snapshots do not hold them: {}", named()))
}

/// The first few, and how many more there are.
fn named<'p>(paths: impl Iterator<Item = &'p Path>, count: usize) -> String {
    let mut text = paths.take(MAX_NAMES).map(shown).collect::<Vec<_>>().join(", ");
    if count > MAX_NAMES {
        text.push_str(&format!(" and {} more", count - MAX_NAMES));
    }
    text
}

/// A path for people: short, on one line.
pub(super) fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    let mut shown: String = text.chars().take(MAX_NAME_CHARS).flat_map(plain).collect();
    if text.chars().nth(MAX_NAME_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

/// Characters that would change a line are escaped.
fn plain(character: char) -> Vec<char> {
    if character.is_control() { character.escape_default().collect() } else { vec![character] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_name_a_few_and_count_the_rest() {
        let config = SnapshotsConfig::new(Path::new("/data"), BTreeMap::new());
        let mut left: BTreeMap<PathBuf, Left> =
            (0..7).map(|number| (PathBuf::from(format!("log{number}")), Left::Ignored)).collect();
        left.insert("movie".into(), Left::TooLarge);
        left.insert("a\nb".into(), Left::Special);
        let expected = [
            "cannot be restored, larger than 10485760 bytes: movie",
            "cannot be restored, no plain file: a\\nb",
            "cannot be restored, ignored: log0, log1, log2, log3, log4 and 2 more",
        ];
        assert_eq!(notes(&left, &config), expected);
        assert_eq!(notes(&BTreeMap::new(), &config), Vec::<String>::new());
    }
}
