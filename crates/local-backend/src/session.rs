//! [`LocalSession`]: a thread that this process serves.

use crate::{
    LocalError, LocalInbox, ThreadReader,
    blobs::{self, Keeper},
    driver::{Ending, Served},
    lookup::Desk,
    updates,
};
use agent_core::{
    Accepted, AgentSession, BlobId, Cursor, Exit, Redactor, Refusal, SessionError, Settings, StorageError,
    Submission, ThreadKey, Update,
};
use async_trait::async_trait;
use futures::stream::BoxStream;
use sink::Channel;
use std::{sync::Arc, time::Duration};

/// How long [`LocalSession::close`] waits for the driver to return by itself.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);

/// A thread and the driver that serves it. Clones share both; when the last one is dropped the driver stops: what
/// runs is cancelled, the lease is given back, and the next resume finds the thread as its journal tells it.
#[derive(Clone, Debug)]
pub struct LocalSession {
    shared: Arc<Shared>,
}

/// What the clones of a session share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) reader: ThreadReader,
    pub(crate) inbox: Arc<LocalInbox>,
    pub(crate) channel: Arc<Channel>,
    pub(crate) served: Served,
    pub(crate) redactor: Redactor,
    pub(crate) desk: Desk,
    pub(crate) settings: Settings,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.served.task.abort();
    }
}

impl LocalSession {
    pub(crate) fn new(shared: Shared) -> Self {
        Self { shared: Arc::new(shared) }
    }

    /// Waits until the driver has ended. The lease is back by then.
    ///
    /// # Errors
    /// Why the driver could not go on.
    pub async fn wait(&self) -> Result<Exit, LocalError> {
        let mut ending = self.shared.served.ending.clone();
        let ending = ending.wait_for(|ending| !ending.is_running()).await;
        match ending.as_deref() {
            Ok(Ending::Exited(exit)) => Ok(*exit),
            Ok(Ending::Failed(error)) => Err(LocalError::Driver(Arc::clone(error))),
            Ok(Ending::Running | Ending::Stopped) | Err(_) => Err(LocalError::Stopped),
        }
    }

    /// Stops serving the thread, also for the clones of this session, and waits until the lease is back. What runs
    /// is cancelled; a turn goes on at the next resume.
    ///
    /// # Errors
    /// As [`LocalSession::wait`].
    pub async fn close(&self) -> Result<Exit, LocalError> {
        self.shared.inbox.close();
        if let Ok(ended) = tokio::time::timeout(CLOSE_PATIENCE, self.wait()).await {
            return ended;
        }
        self.shared.served.task.abort();
        self.wait().await
    }

    /// Keeps bytes that a submission is going to refer to, for example an image.
    pub async fn put_blob(&self, bytes: &[u8]) -> Result<BlobId, StorageError> {
        let ThreadReader { database, key, thread } = &self.shared.reader;
        blobs::put(database, &key.tenant, *thread, Keeper::Client, bytes).await
    }

    /// What the thread ran under when this session began.
    pub fn first_settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// The thread's journal.
    pub fn reader(&self) -> &ThreadReader {
        &self.shared.reader
    }

    fn ending(&self) -> Ending {
        self.shared.served.ending.borrow().clone()
    }
}

#[async_trait]
impl AgentSession for LocalSession {
    fn key(&self) -> &ThreadKey {
        self.shared.reader.key()
    }

    async fn submit(&self, submission: Submission) -> Result<Accepted, SessionError> {
        if let Ending::Exited(_) = self.ending() {
            return Err(Refusal::Closed.into());
        }
        // The queue keeps an op until it is answered, so secrets must not even enter it.
        let submission = self
            .shared
            .redactor
            .scrub_value(submission)
            .map_err(|error| Refusal::Malformed { why: error.to_string() })?;
        if let Some(query) = submission.op.query() {
            return self.shared.desk.answer(&self.shared.reader, &submission.tenant, query).await;
        }
        match self.shared.inbox.submit(submission).await {
            Err(error @ SessionError::Unavailable { .. }) => Err(self.ending().error().unwrap_or(error)),
            other => other,
        }
    }

    fn updates(&self, after: Cursor) -> BoxStream<'static, Result<Update, SessionError>> {
        let Shared { reader, channel, served, .. } = &*self.shared;
        updates::served(reader.clone(), channel.listen(), served.ending.clone(), after)
    }
}
