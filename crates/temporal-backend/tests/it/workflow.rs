//! A thread in a workflow, seen through its handlers.

use crate::world::World;
use agent_core::{EventKind, TurnEnd};
use std::time::Instant;
use temporal_backend::{Reply, wire::RunOptions};
use temporalio_client::WorkflowDescribeOptions;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_with_tools_runs_to_its_end() {
    let world = World::new().await;
    let thread = world.start(RunOptions::default()).await;
    let begun = Instant::now();
    let calls = "call write read write write write write write write write write";
    assert!(matches!(thread.say("op-1", calls).await, Reply::Accepted(_)));
    let events = thread.until_turn_ends(1).await;
    let took = begun.elapsed();
    let seqs: Vec<u64> = events.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (1..=events.len() as u64).collect::<Vec<_>>());
    let end = events.iter().find(|event| event.kind.is_terminal()).unwrap();
    assert!(
        matches!(&end.kind, EventKind::TurnCompleted { end: TurnEnd::Final { message }, .. } if message.as_deref() == Some("done")),
        "{end:?}"
    );
    let described = thread.workflow.describe(WorkflowDescribeOptions::default()).await.unwrap();
    eprintln!("took {took:?}, {} history events", described.history_length());
}
