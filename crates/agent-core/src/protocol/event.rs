//! What a thread tells its clients: durable, numbered from 1 without gaps, the same for every reader.

use super::{
    ApprovalDecision, CallDecision, CallId, Elicitation, ExecApproval, HookPhase, InteractionId,
    InteractionOutcome, ItemId, PatchApproval, Plan, Question, RateLimit, ReviewOutcome, ReviewRequest,
    Settings, Source, ThreadKey, TokenUsage, TurnId, TurnItem,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its number in the thread.
    pub seq: u64,
    /// When, in milliseconds since the Unix epoch, as told by the input that caused it.
    pub at_ms: u64,
    /// The turn it belongs to, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<TurnId>,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// The thread exists.
    ThreadStarted {
        /// Its key.
        key: ThreadKey,
        /// Where it came from.
        source: Source,
        /// What it runs under.
        settings: Box<Settings>,
        /// The thread and turn it was forked from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        forked_from: Option<String>,
        /// How durable it is, in the backend's words.
        durability: String,
    },
    /// The settings changed.
    SettingsChanged {
        /// All of them.
        settings: Box<Settings>,
    },
    /// The thread has a new name.
    ThreadNamed {
        /// The name.
        name: String,
    },
    /// A turn began.
    TurnStarted,
    /// A turn ended by itself, well or badly.
    TurnCompleted {
        /// How.
        end: TurnEnd,
        /// What it cost.
        usage: TokenUsage,
    },
    /// A turn was stopped.
    TurnAborted {
        /// Why.
        reason: AbortReason,
    },
    /// An item that takes time began.
    ItemStarted {
        /// The item.
        item: TurnItem,
    },
    /// An item is whole. Items that take no time have no `ItemStarted`.
    ItemCompleted {
        /// The item.
        item: TurnItem,
    },
    /// A command waits for approval.
    ExecApprovalRequest(ExecApproval),
    /// A change of files waits for approval.
    PatchApprovalRequest(PatchApproval),
    /// The agent asks the user something.
    RequestUserInput {
        /// What the answer refers to.
        id: InteractionId,
        /// The call that waits.
        call: CallId,
        /// The questions.
        questions: Vec<Question>,
        /// When the defaults count, in milliseconds since the Unix epoch.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline_ms: Option<u64>,
    },
    /// An MCP server asks the user something.
    ElicitationRequest {
        /// What the answer refers to.
        id: InteractionId,
        /// The call that waits.
        call: CallId,
        /// What it wants to know.
        request: Elicitation,
        /// When it counts as declined, in milliseconds since the Unix epoch.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline_ms: Option<u64>,
    },
    /// The client is to run a tool.
    DynamicToolCallRequest {
        /// What the answer refers to.
        id: InteractionId,
        /// The call that waits.
        call: CallId,
        /// The tool.
        tool: String,
        /// What it is called with: JSON, as the model wrote it.
        arguments: String,
        /// When it counts as failed, in milliseconds since the Unix epoch.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline_ms: Option<u64>,
    },
    /// It is decided whether a call runs.
    CallDecided(CallDecision),
    /// The tools offered to the model changed.
    ToolsChanged {
        /// Their names, in order.
        tools: Vec<String>,
    },
    /// A question is settled.
    InteractionResolved {
        /// Which.
        id: InteractionId,
        /// How.
        outcome: InteractionOutcome,
        /// Who settled it.
        actor: String,
    },
    /// Tokens spent.
    TokenCount {
        /// By the last model call.
        last: TokenUsage,
        /// By the thread.
        total: TokenUsage,
        /// The model's window, where known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        context_window: Option<u64>,
        /// What is left of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        context_left: Option<u64>,
        /// What the thread has cost so far, in millionths of a US dollar, where every price is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cost_microusd: Option<u64>,
        /// Limits the provider told.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        rate_limits: Vec<RateLimit>,
    },
    /// All the turn changed so far.
    TurnDiff {
        /// A unified diff.
        diff: String,
    },
    /// The plan changed.
    PlanUpdate {
        /// The plan.
        plan: Plan,
    },
    /// A model call is made again. Live pieces of its earlier attempts are void; none of their items was completed.
    ModelRetry {
        /// The attempt that begins, from 2.
        attempt: u32,
        /// The n-th retry of this step; 0 where the call was lost with its process, which counts for nothing.
        retry: u32,
        /// Of at most so many.
        of: u32,
        /// How long it waits first.
        delay_ms: u64,
        /// Why.
        reason: String,
    },
    /// A tool call that was lost with its process runs again, which is safe for it.
    ToolRetry {
        /// The item.
        item: ItemId,
        /// The attempt that begins.
        attempt: u32,
        /// Why that is safe.
        reason: String,
    },
    /// The conversation was summarised.
    ContextCompacted {
        /// What led to it.
        trigger: CompactionTrigger,
        /// How many tokens the conversation had, as far as known.
        before_tokens: u64,
        /// How many it has now, as far as can be told.
        after_tokens: u64,
    },
    /// A review began.
    EnteredReviewMode {
        /// What is reviewed.
        request: ReviewRequest,
    },
    /// A review ended.
    ExitedReviewMode {
        /// What came of it.
        outcome: ReviewOutcome,
    },
    /// Turns were taken back: they are no longer part of the conversation.
    RolledBack {
        /// The first of them; all later ones went with it.
        from: TurnId,
        /// The files that are as they were before, relative to the workspace.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        files: Vec<String>,
        /// What people should know.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        notes: Vec<String>,
    },
    /// Files are as they were before some turns; the conversation goes on.
    FilesRestored {
        /// The first of the turns; the files of all later ones went back too.
        from: TurnId,
        /// Which files, relative to the workspace.
        files: Vec<String>,
        /// What people should know.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        notes: Vec<String>,
    },
    /// Turns could not be taken back: everything is as it was.
    RollbackRefused {
        /// The first of them.
        from: TurnId,
        /// Why, and what can be done instead.
        reason: String,
        /// The files that were changed by somebody else since.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        paths: Vec<String>,
    },
    /// A hook had something to say.
    HookNote {
        /// When it ran.
        phase: HookPhase,
        /// Which hook.
        hook: String,
        /// What it said, or what was wrong with it.
        message: String,
    },
    /// The thread lives elsewhere from here on.
    Moved {
        /// Where it was.
        from: String,
        /// Where it is.
        to: String,
    },
    /// Another agent began, spoke or ended.
    SubAgent {
        /// What happened.
        update: Value,
    },
    /// Something happened outside of any turn.
    BackgroundNote {
        /// What.
        message: String,
    },
    /// Something is not as it should be; the turn goes on.
    Warning {
        /// What.
        message: String,
    },
    /// Something failed; the turn is about to end.
    Error {
        /// A stable name.
        code: String,
        /// What happened and what to do.
        message: String,
    },
    /// The thread is served no more until it is resumed.
    ShutdownComplete,
    /// The thread is served again.
    Resumed,
    /// An event of a later version.
    #[serde(untagged)]
    Unknown(Value),
}

/// How a turn ended by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum TurnEnd {
    /// The model stopped asking for tools.
    Final {
        /// Its last message, where it said anything.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// The model gave no whole response, as often as it was asked.
    RetriesExhausted {
        /// The last failure.
        message: String,
    },
    /// The conversation does not fit the model's window.
    ContextWindowExceeded {
        /// What to do.
        message: String,
    },
    /// A hook ended it.
    Blocked {
        /// Which hook, and why.
        message: String,
    },
    /// What the thread may spend is spent.
    BudgetSpent {
        /// Which limit.
        message: String,
    },
    /// The model asked for the very same calls again and again.
    RepeatedCalls {
        /// How often.
        times: u32,
    },
    /// The final message did not fit the output schema, as often as the model was told so.
    OutputMisfit {
        /// How it misses it.
        message: String,
    },
    /// The harness or the provider cannot go on.
    Fatal {
        /// Why, and what to do.
        message: String,
    },
}

/// What led to a summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CompactionTrigger {
    /// The conversation had reached the configured size.
    Size,
    /// A client asked for it.
    Requested,
    /// It does not fit the window of the model that comes next.
    SmallerWindow,
    /// The provider said that it does not fit.
    Overflow,
}

/// Why a turn was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AbortReason {
    /// The user wanted it, or answered an approval with `abort`.
    Interrupted,
    /// Another task took its place.
    Replaced,
    /// The review it belonged to ended.
    ReviewEnded,
    /// The thread was shut down.
    Shutdown,
}

impl From<&ApprovalDecision> for InteractionOutcome {
    fn from(decision: &ApprovalDecision) -> Self {
        Self::Answered(decision.clone())
    }
}

impl EventKind {
    /// Whether this ends a turn. Every turn has exactly one such event.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::TurnCompleted { .. } | Self::TurnAborted { .. })
    }
}
