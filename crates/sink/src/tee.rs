//! [`Tee`]: several sinks at once.

use agent_core::{Event, EventSink, Live, SinkError, ThreadKey};
use async_trait::async_trait;
use std::{fmt, sync::Arc};

/// Hands everything to each of its sinks, in the order given. One that fails keeps nothing from the others.
#[derive(Clone, Default)]
pub struct Tee {
    sinks: Vec<Arc<dyn EventSink>>,
}

impl Tee {
    /// A tee into these sinks.
    pub fn new(sinks: impl IntoIterator<Item = Arc<dyn EventSink>>) -> Self {
        Self { sinks: sinks.into_iter().collect() }
    }
}

#[async_trait]
impl EventSink for Tee {
    async fn publish(&self, key: &ThreadKey, events: &[Event]) -> Result<(), SinkError> {
        let mut failures = Vec::new();
        for sink in &self.sinks {
            if let Err(error) = sink.publish(key, events).await {
                failures.push(error.message);
            }
        }
        if failures.is_empty() { Ok(()) } else { Err(SinkError { message: failures.join("; ") }) }
    }

    fn live(&self, key: &ThreadKey, live: &Live) {
        for sink in &self.sinks {
            sink.live(key, live);
        }
    }
}

impl fmt::Debug for Tee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tee({} sinks)", self.sinks.len())
    }
}
