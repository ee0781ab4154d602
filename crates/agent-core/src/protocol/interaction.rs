//! Questions the agent waits on.

use super::{CallId, Content, FileChange, Grant, InteractionId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A command that waits for a yes or no.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecApproval {
    /// What the answer refers to.
    pub id: InteractionId,
    /// The call that waits.
    pub call: CallId,
    /// The command as it would run; the tool's name and arguments for a tool that is not a command.
    pub command: Vec<String>,
    /// Where it would run.
    pub cwd: String,
    /// Why the user is asked.
    pub reason: String,
    /// A directory that a yes for the session would make writable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_root: Option<String>,
    /// What could go wrong, where assessed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<String>,
    /// The rule that can be added to the exec policy with a yes: the first words of the commands it would allow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amendment: Option<String>,
    /// When it is answered by its default, in milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
}

/// A change of files that waits for a yes or no.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatchApproval {
    /// What the answer refers to.
    pub id: InteractionId,
    /// The call that waits.
    pub call: CallId,
    /// The files it would touch.
    pub changes: Vec<FileChange>,
    /// Why the user is asked.
    pub reason: String,
    /// A directory that a yes for the session would make writable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_root: Option<String>,
    /// When it is answered by its default, in milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
}

/// A question of the agent to the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// What the answer refers to; one of its kind in a call.
    pub id: String,
    /// In a word or two.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub header: String,
    /// The question.
    pub question: String,
    /// What can be chosen; where there is nothing, any text is an answer. Any text is one besides these too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<QuestionOption>,
    /// The answer where nobody gives one in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

/// What can be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuestionOption {
    /// The answer.
    pub label: String,
    /// What it means.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// The answers to the questions of a call, by the questions' ids.
pub type Answers = BTreeMap<String, Vec<String>>;

/// What an MCP server asks the user in the middle of a call.
/// See <https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation>.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elicitation {
    /// The server.
    pub server: String,
    /// What it says.
    pub message: String,
    /// The JSON schema of what is to be filled in: an object of texts, numbers, choices and switches.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub schema: Value,
    /// An address that the user is to open, in place of a form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// The user's answer to an elicitation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ElicitationReply {
    /// Whether the user wants to.
    pub action: ElicitationAction,
    /// What was filled in, where accepted.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub content: Value,
}

/// Whether a user answers an elicitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ElicitationAction {
    /// Yes, with the content.
    Accept,
    /// No.
    Decline,
    /// Neither: the user went away.
    Cancel,
}

/// What a client's own tool came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientToolResult {
    /// How it ended; a tool that failed says why in its content.
    #[serde(default = "ClientToolResult::fine")]
    pub success: bool,
    /// What it returned.
    #[serde(default)]
    pub content: Vec<Content>,
}

impl ClientToolResult {
    fn fine() -> bool {
        true
    }
}

/// How it was decided whether a call runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallDecision {
    /// The call.
    pub call: CallId,
    /// Whether it runs.
    pub ruling: Ruling,
    /// Who decided: the actor who answered, or `policy`, `rule`, `session`, `deadline`.
    pub by: String,
    /// The question that was put to the user, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<InteractionId>,
    /// How far it may go, where it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<Grant>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The rule of the exec policy that spoke of it, or that the user added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

/// Whether a call runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// It runs.
    Allowed,
    /// It does not.
    Refused,
}

/// The user's answer to an approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ApprovalDecision {
    /// Run it this once.
    Approved,
    /// Run it, and the very same again without asking.
    ApprovedForSession,
    /// Run it, and change the policy so that its like runs too.
    ApprovedWithAmendment {
        /// The rule to add.
        rule: String,
    },
    /// Do not run it; the turn goes on.
    Denied,
    /// Do not run it, and stop the turn.
    Abort,
}

/// How a question ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum InteractionOutcome {
    /// The user answered an approval.
    Answered(ApprovalDecision),
    /// The user answered the agent's questions.
    Told(Answers),
    /// The user answered an elicitation so; what was filled in is for the server alone.
    Replied(ElicitationAction),
    /// The client ran its tool.
    Ran {
        /// Whether it went well.
        success: bool,
    },
    /// Nobody answered in time, and the default counts.
    Expired,
    /// The settings changed, and allow it now.
    Released,
    /// The turn stopped before anybody answered.
    Withdrawn,
}
