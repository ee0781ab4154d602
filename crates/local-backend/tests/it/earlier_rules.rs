//! A database that the build before this one wrote: it opens, replays as it was, and goes on with all that is new.
//!
//! `earlier_rules/rules_3.sql` is the dump of a real one: tables of version 1, a thread of rules 3 with two turns, and the
//! snapshot at its end. Snapshots refer to text of the journal by its place, so paths in it were replaced by ones as long.

use crate::{
    damage::raw,
    world::{Events, op, open, said, soon, stored, submit},
};
use agent_core::{
    AgentSession, Budget, Content, EventKind, HookPhase, Op, Price, RULES, Redactor, Refusal, RollbackFiles,
    SessionError, Stored, Tenant, Thread, ThreadFilter, ThreadId, ThreadKey, TimeTravel, TurnEnd,
    TurnOverrides, Undo, Verified, recover,
    testing::{FakeTools, FakeWorkspace},
};
use local_backend::{DATABASE_SCHEMA, LocalBackend, LocalSession, Services, ThreadReader, ThreadStore};
use models::{Script, ScriptedModel};
use sqlx::{Connection, Row};
use std::sync::Arc;
use tempfile::TempDir;

const RULES_3: &str = include_str!("earlier_rules/rules_3.sql");
/// Records and events of its thread.
const RECORDS: u64 = 16;
const EVENTS: u64 = 29;

const SCRIPT: &str = r###"
[[turn]]
match = "write"
[[turn.step]]
calls = [{ tool = "apply_patch", input = "*** Begin Patch\n*** Add File: e.txt\n+new\n*** End Patch\n" }]
usage = { input = 3000, cached = 1000, output = 50, reasoning = 0 }
[[turn.step]]
text = "Written."
usage = { input = 3100, cached = 3000, output = 10, reasoning = 0 }

[[turn]]
match = "what else"
[[turn.step]]
text = "Nothing else."

[summary]
text = "## Goal\nCopy a file; c.txt and d.txt are there."
"###;

fn key() -> ThreadKey {
    ThreadKey { tenant: Tenant::default(), thread: ThreadId::new("01a1ff47-09d3-709b-a42c-020c81d149dd") }
}

/// A data folder as the build before this one left it.
async fn earlier() -> TempDir {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("everturn.db"), "").unwrap();
    let mut raw = raw(home.path()).await;
    sqlx::raw_sql(RULES_3).execute(&mut raw).await.unwrap();
    sqlx::query("PRAGMA user_version = 1").execute(&mut raw).await.unwrap();
    raw.close().await.unwrap();
    home
}

/// The thread, and what it came from.
struct Earlier {
    backend: LocalBackend,
    /// The snapshot that the earlier build kept.
    snapshot: Thread,
    _home: TempDir,
}

impl Earlier {
    async fn new() -> Self {
        let home = earlier().await;
        let services = Services {
            model: Arc::new(ScriptedModel::new(Script::parse(SCRIPT).unwrap())),
            tools: Arc::new(FakeTools::default()),
            workspace: Arc::new(FakeWorkspace::default()),
            library: None,
            redactor: Redactor::default(),
            sink: None,
        };
        let backend = LocalBackend::new(open(home.path()).await, services);
        let stored = ThreadReader::open(backend.database(), &key()).await.unwrap().load().await.unwrap();
        assert!(stored.tail.is_empty(), "{:?}", stored.tail);
        let snapshot = *stored.snapshot.expect("the snapshot of the earlier build is of use");
        assert_eq!((snapshot.rules, snapshot.input_seq(), snapshot.event_seq()), (3, RECORDS, EVENTS));
        Self { backend, snapshot, _home: home }
    }

    async fn resume(&self) -> LocalSession {
        self.backend.resume(&key()).await.unwrap()
    }

    /// The thread as it is stored is the same from the earlier build's snapshot, from the last one, and from its first record,
    /// and each record leads to the events that are stored.
    async fn same_from_everywhere(&self) -> Thread {
        let reader = ThreadReader::open(self.backend.database(), &key()).await.unwrap();
        let journal = reader.commits().await.unwrap();
        let (records, events) =
            (journal.len() as u64, journal.iter().map(|commit| commit.events.len() as u64).sum());
        let verified = TimeTravel::new(key(), journal.clone()).verify().unwrap();
        assert_eq!(verified, Verified::Same { records, events });
        let later = journal.iter().filter(|commit| commit.record.seq > RECORDS).cloned().collect();
        let snapshot = Some(Box::new(self.snapshot.clone()));
        let last = reader.load().await.unwrap();
        let first = recover(key(), Stored { snapshot: None, tail: journal }).unwrap();
        for stored in [Stored { snapshot, tail: later }, last] {
            let other = recover(key(), stored).unwrap();
            assert_equal(&other, &first);
        }
        first
    }
}

/// Two threads serialise to the same text; else the parts are named that differ.
fn assert_equal(one: &Thread, other: &Thread) {
    let parts = |thread: &Thread| match serde_json::to_value(thread).unwrap() {
        serde_json::Value::Object(parts) => parts,
        other => panic!("{other}"),
    };
    let (of_one, of_other) = (parts(one), parts(other));
    for name in of_one.keys().chain(of_other.keys()) {
        assert_eq!(of_one.get(name), of_other.get(name), "{name}");
    }
    assert_eq!(serde_json::to_string(one).unwrap(), serde_json::to_string(other).unwrap());
}

fn says(id: &str, text: &str, overrides: TurnOverrides) -> agent_core::Submission {
    let items = vec![Content::text(text)];
    op(id, Op::UserTurn { items, output_schema: None, overrides })
}

/// Submits and reads on until an event fits.
async fn done(
    session: &LocalSession,
    submission: agent_core::Submission,
    fits: impl Fn(&EventKind) -> bool,
) -> EventKind {
    let last = stored(session).await.last().map_or(0, |event| event.seq);
    let mut events = Events::of(session, last);
    submit(session, submission).await.unwrap();
    events.until(fits).await.kind
}

fn priced() -> TurnOverrides {
    TurnOverrides {
        price: Some(Price { input: 2_000_000, cached: 200_000, output: 10_000_000 }),
        // More than the test takes, less than has passed since the thread began.
        budget: Some(Budget { cost_microusd: Some(1_000_000), work_ms: Some(60_000), ..Budget::default() }),
        undo: Some(Undo::On),
        hooks: Some([HookPhase::SessionStart].into()),
        ..TurnOverrides::default()
    }
}

#[tokio::test]
async fn an_earlier_database_opens_with_the_tables_of_today_and_its_thread_replays_as_it_was() {
    let earlier = Earlier::new().await;
    let database = earlier.backend.database();
    let listed = database.list(&ThreadFilter::of(Tenant::default())).await.unwrap();
    let [thread] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!((&thread.key, thread.title.as_deref(), thread.turns), (&key(), Some("copy it"), 2));
    let thread = earlier.same_from_everywhere().await;
    assert_eq!(thread.rules, 3);
    assert_eq!(thread.undoable().count(), 0);
    let mut raw = raw(database.path().parent().unwrap()).await;
    let row = sqlx::query("PRAGMA user_version").fetch_one(&mut raw).await.unwrap();
    assert_eq!(row.get::<i64, _>(0), DATABASE_SCHEMA);
    raw.close().await.unwrap();
    // Opened for writing, nothing is written.
    drop(ThreadStore::open(database, &key()).await.unwrap());
    assert_eq!(earlier.same_from_everywhere().await.input_seq(), RECORDS);
}

#[tokio::test]
async fn its_turns_cannot_be_taken_back_and_that_is_said() {
    let earlier = Earlier::new().await;
    let session = earlier.resume().await;
    for refused in [Op::Undo, Op::Rollback { turns: 2, files: RollbackFiles::Keep }] {
        match submit(&session, op("undo", refused)).await {
            Err(SessionError::Refused(refusal @ Refusal::NotRestorable { .. })) => {
                assert_eq!(refusal.to_string(), "there is no turn to take back");
            }
            other => panic!("{other:?}"),
        }
    }
    soon(session.close()).await.unwrap();
    earlier.same_from_everywhere().await;
}

#[tokio::test]
async fn it_goes_on_with_prices_budgets_summaries_and_undo() {
    let earlier = Earlier::new().await;
    let session = earlier.resume().await;
    let end = done(&session, says("op-3", "write it", priced()), EventKind::is_terminal).await;
    assert_eq!(said(&end), "Written.");
    let thread = earlier.same_from_everywhere().await;
    assert_eq!(thread.rules, RULES);
    assert_eq!(thread.undoable().count(), 1, "only the turn of today");

    let compacted = |kind: &EventKind| matches!(kind, EventKind::ContextCompacted { .. });
    done(&session, op("op-4", Op::Compact), compacted).await;
    earlier.same_from_everywhere().await;

    let end = done(&session, says("op-5", "write more", priced()), EventKind::is_terminal).await;
    assert_eq!(said(&end), "Written.");
    let rolled_back = |kind: &EventKind| matches!(kind, EventKind::RolledBack { .. });
    done(&session, op("op-6", Op::Undo), rolled_back).await;
    earlier.same_from_everywhere().await;

    // What was summarised since goes back with its files only.
    let files = Op::Rollback { turns: 1, files: RollbackFiles::Only };
    let restored = |kind: &EventKind| matches!(kind, EventKind::FilesRestored { .. });
    done(&session, op("op-7", files), restored).await;
    let end =
        done(&session, says("op-8", "what else?", TurnOverrides::default()), EventKind::is_terminal).await;
    assert_eq!(said(&end), "Nothing else.");
    earlier.same_from_everywhere().await;

    let spent = TurnOverrides {
        budget: Some(Budget { cost_microusd: Some(10_000), ..Budget::default() }),
        ..TurnOverrides::default()
    };
    let end = done(&session, says("op-9", "write it", spent), EventKind::is_terminal).await;
    let EventKind::TurnCompleted { end: TurnEnd::BudgetSpent { message }, .. } = &end else {
        panic!("{end:?}")
    };
    assert_eq!(message, "the budget of $0.0100 is spent ($0.0112); raise it to go on");
    soon(session.close()).await.unwrap();
    let thread = earlier.same_from_everywhere().await;
    assert!(thread.input_seq() > RECORDS + 20, "{}", thread.input_seq());
}

#[tokio::test]
async fn it_is_summarised_first_thing_and_forked_at_its_earlier_turns() {
    let earlier = Earlier::new().await;
    let session = earlier.resume().await;
    let compacted = |kind: &EventKind| matches!(kind, EventKind::ContextCompacted { .. });
    done(&session, op("op-3", Op::Compact), compacted).await;
    soon(session.close()).await.unwrap();
    earlier.same_from_everywhere().await;

    let at = agent_core::ForkPoint::Turn(agent_core::TurnId(1));
    let genesis = earlier.backend.database().fork(&key(), at).await.unwrap();
    let fork = earlier.backend.start(Tenant::default(), genesis).await.unwrap();
    let end = done(&fork, says("op-2", "write it", priced()), EventKind::is_terminal).await;
    assert_eq!(said(&end), "Written.");
    let key = fork.key().clone();
    soon(fork.close()).await.unwrap();
    let reader = ThreadReader::open(earlier.backend.database(), &key).await.unwrap();
    let last = recover(key.clone(), reader.load().await.unwrap()).unwrap();
    let first = recover(key, Stored { snapshot: None, tail: reader.commits().await.unwrap() }).unwrap();
    assert_equal(&last, &first);
}
