//! Questions the agent waits on.

use super::{CallId, FileChange, InteractionId};
use serde::{Deserialize, Serialize};

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
    /// The user answered.
    Answered(ApprovalDecision),
    /// The turn stopped before anybody did.
    Withdrawn,
}
