//! Which threads need which archived items, so that those are dropped that none needs any more.
//!
//! A thread has a folder with an empty file for each blob that it needs, named by the blob. Threads may share a blob: a fork
//! begins with what the thread before it had archived. Whoever marks or drops has the lock meanwhile.

use super::{FileBlobs, failed, make_private};
use agent_core::{BlobId, StorageError, ThreadKey};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

const FOLDER: &str = "archives";
const LOCK: &str = "lock";
/// Ends the name of a mark of what the thread began with. Forks of early turns need it as long as there is the thread.
const ORIGIN: &str = "origin";

/// Why a thread needs a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Its conversation goes through it, until it is summarised.
    Conversation,
    /// It began with it.
    Origin,
}

impl FileBlobs {
    /// Keeps archived items of a thread.
    pub(crate) fn archive(&self, key: &ThreadKey, json: &[u8]) -> Result<BlobId, StorageError> {
        let _lock = self.lock_archives().map_err(|error| failed("archived items cannot be kept", error))?;
        let blob = self.write(json)?;
        self.mark(key, &blob, Need::Conversation)
            .map_err(|error| failed("archived items cannot be kept", error))?;
        Ok(blob)
    }

    /// Marks blobs as needed by a thread, those that are here.
    pub(crate) fn need<'a>(
        &self,
        key: &ThreadKey,
        blobs: impl IntoIterator<Item = &'a BlobId>,
        need: Need,
    ) -> Result<(), StorageError> {
        let mut blobs = blobs.into_iter().peekable();
        // Whoever has no such disk needs none.
        if blobs.peek().is_none() {
            return Ok(());
        }
        let mark = || -> io::Result<()> {
            let _lock = self.lock_archives()?;
            for blob in blobs {
                if self.path(blob).try_exists()? {
                    self.mark(key, blob, need)?;
                }
            }
            Ok(())
        };
        mark().map_err(|error| failed("archived items cannot be kept", error))
    }

    /// Drops what the conversation of a thread goes through no more, where no other thread needs it. What was dropped.
    pub(crate) fn keep_only(&self, key: &ThreadKey, keep: &[BlobId]) -> io::Result<Vec<BlobId>> {
        let keep: BTreeSet<PathBuf> =
            keep.iter().map(|blob| self.mark_path(key, blob, Need::Conversation)).collect();
        self.drop_marks(key, |mark| mark.extension().is_some() || keep.contains(mark))
    }

    /// Drops all that only this thread needs: it was deleted.
    pub(crate) fn drop_all(&self, key: &ThreadKey) -> io::Result<Vec<BlobId>> {
        let dropped = self.drop_marks(key, |_| false)?;
        match fs::remove_dir(self.marks(key)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(dropped),
        }
    }

    fn drop_marks(&self, key: &ThreadKey, keep: impl Fn(&Path) -> bool) -> io::Result<Vec<BlobId>> {
        let mut dropped = Vec::new();
        let _lock = self.lock_archives()?;
        for mark in entries(&self.marks(key))? {
            if keep(&mark) {
                continue;
            }
            fs::remove_file(&mark)?;
            let Some(blob) = mark.file_stem().and_then(|name| name.to_str()) else { continue };
            let Ok(blob) = serde_json::from_value(serde_json::Value::from(blob)) else { continue };
            if !self.is_marked(&blob)? {
                match fs::remove_file(self.path(&blob)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => dropped.push(blob),
                }
            }
        }
        Ok(dropped)
    }

    /// Whether any thread needs a blob.
    fn is_marked(&self, blob: &BlobId) -> io::Result<bool> {
        let name = self.path(blob);
        let Some(name) = name.file_name() else { return Ok(false) };
        for thread in entries(&self.folder.join(FOLDER))?.iter().filter(|entry| entry.is_dir()) {
            if thread.join(name).try_exists()? || thread.join(name).with_extension(ORIGIN).try_exists()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn mark(&self, key: &ThreadKey, blob: &BlobId, need: Need) -> io::Result<()> {
        make_private(&self.marks(key))?;
        File::create(self.mark_path(key, blob, need))?;
        Ok(())
    }

    fn mark_path(&self, key: &ThreadKey, blob: &BlobId, need: Need) -> PathBuf {
        let path = self.marks(key).join(self.path(blob).file_name().unwrap_or_default());
        match need {
            Need::Conversation => path,
            Need::Origin => path.with_extension(ORIGIN),
        }
    }

    /// A thread's folder. An id from outside is no path.
    fn marks(&self, key: &ThreadKey) -> PathBuf {
        let name = BlobId::of(format!("{}/{}", key.tenant, key.thread).as_bytes());
        self.folder.join(FOLDER).join(self.path(&name).file_name().unwrap_or_default())
    }

    fn lock_archives(&self) -> io::Result<File> {
        let folder = self.folder.join(FOLDER);
        make_private(&folder)?;
        let lock = File::options().create(true).truncate(false).write(true).open(folder.join(LOCK))?;
        lock.lock()?;
        Ok(lock)
    }
}

/// What is in a folder; nothing where there is none.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::{Tenant, ThreadId};

    fn key(thread: &str) -> ThreadKey {
        ThreadKey { tenant: Tenant::default(), thread: ThreadId::new(thread) }
    }

    #[test]
    fn what_no_thread_needs_is_dropped_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = FileBlobs::new(folder.path().join("blobs"));
        let (a, b) = (key("a"), key("b"));
        let picture = blobs.write(b"picture").unwrap();
        let one = blobs.archive(&a, b"[1]").unwrap();
        let two = blobs.archive(&a, b"[2]").unwrap();
        let shared = blobs.archive(&a, b"[3]").unwrap();
        let origin = blobs.archive(&a, b"[4]").unwrap();
        blobs.need(&b, [&shared, &BlobId::of(b"not here")], Need::Conversation).unwrap();
        blobs.need(&b, [&origin], Need::Origin).unwrap();
        assert_eq!(blobs.keep_only(&a, std::slice::from_ref(&two)).unwrap(), std::slice::from_ref(&one));
        let there = |blob: &BlobId| blobs.read(blob).unwrap().is_some();
        assert_eq!([&picture, &one, &two, &shared, &origin].map(there), [true, false, true, true, true]);
        assert_eq!(blobs.keep_only(&b, &[]).unwrap(), [shared]);
        assert!(there(&origin), "forks of early turns need it");
        assert_eq!(blobs.drop_all(&b).unwrap(), [origin]);
        assert_eq!(blobs.drop_all(&a).unwrap(), [two]);
        assert_eq!(blobs.drop_all(&a).unwrap(), []);
        assert!(there(&picture));
    }
}
