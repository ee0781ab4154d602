//! [`Home`]: a backend as a place where threads live and from which they move; and the whole past of a thread.

use crate::exit::{Exit, Failure};
use agent_core::{Commit, ThreadKey};
use async_trait::async_trait;
use local_backend::{LocalBackend, ThreadReader};

/// What looking into a thread's past, and moving it, takes of a backend.
#[async_trait]
pub(crate) trait Home: Send + Sync {
    /// All that a thread has committed, from its first record on. Nobody need serve it.
    async fn commits(&self, _key: &ThreadKey) -> Result<Vec<Commit>, Failure> {
        Err(Failure::new(Exit::Backend, "this backend keeps no journal"))
    }

    /// The threads of this data folder, where it is them.
    fn local(&self) -> Option<&LocalBackend> {
        None
    }

    /// Those on Temporal, where it is them.
    #[cfg(feature = "temporal")]
    fn temporal(&self) -> Option<&super::temporal::OnTemporal> {
        None
    }
}

#[async_trait]
impl Home for LocalBackend {
    async fn commits(&self, key: &ThreadKey) -> Result<Vec<Commit>, Failure> {
        let reader = ThreadReader::open(self.database(), key).await?;
        Ok(reader.commits().await.map_err(local_backend::LocalError::from)?)
    }

    fn local(&self) -> Option<&LocalBackend> {
        Some(self)
    }
}

#[cfg(feature = "temporal")]
#[async_trait]
impl Home for super::temporal::OnTemporal {
    async fn commits(&self, key: &ThreadKey) -> Result<Vec<Commit>, Failure> {
        Ok(self.threads.commits(key).await?)
    }

    fn temporal(&self) -> Option<&super::temporal::OnTemporal> {
        Some(self)
    }
}
