//! [`Library`]: what clients look up beside their thread.

use crate::protocol::{Asked, Listing, Refusal};
use async_trait::async_trait;

/// Answers queries of clients. Nothing of it enters a thread.
#[cfg_attr(feature = "test-util", mockall::automock)]
#[async_trait]
pub trait Library: Send + Sync {
    /// Looks it up, within a bound.
    ///
    /// # Errors
    /// A [`Refusal`] says why it cannot be answered.
    async fn answer(&self, asked: Asked) -> Result<Listing, Refusal>;
}
