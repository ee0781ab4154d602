//! [`Channel`]: from the one driver of a thread to any number of readers in the same process.

use agent_core::{Event, EventSink, Live, SinkError, ThreadKey};
use async_trait::async_trait;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tokio::sync::broadcast::{self, error::RecvError};

/// A bounded broadcast of one thread's events and live pieces. It never waits for a reader: one that is too slow is
/// told that it lagged and reads what it missed from the journal.
#[derive(Debug)]
pub struct Channel {
    sender: broadcast::Sender<Signal>,
    /// The number of the last event that was sent.
    last: AtomicU64,
}

#[derive(Clone, Debug)]
enum Signal {
    Events(Arc<[Event]>),
    Live { after: u64, live: Arc<Live> },
}

/// One reader's end of a [`Channel`].
#[derive(Debug)]
pub struct Ear {
    receiver: broadcast::Receiver<Signal>,
}

/// What a reader hears.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Heard {
    /// Events that were committed, in order.
    Events(Arc<[Event]>),
    /// A piece of an item in the making.
    Live {
        /// The last event before it. A reader that is past this event has read the item that the piece belongs to.
        after: u64,
        /// The piece.
        live: Arc<Live>,
    },
    /// Something was missed. Events are in the journal; live pieces are gone, which loses nothing.
    Lagged,
    /// Nothing more will come.
    Closed,
}

impl Channel {
    /// A channel in which `capacity` signals (at least one) wait for the slowest reader. `last` is the number of the
    /// thread's last event so far, 0 for a new thread.
    pub fn new(capacity: usize, last: u64) -> Self {
        Self { sender: broadcast::Sender::new(capacity.max(1)), last: AtomicU64::new(last) }
    }

    /// A reader of everything from now on.
    pub fn listen(&self) -> Ear {
        Ear { receiver: self.sender.subscribe() }
    }
}

#[async_trait]
impl EventSink for Channel {
    async fn publish(&self, _key: &ThreadKey, events: &[Event]) -> Result<(), SinkError> {
        let Some(last) = events.last() else { return Ok(()) };
        if self.sender.receiver_count() > 0 {
            // An error says that the last reader has just gone, which is not the sink's failure.
            let _ = self.sender.send(Signal::Events(events.into()));
        }
        self.last.store(last.seq, Ordering::Release);
        Ok(())
    }

    fn live(&self, _key: &ThreadKey, live: &Live) {
        if self.sender.receiver_count() > 0 {
            let after = self.last.load(Ordering::Acquire);
            let _ = self.sender.send(Signal::Live { after, live: Arc::new(live.clone()) });
        }
    }
}

impl Ear {
    /// Waits for the next signal. Dropping the future loses nothing.
    pub async fn hear(&mut self) -> Heard {
        match self.receiver.recv().await {
            Ok(Signal::Events(events)) => Heard::Events(events),
            Ok(Signal::Live { after, live }) => Heard::Live { after, live },
            Err(RecvError::Lagged(_)) => Heard::Lagged,
            Err(RecvError::Closed) => Heard::Closed,
        }
    }
}
