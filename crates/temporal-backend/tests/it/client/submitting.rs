//! How ops get in, and what becomes of those that do not.

use super::{Reader, backend, named, refused, runs_of, say, start, submit};
use crate::world::World;
use agent_core::{
    AgentSession, Content, Cursor, EventKind, Item, ItemDetail, ModelItem, Op, Refusal, SessionError,
    TurnOverrides, Update,
    testing::{FakeModel, FakeTools, response},
};
use std::sync::Arc;
use temporal_backend::{
    AgentWorkflow, TemporalError, TemporalSession,
    wire::{MAX_OP_BYTES, RunOptions, workflow_id},
};
use temporalio_client::{WorkflowDescribeOptions, WorkflowFetchHistoryOptions, WorkflowHandle};

fn workflow(
    world: &World,
    session: &TemporalSession,
) -> WorkflowHandle<temporalio_client::Client, AgentWorkflow> {
    world.client.get_workflow_handle(workflow_id(session.key()))
}

async fn history_length(world: &World, session: &TemporalSession) -> usize {
    workflow(world, session).describe(WorkflowDescribeOptions::default()).await.unwrap().history_length()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_op_is_answered_and_counts_once() {
    let mut world = World::new().await;
    let session = start(&backend(&world, RunOptions::default())).await;
    let first = submit(&session, "op-1", say("hello")).await.unwrap();
    assert!(!first.repeated);
    let mut reader = Reader::of(&session, Cursor::default());
    reader.until_turn_ends(1).await;
    // Of the same run the server remembers the answer itself.
    assert_eq!(submit(&session, "op-1", say("hello")).await.unwrap(), first);
    let summary = backend(&world, RunOptions::default()).get(session.key()).await.unwrap();
    assert_eq!(summary.turns, 1);
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_op_that_was_applied_in_an_earlier_run_is_known_to_be_repeated() {
    let mut world = World::new().await;
    let session = start(&backend(&world, runs_of(2))).await;
    let mut reader = Reader::of(&session, Cursor::default());
    for id in ["op-1", "op-2", "op-3"] {
        assert!(!submit(&session, id, Op::SetThreadName { name: id.into() }).await.unwrap().repeated);
    }
    reader.until(|update| matches!(update, Update::Event(event) if event.kind == named_so("op-3"))).await;
    assert!(submit(&session, "op-1", Op::SetThreadName { name: "op-1".into() }).await.unwrap().repeated);
    world.stop_worker().await;
}

fn named_so(name: &str) -> EventKind {
    EventKind::ThreadNamed { name: name.into() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_op_leaves_no_trace_in_the_history() {
    let mut world = World::new().await;
    let session = start(&backend(&world, RunOptions::default())).await;
    submit(&session, "op-1", say("hello")).await.unwrap();
    Reader::of(&session, Cursor::default()).until_turn_ends(1).await;
    let before = history_length(&world, &session).await;
    assert_eq!(refused(submit(&session, "op-2", Op::Interrupt).await), Refusal::NoTurn);
    let schema = serde_json::json!({ "description": "x".repeat(MAX_OP_BYTES) });
    let large = Op::UserTurn {
        items: vec![Content::text("hello")],
        overrides: TurnOverrides::default(),
        output_schema: Some(schema),
    };
    let Refusal::Malformed { why } = refused(submit(&session, "op-3", large).await) else { panic!() };
    assert!(why.contains("262144 are allowed"), "{why}");
    assert_eq!(history_length(&world, &session).await, before);
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_and_large_content_stay_out_of_the_history() {
    let model = FakeModel::new(|_| response([ModelItem::Message { text: "I see".into() }]));
    let mut world = World::with(Arc::new(model), Arc::new(FakeTools::default())).await;
    let backend = backend(&world, RunOptions::default());
    let session = start(&backend).await;
    let text = format!("the key is sk-very-secret; {}", "many words ".repeat(40_000));
    submit(&session, "op-1", say(&text)).await.unwrap();
    let mut reader = Reader::of(&session, Cursor::default());
    reader.until_turn_ends(1).await;
    let said = reader.events().into_iter().find_map(|event| match event.kind {
        EventKind::ItemCompleted { item } => match item.detail {
            ItemDetail::UserMessage { content } => Some(content),
            _ => None,
        },
        _ => None,
    });
    let Some([Content::Blob { blob }]) = said.as_deref() else { panic!("{said:?}") };
    let kept = world.services.blobs.read(&blob.id).unwrap().unwrap();
    assert_eq!(String::from_utf8(kept).unwrap(), text.replace("sk-very-secret", "[redacted]"));
    let events = workflow(&world, &session).fetch_history(WorkflowFetchHistoryOptions::default());
    let raw: Vec<u8> =
        events.into_events().await.unwrap().iter().flat_map(prost::Message::encode_to_vec).collect();
    assert!(raw.len() < 40_000, "{} bytes", raw.len());
    let has = |text: &str| raw.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(has("op-1") && !has("sk-very-secret"));
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_op_for_a_thread_that_is_shut_down_or_unknown_is_told_so() {
    let mut world = World::new().await;
    let backend = backend(&world, RunOptions::default());
    let session = start(&backend).await;
    submit(&session, "op-1", Op::Shutdown { now: false }).await.unwrap();
    assert_eq!(refused(submit(&session, "op-2", say("hello")).await), Refusal::Closed);
    assert_eq!(refused(session.submit_or_queue(named("op-3", say("hello"))).await), Refusal::Closed);
    backend.delete(session.key()).await.unwrap();
    let error = submit(&session, "op-4", say("hello")).await.unwrap_err();
    assert!(matches!(error, SessionError::UnknownThread { .. }), "{error:?}");
    let error = backend.attach(session.key()).await.unwrap_err();
    assert!(matches!(error, TemporalError::UnknownThread { .. }), "{error:?}");
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_begins_with_more_than_fits_and_not_with_too_much() {
    let mut world = World::new().await;
    let backend = backend(&world, RunOptions::default());
    let item = |text: String| agent_core::Shared::new(Item::User { content: vec![Content::text(text)] });
    let items = (0..40).map(|number| item(format!("{number} {}", "long ".repeat(10_000)))).collect();
    let genesis = agent_core::Genesis { items, ..crate::world::genesis() };
    let session = backend.start(agent_core::Tenant::default(), genesis).await.unwrap();
    submit(&session, "op-1", say("hello")).await.unwrap();
    let end = Reader::of(&session, Cursor::default()).until_turn_ends(1).await;
    assert_eq!(super::final_message(&end), Some("you said: hello"));

    let instructions = agent_core::Shared::new("x".repeat(2_000_000));
    let genesis = agent_core::Genesis { instructions, ..crate::world::genesis() };
    let error = backend.start(agent_core::Tenant::default(), genesis).await.unwrap_err();
    assert!(matches!(error, TemporalError::TooLarge { .. }), "{error}");
    world.stop_worker().await;
}
