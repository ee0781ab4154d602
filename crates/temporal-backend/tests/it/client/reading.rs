//! What readers are told, early and late, woken or not.

use super::{Reader, assert_numbered, backend, elsewhere, final_message, say, soon, start, submit};
use crate::world::World;
use agent_core::{
    Completion, Cursor, EventKind, LiveKind, ModelError, ModelEvent, ModelItem, ModelRequest, ModelStreamer,
    Update, testing::FakeTools,
};
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use std::sync::Arc;
use temporal_backend::{Digest, wire::RunOptions};
use tokio::sync::Notify;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_early_and_a_late_reader_are_told_the_same() {
    let mut world = World::new().await;
    let session = start(&backend(&world, RunOptions::default())).await;
    let mut early = Reader::of(&session, Cursor::default());
    submit(&session, "op-1", say("call write read write")).await.unwrap();
    let end = early.until_turn_ends(1).await;
    assert_eq!(final_message(&end), Some("done"));
    assert_numbered(&early.events(), 1);
    let mut late = Reader::of(&session, Cursor::default());
    late.until_turn_ends(1).await;
    assert_eq!(late.events(), early.events());
    let mut further = Reader::of(&session, Cursor::after(3));
    further.until_turn_ends(1).await;
    assert_eq!(further.events(), early.events()[3..]);
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_whom_nobody_wakes_is_told_the_same_soon() {
    let mut world = World::new().await;
    let session = start(&elsewhere(&world, RunOptions::default())).await;
    let mut reader = Reader::of(&session, Cursor::default());
    for turn in 1..=3 {
        submit(&session, &format!("op-{turn}"), say("hello")).await.unwrap();
        let begun = std::time::Instant::now();
        reader.until_turn_ends(turn).await;
        assert!(begun.elapsed().as_millis() < 1_500, "turn {turn} took {:?}", begun.elapsed());
    }
    assert_numbered(&reader.events(), 1);
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_of_events_that_were_taken_back_is_told_so_and_given_them_anew() {
    let mut world = World::new().await;
    let backend = backend(&world, RunOptions::default());
    let session = start(&backend).await;
    let mut all = Reader::of(&session, Cursor::default());
    submit(&session, "op-1", say("hello")).await.unwrap();
    all.until_turn_ends(1).await;
    let events = all.events();
    let last = events.last().unwrap().seq;

    let right = events[..3].iter().fold(Digest::default(), |digest, event| digest.and_event(event).0).text();
    let mut same = Reader::of(&session, Cursor { seq: 3, digest: Some(right) });
    same.until_turn_ends(1).await;
    assert_eq!(same.told, events[3..].iter().cloned().map(Update::Event).collect::<Vec<_>>());

    let wrong = Digest::default().and(&"something else").text();
    for cursor in [Cursor { seq: 3, digest: Some(wrong) }, Cursor::after(last + 10)] {
        let mut other = Reader::of(&session, cursor);
        other.until_turn_ends(1).await;
        assert_eq!(other.told[0], Update::Rewind { to: 0 });
        assert_eq!(other.events(), events);
    }
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_ends_with_the_thread_for_whoever_started_it_and_goes_on_for_whoever_watches() {
    let mut world = World::new().await;
    let backend = backend(&world, RunOptions::default());
    let session = start(&backend).await;
    let watcher = backend.attach(agent_core::AgentSession::key(&session)).await.unwrap();
    let mut watching = Reader::of(&watcher, Cursor::default());
    let mut reader = Reader::of(&session, Cursor::default());
    submit(&session, "op-1", agent_core::Op::Shutdown { now: false }).await.unwrap();
    let closed = |update: &Update| matches!(update, Update::Event(event) if matches!(event.kind, EventKind::ShutdownComplete));
    reader.until(closed).await;
    assert!(soon("the end", reader.next()).await.is_none());
    watching.until(closed).await;
    backend.resume(agent_core::AgentSession::key(&session)).await.unwrap();
    let resumed =
        |update: &Update| matches!(update, Update::Event(event) if matches!(event.kind, EventKind::Resumed));
    watching.until(resumed).await;
    assert_numbered(&watching.events(), 1);
    world.stop_worker().await;
}

/// A model that says a piece, and the rest when it is told to.
struct Halting(Arc<Notify>);

impl ModelStreamer for Halting {
    fn stream<'a>(&'a self, _request: ModelRequest) -> BoxStream<'a, Result<ModelEvent, ModelError>> {
        let piece = ModelEvent::Delta { index: 0, kind: LiveKind::Message("hel".into()) };
        let rest = async {
            self.0.notified().await;
            let item = ModelEvent::Item(ModelItem::Message { text: "hello".into() });
            stream::iter([Ok(item), Ok(ModelEvent::Completed(Completion::default()))])
        };
        stream::iter([Ok(piece)]).chain(stream::once(rest).flatten()).boxed()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pieces_of_an_item_come_before_it_is_whole_and_not_after() {
    let go_on = Arc::new(Notify::new());
    let model = Halting(Arc::clone(&go_on));
    let mut world = World::with(Arc::new(model), Arc::new(FakeTools::default())).await;
    let backend = backend(&world, RunOptions::default());
    let session = start(&backend).await;
    let mut reader = Reader::of(&session, Cursor::default());
    submit(&session, "op-1", say("hello")).await.unwrap();
    let Update::Live(live) = reader.until(|update| matches!(update, Update::Live(_))).await else {
        unreachable!()
    };
    assert_eq!(live.kind, LiveKind::Message("hel".into()));
    go_on.notify_one();
    reader.until_turn_ends(1).await;
    let whole = |update: &Update| {
        matches!(update, Update::Event(event)
            if matches!(&event.kind, EventKind::ItemCompleted { item } if item.id == live.item))
    };
    assert!(reader.told.iter().any(whole), "{:#?}", reader.told);
    let pieces = reader.told.iter().filter(|update| matches!(update, Update::Live(_))).count();
    assert_eq!(pieces, 1);
    // A bus whose pieces come late: the item is whole already.
    let late = sink::Signal::Live { after: 0, live: Arc::new(live) };
    world.services.bus.publish(agent_core::AgentSession::key(&session), late);
    submit(&session, "op-2", agent_core::Op::Shutdown { now: false }).await.unwrap();
    while reader.next().await.is_some() {}
    assert_eq!(reader.told.iter().filter(|update| matches!(update, Update::Live(_))).count(), pieces);
    world.stop_worker().await;
}
