//! [`Root`]: the directory that a snapshot is of, and what the user's own repository, if it is one, says of ignored files.

use super::{SnapshotError, SnapshotsConfig};
use crate::lexical::normal;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// More than a `.git` file or a `commondir` has.
const MAX_POINTER_BYTES: u64 = 4_096;

/// The directory that a snapshot is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Root {
    /// Absolute and real.
    pub(super) path: PathBuf,
    /// What all worktrees of the user's repository share, if it is one.
    pub(super) repository: Option<PathBuf>,
}

impl Root {
    /// The top of the repository that the directory is in, or else the directory. No Git is asked, which would obey the
    /// configuration that it finds there.
    pub(super) fn of(cwd: &Path, config: &SnapshotsConfig) -> Result<Self, SnapshotError> {
        let cwd = fs::canonicalize(cwd).map_err(SnapshotError::io("find the working directory", cwd))?;
        if !cwd.is_dir() {
            return Err(SnapshotError::NoProject(cwd, "is not a directory"));
        }
        let home = config.user_home();
        let is_home = |path: &Path| home.as_ref().is_some_and(|home| home.starts_with(path));
        let inside = |path: &&Path| path.parent().is_some() && !is_home(path);
        let top = cwd.ancestors().take_while(inside).find_map(|path| {
            let repository = repository_at(&path.join(".git"))?;
            Some(Self { path: path.to_owned(), repository: Some(repository) })
        });
        let root = top.unwrap_or(Self { path: cwd, repository: None });
        if root.path.parent().is_none() {
            return Err(SnapshotError::NoProject(root.path, "is the root of the file system"));
        }
        if is_home(&root.path) {
            return Err(SnapshotError::NoProject(root.path, "is your home directory, or holds it"));
        }
        if config.store().parent().is_some_and(|data| root.path.starts_with(data)) {
            return Err(SnapshotError::NoProject(root.path, "is where Everturn keeps its own data"));
        }
        if root.path.to_str().is_none() {
            return Err(SnapshotError::NoProject(root.path, "has a name that is not valid text"));
        }
        Ok(root)
    }

    /// A root that a snapshot names.
    pub(super) fn named(path: &Path) -> Self {
        Self { path: path.to_owned(), repository: repository_at(&path.join(".git")) }
    }

    /// The user's list of ignored files that is not in the workspace.
    pub(super) fn exclude_file(&self) -> Option<PathBuf> {
        let file = self.repository.as_ref()?.join("info/exclude");
        file.is_file().then_some(file)
    }
}

/// What is shared by the worktrees of the repository whose `.git` this is.
fn repository_at(git: &Path) -> Option<PathBuf> {
    let found = fs::symlink_metadata(git).ok()?;
    if found.is_file() {
        let pointer = short_text(git)?;
        let directory = normal(&git.parent()?.join(pointer.strip_prefix("gitdir:")?.trim()));
        let common =
            short_text(&directory.join("commondir")).map(|path| normal(&directory.join(path.trim())));
        return Some(common.unwrap_or(directory));
    }
    git.join("HEAD").symlink_metadata().is_ok().then(|| git.to_owned())
}

fn short_text(path: &Path) -> Option<String> {
    use io::Read;
    let mut text = String::new();
    fs::File::open(path).ok()?.take(MAX_POINTER_BYTES).read_to_string(&mut text).ok()?;
    Some(text)
}
