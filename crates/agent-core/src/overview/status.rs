//! [`ThreadStatus`], followed from event to event by [`Progress`].

use super::question;
use crate::{
    protocol::{Event, EventKind, InteractionId},
    thread::{Input, Record},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a thread is doing, as its last commit left it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ThreadStatus {
    /// No turn runs.
    #[default]
    Resting,
    /// A turn runs. Where nobody serves the thread, it was cut off; resuming the thread goes on with it.
    Running,
    /// Questions wait for an answer.
    Waiting,
    /// The thread was shut down. Resuming it opens it again.
    Closed,
}

impl ThreadStatus {
    /// Whether a turn is going on.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Running | Self::Waiting)
    }
}

/// A thread's status and its number of turns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    turns: u32,
    activity: Activity,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    open: BTreeSet<InteractionId>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Activity {
    #[default]
    Resting,
    Running,
    Closed,
}

impl Progress {
    /// Progress as a commit stored it. The open questions of a thread that waits are not part of that: follow the events
    /// since they were asked.
    pub fn stored(status: ThreadStatus, turns: u32) -> Self {
        let activity = match status {
            ThreadStatus::Resting => Activity::Resting,
            ThreadStatus::Running | ThreadStatus::Waiting => Activity::Running,
            ThreadStatus::Closed => Activity::Closed,
        };
        Self { turns, activity, open: BTreeSet::new() }
    }

    /// What the thread is doing.
    pub fn status(&self) -> ThreadStatus {
        match self.activity {
            Activity::Closed => ThreadStatus::Closed,
            _ if !self.open.is_empty() => ThreadStatus::Waiting,
            Activity::Running => ThreadStatus::Running,
            Activity::Resting => ThreadStatus::Resting,
        }
    }

    /// The turns it had so far, the running one and those of a fork's past included.
    pub fn turns(&self) -> u32 {
        self.turns
    }

    /// Takes a commit in: its events, and where the thread begins, the turns of its past.
    pub fn follow_commit(&mut self, record: &Record, events: &[Event]) {
        if let Input::Opened(genesis) = &record.input {
            self.turns = genesis.turns;
        }
        self.follow(events);
    }

    /// Takes events in.
    pub fn follow(&mut self, events: &[Event]) {
        for event in events {
            if let Some(id) = question(event) {
                self.open.insert(id.clone());
            }
            match &event.kind {
                EventKind::TurnStarted => {
                    self.activity = Activity::Running;
                    self.turns = event.turn.map_or(self.turns + 1, |turn| turn.0);
                }
                EventKind::InteractionResolved { id, .. } => {
                    self.open.remove(id);
                }
                EventKind::ShutdownComplete => self.activity = Activity::Closed,
                EventKind::Resumed => self.activity = Activity::Resting,
                kind if kind.is_terminal() => self.activity = Activity::Resting,
                _ => {}
            }
        }
    }
}
