//! [`LocalError`], and what SQLite's errors mean.

use crate::moment;
use agent_core::{ReplayError, RunError, StorageError, TurnId};
use std::{io, path::PathBuf, sync::Arc};

/// Why the local backend could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalError {
    /// Somebody else serves the thread.
    #[error("thread {id} is being served by {}; attach to it, or end that process first", holder(*pid))]
    Busy {
        /// The thread.
        id: String,
        /// The process, where it is known.
        pid: Option<u32>,
    },
    /// There is no such thread.
    #[error("there is no thread {id}")]
    UnknownThread {
        /// The id given.
        id: String,
    },
    /// There is such a thread already.
    #[error("there is a thread {id} already")]
    Exists {
        /// The id given.
        id: String,
    },
    /// A later version wrote the database.
    #[error(
        "{} was written by a later version of Everturn (schema {found}, this one reads up to {supported}): update \
         Everturn, or point it at another home", path.display()
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        supported: i64,
    },
    /// A file or directory beside the database cannot be used.
    #[error("{} cannot be used: {source}", path.display())]
    Files {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The journal does not replay.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// A driver ended with an error.
    #[error(transparent)]
    Driver(Arc<RunError>),
    /// A driver was stopped from outside before it came to an end.
    #[error("the thread is not served here any more; resume it to go on")]
    Stopped,
    /// The thread lives elsewhere.
    #[error("thread {id} was moved to {to}, {}; go on with it there, or move it back: everturn move {id} --to local", since(*since_ms))]
    MovedAway {
        /// The thread.
        id: String,
        /// Where it lives.
        to: String,
        /// Since when, in milliseconds since the Unix epoch.
        since_ms: u64,
    },
    /// The thread is being moved, or was when that was cut off.
    #[error(
        "thread {id} is on its way from {from} to {to}, {}; if nobody moves it any more, finish it: everturn move {id} --to \
         temporal, or --to local", since(*since_ms)
    )]
    MoveCutOff {
        /// The thread.
        id: String,
        /// Where from.
        from: String,
        /// Where to.
        to: String,
        /// Since when, in milliseconds since the Unix epoch.
        since_ms: u64,
    },
    /// The thread cannot be moved now.
    #[error("thread {id} cannot be moved now: {why}")]
    NotAtRest {
        /// The thread.
        id: String,
        /// What is under way, and what to do.
        why: String,
    },
    /// What was copied of a thread is not what is here.
    #[error(
        "the past of thread {id} here is another one than the one that came ({why}); it stays where it lives"
    )]
    OtherPast {
        /// The thread.
        id: String,
        /// Where they differ.
        why: String,
    },
    /// There is no moment between turns at which the thread could be forked.
    #[error("turn {turn} is not finished, or the next turn began with its end; fork at an earlier turn")]
    NoForkPoint {
        /// The turn given.
        turn: TurnId,
    },
}

fn since(at_ms: u64) -> String {
    format!("since {}", moment::in_words(at_ms))
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

impl LocalError {
    /// Whether the same may be tried again.
    pub fn retry(&self) -> bool {
        match self {
            Self::Busy { .. } | Self::Stopped => true,
            Self::Storage(error) => error.retry(),
            Self::Driver(error) => match &**error {
                RunError::Storage(error) => error.retry(),
                _ => false,
            },
            Self::UnknownThread { .. }
            | Self::Exists { .. }
            | Self::NewerSchema { .. }
            | Self::Files { .. }
            | Self::Replay(_)
            | Self::MovedAway { .. }
            | Self::MoveCutOff { .. }
            | Self::NotAtRest { .. }
            | Self::OtherPast { .. }
            | Self::NoForkPoint { .. } => false,
        }
    }

    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Busy { .. } => "busy",
            Self::UnknownThread { .. } => "unknown_thread",
            Self::Exists { .. } => "exists",
            Self::NewerSchema { .. } => "newer_schema",
            Self::Files { .. } => "files",
            Self::Storage(error) => error.code(),
            Self::Replay(_) => "replay",
            Self::Driver(error) => match &**error {
                RunError::Storage(error) => error.code(),
                _ => "driver",
            },
            Self::Stopped => "stopped",
            Self::MovedAway { .. } => "moved_away",
            Self::MoveCutOff { .. } => "move_cut_off",
            Self::NotAtRest { .. } => "not_at_rest",
            Self::OtherPast { .. } => "other_past",
            Self::NoForkPoint { .. } => "no_fork_point",
        }
    }
}

/// SQLite's primary result codes (<https://sqlite.org/rescode.html>) that mean something special to us.
mod code {
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const READONLY: i32 = 8;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const FULL: i32 = 13;
    pub(super) const CANTOPEN: i32 = 14;
    pub(super) const NOTADB: i32 = 26;
    /// Extended: the shared-memory file cannot grow.
    pub(super) const IOERR_SHMSIZE: i32 = 4874;
}

/// What a failure of SQLite means. `what` says what could not be done.
pub(crate) fn storage_error(what: &str, error: sqlx::Error) -> StorageError {
    let number = error
        .as_database_error()
        .and_then(|error| error.code())
        .and_then(|code| code.parse::<i32>().ok())
        .unwrap_or_default();
    let io = |advice: &str, error: sqlx::Error| StorageError::Io {
        message: format!("{what}: {error}{advice}"),
        source: Some(Box::new(error)),
    };
    match (number & 0xff, number) {
        (code::FULL, _) | (_, code::IOERR_SHMSIZE) => StorageError::Full,
        (code::CORRUPT | code::NOTADB, _) => StorageError::Corrupt {
            message: format!(
                "{what}: {error}; the file is damaged or is no database: move it away and start anew, or try \
                 `sqlite3 everturn.db .recover`"
            ),
        },
        (code::BUSY | code::LOCKED, _) => io(
            "; another program holds the database for too long: close whatever has everturn.db open and try again",
            error,
        ),
        (code::READONLY, _) => {
            io("; the file or its directory cannot be written: check their permissions", error)
        }
        (code::CANTOPEN, _) => io("; check that the directory exists and can be written", error),
        _ => io("", error),
    }
}

/// Maps the failures of one kind of work.
pub(crate) fn failed(what: &'static str) -> impl Fn(sqlx::Error) -> StorageError {
    move |error| storage_error(what, error)
}
