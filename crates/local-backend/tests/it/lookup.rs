//! Ops that only look something up.

use crate::world::{World, op, stored, submit, turn};
use agent_core::{Asked, HistoryEntry, Listing, MockLibrary, Op, Query, Refusal, SessionError, Tenant};
use local_backend::{LocalBackend, Services};
use std::sync::Arc;

fn entry() -> Listing {
    let entry = HistoryEntry { thread: "t".into(), at_ms: 1, text: "hello".into() };
    Listing::HistoryEntry { log_id: 1, offset: 2, entry: Some(entry) }
}

#[tokio::test]
async fn they_are_answered_at_once_and_leave_no_trace() {
    let world = World::new().await;
    let mut library = MockLibrary::new();
    library.expect_answer().returning(|Asked { query, .. }| match query {
        Query::HistoryEntry { log_id: 1, offset: 2 } => Ok(entry()),
        Query::AddToHistory { text } => {
            assert!(!text.contains("sk-very-secret"), "secrets are taken out before anything is kept");
            Ok(Listing::Remembered { log_id: 1, entries: 3 })
        }
        other => Err(Refusal::Unavailable { why: format!("no {other:?} here") }),
    });
    let services = Services {
        model: Arc::new(agent_core::testing::FakeModel::new(|_| Vec::new())),
        tools: world.tools.clone(),
        workspace: Arc::new(()),
        library: Some(Arc::new(library)),
        redactor: agent_core::Redactor::new(["sk-very-secret".to_owned()]),
        sink: None,
    };
    let backend = LocalBackend::new(world.database().clone(), services);
    let session = backend.start(Tenant::default(), crate::world::genesis()).await.unwrap();
    let before = stored(&session).await;
    let asked = op("op-1", Op::GetHistoryEntry { log_id: 1, offset: 2 });
    let accepted = submit(&session, asked.clone()).await.unwrap();
    assert_eq!(accepted.listing.as_deref(), Some(&entry()));
    assert_eq!((accepted.event_seq, accepted.turn), (before.len() as u64, None));
    let outside = backend.attach(session.reader().key()).await.unwrap();
    assert_eq!(submit(&outside, asked).await.unwrap().listing.as_deref(), Some(&entry()));
    submit(&session, op("op-2", Op::AddToHistory { text: "it is sk-very-secret".into() })).await.unwrap();
    match submit(&session, op("op-3", Op::ListSkills)).await {
        Err(SessionError::Refused(Refusal::Unavailable { why })) => assert_eq!(why, "no Skills here"),
        other => panic!("{other:?}"),
    }
    assert_eq!(stored(&session).await, before);
    assert_eq!(session.reader().commits().await.unwrap().len(), 1);
}

#[tokio::test]
async fn without_a_library_they_are_refused() {
    let world = World::new().await;
    let session = world.start().await;
    turn(&session, "op-1", "hello").await;
    match submit(&session, op("op-2", Op::ListModels)).await {
        Err(SessionError::Refused(Refusal::Unavailable { why })) => {
            assert!(why.contains("looks nothing up"), "{why}")
        }
        other => panic!("{other:?}"),
    }
}
