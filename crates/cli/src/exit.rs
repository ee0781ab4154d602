//! Exit codes, and how a command failed.

use agent_core::{AbortReason, Event, EventKind, SessionError, TurnEnd};
use std::process::ExitCode;

/// How a command ended, as scripts see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    Failed = 1,
    Usage = 2,
    Waiting = 3,
    Budget = 4,
    Backend = 5,
    /// The terminal was closed.
    HungUp = 129,
    Interrupted = 130,
    Terminated = 143,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A command that failed, with the code it exits with.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    pub(crate) fn backend(error: &(dyn std::error::Error + 'static)) -> Self {
        Self::new(Exit::Backend, chain(error))
    }
}

/// An error with its causes, each that says something new.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        let exit = match &error {
            SessionError::Refused(_) => Exit::Failed,
            SessionError::UnknownThread { .. } => Exit::Usage,
            _ => Exit::Backend,
        };
        Self::new(exit, chain(&error))
    }
}

/// The exit code of a turn that ended with this event; `None` if it is not a turn's end.
pub(crate) fn of_turn(event: &Event) -> Option<Exit> {
    match &event.kind {
        EventKind::TurnCompleted { end: TurnEnd::Final { .. }, .. } => Some(Exit::Done),
        EventKind::TurnCompleted { end: TurnEnd::BudgetSpent { .. }, .. } => Some(Exit::Budget),
        EventKind::TurnCompleted { .. } => Some(Exit::Failed),
        EventKind::TurnAborted { reason: AbortReason::Interrupted } => Some(Exit::Interrupted),
        EventKind::TurnAborted { .. } => Some(Exit::Failed),
        _ => None,
    }
}
