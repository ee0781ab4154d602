//! Tools: what the model is offered, what is known of a call before it runs, and what comes of it.

use super::{
    Content, EffectId, Elicitation, ElicitationReply, Question, SandboxPolicy, Shared, SkillText, ThreadKey,
    ToolCall, TurnId,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A tool as the model is offered it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// Its name.
    pub name: String,
    /// What it does, for the model.
    pub description: String,
    /// How it is called.
    pub kind: ToolKind,
    /// Who runs its calls.
    #[serde(default, skip_serializing_if = "ServedBy::is_host")]
    pub served_by: ServedBy,
}

impl ToolSpec {
    /// A tool of the host.
    pub fn new(name: impl Into<String>, description: impl Into<String>, kind: ToolKind) -> Self {
        Self { name: name.into(), description: description.into(), kind, served_by: ServedBy::Host }
    }
}

/// Who runs the calls of a tool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ServedBy {
    /// The [`crate::ToolCallHandler`].
    #[default]
    Host,
    /// A client, through an op.
    Client,
    /// The model's provider, by itself. Providers that have no such tool are not told of it.
    Provider,
}

impl ServedBy {
    fn is_host(&self) -> bool {
        *self == Self::Host
    }
}

/// How a tool is called.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ToolKind {
    /// With JSON.
    Function {
        /// The JSON schema of the arguments.
        parameters: Value,
    },
    /// With text of any form.
    Freeform {
        /// A grammar in Lark's notation, for providers that take one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        grammar: Option<String>,
    },
}

/// Whether a call changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// It only looks; several run at once.
    ReadOnly,
    /// It may change the world; it runs alone.
    Mutating,
}

/// Whether a call that may have run can run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeat {
    /// Running it twice is running it once.
    Safe,
    /// It must not run a second time by itself.
    Never,
}

/// What a call looks like from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Class {
    /// Known to change nothing.
    Safe,
    /// Nothing special is known.
    Ordinary,
    /// Known to destroy things.
    Dangerous,
}

/// What an exec policy says of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// No rule speaks of it.
    #[default]
    Silent,
    /// A rule allows it without a question, outside the sandbox too where it would leave it.
    Allow {
        /// The rule: where it stands, and what it is about.
        #[serde(default)]
        rule: String,
    },
    /// A rule wants the user asked.
    Ask {
        /// The rule's reason.
        reason: String,
    },
    /// A rule forbids it.
    Forbid {
        /// The rule's reason.
        reason: String,
    },
}

/// Whether the host can hold a call to the sandbox policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Containment {
    /// It cannot get out: a sandbox holds it, or the tool itself checks.
    Contained,
    /// Nothing holds it.
    Uncontained {
        /// Why not.
        reason: String,
    },
    /// As asked for it would break the policy, for example write outside the writable roots.
    Escapes {
        /// How.
        reason: String,
    },
}

/// What a call is about, for approvals and items.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Subject {
    /// A command.
    Command {
        /// The arguments.
        command: Vec<String>,
        /// Where it runs.
        cwd: String,
    },
    /// A change of files.
    Patch {
        /// Which, with what is asked of them as their diffs; line numbers are not known yet.
        changes: Vec<FileChange>,
    },
    /// A new plan.
    Plan {
        /// The plan.
        plan: Plan,
    },
    /// Questions to the user. The thread asks them itself; the call does not run.
    Questions {
        /// At least one.
        questions: Vec<Question>,
        /// So long they wait, in milliseconds; `None` for as long as it takes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wait_ms: Option<u64>,
    },
    /// A tool of an MCP server.
    Mcp {
        /// The server.
        server: String,
        /// The tool, as the server calls it.
        tool: String,
        /// What it is called with, in short, for whoever has to approve it.
        arguments: String,
    },
    /// A tool of the client. The thread makes this itself.
    Client {
        /// Its name.
        tool: String,
    },
    /// Anything else.
    Other {
        /// In a few words, for example a path.
        summary: String,
    },
}

/// What is known of a call before it is decided upon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preparation {
    /// Whether it changes anything.
    pub access: Access,
    /// Whether it may run again.
    pub repeat: Repeat,
    /// What it looks like.
    pub class: Class,
    /// What the exec policy says.
    #[serde(default)]
    pub verdict: Verdict,
    /// Whether it can be held to the sandbox policy.
    pub containment: Containment,
    /// What it is about.
    pub subject: Subject,
    /// Names exactly this call under exactly these policies: argv, cwd, sandbox and policy digest.
    pub digest: String,
    /// When it is stopped, in milliseconds from its start.
    pub timeout_ms: u64,
    /// Why the model wants it to run outside the sandbox, where it asks for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub justification: Option<String>,
    /// The rule that a yes for good would add to the exec policy: the first words of the commands it would allow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amendment: Option<String>,
}

impl Preparation {
    /// A call that only looks, cannot get out, and may run again.
    pub fn reading(subject: Subject, timeout_ms: u64) -> Self {
        Self {
            access: Access::ReadOnly,
            repeat: Repeat::Safe,
            class: Class::Safe,
            verdict: Verdict::Silent,
            containment: Containment::Contained,
            subject,
            digest: String::new(),
            timeout_ms,
            justification: None,
            amendment: None,
        }
    }
}

/// The answer to a request to prepare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Prepared {
    /// The call can be decided upon.
    Ready(Box<Preparation>),
    /// The call makes no sense: unknown tool, bad arguments. The message goes to the model.
    Rejected {
        /// What is wrong and what would be right.
        message: String,
    },
}

/// A request for the tools there are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CollectRequest {
    /// The thread.
    pub key: ThreadKey,
    /// The turn that begins.
    pub turn: TurnId,
    /// The thread's working directory.
    pub cwd: String,
    /// Names the tools the thread has now, as [`Collected::digest`] did; empty where nothing was collected yet.
    pub known: String,
    /// The skills the user asked for by name and the model was not told of yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skills: Vec<String>,
}

/// The tools there are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Collected {
    /// All tools of the host; `None` where they are those that were asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Shared<Vec<ToolSpec>>>,
    /// Names these tools.
    pub digest: String,
    /// What is missing and what to do about it, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The skills that were asked for, as far as they were found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skills: Vec<SkillText>,
}

/// A call to prepare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrepareRequest {
    /// The thread.
    pub key: ThreadKey,
    /// The turn.
    pub turn: TurnId,
    /// The call.
    pub call: ToolCall,
    /// The thread's working directory.
    pub cwd: String,
    /// What may be touched.
    pub sandbox: SandboxPolicy,
}

/// How far a call may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Grant {
    /// As far as the sandbox policy says.
    Sandboxed,
    /// Anywhere: the user approved it, or the policy is full access.
    Unconfined,
}

/// A call to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolRequest {
    /// The thread.
    pub key: ThreadKey,
    /// The turn.
    pub turn: TurnId,
    /// The effect; with the attempt, the name of this run.
    pub effect: EffectId,
    /// Counted from 1.
    pub attempt: u32,
    /// The call.
    pub call: ToolCall,
    /// What `prepare` said of it.
    pub preparation: Preparation,
    /// How far it may go.
    pub grant: Grant,
    /// The thread's working directory.
    pub cwd: String,
    /// What may be touched.
    pub sandbox: SandboxPolicy,
    /// A rule that the user adds to the exec policy with this call. The handler writes it down before the call runs; a rule
    /// that is there already is not written again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amendment: Option<String>,
    /// The answer to what the attempt before [asked](ToolAnswer::Asks).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<ElicitationReply>,
    /// The W3C trace context of the submission that led here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// The last word of a call that was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToolAnswer {
    /// It ran to its end, well or badly; the model is told.
    Finished {
        /// What came of it.
        output: ToolOutput,
    },
    /// It waits for an answer of the user. The thread asks, and starts another attempt with the [reply](ToolRequest::reply),
    /// which goes on where this one waits. Where that is lost, the next attempt is `Unknown`.
    Asks {
        /// What it wants to know.
        elicitation: Elicitation,
    },
    /// It was stopped on request.
    Cancelled {
        /// What had come of it by then.
        output: ToolOutput,
    },
    /// It is certain that it did not run.
    NotStarted,
    /// It may have run, wholly or in part, and does not run any more.
    Unknown {
        /// What is known.
        note: String,
    },
    /// The harness cannot go on; the turn ends.
    Fatal {
        /// Why.
        message: String,
    },
}

/// How a call ended, for the model and for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OutputStatus {
    /// Well.
    Ok,
    /// Badly: a non-zero exit code, a time-out, a patch that does not fit, a malformed call.
    Failed,
    /// Not run: the user or the policy said no.
    Denied,
    /// Stopped, or not begun, because the turn was interrupted.
    Cancelled,
    /// Nobody knows whether it ran.
    Unknown,
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolOutput {
    /// How it ended.
    pub status: OutputStatus,
    /// What it printed or returned, capped, secrets removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub content: Vec<Content>,
    /// The exit code of a command that exited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// How long it ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// The files it changed, with diffs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<FileChange>,
    /// It failed, and it looks as if the sandbox stopped it: how, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denial: Option<String>,
}

impl ToolOutput {
    /// An output of one text.
    pub fn text(status: OutputStatus, text: impl Into<String>) -> Self {
        Self {
            status,
            content: vec![Content::text(text)],
            exit_code: None,
            duration_ms: None,
            changes: Vec::new(),
            denial: None,
        }
    }

    /// All texts of the output, one after another; blobs are left out.
    pub fn plain_text(&self) -> String {
        let mut all = String::new();
        for part in &self.content {
            if let Content::Text { text } = part {
                all.push_str(text);
            }
        }
        all
    }

    /// What the model is told before the content: how the call ended, where the content does not say it.
    pub fn headline(&self) -> Option<String> {
        let seconds = |ms: u64| format!("{}.{:01} s", ms / 1000, ms % 1000 / 100);
        let took = self.duration_ms.map(seconds);
        match (self.exit_code, took) {
            (Some(code), Some(took)) => Some(format!("Exit code: {code}\nWall time: {took}\nOutput:\n")),
            (Some(code), None) => Some(format!("Exit code: {code}\nOutput:\n")),
            (None, _) => None,
        }
    }
}

/// One file and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// The file, relative to the working directory where it is below it.
    pub path: String,
    /// What becomes of it.
    pub kind: FileChangeKind,
    /// Where it moves to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<String>,
    /// A unified diff; before the change is made, only its lines.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub diff: String,
}

/// What becomes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileChangeKind {
    /// It is new.
    Add,
    /// It goes.
    Delete,
    /// Its content changes, or its name.
    Update,
}

/// The agent's plan, as `update_plan` sets it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Why it changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<String>,
    /// Its steps, in order.
    pub steps: Vec<PlanStep>,
}

/// A step of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanStep {
    /// What is to be done.
    pub step: String,
    /// How far it is.
    pub status: PlanStepStatus,
}

/// How far a step of a plan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanStepStatus {
    /// Not begun.
    Pending,
    /// Begun.
    InProgress,
    /// Done.
    Completed,
}
