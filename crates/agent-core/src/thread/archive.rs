//! Items that a host keeps elsewhere, so that a thread of any length fits where it is handed over.

use super::Thread;
use crate::protocol::{BlobId, Item, Shared};
use serde::{Deserialize, Serialize};

/// A part of the conversation, kept as a blob. The thread never reads it; whoever asks a model does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archived {
    /// How many items of the blob count: the first ones. It may have more, which were taken back.
    pub items: u64,
    /// Where: the items as a JSON array.
    pub blob: BlobId,
}

impl Thread {
    /// The parts of the conversation that come before [`Thread::items`], in order.
    pub fn archived(&self) -> &[Archived] {
        &self.archived
    }

    /// The items that may be archived now: all but those of a step that is not over.
    pub fn archivable(&self) -> &[Shared<Item>] {
        let calls = self.calls();
        let is_of_step = |item: &Shared<Item>| match &**item {
            Item::Call(call) => calls.iter().any(|open| open.call.id == call.id),
            _ => false,
        };
        let end = self.items.iter().position(is_of_step).unwrap_or(self.items.len());
        &self.items[..end]
    }

    /// Lets go of the first items, which are kept in this blob now. More than [`Thread::archivable`] has are not taken.
    pub fn archive(&mut self, blob: BlobId, items: usize) -> bool {
        let fits = items > 0 && items <= self.archivable().len();
        if fits {
            self.items.drain(..items);
            self.archived.push(Archived { items: items as u64, blob });
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Tenant, ThreadId, ThreadKey};

    fn thread(texts: &[&str]) -> Thread {
        let mut thread = Thread::new(ThreadKey { tenant: Tenant::default(), thread: ThreadId::new("t") });
        thread.items =
            texts.iter().map(|text| Shared::new(Item::Context { text: (*text).to_owned() })).collect();
        thread
    }

    #[test]
    fn archived_items_leave_the_thread_and_are_named_in_order() {
        let mut thread = thread(&["a", "b", "c"]);
        assert!(thread.archive(BlobId::of(b"1"), 1) && thread.archive(BlobId::of(b"2"), 1));
        let names: Vec<_> = thread.archived().iter().map(|part| (part.items, part.blob.clone())).collect();
        assert_eq!(names, [(1, BlobId::of(b"1")), (1, BlobId::of(b"2"))]);
        assert_eq!(thread.items(), [Shared::new(Item::Context { text: "c".into() })]);
        assert!(!thread.archive(BlobId::of(b"3"), 2) && !thread.archive(BlobId::of(b"3"), 0));
    }
}
