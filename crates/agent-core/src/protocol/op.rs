//! What a client asks of a thread.

use super::{
    AnswerWithin, Answers, ApprovalDecision, ApprovalPolicy, Budget, ClientToolResult, CompactAt, Content,
    Effort, ElicitationReply, HookPhase, InteractionId, Mask, Mode, ModelChoice, Price, Query, ReviewRequest,
    SandboxPolicy, Summary, Surroundings, ToolSpec, Undo,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// One request. All of them travel from the start; one that this build does not serve is refused by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Op {
    /// Start a turn. While one runs, its items are steered into it.
    UserTurn {
        /// What the user says.
        items: Vec<Content>,
        /// For this turn only.
        #[serde(default)]
        overrides: TurnOverrides,
        /// A JSON schema that the final message must fit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output_schema: Option<Value>,
    },
    /// Say something: into the running turn at its next step, or as a new turn.
    UserInput {
        /// What the user says.
        items: Vec<Content>,
    },
    /// Stop the running turn.
    Interrupt,
    /// Answer an `ExecApprovalRequest`.
    ExecApproval {
        /// Which.
        id: InteractionId,
        /// Yes or no.
        decision: ApprovalDecision,
    },
    /// Answer a `PatchApprovalRequest`.
    PatchApproval {
        /// Which.
        id: InteractionId,
        /// Yes or no.
        decision: ApprovalDecision,
    },
    /// Answer a `RequestUserInput`.
    UserInputAnswer {
        /// Which.
        id: InteractionId,
        /// The answers; a question that is left out has none.
        answers: Answers,
    },
    /// Answer an `ElicitationRequest`.
    ResolveElicitation {
        /// Which.
        id: InteractionId,
        /// The answer.
        response: ElicitationReply,
    },
    /// Answer a `DynamicToolCallRequest`.
    DynamicToolResponse {
        /// Which.
        id: InteractionId,
        /// What came of it.
        response: ClientToolResult,
    },
    /// Change the settings from the next step on.
    OverrideTurnContext {
        /// What changes.
        overrides: TurnOverrides,
    },
    /// Summarise the conversation now.
    Compact,
    /// Start a review.
    Review {
        /// What to review.
        request: ReviewRequest,
    },
    /// Take back the last turn, files included.
    Undo,
    /// Take back the last turns, files included.
    Rollback {
        /// How many.
        turns: u32,
        /// Whether their changes of files go too.
        #[serde(default)]
        files: RollbackFiles,
    },
    /// Run a command for the user; the model never sees it.
    RunUserShellCommand {
        /// The command.
        command: String,
    },
    /// Remember a prompt.
    AddToHistory {
        /// Its text.
        text: String,
    },
    /// Read a remembered prompt.
    GetHistoryEntry {
        /// Which log.
        log_id: u64,
        /// Which entry.
        offset: u64,
    },
    /// List MCP tools, resources, templates and auth status.
    ListMcpTools,
    /// List custom prompts.
    ListCustomPrompts,
    /// List skills.
    ListSkills,
    /// List models.
    ListModels,
    /// Name the thread.
    SetThreadName {
        /// The new name.
        name: String,
    },
    /// Stop serving the thread, after the turn or now. It can be resumed.
    Shutdown {
        /// Interrupt a running turn instead of waiting for it.
        #[serde(default)]
        now: bool,
    },
    /// An op of a later version.
    #[serde(untagged)]
    Unknown(Value),
}

impl Op {
    /// Whether the op is something the user says.
    pub(crate) fn starts_a_turn(&self) -> bool {
        matches!(self, Self::UserTurn { .. } | Self::UserInput { .. })
    }

    /// What the op only looks up: answered in the reply, and no part of the thread.
    pub fn query(&self) -> Option<Query> {
        Some(match self {
            Self::AddToHistory { text } => Query::AddToHistory { text: text.clone() },
            Self::GetHistoryEntry { log_id, offset } => {
                Query::HistoryEntry { log_id: *log_id, offset: *offset }
            }
            Self::ListMcpTools => Query::McpTools,
            Self::ListCustomPrompts => Query::CustomPrompts,
            Self::ListSkills => Query::Skills,
            Self::ListModels => Query::Models,
            _ => return None,
        })
    }

    /// The op's name on the wire.
    pub fn name(&self) -> &str {
        match self {
            Self::UserTurn { .. } => "user_turn",
            Self::UserInput { .. } => "user_input",
            Self::Interrupt => "interrupt",
            Self::ExecApproval { .. } => "exec_approval",
            Self::PatchApproval { .. } => "patch_approval",
            Self::UserInputAnswer { .. } => "user_input_answer",
            Self::ResolveElicitation { .. } => "resolve_elicitation",
            Self::DynamicToolResponse { .. } => "dynamic_tool_response",
            Self::OverrideTurnContext { .. } => "override_turn_context",
            Self::Compact => "compact",
            Self::Review { .. } => "review",
            Self::Undo => "undo",
            Self::Rollback { .. } => "rollback",
            Self::RunUserShellCommand { .. } => "run_user_shell_command",
            Self::AddToHistory { .. } => "add_to_history",
            Self::GetHistoryEntry { .. } => "get_history_entry",
            Self::ListMcpTools => "list_mcp_tools",
            Self::ListCustomPrompts => "list_custom_prompts",
            Self::ListSkills => "list_skills",
            Self::ListModels => "list_models",
            Self::SetThreadName { .. } => "set_thread_name",
            Self::Shutdown { .. } => "shutdown",
            Self::Unknown(value) => value.get("type").and_then(Value::as_str).unwrap_or("unknown"),
        }
    }
}

/// Settings to change; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TurnOverrides {
    /// The working directory, absolute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// When to ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalPolicy>,
    /// What may be touched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<SandboxPolicy>,
    /// The provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The tokens that fit the model's window. It is unknown after a change of model or provider that does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_window: Option<u64>,
    /// How often a broken model response is asked for again in one step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream_retries: Option<u32>,
    /// Reasoning effort.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effort: Option<Effort>,
    /// Reasoning summary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
    /// A manner of speaking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub personality: Option<String>,
    /// How the agent works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// What may be spent, all limits together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// What the model is told beside the system prompt; empty takes it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub developer_instructions: Option<String>,
    /// What the machine is like now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub surroundings: Option<Surroundings>,
    /// How long questions wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer_within: Option<AnswerWithin>,
    /// All tools that the client serves; the ones before are served no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_tools: Option<Vec<ToolSpec>>,
    /// What tokens cost. It is unknown after a change of model or provider that does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// When the conversation is summarised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compact_at: Option<CompactAt>,
    /// What modes change, all of them together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub masks: Option<BTreeMap<Mode, Mask>>,
    /// Who reviews.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review_model: Option<ModelChoice>,
    /// Whether turns can be taken back with their changes of files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo: Option<Undo>,
    /// The phases that have hooks, all of them together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hooks: Option<BTreeSet<HookPhase>>,
}

/// What becomes of files when turns are taken back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RollbackFiles {
    /// They go back with the conversation, or neither does.
    #[default]
    Restore,
    /// They stay as they are.
    Keep,
    /// They go back, and the conversation goes on: the model is told.
    Only,
}
