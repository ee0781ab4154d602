//! [`TemporalSession`]: a thread on Temporal as its clients see it.

use super::{Line, Shared, updates};
use agent_core::{
    Accepted, AgentSession, BlobId, BlobKeeper, Cursor, SessionError, Settings, StorageError, Submission,
    ThreadKey, Update,
};
use async_trait::async_trait;
use futures::stream::BoxStream;
use std::sync::Arc;
use tokio::sync::watch;

/// A handle on a thread. Any number of them may be open, in any number of processes; dropping one stops nothing.
#[derive(Clone, Debug)]
pub struct TemporalSession {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) shared: Arc<Shared>,
    pub(super) line: Line,
    /// Whose workers serve the thread.
    pub(super) queue: String,
    until: Until,
    settings: Option<Settings>,
    /// The last event there was when an op was accepted here: there is something to read.
    pub(super) accepted: watch::Sender<u64>,
}

/// How long a reader is told what happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// Until the thread is shut down: the session is of whoever started or resumed it.
    Shutdown,
    /// Until the reader leaves: the thread may be resumed by somebody.
    Left,
}

/// What became of an op that need not be answered at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubmitOutcome {
    /// It was applied, now or when it came first.
    Accepted(Accepted),
    /// Nobody serves the thread. The server has the op, durably, and the next worker takes it up.
    Queued,
}

impl TemporalSession {
    pub(super) fn new(
        shared: Arc<Shared>,
        line: Line,
        queue: String,
        until: Until,
        settings: Option<Settings>,
    ) -> Self {
        let accepted = watch::Sender::new(0);
        Self { inner: Arc::new(Inner { shared, line, queue, until, settings, accepted }) }
    }

    /// What the thread ran under when the session began; nothing where it was only attached to.
    pub fn first_settings(&self) -> Option<&Settings> {
        self.inner.settings.as_ref()
    }

    /// The queue whose workers serve the thread.
    pub fn queue(&self) -> &str {
        &self.inner.queue
    }

    /// Submits an op, and leaves it with the server where nobody serves the thread.
    ///
    /// # Errors
    /// As [`AgentSession::submit`]. What is left with the server is refused, if it is, when a worker comes to it.
    pub async fn submit_or_queue(&self, submission: Submission) -> Result<SubmitOutcome, SessionError> {
        self.inner.submit_or_queue(submission).await
    }

    /// Keeps bytes that a submission is going to refer to, for example an image. They are durable on return.
    ///
    /// # Errors
    /// They are too many, or the disk does not take them.
    pub async fn put_blob(&self, bytes: &[u8]) -> Result<BlobId, StorageError> {
        self.inner.shared.blobs.keep(bytes).await
    }
}

#[async_trait]
impl AgentSession for TemporalSession {
    fn key(&self) -> &ThreadKey {
        &self.inner.line.key
    }

    async fn submit(&self, submission: Submission) -> Result<Accepted, SessionError> {
        self.inner.submit(submission).await
    }

    /// As promised, and it heals by itself: while the server or the worker is away the reader is told so and waits. It ends
    /// when the thread is shut down, for the session of whoever started or resumed it, and with an error when there is no
    /// such thread any more or its workflow was ended from outside.
    fn updates(&self, after: Cursor) -> BoxStream<'static, Result<Update, SessionError>> {
        updates::of(&self.inner, self.inner.until, after)
    }
}
