//! Ops that only look something up: answered beside the thread.

use super::{backend, elsewhere, options, refused, start, submit};
use crate::world::World;
use agent_core::{Asked, Library, Listing, Op, Query, Refusal};
use async_trait::async_trait;
use std::sync::{Arc, Mutex};
use temporal_backend::{BackendOptions, SubmitOutcome, TemporalBackend, wire::RunOptions};
use temporalio_client::WorkflowDescribeOptions;

#[derive(Default)]
struct Shelf(Mutex<Vec<Query>>);

#[async_trait]
impl Library for Shelf {
    async fn answer(&self, asked: Asked) -> Result<Listing, Refusal> {
        self.0.lock().unwrap().push(asked.query);
        Ok(Listing::Remembered { log_id: 7, entries: 1 })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_is_answered_by_the_library_and_leaves_no_trace_in_the_history() {
    let mut world = World::new().await;
    let shelf = Arc::new(Shelf::default());
    let options = BackendOptions { library: Some(shelf.clone()), ..options(&world, RunOptions::default()) };
    let backend = TemporalBackend::new(world.client.clone(), options);
    let session = start(&backend).await;
    submit(&session, "op-1", super::say("hello")).await.unwrap();
    let workflow = world.client.get_workflow_handle::<temporal_backend::AgentWorkflow>(
        temporal_backend::wire::workflow_id(agent_core::AgentSession::key(&session)),
    );
    let length =
        async || workflow.describe(WorkflowDescribeOptions::default()).await.unwrap().history_length();
    let mut reader = super::Reader::of(&session, agent_core::Cursor::default());
    reader.until_turn_ends(1).await;
    let before = length().await;
    let add = || Op::AddToHistory { text: "say sk-very-secret".into() };
    let accepted = submit(&session, "op-2", add()).await.unwrap();
    assert_eq!(accepted.listing.as_deref(), Some(&Listing::Remembered { log_id: 7, entries: 1 }));
    let queued = session.submit_or_queue(super::named("op-3", add())).await.unwrap();
    assert!(matches!(queued, SubmitOutcome::Accepted(accepted) if accepted.listing.is_some()));
    assert_eq!(length().await, before);
    let texts: Vec<Query> = shelf.0.lock().unwrap().clone();
    let Query::AddToHistory { text } = &texts[0] else { panic!("{texts:?}") };
    assert!(!text.contains("sk-very-secret"), "{text}");
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_library_a_query_is_refused_and_needs_no_worker() {
    let mut world = World::new().await;
    let session = start(&backend(&world, RunOptions::default())).await;
    world.stop_worker().await;
    let refusal = refused(submit(&session, "op-1", Op::ListSkills).await);
    assert!(matches!(refusal, Refusal::Unavailable { .. }), "{refusal}");
    let session =
        elsewhere(&world, RunOptions::default()).attach(agent_core::AgentSession::key(&session)).await;
    let refusal = refused(submit(&session.unwrap(), "op-2", Op::ListModels).await);
    assert!(refusal.to_string().contains("looks nothing up"), "{refusal}");
}
