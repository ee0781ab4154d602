//! [`TimeTravel`]: a recorded thread, gone through again record by record, forwards and backwards.
//!
//! Nothing runs: a journal has everything that came from outside. So this build's decisions can be compared with those that
//! were recorded, and with those of another build (`digest.rs`).

mod digest;
#[cfg(test)]
mod tests;

pub use digest::{Trail, first_difference};

use crate::{
    ports::Commit,
    protocol::{Event, ThreadKey},
    thread::{ApplyError, Command, RULES, Record, Thread},
};

/// A recorded thread, and a place in it.
#[derive(Clone, Debug)]
pub struct TimeTravel {
    key: ThreadKey,
    journal: Vec<Commit>,
    thread: Thread,
}

/// A record applied again.
#[derive(Clone, Debug, PartialEq)]
pub struct Again {
    /// The record, and the events it led to when it was written.
    pub recorded: Commit,
    /// The events it leads to now.
    pub events: Vec<Event>,
    /// What is started and stopped.
    pub commands: Vec<Command>,
}

/// Why a journal cannot be gone through further.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Obstacle {
    /// Records are missing or out of order.
    #[error("record {found} comes where record {wanted} is next: the journal is damaged or was cut")]
    Gap {
        /// The next one.
        wanted: u64,
        /// The one that comes.
        found: u64,
    },
    /// A record was written by a later version.
    #[error(
        "record {seq} was written by a later version (rules {found}, this one knows {supported}); replay it with that version"
    )]
    NewerRules {
        /// Which.
        seq: u64,
        /// The record's.
        found: u32,
        /// Ours.
        supported: u32,
    },
    /// A record cannot be applied.
    #[error("record {seq} cannot be applied by this build: {source}")]
    Inapplicable {
        /// Which.
        seq: u64,
        /// Why.
        source: ApplyError,
    },
}

impl Obstacle {
    /// The record at which it goes no further.
    pub fn seq(&self) -> u64 {
        match self {
            Self::Gap { wanted, .. } => *wanted,
            Self::NewerRules { seq, .. } | Self::Inapplicable { seq, .. } => *seq,
        }
    }
}

/// What came of applying a whole journal again.
#[derive(Clone, Debug, PartialEq)]
pub enum Verified {
    /// Every record leads to the events that were recorded.
    Same {
        /// So many records.
        records: u64,
        /// And so many events.
        events: u64,
    },
    /// The first record that leads to others.
    Different(Box<Again>),
}

impl Again {
    /// Whether this build decides as the one that wrote the record.
    pub fn is_same(&self) -> bool {
        self.events == self.recorded.events
    }

    /// The record.
    pub fn record(&self) -> &Record {
        &self.recorded.record
    }

    /// The first event that is not as it was recorded: how many before it are the same, what was recorded, what comes now.
    pub fn first_difference(&self) -> Option<(usize, Option<&Event>, Option<&Event>)> {
        let (was, is) = (&self.recorded.events, &self.events);
        let at = (0..was.len().max(is.len())).find(|at| was.get(*at) != is.get(*at))?;
        Some((at, was.get(at), is.get(at)))
    }
}

impl TimeTravel {
    /// The thread with this journal, before its first record.
    pub fn new(key: ThreadKey, journal: Vec<Commit>) -> Self {
        Self { thread: Thread::new(key.clone()), key, journal }
    }

    /// The thread as it is at this place.
    pub fn thread(&self) -> &Thread {
        &self.thread
    }

    /// The last record that was applied; 0 before the first.
    pub fn at(&self) -> u64 {
        self.thread.input_seq()
    }

    /// How many records the journal has.
    pub fn len(&self) -> u64 {
        self.journal.len() as u64
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.journal.is_empty()
    }

    /// Applies the next record; nothing at the end.
    ///
    /// # Errors
    /// The place stays where it was.
    pub fn forward(&mut self) -> Result<Option<Again>, Obstacle> {
        let at = usize::try_from(self.at()).unwrap_or(usize::MAX);
        let Some(commit) = self.journal.get(at) else { return Ok(None) };
        let (seq, wanted) = (commit.record.seq, self.at() + 1);
        if seq != wanted {
            return Err(Obstacle::Gap { wanted, found: seq });
        }
        if commit.record.rules > RULES {
            return Err(Obstacle::NewerRules { seq, found: commit.record.rules, supported: RULES });
        }
        let outcome = self.thread.apply(&commit.record);
        let outcome = outcome.map_err(|source| Obstacle::Inapplicable { seq, source })?;
        Ok(Some(Again { recorded: commit.clone(), events: outcome.events, commands: outcome.commands }))
    }

    /// Goes to the place after this record, or as far as there are records, and gives the last one that was applied on the
    /// way.
    ///
    /// # Errors
    /// Where it goes no further; the place is the last one that could be reached.
    pub fn go_to(&mut self, seq: u64) -> Result<Option<Again>, Obstacle> {
        if seq <= self.at() {
            self.thread = Thread::new(self.key.clone());
        }
        let mut last = None;
        while self.at() < seq {
            match self.forward()? {
                Some(again) => last = Some(again),
                None => break,
            }
        }
        Ok(last)
    }

    /// Applies all records from the first on, and looks whether each leads to what was recorded.
    pub fn verify(&mut self) -> Result<Verified, Obstacle> {
        self.go_to(0)?;
        while let Some(again) = self.forward()? {
            if !again.is_same() {
                return Ok(Verified::Different(Box::new(again)));
            }
        }
        Ok(Verified::Same { records: self.at(), events: self.thread.event_seq() })
    }
}
