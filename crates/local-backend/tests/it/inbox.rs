//! Submissions: once each, in order, answered for good, bounded.

use crate::world::{Events, World, op, say, soon, submit, turn};
use agent_core::{AgentSession, EventKind, ItemDetail, Op, OpId, Refusal, SessionError, Submission, Tenant};
use local_backend::SubmitOutcome;

fn rename(id: &str, name: &str) -> Submission {
    op(id, Op::SetThreadName { name: name.into() })
}

#[tokio::test]
async fn an_op_that_comes_again_after_two_thousand_others_gets_its_first_answer() {
    let world = World::new().await;
    let session = world.start().await;
    let first = submit(&session, rename("op-0", "first")).await.unwrap();
    assert!(!first.repeated);
    for n in 1..=2000 {
        submit(&session, rename(&format!("op-{n}"), "other")).await.unwrap();
    }
    let again = submit(&session, rename("op-0", "first")).await.unwrap();
    assert_eq!((again.event_seq, again.repeated), (first.event_seq, true));
    assert_eq!(world.database().get(session.key()).await.unwrap().name.as_deref(), Some("other"));

    session.close().await.unwrap();
    let session = world.backend.resume(session.key()).await.unwrap();
    let again = submit(&session, rename("op-0", "first")).await.unwrap();
    assert_eq!((again.event_seq, again.repeated), (first.event_seq, true));
    let outside = world.backend.attach(session.key()).await.unwrap();
    let again = submit(&outside, rename("op-0", "first")).await.unwrap();
    assert_eq!((again.event_seq, again.repeated), (first.event_seq, true));
}

#[tokio::test]
async fn a_refusal_is_remembered_too() {
    let world = World::new().await;
    let session = world.start().await;
    for _ in 0..2 {
        let refused = submit(&session, op("op-1", Op::Interrupt)).await.unwrap_err();
        assert!(matches!(refused, SessionError::Refused(Refusal::NoTurn)), "{refused}");
    }
    let foreign = Submission { tenant: Tenant::new("other"), ..op("op-2", Op::Interrupt) };
    let refused = submit(&session, foreign).await.unwrap_err();
    assert!(matches!(refused, SessionError::Refused(Refusal::WrongTenant)), "{refused}");
}

#[tokio::test]
async fn the_same_op_submitted_by_many_at_once_is_applied_once() {
    let world = World::new().await;
    let session = world.start().await;
    let outside = world.backend.attach(session.key()).await.unwrap();
    let answers = soon(futures::future::join_all((0..20).map(|n| {
        let (session, outside) = (session.clone(), outside.clone());
        async move {
            match n % 4 {
                0 => outside.submit(rename("op-1", "once")).await,
                _ => session.submit(rename("op-1", "once")).await,
            }
        }
    })))
    .await;
    let seqs: Vec<u64> = answers.into_iter().map(|answer| answer.unwrap().event_seq).collect();
    assert_eq!(seqs, [2; 20]);
}

#[tokio::test]
async fn an_op_for_a_thread_that_nobody_serves_waits_for_the_next_resume() {
    let world = World::new().await;
    let session = world.start().await;
    let key = session.key().clone();
    session.close().await.unwrap();
    let outside = world.database().attach(&key).await.unwrap();
    let queued = soon(outside.submit_or_queue(say("op-1", "queued"))).await.unwrap();
    assert_eq!(queued, SubmitOutcome::Queued);
    let error = submit(&outside, say("op-1", "queued")).await.unwrap_err();
    assert!(error.retry() && error.to_string().contains("taken up when the thread is resumed"), "{error}");

    let session = world.backend.resume(&key).await.unwrap();
    let mut events = Events::of(&outside, 0);
    assert_eq!(crate::world::said(&events.turn_end().await), "you said: queued");
    let answered = soon(outside.submit_or_queue(say("op-1", "queued"))).await.unwrap();
    assert!(matches!(&answered, SubmitOutcome::Accepted(accepted) if accepted.repeated), "{answered:?}");
    drop(session);
}

#[tokio::test]
async fn ops_are_taken_in_the_order_they_came() {
    let world = World::new().await;
    let session = world.start().await;
    let key = session.key().clone();
    session.close().await.unwrap();
    let outside = world.database().attach(&key).await.unwrap();
    for n in 0..200 {
        soon(outside.submit_or_queue(rename(&format!("op-{n}"), &n.to_string()))).await.unwrap();
    }
    let session = world.backend.resume(&key).await.unwrap();
    submit(&session, rename("op-last", "last")).await.unwrap();
    let mut names = Vec::new();
    for event in crate::world::stored(&session).await {
        if let EventKind::ThreadNamed { name } = event.kind {
            names.push(name);
        }
    }
    let expected: Vec<String> = (0..200).map(|n| n.to_string()).chain(["last".to_owned()]).collect();
    assert_eq!(names, expected);
}

#[tokio::test]
async fn too_many_waiting_ops_and_too_large_ones_are_refused() {
    let world = World::new().await;
    let session = world.start().await;
    let key = session.key().clone();
    session.close().await.unwrap();
    let outside = world.database().attach(&key).await.unwrap();
    let mut refused = None;
    for n in 0..2000 {
        if let Err(error) = outside.submit_or_queue(rename(&format!("op-{n}"), "n")).await {
            refused = Some((n, error));
            break;
        }
    }
    let (n, error) = refused.unwrap();
    assert_eq!(n, 1024);
    assert!(matches!(error, SessionError::Refused(Refusal::Overloaded { limit: 1024, .. })), "{error}");
    let error = outside.submit_or_queue(say("op-large", &"x".repeat(9 << 20))).await.unwrap_err();
    assert!(matches!(error, SessionError::Refused(Refusal::Malformed { .. })), "{error}");
}

#[tokio::test]
async fn an_op_of_a_later_version_is_refused_by_name_and_the_rest_goes_on() {
    let world = World::new().await;
    let session = world.start().await;
    let later: Op = serde_json::from_str("{\"type\":\"teleport\",\"to\":7}").unwrap();
    let refused = submit(&session, op("op-1", later)).await.unwrap_err();
    assert!(matches!(&refused, SessionError::Refused(Refusal::NotServed { what }) if what == "teleport"));
    let mut raw = crate::damage::raw(world.home.path()).await;
    sqlx::query("INSERT INTO inbox (thread, op_id, body) VALUES (1, 'op-2', '{\"broken\":true}')")
        .execute(&mut raw)
        .await
        .unwrap();
    turn(&session, "op-3", "go on").await;
    let outside = world.backend.attach(session.key()).await.unwrap();
    let refused = submit(&outside, rename("op-2", "x")).await.unwrap_err();
    assert!(matches!(refused, SessionError::Refused(Refusal::Malformed { .. })), "{refused}");
}

#[tokio::test]
async fn secrets_reach_neither_the_queue_nor_the_journal() {
    let world = World::new().await;
    let session = world.start().await;
    turn(&session, "op-1", "my key is sk-very-secret, really").await;
    let outside = world.backend.attach(session.key()).await.unwrap();
    turn(&outside, "op-2", "my key is sk-very-secret, really").await;
    let said = crate::world::stored(&session).await.into_iter().filter_map(|event| match event.kind {
        EventKind::ItemCompleted { item } => match item.detail {
            ItemDetail::AgentMessage { text, .. } => Some(text),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(said.collect::<Vec<_>>(), ["you said: my key is [redacted], really"; 2]);
    session.close().await.unwrap();
    for file in ["everturn.db", "everturn.db-wal"] {
        let bytes = std::fs::read(world.home.path().join(file)).unwrap();
        assert!(!bytes.windows(14).any(|window| window == b"sk-very-secret"), "{file}");
    }
}

#[tokio::test]
async fn an_op_without_an_id_of_its_own_is_an_op_like_any_other() {
    let world = World::new().await;
    let session = world.start().await;
    let odd = Submission { op_id: OpId::new(""), ..rename("", "odd") };
    submit(&session, odd.clone()).await.unwrap();
    assert!(submit(&session, odd).await.unwrap().repeated);
}
