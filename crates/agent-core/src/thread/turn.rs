//! The states of a turn and of the calls of its current step.

use super::memory::Aside;
use crate::{
    protocol::{
        AbortReason, CompactionTrigger, Content, EffectId, ElicitationReply, Grant, HookPhase, InteractionId,
        ItemId, ModelChoice, Preparation, ReviewRequest, Settings, Snapshot, TokenUsage, ToolCall,
        ToolOutput, TurnEnd, TurnId, TurnOverrides,
    },
    turn_diff::TurnDiff,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;

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
    /// What it begins with, until that is heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) opening: Option<Queued>,
    /// What was said to begin it, where hooks want to know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) prompt: Vec<Content>,
    /// Something was said in it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) is_heard: bool,
    /// Summarise before the next step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) due_summary: Option<CompactionTrigger>,
    /// The conversation was summarised since the last answer of the model.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) has_summary: bool,
    /// No summary came; it is not asked for again below so many tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) summary_after: Option<u64>,
    #[serde(default, skip_serializing_if = "Keeping::is_untouched")]
    pub(super) keeping: Keeping,
    /// The conversation that waits while this turn reviews something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) review: Option<Box<Aside>>,
    /// The phases whose hooks have run.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) hooked: BTreeSet<HookPhase>,
    /// What hooks tell the model, until it is told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) hook_context: Vec<String>,
    #[serde(default, skip_serializing_if = "Task::is_answer")]
    pub(super) task: Task,
    /// The skills that were asked for and are not told yet.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) skills: BTreeSet<String>,
    /// Those that were told: a summary takes their text away, and they are told again.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) told_skills: BTreeSet<String>,
}

impl Turn {
    /// Whether nobody says anything in it: it only summarises.
    pub(super) fn is_silent(&self) -> bool {
        !self.is_heard && self.opening.is_none()
    }
}

/// How far a turn is with the snapshots around what it changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Keeping {
    /// Nothing was to be changed yet.
    #[default]
    Untouched,
    /// One is taken before the first change.
    Before { effect: EffectId },
    /// Changes are made, or were.
    Changing { before: Snapshot },
    /// One is taken after the last change.
    After { effect: EffectId, before: Snapshot },
    /// Both are there, or it is known why not.
    Done { kept: Kept },
}

impl Keeping {
    fn is_untouched(&self) -> bool {
        *self == Self::Untouched
    }
}

/// What is kept of what a turn changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Kept {
    /// The workspace before and after.
    Both { before: Snapshot, after: Snapshot },
    /// Too little to go back.
    Lost { why: String },
}

/// A summary in the making.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Summarising {
    /// What clients see of it.
    pub(super) item: ItemId,
    pub(super) trigger: CompactionTrigger,
    /// Who makes it; `None` for the turn's own model.
    pub(super) by: Option<ModelChoice>,
    /// The tokens of the conversation.
    pub(super) before: u64,
    /// So many of its first items are left out.
    pub(super) skipped: u64,
    pub(super) tries: u32,
}

/// What a turn is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Task {
    /// To answer.
    #[default]
    Answer,
    /// To summarise the conversation.
    Summarise,
    /// To review something.
    Review { request: ReviewRequest },
}

impl Task {
    fn is_answer(&self) -> bool {
        *self == Self::Answer
    }
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
    BackingOff {
        effect: EffectId,
        attempt: u32,
        timer: EffectId,
        /// It was to be a summary.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        summary: Option<Box<Summarising>>,
    },
    /// The model is asked for a summary.
    Summarising { effect: EffectId, summary: Box<Summarising> },
    /// The hooks of a phase run.
    Hooking { effect: EffectId, phase: HookPhase },
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
        #[serde(default, skip_serializing_if = "Clearance::is_due")]
        clearance: Clearance,
    },
    /// The hooks before it run.
    Hooking {
        effect: EffectId,
        preparation: Box<Preparation>,
        grant: Grant,
        amendment: Option<String>,
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
    /// It has its output, and the hooks after it run.
    Ran {
        effect: EffectId,
        preparation: Box<Preparation>,
        output: ToolOutput,
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

/// Whether the hooks before a call have let it pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Clearance {
    #[default]
    Due,
    Given,
}

impl Clearance {
    fn is_due(&self) -> bool {
        *self == Self::Due
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
            | Self::Hooking { preparation, .. }
            | Self::Running { preparation, .. }
            | Self::Ran { preparation, .. } => Some(preparation),
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
    #[serde(default, skip_serializing_if = "Task::is_answer")]
    pub(super) task: Task,
    pub(super) content: Vec<Content>,
    pub(super) overrides: TurnOverrides,
    pub(super) output_schema: Option<Value>,
    pub(super) traceparent: Option<String>,
}
