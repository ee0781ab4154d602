//! [`Script`]: what a script file says, checked.

use super::template::Template;
use agent_core::TokenUsage;
use serde_json::Value;

/// A checked script. Its format is described in [`scripted`](crate::scripted).
#[derive(Clone, Debug)]
pub struct Script {
    pub(super) shape: Shape,
    /// The answer where a summary is asked for.
    pub(super) summary: Option<Step>,
}

impl Script {
    /// A script for a first run: it greets, looks around with a harmless command, and tells what it saw.
    pub const DEMO: &str = include_str!("demo.toml");

    /// Reads a script.
    ///
    /// # Errors
    /// The text is not TOML, or has a key, a value or a template that a script does not have. The error names the
    /// line and the key.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        super::parse::parse(text)
    }
}

/// How steps are told apart.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    /// By the number of responses in the whole conversation.
    Steps(Vec<Step>),
    /// By the user's message, then by the number of responses since.
    Turns(Vec<Turn>),
}

#[derive(Clone, Debug)]
pub(super) struct Turn {
    /// Where it stands in the file.
    pub(super) line: usize,
    /// What the user's message must contain.
    pub(super) fits: Option<String>,
    /// It answers only where the conversation was summarised since that message.
    pub(super) after_summary: bool,
    pub(super) steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub(super) struct Step {
    /// Where it stands in the file.
    pub(super) line: usize,
    pub(super) prompt_contains: Option<String>,
    pub(super) output_contains: Option<String>,
    pub(super) reasoning: Option<Template>,
    /// What the provider searches the web for.
    pub(super) search: Option<Template>,
    pub(super) text: Option<Template>,
    pub(super) calls: Vec<ScriptedCall>,
    pub(super) usage: Option<TokenUsage>,
    pub(super) delay_ms: u64,
    pub(super) chunk_delay_ms: u64,
    pub(super) fault: Option<Fault>,
}

#[derive(Clone, Debug)]
pub(super) struct ScriptedCall {
    pub(super) tool: String,
    pub(super) payload: ScriptedPayload,
}

#[derive(Clone, Debug)]
pub(super) enum ScriptedPayload {
    /// Sent as JSON; strings in it are templates, checked when the script was read.
    Json(Value),
    /// Sent as the arguments of a function as it stands.
    RawArguments(Template),
    /// Sent to a freeform tool.
    Freeform(Template),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    pub(super) kind: FaultKind,
    pub(super) attempts: Attempts,
}

/// Which attempts of a step fail.
#[derive(Clone, Copy, Debug)]
pub(super) enum Attempts {
    All,
    First(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FaultKind {
    Cut,
    StreamError,
    Hang,
    Unavailable,
    Auth,
    Quota,
    InvalidRequest,
    ContextOverflow,
}

/// Why a text is not a script.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("script, line {line}{}: {message}", self.place())]
pub struct ScriptError {
    /// Where, counted from 1.
    pub line: usize,
    /// At which key; empty where it is at none.
    pub key: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl ScriptError {
    fn place(&self) -> String {
        if self.key.is_empty() { String::new() } else { format!(", key `{}`", self.key) }
    }

    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        "script"
    }

    /// Whether trying again may help: a script does not change by itself.
    pub fn retry(&self) -> bool {
        false
    }
}
