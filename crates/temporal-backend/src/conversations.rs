//! [`Conversations`]: what the models of this process are asked, so that a model call need not fetch it.
//!
//! A workflow in this process puts a request here, with items that it shares with the thread; the model call takes it.
//! Nothing is copied, nothing is fetched. A process that only asks models keeps here what it fetched, and fetches what is
//! new. Everything is named by digests: what is not what was asked for counts as not there.

use crate::wire::{Frame, PromptRef};
use agent_core::{BlobId, Item, Shared, ThreadKey};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The conversations of so many threads are kept.
const MAX_THREADS: usize = 64;
/// So many bytes of archived items are kept, of all threads together; the newest part always.
const MAX_ARCHIVED_BYTES: usize = 32 * 1024 * 1024;

/// A bounded cache. Losing any of it loses time only.
#[derive(Debug, Default)]
pub struct Conversations {
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    threads: BTreeMap<ThreadKey, Told>,
    /// The threads, the one that was used last at the end.
    order: VecDeque<ThreadKey>,
    archived: BTreeMap<BlobId, Archive>,
    archived_order: VecDeque<BlobId>,
    archived_bytes: usize,
}

#[derive(Clone, Debug)]
struct Archive {
    items: Arc<Vec<Shared<Item>>>,
    bytes: usize,
}

/// What the model of one thread was told last.
#[derive(Clone, Debug)]
struct Told {
    prompt: PromptRef,
    frame: Frame,
    items: Vec<Shared<Item>>,
}

/// What is known of a conversation that is asked for.
#[derive(Debug)]
pub(crate) enum Known {
    /// All of it.
    Whole { frame: Frame, items: Vec<Shared<Item>> },
    /// Its beginning, perhaps.
    Beginning { items: Vec<Shared<Item>> },
}

impl Conversations {
    /// Keeps what a model is told.
    pub(crate) fn keep(&self, key: &ThreadKey, prompt: PromptRef, frame: Frame, items: Vec<Shared<Item>>) {
        self.held().put(key, Told { prompt, frame, items });
    }

    /// What is known of this conversation, apart from archived items.
    pub(crate) fn find(&self, key: &ThreadKey, prompt: &PromptRef) -> Known {
        let mut held = self.held();
        held.touch(key);
        let Some(told) = held.threads.get(key) else { return Known::Beginning { items: Vec::new() } };
        if told.prompt == *prompt {
            return Known::Whole { frame: told.frame.clone(), items: told.items.clone() };
        }
        let grows = told.prompt.epoch == prompt.epoch
            && told.prompt.skipped == prompt.skipped
            && told.prompt.archived == prompt.archived
            && told.prompt.items <= prompt.items;
        Known::Beginning { items: if grows { told.items.clone() } else { Vec::new() } }
    }

    /// Archived items, if they are kept.
    pub(crate) fn archived(&self, blob: &BlobId) -> Option<Arc<Vec<Shared<Item>>>> {
        self.held().archived.get(blob).map(|archive| Arc::clone(&archive.items))
    }

    /// Keeps archived items, which have so many bytes.
    pub(crate) fn keep_archived(
        &self,
        blob: &BlobId,
        items: Vec<Shared<Item>>,
        bytes: usize,
    ) -> Arc<Vec<Shared<Item>>> {
        let items = Arc::new(items);
        let mut held = self.held();
        held.forget(blob);
        held.archived.insert(blob.clone(), Archive { items: Arc::clone(&items), bytes });
        held.archived_order.push_back(blob.clone());
        held.archived_bytes += bytes;
        while held.archived_bytes > MAX_ARCHIVED_BYTES
            && held.archived_order.len() > 1
            && let Some(oldest) = held.archived_order.front().cloned()
        {
            held.forget(&oldest);
        }
        items
    }

    /// Lets go of archived items that are kept nowhere any more.
    pub(crate) fn forget_archived(&self, blobs: &[BlobId]) {
        let mut held = self.held();
        for blob in blobs {
            held.forget(blob);
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn forget(&mut self, blob: &BlobId) {
        if let Some(archive) = self.archived.remove(blob) {
            self.archived_bytes -= archive.bytes;
            self.archived_order.retain(|known| known != blob);
        }
    }

    fn put(&mut self, key: &ThreadKey, told: Told) {
        self.threads.insert(key.clone(), told);
        self.touch(key);
        while self.order.len() > MAX_THREADS {
            let Some(oldest) = self.order.pop_front() else { break };
            self.threads.remove(&oldest);
        }
    }

    /// Marks a thread as used, if it is there.
    fn touch(&mut self, key: &ThreadKey) {
        if self.threads.contains_key(key) {
            self.order.retain(|known| known != key);
            self.order.push_back(key.clone());
        }
    }
}
