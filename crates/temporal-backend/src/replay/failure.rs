//! [`ReplayFailure`]: why a history does not replay, and what to do about it.

use super::RunHistory;
use std::fmt;
use temporalio_common::data_converters::PayloadConversionError;
use temporalio_sdk::workflow_replayer::{WorkflowReplayError, WorkflowReplayFailure};

/// Why a history did not replay.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayFailure {
    /// This build asks for something else than the history says.
    #[error(
        "{place} this build decides otherwise than the one that wrote the history: {message}; go on with the thread with the \
         build that wrote it"
    )]
    Differs {
        /// Where.
        place: Place,
        /// What differs.
        message: String,
    },
    /// A task of the workflow fails with this build.
    #[error("{place} this build cannot go on: {message}")]
    TaskFailed {
        /// Where.
        place: Place,
        /// Why.
        message: String,
    },
    /// It is no history.
    #[error("the history cannot be read: {message}")]
    Unreadable {
        /// Why.
        message: String,
    },
    /// It is encrypted with a key that is not here, or damaged.
    #[error("a payload of the history cannot be read: {message}")]
    Sealed {
        /// Which key.
        message: String,
    },
    /// It is the history of another workflow.
    #[error("it is a history of the workflow {workflow_type}, not of a thread")]
    NoThread {
        /// The type of its workflow.
        workflow_type: String,
    },
    /// The replay could not be made.
    #[error("the history could not be replayed: {message}")]
    Machinery {
        /// Why.
        message: String,
    },
}

/// How far a replay came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The last record that was committed.
    pub record: Option<u64>,
    /// How many events the history has.
    pub history_events: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.record {
            Some(record) => {
                write!(f, "after record {record} (of a history of {} events)", self.history_events)
            }
            None => write!(f, "before the first record (of a history of {} events)", self.history_events),
        }
    }
}

impl ReplayFailure {
    pub(super) fn machinery(error: impl fmt::Display) -> Self {
        Self::Machinery { message: error.to_string() }
    }

    pub(super) fn payload(error: PayloadConversionError) -> Self {
        Self::Sealed { message: error.to_string() }
    }

    pub(super) fn of(error: WorkflowReplayError, history: &RunHistory, record: Option<u64>) -> Self {
        let place = Place { record, history_events: history.len() };
        match error {
            WorkflowReplayError::Replay(WorkflowReplayFailure::Nondeterminism { message }) => {
                Self::Differs { place, message }
            }
            error => Self::TaskFailed { place, message: error.to_string() },
        }
    }
}
