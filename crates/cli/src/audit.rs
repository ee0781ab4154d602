//! [`Audit`]: every decision of a thread: what was to run or was asked, who decided, why, and by which rule.
//!
//! * `decisions` draws the rows from the events; `policies` says what a thread may do in a few words.
//! * `lines` writes them for people and programs.

mod decisions;
mod lines;
mod policies;
#[cfg(test)]
mod tests;

pub(crate) use decisions::Audit;

use agent_core::{CallId, Grant, InteractionId, TurnId};

/// One decision, or something that decisions depend on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) seq: u64,
    pub(crate) at_ms: u64,
    pub(crate) turn: Option<TurnId>,
    pub(crate) kind: RowKind,
    pub(crate) call: Option<CallId>,
    /// What it is about; filled in when all events are known.
    pub(crate) what: String,
    pub(crate) decision: String,
    pub(crate) by: String,
    /// The question that was put, if one was.
    pub(crate) asked: Option<InteractionId>,
    pub(crate) reason: Option<String>,
    pub(crate) rule: Option<String>,
    pub(crate) grant: Option<Grant>,
}

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowKind {
    /// Whether a call runs.
    Call,
    /// How a question ended.
    Question,
    /// What the thread runs under.
    Settings,
    /// What the user ran.
    UserCommand,
}

impl RowKind {
    fn word(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Question => "question",
            Self::Settings => "settings",
            Self::UserCommand => "user_command",
        }
    }
}
