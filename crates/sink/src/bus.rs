//! The bus: what readers of a thread should get at once, between processes and machines.
//!
//! Durable events are read from where they are stored. What travels here only makes that quick: a wake-up that says
//! up to which number there is something to read, and the pieces of items in the making. Losing any of it loses
//! nothing, so nobody waits for the bus, and it keeps nothing.

mod bus_sink;
mod ear;
mod listeners;
mod local;
#[cfg(feature = "nats")]
mod nats;

pub use bus_sink::BusSink;
pub use ear::{BusEar, BusHeard, Standing};
pub use local::LocalBus;
#[cfg(feature = "nats")]
pub use nats::{BusError, NatsBus, NatsOptions};

use agent_core::{Live, ThreadKey};
use std::{fmt, sync::Arc};

/// Carries signals from whoever works on a thread to whoever watches it.
///
/// * Order: what one process publishes for a thread is heard in that order, so a wake-up never overtakes a piece
///   that was published before it. Between processes there is no order.
/// * Loss: signals may be lost, and are never repeated. An ear that may have missed some is told so.
/// * Durability: none. An ear hears nothing of what was published before it.
/// * Back-pressure: none. A signal that cannot be taken is dropped.
pub trait Bus: Send + Sync + fmt::Debug {
    /// Sends a signal to every ear on this thread. Returns at once, never waits for a network or a reader, and needs
    /// no runtime: it may be called from workflow code.
    fn publish(&self, key: &ThreadKey, signal: Signal);

    /// An ear on this thread. Subscribe first, then read what is stored, then listen: that order has no gap.
    fn subscribe(&self, key: &ThreadKey) -> BusEar;

    /// Whether signals travel at the moment.
    fn standing(&self) -> Standing;
}

/// What travels. That a worker came or left does not: one that is killed cannot say so, and a thread that somebody
/// takes up again shows it by its events.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signal {
    /// There are events up to this one, perhaps more.
    Wake {
        /// The number of the last event.
        seq: u64,
    },
    /// A piece of an item in the making.
    Live {
        /// The last event before it, as far as its sender knows. A reader that is past this event has read the item
        /// that the piece belongs to. A sender that does not see the thread's events knows only the one that it
        /// began with; its pieces are shown until another event comes.
        after: u64,
        /// The piece.
        live: Arc<Live>,
    },
}
