//! Threads that come from elsewhere, and threads that go there.

use agent_core::BlobId;
use serde::{Deserialize, Serialize};

/// How a thread came that had lived elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// Where from, in words.
    pub from: String,
    /// Where to, in words: how durable it is here.
    pub to: String,
    /// Names the move.
    pub move_id: String,
    /// What it committed there, in order.
    pub past: Vec<PastPart>,
}

/// A part of a thread's past, kept as a blob: its commits as a JSON array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastPart {
    /// The last event in it; of the part before, where it has none.
    pub last_event: u64,
    /// Where.
    pub blob: BlobId,
}

/// A thread is to end here, because it goes on elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Departure {
    /// The last input that is known elsewhere.
    pub input_seq: u64,
    /// Where it goes on, in words.
    pub to: String,
}

/// The answer to a [`Departure`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum DepartureReply {
    /// It takes no ops any more, here.
    Departed {
        /// Where it lives, and since when.
        departed: Departed,
    },
    /// Something is under way in it, or waits.
    NotAtRest,
    /// It has gone on since.
    Stale {
        /// Its last input.
        input_seq: u64,
    },
    /// The run is about to end; the next one takes it.
    Again,
}

/// Where a thread lives that has left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Departed {
    /// Where, in words.
    pub to: String,
    /// Since when, in milliseconds since the Unix epoch.
    pub since_ms: u64,
}
