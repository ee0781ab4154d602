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
    #[error("{place}: {message}")]
    Differs {
        /// Where.
        place: Place,
        /// What differs.
        message: String,
    },
    /// RAW
    #[error("task: {message}")]
    TaskFailed {
        /// Why.
        message: String,
    },
    /// It is no history.
    #[error("{message}")]
    Unreadable {
        /// Why.
        message: String,
    },
    /// It is encrypted.
    #[error("{message}")]
    Sealed {
        /// Which key.
        message: String,
    },
    /// Another workflow.
    #[error("{workflow_type}")]
    NoThread {
        /// The type of its workflow.
        workflow_type: String,
    },
    /// The replay could not be made.
    #[error("{message}")]
    Machinery {
        /// Why.
        message: String,
    },
}

/// Where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Event.
    pub event: Option<i64>,
    /// Last record.
    pub record: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl ReplayFailure {
    pub(super) fn machinery(error: impl fmt::Display) -> Self {
        Self::Machinery { message: error.to_string() }
    }

    pub(super) fn payload(error: PayloadConversionError) -> Self {
        Self::Sealed { message: format!("{error} / {error:?}") }
    }

    pub(super) fn of(error: WorkflowReplayError, _history: &RunHistory, record: Option<u64>) -> Self {
        match error {
            WorkflowReplayError::Replay(WorkflowReplayFailure::Nondeterminism { message }) => {
                Self::Differs { place: Place { event: None, record }, message }
            }
            error => Self::TaskFailed { message: format!("{error:?}") },
        }
    }
}
