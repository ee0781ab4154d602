//! The directories of a run: a home that the program has used before, and an empty place to work in.

use std::fs;
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

    /// How much the program keeps: the sizes of all files in the home. What SQLite shares between processes while a
    /// database is open (`-shm`) holds nothing of its own and is left out.
    pub(crate) fn stored_bytes(&self) -> Result<u64> {
        sizes(&self.home())
    }
}

fn sizes(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).with_context(|| format!("could not list {}", folder.display()))? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            bytes += sizes(&entry.path())?;
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
