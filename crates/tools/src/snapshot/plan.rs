//! [`Plan`]: what has to be written so that turns are taken back, and what stands against it.

use super::{
    about::Left,
    tree::{Entry, State, Tree},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Files in a folder that has to give way to a file. Beyond that it stays, as a conflict.
const MAX_IN_THE_WAY: usize = 10_000;

/// What has to be written so that turns are taken back. Paths are relative to the root.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) changes: Vec<Change>,
    /// Empty folders that were there before, with their permissions.
    pub(super) make: BTreeMap<PathBuf, u32>,
    /// Folders that were not there before; those that are empty by then go.
    pub(super) drop: BTreeSet<PathBuf>,
    /// Permissions of folders that were there before.
    pub(super) folders: BTreeMap<PathBuf, u32>,
    /// Every file that the turns changed and that is, or will be, as before.
    pub(super) restored: BTreeSet<PathBuf>,
    /// What the turns changed and no snapshot holds.
    pub(super) skipped: BTreeMap<PathBuf, Left>,
    /// What somebody else changed since.
    pub(super) conflicts: BTreeSet<PathBuf>,
}

/// One file or link that becomes another, comes, or goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) path: PathBuf,
    pub(super) from: Option<Entry>,
    pub(super) to: Option<Entry>,
}

/// What turns made of one path, from the newest back.
#[derive(Debug)]
struct Trace {
    /// As the newest turn left it.
    now: State,
    /// As it was before the oldest one so far.
    before: State,
    /// Somebody else changed it between two of the turns.
    broken: bool,
    unknown: Option<Left>,
}

/// Turns that are to be taken back, gathered from the newest to the oldest.
#[derive(Debug, Default)]
pub(super) struct Traces {
    paths: BTreeMap<PathBuf, Trace>,
    made_folders: BTreeSet<PathBuf>,
    lost_folders: BTreeSet<PathBuf>,
    /// The folders before the oldest turn so far.
    folders: BTreeMap<PathBuf, u32>,
    empty: BTreeSet<PathBuf>,
}

impl Traces {
    /// Adds the turn before the ones that were added.
    pub(super) fn add(&mut self, before: &Tree, after: &Tree) {
        for path in before.differences(after) {
            let (was, became) = (before.state(path), after.state(path));
            let unknown = [&was, &became].into_iter().find_map(|state| match state {
                State::Unknown(why) => Some(*why),
                State::Absent | State::Kept(_) => None,
            });
            match self.paths.get_mut(path) {
                Some(trace) => {
                    trace.broken |= trace.before != became;
                    trace.before = was;
                    trace.unknown = trace.unknown.or(unknown);
                }
                None => {
                    let trace = Trace { now: became, before: was, broken: false, unknown };
                    self.paths.insert(path.to_owned(), trace);
                }
            }
        }
        let only_in = |these: &Tree, those: &Tree| {
            let folders = these.folders.keys().filter(|folder| !those.folders.contains_key(*folder));
            folders.cloned().collect::<Vec<_>>()
        };
        self.made_folders.extend(only_in(after, before));
        self.lost_folders.extend(only_in(before, after));
        self.folders.clone_from(&before.folders);
        self.empty.clone_from(&before.empty);
    }

    /// What has to be written. `current` is a snapshot of this moment; what it does not hold is looked for below the root.
    pub(super) fn plan(self, current: &Tree, root: &Path) -> Plan {
        let mut plan = Plan::default();
        for (path, trace) in self.paths {
            if let Some(why) = trace.unknown {
                plan.skipped.insert(path, why);
                continue;
            }
            let is = match current.state(&path) {
                State::Unknown(_) if !stands(root, &path) => State::Absent,
                other => other,
            };
            if is == trace.before {
                plan.restored.insert(path);
            } else if trace.broken || is != trace.now {
                plan.conflicts.insert(path);
            } else {
                plan.changes.push(Change { path, from: entry_of(is), to: entry_of(trace.before) });
            }
        }
        plan.make_way(root);
        plan.restored.extend(plan.changes.iter().map(|change| change.path.clone()));
        let gone = |folder: &&PathBuf| self.lost_folders.contains(*folder) && self.empty.contains(*folder);
        plan.make = self
            .folders
            .iter()
            .filter(|(path, _)| gone(path))
            .map(|(path, mode)| (path.clone(), *mode))
            .collect();
        let parents = plan.changes.iter().filter(|change| change.to.is_none());
        let parents = parents.flat_map(|change| change.path.ancestors().skip(1)).map(Path::to_owned);
        let drop = parents.chain(self.made_folders);
        plan.drop =
            drop.filter(|path| !path.as_os_str().is_empty() && !self.folders.contains_key(path)).collect();
        plan.folders = self.folders;
        plan
    }
}

impl Plan {
    /// A file that comes back must find its folder, and its name free.
    fn make_way(&mut self, root: &Path) {
        let goes: BTreeSet<&Path> = self
            .changes
            .iter()
            .filter(|change| change.to.is_none())
            .map(|change| change.path.as_path())
            .collect();
        let mut conflicts = Vec::new();
        for change in self.changes.iter().filter(|change| change.to.is_some()) {
            let parents = change.path.ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty());
            let taken = |path: &&Path| {
                let found = root.join(path).symlink_metadata();
                found.is_ok_and(|found| !found.is_dir()) && !goes.contains(path)
            };
            conflicts.extend(parents.filter(taken).map(Path::to_owned));
            if root.join(&change.path).symlink_metadata().is_ok_and(|found| found.is_dir()) {
                conflicts.extend(in_the_way(root, &change.path, &goes));
            }
        }
        self.conflicts.extend(conflicts);
    }
}

/// What is in a folder and does not go.
fn in_the_way(root: &Path, folder: &Path, goes: &BTreeSet<&Path>) -> Vec<PathBuf> {
    let (mut open, mut stays, mut seen) = (vec![folder.to_owned()], Vec::new(), 0);
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(root.join(&folder)) else {
            stays.push(folder);
            continue;
        };
        for entry in entries.filter_map(Result::ok) {
            seen += 1;
            if seen > MAX_IN_THE_WAY {
                return vec![folder];
            }
            let path = folder.join(entry.file_name());
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(path),
                _ if goes.contains(path.as_path()) => {}
                _ => stays.push(path),
            }
        }
    }
    stays
}

/// Whether anything but a folder is there, without a link on the way.
fn stands(root: &Path, path: &Path) -> bool {
    let parents = path.ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty());
    let folder = |path: &Path| root.join(path).symlink_metadata().is_ok_and(|found| found.is_dir());
    parents.into_iter().all(folder) && root.join(path).symlink_metadata().is_ok_and(|found| !found.is_dir())
}

fn entry_of(state: State) -> Option<Entry> {
    match state {
        State::Kept(entry) => Some(entry),
        State::Absent | State::Unknown(_) => None,
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
