//! The directories of a run: a home that the program has used before, and an empty place to work in.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

/// The directories of one run, removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    root: TempDir,
}

impl Place {
    /// Empty directories.
    pub(crate) fn empty() -> Result<Self> {
        let root = tempfile::Builder::new().prefix("everturn-bench-").tempdir()?;
        let place = Self { root };
        fs::create_dir(place.home())?;
        fs::create_dir(place.work())?;
        Ok(place)
    }

    /// Directories whose home is as that of another place is now.
    pub(crate) fn like(other: &Self) -> Result<Self> {
        let place = Self::empty()?;
        copy(&other.home(), &place.home())?;
        Ok(place)
    }

    /// The home directory of the user and of the program.
    pub(crate) fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    /// Where the program works.
    pub(crate) fn work(&self) -> PathBuf {
        self.root.path().join("work")
    }

    /// A file beside both.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }
}

/// The sizes of all files under a folder, 0 where it is not there. What SQLite shares between processes while a database
/// is open (`-shm`) holds nothing of its own and is left out.
pub(crate) fn stored_bytes(folder: &Path) -> Result<u64> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries.with_context(|| format!("could not list {}", folder.display()))?,
    };
    let mut bytes = 0;
    for entry in entries {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            bytes += stored_bytes(&entry.path())?;
        } else if kind.is_file() && !entry.file_name().to_string_lossy().ends_with("-shm") {
            bytes += entry.metadata()?.len();
        }
    }
    Ok(bytes)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &target)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_like_another_has_its_files_and_keeps_its_own_changes() {
        let first = Place::empty().unwrap();
        fs::create_dir(first.home().join("deep")).unwrap();
        fs::write(first.home().join("deep/a.db"), [0; 100]).unwrap();
        fs::write(first.home().join("a.db-shm"), [0; 1_000]).unwrap();
        let second = Place::like(&first).unwrap();
        assert_eq!(stored_bytes(&second.home()).unwrap(), 100);
        fs::write(second.home().join("b"), [0; 20]).unwrap();
        assert_eq!(stored_bytes(&second.home()).unwrap(), 120);
        assert_eq!(stored_bytes(&first.home()).unwrap(), 100);
        assert_eq!(stored_bytes(&first.home().join("nowhere")).unwrap(), 0);
    }
}
