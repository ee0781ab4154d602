//! [`MemoryStorage`]: a journal in memory that can fail like a process that dies.

use crate::{BlobId, Commit, Event, Record, StorageBackend, StorageError, Stored, Thread};
use async_trait::async_trait;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A journal in memory. Clones share it, as two processes share a database: [`MemoryStorage::reopen`] is the
/// next writer and fences the ones before.
#[derive(Clone, Debug, Default)]
pub struct MemoryStorage {
    shared: Arc<Mutex<Shelf>>,
    generation: u64,
}

#[derive(Debug, Default)]
struct Shelf {
    commits: Vec<Commit>,
    snapshot: Option<Box<Thread>>,
    blobs: BTreeMap<BlobId, Vec<u8>>,
    generation: u64,
    crash: Option<(u64, CrashPoint)>,
}

/// Where an append dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashPoint {
    /// Nothing was written.
    BeforeCommit,
    /// All was written, and the caller never learns of it.
    AfterCommit,
}

impl MemoryStorage {
    /// Takes the journal over from every earlier writer.
    pub fn reopen(&self) -> Self {
        let mut shelf = self.shelf();
        shelf.generation += 1;
        Self { shared: Arc::clone(&self.shared), generation: shelf.generation }
    }

    /// The append of record `seq` dies at `point`, once.
    pub fn crash_at(&self, seq: u64, point: CrashPoint) {
        self.shelf().crash = Some((seq, point));
    }

    /// All that was committed.
    pub fn commits(&self) -> Vec<Commit> {
        self.shelf().commits.clone()
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl StorageBackend for MemoryStorage {
    async fn append(&self, record: &Record, events: &[Event]) -> Result<(), StorageError> {
        let mut shelf = self.shelf();
        if shelf.generation != self.generation {
            return Err(StorageError::Fenced);
        }
        let commit = Commit { record: record.clone(), events: events.to_vec() };
        let next = shelf.commits.len() as u64 + 1;
        if record.seq < next {
            let known = record.seq.checked_sub(1).and_then(|at| shelf.commits.get(at as usize));
            return if known == Some(&commit) {
                Ok(())
            } else {
                Err(StorageError::Conflict { seq: record.seq })
            };
        }
        if record.seq > next {
            return Err(StorageError::Conflict { seq: record.seq });
        }
        let crash = shelf.crash.take_if(|(seq, _)| *seq == record.seq).map(|(_, point)| point);
        let died = || StorageError::Io { message: "the process died".into(), source: None };
        match crash {
            Some(CrashPoint::BeforeCommit) => Err(died()),
            Some(CrashPoint::AfterCommit) => {
                shelf.commits.push(commit);
                Err(died())
            }
            None => {
                shelf.commits.push(commit);
                Ok(())
            }
        }
    }

    async fn load(&self) -> Result<Stored, StorageError> {
        let shelf = self.shelf();
        let snapshot = shelf.snapshot.clone();
        let known = snapshot.as_ref().map_or(0, |thread| thread.input_seq());
        let tail = shelf.commits.iter().filter(|commit| commit.record.seq > known).cloned().collect();
        Ok(Stored { snapshot, tail })
    }

    async fn save_snapshot(&self, thread: &Thread) -> Result<(), StorageError> {
        let mut shelf = self.shelf();
        if shelf.generation != self.generation {
            return Err(StorageError::Fenced);
        }
        shelf.snapshot = Some(Box::new(thread.clone()));
        Ok(())
    }

    async fn events(&self, after: u64, limit: usize) -> Result<Vec<Event>, StorageError> {
        let shelf = self.shelf();
        let events = shelf.commits.iter().flat_map(|commit| &commit.events);
        Ok(events.filter(|event| event.seq > after).take(limit).cloned().collect())
    }

    async fn put_blob(&self, bytes: &[u8]) -> Result<BlobId, StorageError> {
        let id = BlobId::of(bytes);
        self.shelf().blobs.insert(id.clone(), bytes.to_vec());
        Ok(id)
    }

    async fn get_blob(&self, id: &BlobId) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.shelf().blobs.get(id).cloned())
    }
}
