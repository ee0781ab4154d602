//! [`Buffer`]: keeps events until somebody fetches them.

use agent_core::{Event, EventSink, Live, SinkError, ThreadKey};
use async_trait::async_trait;
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The last events of one thread, at most `capacity`. Its watermark is the last event that is not needed any more,
/// because a reader acknowledged it or because there was no room.
#[derive(Debug)]
pub struct Buffer {
    capacity: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    events: VecDeque<Event>,
    watermark: u64,
    dropped: u64,
}

/// What a buffer has to say to a reader.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// Events after the reader's cursor, in order.
    pub events: Vec<Event>,
    /// The first and last event between the cursor and these that are no longer held: read them from the journal.
    pub gap: Option<(u64, u64)>,
}

impl Buffer {
    /// A buffer of so many events, at least one.
    pub fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), held: Mutex::default() }
    }

    /// The events after this one, at most `limit`. They stay in the buffer.
    pub fn read(&self, after: u64, limit: usize) -> Page {
        let held = self.held();
        let events = held.events.iter().filter(|event| event.seq > after).take(limit).cloned().collect();
        Page { events, gap: (after < held.watermark).then_some((after + 1, held.watermark)) }
    }

    /// Events up to this one are safe elsewhere and leave the buffer.
    pub fn acknowledge(&self, seq: u64) {
        let mut held = self.held();
        while held.events.pop_front_if(|event| event.seq <= seq).is_some() {}
        held.watermark = held.watermark.max(seq);
    }

    /// The last event that is not held any more; 0 where none was let go.
    pub fn watermark(&self) -> u64 {
        self.held().watermark
    }

    /// How many events left the buffer without having been acknowledged.
    pub fn dropped(&self) -> u64 {
        self.held().dropped
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl EventSink for Buffer {
    async fn publish(&self, _key: &ThreadKey, events: &[Event]) -> Result<(), SinkError> {
        let mut held = self.held();
        for event in events {
            if held.events.len() == self.capacity
                && let Some(oldest) = held.events.pop_front()
            {
                held.dropped += 1;
                held.watermark = oldest.seq;
            }
            held.events.push_back(event.clone());
        }
        Ok(())
    }

    fn live(&self, _key: &ThreadKey, _live: &Live) {}
}
