//! [`ThreadStatus`], followed from event to event.

use agent_core::{Event, EventKind, InteractionId};
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
    pub(crate) fn code(self) -> i64 {
        match self {
            Self::Resting => 0,
            Self::Running => 1,
            Self::Waiting => 2,
            Self::Closed => 3,
        }
    }

    pub(crate) fn from_code(code: i64) -> Self {
        match code {
            1 => Self::Running,
            2 => Self::Waiting,
            3 => Self::Closed,
            _ => Self::Resting,
        }
    }
}

/// A thread's status and its number of turns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) turns: u32,
    activity: Activity,
    open: BTreeSet<InteractionId>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Activity {
    #[default]
    Resting,
    Running,
    Closed,
}

impl Progress {
    /// Progress as a commit that left no question open stored it.
    pub(crate) fn stored(status: ThreadStatus, turns: u32) -> Self {
        let activity = match status {
            ThreadStatus::Resting => Activity::Resting,
            ThreadStatus::Running | ThreadStatus::Waiting => Activity::Running,
            ThreadStatus::Closed => Activity::Closed,
        };
        Self { turns, activity, open: BTreeSet::new() }
    }

    pub(crate) fn status(&self) -> ThreadStatus {
        match self.activity {
            Activity::Closed => ThreadStatus::Closed,
            _ if !self.open.is_empty() => ThreadStatus::Waiting,
            Activity::Running => ThreadStatus::Running,
            Activity::Resting => ThreadStatus::Resting,
        }
    }

    pub(crate) fn follow(&mut self, events: &[Event]) {
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

/// The question an event asks, if it asks one.
pub(crate) fn question(event: &Event) -> Option<&InteractionId> {
    match &event.kind {
        EventKind::ExecApprovalRequest(request) => Some(&request.id),
        EventKind::PatchApprovalRequest(request) => Some(&request.id),
        EventKind::RequestUserInput { id, .. }
        | EventKind::ElicitationRequest { id, .. }
        | EventKind::DynamicToolCallRequest { id, .. } => Some(id),
        _ => None,
    }
}
