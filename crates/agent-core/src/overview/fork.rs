//! [`ForkPoint`]: what a thread was at the end of a turn, as the beginning of another.

use super::{Progress, ThreadStatus};
use crate::{
    ports::{Commit, Stored},
    protocol::{ThreadKey, TurnId},
    thread::{Genesis, ReplayError, recover},
};
use serde::{Deserialize, Serialize};

/// Where a thread is forked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForkPoint {
    /// At the last moment at which no turn ran.
    #[default]
    Latest,
    /// At the end of this turn.
    Turn(TurnId),
}

impl ForkPoint {
    /// What a fork of the thread with this journal begins with; `None` where no moment between turns is the one that is
    /// meant.
    ///
    /// # Errors
    /// Where the journal does not replay.
    pub fn genesis(self, key: &ThreadKey, mut journal: Vec<Commit>) -> Result<Option<Genesis>, ReplayError> {
        let Some(length) = self.length(&journal) else { return Ok(None) };
        journal.truncate(length);
        let thread = recover(key.clone(), Stored { snapshot: None, tail: journal })?;
        Ok(thread.fork())
    }

    /// The turn to name where there is no such moment: the one that is meant, or the first.
    pub fn turn(self) -> TurnId {
        match self {
            Self::Latest => TurnId(1),
            Self::Turn(turn) => turn,
        }
    }

    /// How many commits lead to it.
    pub(super) fn length(self, journal: &[Commit]) -> Option<usize> {
        let mut progress = Progress::default();
        let mut found = None;
        for (index, Commit { events, .. }) in journal.iter().enumerate() {
            progress.follow(events);
            let rests = matches!(progress.status(), ThreadStatus::Resting | ThreadStatus::Closed);
            let fits = match self {
                Self::Latest => true,
                Self::Turn(turn) => {
                    events.iter().any(|event| event.kind.is_terminal() && event.turn == Some(turn))
                }
            };
            if rests && fits {
                found = Some(index + 1);
            }
        }
        found
    }
}
