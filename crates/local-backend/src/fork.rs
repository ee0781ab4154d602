//! Forks: what a thread was at the end of a turn, as the beginning of another.

use crate::{
    Database, LocalError, ThreadReader,
    status::{Progress, ThreadStatus},
};
use agent_core::{Commit, Genesis, Stored, ThreadKey, TurnId, recover};

/// Where a thread is forked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForkPoint {
    /// At the last moment at which no turn ran.
    #[default]
    Latest,
    /// At the end of this turn.
    Turn(TurnId),
}

impl Database {
    /// What a fork of this thread begins with; [`crate::LocalBackend::start`] makes it a thread. The thread may be
    /// served meanwhile, by whomever.
    ///
    /// # Errors
    /// [`LocalError::NoForkPoint`] where no moment between turns follows the turn.
    pub async fn fork(&self, key: &ThreadKey, at: ForkPoint) -> Result<Genesis, LocalError> {
        let mut tail = ThreadReader::open(self, key).await?.commits().await?;
        let no_point = || LocalError::NoForkPoint {
            turn: match at {
                ForkPoint::Latest => TurnId(1),
                ForkPoint::Turn(turn) => turn,
            },
        };
        let length = length(&tail, at).ok_or_else(no_point)?;
        tail.truncate(length);
        let thread = recover(key.clone(), Stored { snapshot: None, tail })?;
        thread.fork().ok_or_else(no_point)
    }
}

/// How many commits lead to the fork point.
fn length(commits: &[Commit], at: ForkPoint) -> Option<usize> {
    let mut progress = Progress::default();
    let mut found = None;
    for (index, Commit { events, .. }) in commits.iter().enumerate() {
        progress.follow(events);
        let rests = matches!(progress.status(), ThreadStatus::Resting | ThreadStatus::Closed);
        let fits = match at {
            ForkPoint::Latest => true,
            ForkPoint::Turn(turn) => {
                events.iter().any(|event| event.kind.is_terminal() && event.turn == Some(turn))
            }
        };
        if rests && fits {
            found = Some(index + 1);
        }
    }
    found
}
