//! Threads that leave, and threads that come from elsewhere.

use super::{Reader, assert_numbered, backend, elsewhere, runs_of, say, start, submit, timeless};
use crate::world::World;
use agent_core::{
    AgentSession, Commit, Cursor, EventKind, ForkPoint, Op, SessionError, Stored, Tenant, Thread,
    ThreadFilter, ThreadKey, TurnId, recover,
};
use temporal_backend::{Moving, Stay, TemporalBackend, TemporalError, TemporalSession, wire::RunOptions};

fn moving(key: &ThreadKey, past: Vec<Commit>, move_id: &str) -> Moving {
    let thread = thread(key, past.clone());
    Moving { thread, past, from: "a laptop".into(), move_id: move_id.into() }
}

fn thread(key: &ThreadKey, past: Vec<Commit>) -> Thread {
    recover(key.clone(), Stored { snapshot: None, tail: past }).unwrap()
}

/// A thread of two turns that has left, and what it had committed.
async fn left(backend: &TemporalBackend) -> (TemporalSession, Vec<Commit>) {
    let session = start(backend).await;
    let mut reader = Reader::of(&session, Cursor::default());
    for turn in 1..=2 {
        submit(&session, &format!("op-{turn}"), say("call write read")).await.unwrap();
        reader.until_turn_ends(turn).await;
    }
    let past = backend.commits(session.key()).await.unwrap();
    backend.depart(session.key(), past.len() as u64, "a laptop").await.unwrap();
    (session, past)
}

async fn listed(backend: &TemporalBackend, key: &ThreadKey, wanted: bool) {
    let filter = ThreadFilter::of(Tenant::default());
    let listed = async {
        while backend.list(&filter).await.unwrap().iter().any(|thread| thread.key == *key) != wanted {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    super::soon("the list", listed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_that_has_left_takes_nothing_and_says_where_it_is() {
    let mut world = World::new().await;
    let backend = backend(&world, runs_of(12));
    let (session, past) = left(&backend).await;
    let key = session.key().clone();
    let Stay::MovedAway { to, since_ms } = backend.stay(&key).await.unwrap() else { panic!("it is here") };
    assert!(to == "a laptop" && since_ms > 0);
    let moved = |error: &TemporalError| matches!(error, TemporalError::MovedAway { .. });
    assert!(moved(&backend.resume(&key).await.unwrap_err()));
    assert!(moved(&backend.attach(&key).await.unwrap_err()));
    assert!(moved(&backend.get(&key).await.unwrap_err()));
    let told = submit(&session, "op-3", say("hello")).await.unwrap_err().to_string();
    assert!(told.contains("was moved to a laptop less than a minute ago"), "{told}");
    let queued = session.submit_or_queue(super::named("op-4", say("hello"))).await;
    assert!(matches!(queued, Err(SessionError::Unavailable { .. })), "{queued:?}");
    listed(&backend, &key, false).await;
    // Again is the same; to somewhere else is not.
    backend.depart(&key, past.len() as u64, "a laptop").await.unwrap();
    assert!(moved(&backend.depart(&key, past.len() as u64, "a desk").await.unwrap_err()));
    // Its past is there as long as the server keeps it.
    assert_eq!(backend.commits(&key).await.unwrap(), past);
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_leaves_only_at_rest_and_as_it_is_known() {
    let mut world = World::new().await;
    let backend = backend(&world, RunOptions::default());
    let session = start(&backend).await;
    let key = session.key();
    submit(&session, "op-1", say("call ask_write")).await.unwrap();
    let mut reader = Reader::of(&session, Cursor::default());
    reader
        .until(|update| {
            matches!(update, agent_core::Update::Event(event) if agent_core::question(event).is_some())
        })
        .await;
    let busy = backend.depart(key, 4, "a laptop").await.unwrap_err();
    assert!(matches!(busy, TemporalError::NotAtRest { .. }), "{busy}");
    submit(&session, "op-2", Op::Interrupt).await.unwrap();
    reader.until_turn_ends(1).await;
    let stale = backend.depart(key, 1, "a laptop").await.unwrap_err();
    assert!(matches!(stale, TemporalError::StaleRecord { wanted: 1, .. }), "{stale}");
    assert_eq!(backend.stay(key).await.unwrap(), Stay::Here { move_id: None });
    submit(&session, "op-3", say("hello")).await.unwrap();
    reader.until_turn_ends(2).await;
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_comes_back_with_its_past_and_its_numbers_go_on() {
    let mut world = World::new().await;
    // Each run is short, so what comes after the move goes through several.
    let backend = backend(&world, runs_of(8));
    let (session, past) = left(&backend).await;
    let key = session.key().clone();
    let seen: Vec<_> = past.iter().flat_map(|commit| commit.events.clone()).collect();
    backend.take_in(moving(&key, past.clone(), "back")).await.unwrap();
    backend.take_in(moving(&key, past.clone(), "back")).await.unwrap();
    let other = backend.take_in(moving(&key, past.clone(), "another")).await.unwrap_err();
    assert!(matches!(other, TemporalError::Exists { .. }), "{other}");
    assert_eq!(backend.stay(&key).await.unwrap(), Stay::Here { move_id: Some("back".into()) });
    listed(&backend, &key, true).await;
    let session = backend.attach(&key).await.unwrap();
    submit(&session, "op-5", say("call write read")).await.unwrap();
    // A reader in another process sees all of it, the first event first.
    let there = elsewhere(&world, RunOptions::default()).attach(&key).await.unwrap();
    let mut reader = Reader::of(&there, Cursor::default());
    reader.until_turn_ends(3).await;
    let events = reader.events();
    assert_numbered(&events, 1);
    assert_eq!(events[..seen.len()], seen);
    assert!(matches!(&events[seen.len()].kind, EventKind::Moved { from, .. } if from == "a laptop"));
    // The journal is whole, and a fork of a turn before the move works.
    let commits = backend.commits(&key).await.unwrap();
    assert_eq!(commits[..past.len()], past);
    assert!(!thread(&key, commits).is_closed());
    let genesis = backend.fork(&key, ForkPoint::Turn(TurnId(1))).await.unwrap();
    let fork = backend.start(Tenant::default(), genesis).await.unwrap();
    submit(&fork, "op-1", say("hello")).await.unwrap();
    Reader::of(&fork, Cursor::default()).until_turn_ends(2).await;
    // And away again: what came with the move is not taken in once more.
    let commits = backend.commits(&key).await.unwrap();
    backend.depart(&key, commits.len() as u64, "a laptop").await.unwrap();
    let gone = backend.take_in(moving(&key, past, "back")).await.unwrap_err();
    assert!(matches!(gone, TemporalError::MovedAway { .. }), "{gone}");
    backend.take_in(moving(&key, commits.clone(), "once more")).await.unwrap();
    let again = timeless(backend.commits(&key).await.unwrap().into_iter().flat_map(|c| c.events).collect());
    assert_numbered(&again, 1);
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_past_that_is_not_the_threads_is_not_taken_in() {
    let mut world = World::new().await;
    let backend = backend(&world, RunOptions::default());
    let (session, past) = left(&backend).await;
    let mut short = moving(session.key(), past, "back");
    short.past.pop();
    let error = backend.take_in(short).await.unwrap_err();
    assert!(matches!(error, TemporalError::Unreadable { .. }), "{error}");
    assert!(matches!(backend.stay(session.key()).await.unwrap(), Stay::MovedAway { .. }));
    world.stop_worker().await;
}
