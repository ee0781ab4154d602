//! [`SnapshotsConfig`]: where snapshots are kept, and how much of everything there may be.

use crate::ledger::Durability;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Files that one snapshot covers, unless set otherwise.
pub const DEFAULT_MAX_FILES: u64 = 50_000;
/// Bytes that one snapshot covers, unless set otherwise.
pub const DEFAULT_MAX_TREE_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// A larger file is left out of snapshots, unless set otherwise.
pub const DEFAULT_MAX_FILE_BYTES: u64 = 10 * 1024 * 1024;
/// How long a snapshot may take, unless set otherwise.
pub const DEFAULT_SNAPSHOT_MS: u64 = 20_000;
/// How long a restore, an export or a comparison may take before it begins to write, unless set otherwise.
pub const DEFAULT_RESTORE_MS: u64 = 120_000;
/// How long a snapshot is kept, unless set otherwise.
pub const DEFAULT_MAX_AGE_DAYS: u64 = 30;
/// How much all snapshots of one workspace may take on disk after a sweep, unless set otherwise.
pub const DEFAULT_MAX_STORE_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// What snapshots need to know of their host.
#[derive(Clone, Debug)]
pub struct SnapshotsConfig {
    /// Everturn's data home; snapshots are in its folder `snapshots`.
    pub home: PathBuf,
    /// The environment of the host: where programs and the user's Git settings are.
    pub environment: BTreeMap<String, String>,
    /// The `git` program, by name or path.
    pub git: PathBuf,
    /// What a snapshot survives.
    pub durability: Durability,
    /// Files that one snapshot covers; a workspace with more gets none.
    pub max_files: u64,
    /// Bytes that one snapshot covers; a workspace with more gets none.
    pub max_tree_bytes: u64,
    /// A larger file is left out.
    pub max_file_bytes: u64,
    /// How long a snapshot may take, waiting for another one of the same workspace included.
    pub snapshot_ms: u64,
    /// How long a restore, an export or a comparison may take before it begins to write.
    pub restore_ms: u64,
    /// How long a snapshot is kept.
    pub max_age_days: u64,
    /// How much the snapshots of one workspace may take on disk after a sweep.
    pub max_store_bytes: u64,
}

impl SnapshotsConfig {
    /// The defaults, for a data home and an environment.
    pub fn new(home: &Path, environment: BTreeMap<String, String>) -> Self {
        Self {
            home: home.to_owned(),
            environment,
            git: PathBuf::from("git"),
            durability: Durability::default(),
            max_files: DEFAULT_MAX_FILES,
            max_tree_bytes: DEFAULT_MAX_TREE_BYTES,
            max_file_bytes: DEFAULT_MAX_FILE_BYTES,
            snapshot_ms: DEFAULT_SNAPSHOT_MS,
            restore_ms: DEFAULT_RESTORE_MS,
            max_age_days: DEFAULT_MAX_AGE_DAYS,
            max_store_bytes: DEFAULT_MAX_STORE_BYTES,
        }
    }

    /// The folder of all snapshots, real as far as it exists: what is inside a workspace is told by real paths.
    pub(super) fn store(&self) -> PathBuf {
        std::fs::canonicalize(&self.home).unwrap_or_else(|_| self.home.clone()).join("snapshots")
    }

    /// The user's home, real.
    pub(super) fn user_home(&self) -> Option<PathBuf> {
        let home = self.environment.get("HOME").filter(|home| !home.is_empty())?;
        std::fs::canonicalize(home).ok()
    }
}
