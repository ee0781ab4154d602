//! Time that a test moves, a sink that remembers, and all fakes together.

use super::{FakeInbox, FakeModel, FakeTools, FakeWorkspace, MemoryStorage};
use crate::{Entropy, Event, EventSink, Live, Ports, Redactor, SinkError, ThreadKey};
use async_trait::async_trait;
use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

/// Time stands still but for sleeping, which takes it to its due time at once. Ids and random numbers are counted.
#[derive(Debug, Default)]
pub struct FakeEntropy {
    now_ms: AtomicU64,
    count: AtomicU64,
}

#[async_trait]
impl Entropy for FakeEntropy {
    fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::SeqCst)
    }

    fn id(&self) -> String {
        format!("00000000-0000-7000-8000-{:012x}", self.random())
    }

    fn random(&self) -> u64 {
        self.count.fetch_add(1, Ordering::SeqCst)
    }

    async fn sleep_until(&self, due_ms: u64) {
        self.now_ms.fetch_max(due_ms, Ordering::SeqCst);
    }
}

/// A sink that keeps everything.
#[derive(Debug, Default)]
pub struct RecordingSink {
    events: Mutex<Vec<Event>>,
    live: Mutex<Vec<Live>>,
}

impl RecordingSink {
    /// The events, in order.
    pub fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The live pieces, in order.
    pub fn live_pieces(&self) -> Vec<Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl EventSink for RecordingSink {
    async fn publish(&self, _key: &ThreadKey, events: &[Event]) -> Result<(), SinkError> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(events);
        Ok(())
    }

    fn live(&self, _key: &ThreadKey, live: &Live) {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).push(live.clone());
    }
}

/// One of each fake, ready to run a thread.
#[derive(Debug)]
pub struct World {
    /// The model.
    pub model: FakeModel,
    /// The tools.
    pub tools: FakeTools,
    /// Snapshots and hooks.
    pub workspace: FakeWorkspace,
    /// The sink.
    pub sink: RecordingSink,
    /// The journal.
    pub storage: MemoryStorage,
    /// The inbox.
    pub inbox: FakeInbox,
    /// Time.
    pub entropy: FakeEntropy,
    /// Secrets.
    pub redactor: Redactor,
}

impl World {
    /// A world with this model and these submissions waiting.
    pub fn new(model: FakeModel, inbox: FakeInbox) -> Self {
        Self {
            model,
            tools: FakeTools::default(),
            workspace: FakeWorkspace::default(),
            sink: RecordingSink::default(),
            storage: MemoryStorage::default(),
            inbox,
            entropy: FakeEntropy::default(),
            redactor: Redactor::default(),
        }
    }

    /// The world as the loop sees it.
    pub fn ports(&self) -> Ports<'_> {
        Ports {
            model: &self.model,
            tools: &self.tools,
            workspace: &self.workspace,
            sink: &self.sink,
            storage: &self.storage,
            inbox: &self.inbox,
            entropy: &self.entropy,
            redactor: &self.redactor,
        }
    }
}
