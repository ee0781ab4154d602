//! Locks on files (`flock`): held by an open file, given back by the kernel however its holder dies.

use super::DevServerError;
use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    time::{Duration, Instant},
};

/// How often a lock that is held is tried again.
pub(super) const RETRY: Duration = Duration::from_millis(10);

/// A lock that is held. Dropping it gives it back, but for a moment a child between fork and exec may still hold it.
#[derive(Debug)]
pub(super) struct Lock(File);

/// Whether others may hold the lock too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Shared,
    Exclusive,
}

impl Lock {
    /// Takes the lock if it is free now.
    pub(super) fn try_take(path: &Path, kind: Kind) -> Result<Option<Self>, DevServerError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(DevServerError::files(path))?;
        let taken = match kind {
            Kind::Shared => file.try_lock_shared(),
            Kind::Exclusive => file.try_lock(),
        };
        match taken {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(DevServerError::files(path)(source)),
        }
    }

    /// Takes the lock within a time.
    pub(super) async fn take(path: &Path, kind: Kind, patience: Duration) -> Result<Self, DevServerError> {
        let begun = Instant::now();
        loop {
            match Self::attempt(path, kind, begun, patience)? {
                Some(lock) => return Ok(lock),
                None => tokio::time::sleep(RETRY).await,
            }
        }
    }

    /// The same, for those who cannot await.
    pub(super) fn take_blocking(path: &Path, kind: Kind, patience: Duration) -> Result<Self, DevServerError> {
        let begun = Instant::now();
        loop {
            match Self::attempt(path, kind, begun, patience)? {
                Some(lock) => return Ok(lock),
                None => std::thread::sleep(RETRY),
            }
        }
    }

    fn attempt(
        path: &Path,
        kind: Kind,
        begun: Instant,
        patience: Duration,
    ) -> Result<Option<Self>, DevServerError> {
        match Self::try_take(path, kind)? {
            None if begun.elapsed() >= patience => {
                Err(DevServerError::Busy { lock: path.to_owned(), patience })
            }
            attempt => Ok(attempt),
        }
    }

    /// Gives the lock back at once, even while a child between fork and exec still shares the open file.
    pub(super) fn release(self) {
        // Failing here harms nobody: closing the file gives the lock back.
        let _ = self.0.unlock();
    }

    /// The open file, for a child that shall hold the lock from now on.
    pub(super) fn into_file(self) -> File {
        self.0
    }
}

/// Whether somebody holds the lock. A file that is not there is held by nobody.
pub(super) fn is_held(path: &Path) -> Result<bool, DevServerError> {
    match File::open(path) {
        Ok(file) => match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(source)) => Err(DevServerError::files(path)(source)),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(DevServerError::files(path)(source)),
    }
}

/// Makes a directory that only its owner can look into, and those above it.
pub(super) fn private_directory(path: &Path) -> Result<(), DevServerError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(DevServerError::files(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;

    #[test]
    fn an_exclusive_lock_keeps_others_out_until_it_is_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        assert!(!is_held(&path).unwrap());
        let lock = Lock::take_blocking(&path, Kind::Exclusive, NOW).unwrap();
        assert!(is_held(&path).unwrap());
        let busy = Lock::take_blocking(&path, Kind::Shared, NOW).unwrap_err();
        assert!(matches!(busy, DevServerError::Busy { .. }), "{busy}");
        lock.release();
        assert!(!is_held(&path).unwrap());
        assert!(Lock::try_take(&path, Kind::Exclusive).unwrap().is_some());
    }

    #[test]
    fn sharers_keep_an_exclusive_lock_away_until_the_last_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        let [one, two] = [(); 2].map(|()| Lock::try_take(&path, Kind::Shared).unwrap().unwrap());
        one.release();
        assert!(Lock::try_take(&path, Kind::Exclusive).unwrap().is_none());
        two.release();
        assert!(Lock::try_take(&path, Kind::Exclusive).unwrap().is_some());
    }
}
