//! [`TemporalBackend`]: threads on a Temporal server, from any process that reaches it.
//!
//! * `start` begins threads and opens them again; `beginning` is what a run is started with.
//! * `session` is a thread as its clients see it: `submit` brings ops, `updates` brings events.
//! * `catalogue` lists threads and looks at them; `deletion` deletes them.
//! * `journal` is what forks and exports are made of.
//! * `moving` takes threads in that lived elsewhere, and lets threads go.
//! * `past` brings back what a run holds no more, by replaying histories; no worker is needed for that.
//! * `line` asks the workflow of a thread, with deadlines; `attendance` knows whether a worker polls a queue.
//!
//! Nothing here serves a thread: a worker does ([`crate::TemporalWorker`]), in this process or in another.

mod attendance;
mod beginning;
mod catalogue;
mod deletion;
mod error;
mod journal;
mod line;
mod moving;
mod past;
mod session;
mod start;
mod submit;
mod updates;

pub use error::TemporalError;
pub use moving::{Moving, Stay};
pub use session::{SubmitOutcome, TemporalSession};

use crate::{FileBlobs, wire::RunOptions};
use agent_core::{BlobId, Library, RULES, Redactor, Settings, StorageError};
use attendance::{Attendance, OwnQueue};
use journal::Bookmark;
use line::Line;
use session::Until;
use sink::Bus;
use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex},
};
use temporalio_client::Client;

/// How a client works with threads on Temporal.
#[derive(Clone)]
pub struct BackendOptions {
    /// Brings wake-ups and pieces of items in the making. Without a worker on the same bus there are none of either: events
    /// are asked for, and items come whole.
    pub bus: Arc<dyn Bus>,
    /// Where large content is kept: the folder of the worker that owns the workspace.
    pub blobs: Arc<FileBlobs>,
    /// Secrets that must not leave this process.
    pub redactor: Redactor,
    /// The queue of new threads.
    pub queue: String,
    /// How new runs work.
    pub run: RunOptions,
    /// How durable new threads are, in words for their users.
    pub durability: String,
    /// Answers ops that only look something up; without one they are refused.
    pub library: Option<Arc<dyn Library>>,
}

/// Threads on a Temporal server. Clones share everything.
#[derive(Clone, Debug)]
pub struct TemporalBackend {
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    bus: Arc<dyn Bus>,
    blobs: Arc<FileBlobs>,
    redactor: Redactor,
    queue: String,
    run: RunOptions,
    durability: String,
    library: Option<Arc<dyn Library>>,
    attendance: Attendance,
    bookmark: Mutex<Option<Bookmark>>,
}

impl TemporalBackend {
    /// Works with the threads of the client's namespace.
    pub fn new(client: Client, options: BackendOptions) -> Self {
        let BackendOptions { bus, blobs, redactor, queue, run, durability, library } = options;
        let attendance = Attendance::new(client.clone());
        let bookmark = Mutex::default();
        let run = RunOptions { rules: run.rules.or(Some(RULES)), ..run };
        let shared =
            Shared { client, bus, blobs, redactor, queue, run, durability, library, attendance, bookmark };
        Self { shared: Arc::new(shared) }
    }

    /// The same, where the queue of new threads is served by processes of this data folder alone, each of which holds this
    /// lock meanwhile, as a [`crate::Shift`] does. So a worker that has ended is not taken for one that is slow to answer.
    #[must_use]
    pub fn guarded_by(self, lock: PathBuf) -> Self {
        self.shared.attendance.learn(OwnQueue { queue: self.shared.queue.clone(), lock });
        self
    }

    /// The queue of new threads.
    pub fn queue(&self) -> &str {
        &self.shared.queue
    }

    /// Keeps bytes that a submission is going to refer to, for example an image. They are durable on return.
    ///
    /// # Errors
    /// They are too many, or the disk does not take them.
    pub async fn put_blob(&self, bytes: &[u8]) -> Result<BlobId, StorageError> {
        agent_core::BlobKeeper::keep(&*self.shared.blobs, bytes).await
    }

    fn session(
        &self,
        line: Line,
        queue: String,
        until: Until,
        settings: Option<Settings>,
    ) -> TemporalSession {
        TemporalSession::new(Arc::clone(&self.shared), line, queue, until, settings)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TemporalBackend")
            .field("queue", &self.queue)
            .field("bus", &self.bus)
            .field("blobs", &self.blobs)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for BackendOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackendOptions").field("queue", &self.queue).finish_non_exhaustive()
    }
}
