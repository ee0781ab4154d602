//! Encryption: keys and their files, payloads, and what a real server then has of a thread.

mod history;
mod key_files;
mod missing_key;
mod payloads;
mod thread;
pub(crate) mod vault;

use std::path::{Path, PathBuf};
use tempfile::TempDir;
use temporal_backend::{Codec, KeySource, create_key_file};

/// A file of keys, in a folder of its own.
pub(crate) struct Keys {
    folder: TempDir,
}

impl Keys {
    /// One key, `k1`.
    pub(crate) fn new() -> Self {
        let keys = Self { folder: tempfile::tempdir().unwrap() };
        create_key_file(&keys.path()).unwrap();
        keys
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("codec.keys")
    }

    pub(crate) fn source(&self) -> KeySource {
        KeySource::File(self.path())
    }

    fn codec(&self) -> Codec {
        Codec::open(self.source()).unwrap()
    }

    /// The lines with keys.
    fn lines(&self) -> Vec<String> {
        lines(&self.path())
    }
}

fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}
