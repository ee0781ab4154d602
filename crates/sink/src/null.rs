//! [`Null`]: nowhere.

use agent_core::{Event, EventSink, Live, SinkError, ThreadKey};
use async_trait::async_trait;

/// Takes everything and keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Null;

#[async_trait]
impl EventSink for Null {
    async fn publish(&self, _key: &ThreadKey, _events: &[Event]) -> Result<(), SinkError> {
        Ok(())
    }

    fn live(&self, _key: &ThreadKey, _live: &Live) {}
}
