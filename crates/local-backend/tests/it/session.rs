//! Sessions: turns, cursors, live pieces, shutdown, dropping, resuming.

use crate::world::{Events, World, op, said, say, soon, stored, submit, turn};
use agent_core::{
    AgentSession, ApprovalDecision, Cursor, Event, EventKind, Exit, InteractionId, LiveKind, ModelError,
    ModelEvent, ModelItem, ModelRequest, ModelStreamer, Op, Refusal, SessionError, Tenant, ThreadStatus,
    Update,
    testing::{FakeTools, RecordingSink, response},
};
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use local_backend::{Durability, LocalBackend, LocalError, LocalSession, Services};
use std::sync::Arc;
use tokio::sync::Semaphore;

#[tokio::test]
async fn a_turn_runs_and_every_reader_gets_the_same_events() {
    let world = World::new().await;
    let session = world.start().await;
    let mut early = Events::of(&session, 0);
    let mut outside = Events::of(&world.backend.attach(session.key()).await.unwrap(), 0);
    let end = turn(&session, "op-1", "call read write read").await;
    assert_eq!(said(&end), "done");
    early.turn_end().await;
    outside.turn_end().await;
    let all = stored(&session).await;
    assert_eq!(
        all.iter().map(|event| event.seq).collect::<Vec<_>>(),
        (1..=all.len() as u64).collect::<Vec<_>>()
    );
    assert_eq!(early.read, all);
    assert_eq!(outside.read, all);
    for after in 0..=all.len() {
        let mut late = Events::of(&session, after as u64);
        if after < all.len() {
            late.turn_end().await;
        }
        assert_eq!(late.read, all[after..]);
        assert_eq!(session.reader().events(after as u64, usize::MAX).await.unwrap(), all[after..]);
    }
}

#[tokio::test]
async fn a_thread_says_how_durable_it_is() {
    let world = World::new().await;
    let session = world.start().await;
    let EventKind::ThreadStarted { durability, .. } = &stored(&session).await[0].kind else { panic!() };
    assert_eq!(durability, Durability::Process.statement());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_come_and_go_at_any_time_miss_nothing_and_get_nothing_twice() {
    let world = World::new().await;
    let session = world.start().await;
    let readers: Vec<_> = (0..8)
        .map(|n| {
            let session = session.clone();
            tokio::spawn(async move {
                let mut read: Vec<Event> = Vec::new();
                loop {
                    let after = read.last().map_or(0, |event| event.seq);
                    let mut events = Events::of(&session, after);
                    for _ in 0..=(n * 3 + read.len() % 5) {
                        match events.next().await {
                            Some(Ok(event)) => read.push(event),
                            Some(Err(error)) => panic!("{error}"),
                            None => return read,
                        }
                    }
                }
            })
        })
        .collect();
    for n in 0..30 {
        turn(&session, &format!("op-{n}"), "call read read").await;
    }
    submit(&session, op("op-end", Op::Shutdown { now: false })).await.unwrap();
    assert_eq!(soon(session.wait()).await.unwrap(), Exit::Shutdown);
    let all = stored(&session).await;
    for reader in readers {
        assert_eq!(soon(reader).await.unwrap(), all);
    }
}

/// Says a message in two pieces, and ends it when it is let.
struct Babble(Arc<Semaphore>);

impl ModelStreamer for Babble {
    fn stream<'a>(&'a self, _: ModelRequest) -> BoxStream<'a, Result<ModelEvent, ModelError>> {
        let delta = |text: &str| Ok(ModelEvent::Delta { index: 0, kind: LiveKind::Message(text.into()) });
        let item = response([ModelItem::Message { text: "hello".into() }]);
        let pieces = stream::iter([delta("hel"), delta("lo")]);
        let gate = stream::once(async { self.0.acquire().await.unwrap().forget() });
        pieces.chain(gate.map(move |()| stream::iter(item.clone())).flatten()).boxed()
    }
}

async fn babbling(world: &World) -> (LocalSession, Arc<RecordingSink>, Arc<Semaphore>) {
    let (sink, gate) = (Arc::new(RecordingSink::default()), Arc::new(Semaphore::new(0)));
    let services = Services {
        model: Arc::new(Babble(Arc::clone(&gate))),
        tools: Arc::new(FakeTools::default()),
        redactor: agent_core::Redactor::default(),
        workspace: Arc::new(()),
        library: None,
        sink: Some(sink.clone()),
    };
    let backend = LocalBackend::new(world.database().clone(), services);
    (backend.start(Tenant::default(), crate::world::genesis()).await.unwrap(), sink, gate)
}

/// Pieces by their text and completed items as `item`, up to the turn's end; the gate opens after the second piece.
async fn told(session: &LocalSession, gate: &Semaphore) -> Vec<String> {
    let mut updates = session.updates(Cursor::default());
    let mut told: Vec<String> = Vec::new();
    loop {
        match soon(updates.next()).await.unwrap().unwrap() {
            Update::Live(live) => match live.kind {
                LiveKind::Message(text) => told.push(text),
                other => panic!("{other:?}"),
            },
            Update::Event(event) if event.kind.is_terminal() => return told,
            Update::Event(event) => {
                if let EventKind::ItemCompleted { .. } = event.kind {
                    told.push("item".into());
                }
            }
            other => panic!("{other:?}"),
        }
        if told.last().is_some_and(|last| last == "lo") {
            gate.add_permits(1);
        }
    }
}

#[tokio::test]
async fn live_pieces_come_before_their_item() {
    let world = World::new().await;
    let (session, sink, gate) = babbling(&world).await;
    let reading = told(&session, &gate);
    let submitting = submit(&session, say("op-1", "hi"));
    let (told, submitted) = futures::future::join(reading, submitting).await;
    submitted.unwrap();
    assert_eq!(told, ["item", "hel", "lo", "item"]);
    assert_eq!(sink.events(), stored(&session).await);
    assert_eq!(sink.live_pieces().len(), 2);
}

#[tokio::test]
async fn a_reader_that_is_behind_gets_no_pieces_of_items_it_has_read() {
    let world = World::new().await;
    let (session, _, gate) = babbling(&world).await;
    let late = told(&session, &gate);
    gate.add_permits(1);
    let mut quick = Events::of(&session, 0);
    submit(&session, say("op-1", "hi")).await.unwrap();
    quick.turn_end().await;
    assert_eq!(late.await, ["item", "item"]);
}

#[tokio::test]
async fn shutdown_ends_everything_and_the_thread_can_be_resumed() {
    let world = World::new().await;
    let session = world.start().await;
    let mut events = Events::of(&session, 0);
    submit(&session, op("op-1", Op::Shutdown { now: false })).await.unwrap();
    assert_eq!(soon(session.wait()).await.unwrap(), Exit::Shutdown);
    while let Some(event) = events.next().await {
        event.unwrap();
    }
    assert_eq!(events.read.last().unwrap().kind, EventKind::ShutdownComplete);
    let closed = submit(&session, say("op-2", "hello?")).await.unwrap_err();
    assert!(matches!(closed, SessionError::Refused(Refusal::Closed)), "{closed}");
    assert_eq!(world.database().get(session.key()).await.unwrap().status, ThreadStatus::Closed);

    let session = world.backend.resume(session.key()).await.unwrap();
    assert_eq!(said(&turn(&session, "op-3", "hello").await), "you said: hello");
}

#[tokio::test]
async fn closing_cuts_a_turn_off_and_resuming_goes_on_with_it() {
    let world = World::new().await;
    let session = world.start().await;
    let mut events = Events::of(&session, 0);
    submit(&session, say("op-1", "call hang read")).await.unwrap();
    events.until(|kind| matches!(kind, EventKind::ItemStarted { .. })).await;
    // The event comes before the start.
    while world.tools.runs().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(soon(session.close()).await.unwrap(), Exit::Detached);
    assert_eq!(world.database().server(session.key()).unwrap(), None);
    assert_eq!(world.database().get(session.key()).await.unwrap().status, ThreadStatus::Running);
    while let Some(event) = events.next().await {
        event.unwrap();
    }
    assert!(!events.read.iter().any(|event| event.kind.is_terminal()));

    let session = world.backend.resume(session.key()).await.unwrap();
    assert_eq!(said(&Events::of(&session, 0).turn_end().await), "done");
    // `hang` mutates: it ran once and is not run again.
    assert_eq!(world.tools.runs().values().copied().collect::<Vec<_>>(), [1, 1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_the_last_session_stops_the_driver_and_gives_the_lease_back() {
    let world = World::new().await;
    let session = world.start().await;
    let key = session.key().clone();
    let clone = session.clone();
    drop(session);
    assert_eq!(said(&turn(&clone, "op-1", "still there").await), "you said: still there");
    let mut events = Events::of(&clone, 0);
    submit(&clone, say("op-2", "call hang")).await.unwrap();
    events.until(|kind| matches!(kind, EventKind::ItemStarted { .. })).await;
    let pending = tokio::spawn({
        let world_session = clone.updates(Cursor::after(1000));
        async move { world_session.count().await }
    });
    drop(clone);
    let error = loop {
        match events.next().await.expect("the updates end with an error") {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("not served here any more"), "{error}");
    assert_eq!(soon(pending).await.unwrap(), 1);
    assert_eq!(
        world.database().server(&key).unwrap(),
        None,
        "the lease is back before anybody hears of the end"
    );
    drop(world.backend.resume(&key).await.unwrap());
}

#[tokio::test]
async fn a_writer_that_was_fenced_ends_and_tells_its_clients() {
    let world = World::new().await;
    let session = world.start().await;
    crate::storage::lose_locks(world.home.path());
    let other = crate::world::backend(world.home.path(), Arc::new(FakeTools::default())).await;
    let other = other.resume(session.key()).await.unwrap();
    let mut events = Events::of(&session, 1);
    // Both read the queue; whichever is first, only the new writer can answer.
    let late = soon(session.submit(say("op-1", "late"))).await;
    let told = match late {
        Ok(accepted) => panic!("the fenced writer accepted: {accepted:?}"),
        Err(error) => error.to_string(),
    };
    let ended = soon(session.wait()).await;
    if let Err(LocalError::Driver(error)) = &ended {
        assert!(told.contains("taken over"), "{told}");
        assert!(error.to_string().contains("taken over"));
    }
    assert_eq!(said(&Events::of(&other, 0).turn_end().await), "you said: late");
    while let Some(Ok(_)) = events.next().await {}
    let all = stored(&other).await;
    assert_eq!(all.iter().filter(|event| event.kind == EventKind::TurnStarted).count(), 1);
}

#[tokio::test]
async fn an_approval_survives_a_restart_and_is_answered_from_outside() {
    let world = World::new().await;
    let session = world.start().await;
    let mut events = Events::of(&session, 0);
    submit(&session, say("op-1", "call ask")).await.unwrap();
    let asked = events.until(|kind| matches!(kind, EventKind::ExecApprovalRequest(_))).await;
    let EventKind::ExecApprovalRequest(request) = &asked.kind else { unreachable!() };
    assert_eq!(world.database().get(session.key()).await.unwrap().status, ThreadStatus::Waiting);
    let pending = world.database().pending(&Tenant::default()).await.unwrap();
    assert_eq!(pending.len(), 1);
    assert_eq!(
        (&pending[0].id, &pending[0].question, pending[0].title.as_deref()),
        (&request.id, &asked, Some("call ask"))
    );
    session.close().await.unwrap();

    assert_eq!(world.database().pending(&Tenant::default()).await.unwrap(), pending);
    assert_eq!(world.database().pending(&Tenant::new("other")).await.unwrap(), []);
    let session = world.backend.resume(session.key()).await.unwrap();
    assert_eq!(world.database().get(session.key()).await.unwrap().status, ThreadStatus::Waiting);
    let outside = world.backend.attach(session.key()).await.unwrap();
    let wrong = Op::ExecApproval { id: InteractionId::new("other"), decision: ApprovalDecision::Approved };
    let refused = submit(&outside, op("op-2", wrong)).await.unwrap_err();
    assert!(matches!(refused, SessionError::Refused(Refusal::UnknownInteraction { .. })), "{refused}");
    let answer = Op::ExecApproval { id: request.id.clone(), decision: ApprovalDecision::Approved };
    submit(&outside, op("op-3", answer.clone())).await.unwrap();
    assert_eq!(said(&Events::of(&session, asked.seq).turn_end().await), "done");
    assert_eq!(world.database().pending(&Tenant::default()).await.unwrap(), []);
    assert_eq!(world.database().get(session.key()).await.unwrap().status, ThreadStatus::Resting);
    let refused = submit(&outside, op("op-4", answer)).await.unwrap_err();
    assert!(matches!(refused, SessionError::Refused(Refusal::UnknownInteraction { .. })), "{refused}");
}

#[tokio::test]
async fn large_content_becomes_a_blob_and_comes_back() {
    let world = World::new().await;
    let session = world.start().await;
    let large = "large ".repeat(20_000);
    let id = session.put_blob(large.as_bytes()).await.unwrap();
    let blobs = world.database().blobs(&Tenant::default());
    let bytes = agent_core::BlobSource::blob(&blobs, &id).await.unwrap().unwrap();
    assert_eq!(bytes, large.as_bytes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_threads_run_at_once_in_one_process() {
    let world = World::new().await;
    let sessions = futures::future::join_all((0..20).map(|_| world.start())).await;
    let turns = sessions.iter().map(|session| turn(session, "op-1", "call read write read write"));
    for end in soon(futures::future::join_all(turns)).await {
        assert_eq!(said(&end), "done");
    }
}
