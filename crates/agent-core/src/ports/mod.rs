//! The traits a host implements, each with its contract, and [`Ports`], which hands them to the loop.

mod entropy;
mod inbox;
mod library;
mod model;
mod session;
mod sink;
mod storage;
mod tools;
mod workspace;

pub use entropy::Entropy;
pub use inbox::Inbox;
pub use library::Library;
pub use model::{ModelStreamer, Stopping};
pub use session::{AgentSession, Cursor, Notice, SessionError, Update};
pub use sink::{EventSink, SinkError};
pub use storage::{BlobKeeper, BlobSource, Commit, StorageBackend, StorageError, Stored};
pub use tools::{Answering, CancelHandle, Ended, Operation, ToolCallHandler};
pub use workspace::Workspace;

#[cfg(feature = "test-util")]
pub use {
    entropy::MockEntropy, inbox::MockInbox, library::MockLibrary, model::MockModelStreamer,
    session::MockAgentSession, sink::MockEventSink, storage::MockStorageBackend, tools::MockToolCallHandler,
    workspace::MockWorkspace,
};

use crate::redact::Redactor;

/// Everything outside, as the loop sees it.
#[derive(Clone, Copy)]
pub struct Ports<'a> {
    /// Model calls.
    pub model: &'a dyn ModelStreamer,
    /// Tool calls.
    pub tools: &'a dyn ToolCallHandler,
    /// Snapshots and hooks.
    pub workspace: &'a dyn Workspace,
    /// Where events go.
    pub sink: &'a dyn EventSink,
    /// The thread's journal.
    pub storage: &'a dyn StorageBackend,
    /// Where submissions come from.
    pub inbox: &'a dyn Inbox,
    /// Time.
    pub entropy: &'a dyn Entropy,
    /// Secrets that must not enter the journal, known for the whole run. A host that replays the driver itself (a
    /// workflow) passes an empty one, and removes secrets where answers are made, before they reach its history.
    pub redactor: &'a Redactor,
}
