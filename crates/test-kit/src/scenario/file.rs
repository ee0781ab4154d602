//! [`Scenario`]: what a scenario file says.

use super::Trace;
use agent_core::{ApprovalDecision, ApprovalPolicy, Op, SandboxPolicy, Settings};
use serde::Deserialize;

/// A turn as data.
#[derive(Clone, Debug, Deserialize)]
pub struct Scenario {
    /// What it shows.
    pub about: String,
    /// When the user is asked.
    #[serde(default)]
    pub approval: ApprovalPolicy,
    /// What may be touched.
    #[serde(default)]
    pub sandbox: SandboxPolicy,
    /// What the model says, as the host's scripted model reads it.
    pub script: String,
    /// What the user does.
    #[serde(rename = "op")]
    pub steps: Vec<Step>,
    /// The expected trace.
    #[serde(flatten)]
    pub expected: Trace,
}

/// Something the user does.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Waits for the next event of this name; without it, it is done at once.
    #[serde(default)]
    pub after: Option<String>,
    /// Says this.
    #[serde(default)]
    pub say: Option<String>,
    /// Answers the question about the last call so.
    #[serde(default)]
    pub answer: Option<ApprovalDecision>,
    /// Submits this op.
    #[serde(default)]
    pub op: Option<Op>,
}

/// A scenario file that makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("the scenario cannot be read: {0}")]
pub struct ScenarioError(#[from] toml::de::Error);

impl Step {
    /// Whether it does nothing but wait.
    pub(super) fn only_waits(&self) -> bool {
        self.after.is_some() && self.say.is_none() && self.answer.is_none() && self.op.is_none()
    }
}

impl Scenario {
    /// Reads a scenario file.
    ///
    /// # Errors
    /// When it is not TOML, or a key is missing or unknown.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        Ok(toml::from_str(text)?)
    }

    /// The settings a host opens the thread with.
    pub fn settings(&self, cwd: &str, model: &str) -> Settings {
        Settings { approval: self.approval, sandbox: self.sandbox.clone(), ..Settings::new(cwd, model) }
    }
}
