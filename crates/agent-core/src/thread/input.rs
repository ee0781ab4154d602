//! What enters a thread.

use super::{EffectKind, Genesis, Running};
use crate::protocol::{
    Collected, EffectId, Hooked, ModelAnswer, Prepared, Refusal, RestoreAnswer, SnapshotAnswer, Submission,
    ToolAnswer,
};
use serde::{Deserialize, Serialize};

/// Content larger than this is kept as a blob and referred to.
pub const BLOB_THRESHOLD_BYTES: usize = 64 * 1024;

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its number in the thread, from 1 without gaps.
    pub seq: u64,
    /// When it was applied, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// The [`crate::RULES`] of the build that applied it; a turn that begins with it keeps to them.
    #[serde(default = "first_rules", skip_serializing_if = "is_first_rules")]
    pub rules: u32,
    /// What came in.
    pub input: Input,
}

fn first_rules() -> u32 {
    1
}

fn is_first_rules(rules: &u32) -> bool {
    *rules == first_rules()
}

/// Something that happened outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Input {
    /// The thread begins.
    Opened(Box<Genesis>),
    /// A thread that was shut down is served again.
    Resumed,
    /// The thread lives elsewhere from here on. What was approved for the session stays behind.
    Moved {
        /// Where it was.
        from: String,
        /// Where it is, and how durable.
        to: String,
    },
    /// A client asks for something.
    Submitted(Box<Submission>),
    /// An effect has its answer.
    Answered {
        /// Which effect.
        effect: EffectId,
        /// Which attempt of it.
        attempt: u32,
        /// The answer.
        answer: Answer,
    },
    /// The process in which an effect ran died, or its worker was lost: its answer will never come.
    Lost {
        /// Which effect.
        effect: EffectId,
        /// Which attempt of it.
        attempt: u32,
        /// What the tool handler found out about a tool call.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        evidence: Option<ToolAnswer>,
    },
}

/// The last word of an effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Answer {
    /// Of a model call.
    Model {
        /// The answer.
        answer: ModelAnswer,
    },
    /// Of a preparation.
    Prepared {
        /// The answer.
        prepared: Prepared,
    },
    /// Of a tool call.
    Tool {
        /// The answer.
        answer: ToolAnswer,
    },
    /// Of a look at the tools there are.
    Collected {
        /// The answer.
        collected: Collected,
    },
    /// Of a snapshot.
    Snapshot {
        /// The answer.
        answer: SnapshotAnswer,
    },
    /// Of going back.
    Restored {
        /// The answer.
        answer: RestoreAnswer,
    },
    /// Of hooks.
    Hooked {
        /// The answer.
        hooked: Hooked,
    },
    /// A timer is due.
    Due,
    /// A preparation, a look at the tools, a snapshot, hooks or a timer were stopped on request; no answer of one that was not asked to stop.
    Cancelled,
    /// This host does not do such effects.
    NotServed,
}

impl Answer {
    /// Whether this effect can answer so.
    pub(super) fn fits(&self, running: &Running) -> bool {
        match (self, &running.effect.kind) {
            (Self::Model { .. }, EffectKind::Model | EffectKind::Compact)
            | (Self::Snapshot { .. }, EffectKind::Snapshot { .. })
            | (Self::Restored { .. }, EffectKind::Restore)
            | (Self::Hooked { .. }, EffectKind::Hook { .. })
            | (Self::Prepared { .. }, EffectKind::Prepare { .. })
            | (Self::Tool { .. }, EffectKind::Tool { .. } | EffectKind::UserCommand { .. })
            | (Self::Collected { .. }, EffectKind::Collect)
            | (Self::Due, EffectKind::Timer { .. })
            | (Self::NotServed, _) => true,
            (
                Self::Cancelled,
                EffectKind::Prepare { .. }
                | EffectKind::Collect
                | EffectKind::Timer { .. }
                | EffectKind::Snapshot { .. }
                | EffectKind::Hook { .. },
            ) => running.cancelling,
            (
                Self::Model { .. }
                | Self::Prepared { .. }
                | Self::Tool { .. }
                | Self::Collected { .. }
                | Self::Snapshot { .. }
                | Self::Restored { .. }
                | Self::Hooked { .. }
                | Self::Due
                | Self::Cancelled,
                _,
            ) => false,
        }
    }
}

/// An input that cannot be applied. The thread is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// The record is not the next one.
    #[error("record {got} came where record {expected} is next")]
    OutOfOrder {
        /// The next one.
        expected: u64,
        /// The one that came.
        got: u64,
    },
    /// The thread has not begun.
    #[error("the first input of a thread must open it")]
    NotOpened,
    /// The thread has begun already.
    #[error("the thread has been opened before")]
    AlreadyOpened,
    /// Nothing waits for this answer.
    #[error("attempt {attempt} of effect {effect} is not running")]
    NotRunning {
        /// The effect.
        effect: EffectId,
        /// The attempt.
        attempt: u32,
    },
    /// The answer is of another kind than the effect.
    #[error("the answer does not fit effect {effect}")]
    WrongAnswer {
        /// The effect.
        effect: EffectId,
    },
    /// The op cannot be applied; [`crate::Thread::admit`] says so beforehand.
    #[error(transparent)]
    Refused(Refusal),
}
