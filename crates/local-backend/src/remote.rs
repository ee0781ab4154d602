//! [`RemoteSession`]: a thread that another process serves, or nobody, reached through the database.

use crate::{
    Database, LocalError, ThreadReader,
    blobs::{self, Keeper},
    inbox::{check, full, unavailable},
    lease,
    lookup::Desk,
    queue::{Found, Put, Queue},
    updates::{self, session_error},
};
use agent_core::{
    Accepted, AgentSession, BlobId, Cursor, Library, OpId, Redactor, Refusal, Server, SessionError,
    StorageError, Submission, ThreadKey, Update,
};
use async_trait::async_trait;
use futures::stream::BoxStream;
use std::{sync::Arc, time::Duration};

/// How often a client that waits for an answer looks whether anybody is there to give it.
const SERVER_CHECK: Duration = Duration::from_millis(500);

/// A thread from outside the process that serves it. Events come within some 30 ms of their commit, live pieces not
/// at all.
#[derive(Clone, Debug)]
pub struct RemoteSession {
    reader: ThreadReader,
    redactor: Redactor,
    desk: Desk,
}

/// What became of an op that was submitted from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubmitOutcome {
    /// It was applied, now or when it came first.
    Accepted(Accepted),
    /// Nobody serves the thread. The op is kept, and taken up when somebody resumes it.
    Queued,
}

impl Database {
    /// A session for a thread that another process serves, or nobody. Secrets in what is submitted are not known
    /// here, nor what can be looked up; see [`RemoteSession::with_redactor`] and [`RemoteSession::with_library`].
    pub async fn attach(&self, key: &ThreadKey) -> Result<RemoteSession, LocalError> {
        Ok(RemoteSession {
            reader: ThreadReader::open(self, key).await?,
            redactor: Redactor::default(),
            desk: Desk::default(),
        })
    }

    /// Who serves a thread, if anybody.
    pub fn server(&self, key: &ThreadKey) -> Result<Option<Server>, LocalError> {
        lease::server(self, key)
    }
}

impl RemoteSession {
    /// The same, with secrets taken out of what is submitted.
    #[must_use]
    pub fn with_redactor(self, redactor: Redactor) -> Self {
        Self { redactor, ..self }
    }

    /// The same, with what answers the ops that look something up.
    #[must_use]
    pub fn with_library(self, library: Option<Arc<dyn Library>>) -> Self {
        Self { desk: Desk::new(library), ..self }
    }

    /// Submits an op and waits for its answer for as long as somebody serves the thread.
    ///
    /// # Errors
    /// As [`AgentSession::submit`].
    pub async fn submit_or_queue(&self, submission: Submission) -> Result<SubmitOutcome, SessionError> {
        let submission = self
            .redactor
            .scrub_value(submission)
            .map_err(|error| Refusal::Malformed { why: error.to_string() })?;
        if let Some(query) = submission.op.query() {
            let accepted = self.desk.answer(&self.reader, &submission.tenant, query).await?;
            return Ok(SubmitOutcome::Accepted(accepted));
        }
        let body = check(&self.key().tenant, &submission)?;
        let queue = Queue { database: self.reader.database.clone(), thread: self.reader.thread };
        let mut watch = self.reader.database.watch();
        match queue.put(&submission.op_id, &body).await.map_err(unavailable)? {
            Put::Queued | Put::Waiting => {}
            Put::Answered(reply) => return Ok(SubmitOutcome::Accepted(reply.repeated()?)),
            Put::Full => {
                self.reader.lives_here().await.map_err(session_error)?;
                return Err(full().into());
            }
        }
        loop {
            // Whoever serves the thread may answer and go away: look for it first, then for the answer.
            let served = self.reader.database.server(self.key()).map_err(session_error)?.is_some();
            let look_again = tokio::time::sleep(SERVER_CHECK);
            tokio::pin!(look_again);
            loop {
                if let Some(answer) = self.answer(&queue, &submission.op_id).await? {
                    return Ok(SubmitOutcome::Accepted(answer));
                }
                if !served {
                    return Ok(SubmitOutcome::Queued);
                }
                tokio::select! {
                    () = watch.changed() => {}
                    () = &mut look_again => break,
                }
            }
        }
    }

    async fn answer(&self, queue: &Queue, op: &OpId) -> Result<Option<Accepted>, SessionError> {
        match queue.find(op).await.map_err(unavailable)? {
            Found::Answered(reply) => Ok(Some(reply.first()?)),
            Found::Waiting => Ok(None),
            Found::Nothing => Err(SessionError::UnknownThread { id: self.key().thread.to_string() }),
        }
    }

    /// Keeps bytes that a submission is going to refer to, for example an image.
    pub async fn put_blob(&self, bytes: &[u8]) -> Result<BlobId, StorageError> {
        let ThreadReader { database, key, thread } = &self.reader;
        blobs::put(database, &key.tenant, *thread, Keeper::Client, bytes).await
    }

    /// The thread's journal.
    pub fn reader(&self) -> &ThreadReader {
        &self.reader
    }
}

#[async_trait]
impl AgentSession for RemoteSession {
    fn key(&self) -> &ThreadKey {
        self.reader.key()
    }

    async fn submit(&self, submission: Submission) -> Result<Accepted, SessionError> {
        match self.submit_or_queue(submission).await? {
            SubmitOutcome::Accepted(accepted) => Ok(accepted),
            SubmitOutcome::Queued => Err(SessionError::Unavailable {
                message: "nobody serves it; the op is kept and taken up when the thread is resumed".into(),
                source: None,
            }),
        }
    }

    fn updates(&self, after: Cursor) -> BoxStream<'static, Result<Update, SessionError>> {
        updates::elsewhere(self.reader.clone(), after)
    }
}
