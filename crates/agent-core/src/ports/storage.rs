//! [`StorageBackend`]: a thread's journal.

use crate::{
    protocol::{BlobId, Event},
    thread::{Record, Thread},
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// The journal of one thread, opened by one writer.
///
/// Which thread, whose, and where is fixed when the value is made. Opening for writing takes a fence: from then on
/// every write of an earlier writer fails with [`StorageError::Fenced`], however late it wakes up.
#[cfg_attr(feature = "test-util", mockall::automock)]
#[async_trait]
pub trait StorageBackend: Send + Sync {
    /// Writes a record and the events it produced, both or neither. `Ok` means that they survive the death of this
    /// process (of the machine, where the backend says so). Records come with consecutive `seq`. The same record
    /// again is a no-op; another one under a known `seq`, or a gap, is a [`StorageError::Conflict`].
    /// After an error it is unknown whether the record is in: the caller drops its `Thread` and loads.
    async fn append(&self, record: &Record, events: &[Event]) -> Result<(), StorageError>;

    /// The thread as it is after the append that has just succeeded. A backend that answers questions about a thread
    /// while it is served keeps here what it needs; it must be quick.
    fn committed(&self, _thread: &Thread) {}

    /// The latest snapshot and the commits after it, in order. Empty for a thread that was never written.
    async fn load(&self) -> Result<Stored, StorageError>;

    /// Keeps a snapshot of the thread as it is after its last appended record. Earlier ones may be dropped,
    /// records may not. Losing it loses only time.
    async fn save_snapshot(&self, thread: &Thread) -> Result<(), StorageError>;

    /// Events with a number above `after`, in order, at most `limit`. Any number of readers, none of them fenced.
    async fn events(&self, after: u64, limit: usize) -> Result<Vec<Event>, StorageError>;

    /// Keeps bytes under their digest. Durable on return; the same bytes twice are kept once.
    async fn put_blob(&self, bytes: &[u8]) -> Result<BlobId, StorageError>;

    /// The bytes of a blob, `None` where there is none.
    async fn get_blob(&self, id: &BlobId) -> Result<Option<Vec<u8>>, StorageError>;
}

/// Where a model streamer reads the blobs that items refer to. Every [`StorageBackend`] is one.
#[async_trait]
pub trait BlobSource: Send + Sync {
    /// The bytes of a blob, `None` where there is none.
    async fn blob(&self, id: &BlobId) -> Result<Option<Vec<u8>>, StorageError>;
}

#[async_trait]
impl<S: StorageBackend + ?Sized> BlobSource for S {
    async fn blob(&self, id: &BlobId) -> Result<Option<Vec<u8>>, StorageError> {
        self.get_blob(id).await
    }
}

/// Where large content goes. Every [`StorageBackend`] is one.
#[async_trait]
pub trait BlobKeeper: Send + Sync {
    /// Keeps bytes under their digest; durable on return.
    async fn keep(&self, bytes: &[u8]) -> Result<BlobId, StorageError>;
}

#[async_trait]
impl<S: StorageBackend + ?Sized> BlobKeeper for S {
    async fn keep(&self, bytes: &[u8]) -> Result<BlobId, StorageError> {
        self.put_blob(bytes).await
    }
}

/// What one append wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Commit {
    /// The input.
    pub record: Record,
    /// What it produced.
    pub events: Vec<Event>,
}

/// What is stored of a thread.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// The latest snapshot.
    pub snapshot: Option<Box<Thread>>,
    /// The commits after it, or all of them.
    pub tail: Vec<Commit>,
}

/// Why storage failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// Another writer has taken the thread.
    #[error("another process has taken over this thread; this one must not write any more")]
    Fenced,
    /// Another record is stored under this number, or one before it is missing.
    #[error("the journal does not continue at record {seq}; the thread must be loaded again")]
    Conflict {
        /// The number.
        seq: u64,
    },
    /// There is no room left.
    #[error("no space is left to store the thread; free some and resume, nothing committed is lost")]
    Full,
    /// What is stored makes no sense.
    #[error("the stored thread cannot be read: {message}")]
    Corrupt {
        /// What and where.
        message: String,
    },
    /// Something below failed.
    #[error("storage failed: {message}")]
    Io {
        /// What.
        message: String,
        /// Its cause.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

impl StorageError {
    /// Whether loading the thread and trying again may help.
    pub fn retry(&self) -> bool {
        match self {
            Self::Io { .. } | Self::Conflict { .. } => true,
            Self::Fenced | Self::Full | Self::Corrupt { .. } => false,
        }
    }

    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Fenced => "fenced",
            Self::Conflict { .. } => "conflict",
            Self::Full => "full",
            Self::Corrupt { .. } => "corrupt",
            Self::Io { .. } => "io",
        }
    }
}
