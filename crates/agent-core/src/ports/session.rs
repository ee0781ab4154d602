//! [`AgentSession`]: a thread as its clients see it.

use crate::protocol::{Accepted, Event, Live, Refusal, Submission, ThreadKey};
use async_trait::async_trait;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};

/// A handle on one thread, wherever it runs. Any number of them may be open; dropping one stops nothing
/// that is durable.
#[cfg_attr(feature = "test-util", mockall::automock)]
#[async_trait]
pub trait AgentSession: Send + Sync {
    /// Which thread.
    fn key(&self) -> &ThreadKey;

    /// Submits an op. `Ok` means that it is durable and has been, or had been, applied. After any error but a
    /// refusal it is unknown whether it arrived: submit it again with the same `op_id`.
    async fn submit(&self, submission: Submission) -> Result<Accepted, SessionError>;

    /// Everything after the cursor, then what comes, until dropped. Durable events come in order without gaps; live
    /// pieces only while they happen.
    fn updates(&self, after: Cursor) -> BoxStream<'static, Result<Update, SessionError>>;
}

/// A place in a thread's events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The last event that was read; 0 for none.
    pub seq: u64,
    /// The digest of all events up to it, on backends whose events can be taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

impl Cursor {
    /// After the event with this number.
    pub fn after(seq: u64) -> Self {
        Self { seq, digest: None }
    }
}

/// What a reader is told.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Update {
    /// A durable event.
    Event(Event),
    /// A piece of an item in the making.
    Live(Live),
    /// Events that are kept no more.
    Gap {
        /// The first of them.
        from: u64,
        /// The last.
        to: u64,
    },
    /// Events after this number were taken back; they come anew.
    Rewind {
        /// The last one that holds.
        to: u64,
    },
    /// How it stands with what the events come from.
    Notice(Notice),
}

/// What a reader should know besides the events: they may be late for a while. Nothing is lost, and it heals by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Notice {
    /// The server that keeps the thread does not answer.
    ServerAway {
        /// Which, why, and what can be done.
        message: String,
    },
    /// Nobody serves the thread at the moment.
    WorkerAway {
        /// What can be done.
        message: String,
    },
    /// Pieces of items in the making do not come; items come whole when they are done.
    BusAway {
        /// Which, and why.
        message: String,
    },
    /// What was away is back.
    Back {
        /// What it was.
        message: String,
    },
}

/// Why a session could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The thread does not take the op.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no such thread.
    #[error("there is no thread {id}")]
    UnknownThread {
        /// The id given.
        id: String,
    },
    /// The thread is served by nobody who could take the op, or its backend is away.
    #[error("the thread cannot be reached: {message}")]
    Unavailable {
        /// Why, and what to do.
        message: String,
        /// Its cause.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

impl SessionError {
    /// Whether the same submission may be tried again.
    pub fn retry(&self) -> bool {
        match self {
            Self::Refused(_) | Self::UnknownThread { .. } => false,
            Self::Unavailable { .. } => true,
        }
    }
}
