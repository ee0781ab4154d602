//! Lists, forks, exports, deletion.

use crate::world::{Events, World, op, said, say, stored, submit, turn};
use agent_core::{
    AgentSession, BlobSource, EventKind, ExportFormat, ForkPoint, Op, Overview, Server, Source, Tenant,
    ThreadFilter, ThreadKey, ThreadStatus, ThreadSummary, TurnId,
};
use local_backend::LocalError;

fn filter() -> ThreadFilter {
    ThreadFilter::of(Tenant::default())
}

#[tokio::test]
async fn a_list_tells_what_a_thread_is_about_and_what_it_does() {
    let world = World::new().await;
    let session = world.start().await;
    turn(&session, "op-1", "  fix\n the   bug ").await;
    submit(&session, op("op-2", Op::SetThreadName { name: "Bugs".into() })).await.unwrap();
    let listed = world.database().list(&filter()).await.unwrap();
    let summary = world.database().get(session.key()).await.unwrap();
    assert_eq!(listed, std::slice::from_ref(&summary));
    let ThreadSummary { created_ms, updated_ms, .. } = summary;
    assert!(created_ms > 0 && updated_ms >= created_ms);
    assert_eq!(
        (summary.name.as_deref(), summary.title.as_deref(), &*summary.cwd, &*summary.model),
        (Some("Bugs"), Some("fix the bug"), "/work", "scripted")
    );
    assert_eq!((summary.status, summary.source, summary.turns), (ThreadStatus::Resting, Source::Host, 1));
    assert_eq!(
        (summary.generation, summary.served_by),
        (1, Some(Server::Process { pid: Some(std::process::id()) }))
    );
    assert_eq!(summary.last_event, stored(&session).await.len() as u64);
    session.close().await.unwrap();
    assert_eq!(world.database().get(session.key()).await.unwrap().served_by, None);
}

#[tokio::test]
async fn the_columns_tell_what_an_overview_of_the_journal_tells() {
    let world = World::new().await;
    let first = world.start().await;
    turn(&first, "op-1", "call read").await;
    let genesis = world.database().fork(first.key(), ForkPoint::Latest).await.unwrap();
    let fork = world.backend.start(Tenant::default(), genesis).await.unwrap();
    submit(&fork, op("op-1", Op::SetThreadName { name: "Bugs".into() })).await.unwrap();
    let mut events = Events::of(&fork, 0);
    submit(&fork, say("op-2", "call ask")).await.unwrap();
    events.until(|kind| matches!(kind, EventKind::ExecApprovalRequest(_))).await;
    for (session, status) in [(&first, ThreadStatus::Resting), (&fork, ThreadStatus::Waiting)] {
        let mut overview = Overview::default();
        for commit in session.reader().commits().await.unwrap() {
            overview.follow(&commit.record, &commit.events);
        }
        let summary = world.database().get(session.key()).await.unwrap();
        assert_eq!(summary.status, status);
        let ThreadSummary { key, generation, served_by, created_ms, .. } = summary.clone();
        // The database counts from the moment at which the thread's row was made.
        assert_eq!(ThreadSummary { created_ms, ..overview.summary(key, generation, served_by) }, summary);
    }
    let listed = world.database().list(&filter()).await.unwrap();
    for filter in [
        filter(),
        ThreadFilter { text: Some("BUGS".into()), ..filter() },
        ThreadFilter { status: Some(ThreadStatus::Waiting), ..filter() },
        ThreadFilter { limit: 1, ..filter() },
    ] {
        let chosen = filter.choose(listed.clone());
        assert_eq!(world.database().list(&filter).await.unwrap(), chosen, "{filter:?}");
    }
}

#[tokio::test]
async fn a_list_is_filtered_bounded_and_newest_first() {
    let world = World::new().await;
    let mut keys = Vec::new();
    for text in ["Alpha", "beta", "call hang"] {
        let session = world.start().await;
        let mut events = Events::of(&session, 0);
        submit(&session, say("op-1", text)).await.unwrap();
        let started = |kind: &EventKind| kind.is_terminal() || matches!(kind, EventKind::ItemStarted { .. });
        events.until(started).await;
        session.close().await.unwrap();
        keys.push(session.key().clone());
    }
    let list = async |filter: ThreadFilter| -> Vec<ThreadKey> {
        world.database().list(&filter).await.unwrap().into_iter().map(|summary| summary.key).collect()
    };
    keys.reverse();
    assert_eq!(list(filter()).await, keys);
    assert_eq!(list(ThreadFilter { limit: 2, ..filter() }).await, keys[..2]);
    assert_eq!(list(ThreadFilter { text: Some("ALPHA".into()), ..filter() }).await, keys[2..]);
    assert_eq!(list(ThreadFilter { status: Some(ThreadStatus::Running), ..filter() }).await, keys[..1]);
    assert_eq!(list(ThreadFilter { cwd: Some("/elsewhere".into()), ..filter() }).await, []);
    assert_eq!(list(ThreadFilter::of(Tenant::new("other"))).await, []);
}

#[tokio::test]
async fn a_fork_knows_what_was_said_up_to_its_turn_and_nothing_later() {
    let world = World::new().await;
    let session = world.start().await;
    for (n, text) in ["call read", "second", "third"].into_iter().enumerate() {
        turn(&session, &format!("op-{n}"), text).await;
    }
    let genesis = world.database().fork(session.key(), ForkPoint::Turn(TurnId(2))).await.unwrap();
    assert_eq!(genesis.turns, 2);
    // Before what was said stands what the model was told of its surroundings.
    assert_eq!(genesis.items.len(), 1 + 6);
    let fork = world.backend.start(Tenant::default(), genesis).await.unwrap();
    let summary = world.database().get(fork.key()).await.unwrap();
    assert_eq!(summary.forked_from, Some(format!("{}/2", session.key().thread)));
    assert_eq!((summary.turns, summary.title.as_deref()), (2, Some("call read")));
    assert_eq!(said(&turn(&fork, "op-1", "onwards").await), "you said: onwards");
    assert_eq!(world.database().get(fork.key()).await.unwrap().turns, 3);
    assert_eq!(world.database().get(session.key()).await.unwrap().turns, 3);

    let latest = world.database().fork(session.key(), ForkPoint::Latest).await.unwrap();
    assert_eq!((latest.turns, latest.items.len()), (3, 1 + 8));
    let missing = world.database().fork(session.key(), ForkPoint::Turn(TurnId(4))).await.unwrap_err();
    assert!(matches!(missing, LocalError::NoForkPoint { turn: TurnId(4) }), "{missing}");
}

#[tokio::test]
async fn a_running_thread_is_forked_where_it_last_rested() {
    let world = World::new().await;
    let session = world.start().await;
    turn(&session, "op-1", "first").await;
    let mut events = Events::of(&session, 0);
    submit(&session, say("op-2", "call hang")).await.unwrap();
    events.until(|kind| matches!(kind, EventKind::ItemStarted { .. })).await;
    let genesis = world.database().fork(session.key(), ForkPoint::Latest).await.unwrap();
    assert_eq!((genesis.turns, genesis.items.len()), (1, 1 + 2));
}

#[tokio::test]
async fn deleting_a_thread_leaves_nothing_but_what_others_use() {
    let world = World::new().await;
    let session = world.start().await;
    let id = session.put_blob(b"shared").await.unwrap();
    let own = session.put_blob(b"own").await.unwrap();
    turn(&session, "op-1", "hello").await;
    let genesis = world.database().fork(session.key(), ForkPoint::Latest).await.unwrap();
    let fork = world.backend.start(Tenant::default(), genesis).await.unwrap();
    let busy = world.database().delete(session.key()).await.unwrap_err();
    assert!(matches!(busy, LocalError::Busy { .. }), "{busy}");
    session.close().await.unwrap();
    let later = fork.put_blob(b"the fork's own").await.unwrap();

    let mut reader = Events::of(&world.database().attach(session.key()).await.unwrap(), 1000);
    let reading = tokio::spawn(async move { reader.next().await });
    world.database().delete(session.key()).await.unwrap();
    let error = crate::world::soon(reading).await.unwrap().unwrap().unwrap_err();
    assert!(error.to_string().starts_with("there is no thread"), "{error}");
    assert_eq!(world.database().list(&filter()).await.unwrap().len(), 1);
    assert!(matches!(world.backend.resume(session.key()).await, Err(LocalError::UnknownThread { .. })));
    let blobs = world.database().blobs(&Tenant::default());
    assert_eq!(blobs.blob(&id).await.unwrap().as_deref(), Some(&b"shared"[..]));
    assert_eq!(blobs.blob(&own).await.unwrap().as_deref(), Some(&b"own"[..]), "the fork may refer to it");

    fork.close().await.unwrap();
    world.database().delete(fork.key()).await.unwrap();
    for id in [&id, &own, &later] {
        assert_eq!(blobs.blob(id).await.unwrap(), None);
    }
    let mut raw = crate::damage::raw(world.home.path()).await;
    for table in ["threads", "commits", "snapshots", "inbox", "blobs", "blob_uses"] {
        let count = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        let row = sqlx::query(count).fetch_one(&mut raw).await.unwrap();
        assert_eq!(sqlx::Row::get::<i64, _>(&row, 0), 0, "{table}");
    }
}

#[tokio::test]
async fn an_export_has_everything_for_programs_and_the_conversation_for_people() {
    let world = World::new().await;
    let session = world.start().await;
    turn(&session, "op-1", "call write").await;
    let mut lines = Vec::new();
    world.database().export(session.key(), ExportFormat::Jsonl, &mut lines).await.unwrap();
    let events = stored(&session).await;
    let parsed: Vec<agent_core::Event> =
        String::from_utf8(lines).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(parsed, events);

    let mut text = Vec::new();
    world.database().export(session.key(), ExportFormat::Markdown, &mut text).await.unwrap();
    let expected = format!(
        "# call write\n\nThread `{}`, 1 turns, `scripted` in `/work`.\n\n## User\n\ncall write\n\n### Command\n\n\
         ```sh\nwrite\n```\n\n```\nwrite ran with {{\"n\":0}}\n```\n\n## Agent\n\ndone\n",
        session.key()
    );
    assert_eq!(String::from_utf8(text).unwrap(), expected);
}
