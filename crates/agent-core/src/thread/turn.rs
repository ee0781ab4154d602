//! The states of a turn and of the calls of its current step.

use crate::{
    protocol::{
        AbortReason, Content, EffectId, ElicitationReply, Grant, InteractionId, Preparation, Settings,
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
    /// Whether the tools were asked for.
    #[serde(default, skip_serializing_if = "Tools::are_due")]
    pub(super) tools: Tools,
    /// What its tools changed so far.
    pub(super) diff: TurnDiff,
}

/// Whether a turn knows which tools there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Tools {
    #[default]
    Due,
    Known,
}

impl Tools {
    fn are_due(&self) -> bool {
        *self == Self::Due
    }
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
    /// The host is asked which tools there are.
    Collecting { effect: EffectId },
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
    Preparing {
        effect: EffectId,
    },
    /// The user is asked. After a yes it goes as far as `grant`.
    Asking {
        interaction: InteractionId,
        preparation: Box<Preparation>,
        #[serde(default = "anywhere")]
        grant: Grant,
        #[serde(default, skip_serializing_if = "About::is_approval")]
        about: Box<About>,
    },
    Ready {
        preparation: Box<Preparation>,
        grant: Grant,
        /// What the user adds to the exec policy with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        amendment: Option<String>,
        #[serde(default, skip_serializing_if = "Showing::is_new")]
        showing: Showing,
    },
    Running {
        effect: EffectId,
        preparation: Box<Preparation>,
        grant: Grant,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        amendment: Option<String>,
        /// What the user said to what it asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reply: Option<ElicitationReply>,
    },
    Done {
        output: ToolOutput,
    },
}

/// Before there was a sandbox a yes had no limits.
fn anywhere() -> Grant {
    Grant::Unconfined
}

/// What a call that waits for the user waits for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum About {
    /// Whether it may run.
    #[default]
    Approval,
    /// Whether it may run again outside the sandbox, which stopped it. This came of it there.
    Escalation { output: ToolOutput },
    /// Its questions are the call.
    Questions,
    /// A server wants to know something before it goes on with this attempt.
    Elicitation { effect: EffectId, attempt: u32 },
    /// The client runs it.
    Client,
}

impl About {
    fn is_approval(&self) -> bool {
        *self == Self::Approval
    }
}

/// Whether clients have seen a call begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Showing {
    #[default]
    New,
    Begun,
}

impl Showing {
    fn is_new(&self) -> bool {
        *self == Self::New
    }
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
