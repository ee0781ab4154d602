//! Real threads: with the codec nothing of them can be read on the server, and without it everything but credentials.

use super::{
    Keys,
    history::{SECRET, leaks, leaks_of, raw},
    vault::client,
};
use crate::world::{PATIENCE, QUEUE, World, genesis, obey};
use agent_core::{
    AgentSession, Content, Cursor, Event, ModelError, ModelErrorKind, ModelEvent, ModelItem, ModelRequest,
    Op, OpId, Payload, Submission, Tenant, Update,
    testing::{FakeModel, FakeTools, response},
};
use futures::StreamExt;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use temporal_backend::{
    BackendOptions, TemporalBackend, TemporalSession,
    wire::{RunOptions, workflow_id},
};

/// What the redactor of the tests knows.
const CREDENTIAL: &str = "sk-very-secret";

async fn start(world: &World) -> TemporalSession {
    let options = BackendOptions {
        bus: Arc::clone(&world.services.bus),
        blobs: world.services.blobs.clone(),
        redactor: world.services.redactor.clone(),
        queue: QUEUE.into(),
        run: RunOptions::default(),
        durability: "a server of a test".into(),
        library: None,
    };
    TemporalBackend::new(world.client.clone(), options).start(Tenant::default(), genesis()).await.unwrap()
}

/// Says something, and reads until the turn ends.
async fn turn(session: &TemporalSession, number: u32, text: &str) -> Vec<Event> {
    let op = Op::UserInput { items: vec![Content::text(text)] };
    session.submit(Submission::new(OpId::new(format!("op-{number}")), "test", op)).await.unwrap();
    let mut updates = session.updates(Cursor::default());
    let mut events = Vec::new();
    let read = async {
        while let Some(update) = updates.next().await {
            let Update::Event(event) = update.unwrap() else { continue };
            let is_last = event.kind.is_terminal() && event.turn.is_some_and(|turn| turn.0 == number);
            events.push(event);
            if is_last {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, read).await.unwrap();
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_works_as_ever_and_the_server_has_nothing_of_it_that_can_be_read() {
    let mut world = World::new().await;
    world.stop_worker().await;
    world.client = client(world.server.address(), Some(Keys::new().codec())).await;
    world.start_worker().await;
    let session = start(&world).await;
    turn(&session, 1, &format!("call {SECRET}")).await;
    let events = turn(&session, 2, &format!("say {SECRET}")).await;
    assert!(format!("{events:?}").matches(SECRET).count() > 6, "{events:#?}");
    let raw = raw(&world.client, &workflow_id(session.key())).await;
    assert_eq!(leaks(&raw), 0, "{raw}");
    world.stop_worker().await;
}

/// A model that knows the credential and puts it wherever it can.
fn leak(turns: &AtomicUsize, request: &ModelRequest) -> Vec<Result<ModelEvent, ModelError>> {
    match turns.fetch_add(1, Ordering::SeqCst) {
        0 => response([ModelItem::Call {
            name: "echo".into(),
            payload: Payload::Function { arguments: format!("{{\"key\":\"{CREDENTIAL}\"}}") },
        }]),
        1 => response([ModelItem::Message { text: format!("it is {CREDENTIAL}") }]),
        2 => vec![Err(ModelError::new(ModelErrorKind::InvalidRequest, format!("bad key {CREDENTIAL}")))],
        _ => obey(request),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_comes_to_no_history_memo_or_failure_also_without_the_codec() {
    let turns = AtomicUsize::new(0);
    let model = FakeModel::new(move |request| leak(&turns, request));
    let mut world = World::with(Arc::new(model), Arc::new(FakeTools::default())).await;
    let session = start(&world).await;
    turn(&session, 1, &format!("my key is {CREDENTIAL}; and {SECRET}")).await;
    let events = turn(&session, 2, &format!("again: {CREDENTIAL}")).await;
    let shown = format!("{events:?}");
    assert!(shown.contains("it is ") && shown.contains("bad key "), "the model was not heard: {shown}");
    assert!(!shown.contains(CREDENTIAL), "{shown}");
    let raw = raw(&world.client, &workflow_id(session.key())).await;
    assert!(leaks(&raw) > 0, "the search finds nothing: {raw}");
    assert_eq!(leaks_of(&raw, CREDENTIAL), 0, "{raw}");
    world.stop_worker().await;
}
