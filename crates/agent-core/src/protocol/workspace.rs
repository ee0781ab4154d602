//! What the owner of a workspace is asked besides tool calls: snapshots, going back to one, and hooks.

use super::{Content, EffectId, SandboxPolicy, ThreadKey, ToolCall, ToolOutput, TurnEnd, TurnId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A request to keep the workspace as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotRequest {
    /// The thread.
    pub key: ThreadKey,
    /// The turn.
    pub turn: TurnId,
    /// The effect; with the attempt, the name of this run.
    pub effect: EffectId,
    /// Counted from 1.
    pub attempt: u32,
    /// The thread's working directory.
    pub cwd: String,
    /// What may be touched.
    pub sandbox: SandboxPolicy,
    /// When in the turn.
    pub moment: SnapshotMoment,
}

/// When in a turn a snapshot is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotMoment {
    /// Before the first call that may change something.
    BeforeTurn,
    /// When the turn ends; only where there is one from before.
    AfterTurn,
}

/// A workspace as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Names it where it is kept.
    pub id: String,
    /// The directory it is of, absolute.
    pub root: String,
    /// What it does not cover, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// The answer to a request for a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SnapshotAnswer {
    /// It is kept, durably.
    Taken {
        /// The snapshot.
        snapshot: Snapshot,
    },
    /// There is none. The turn goes on; its changes of files cannot be taken back.
    Unavailable {
        /// Why, and what would help.
        why: String,
    },
}

/// What one turn made of the workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreStep {
    /// As it was before.
    pub before: Snapshot,
    /// As it was when the turn ended.
    pub after: Snapshot,
}

/// A request to take back what turns made of the workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreRequest {
    /// The thread.
    pub key: ThreadKey,
    /// The effect; with the attempt, the name of this run.
    pub effect: EffectId,
    /// Counted from 1. A later attempt finds what an earlier one, which died, has done already.
    pub attempt: u32,
    /// The thread's working directory.
    pub cwd: String,
    /// The turns, the newest first.
    pub steps: Vec<RestoreStep>,
}

/// The answer to a request to restore.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum RestoreAnswer {
    /// Every file that the turns changed is as it was before them.
    Restored {
        /// Which, relative to the snapshots' root.
        files: Vec<String>,
        /// What people should know.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        notes: Vec<String>,
    },
    /// These files were changed by somebody else since. Nothing was touched.
    Conflicted {
        /// Which, relative to the snapshots' root.
        paths: Vec<String>,
    },
    /// It cannot be done. Nothing was touched, unless the message says so.
    Failed {
        /// Why, and what would help.
        message: String,
    },
}

/// When hooks run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum HookPhase {
    /// Before the first turn of a thread, and before the first one after it was shut down and resumed.
    SessionStart,
    /// Before a turn that a client asked for, reviews and summaries not included.
    PreRun,
    /// After such a turn.
    PostRun,
    /// Before every turn.
    PreTurn,
    /// After every turn.
    PostTurn,
    /// Before a tool call that was decided to run.
    PreToolUse,
    /// After a tool call that ran.
    PostToolUse,
}

/// A request to run the hooks of a phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookRequest {
    /// The thread.
    pub key: ThreadKey,
    /// The turn.
    pub turn: TurnId,
    /// The effect; with the attempt, the name of this run.
    pub effect: EffectId,
    /// Counted from 1. Hooks of an attempt that died run again.
    pub attempt: u32,
    /// The phase.
    pub phase: HookPhase,
    /// The thread's working directory.
    pub cwd: String,
    /// The model.
    pub model: String,
    /// What the user said to begin the turn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prompt: Vec<Content>,
    /// The call, around a tool call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<Box<HookedCall>>,
    /// How the turn ended, after one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<HookedEnd>,
    /// What hooks have noted of this thread before.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// A tool call as hooks see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookedCall {
    /// The call.
    pub call: ToolCall,
    /// What came of it, afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<ToolOutput>,
}

/// How a turn ended, as hooks see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookedEnd {
    /// By itself.
    Completed(TurnEnd),
    /// It was stopped.
    Aborted,
}

/// What the hooks of a phase came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hooked {
    /// Whether it goes on.
    #[serde(default)]
    pub ruling: HookRuling,
    /// What they change.
    #[serde(default)]
    pub patch: HookPatch,
    /// What they have to say, and what was wrong with them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<HookNote>,
}

/// Whether it goes on after hooks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum HookRuling {
    /// It does.
    #[default]
    Continue,
    /// The turn ends, or the call does not run. After a call, its output tells the model so.
    Block {
        /// Which hook, and why.
        reason: String,
    },
}

/// What hooks change of a turn that is about to begin. Around tool calls only `context` and `metadata` count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HookPatch {
    /// Stands in place of what the user said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// The model for this turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Added to what the user said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Content>,
    /// Told to the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Kept with the thread for hooks to come; an empty value takes a key back.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// Something a hook said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookNote {
    /// Which hook.
    pub hook: String,
    /// What.
    pub message: String,
}

/// The text of a skill, to be told on use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkillText {
    /// Its name.
    pub name: String,
    /// The file it is from.
    pub path: String,
    /// Its instructions.
    pub text: String,
}
