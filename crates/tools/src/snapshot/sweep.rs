//! Dropping what is too old, too much, or of a thread that is gone.

use super::{
    SnapshotError, SnapshotsConfig,
    git::Git,
    shadow::{REFS, lock, now_ms},
    watch::Watch,
};
use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// How long a sweep may take of one workspace.
pub(super) const SWEEP_MS: u64 = 300_000;
/// Waiting for a workspace in which somebody works is not worth it.
const LOCK_MS: u64 = 100;
/// Loose objects of a shadow repository beyond which they are packed.
const MAX_LOOSE_OBJECTS: usize = 5_000;
const DAY_MS: u128 = 24 * 60 * 60 * 1_000;
/// Objects may be on their way into a snapshot of a process that has just died.
const PRUNE: [&str; 2] = ["prune", "--expire=1.hour.ago"];
const PACK: [&str; 5] = ["repack", "-a", "-d", "-q", "--no-write-bitmap-index"];

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Snapshots that were dropped.
    pub dropped: usize,
    /// Snapshots that are kept.
    pub kept: usize,
    /// What all of them take on disk now.
    pub bytes: u64,
    /// Workspaces that were passed over because somebody works in them.
    pub busy: usize,
}

/// Which snapshots go.
#[derive(Clone, Debug)]
pub(super) enum Sweep {
    /// What is too old or too much.
    Old,
    /// Those of one thread, by the beginning of their names.
    Of(String),
}

/// A snapshot's ref.
struct Kept {
    name: String,
    taken_ms: u128,
}

/// Sweeps all workspaces.
pub(super) fn sweep(config: &SnapshotsConfig, watch: &Watch, what: &Sweep) -> Result<Swept, SnapshotError> {
    let store = config.store();
    let mut swept = Swept::default();
    let Ok(entries) = fs::read_dir(&store) else { return Ok(swept) };
    for folder in entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| path.is_dir()) {
        watch.check()?;
        match sweep_one(config, watch, what, &folder) {
            Ok((dropped, kept)) => {
                swept.dropped += dropped;
                swept.kept += kept;
                swept.bytes += bytes_in(&folder);
            }
            Err(SnapshotError::Busy(_)) => swept.busy += 1,
            Err(error) => tracing::warn!(folder = %folder.display(), %error, "snapshots could not be swept"),
        }
    }
    Ok(swept)
}

fn sweep_one(
    config: &SnapshotsConfig,
    watch: &Watch,
    what: &Sweep,
    folder: &Path,
) -> Result<(usize, usize), SnapshotError> {
    let root = fs::read(folder.join("root")).unwrap_or_default();
    let root = PathBuf::from(OsStr::from_bytes(&root));
    let (soon, _waiting) = Watch::new(LOCK_MS);
    let _lock = lock(folder, &root, &soon)?;
    let git = Git::new(config, &folder.join("git"), &root);
    let mut kept = kept(&git, watch)?;
    let all = kept.len();
    let now = now_ms();
    let max_age_ms = u128::from(config.max_age_days) * DAY_MS;
    let goes = |snapshot: &Kept| match what {
        Sweep::Old => now.saturating_sub(snapshot.taken_ms) > max_age_ms,
        Sweep::Of(prefix) => snapshot.name.starts_with(prefix),
    };
    let (gone, stays): (Vec<_>, Vec<_>) = kept.drain(..).partition(goes);
    drop_refs(&git, watch, &gone)?;
    let mut kept = stays;
    if !kept.is_empty() && (!gone.is_empty() || loose_objects(git.dir()) > MAX_LOOSE_OBJECTS) {
        tidy(&git, watch)?;
    }
    // The oldest half goes until it fits, or there is but the newest.
    while bytes_in(folder) > config.max_store_bytes && kept.len() > 1 {
        let newer = kept.split_off(kept.len().div_ceil(2).min(kept.len() - 1));
        drop_refs(&git, watch, &kept)?;
        kept = newer;
        tidy(&git, watch)?;
    }
    if kept.is_empty() {
        fs::remove_dir_all(folder).map_err(SnapshotError::io("remove it", folder))?;
    }
    Ok((all - kept.len(), kept.len()))
}

/// The snapshots, the oldest first.
fn kept(git: &Git, watch: &Watch) -> Result<Vec<Kept>, SnapshotError> {
    let listed = git.run(watch, &["for-each-ref", "--format=%(refname)", REFS], b"")?;
    let mut kept: Vec<Kept> = String::from_utf8_lossy(&listed)
        .lines()
        .map(|name| {
            let taken_ms = name.rsplit('-').next().and_then(|time| time.parse().ok()).unwrap_or(0);
            Kept { name: name.to_owned(), taken_ms }
        })
        .collect();
    kept.sort_by_key(|snapshot| snapshot.taken_ms);
    Ok(kept)
}

fn drop_refs(git: &Git, watch: &Watch, gone: &[Kept]) -> Result<(), SnapshotError> {
    if gone.is_empty() {
        return Ok(());
    }
    let commands: String = gone.iter().map(|snapshot| format!("delete {}\n", snapshot.name)).collect();
    git.run(watch, &["update-ref", "--stdin"], commands.as_bytes()).map(drop)
}

/// What no ref and not the index needs goes.
fn tidy(git: &Git, watch: &Watch) -> Result<(), SnapshotError> {
    git.run(watch, &PACK, b"")?;
    git.run(watch, &PRUNE, b"")?;
    git.run(watch, &["pack-refs", "--all"], b"").map(drop)
}

fn loose_objects(git: &Path) -> usize {
    let folders = fs::read_dir(git.join("objects")).into_iter().flatten().filter_map(Result::ok);
    let loose = folders.filter(|folder| folder.file_name().len() == 2);
    loose.map(|folder| fs::read_dir(folder.path()).map_or(0, Iterator::count)).sum()
}

fn bytes_in(folder: &Path) -> u64 {
    let (mut open, mut bytes) = (vec![folder.to_owned()], 0);
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
            match entry.metadata() {
                Ok(found) if found.is_dir() => open.push(entry.path()),
                Ok(found) => bytes += found.len(),
                Err(_) => {}
            }
        }
    }
    bytes
}
