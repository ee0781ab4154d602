//! Forks: what a thread was at the end of a turn, as the beginning of another.

use crate::{Database, LocalError, ThreadReader};
use agent_core::{ForkPoint, Genesis, ThreadKey};

impl Database {
    /// What a fork of this thread begins with; [`crate::LocalBackend::start`] makes it a thread. The thread may be
    /// served meanwhile, by whomever.
    ///
    /// # Errors
    /// [`LocalError::NoForkPoint`] where no moment between turns follows the turn.
    pub async fn fork(&self, key: &ThreadKey, at: ForkPoint) -> Result<Genesis, LocalError> {
        let journal = ThreadReader::open(self, key).await?.commits().await?;
        at.genesis(key, journal)?.ok_or(LocalError::NoForkPoint { turn: at.turn() })
    }
}
