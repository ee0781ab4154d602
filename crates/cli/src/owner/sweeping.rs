//! [`Sweeping`]: drops old snapshots, now and then, while a model is waited for anyway.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};
use tools::snapshot::Snapshots;

/// Snapshots are swept at most so often, by whatever process comes first.
const EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// The file in the folder of snapshots that was changed when they were swept last.
const STAMP: &str = "swept";

/// Sweeps the snapshots of a data folder.
#[derive(Clone, Debug)]
pub(crate) struct Sweeping {
    snapshots: Snapshots,
    folder: PathBuf,
    /// This process has looked whether it is time.
    has_looked: Arc<AtomicBool>,
}

impl Sweeping {
    /// `home` is the folder of these threads.
    pub(super) fn new(snapshots: Snapshots, home: &Path) -> Self {
        Self { snapshots, folder: home.join("snapshots"), has_looked: Arc::default() }
    }

    /// Begins in the background, where it is time. It is left off where the process ends first; the next one is a day later,
    /// and goes on from there.
    pub(crate) fn begin_when_due(&self) {
        if self.has_looked.swap(true, Ordering::Relaxed) || !is_due(&self.folder) {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        // Said before, so that not every process that begins meanwhile sweeps as well.
        if let Err(error) = fs::write(self.folder.join(STAMP), "") {
            tracing::debug!(%error, "snapshots are not swept: their folder cannot be written");
            return;
        }
        let snapshots = self.snapshots.clone();
        runtime.spawn(async move {
            match snapshots.sweep().await {
                Ok(swept) => tracing::debug!(?swept, "old snapshots were swept"),
                Err(error) => tracing::warn!(%error, "old snapshots could not be swept"),
            }
        });
    }
}

/// Whether there is something to sweep, and it was not done of late. A stamp of the future is none.
fn is_due(folder: &Path) -> bool {
    let swept = fs::metadata(folder.join(STAMP)).and_then(|stamp| stamp.modified());
    let is_fresh = swept.is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age < EVERY));
    folder.is_dir() && !is_fresh
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_time_once_a_day_where_there_are_snapshots() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("snapshots");
        assert!(!is_due(&folder), "there is none");
        fs::create_dir(&folder).unwrap();
        assert!(is_due(&folder));
        fs::write(folder.join(STAMP), "").unwrap();
        assert!(!is_due(&folder));
        let stamp = fs::File::options().write(true).open(folder.join(STAMP)).unwrap();
        let now = SystemTime::now();
        stamp.set_modified(now - EVERY - Duration::from_secs(1)).unwrap();
        assert!(is_due(&folder), "a day has gone by");
        stamp.set_modified(now + EVERY).unwrap();
        assert!(is_due(&folder), "the clock was wrong then");
    }
}
