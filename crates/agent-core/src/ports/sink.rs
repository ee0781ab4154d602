//! [`EventSink`]: where events go.

use crate::protocol::{Event, Live, ThreadKey};
use async_trait::async_trait;

/// A receiver of events.
///
/// * Durable events come after their commit, in order, each batch once per driver; after a crash the last batch
///   may not have come. A reader that needs every event reads the journal and takes the sink as a wake-up.
/// * A sink may fail, and never stops a thread: the driver logs the error and goes on.
/// * Back-pressure: `publish` is awaited, so a slow sink slows the thread down; `live` must return at once and
///   drop what it cannot take.
#[cfg_attr(feature = "test-util", mockall::automock)]
#[async_trait]
pub trait EventSink: Send + Sync {
    /// Receives events that are committed.
    async fn publish(&self, key: &ThreadKey, events: &[Event]) -> Result<(), SinkError>;

    /// Receives a piece of an item in the making.
    fn live(&self, key: &ThreadKey, live: &Live);
}

/// A sink could not take events.
#[derive(Debug, thiserror::Error)]
#[error("the event sink failed: {message}")]
pub struct SinkError {
    /// What happened.
    pub message: String,
}
