//! What a conversation is made of ([`Item`]) and what clients see of it ([`TurnItem`]).

use super::{BlobRef, CallId, FileChange, ItemId, PlanStep, ReviewOutcome, ToolOutput};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A piece of content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Content {
    /// Text.
    Text {
        /// The text.
        text: String,
    },
    /// An image, or text over the blob limit, by reference.
    Blob {
        /// Where it is.
        blob: BlobRef,
    },
    /// A file or another thing of the workspace the user points at.
    Mention {
        /// How it was named.
        name: String,
        /// Where it is.
        path: String,
    },
    /// A skill the user asks for.
    Skill {
        /// Its name.
        name: String,
    },
}

impl Content {
    /// Text content.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into() }
    }
}

/// A part of the conversation as the model is told it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Item {
    /// Told by the harness: the environment, a notice.
    Context {
        /// What is told.
        text: String,
    },
    /// Said by the user.
    User {
        /// What was said.
        content: Vec<Content>,
    },
    /// Said by the model.
    Agent {
        /// What was said.
        text: String,
        /// The model was stopped before it was finished.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        cut: bool,
    },
    /// Thought by the model.
    Reasoning {
        /// The id the provider gave it, needed to send it back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        provider_id: Option<String>,
        /// What it tells of its thoughts.
        #[serde(default)]
        summary: Vec<String>,
        /// The thoughts themselves, where the provider shows them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        /// The thoughts sealed by the provider, to be sent back as they are.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        encrypted: Option<String>,
        /// Whose seal that is, as settings name providers; only they can open it. `None` for the host's default one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        provider: Option<String>,
    },
    /// Asked for by the model. Exactly one `Output` follows.
    Call(ToolCall),
    /// The answer to a call.
    Output {
        /// Which call.
        call: CallId,
        /// The answer.
        output: ToolOutput,
    },
    /// The model's provider searched the web, in the midst of a response: it has its answer already.
    WebSearch {
        /// For what; of a page that was read, its address.
        query: String,
        /// The provider's record of it, to be sent back as it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sealed: Option<String>,
        /// Whose record that is, as settings name providers; only they can read it. `None` for the host's default one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        provider: Option<String>,
    },
    /// An item of a later version.
    #[serde(untagged)]
    Unknown(Value),
}

/// A tool call as the model asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The thread's number for it; also what providers are told.
    pub id: CallId,
    /// The item clients see.
    pub item: ItemId,
    /// The tool's name.
    pub name: String,
    /// What it is called with.
    pub payload: Payload,
}

/// What a tool is called with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Payload {
    /// JSON, as text: models write broken JSON, and that is told to them.
    Function {
        /// The JSON text.
        arguments: String,
    },
    /// Text of any form.
    Freeform {
        /// The text.
        input: String,
    },
}

impl Payload {
    /// The text the model wrote.
    pub fn text(&self) -> &str {
        match self {
            Self::Function { arguments } => arguments,
            Self::Freeform { input } => input,
        }
    }
}

/// An item as clients see it: one thing from its start to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TurnItem {
    /// The same in `ItemStarted`, deltas and `ItemCompleted`.
    pub id: ItemId,
    /// What it is.
    #[serde(flatten)]
    pub detail: ItemDetail,
}

/// What a client-side item is. `output` is there once the item is complete.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ItemDetail {
    /// The user said something.
    UserMessage {
        /// What.
        content: Vec<Content>,
    },
    /// The agent said something.
    AgentMessage {
        /// What.
        text: String,
        /// It was stopped before it was finished.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        cut: bool,
    },
    /// The agent thought.
    Reasoning {
        /// What it tells of it.
        summary: Vec<String>,
        /// The thoughts themselves, where shown.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// A command runs.
    CommandExecution {
        /// The call.
        call: CallId,
        /// The arguments; a shell line is one `sh -c` command.
        command: Vec<String>,
        /// Where it runs.
        cwd: String,
        /// What came of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<ToolOutput>,
    },
    /// The user runs a command; the model does not see it.
    UserCommand {
        /// The line.
        command: String,
        /// Where it runs.
        cwd: String,
        /// What came of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<ToolOutput>,
    },
    /// Files change.
    FileChange {
        /// The call.
        call: CallId,
        /// Which files; with diffs once done.
        changes: Vec<FileChange>,
        /// What came of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<ToolOutput>,
    },
    /// Any other built-in tool runs.
    ToolCall {
        /// The call.
        call: CallId,
        /// The tool's name.
        tool: String,
        /// What it is about, for example a path.
        subject: String,
        /// What came of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<ToolOutput>,
    },
    /// A tool of an MCP server runs.
    McpCall {
        /// The call.
        call: CallId,
        /// The server.
        server: String,
        /// The tool.
        tool: String,
        /// What came of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<ToolOutput>,
    },
    /// A tool of the client runs.
    DynamicCall {
        /// The call.
        call: CallId,
        /// The tool.
        tool: String,
        /// What came of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<ToolOutput>,
    },
    /// The provider searched the web.
    WebSearch {
        /// For what; of a page that was read, its address.
        query: String,
    },
    /// The agent's plan.
    Plan {
        /// The call.
        call: CallId,
        /// Its steps.
        steps: Vec<PlanStep>,
        /// What came of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<ToolOutput>,
    },
    /// Another agent works.
    SubAgent {
        /// Its thread.
        thread: String,
    },
    /// A review.
    Review {
        /// What came of it.
        outcome: ReviewOutcome,
    },
    /// The agent proposes a plan, in plan mode.
    ProposedPlan {
        /// The plan, in Markdown.
        text: String,
    },
    /// The conversation was summarised.
    Compaction {
        /// The summary.
        summary: String,
    },
    /// An item of a later version.
    #[serde(untagged)]
    Unknown(Value),
}
