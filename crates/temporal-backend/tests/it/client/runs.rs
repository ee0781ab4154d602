//! Threads that go from run to run while they are used.

use super::{Reader, assert_numbered, backend, elsewhere, final_message, runs_of, say, soon, start, submit};
use crate::world::World;
use agent_core::{AgentSession, ApprovalDecision, Cursor, EventKind, Op, Update, question};
use std::{collections::BTreeMap, sync::Arc};
use temporal_backend::{TemporalBackend, TemporalSession};

const OPS: u32 = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_ops_through_many_runs_are_neither_lost_nor_doubled() {
    let mut world = World::new().await;
    let backend = backend(&world, runs_of(5));
    let session = start(&backend).await;
    let mut early = Reader::of(&session, Cursor::default());
    let mut unwoken =
        Reader::of(&elsewhere(&world, runs_of(5)).attach(session.key()).await.unwrap(), Cursor::default());
    let submitters = (0..4).map(|first| {
        let session = session.clone();
        tokio::spawn(async move {
            for number in (first..OPS).step_by(4) {
                let name = Op::SetThreadName { name: format!("name {number}") };
                let accepted = submit(&session, &format!("op-{number}"), name).await.unwrap();
                assert!(!accepted.repeated, "op-{number}");
            }
        })
    });
    for submitter in submitters.collect::<Vec<_>>() {
        submitter.await.unwrap();
    }
    for reader in [&mut early, &mut unwoken] {
        reader.until(|update| matches!(update, Update::Event(event) if event.seq > u64::from(OPS))).await;
        assert_numbered(&reader.events(), 1);
        let mut times: BTreeMap<String, u32> = BTreeMap::new();
        for event in reader.events() {
            if let EventKind::ThreadNamed { name } = event.kind {
                *times.entry(name).or_default() += 1;
            }
        }
        assert!(times.len() == OPS as usize && times.values().all(|times| *times == 1), "{times:?}");
    }
    assert_eq!(early.events(), unwoken.events());
    let mut late = Reader::of(&session, Cursor::default());
    late.until(|update| matches!(update, Update::Event(event) if event.seq > u64::from(OPS))).await;
    assert_eq!(late.events(), early.events());
    let summary = backend.get(session.key()).await.unwrap();
    assert!(summary.generation > 30, "{} runs", summary.generation);
    world.stop_worker().await;
}

/// Answers every question with yes, by whichever session; the end of the turn.
async fn approve_all(reader: &mut Reader, session: &TemporalSession, turn: u32) -> agent_core::Event {
    loop {
        let update = reader
            .until(|update| {
                super::ends(update, turn)
                    || matches!(update, Update::Event(event) if question(event).is_some())
            })
            .await;
        let Update::Event(event) = update else { unreachable!() };
        let Some(id) = question(&event) else { return event };
        let approve = Op::ExecApproval { id: id.clone(), decision: ApprovalDecision::Approved };
        submit(session, &format!("approve-{id}"), approve).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn approvals_are_answered_across_runs() {
    let mut world = World::new().await;
    let session = start(&backend(&world, runs_of(3))).await;
    let mut reader = Reader::of(&session, Cursor::default());
    submit(&session, "op-1", say("call write ask_write write ask_write")).await.unwrap();
    let end = approve_all(&mut reader, &session, 1).await;
    assert_eq!(final_message(&end), Some("done"));
    assert_numbered(&reader.events(), 1);
    world.stop_worker().await;
}

async fn shut_down(session: &TemporalSession) {
    submit(session, "shutdown", Op::Shutdown { now: false }).await.unwrap();
    let mut reader = Reader::of(session, Cursor::default());
    while let Some(update) = soon("the end", reader.next()).await {
        update.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_that_was_shut_down_goes_on_where_it_was() {
    let mut world = World::new().await;
    let backend = backend(&world, runs_of(7));
    let session = start(&backend).await;
    submit(&session, "op-1", say("hello")).await.unwrap();
    shut_down(&session).await;
    assert!(!backend.is_served(session.key()).await.unwrap());
    let resumed = backend.resume(session.key()).await.unwrap();
    assert_eq!(resumed.first_settings().unwrap().model, "scripted");
    let mut reader = Reader::of(&resumed, Cursor::default());
    submit(&resumed, "op-2", say("again")).await.unwrap();
    let end = reader.until_turn_ends(2).await;
    assert_eq!(final_message(&end), Some("you said: again"));
    assert_numbered(&reader.events(), 1);
    // One that is open is left as it is.
    let another = backend.resume(session.key()).await.unwrap();
    submit(&another, "op-3", say("more")).await.unwrap();
    reader.until_turn_ends(3).await;
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_who_resume_a_thread_at_once_open_it_once() {
    let mut world = World::new().await;
    let one: Arc<TemporalBackend> = Arc::new(backend(&world, runs_of(50)));
    let session = start(&one).await;
    submit(&session, "op-1", say("hello")).await.unwrap();
    shut_down(&session).await;
    let other = elsewhere(&world, runs_of(50));
    let (first, second) = tokio::join!(one.resume(session.key()), other.resume(session.key()));
    let (first, second) = (first.unwrap(), second.unwrap());
    submit(&first, "op-2", say("from one")).await.unwrap();
    let mut reader = Reader::of(&second, Cursor::default());
    reader.until_turn_ends(2).await;
    submit(&second, "op-3", say("from the other")).await.unwrap();
    reader.until_turn_ends(3).await;
    assert_numbered(&reader.events(), 1);
    let resumed = reader.events().iter().filter(|event| event.kind == EventKind::Resumed).count();
    assert_eq!(resumed, 1);
    world.stop_worker().await;
}
