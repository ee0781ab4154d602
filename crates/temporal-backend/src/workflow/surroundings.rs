//! [`Surroundings`]: what a workflow hands to the process around it.

use crate::{blobs::FileBlobs, conversations::Conversations};
use agent_core::{EffectId, Event, Record, ThreadKey};
use sink::Bus;
use std::{fmt, sync::Arc};

/// What is around a workflow in the process that runs it. A workflow only tells it things; what it does with them changes
/// nothing for the workflow.
pub struct Surroundings {
    /// Conversations, for model calls that this process makes.
    pub conversations: Arc<Conversations>,
    /// Wakes clients.
    pub bus: Arc<dyn Bus>,
    /// Large content, for queries.
    pub blobs: Arc<FileBlobs>,
    /// Is told of answers that are safe, so that nothing needs to be kept to tell them again.
    pub acknowledged: Acknowledge,
    /// Reads along, where a thread is replayed for its past.
    pub chronicle: Option<Arc<dyn Chronicle>>,
}

/// Is told that the answer of an effect is in the history. It returns at once.
pub type Acknowledge = Box<dyn Fn(&ThreadKey, EffectId) + Send + Sync>;

/// Reads along with a thread.
pub trait Chronicle: Send + Sync {
    /// This was committed.
    fn note(&self, record: &Record, events: &[Event]);
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").field("blobs", &self.blobs).finish_non_exhaustive()
    }
}
