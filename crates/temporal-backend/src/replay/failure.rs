//! [`ReplayFailure`]: why a history does not replay, and what to do about it.

use super::Place;
use std::fmt;
use temporalio_common::data_converters::PayloadConversionError;
use temporalio_sdk::workflow_replayer::{WorkflowReplayError, WorkflowReplayFailure};

/// What the SDK puts before its reasons.
const SDK_PREFIX: &str = "[TMPRL1100] Nondeterminism error: ";
/// How [`crate::UnsealError`] begins where a key is missing, or is another one.
const SEALED: &str = "payload is encrypted with key";

/// Why a history did not replay.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayFailure {
    /// This build asks for something else than the history says.
    #[error(
        "this build decides otherwise than the one that wrote the history: {message} ({place}); go on with the thread with \
         the build that wrote it"
    )]
    Differs {
        /// Where.
        place: Place,
        /// What differs.
        message: String,
    },
    /// This build asks for what the history says, and cannot go on then.
    #[error(
        "this build cannot go on: {message} ({place}); go on with the thread with the build that wrote it"
    )]
    TaskFailed {
        /// Where.
        place: Place,
        /// Why.
        message: String,
    },
    /// It is no history.
    #[error(
        "it is no history that can be read: {message}; one is what the SDK's `to_json` writes, which the temporal command \
         does not"
    )]
    Unreadable {
        /// Why.
        message: String,
    },
    /// A payload cannot be read, for want of a key, or because it is another thing than this build knows.
    #[error("{message}")]
    Payload {
        /// Which key, or what is wrong.
        message: String,
    },
    /// It is the history of another workflow.
    #[error(
        "it is a history of the workflow type {workflow_type:?}, and threads are of the type \"AgentWorkflow\""
    )]
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

impl ReplayFailure {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Differs { .. } => "replay_differs",
            Self::TaskFailed { .. } => "replay_task_failed",
            Self::Unreadable { .. } => "replay_unreadable",
            Self::Payload { .. } => "replay_payload",
            Self::NoThread { .. } => "replay_no_thread",
            Self::Machinery { .. } => "replay_machinery",
        }
    }

    pub(super) fn machinery(error: impl fmt::Display) -> Self {
        Self::Machinery { message: error.to_string() }
    }

    /// What a run begins with cannot be read.
    pub(super) fn input(error: &PayloadConversionError) -> Self {
        let message = error.to_string();
        let message = sealed(&message)
            .map(str::to_owned)
            .unwrap_or_else(|| format!("what the run begins with is unknown to this build: {message}"));
        Self::Payload { message }
    }

    pub(super) fn of(error: &WorkflowReplayError, place: Option<Place>) -> Self {
        let (message, differs) = match error {
            WorkflowReplayError::Replay(WorkflowReplayFailure::Nondeterminism { message }) => {
                (reason(message), true)
            }
            WorkflowReplayError::Replay(WorkflowReplayFailure::WorkflowTaskFailure { message }) => {
                (reason(message), false)
            }
            error => return Self::machinery(error),
        };
        if let Some(message) = sealed(&message) {
            return Self::Payload { message: message.to_owned() };
        }
        match place {
            Some(place) if differs => Self::Differs { place, message },
            Some(place) => Self::TaskFailed { place, message },
            None => Self::machinery(message),
        }
    }
}

fn sealed(message: &str) -> Option<&str> {
    message.find(SEALED).and_then(|at| message.get(at..))
}

/// The reason within what the SDK says, which is a failure as its `Debug` has it.
fn reason(message: &str) -> String {
    const BEFORE: &str = "message: \"";
    const AFTER: &str = "\", source: \"";
    let from = message.find(BEFORE).map_or(0, |at| at + BEFORE.len());
    let rest = message.get(from..).unwrap_or(message);
    let reason = rest.find(AFTER).and_then(|to| rest.get(..to)).unwrap_or(rest);
    let reason = reason.replace("\\\"", "\"").replace("\\'", "'").replace("\\n", "\n");
    reason.strip_prefix(SDK_PREFIX).unwrap_or(&reason).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_taken_out_of_what_the_sdk_says() {
        let said = "Workflow activation completion failed: Failure { failure: Some(Failure { message: \"[TMPRL1100] \
                    Nondeterminism error: Timer machine does not handle \\\"this\\\"\", source: \"\", stack_trace: \"\" }) }";
        assert_eq!(reason(said), "Timer machine does not handle \"this\"");
        assert_eq!(reason("anything else"), "anything else");
    }
}
