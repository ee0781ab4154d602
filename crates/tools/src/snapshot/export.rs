//! The files of a snapshot in another place: a plain directory, or a worktree of the user's repository.

use super::{
    Snapshot, SnapshotError, SnapshotsConfig,
    plan::{Change, Plan},
    root::Root,
    shadow::Shadow,
    tree::Tree,
    watch::Watch,
    write::Writer,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

/// How long the removal of a worktree that failed may take.
const CLEAN_UP_MS: u64 = 10_000;
/// Paths that a comparison names.
const MAX_PATHS: usize = 1_000;

/// What changed from one snapshot to another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The files, relative to the root, in order; at most a thousand.
    pub paths: Vec<PathBuf>,
    /// How many there are in all.
    pub count: usize,
}

/// What changed from one snapshot to another of the same workspace.
pub(super) fn diff(
    config: &SnapshotsConfig,
    watch: &Watch,
    before: &Snapshot,
    after: &Snapshot,
) -> Result<Changes, SnapshotError> {
    let shadow = Shadow::open(config, Root::named(Path::new(&before.root)), watch)?;
    let before = Tree::read(&shadow.git, watch, &before.id)?;
    let after = Tree::read(&shadow.git, watch, &after.id)?;
    let paths: BTreeSet<&Path> = before.differences(&after).collect();
    let count = paths.len();
    Ok(Changes { paths: paths.into_iter().take(MAX_PATHS).map(Path::to_owned).collect(), count })
}

/// Writes all files of a snapshot into a directory that is new or empty, but for a `.git`. How many there are.
pub(super) fn export(
    config: &SnapshotsConfig,
    watch: &Watch,
    snapshot: &Snapshot,
    into: &Path,
) -> Result<usize, SnapshotError> {
    let shadow = Shadow::open(config, Root::named(Path::new(&snapshot.root)), watch)?;
    write_all(&shadow, watch, snapshot, into)
}

/// Makes a new worktree of the user's repository with the files of a snapshot, on the commit that is checked out there now,
/// detached. Without a repository, a plain directory.
pub(super) fn worktree(
    config: &SnapshotsConfig,
    watch: &Watch,
    snapshot: &Snapshot,
    into: &Path,
) -> Result<usize, SnapshotError> {
    let shadow = Shadow::open(config, Root::named(Path::new(&snapshot.root)), watch)?;
    // Before the user's repository knows of a worktree.
    Tree::read(&shadow.git, watch, &snapshot.id)?;
    let into = std::path::absolute(into).map_err(SnapshotError::io("find it", into))?;
    let place =
        into.to_str().ok_or_else(|| SnapshotError::NoProject(into.clone(), "has a name that is not text"))?;
    if is_taken(&into)? {
        return Err(SnapshotError::NotEmpty(into));
    }
    if shadow.root.repository.is_none() {
        return write_all(&shadow, watch, snapshot, &into);
    }
    let add = ["worktree", "add", "--quiet", "--detach", "--no-checkout", place, "HEAD"];
    shadow.git.run_in_theirs(watch, &[], &add)?;
    let read = shadow.git.run_in_theirs(watch, &[], &["-C", place, "read-tree", "HEAD"]);
    let written = read.and_then(|_| write_all(&shadow, watch, snapshot, &into));
    if written.is_err() {
        // Only this one, which is new.
        let (more, _waiting) = Watch::new(CLEAN_UP_MS);
        let removed = shadow.git.run_in_theirs(&more, &[], &["worktree", "remove", "--force", place]);
        removed
            .inspect_err(|error| tracing::warn!(%error, place, "a worktree that failed stays behind"))
            .ok();
    }
    written
}

fn write_all(
    shadow: &Shadow,
    watch: &Watch,
    snapshot: &Snapshot,
    into: &Path,
) -> Result<usize, SnapshotError> {
    let tree = Tree::read(&shadow.git, watch, &snapshot.id)?;
    if is_taken(into)? {
        return Err(SnapshotError::NotEmpty(into.to_owned()));
    }
    fs::create_dir_all(into).map_err(SnapshotError::io("make it", into))?;
    let into = fs::canonicalize(into).map_err(SnapshotError::io("find it", into))?;
    let count = tree.files.len();
    let changes = tree.files.into_iter().map(|(path, entry)| Change { path, from: None, to: Some(entry) });
    let make = tree.empty.iter().filter_map(|path| Some((path.clone(), *tree.folders.get(path)?)));
    let plan = Plan { changes: changes.collect(), make: make.collect(), ..Plan::default() };
    Writer::new(&into, shadow.git.objects()?, BTreeMap::new(), &tree.folders)?.carry_out(&plan)?;
    Ok(count)
}

/// Whether there is anything but a `.git`.
fn is_taken(folder: &Path) -> Result<bool, SnapshotError> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(entries.filter_map(Result::ok).any(|entry| entry.file_name() != ".git")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(SnapshotError::io("look into it", folder)(error)),
    }
}
