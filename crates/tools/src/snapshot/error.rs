//! [`SnapshotError`]: why there is no snapshot, or nothing was made of one.

use std::{
    io,
    path::{Path, PathBuf},
};

/// Why there is no snapshot, or nothing was made of one. The messages are for people.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// Git is not installed.
    #[error(
        "the program `{0}` was not found or may not be run; install Git 2.32 or later, and file changes can be undone"
    )]
    NoGit(String),
    /// Git refused.
    #[error("`git {command}` failed in the snapshots of {root}: {message}")]
    Git {
        /// Its first argument.
        command: String,
        /// The workspace.
        root: PathBuf,
        /// What it said.
        message: String,
    },
    /// A directory that is not worth a snapshot.
    #[error("{0} {1}; start in the directory of a project to be able to undo file changes")]
    NoProject(PathBuf, &'static str),
    /// More than a bound allows.
    #[error(
        "{root} has more than {limit} {unit} that are not ignored; list in .gitignore what need not be undone, \
         or start in a smaller directory"
    )]
    TooLarge {
        /// The workspace.
        root: PathBuf,
        /// The bound.
        limit: u64,
        /// Of what.
        unit: &'static str,
    },
    /// It took too long.
    #[error("it was not done within {0} ms; a smaller directory, or more in .gitignore, makes it faster")]
    TooSlow(u64),
    /// Another snapshot or restore of the same workspace is under way.
    #[error("another snapshot or restore of {0} is still under way; try again when it is done")]
    Busy(PathBuf),
    /// Whoever asked has gone.
    #[error("it was cancelled")]
    Cancelled,
    /// The snapshot is not there.
    #[error("the snapshot {0} is no longer kept, or belongs to another machine")]
    Gone(String),
    /// What is kept is not what a snapshot is made of.
    #[error("the snapshot {id} cannot be read: {why}")]
    Damaged {
        /// Which.
        id: String,
        /// What is wrong with it.
        why: String,
    },
    /// Files would be mixed with others.
    #[error("{0} is not empty; name a new or empty directory")]
    NotEmpty(PathBuf),
    /// A file was changed by somebody else at that very moment.
    #[error("{0} was changed by somebody else at this moment")]
    Raced(PathBuf),
    /// A restore failed, and what it had done was taken back.
    #[error("{0}. All files are as they were; put that right, and try again")]
    Unchanged(Box<SnapshotError>),
    /// A restore failed, and what it had done could not be taken back.
    #[error(
        "{why}. These files were restored before that and stay so: {paths}; the next attempt goes on from there"
    )]
    Stuck {
        /// Why it failed.
        why: String,
        /// The files.
        paths: String,
    },
    /// The file system refused.
    #[error("{path}: cannot {action}: {source}")]
    Io {
        /// What.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The work itself failed in a way nobody thought of.
    #[error("the harness failed while doing it; the log says more")]
    Broken,
}

impl SnapshotError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    /// Whether the same may work in a moment.
    #[must_use]
    pub fn retry(&self) -> bool {
        match self {
            Self::Unchanged(why) => why.retry(),
            _ => matches!(self, Self::Busy(_) | Self::Raced(_) | Self::TooSlow(_) | Self::Cancelled),
        }
    }

    /// A short name that stays.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoGit(_) => "no_git",
            Self::Git { .. } => "git",
            Self::NoProject(..) => "no_project",
            Self::TooLarge { .. } => "too_large",
            Self::TooSlow(_) => "too_slow",
            Self::Busy(_) => "busy",
            Self::Cancelled => "cancelled",
            Self::Gone(_) => "gone",
            Self::Damaged { .. } => "damaged",
            Self::NotEmpty(_) => "not_empty",
            Self::Raced(_) => "raced",
            Self::Unchanged(why) => why.code(),
            Self::Stuck { .. } => "stuck",
            Self::Io { .. } => "io",
            Self::Broken => "broken",
        }
    }
}
