//! [`Listeners`]: who listens in this process, thread by thread.

use super::Signal;
use agent_core::ThreadKey;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};
use tokio::{sync::broadcast, task::AbortHandle};

/// A bounded broadcast for each thread that somebody listens to. A thread that nobody listens to costs nothing.
#[derive(Debug)]
pub(super) struct Listeners {
    capacity: usize,
    threads: Mutex<BTreeMap<ThreadKey, Audience>>,
}

/// The ears on one thread.
#[derive(Debug)]
struct Audience {
    sender: broadcast::Sender<Sent>,
    ears: usize,
    /// Brings what comes from other processes; it ends with the audience.
    _feed: Option<Feed>,
}

/// What goes to the ears.
#[derive(Clone, Debug)]
pub(super) enum Sent {
    Signal(Signal),
    /// Something may have gone by.
    #[cfg_attr(
        not(feature = "nats"),
        expect(dead_code, reason = "nothing goes by unnoticed within one process")
    )]
    Missed,
}

/// A task that brings signals, for as long as this value lives.
#[derive(Debug)]
pub(super) struct Feed(pub(super) AbortHandle);

/// A place in the audience; it is given up when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    listeners: Weak<Listeners>,
    key: ThreadKey,
}

impl Listeners {
    /// Nobody yet. `capacity` signals, at least one, wait for the slowest ear of each thread.
    pub(super) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self { capacity: capacity.max(1), threads: Mutex::default() })
    }

    /// Takes a place. `feed` is called for the first ear of a thread, with where to put what it brings.
    pub(super) fn join(
        self: &Arc<Self>,
        key: &ThreadKey,
        feed: impl FnOnce(broadcast::Sender<Sent>) -> Option<Feed>,
    ) -> (broadcast::Receiver<Sent>, Seat) {
        let mut threads = self.threads();
        let audience = threads.entry(key.clone()).or_insert_with(|| {
            let sender = broadcast::Sender::new(self.capacity);
            Audience { _feed: feed(sender.clone()), sender, ears: 0 }
        });
        audience.ears += 1;
        (audience.sender.subscribe(), Seat { listeners: Arc::downgrade(self), key: key.clone() })
    }

    /// Hands a signal to the ears of this process.
    pub(super) fn deliver(&self, key: &ThreadKey, signal: &Signal) {
        // Ears are woken without the lock.
        let Some(sender) = self.threads().get(key).map(|audience| audience.sender.clone()) else { return };
        // An error says that the last ear has just gone.
        let _ = sender.send(Sent::Signal(signal.clone()));
    }

    /// How many threads somebody listens to.
    pub(super) fn threads_heard(&self) -> usize {
        self.threads().len()
    }

    fn threads(&self) -> MutexGuard<'_, BTreeMap<ThreadKey, Audience>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Some(listeners) = self.listeners.upgrade() else { return };
        let mut threads = listeners.threads();
        let Some(audience) = threads.get_mut(&self.key) else { return };
        audience.ears = audience.ears.saturating_sub(1);
        if audience.ears == 0 {
            let gone = threads.remove(&self.key);
            drop(threads);
            drop(gone);
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.0.abort();
    }
}
