//! [`LocalBus`]: a bus for worker and client in one process.

use super::{Bus, BusEar, Signal, Standing, listeners::Listeners};
use agent_core::ThreadKey;
use std::sync::Arc;

/// Signals that wait for the slowest ear of a thread before it is told that it lagged.
pub(super) const WAITING_SIGNALS: usize = 512;

/// A bus that stays in this process. It is never away.
#[derive(Debug)]
pub struct LocalBus {
    listeners: Arc<Listeners>,
}

impl LocalBus {
    /// A bus on which `capacity` signals (at least one) wait for the slowest ear of each thread.
    pub fn new(capacity: usize) -> Self {
        Self { listeners: Listeners::new(capacity) }
    }

    /// How many threads somebody listens to.
    pub fn threads_heard(&self) -> usize {
        self.listeners.threads_heard()
    }
}

impl Default for LocalBus {
    fn default() -> Self {
        Self::new(WAITING_SIGNALS)
    }
}

impl Bus for LocalBus {
    fn publish(&self, key: &ThreadKey, signal: Signal) {
        self.listeners.deliver(key, &signal);
    }

    fn subscribe(&self, key: &ThreadKey) -> BusEar {
        BusEar::new(self.listeners.join(key, |_| None))
    }

    fn standing(&self) -> Standing {
        Standing::Up
    }
}
