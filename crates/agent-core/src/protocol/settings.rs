//! What a thread runs under: model, directory, policies, limits.

use super::HookPhase;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Where a thread came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Source {
    /// A conversation on a terminal.
    Cli,
    /// One shot, without a person.
    Exec,
    /// Started by another agent.
    SubAgent,
    /// A review of another thread.
    Review,
    /// A program that embeds the loop.
    #[default]
    Host,
}

/// When the user is asked before a call runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ApprovalPolicy {
    /// Ask for everything not known to be safe.
    Untrusted,
    /// Run confined, ask when that fails.
    OnFailure,
    /// Run confined; the model may ask for more.
    #[default]
    OnRequest,
    /// Never ask: what would need an answer is refused.
    Never,
    /// On request, with each kind of question switched by itself.
    Granular(GranularPolicy),
}

/// Which questions may be asked under [`ApprovalPolicy::Granular`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GranularPolicy {
    /// Commands.
    pub commands: Route,
    /// File changes.
    pub patches: Route,
    /// Any other tool.
    pub tools: Route,
}

/// What becomes of one kind of question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// It is put to the user.
    #[default]
    Ask,
    /// It is refused without asking.
    Refuse,
}

/// What a call may touch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum SandboxPolicy {
    /// Nothing may be written.
    #[default]
    ReadOnly,
    /// The working directory and these roots may be written.
    WorkspaceWrite {
        /// Absolute directories besides the working directory.
        #[serde(default)]
        writable_roots: Vec<String>,
        /// Whether commands reach the network.
        #[serde(default, skip_serializing_if = "NetworkAccess::is_off")]
        network: NetworkAccess,
    },
    /// Everything the user may touch.
    DangerFullAccess,
}

/// Whether commands in the sandbox reach the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkAccess {
    /// They do not.
    #[default]
    Off,
    /// They do.
    On,
}

impl NetworkAccess {
    fn is_off(&self) -> bool {
        *self == Self::Off
    }
}

/// How long a question waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerWithin {
    /// Milliseconds from the question on.
    pub ms: u64,
    /// What counts then.
    #[serde(default)]
    pub otherwise: Otherwise,
}

/// What counts where nobody answers in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Otherwise {
    /// No: the call does not run, and the turn goes on. A question gets its own default where it has one.
    #[default]
    Deny,
    /// No, and the turn stops.
    Abort,
}

/// How the agent works together with the user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Mode {
    /// Read and plan, change nothing.
    Plan,
    /// Do the work.
    #[default]
    Code,
    /// Do it in small steps, together.
    Pair,
    /// Carry out a plan without questions.
    Execute,
}

/// How much a reasoning model thinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Effort {
    /// No reasoning parameter is sent.
    None,
    /// As little as possible.
    Minimal,
    /// Little.
    Low,
    /// The usual.
    Medium,
    /// Much.
    High,
    /// Very much.
    #[serde(rename = "xhigh")]
    XHigh,
    /// As much as there is.
    Max,
}

/// How much of its reasoning a model tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Summary {
    /// Nothing.
    None,
    /// As the provider likes.
    Auto,
    /// A few words.
    Concise,
    /// All there is.
    Detailed,
}

/// What the machine is like, as the host saw it last. Whatever is `None` is not told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Surroundings {
    /// The user's shell, for example `bash`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shell: Option<String>,
    /// The local date, as `2026-11-21`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// What is checked out, for example `main @ 1a2b3c4`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git: Option<String>,
}

impl Surroundings {
    fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}

/// What a thread may spend. Checked before each model call; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Input and output tokens over the life of the thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Tool calls over the life of the thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<u64>,
    /// Milliseconds from a turn's start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn_ms: Option<u64>,
    /// Money over the life of the thread, in millionths of a US dollar, by [`Settings::price`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_microusd: Option<u64>,
    /// Milliseconds of work over the life of the thread: while a turn runs and does not only wait for an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work_ms: Option<u64>,
}

/// What tokens cost, in millionths of a US dollar for a million of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Tokens sent.
    pub input: u64,
    /// Of these, the ones read from the provider's cache.
    pub cached: u64,
    /// Tokens received.
    pub output: u64,
}

/// When a conversation is summarised by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CompactAt {
    /// At so many hundredths of the model's window, where that is known.
    Percent(u8),
    /// At so many tokens.
    Tokens(u64),
    /// Only on request, and where a provider says that it does not fit.
    Never,
}

impl Default for CompactAt {
    fn default() -> Self {
        Self::Percent(80)
    }
}

impl CompactAt {
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether turns can be taken back with their changes of files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undo {
    /// No snapshots are taken.
    #[default]
    Off,
    /// A snapshot before the first call of a turn that may change something, and one at the end of such a turn.
    On,
}

impl Undo {
    fn is_off(&self) -> bool {
        *self == Self::Off
    }
}

/// A model and who serves it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelChoice {
    /// Which entry of the host's provider table answers; `None` for the thread's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The model's name as its provider knows it.
    pub model: String,
    /// Tokens that fit its window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_window: Option<u64>,
    /// What it costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
}

/// What a mode changes while it is on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mask {
    /// Told to the model, in place of what the mode says by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// The model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelChoice>,
    /// Reasoning effort.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<Effort>,
    /// The tools that are offered, by name or by a beginning with `*`; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<String>>,
}

/// Everything a turn runs under.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The working directory, absolute, on the machine that owns the workspace.
    pub cwd: String,
    /// Which entry of the host's provider table answers; empty for its default one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub provider: String,
    /// The model's name as its provider knows it.
    pub model: String,
    /// When to ask.
    #[serde(default)]
    pub approval: ApprovalPolicy,
    /// What may be touched.
    #[serde(default)]
    pub sandbox: SandboxPolicy,
    /// Reasoning effort; `None` leaves it to the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<Effort>,
    /// Reasoning summary; `None` leaves it to the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
    /// A manner of speaking, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personality: Option<String>,
    /// How the agent works.
    #[serde(default)]
    pub mode: Mode,
    /// Tokens that fit the model's window; `None` where unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_window: Option<u64>,
    /// How often a broken model response is asked for again in one step.
    #[serde(default = "Settings::default_stream_retries")]
    pub stream_retries: u32,
    /// What may be spent.
    #[serde(default)]
    pub budget: Budget,
    /// Told to the model beside the system prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub developer_instructions: Option<String>,
    /// Told to the model with the directory and the policies.
    #[serde(default, skip_serializing_if = "Surroundings::is_unknown")]
    pub surroundings: Surroundings,
    /// How long questions wait; `None` for as long as it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_within: Option<AnswerWithin>,
    /// What the model's tokens cost; `None` where unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// When the conversation is summarised.
    #[serde(default, skip_serializing_if = "CompactAt::is_usual")]
    pub compact_at: CompactAt,
    /// What modes change.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub masks: BTreeMap<Mode, Mask>,
    /// Who reviews; `None` for the thread's own model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_model: Option<ModelChoice>,
    /// Whether turns can be taken back with their changes of files.
    #[serde(default, skip_serializing_if = "Undo::is_off")]
    pub undo: Undo,
    /// The phases that have hooks; the others are not asked about.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub hooks: BTreeSet<HookPhase>,
}

impl Settings {
    fn default_stream_retries() -> u32 {
        5
    }

    /// Settings for a directory and a model, all else at its default.
    pub fn new(cwd: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            cwd: cwd.into(),
            model: model.into(),
            stream_retries: Self::default_stream_retries(),
            ..Self::default()
        }
    }
}
