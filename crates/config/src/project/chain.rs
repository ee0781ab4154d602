//! [`Level`]: a folder that may have instructions, from the user's own down to the working directory.

use std::path::{Path, PathBuf};

const OVERRIDE: &str = "AGENTS.override.md";
const AGENTS: &str = "AGENTS.md";

/// A folder and which of its files count.
pub(super) struct Level {
    folder: PathBuf,
    names: Vec<String>,
    /// What links must not lead out of; `None` for the user's own folder.
    boundary: Option<PathBuf>,
}

impl Level {
    /// The files that count, the most important first.
    pub(super) fn candidates(&self) -> impl Iterator<Item = PathBuf> {
        self.names.iter().map(|name| self.folder.join(name))
    }

    /// What links must not lead out of.
    pub(super) fn boundary(&self) -> Option<&Path> {
        self.boundary.as_deref()
    }
}

/// The user's own folder, then those from the root of the repository to `cwd`.
pub(super) fn levels(
    home: &Path,
    cwd: &Path,
    fallback_names: &[String],
    warnings: &mut Vec<String>,
) -> Vec<Level> {
    let own = vec![OVERRIDE.to_owned(), AGENTS.to_owned()];
    let mut names = own.clone();
    for name in fallback_names {
        if Path::new(name).file_name().is_some_and(|file| file == name.as_str()) {
            names.push(name.clone());
        } else {
            warnings.push(format!(
                "project_doc_fallback_filenames: {name} is not the name of a file; write it without a folder"
            ));
        }
    }
    // Links are judged by where they lead, so the working directory has to be where it really is.
    let cwd = cwd.canonicalize().unwrap_or_else(|_| cwd.to_owned());
    let root = root(&cwd);
    let home = home.canonicalize().unwrap_or_else(|_| home.to_owned());
    let mut levels = vec![Level { folder: home.clone(), names: own, boundary: None }];
    let mut folders: Vec<&Path> = cwd.ancestors().take_while(|folder| folder.starts_with(root)).collect();
    folders.reverse();
    let folders = folders.into_iter().filter(|folder| *folder != home);
    levels.extend(folders.map(|folder| Level {
        folder: folder.to_owned(),
        names: names.clone(),
        boundary: Some(root.to_owned()),
    }));
    levels
}

/// The root of the project that a directory is in, without links.
pub(crate) fn project_root(cwd: &Path) -> PathBuf {
    let cwd = cwd.canonicalize().unwrap_or_else(|_| cwd.to_owned());
    root(&cwd).to_owned()
}

/// The folders from the root of a project down to a directory in it, without links.
pub(crate) fn folders(cwd: &Path, root: &Path) -> Vec<PathBuf> {
    let cwd = cwd.canonicalize().unwrap_or_else(|_| cwd.to_owned());
    let mut folders: Vec<PathBuf> =
        cwd.ancestors().take_while(|folder| folder.starts_with(root)).map(Path::to_owned).collect();
    folders.reverse();
    folders
}

/// The nearest folder with a `.git`, which is a file in a worktree and in a submodule; else the folder itself.
fn root(cwd: &Path) -> &Path {
    cwd.ancestors().find(|folder| folder.join(".git").symlink_metadata().is_ok()).unwrap_or(cwd)
}
