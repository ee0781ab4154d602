//! [`TemporalError`]: why something could not be had of a thread on Temporal.

use agent_core::{ApplyError, ReplayError, RunError, SessionError, StorageError, TurnId};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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
    /// The thread lives elsewhere.
    #[error("thread {id} was moved to {to}{}; go on with it there, or move it back: everturn move {id} --to temporal", since(*since_ms))]
    MovedAway {
        /// The thread.
        id: String,
        /// Where it lives.
        to: String,
        /// Since when, in milliseconds since the Unix epoch; 0 where that cannot be read.
        since_ms: u64,
    },
    /// There is such a thread here, and it did not come with this move.
    #[error("thread {id} is on Temporal already; delete it there first, or go on with it there")]
    Exists {
        /// The thread.
        id: String,
    },
    /// Something is under way in a thread that is to be moved.
    #[error(
        "thread {id} is not at rest: wait until its turn has ended, or interrupt it; resume it first if it is shut down"
    )]
    NotAtRest {
        /// The thread.
        id: String,
    },
    /// The thread has gone on since it was looked at.
    #[error("thread {id} has gone on meanwhile, from record {wanted} to {found}; try again")]
    StaleRecord {
        /// The thread.
        id: String,
        /// The last record that was known.
        wanted: u64,
        /// The last record.
        found: u64,
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
            Self::ServerAway { .. }
            | Self::NoWorker { .. }
            | Self::NotAtRest { .. }
            | Self::StaleRecord { .. } => true,
            Self::Storage(error) => error.retry(),
            Self::UnknownThread { .. }
            | Self::Ended { .. }
            | Self::TooLarge { .. }
            | Self::Refused { .. }
            | Self::Unreadable { .. }
            | Self::PastGone { .. }
            | Self::NoForkPoint { .. }
            | Self::MovedAway { .. }
            | Self::Exists { .. }
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
            Self::MovedAway { .. } => "moved_away",
            Self::Exists { .. } => "exists",
            Self::NotAtRest { .. } => "not_at_rest",
            Self::StaleRecord { .. } => "stale_record",
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

/// How long ago something was, in words.
fn since(at_ms: u64) -> String {
    if at_ms == 0 {
        return String::new();
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let minutes = now.saturating_sub(Duration::from_millis(at_ms)).as_secs() / 60;
    match minutes {
        0 => " less than a minute ago".to_owned(),
        1..120 => format!(" {minutes} min ago"),
        120..2880 => format!(" {} h ago", minutes / 60),
        _ => format!(" {} days ago", minutes / 60 / 24),
    }
}
