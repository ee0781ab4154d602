//! What comes while nobody serves a thread comes to the next worker in one task, together with what an earlier one did in a task of
//! its own. In a replay these may be one activation or two, and must lead to the same.

use super::{replayed, scenes::runs};
use crate::world::{World, genesis};
use agent_core::{
    Content, Input, Op, OpId, Overview, RULES, Record, Submission, Tenant, Thread, ThreadId, ThreadKey,
};
use std::time::Duration;
use temporal_backend::{
    AgentWorkflow, Digest, Reply,
    wire::{BookCarry, Carry, Departure, DepartureReply, RunFrom, RunOptions, workflow_id},
};
use temporalio_client::{WorkflowExecuteUpdateOptions, WorkflowHandle};

/// So long it takes an update to be with the server. Nothing shows it there before a worker takes it.
const ON_ITS_WAY: Duration = Duration::from_millis(500);

/// A thread that rests, as a run hands it over: the first task of the next one does nothing.
fn resting(key: &ThreadKey) -> Carry {
    let record = Record { seq: 1, at_ms: 1_000, rules: RULES, input: Input::Opened(Box::new(genesis())) };
    let mut thread = Thread::new(key.clone());
    let events = thread.apply(&record).unwrap().events;
    let mut overview = Overview::default();
    overview.follow(&record, &events);
    let book = BookCarry {
        base: 0,
        base_digest: Digest::default().text(),
        first: events.first().cloned(),
        events,
        questions: Vec::new(),
        overview,
        settings: thread.settings().clone(),
    };
    Carry { thread, inbox: Default::default(), book, runs: 1, arrival: None }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ops_and_departures_that_waited_for_a_worker_lead_to_the_same_in_a_replay() {
    let mut world = World::new().await;
    let key = ThreadKey { tenant: Tenant::default(), thread: ThreadId::new("late") };
    let carry = Box::new(resting(&key));
    let thread = world.begin(key.clone(), RunFrom::Carried { carry }, RunOptions::default()).await;
    thread.status().await;
    world.stop_worker().await;

    let workflow =
        || -> WorkflowHandle<_, AgentWorkflow> { world.client.get_workflow_handle(workflow_id(&key)) };
    let (asked, said) = (workflow(), Op::UserInput { items: vec![Content::text("call read_a")] });
    let op = tokio::spawn(async move {
        let submission = Submission::new(OpId::new("op-1"), "test", said);
        asked
            .execute_update(AgentWorkflow::submit_op, submission, WorkflowExecuteUpdateOptions::default())
            .await
    });
    tokio::time::sleep(ON_ITS_WAY).await;
    let departures: Vec<_> = (0..3)
        .map(|_| {
            let asked = workflow();
            tokio::spawn(async move {
                let departure = Departure { input_seq: 1, to: "elsewhere".into() };
                asked
                    .execute_update(AgentWorkflow::depart, departure, WorkflowExecuteUpdateOptions::default())
                    .await
            })
        })
        .collect();
    tokio::time::sleep(ON_ITS_WAY).await;
    world.start_worker().await;

    assert!(matches!(op.await.unwrap().unwrap(), Reply::Accepted(_)));
    for departure in departures {
        assert_eq!(departure.await.unwrap().unwrap(), DepartureReply::NotAtRest, "the op came first");
    }
    thread.until_turn_ends_somehow(1).await;
    replayed(&runs(&world, &thread).await).await;
    world.stop_worker().await;
}
