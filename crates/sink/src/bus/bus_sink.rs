//! [`BusSink`]: what a thread shows, onto a bus.

use super::{Bus, Signal};
use agent_core::{Event, EventSink, Live, SinkError, ThreadKey};
use async_trait::async_trait;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Makes wake-ups of one thread's events and passes its live pieces on. It never waits and never fails.
///
/// Workflow code that is replayed publishes again what it published before: harmless, but noise that a host can
/// leave out.
#[derive(Debug)]
pub struct BusSink {
    bus: Arc<dyn Bus>,
    /// The number of the last event that was published.
    last: AtomicU64,
}

impl BusSink {
    /// A sink onto this bus. `last` is the number of the thread's last event so far, 0 for a new thread.
    pub fn new(bus: Arc<dyn Bus>, last: u64) -> Self {
        Self { bus, last: AtomicU64::new(last) }
    }
}

#[async_trait]
impl EventSink for BusSink {
    async fn publish(&self, key: &ThreadKey, events: &[Event]) -> Result<(), SinkError> {
        if let Some(Event { seq, .. }) = events.last() {
            self.bus.publish(key, Signal::Wake { seq: *seq });
            self.last.fetch_max(*seq, Ordering::AcqRel);
        }
        Ok(())
    }

    fn live(&self, key: &ThreadKey, live: &Live) {
        let after = self.last.load(Ordering::Acquire);
        self.bus.publish(key, Signal::Live { after, live: Arc::new(live.clone()) });
    }
}
