//! What a patch would do, worked out and checked, and doing it.

use std::fmt;

use super::commit::{self, Effect, NewFile};
use super::diff;
use super::draft::{Before, Draft, Entry, Now};
use super::error::PatchError;
use super::parse::Patch;
use super::scope::{Resolver, Scope};

/// A patch that can be applied. Nothing has been written; dropping it has no effect.
#[derive(Debug)]
pub struct Plan {
    /// One for each file that will differ, in the order of the patch.
    pub changes: Vec<FileChange>,
    /// Files the patch names that are already as it wants them.
    pub unchanged: Vec<String>,
    effects: Vec<Effect>,
}

/// The change of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// Relative to [`Scope::workdir`] when inside it, else absolute.
    pub path: String,
    /// What happens to the file.
    pub kind: ChangeKind,
    /// With three lines of context, file headers included.
    pub unified_diff: String,
}

/// What happens to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeKind {
    /// It comes new.
    Add,
    /// It goes.
    Delete,
    /// It changes.
    Update {
        /// Its new path, shown as [`FileChange::path`] is.
        move_to: Option<String>,
    },
}

/// What was written. Its text is what the model is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Files that came new.
    pub added: Vec<String>,
    /// Files that changed, a moved one under its new path.
    pub modified: Vec<String>,
    /// Files that went.
    pub deleted: Vec<String>,
    /// Files that were already as wanted.
    pub unchanged: Vec<String>,
    /// Backup files that could not be removed, with the reason; the patch itself is complete.
    pub leftovers: Vec<String>,
}

/// Reads every file the patch names and works out its result. Fails on the first thing that cannot be done; writes
/// nothing.
pub fn plan(patch: &Patch, scope: &Scope) -> Result<Plan, PatchError> {
    let mut draft = Draft::new(Resolver::new(scope, patch.workdir.as_deref())?);
    for hunk in &patch.hunks {
        draft.take(hunk)?;
    }
    draft.check_nesting()?;
    let entries = &draft.entries;
    let mut plan = Plan { changes: Vec::new(), unchanged: Vec::new(), effects: Vec::new() };
    for (key, entry) in entries.iter().enumerate() {
        match change(entries, key) {
            Some(change) => plan.changes.push(change),
            None if entry.exists() && !is_move_target(entries, key) => {
                plan.unchanged.push(entry.shown.clone())
            }
            None => {}
        }
        plan.effects.extend(effect(entries, key));
    }
    Ok(plan)
}

impl Plan {
    /// Writes everything, or nothing. On `Ok` every file has its new contents under its name, synced to disk, and no
    /// other file has come. On any error but [`PatchError::RollBack`] all files are as they were.
    pub fn commit(self) -> Result<Summary, PatchError> {
        self.commit_observed(&mut |_| {})
    }

    /// `before_switch` is called before each file is put in place, with its number, so that tests can interfere.
    pub(super) fn commit_observed(self, before_switch: &mut dyn FnMut(usize)) -> Result<Summary, PatchError> {
        let leftovers = commit::commit(&self.effects, before_switch)?;
        let mut summary = Summary { unchanged: self.unchanged, leftovers, ..Summary::default() };
        for change in self.changes {
            match change.kind {
                ChangeKind::Add => summary.added.push(change.path),
                ChangeKind::Delete => summary.deleted.push(change.path),
                ChangeKind::Update { move_to } => summary.modified.push(move_to.unwrap_or(change.path)),
            }
        }
        Ok(summary)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let changed = [("A", &self.added), ("M", &self.modified), ("D", &self.deleted)];
        if changed.iter().all(|(_, paths)| paths.is_empty()) {
            f.write_str("Success. No file had to change.")?;
        } else {
            f.write_str("Success. Updated the following files:")?;
        }
        for (letter, paths) in changed {
            for path in paths {
                write!(f, "\n{letter} {path}")?;
            }
        }
        for path in &self.unchanged {
            write!(f, "\nAlready as the patch wants it: {path}")?;
        }
        for path in &self.leftovers {
            write!(f, "\nA backup file could not be removed: {path}")?;
        }
        Ok(())
    }
}

/// Where the file that was here went, if it went to a free name.
fn moved_to(entries: &[Entry], key: usize) -> Option<&Entry> {
    if entries[key].exists() {
        return None;
    }
    entries.iter().find(|other| other.origin() == Some(key) && matches!(other.before, Before::Absent))
}

fn is_move_target(entries: &[Entry], key: usize) -> bool {
    let entry = &entries[key];
    let from = entry.origin().filter(|origin| *origin != key && !entries[*origin].exists());
    from.is_some() && matches!(entry.before, Before::Absent)
}

/// What is reported for an entry; a moved file is reported where it was.
fn change(entries: &[Entry], key: usize) -> Option<FileChange> {
    let entry = &entries[key];
    let path = entry.shown.clone();
    let after = entry.bytes().map(|bytes| bytes.as_slice());
    match &entry.before {
        Before::Absent => {
            let bytes = after.filter(|_| !is_move_target(entries, key))?;
            let unified_diff = diff::added(&path, bytes);
            Some(FileChange { path, kind: ChangeKind::Add, unified_diff })
        }
        Before::Link { target } if entry.exists() => {
            let unified_diff = diff::link_replaced(&path, target, after.unwrap_or_default());
            Some(FileChange { path, kind: ChangeKind::Update { move_to: None }, unified_diff })
        }
        Before::Link { target } => {
            let unified_diff = diff::link_deleted(&path, target);
            Some(FileChange { path, kind: ChangeKind::Delete, unified_diff })
        }
        Before::File { bytes, .. } => match (after, moved_to(entries, key)) {
            (Some(after), _) if after == bytes.as_slice() => None,
            (Some(after), _) => {
                let unified_diff = diff::updated(&path, &path, bytes, after);
                Some(FileChange { path, kind: ChangeKind::Update { move_to: None }, unified_diff })
            }
            (None, Some(new)) => {
                let after = new.bytes().map(|bytes| bytes.as_slice()).unwrap_or_default();
                let unified_diff = diff::updated(&path, &new.shown, bytes, after);
                let kind = ChangeKind::Update { move_to: Some(new.shown.clone()) };
                Some(FileChange { path, kind, unified_diff })
            }
            (None, None) => {
                let unified_diff = diff::deleted(&path, bytes);
                Some(FileChange { path, kind: ChangeKind::Delete, unified_diff })
            }
        },
    }
}

/// What is done on disk for an entry.
fn effect(entries: &[Entry], key: usize) -> Option<Effect> {
    let entry = &entries[key];
    let write = match (&entry.now, &entry.before) {
        (Now::Untouched, _) | (Now::Absent, Before::Absent) => return None,
        (Now::Written { bytes, .. }, Before::File { bytes: old, .. }) if bytes == old => return None,
        (Now::Absent, Before::File { .. } | Before::Link { .. }) => None,
        (Now::Written { bytes, origin }, own) => {
            let source = origin.map_or(own, |origin| &entries[origin].before);
            let like = match source {
                Before::File { stat, .. } => Some(*stat),
                Before::Absent | Before::Link { .. } => None,
            };
            Some(NewFile { bytes: bytes.clone(), like })
        }
    };
    Some(Effect { shown: entry.shown.clone(), real: entry.real.clone(), before: entry.before.clone(), write })
}
