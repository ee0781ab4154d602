//! Newtype ids. None is made here: threads and ops get theirs from a host's `Entropy`, the rest are counted.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! string_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);
        impl $name {
            /// Wraps text that is an id already.
            pub fn new(id: impl Into<String>) -> Self {
                Self(id.into())
            }
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

string_id! {
    /// One conversation. A UUID v7 in the backends of this repository.
    ThreadId
}
string_id! {
    /// Whose threads these are; part of every storage key and workflow id.
    Tenant
}
string_id! {
    /// One submission. It counts once in the life of a thread, so a client may send it again without fear.
    OpId
}
string_id! {
    /// One tool call, numbered by the thread: models repeat or invent their own ids.
    CallId
}
string_id! {
    /// One item as clients see it. The same for every attempt of the effect that makes it.
    ItemId
}
string_id! {
    /// One question that waits for an answer: the end of the thread's id, a dash, a number.
    InteractionId
}

impl Default for Tenant {
    fn default() -> Self {
        Self::new("default")
    }
}

impl ThreadId {
    /// The last eight characters: the random end of a UUID, short enough to type.
    pub fn short(&self) -> &str {
        let start = self.0.char_indices().rev().nth(7).map_or(0, |(at, _)| at);
        &self.0[start..]
    }
}

impl ItemId {
    /// The item an effect makes as its `index`-th; known before the effect ends, so that deltas can carry it.
    pub fn of_effect(effect: EffectId, index: usize) -> Self {
        Self(format!("item_{effect}_{index}"))
    }

    /// Something that comes with this item, named by what it is.
    pub(crate) fn beside(&self, what: &str) -> Self {
        Self(format!("{}_{what}", self.0))
    }

    /// An item that came in with input number `input_seq`.
    pub fn of_input(input_seq: u64, index: usize) -> Self {
        Self(format!("item_in{input_seq}_{index}"))
    }
}

/// A thread and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ThreadKey {
    /// Whose thread.
    pub tenant: Tenant,
    /// Which thread.
    pub thread: ThreadId,
}

impl fmt::Display for ThreadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.thread)
    }
}

/// A turn's number in its thread, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TurnId(pub u32);

impl fmt::Display for TurnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An effect's number in its thread, from 1. Attempts of one effect share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EffectId(pub u64);

impl fmt::Display for EffectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
