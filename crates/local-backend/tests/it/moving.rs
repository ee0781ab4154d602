//! Threads that go to another home and come back. Two data folders stand for the two homes.

use crate::{
    damage::raw,
    world::{World, said, say, stored, submit, turn},
};
use agent_core::{AgentSession, Commit, EventKind, Refusal, SessionError, Tenant, ThreadFilter, ThreadKey};
use local_backend::{Away, LocalBackend, LocalError, LocalSession, Mover};
use sqlx::Connection;

const THERE: &str = "another data folder";
const HERE: &str = "the first data folder";

/// A thread with one turn, at rest, served by nobody.
async fn thread(world: &World) -> ThreadKey {
    let session = world.start().await;
    turn(&session, "op-1", "call read").await;
    let key = session.key().clone();
    session.close().await.unwrap();
    key
}

async fn listed(backend: &LocalBackend) -> Vec<ThreadKey> {
    let all = backend.database().list(&ThreadFilter::of(Tenant::default())).await.unwrap();
    all.into_iter().map(|thread| thread.key).collect()
}

/// Moves a thread from one world to another, at once.
async fn move_over(key: &ThreadKey, from: &World, to: &World) {
    let mut leaving = Mover::of(from.database(), key).await.unwrap();
    let thread = leaving.thread().await.unwrap();
    let journal = leaving.reader().commits().await.unwrap();
    leaving.leave(&thread, THERE, "move-1", 7).await.unwrap();
    let mut coming = Mover::to_here(to.database(), key, HERE, 8).await.unwrap();
    coming.copy(&journal, HERE, 8).await.unwrap();
    coming.live(HERE, 9).await.unwrap();
    leaving.gone().await.unwrap();
}

async fn resumed(world: &World, key: &ThreadKey) -> LocalSession {
    world.backend.resume(key).await.unwrap()
}

#[tokio::test]
async fn a_thread_goes_there_and_back_and_its_past_with_it() {
    let (here, there) = (World::new().await, World::new().await);
    let key = thread(&here).await;
    let before = here.backend.attach(&key).await.unwrap().reader().events(0, usize::MAX).await.unwrap();
    move_over(&key, &here, &there).await;
    assert_eq!((listed(&here.backend).await, listed(&there.backend).await), (vec![], vec![key.clone()]));

    let session = resumed(&there, &key).await;
    assert_eq!(said(&turn(&session, "op-2", "hello").await), "you said: hello");
    let whole = stored(&session).await;
    assert_eq!(whole[..before.len()], before);
    let EventKind::Moved { from, to } = &whole[before.len()].kind else {
        panic!("{:?}", whole[before.len()])
    };
    assert_eq!((from.as_str(), to.as_str()), (HERE, "local: survives the death of any process"));
    assert!(whole.iter().map(|event| event.seq).eq(1..=whole.len() as u64), "numbers go on without gaps");
    // An op that was applied in the old home counts once.
    assert!(submit(&session, say("op-1", "call read")).await.unwrap().repeated);
    session.close().await.unwrap();

    move_over(&key, &there, &here).await;
    assert_eq!((listed(&here.backend).await, listed(&there.backend).await), (vec![key.clone()], vec![]));
    let session = resumed(&here, &key).await;
    assert_eq!(said(&turn(&session, "op-3", "back").await), "you said: back");
    let last = stored(&session).await;
    assert_eq!(last[..whole.len()], whole);
    assert_eq!(last.iter().filter(|event| matches!(event.kind, EventKind::Moved { .. })).count(), 2);
    let thread = here.database().get(&key).await.unwrap();
    assert_eq!((thread.turns, thread.title.as_deref()), (3, Some("call read")));
    assert_eq!(here.tools.runs().len() + there.tools.runs().len(), 1, "nothing runs again");
}

#[tokio::test]
async fn the_old_home_is_fenced_and_says_where_the_thread_is() {
    let (here, there) = (World::new().await, World::new().await);
    let key = thread(&here).await;
    let before = here.backend.attach(&key).await.unwrap();
    move_over(&key, &here, &there).await;
    let error = here.backend.resume(&key).await.unwrap_err();
    assert!(matches!(error, LocalError::MovedAway { .. }), "{error}");
    assert_eq!(
        error.to_string(),
        format!(
            "thread {} was moved to {THERE}, since 1970-01-01 00:00 UTC; go on with it there, or move it back: everturn \
             move {} --to local",
            key.thread, key.thread
        )
    );
    assert_eq!(here.database().get(&key).await.unwrap_err().code(), "moved_away");
    match submit(&before, say("op-9", "hello")).await {
        Err(SessionError::Refused(Refusal::Unavailable { why })) => assert_eq!(why, error.to_string()),
        other => panic!("{other:?}"),
    }
    let away = here.database().moved_away(&Tenant::default()).await.unwrap();
    let [(moved, Away::Gone { to, since_ms: 7, .. })] = &away[..] else { panic!("{away:?}") };
    assert_eq!((moved, to.as_str()), (&key, THERE));
}

#[tokio::test]
async fn a_served_thread_is_not_moved_nor_one_in_which_something_waits() {
    let world = World::new().await;
    let session = world.start().await;
    let key = session.key().clone();
    let error = Mover::of(world.database(), &key).await.unwrap_err();
    assert!(matches!(error, LocalError::Busy { .. }), "{error}");
    turn(&session, "op-1", "hello").await;
    session.close().await.unwrap();

    let outside = world.backend.attach(&key).await.unwrap();
    outside.submit_or_queue(say("op-2", "hello?")).await.unwrap();
    let mut mover = Mover::of(world.database(), &key).await.unwrap();
    let thread = mover.thread().await.unwrap();
    let error = mover.leave(&thread, THERE, "move-1", 7).await.unwrap_err();
    assert_eq!(error.code(), "not_at_rest");
    assert!(error.to_string().contains("was not heard yet"), "{error}");
    assert_eq!(mover.away(), None);
}

#[tokio::test]
async fn a_turn_that_was_cut_off_is_finished_before_the_thread_moves() {
    let world = World::new().await;
    let session = world.start().await;
    let key = session.key().clone();
    turn(&session, "op-1", "call read").await;
    session.close().await.unwrap();
    // The journal as it was when the process died after the turn's first record.
    let mut line = raw(world.home.path()).await;
    sqlx::raw_sql("DELETE FROM commits WHERE (key & 4294967295) > 2; DELETE FROM snapshots")
        .execute(&mut line)
        .await
        .unwrap();
    line.close().await.unwrap();
    let mut mover = Mover::of(world.database(), &key).await.unwrap();
    let thread = mover.thread().await.unwrap();
    let error = mover.leave(&thread, THERE, "move-1", 7).await.unwrap_err();
    assert_eq!(error.code(), "not_at_rest");
    assert!(error.to_string().contains("is under way"), "{error}");
    assert_eq!(mover.reader().away().await.unwrap(), None);
}

#[tokio::test]
async fn cut_off_after_each_step_the_thread_lives_in_one_home_and_the_move_goes_on() {
    for died_after in 0..5 {
        let (here, there) = (World::new().await, World::new().await);
        let key = thread(&here).await;
        // Each arm is a process that dies once it has done so much; what it holds is dropped.
        {
            let mut leaving = Mover::of(here.database(), &key).await.unwrap();
            let thread = leaving.thread().await.unwrap();
            let journal = leaving.reader().commits().await.unwrap();
            if died_after > 0 {
                leaving.leave(&thread, THERE, "move-1", 7).await.unwrap();
            }
            if died_after > 1 {
                let mut coming = Mover::to_here(there.database(), &key, HERE, 8).await.unwrap();
                if died_after == 2 {
                    // Not all of it.
                    coming.copy(&journal[..2], HERE, 8).await.unwrap();
                } else {
                    coming.copy(&journal, HERE, 8).await.unwrap();
                }
                if died_after > 3 {
                    coming.live(HERE, 9).await.unwrap();
                }
            }
        }
        let homes = [&here, &there].map(|world| world.backend.resume(&key));
        let [old, new] = homes;
        let (old, new) = (old.await, new.await);
        assert!(old.is_err() || new.is_err(), "after {died_after} steps both homes serve it");
        for session in [old, new].into_iter().flatten() {
            session.close().await.unwrap();
        }

        // Again from the beginning, as the command does it.
        let mut leaving = Mover::of(here.database(), &key).await.unwrap();
        if leaving.away().is_none() {
            let thread = leaving.thread().await.unwrap();
            leaving.leave(&thread, THERE, "move-2", 17).await.unwrap();
        }
        let mut coming = Mover::to_here(there.database(), &key, HERE, 18).await.unwrap();
        if coming.away().is_some() {
            coming.copy(&leaving.reader().commits().await.unwrap(), HERE, 18).await.unwrap();
            coming.live(HERE, 19).await.unwrap();
        }
        leaving.gone().await.unwrap();
        drop((leaving, coming));
        assert_eq!(here.backend.resume(&key).await.unwrap_err().code(), "moved_away");
        let session = resumed(&there, &key).await;
        let moves = stored(&session).await;
        let moves = moves.iter().filter(|event| matches!(event.kind, EventKind::Moved { .. }));
        assert_eq!(moves.count(), 1, "after {died_after} steps");
    }
}

#[tokio::test]
async fn a_move_that_died_before_the_fence_was_lifted_says_so_once() {
    let (here, there) = (World::new().await, World::new().await);
    let key = thread(&here).await;
    let journal = here.backend.attach(&key).await.unwrap().reader().commits().await.unwrap();
    let mut coming = Mover::to_here(there.database(), &key, HERE, 8).await.unwrap();
    let arriving = Away::Arriving { from: HERE.into(), since_ms: 8, input_seq: journal.len() as u64 };
    coming.copy(&journal, HERE, 8).await.unwrap();
    assert_eq!(coming.away(), Some(&arriving));
    coming.live(HERE, 9).await.unwrap();
    drop(coming);
    // The record is written, the fence is still there: as if the process had died between them.
    let mut line = raw(there.home.path()).await;
    sqlx::query("UPDATE threads SET away = ?")
        .bind(serde_json::to_string(&arriving).unwrap())
        .execute(&mut line)
        .await
        .unwrap();
    line.close().await.unwrap();
    let error = there.backend.resume(&key).await.unwrap_err();
    assert_eq!(error.code(), "move_cut_off");
    assert!(error.to_string().contains("--to local"), "{error}");
    let mut coming = Mover::of(there.database(), &key).await.unwrap();
    let thread = coming.live(HERE, 20).await.unwrap();
    assert_eq!(thread.input_seq(), journal.len() as u64 + 1);
    drop(coming);
    resumed(&there, &key).await;
}

#[tokio::test]
async fn another_past_is_not_taken_in() {
    let (here, there) = (World::new().await, World::new().await);
    let key = thread(&here).await;
    let journal = here.backend.attach(&key).await.unwrap().reader().commits().await.unwrap();
    let mut other: Vec<Commit> = journal.clone();
    other[1].record.at_ms += 1;
    let mut coming = Mover::to_here(there.database(), &key, HERE, 8).await.unwrap();
    coming.copy(&journal, HERE, 8).await.unwrap();
    let error = coming.copy(&other, HERE, 9).await.unwrap_err();
    assert_eq!(error.code(), "other_past");
    let error = coming.live(HERE, 9).await.unwrap_err();
    assert_eq!(error.code(), "not_at_rest", "{error}");
    drop(coming);
    assert_eq!(there.backend.resume(&key).await.unwrap_err().code(), "move_cut_off");
}

#[tokio::test]
async fn a_move_that_the_other_home_never_saw_is_taken_back() {
    let world = World::new().await;
    let key = thread(&world).await;
    let mut mover = Mover::of(world.database(), &key).await.unwrap();
    let thread = mover.thread().await.unwrap();
    mover.leave(&thread, THERE, "move-1", 7).await.unwrap();
    drop(mover);
    assert_eq!(world.backend.resume(&key).await.unwrap_err().code(), "move_cut_off");
    assert_eq!(listed(&world.backend).await, std::slice::from_ref(&key), "it is still seen here");
    let mut mover = Mover::of(world.database(), &key).await.unwrap();
    mover.stay().await.unwrap();
    drop(mover);
    let session = resumed(&world, &key).await;
    assert_eq!(said(&turn(&session, "op-2", "hello").await), "you said: hello");
}

#[tokio::test]
async fn a_database_of_the_version_before_is_brought_up() {
    let world = World::new().await;
    let key = thread(&world).await;
    world.database().close().await.unwrap();
    let mut line = raw(world.home.path()).await;
    sqlx::raw_sql("ALTER TABLE threads DROP COLUMN away; PRAGMA user_version = 1")
        .execute(&mut line)
        .await
        .unwrap();
    line.close().await.unwrap();
    let backend = crate::world::backend(world.home.path(), world.tools.clone()).await;
    let session = backend.resume(&key).await.unwrap();
    assert_eq!(said(&turn(&session, "op-2", "hello").await), "you said: hello");
}
