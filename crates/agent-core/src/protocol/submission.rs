//! The envelope an op travels in, and what a client hears back.

use super::{InteractionId, Listing, Op, OpId, Tenant, TurnId};
use serde::{Deserialize, Serialize};

/// An op on its way into a thread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Submission {
    /// Counts once in the life of the thread.
    pub op_id: OpId,
    /// Who asks: a user's name, a program, another agent's thread.
    pub actor: String,
    /// Whose thread it is meant for; another tenant's is refused.
    pub tenant: Tenant,
    /// Refuse the op unless this turn is the running one (the last one where none runs).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_turn: Option<TurnId>,
    /// The W3C trace context of the caller, handed on to the effects the op leads to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// What is asked.
    pub op: Op,
}

impl Submission {
    /// A submission by the default tenant without expectations.
    pub fn new(op_id: OpId, actor: impl Into<String>, op: Op) -> Self {
        Self {
            op_id,
            actor: actor.into(),
            tenant: Tenant::default(),
            expected_turn: None,
            traceparent: None,
            op,
        }
    }
}

/// The op is durable and will take effect, or has done so before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The turn that runs after it, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<TurnId>,
    /// The last event there was when it was accepted.
    pub event_seq: u64,
    /// This op id had been accepted before; nothing happened now.
    #[serde(default)]
    pub repeated: bool,
    /// What an op that looks something up is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listing: Option<Box<Listing>>,
}

/// Why an op was not accepted. It left no trace in the thread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Refusal {
    /// This build does not serve the op, or not in this form.
    #[error("this version of Everturn does not serve `{what}` yet")]
    NotServed {
        /// The op's name, or the part of it.
        what: String,
    },
    /// The op is not well formed.
    #[error("the op is not well formed: {why}")]
    Malformed {
        /// What is wrong.
        why: String,
    },
    /// No turn runs that could be stopped.
    #[error("no turn is running")]
    NoTurn,
    /// The client's view of the thread is old.
    #[error("the op expects turn {expected}, the thread is at turn {actual}")]
    StaleTurn {
        /// The client's.
        expected: TurnId,
        /// The thread's.
        actual: TurnId,
    },
    /// No such question waits: it never did, or it has been answered.
    #[error("no question `{id}` is waiting for an answer")]
    UnknownInteraction {
        /// The id given.
        id: InteractionId,
    },
    /// The question is of another kind.
    #[error("question `{id}` is answered by `{wanted}`, not by this op")]
    WrongInteraction {
        /// The id given.
        id: InteractionId,
        /// The op that answers it.
        wanted: String,
    },
    /// The thread belongs to somebody else.
    #[error("the thread belongs to another tenant")]
    WrongTenant,
    /// The thread has been shut down or is about to be.
    #[error("the thread is shut down; resume it first")]
    Closed,
    /// The op needs a thread at rest.
    #[error(
        "something is under way: a turn, a command of yours, or files that are being put back; wait for it, or interrupt it first"
    )]
    TurnRunning,
    /// The turns cannot be taken back.
    #[error("{why}")]
    NotRestorable {
        /// Why, and what can be done instead.
        why: String,
    },
    /// What was to be looked up cannot be.
    #[error("{why}")]
    Unavailable {
        /// Why, and what would help.
        why: String,
    },
    /// Too much waits already.
    #[error("{what}: the limit of {limit} is reached; wait for the running turn")]
    Overloaded {
        /// What there is too much of.
        what: String,
        /// How much is allowed.
        limit: u64,
    },
}
