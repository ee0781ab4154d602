//! [`Scenario`]: what a scenario file says.

use super::Trace;
use agent_core::{
    AnswerWithin, Answers, ApprovalDecision, ApprovalPolicy, Budget, CompactAt, ElicitationReply, Genesis,
    HookPhase, Hooked, Mode, Op, Price, RestoreAnswer, SandboxPolicy, ServedBy, Settings, Shared, ToolSpec,
    Undo,
};
use serde::Deserialize;
use std::collections::BTreeMap;

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
    /// How long questions wait.
    #[serde(default)]
    pub answer_within: Option<AnswerWithin>,
    /// The tokens that fit the model's window.
    #[serde(default)]
    pub context_window: Option<u64>,
    /// When the conversation is summarised.
    #[serde(default)]
    pub compact_at: CompactAt,
    /// How the agent works.
    #[serde(default)]
    pub mode: Mode,
    /// What may be spent.
    #[serde(default)]
    pub budget: Budget,
    /// What tokens cost.
    #[serde(default)]
    pub price: Option<Price>,
    /// Whether turns can be taken back with their changes of files.
    #[serde(default)]
    pub undo: Undo,
    /// What the hooks of each phase come to; the other phases have none.
    #[serde(default)]
    pub hooks: BTreeMap<HookPhase, Hooked>,
    /// What taking files back comes to; by default, that it was done.
    #[serde(default)]
    pub restored: Option<RestoreAnswer>,
    /// The tools that the client serves.
    #[serde(default)]
    pub client_tools: Vec<ToolSpec>,
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
    /// Answers the agent's last questions so, by their ids.
    #[serde(default)]
    pub told: Option<Answers>,
    /// Returns this from the client's tool that was called last.
    #[serde(default)]
    pub returns: Option<String>,
    /// Answers the last server that wanted something filled in.
    #[serde(default)]
    pub reply: Option<ElicitationReply>,
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
        let Self { after, say, answer, told, returns, reply, op } = self;
        let does = [
            say.is_some(),
            answer.is_some(),
            told.is_some(),
            returns.is_some(),
            reply.is_some(),
            op.is_some(),
        ];
        after.is_some() && !does.contains(&true)
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

    /// What a host opens the thread with.
    pub fn genesis(&self, cwd: &str, model: &str) -> Genesis {
        let settings = Settings {
            approval: self.approval,
            sandbox: self.sandbox.clone(),
            answer_within: self.answer_within,
            context_window: self.context_window,
            compact_at: self.compact_at,
            mode: self.mode,
            budget: self.budget,
            price: self.price,
            undo: self.undo,
            hooks: self.hooks.keys().copied().collect(),
            ..Settings::new(cwd, model)
        };
        let served = |tool: &ToolSpec| ToolSpec { served_by: ServedBy::Client, ..tool.clone() };
        let tools = self.client_tools.iter().map(served).collect();
        Genesis { settings, tools: Shared::new(tools), ..Genesis::default() }
    }
}
