//! Where events go: implementations of [`agent_core::EventSink`] that hosts put together.
//!
//! [`Channel`] wakes readers in this process and carries live pieces to them, [`Buffer`] keeps events until somebody
//! fetches them, [`JsonLines`] writes them down, [`Tee`] feeds several sinks, [`Null`] none, and [`Relay`]
//! finds the sink of a thread for what all threads share. [`BusSink`] puts wake-ups and live pieces on a [`Bus`], which
//! carries them to other processes: [`LocalBus`] within one, `NatsBus` (feature `nats`) between machines.
//!
//! Not here: secrets are taken out before an input becomes an event (agent-core), and the journal is the only
//! complete source of events (a `StorageBackend`). Start reading at [`Channel`].

#![warn(missing_docs)]

mod buffer;
mod bus;
mod channel;
mod json_lines;
mod null;
mod relay;
mod tee;

pub use buffer::{Buffer, Page};
pub use bus::{Bus, BusEar, BusHeard, BusSink, LocalBus, Signal, Standing};
#[cfg(feature = "nats")]
pub use bus::{BusError, NatsBus, NatsOptions};
pub use channel::{Channel, Ear, Heard};
pub use json_lines::JsonLines;
pub use null::Null;
pub use relay::Relay;
pub use tee::Tee;
