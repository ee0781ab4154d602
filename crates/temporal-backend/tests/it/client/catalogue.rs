//! Lists, and what else is known of threads.

use super::{Reader, backend, elsewhere, runs_of, say, start, submit, timeless};
use crate::world::{QUEUE, World, genesis};
use agent_core::{
    AgentSession, Cursor, Genesis, Op, Server, SessionError, Tenant, ThreadFilter, ThreadStatus,
    ThreadSummary, Update, question,
};
use std::time::Duration;
use temporal_backend::{
    Codec, KeySource, TemporalBackend, TemporalError, data_converter,
    wire::{RunOptions, workflow_id},
};
use temporalio_client::{Client, ClientOptions, UntypedWorkflow, WorkflowTerminateOptions};

/// Lists lag behind; this waits until one is as expected.
async fn list_until(
    backend: &TemporalBackend,
    filter: &ThreadFilter,
    fits: impl Fn(&[ThreadSummary]) -> bool,
) -> Vec<ThreadSummary> {
    let begun = std::time::Instant::now();
    loop {
        let list = backend.list(filter).await.unwrap();
        if fits(&list) {
            return list;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{list:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threads_are_listed_looked_at_and_deleted() {
    let mut world = World::new().await;
    let backend = backend(&world, runs_of(6));
    let first = start(&backend).await;
    submit(&first, "op-1", say("tell me a story")).await.unwrap();
    Reader::of(&first, Cursor::default()).until_turn_ends(1).await;
    let second = start(&backend).await;
    submit(&second, "op-1", say("call ask_write")).await.unwrap();
    let asked = |update: &Update| matches!(update, Update::Event(event) if question(event).is_some());
    Reader::of(&second, Cursor::default()).until(asked).await;
    submit(&second, "op-2", Op::SetThreadName { name: "The other".into() }).await.unwrap();
    let stranger = Tenant::new("o'brien");
    backend.start(stranger.clone(), genesis()).await.unwrap();

    let all = ThreadFilter::of(Tenant::default());
    let fits = |list: &[ThreadSummary]| {
        list.len() == 2 && list[0].name.is_some() && list[1].status == ThreadStatus::Resting
    };
    let list = list_until(&backend, &all, fits).await;
    let worker = Server::Worker { queue: QUEUE.into() };
    let told = |thread: &ThreadSummary| {
        let called = thread.called().unwrap().to_owned();
        (thread.key.clone(), called, thread.status, thread.turns, thread.served_by.clone())
    };
    let [second_told, first_told] = &list[..] else { panic!("{list:#?}") };
    assert_eq!(
        told(first_told),
        (first.key().clone(), "tell me a story".into(), ThreadStatus::Resting, 1, Some(worker.clone()))
    );
    assert_eq!(
        told(second_told),
        (second.key().clone(), "The other".into(), ThreadStatus::Waiting, 1, Some(worker))
    );
    assert_eq!((first_told.cwd.as_str(), first_told.model.as_str()), ("/work", "scripted"));
    let waiting = ThreadFilter { status: Some(ThreadStatus::Waiting), ..all.clone() };
    assert_eq!(backend.list(&waiting).await.unwrap().len(), 1);
    let strangers = list_until(&backend, &ThreadFilter::of(stranger), |list| list.len() == 1).await;
    assert_eq!(strangers[0].key.tenant.as_str(), "o'brien");

    let exact = backend.get(first.key()).await.unwrap();
    let mut reader = Reader::of(&first, Cursor::default());
    reader.until_turn_ends(1).await;
    assert_eq!(exact.last_event, reader.events().len() as u64);

    backend.delete(first.key()).await.unwrap();
    assert!(!backend.exists(first.key()).await.unwrap());
    let gone = |error: Result<(), TemporalError>| matches!(error, Err(TemporalError::UnknownThread { .. }));
    assert!(gone(backend.get(first.key()).await.map(drop)) && gone(backend.delete(first.key()).await));
    list_until(&backend, &all, |list| list.len() == 1).await;
    let ended = reader.until_end().await;
    assert!(matches!(ended, Some(SessionError::UnknownThread { .. })), "{ended:?}");
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_questions_are_known_with_a_worker_and_without() {
    let mut world = World::new().await;
    let backend = backend(&world, runs_of(3));
    let session = start(&backend).await;
    submit(&session, "op-1", say("call write write ask_write")).await.unwrap();
    let asked = |update: &Update| matches!(update, Update::Event(event) if question(event).is_some());
    let mut reader = Reader::of(&session, Cursor::default());
    let Update::Event(event) = reader.until(asked).await else { unreachable!() };
    let waiting = ThreadFilter { status: Some(ThreadStatus::Waiting), ..ThreadFilter::of(Tenant::default()) };
    list_until(&backend, &waiting, |list| list.len() == 1).await;
    let pending = backend.pending(&Tenant::default()).await.unwrap();
    assert_eq!(pending.iter().map(|pending| &pending.question).collect::<Vec<_>>(), [&event]);
    assert_eq!(pending[0].title.as_deref(), Some("call write write ask_write"));
    world.stop_worker().await;
    assert_eq!(backend.pending(&Tenant::default()).await.unwrap(), pending);
    assert_eq!(backend.settings(session.key()).await.unwrap().cwd, "/work");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_whose_workflow_was_ended_from_outside_says_so() {
    let mut world = World::new().await;
    let backend = elsewhere(&world, RunOptions::default());
    let session = start(&backend).await;
    submit(&session, "op-1", say("hello")).await.unwrap();
    let mut reader = Reader::of(&session, Cursor::default());
    reader.until_turn_ends(1).await;
    let workflow = world.client.get_workflow_handle::<UntypedWorkflow>(workflow_id(session.key()));
    workflow.terminate(WorkflowTerminateOptions::default()).await.unwrap();
    let ended = reader.until_end().await.unwrap().to_string();
    assert!(ended.contains("was terminated"), "{ended}");
    let error = submit(&session, "op-2", say("hello")).await.unwrap_err().to_string();
    assert!(error.contains("was terminated"), "{error}");
    let error = backend.resume(session.key()).await.unwrap_err();
    assert!(matches!(error, TemporalError::Ended { .. }), "{error}");
    assert_eq!(backend.get(session.key()).await.unwrap().status, ThreadStatus::Closed);
    // Its past is there, and goes on in a fork.
    let genesis = backend.fork(session.key(), agent_core::ForkPoint::Latest).await.unwrap();
    let fork = backend.start(Tenant::default(), genesis).await.unwrap();
    submit(&fork, "op-1", say("go on")).await.unwrap();
    Reader::of(&fork, Cursor::default()).until_turn_ends(2).await;
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_with_a_key_that_is_not_here_is_listed_without_details_and_cannot_be_read() {
    let mut world = World::new().await;
    world.stop_worker().await;
    let keys = world.home.path().join("keys");
    let key = temporal_backend::create_key_file(&keys).unwrap();
    let codec = Codec::open(KeySource::File(keys)).unwrap();
    let plain = world.client.clone();
    let off = ClientOptions::new("default").data_converter(data_converter(&Codec::off())).build();
    let plain = Client::new(plain.connection().clone(), off).unwrap();
    let options = ClientOptions::new("default").data_converter(data_converter(&codec)).build();
    world.client = Client::new(plain.connection().clone(), options).unwrap();
    world.start_worker().await;
    let backend = backend(&world, runs_of(4));
    let session = start(&backend).await;
    submit(&session, "op-1", say("call write")).await.unwrap();
    let mut reader = Reader::of(&session, Cursor::default());
    reader.until_turn_ends(1).await;
    assert_eq!(super::refused(submit(&session, "op-2", Op::Interrupt).await), agent_core::Refusal::NoTurn);
    let commits = backend.commits(session.key()).await.unwrap();
    let events = commits.into_iter().flat_map(|commit| commit.events).collect();
    assert_eq!(timeless(events), timeless(reader.events()));

    let stranger = TemporalBackend::new(plain, super::options(&world, RunOptions::default()));
    let all = ThreadFilter::of(Tenant::default());
    let list = list_until(&stranger, &all, |list| list.len() == 1).await;
    assert_eq!((&list[0].key, list[0].title.as_deref(), list[0].cwd.as_str()), (session.key(), None, ""));
    let error = stranger.attach(session.key()).await.unwrap_err();
    assert!(matches!(error, TemporalError::Unreadable { .. }), "{error:?}");
    assert!(error.to_string().contains(key.as_str()), "{error}");
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_begins_with_its_details() {
    let mut world = World::new().await;
    world.stop_worker().await;
    let backend = backend(&world, RunOptions { search_attributes: true, ..RunOptions::default() });
    let genesis = Genesis { name: Some("Named".into()), ..genesis() };
    let session = backend.start(Tenant::default(), genesis).await.unwrap();
    let list = list_until(&backend, &ThreadFilter::of(Tenant::default()), |list| list.len() == 1).await;
    assert_eq!((&list[0].key, list[0].cwd.as_str()), (session.key(), "/work"));
    assert!(list[0].created_ms > 1_700_000_000_000);
}
