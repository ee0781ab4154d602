//! Snapshots of a workspace, and going back to one.
//!
//! Beside each workspace there is a shadow repository in Everturn's data home. A snapshot is a commit there: its tree has the
//! files, its message what a tree cannot hold ([`about`]). The user's own repository is read for its ignore rules and
//! otherwise left alone; nothing is written into the workspace but by a restore.
//!
//! Start reading at [`shadow`] (taking one), then [`plan`] (what a restore has to do) and [`write`] (how it does it).
//!
//! Tests stop this process at `snapshot.indexed`, `snapshot.committed`, `snapshot.kept`, `restore.begun`, `restore.staged`,
//! `restore.changed` and `restore.written`.

mod about;
mod config;
mod error;
mod export;
mod git;
mod ignore_rules;
mod notes;
mod plan;
mod restore;
mod root;
mod shadow;
mod survey;
mod sweep;
mod tree;
mod watch;
mod write;

use agent_core::{
    BlobId, RestoreAnswer, RestoreRequest, RestoreStep, Snapshot, SnapshotAnswer, SnapshotMoment,
    SnapshotRequest, ThreadKey,
};
pub use config::{
    DEFAULT_MAX_AGE_DAYS, DEFAULT_MAX_FILE_BYTES, DEFAULT_MAX_FILES, DEFAULT_MAX_STORE_BYTES,
    DEFAULT_MAX_TREE_BYTES, DEFAULT_RESTORE_MS, DEFAULT_SNAPSHOT_MS, SnapshotsConfig,
};
pub use error::SnapshotError;
pub use export::Changes;
use root::Root;
use shadow::Shadow;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
pub use sweep::Swept;
use sweep::{SWEEP_MS, Sweep};
use watch::Watch;

/// A workspace that was too large is not looked at again so soon: the look itself takes long.
const REFUSED_FOR: Duration = Duration::from_secs(600);

/// Keeps snapshots of workspaces and goes back to them.
///
/// Any call may be dropped in the middle, or die with its process: the next one works. Calls for one workspace wait for each
/// other, in all processes. A restore that has begun to write goes on to its end when it is dropped.
#[derive(Clone, Debug)]
pub struct Snapshots {
    config: Arc<SnapshotsConfig>,
    refused: Arc<Refused>,
}

impl Snapshots {
    /// Looks at nothing yet.
    #[must_use]
    pub fn new(config: SnapshotsConfig) -> Self {
        Self { config: Arc::new(config), refused: Arc::default() }
    }

    /// Keeps the workspace of a directory as it is.
    pub async fn snapshot(&self, request: SnapshotRequest) -> SnapshotAnswer {
        let refused = Arc::clone(&self.refused);
        let limit_ms = self.config.snapshot_ms;
        let taken = self.work(limit_ms, move |config, watch| take(config, watch, &request, &refused)).await;
        match taken {
            Ok(answer) => answer,
            Err(error) => SnapshotAnswer::Unavailable { why: error.to_string() },
        }
    }

    /// Takes back what turns made of the workspace, all of it or nothing.
    pub async fn restore(&self, request: RestoreRequest) -> RestoreAnswer {
        let limit_ms = self.config.restore_ms;
        let restored =
            self.work(limit_ms, move |config, watch| restore::restore(config, watch, &request)).await;
        restored.unwrap_or_else(|error| RestoreAnswer::Failed { message: error.to_string() })
    }

    /// What changed from one snapshot to another of the same workspace.
    ///
    /// # Errors
    /// One of them is not kept any more.
    pub async fn diff(&self, before: &Snapshot, after: &Snapshot) -> Result<Changes, SnapshotError> {
        let (before, after) = (before.clone(), after.clone());
        let limit_ms = self.config.restore_ms;
        self.work(limit_ms, move |config, watch| export::diff(config, watch, &before, &after)).await
    }

    /// Writes the files of a snapshot into a directory that is new, or empty but for a `.git`. How many files there are.
    ///
    /// # Errors
    /// The snapshot is not kept any more, the directory has other files, or they cannot be written; then nothing is.
    pub async fn export(&self, snapshot: &Snapshot, into: &Path) -> Result<usize, SnapshotError> {
        let (snapshot, into) = (snapshot.clone(), into.to_owned());
        let limit_ms = self.config.restore_ms;
        self.work(limit_ms, move |config, watch| export::export(config, watch, &snapshot, &into)).await
    }

    /// Makes a new worktree of the user's repository with the files of a snapshot, detached on the commit that is checked
    /// out there now; a plain directory where the workspace is no repository. How many files there are.
    ///
    /// # Errors
    /// As for [`Snapshots::export`], or Git refuses the worktree.
    pub async fn worktree(&self, snapshot: &Snapshot, into: &Path) -> Result<usize, SnapshotError> {
        let (snapshot, into) = (snapshot.clone(), into.to_owned());
        let limit_ms = self.config.restore_ms;
        self.work(limit_ms, move |config, watch| export::worktree(config, watch, &snapshot, &into)).await
    }

    /// Drops what is older, or takes more, than the configuration allows. For a host that has nothing better to do.
    ///
    /// # Errors
    /// It took too long. What fails for one workspace is logged.
    pub async fn sweep(&self) -> Result<Swept, SnapshotError> {
        self.work(SWEEP_MS, |config, watch| sweep::sweep(config, watch, &Sweep::Old)).await
    }

    /// Drops the snapshots of a thread that is deleted. Forks of it can then no longer go back to before the fork.
    ///
    /// # Errors
    /// As for [`Snapshots::sweep`].
    pub async fn forget(&self, key: &ThreadKey) -> Result<Swept, SnapshotError> {
        let prefix = format!("{}/{}", shadow::REFS, ref_name(key, ""));
        self.work(SWEEP_MS, move |config, watch| sweep::sweep(config, watch, &Sweep::Of(prefix))).await
    }

    /// Does work that blocks. Dropping the future tells it to stop.
    async fn work<T: Send + 'static>(
        &self,
        limit_ms: u64,
        work: impl FnOnce(&SnapshotsConfig, &Watch) -> Result<T, SnapshotError> + Send + 'static,
    ) -> Result<T, SnapshotError> {
        let config = Arc::clone(&self.config);
        let (watch, _waiting) = Watch::new(limit_ms);
        let done = tokio::task::spawn_blocking(move || work(&config, &watch)).await;
        done.unwrap_or(Err(SnapshotError::Broken))
    }
}

/// Workspaces that were too large, and when.
type Refused = Mutex<BTreeMap<PathBuf, (Instant, String)>>;

fn take(
    config: &SnapshotsConfig,
    watch: &Watch,
    request: &SnapshotRequest,
    refused: &Refused,
) -> Result<SnapshotAnswer, SnapshotError> {
    let root = Root::of(Path::new(&request.cwd), config)?;
    let path = root.path.clone();
    let known = {
        let mut refused = refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.retain(|_, (when, _)| when.elapsed() < REFUSED_FOR);
        refused.get(&path).map(|(_, why)| why.clone())
    };
    if let Some(why) = known {
        return Ok(SnapshotAnswer::Unavailable { why });
    }
    let moment = match request.moment {
        SnapshotMoment::BeforeTurn => "before",
        SnapshotMoment::AfterTurn => "after",
    };
    let name =
        ref_name(&request.key, &format!("{moment}-{}-{}-{}", request.turn, request.effect, request.attempt));
    let taken = Shadow::open(config, root, watch).and_then(|shadow| shadow.take(config, watch, &name));
    if let Err(error @ (SnapshotError::TooLarge { .. } | SnapshotError::TooSlow(_))) = &taken {
        let mut refused = refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.insert(path, (Instant::now(), error.to_string()));
    }
    let mut snapshot = taken?.snapshot;
    snapshot.notes.extend(notes::elsewhere(&request.sandbox, Path::new(&snapshot.root)));
    Ok(SnapshotAnswer::Taken { snapshot })
}

/// The name of a thread's ref. The thread is not named itself: its id may be no name that Git takes.
fn ref_name(key: &ThreadKey, name: &str) -> String {
    let thread = BlobId::of(format!("{}\0{}", key.tenant.as_str(), key.thread.as_str()).as_bytes());
    format!("{}/{name}", &thread.as_str()[..24])
}
