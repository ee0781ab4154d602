//! What runs hold no more: read, exported, forked.

use super::{Reader, assert_numbered, backend, runs_of, say, start, submit, timeless};
use crate::world::World;
use agent_core::{AgentSession, Cursor, Event, ForkPoint, Item, Op, Stored, TurnId, Update, recover};
use temporal_backend::{
    TemporalBackend, TemporalError, TemporalSession,
    wire::{RunOptions, workflow_id},
};
use temporalio_client::{
    NamespacedClient, UntypedWorkflow, WorkflowDescribeOptions, WorkflowFetchHistoryOptions,
    grpc::WorkflowService, tonic::IntoRequest,
};
use temporalio_common::protos::temporal::api::{
    common::v1::WorkflowExecution, workflowservice::v1::DeleteWorkflowExecutionRequest,
};

/// More than a run holds.
const MANY: u64 = 600;

/// A thread with many events.
async fn long_thread(backend: &TemporalBackend) -> TemporalSession {
    let session = start(backend).await;
    let names = (2..=MANY).map(|number| {
        let session = session.clone();
        async move {
            let name = Op::SetThreadName { name: format!("name {number} {}", "and more of it ".repeat(12)) };
            submit(&session, &format!("op-{number}"), name).await.unwrap();
        }
    });
    let names = futures::StreamExt::buffer_unordered(futures::stream::iter(names), 8);
    assert_eq!(futures::StreamExt::count(names).await as u64, MANY - 1);
    session
}

fn is(seq: u64) -> impl Fn(&Update) -> bool {
    move |update| matches!(update, Update::Event(event) if event.seq == seq)
}

async fn read_all(session: &TemporalSession, after: Cursor) -> Reader {
    let mut reader = Reader::of(session, after);
    reader.until(is(MANY)).await;
    reader
}

async fn all_by_pages(backend: &TemporalBackend, session: &TemporalSession) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    loop {
        let after = events.last().map_or(0, |event| event.seq);
        let page = backend.events(session.key(), after, 100).await.unwrap();
        assert!(page.len() <= 100);
        if page.is_empty() {
            return events;
        }
        events.extend(page);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_a_run_holds_no_more_come_from_its_history() {
    let mut world = World::new().await;
    let backend = backend(&world, RunOptions::default());
    let session = long_thread(&backend).await;
    let reader = read_all(&session, Cursor::default()).await;
    assert_numbered(&reader.events(), 1);
    assert_eq!(reader.told.len() as u64, MANY, "events and nothing else");
    let later = read_all(&session, Cursor::after(17)).await;
    assert_eq!(later.events(), reader.events()[17..]);
    assert_eq!(all_by_pages(&backend, &session).await, reader.events());
    // Something else was there, so long ago that the run does not know what.
    let wrong = temporal_backend::Digest::default().and(&"something else").text();
    let mut other = Reader::of(&session, Cursor { seq: 5, digest: Some(wrong) });
    let rewound = other.until(|update| matches!(update, Update::Rewind { .. })).await;
    assert_eq!(rewound, Update::Rewind { to: 0 });
    other.told.clear();
    other.until(is(MANY)).await;
    assert_eq!(other.events(), reader.events());
    world.stop_worker().await;
    // Nobody serves it.
    assert_eq!(all_by_pages(&backend, &session).await, reader.events());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journal_of_many_runs_is_whole_and_tells_the_thread() {
    let mut world = World::new().await;
    let backend = backend(&world, runs_of(4));
    let session = start(&backend).await;
    let mut reader = Reader::of(&session, Cursor::default());
    for turn in 1..=6 {
        submit(&session, &format!("op-{turn}"), say("call write read")).await.unwrap();
        reader.until_turn_ends(turn).await;
    }
    submit(&session, "op-7", Op::Shutdown { now: false }).await.unwrap();
    while reader.next().await.is_some() {}
    let resumed = backend.resume(session.key()).await.unwrap();
    submit(&resumed, "op-8", say("hello")).await.unwrap();
    let mut reader = Reader::of(&resumed, Cursor::default());
    reader.until_turn_ends(7).await;
    world.stop_worker().await;

    let commits = backend.commits(session.key()).await.unwrap();
    let seqs: Vec<u64> = commits.iter().map(|commit| commit.record.seq).collect();
    assert_eq!(seqs, (1..=commits.len() as u64).collect::<Vec<_>>());
    let events: Vec<Event> = commits.iter().flat_map(|commit| commit.events.clone()).collect();
    assert_eq!(timeless(events), timeless(reader.events()));
    let thread = recover(session.key().clone(), Stored { snapshot: None, tail: commits }).unwrap();
    assert_eq!(thread.current_turn(), None);

    let genesis = backend.fork(session.key(), ForkPoint::Turn(TurnId(2))).await.unwrap();
    let said = genesis.items.iter().filter(|item| matches!(***item, Item::User { .. })).count();
    assert_eq!((said, genesis.turns), (2, 2));
    let latest = backend.fork(session.key(), ForkPoint::Latest).await.unwrap();
    assert_eq!(latest.turns, 7);
    let error = backend.fork(session.key(), ForkPoint::Turn(TurnId(9))).await.unwrap_err();
    assert!(matches!(error, TemporalError::NoForkPoint { turn: TurnId(9) }), "{error:?}");

    world.start_worker().await;
    let fork = backend.start(session.key().tenant.clone(), genesis).await.unwrap();
    submit(&fork, "op-1", say("and now")).await.unwrap();
    let mut reader = Reader::of(&fork, Cursor::default());
    let end = reader.until_turn_ends(3).await;
    assert_eq!(super::final_message(&end), Some("you said: and now"));
    let summary = backend.get(fork.key()).await.unwrap();
    assert_eq!(summary.forked_from, Some(format!("{}/2", session.key().thread)));
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_server_keeps_no_more_is_a_gap() {
    let mut world = World::new().await;
    let backend = backend(&world, runs_of(150));
    let session = long_thread(&backend).await;
    let all = read_all(&session, Cursor::default()).await.events();
    for _ in 0..2 {
        delete_oldest_run(&world, &session).await;
    }
    let reader = read_all(&session, Cursor::default()).await;
    let Update::Gap { from: 1, to } = reader.told[0] else { panic!("{:?}", reader.told[0]) };
    assert!((50..300).contains(&to), "{to}");
    assert_eq!(reader.events(), all[usize::try_from(to).unwrap()..]);
    assert!(matches!(backend.commits(session.key()).await.unwrap_err(), TemporalError::PastGone { .. }));
    // As it was when a turn ended last it can be forked all the same.
    submit(&session, "say", say("hello")).await.unwrap();
    Reader::of(&session, Cursor::after(MANY)).until_turn_ends(1).await;
    let genesis = backend.fork(session.key(), ForkPoint::Latest).await.unwrap();
    assert_eq!(genesis.name, backend.get(session.key()).await.unwrap().name);
    let error = backend.fork(session.key(), ForkPoint::Turn(TurnId(1))).await.unwrap_err();
    assert!(matches!(error, TemporalError::PastGone { .. }), "{error:?}");
    world.stop_worker().await;
}

/// As the server does when the retention of a run is over.
async fn delete_oldest_run(world: &World, session: &TemporalSession) {
    let workflow_id = workflow_id(session.key());
    let newest = world.client.get_workflow_handle::<UntypedWorkflow>(workflow_id.clone());
    let newest = newest.describe(WorkflowDescribeOptions::default()).await.unwrap();
    let mut run_id = newest.run_id().to_owned();
    loop {
        let info = temporalio_client::WorkflowExecutionInfo::builder()
            .namespace(world.client.namespace())
            .workflow_id(workflow_id.clone())
            .run_id(run_id.clone())
            .build();
        let history =
            info.bind_untyped(world.client.clone()).fetch_history(WorkflowFetchHistoryOptions::default());
        let begun = history.into_events().await.unwrap().remove(0);
        let Some(temporalio_common::protos::temporal::api::history::v1::history_event::Attributes::WorkflowExecutionStartedEventAttributes(begun)) = begun.attributes else { panic!() };
        let before = begun.continued_execution_run_id;
        let is_there = !before.is_empty() && exists(world, &workflow_id, &before).await;
        if !is_there {
            break;
        }
        run_id = before;
    }
    let request = DeleteWorkflowExecutionRequest {
        namespace: world.client.namespace(),
        workflow_execution: Some(WorkflowExecution {
            workflow_id: workflow_id.clone(),
            run_id: run_id.clone(),
        }),
    };
    WorkflowService::delete_workflow_execution(&mut world.client.clone(), request.into_request())
        .await
        .unwrap();
    // The server takes its time.
    let gone = async {
        while exists(world, &workflow_id, &run_id).await {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    super::soon("the end of a run", gone).await;
}

async fn exists(world: &World, workflow_id: &str, run_id: &str) -> bool {
    let info = temporalio_client::WorkflowExecutionInfo::builder()
        .namespace(world.client.namespace())
        .workflow_id(workflow_id)
        .run_id(run_id.to_owned())
        .build();
    info.bind_untyped(world.client.clone()).describe(WorkflowDescribeOptions::default()).await.is_ok()
}
