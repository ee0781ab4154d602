//! The sinks, from outside.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests are tests"
)]

#[cfg(feature = "nats")]
mod certificates;
mod local_bus;
#[cfg(feature = "nats")]
mod nats_access;
#[cfg(feature = "nats")]
mod nats_bus;
#[cfg(feature = "nats")]
mod nats_options;
#[cfg(feature = "nats")]
mod nats_server;

use agent_core::{
    Event, EventKind, EventSink, ItemId, Live, LiveKind, SinkError, ThreadKey, TurnId, testing::RecordingSink,
};
use async_trait::async_trait;
use futures::executor::block_on;
use sink::{Buffer, Channel, Heard, JsonLines, Null, Page, Tee};
use std::sync::Arc;

fn events(seqs: impl IntoIterator<Item = u64>) -> Vec<Event> {
    seqs.into_iter().map(|seq| Event { seq, at_ms: 7, turn: None, kind: EventKind::TurnStarted }).collect()
}

fn live(text: &str) -> Live {
    Live { turn: TurnId(1), item: ItemId::new("item_1_0"), attempt: 1, kind: LiveKind::Message(text.into()) }
}

fn key() -> ThreadKey {
    ThreadKey::for_test("t")
}

struct Broken;

#[async_trait]
impl EventSink for Broken {
    async fn publish(&self, _key: &ThreadKey, _events: &[Event]) -> Result<(), SinkError> {
        Err(SinkError { message: "broken".into() })
    }

    fn live(&self, _key: &ThreadKey, _live: &Live) {}
}

#[test]
fn a_failing_sink_keeps_nothing_from_the_others() {
    let (first, last) = (Arc::new(RecordingSink::default()), Arc::new(RecordingSink::default()));
    let tee = Tee::new([first.clone() as Arc<dyn EventSink>, Arc::new(Broken), Arc::new(Null), last.clone()]);
    let error = block_on(tee.publish(&key(), &events([1, 2]))).unwrap_err();
    tee.live(&key(), &live("a"));
    assert_eq!(error.to_string(), "the event sink failed: broken");
    assert_eq!((first.events(), first.live_pieces()), (events([1, 2]), vec![live("a")]));
    assert_eq!((last.events(), last.live_pieces()), (events([1, 2]), vec![live("a")]));
}

#[test]
fn json_lines_name_the_thread_and_end_with_a_newline() {
    let lines = JsonLines::new(Vec::new());
    block_on(lines.publish(&key(), &events([1, 2]))).unwrap();
    lines.live(&key(), &live("not written"));
    let text = String::from_utf8(lines.into_inner()).unwrap();
    assert_eq!(
        text,
        "{\"tenant\":\"default\",\"thread\":\"t\",\"seq\":1,\"at_ms\":7,\"event\":\"turn_started\"}\n\
         {\"tenant\":\"default\",\"thread\":\"t\",\"seq\":2,\"at_ms\":7,\"event\":\"turn_started\"}\n"
    );
}

#[test]
fn a_reader_hears_events_and_pieces_in_order() {
    let channel = Channel::new(8, 4);
    let mut ear = channel.listen();
    channel.live(&key(), &live("before"));
    block_on(channel.publish(&key(), &events([5, 6]))).unwrap();
    block_on(channel.publish(&key(), &[])).unwrap();
    channel.live(&key(), &live("after"));
    drop(channel);
    let heard: Vec<Heard> = (0..4).map(|_| block_on(ear.hear())).collect();
    assert_eq!(
        heard,
        [
            Heard::Live { after: 4, live: Arc::new(live("before")) },
            Heard::Events(events([5, 6]).into()),
            Heard::Live { after: 6, live: Arc::new(live("after")) },
            Heard::Closed,
        ]
    );
}

#[test]
fn a_slow_reader_is_told_that_it_lagged_and_the_sender_never_waits() {
    let channel = Channel::new(2, 0);
    let mut ear = channel.listen();
    for seq in 1..=100 {
        block_on(channel.publish(&key(), &events([seq]))).unwrap();
    }
    assert_eq!(block_on(ear.hear()), Heard::Lagged);
    assert_eq!(block_on(ear.hear()), Heard::Events(events([99]).into()));
}

#[test]
fn a_full_buffer_drops_the_oldest_and_counts_it() {
    let buffer = Buffer::new(3);
    block_on(buffer.publish(&key(), &events(1..=5))).unwrap();
    assert_eq!((buffer.watermark(), buffer.dropped()), (2, 2));
    assert_eq!(buffer.read(0, 10), Page { events: events(3..=5), gap: Some((1, 2)) });
    assert_eq!(buffer.read(3, 1), Page { events: events([4]), gap: None });
}

#[test]
fn acknowledged_events_leave_the_buffer_and_are_not_counted_as_dropped() {
    let buffer = Buffer::new(3);
    block_on(buffer.publish(&key(), &events(1..=2))).unwrap();
    buffer.acknowledge(1);
    block_on(buffer.publish(&key(), &events(3..=4))).unwrap();
    assert_eq!((buffer.watermark(), buffer.dropped()), (1, 0));
    assert_eq!(buffer.read(1, 10), Page { events: events(2..=4), gap: None });
}
