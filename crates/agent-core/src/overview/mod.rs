//! [`Overview`]: what a thread looks like from far away, followed from commit to commit: what it is about, what it is
//! doing, what it asks. All of it comes from inputs and events, so lists, forks and exports are the same on every backend.

mod export;
mod fork;
mod header;
mod pending;
mod status;
mod summary;
#[cfg(test)]
mod tests;

pub use export::ExportFormat;
pub use fork::ForkPoint;
pub use header::ThreadHeader;
pub use pending::{PendingInteraction, question};
pub use status::{Progress, ThreadStatus};
pub use summary::{Server, ThreadFilter, ThreadSummary};

use crate::{
    protocol::{Event, ThreadKey},
    thread::Record,
};
use serde::{Deserialize, Serialize};

/// A thread from far away, for backends that keep it beside the thread. One that has a database can keep the parts in
/// columns instead ([`Progress`], [`ThreadHeader`]); both come to the same [`ThreadSummary`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overview {
    header: ThreadHeader,
    progress: Progress,
    created_ms: u64,
    updated_ms: u64,
    last_event: u64,
}

impl Overview {
    /// Takes a commit in. Commits come in their order, each once.
    pub fn follow(&mut self, record: &Record, events: &[Event]) {
        if let Some(news) = ThreadHeader::of(record, events, self.header.title.is_some()) {
            self.header.take(news);
        }
        self.progress.follow_commit(record, events);
        if self.created_ms == 0 {
            self.created_ms = record.at_ms;
        }
        self.updated_ms = record.at_ms;
        self.last_event = events.last().map_or(self.last_event, |event| event.seq);
    }

    /// What lists show of it. How often it was opened and who serves it, the backend knows.
    pub fn summary(&self, key: ThreadKey, generation: u64, served_by: Option<Server>) -> ThreadSummary {
        let ThreadHeader { source, name, title, cwd, model, forked_from } = self.header.clone();
        ThreadSummary {
            key,
            created_ms: self.created_ms,
            updated_ms: self.updated_ms,
            name,
            title,
            cwd: cwd.unwrap_or_default(),
            model: model.unwrap_or_default(),
            source: source.unwrap_or_default(),
            status: self.progress.status(),
            served_by,
            turns: self.progress.turns(),
            last_event: self.last_event,
            generation,
            forked_from,
        }
    }
}
