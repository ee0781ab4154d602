//! What travels: ids, ops in, events out, items, settings, and what models and tools are asked and answer.
//!
//! Everything here is plain data with serde. Persisted and wire enums are tagged, snake_case and
//! `#[non_exhaustive]`; a variant this build does not know is kept as it was and survives a round trip.

mod blob;
mod event;
mod id;
mod interaction;
mod item;
mod listing;
mod live;
mod model;
mod op;
mod review;
mod settings;
mod shared;
mod submission;
mod tool;
mod usage;
mod workspace;

pub use blob::{BlobId, BlobRef};
pub use event::{AbortReason, CompactionTrigger, Event, EventKind, TurnEnd};
pub use id::{CallId, EffectId, InteractionId, ItemId, OpId, Tenant, ThreadId, ThreadKey, TurnId};
pub use interaction::{
    Answers, ApprovalDecision, CallDecision, ClientToolResult, Elicitation, ElicitationAction,
    ElicitationReply, ExecApproval, InteractionOutcome, PatchApproval, Question, QuestionOption, Ruling,
};
pub use item::{Content, Item, ItemDetail, Payload, ToolCall, TurnItem};
pub use listing::{Asked, HistoryEntry, Listing, McpServer, ModelInfo, Named, PromptInfo, Query, SkillInfo};
pub use live::{Live, LiveKind};
pub use model::{
    Completion, Conversation, ModelAnswer, ModelError, ModelErrorKind, ModelEvent, ModelItem, ModelRequest,
    Purpose,
};
pub use op::{Op, RollbackFiles, TurnOverrides};
pub use review::{CodeLocation, Finding, LineRange, Review, ReviewOutcome, ReviewRequest};
pub use settings::{
    AnswerWithin, ApprovalPolicy, Budget, CompactAt, Effort, GranularPolicy, Mask, Mode, ModelChoice,
    NetworkAccess, Otherwise, Price, Route, SandboxPolicy, Settings, Source, Summary, Surroundings, Undo,
};
pub use shared::Shared;
pub use submission::{Accepted, Refusal, Submission};
pub use tool::{
    Access, Class, CollectRequest, Collected, Containment, FileChange, FileChangeKind, Grant, OutputStatus,
    Plan, PlanStep, PlanStepStatus, Preparation, PrepareRequest, Prepared, Repeat, ServedBy, Subject,
    ToolAnswer, ToolKind, ToolOutput, ToolRequest, ToolSpec, Verdict,
};
pub use usage::{RateLimit, TokenUsage};
pub use workspace::{
    HookNote, HookPatch, HookPhase, HookRequest, HookRuling, Hooked, HookedCall, HookedEnd, RestoreAnswer,
    RestoreRequest, RestoreStep, SkillText, Snapshot, SnapshotAnswer, SnapshotMoment, SnapshotRequest,
};

/// For numbers that are left out where there is nothing to count.
pub(crate) fn is_zero(number: &u64) -> bool {
    *number == 0
}
