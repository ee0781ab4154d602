//! [`TemporalError`]: why something could not be had of a thread on Temporal.

use agent_core::{ApplyError, ReplayError, RunError, SessionError, StorageError, TurnId};

/// Why a client of threads on Temporal could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TemporalError {
    /// There is no such thread, or the server keeps it no more.
    #[error("there is no thread {id}")]
    UnknownThread {
        /// The id given.
        id: String,
    },
    /// The thread's workflow was ended by somebody else than the thread.
    #[error(
        "thread {id} cannot go on: its workflow {how}; fork it to go on with its past, or look at the workflow {workflow} \
         on the server"
    )]
    Ended {
        /// The thread.
        id: String,
        /// What became of the workflow.
        how: &'static str,
        /// Its workflow id.
        workflow: String,
    },
    /// What the thread begins with does not fit.
    #[error(
        "the thread would begin with {bytes} bytes beside its conversation, and {limit} are allowed: shorten the \
         instructions, or offer fewer tools"
    )]
    TooLarge {
        /// How many bytes.
        bytes: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// The server does not answer.
    #[error("the Temporal server does not answer: {message}")]
    ServerAway {
        /// Why.
        message: String,
    },
    /// No worker answers for the thread.
    #[error("{message}")]
    NoWorker {
        /// Which queue, and what can be done.
        message: String,
    },
    /// The server does not do it.
    #[error("the Temporal server refuses it: {message}")]
    Refused {
        /// Why.
        message: String,
    },
    /// What the server has of the thread cannot be read.
    #[error("what Temporal has of the thread cannot be read: {message}")]
    Unreadable {
        /// Why.
        message: String,
    },
    /// The beginning of the thread is gone.
    #[error(
        "the beginning of thread {id} is gone: the server kept its history up to event {to} no longer than its retention"
    )]
    PastGone {
        /// The thread.
        id: String,
        /// The last event that is gone.
        to: u64,
    },
    /// There is no moment between turns at which the thread could be forked.
    #[error("turn {turn} is not finished, or the next turn began with its end; fork at an earlier turn")]
    NoForkPoint {
        /// The turn given.
        turn: TurnId,
    },
    /// A history does not replay.
    #[error("what run {run} has done cannot be told from its history: {message}")]
    History {
        /// The run.
        run: String,
        /// Why.
        message: String,
    },
    /// The journal that the histories tell does not replay.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// What a thread is to begin with is no beginning.
    #[error(transparent)]
    Beginning(#[from] ApplyError),
    /// Secrets could not be taken out of it, or its large content not be kept.
    #[error(transparent)]
    Border(#[from] RunError),
    /// Content could not be kept.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl TemporalError {
    /// Whether the same may be tried again.
    pub fn retry(&self) -> bool {
        match self {
            Self::ServerAway { .. } | Self::NoWorker { .. } => true,
            Self::Storage(error) => error.retry(),
            Self::UnknownThread { .. }
            | Self::Ended { .. }
            | Self::TooLarge { .. }
            | Self::Refused { .. }
            | Self::Unreadable { .. }
            | Self::PastGone { .. }
            | Self::NoForkPoint { .. }
            | Self::History { .. }
            | Self::Replay(_)
            | Self::Beginning(_)
            | Self::Border(_) => false,
        }
    }

    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownThread { .. } => "unknown_thread",
            Self::Ended { .. } => "ended",
            Self::TooLarge { .. } => "too_large",
            Self::ServerAway { .. } => "server_away",
            Self::NoWorker { .. } => "no_worker",
            Self::Refused { .. } => "refused",
            Self::Unreadable { .. } => "unreadable",
            Self::PastGone { .. } => "past_gone",
            Self::NoForkPoint { .. } => "no_fork_point",
            Self::History { .. } => "history",
            Self::Replay(_) => "replay",
            Self::Beginning(_) => "beginning",
            Self::Border(_) => "border",
            Self::Storage(error) => error.code(),
        }
    }
}

/// What a client of a session is told of it.
impl From<TemporalError> for SessionError {
    fn from(error: TemporalError) -> Self {
        match error {
            TemporalError::UnknownThread { id } => Self::UnknownThread { id },
            error => Self::Unavailable { message: error.to_string(), source: Some(Box::new(error)) },
        }
    }
}
