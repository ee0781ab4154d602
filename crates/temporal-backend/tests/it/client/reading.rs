//! What readers are told, early and late, woken or not.

use super::{Reader, assert_numbered, backend, elsewhere, final_message, say, soon, start, submit};
use crate::world::World;
use agent_core::{Cursor, EventKind, Update};
use temporal_backend::{Digest, wire::RunOptions};

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
