//! [`Relay`]: from what all threads share, such as the tools, to the sink of the thread at hand.

use agent_core::{Event, EventSink, Live, SinkError, ThreadKey};
use async_trait::async_trait;
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError, Weak},
};

/// Hands events and live pieces to the sink of their thread, for as long as that sink is alive.
#[derive(Default)]
pub struct Relay {
    routes: Mutex<BTreeMap<ThreadKey, Weak<dyn EventSink>>>,
}

impl Relay {
    /// From now on what concerns this thread goes to this sink. Sinks that are gone are forgotten.
    pub fn route(&self, key: ThreadKey, sink: &Arc<dyn EventSink>) {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        routes.retain(|_, sink| sink.strong_count() > 0);
        routes.insert(key, Arc::downgrade(sink));
    }

    fn sink(&self, key: &ThreadKey) -> Option<Arc<dyn EventSink>> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner).get(key)?.upgrade()
    }
}

#[async_trait]
impl EventSink for Relay {
    async fn publish(&self, key: &ThreadKey, events: &[Event]) -> Result<(), SinkError> {
        match self.sink(key) {
            Some(sink) => sink.publish(key, events).await,
            None => Ok(()),
        }
    }

    fn live(&self, key: &ThreadKey, live: &Live) {
        if let Some(sink) = self.sink(key) {
            sink.live(key, live);
        }
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Relay")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::{ItemId, LiveKind, TurnId, testing::RecordingSink};

    #[test]
    fn each_piece_reaches_the_sink_of_its_thread_while_that_lives() {
        let piece = |text: &str| Live {
            turn: TurnId(1),
            item: ItemId::new("item"),
            attempt: 1,
            kind: LiveKind::Output(text.into()),
        };
        let (relay, recorder) = (Relay::default(), Arc::new(RecordingSink::default()));
        let sink: Arc<dyn EventSink> = recorder.clone();
        relay.route(ThreadKey::for_test("a"), &sink);
        relay.live(&ThreadKey::for_test("a"), &piece("mine"));
        relay.live(&ThreadKey::for_test("b"), &piece("another's"));
        assert_eq!(recorder.live_pieces(), [piece("mine")]);
        drop((sink, recorder));
        relay.live(&ThreadKey::for_test("a"), &piece("late"));
    }
}
