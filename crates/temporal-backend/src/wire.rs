//! What crosses between workflow, activities and clients. All of it is JSON in payloads, encrypted where a codec is set.
//!
//! Everything here is small but for a page of events, a part of a conversation and what a run hands to the next, which
//! are bounded below. The server refuses a payload over 2 MB, and some of them poison a workflow.

mod moving;

pub use moving::{Arrival, Departed, Departure, DepartureReply, PastPart};

use agent_core::{
    Archived, BlobId, EffectId, Effort, Event, Genesis, Item, Overview, Purpose, Settings, Shared,
    Submission, Summary, Thread, ThreadKey, ToolRequest, ToolSpec, TurnId,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::VecDeque;

/// A page of events or a part of a conversation ends once it has so many bytes.
pub const PAGE_BYTES: usize = 512 * 1024;
/// No op may have more: an update near 2 MB poisons its workflow. Larger content travels as a blob.
pub const MAX_OP_BYTES: usize = 256 * 1024;
/// What a thread begins with, or is handed over with, has at most so many bytes.
pub const MAX_START_BYTES: usize = 1024 * 1024;
/// The answer of an activity has at most so many bytes.
pub const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// And a model's response so many: each of its calls comes again in what is said of it, and in what runs it.
pub const MAX_RESPONSE_BYTES: usize = 512 * 1024;
/// What an activity is asked has at most so many bytes: one that is over 2 MB fails the workflow's task for ever.
pub const MAX_REQUEST_BYTES: usize = 1536 * 1024;

/// The workflow id of a thread.
pub fn workflow_id(key: &ThreadKey) -> String {
    format!("everturn/{}/{}", key.tenant, key.thread)
}

/// What a run of `AgentWorkflow` is started with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunInput {
    /// Which thread.
    pub key: ThreadKey,
    /// How the thread is found.
    pub from: RunFrom,
    /// What stays the same from run to run.
    #[serde(default)]
    pub options: RunOptions,
}

/// What a run continues. Tagged from outside: a tag within would have serde read numbered keys as text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunFrom {
    /// Nothing: the thread begins.
    New {
        /// With this.
        genesis: Box<Genesis>,
    },
    /// The run before it, or a thread that was shut down.
    Carried {
        /// What that run left.
        carry: Box<Carry>,
    },
    /// A thread that lived elsewhere.
    Moved {
        /// What it brings; its arrival is told there.
        carry: Box<Carry>,
    },
}

/// How the runs of a thread work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunOptions {
    /// The [`agent_core::RULES`] of the build that began the run. A workflow makes its records again in every replay, so
    /// the run keeps to them to its end, whatever build goes on with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<u32>,
    /// The queue of the workers that ask models; the thread's own where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_queue: Option<String>,
    /// Whether status and model are kept as search attributes, which the namespace must know.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub search_attributes: bool,
    /// Hand over after so many records, instead of when the server suggests it. For tests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records_per_run: Option<u32>,
}

/// What a run leaves to the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Carry {
    /// The thread, its older items archived.
    pub thread: Thread,
    /// Ops that were not taken yet.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub inbox: VecDeque<Submission>,
    /// The last events, and what leads up to them.
    pub book: BookCarry,
    /// The runs before.
    pub runs: u32,
    /// How the thread came here, where it began elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrival: Option<Box<Arrival>>,
}

/// The end of a book of events.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BookCarry {
    /// The number of the last event before these.
    pub base: u64,
    /// The digest up to it.
    pub base_digest: String,
    /// The last events.
    pub events: Vec<Event>,
    /// The events that asked what is still open, oldest first.
    pub questions: Vec<Event>,
    /// What lists show.
    pub overview: Overview,
    /// What the thread runs under.
    pub settings: Settings,
    /// Its first event.
    pub first: Option<Event>,
}

/// Which events a reader wants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventsAfter {
    /// The last event it has; 0 for none.
    pub seq: u64,
    /// The digest of the events up to it, where the reader knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// The answer to [`EventsAfter`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventsPage {
    /// The number of the thread's last event.
    pub last: u64,
    /// What there is.
    pub reading: Reading,
    /// Whether this run is over: the next one has what comes, or the thread was shut down.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub over: bool,
}

/// What a reader finds after its cursor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reading {
    /// The next events, at most [`PAGE_BYTES`] of them; none where there is nothing new.
    Events {
        /// In order.
        events: Vec<Event>,
        /// The digest up to the last of them; of the cursor, where there are none.
        digest: String,
    },
    /// The events after the cursor are not held here any more; replaying the histories of the thread's runs brings them
    /// back.
    Older {
        /// The last event that is not held.
        base: u64,
        /// The digest up to it.
        digest: String,
    },
    /// Other events stand where the reader's did: a task whose events it saw was never accepted.
    Diverged {
        /// The digests that are known, each with the event it goes up to, oldest first.
        known: Vec<(u64, String)>,
    },
}

/// What a thread is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// What lists show.
    pub overview: Overview,
    /// What it runs under.
    pub settings: Settings,
    /// The events that asked what is still open.
    pub questions: Vec<Event>,
    /// The first event, which says what the thread is.
    pub first: Option<Event>,
    /// The runs so far, this one included.
    pub runs: u32,
    /// Whether this run is over.
    pub over: bool,
}

/// A part of something large, as JSON text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// From which byte.
    pub from: u64,
    /// How many bytes there are in all.
    pub total: u64,
    /// The text; it ends at the last whole character within [`PAGE_BYTES`].
    pub text: String,
}

/// Which items of the conversation are wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemsWanted {
    /// The model call that is asked about them; `None` for the items that are about to be archived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<(EffectId, u32)>,
    /// From this item on, counted from the first that is not archived.
    pub from: u64,
}

/// Items of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Items {
    /// At least one, unless all were given.
    pub items: Vec<Shared<Item>>,
    /// What is told beside the conversation of a model call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<Frame>,
}

/// What a model is told beside the conversation. It seldom changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    /// The system prompt.
    pub instructions: Shared<String>,
    /// The tools.
    pub tools: Shared<Vec<ToolSpec>>,
    /// A JSON schema that the final message must fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Value>,
    /// What is said after the conversation in this call only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tail: Vec<Shared<Item>>,
}

/// A model call by reference: it names the conversation instead of carrying it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelTask {
    /// The thread.
    pub key: ThreadKey,
    /// The turn.
    pub turn: TurnId,
    /// The effect.
    pub effect: EffectId,
    /// Its attempt.
    pub attempt: u32,
    /// What the answer is for.
    #[serde(default)]
    pub purpose: Purpose,
    /// The provider.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub provider: String,
    /// The model.
    pub model: String,
    /// Reasoning effort.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<Effort>,
    /// Reasoning summary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
    /// The caller's trace context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The thread's last event before it.
    #[serde(default)]
    pub after: u64,
    /// Which conversation.
    pub prompt: PromptRef,
}

/// Names a conversation and everything told beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptRef {
    /// Of the conversation.
    pub epoch: u32,
    /// So many of the thread's first items are left out: neither in `archived` nor in `items`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skipped: u64,
    /// What comes first and is kept as blobs. Of each only so many items count as it names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub archived: Vec<Archived>,
    /// How many items come after it.
    pub items: u64,
    /// The digest of those items.
    pub digest: String,
    /// The digest of the [`Frame`].
    pub frame: String,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Which part of a blob is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobWanted {
    /// The blob.
    pub blob: BlobId,
    /// From this byte on.
    pub from: u64,
}

/// Names a call to be stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KillTask {
    /// The thread.
    pub key: ThreadKey,
    /// The effect.
    pub effect: EffectId,
}

/// Items to be kept as a blob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveTask {
    /// The thread.
    pub key: ThreadKey,
    /// Of the conversation.
    pub epoch: u32,
    /// How many items, from the first that is not archived.
    pub items: u64,
    /// Their digest.
    pub digest: String,
    /// What was archived before and is needed still; the thread's other archived items can be dropped. `None` where that is not
    /// known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<Vec<BlobId>>,
}

/// Where items are kept now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivedAs {
    /// The blob.
    pub blob: BlobId,
}

/// A call to run on the worker that owns the workspace.
pub type ToolTask = ToolRequest;
