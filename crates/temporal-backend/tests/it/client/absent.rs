//! A worker or a server that is away: told within seconds, and healed by itself.

use super::{Reader, assert_numbered, backend, elsewhere, final_message, named, say, soon, start, submit};
use crate::world::World;
use agent_core::{AgentSession, Cursor, EventKind, Notice, Op, SessionError, Update};
use std::time::{Duration, Instant};
use temporal_backend::{SubmitOutcome, wire::RunOptions};

/// Within seconds.
const SECONDS: Duration = Duration::from_secs(8);

fn is_notice(fits: impl Fn(&Notice) -> bool) -> impl Fn(&Update) -> bool {
    move |update| matches!(update, Update::Notice(notice) if fits(notice))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_worker_a_client_is_told_so_within_seconds_and_what_is_left_is_taken_up() {
    let mut world = World::new().await;
    world.stop_worker().await;
    // Nobody ever polled this queue.
    let backend = backend(&world, RunOptions::default());
    let alone = temporal_backend::TemporalBackend::new(
        world.client.clone(),
        temporal_backend::BackendOptions {
            queue: "nobody's".into(),
            ..super::options(&world, RunOptions::default())
        },
    );
    let session = start(&alone).await;
    let begun = Instant::now();
    let Err(SessionError::Unavailable { message, .. }) = submit(&session, "op-1", say("hello")).await else {
        panic!("somebody answers");
    };
    assert!(begun.elapsed() < SECONDS, "{:?}", begun.elapsed());
    assert!(message.contains("nobody's") && message.contains("everturn worker"), "{message}");
    let mut reader = Reader::of(&session, Cursor::default());
    let begun = Instant::now();
    reader.until(is_notice(|notice| matches!(notice, Notice::WorkerAway { .. }))).await;
    assert!(begun.elapsed() < SECONDS, "{:?}", begun.elapsed());
    drop(reader);

    // A worker was here a moment ago.
    let session = start(&backend).await;
    let begun = Instant::now();
    let left = soon("an answer", session.submit_or_queue(named("op-1", say("hello")))).await;
    assert_eq!(left.unwrap(), SubmitOutcome::Queued);
    assert!(begun.elapsed() < SECONDS, "{:?}", begun.elapsed());
    world.start_worker().await;
    let mut reader = Reader::of(&session, Cursor::default());
    let end = reader.until_turn_ends(1).await;
    assert_eq!(final_message(&end), Some("you said: hello"));
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_with_the_server_where_nobody_serves_is_taken_up_later() {
    let mut world = World::new().await;
    let options = super::options(&world, RunOptions::default());
    let queue = String::from("later");
    let later = temporal_backend::TemporalBackend::new(
        world.client.clone(),
        temporal_backend::BackendOptions { queue: queue.clone(), ..options },
    );
    let session = start(&later).await;
    let left = soon("an answer", session.submit_or_queue(named("op-1", say("hello")))).await.unwrap();
    assert_eq!(left, SubmitOutcome::Queued);
    // It is listed all the same, and what it runs under is known.
    let summary = later.get(session.key()).await.unwrap();
    assert_eq!((summary.cwd.as_str(), summary.served_by), ("/work", None));
    assert_eq!(later.settings(session.key()).await.unwrap().model, "");
    let options = temporal_backend::WorkerOptions::new(queue, world.home.path().join("later"));
    let worker = temporal_backend::TemporalWorker::start(&world.client, options, world.services.clone())
        .await
        .unwrap();
    Reader::of(&session, Cursor::default()).until_turn_ends(1).await;
    let again = submit(&session, "op-1", say("hello")).await.unwrap();
    assert!(again.repeated);
    worker.stop().await;
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_is_told_that_the_worker_went_and_that_another_came() {
    let mut world = World::new().await;
    let session = start(&backend(&world, RunOptions::default())).await;
    let mut reader = Reader::of(&session, Cursor::default());
    submit(&session, "op-1", say("call write ask_write")).await.unwrap();
    reader
        .until(|update| matches!(update, Update::Event(event) if agent_core::question(event).is_some()))
        .await;
    world.stop_worker().await;
    let op = session.submit_or_queue(named("op-2", Op::Interrupt));
    let (left, ()) = tokio::join!(op, async {
        reader.until(is_notice(|notice| matches!(notice, Notice::WorkerAway { .. }))).await;
        world.start_worker().await;
    });
    left.unwrap();
    reader.until_turn_ends(1).await;
    assert_numbered(&reader.events(), 1);
    let back = Notice::Back { message: "a worker serves the thread again".into() };
    assert_eq!(reader.notices()[1..], [back]);
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_goes_and_comes_back_loses_nothing() {
    let mut world = World::new().await;
    let backend = elsewhere(&world, RunOptions::default());
    let session = start(&backend).await;
    let mut reader = Reader::of(&session, Cursor::default());
    submit(&session, "op-1", say("call write ask_write write")).await.unwrap();
    let asked =
        |update: &Update| matches!(update, Update::Event(event) if agent_core::question(event).is_some());
    let Update::Event(question) = reader.until(asked).await else { unreachable!() };
    world.server.kill().await.unwrap();
    let begun = Instant::now();
    reader.until(is_notice(|notice| matches!(notice, Notice::ServerAway { .. }))).await;
    assert!(begun.elapsed() < SECONDS, "{:?}", begun.elapsed());
    let id = agent_core::question(&question).unwrap().clone();
    let approve = Op::ExecApproval { id, decision: agent_core::ApprovalDecision::Approved };
    let approved = tokio::spawn({
        let session = session.clone();
        async move { submit(&session, "op-2", approve).await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.server.restart().await.unwrap();
    let end = reader.until_turn_ends(1).await;
    assert_eq!(final_message(&end), Some("done"));
    assert!(!approved.await.unwrap().unwrap().repeated);
    assert_numbered(&reader.events(), 1);
    let back = Notice::Back { message: "the Temporal server answers again".into() };
    assert!(reader.notices().contains(&back), "{:?}", reader.notices());
    let resolved = |event: &agent_core::Event| matches!(event.kind, EventKind::InteractionResolved { .. });
    assert_eq!(reader.events().into_iter().filter(resolved).count(), 1);
    world.stop_worker().await;
}
