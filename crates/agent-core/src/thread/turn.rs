//! The states of a turn and of the calls of its current step.

use crate::{
    protocol::{
        AbortReason, ApprovalDecision, Content, EffectId, Grant, InteractionId, Preparation, Settings,
        TokenUsage, ToolCall, ToolOutput, TurnEnd, TurnId, TurnOverrides,
    },
    turn_diff::TurnDiff,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A user's request until the agent stops.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Turn {
    pub(super) id: TurnId,
    pub(super) started_ms: u64,
    /// The thread's settings with the turn's own on top. They stay as they are during a step: a call runs under what it
    /// was prepared and approved under.
    pub(super) settings: Settings,
    /// What changes with the next step.
    pub(super) overrides: Vec<TurnOverrides>,
    pub(super) output_schema: Option<Value>,
    pub(super) traceparent: Option<String>,
    pub(super) phase: Phase,
    /// Set once the turn is to end and something still runs.
    pub(super) ending: Option<Ending>,
    /// Said while it ran and not heard before it was stopped.
    pub(super) unheard: Vec<Queued>,
    pub(super) usage: TokenUsage,
    pub(super) last_message: Option<String>,
    /// Of the current step.
    pub(super) stream_retries: u32,
    /// Final messages in a row that missed the output schema.
    #[serde(default)]
    pub(super) misfits: u32,
    pub(super) repeats: Repeats,
    /// What its tools changed so far.
    pub(super) diff: TurnDiff,
}

/// What a turn is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Phase {
    /// Nothing: the next step is due.
    Between,
    /// The model is asked.
    Sampling { effect: EffectId },
    /// The model call `effect` broke off and is asked again when the timer is due.
    BackingOff { effect: EffectId, attempt: u32, timer: EffectId },
    /// The calls of the last response are prepared, asked about, run.
    Acting { calls: Vec<Call> },
}

/// How a turn will end once nothing of it runs any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ending {
    Aborted(AbortReason),
    Completed(TurnEnd),
}

/// A call of the current step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Call {
    pub(super) call: ToolCall,
    pub(super) stage: Stage,
}

/// How far a call is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Stage {
    New,
    Preparing { effect: EffectId },
    Asking { interaction: InteractionId, preparation: Box<Preparation> },
    Ready { preparation: Box<Preparation>, grant: Grant },
    Running { effect: EffectId, preparation: Box<Preparation>, grant: Grant },
    Done { output: ToolOutput },
}

impl Stage {
    pub(super) fn preparation(&self) -> Option<&Preparation> {
        match self {
            Self::Asking { preparation, .. }
            | Self::Ready { preparation, .. }
            | Self::Running { preparation, .. } => Some(preparation),
            Self::New | Self::Preparing { .. } | Self::Done { .. } => None,
        }
    }
}

/// Notices a model that asks for the same again and again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Repeats {
    pub(super) digest: String,
    pub(super) times: u32,
}

/// Something the user said that no model has heard yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Queued {
    /// The input it came with; names its item.
    pub(super) input_seq: u64,
    pub(super) content: Vec<Content>,
    pub(super) overrides: TurnOverrides,
    pub(super) output_schema: Option<Value>,
    pub(super) traceparent: Option<String>,
}

/// Whether a decision lets a call run.
pub(super) fn allows(decision: &ApprovalDecision) -> bool {
    match decision {
        ApprovalDecision::Approved
        | ApprovalDecision::ApprovedForSession
        | ApprovalDecision::ApprovedWithAmendment { .. } => true,
        ApprovalDecision::Denied | ApprovalDecision::Abort => false,
    }
}
