//! The contract of the storage, and its fence.

use crate::world::{World, genesis, open};
use agent_core::{
    BlobId, Event, Input, Record, StorageBackend, StorageError, Tenant, Thread, ThreadKey, recover,
    testing::storage_conformance,
};
use local_backend::{Database, DatabaseConfig, Durability, LocalError, ThreadStore};
use std::path::Path;

/// Takes the lock files away, as if the process that holds them had been frozen and its locks been lost.
pub(crate) fn lose_locks(home: &Path) {
    std::fs::remove_dir_all(home.join("locks")).unwrap();
}

pub(crate) fn opened(key: &ThreadKey) -> (Record, Vec<Event>) {
    let mut thread = Thread::new(key.clone());
    let record = thread.next_record(5, Input::Opened(Box::new(genesis())));
    let events = thread.apply(&record).unwrap().events;
    (record, events)
}

async fn conforms(durability: Durability) {
    let home = tempfile::tempdir().unwrap();
    let config = DatabaseConfig { home: home.path().to_owned(), durability };
    let database = Database::open(config).await.unwrap();
    let key = ThreadKey::for_test("t-1");
    drop(ThreadStore::create(&database, &key, 1).await.unwrap());
    storage_conformance(key.clone(), async || {
        lose_locks(home.path());
        ThreadStore::open(&database, &key).await.unwrap()
    })
    .await;
}

#[tokio::test]
async fn it_keeps_the_contract_of_storage() {
    conforms(Durability::Process).await;
}

#[tokio::test]
async fn it_keeps_the_contract_of_storage_with_power_durability() {
    conforms(Durability::Power).await;
}

#[tokio::test]
async fn nobody_else_can_read_what_was_said() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    let home = home.path().join("new/home");
    let database = open(&home).await;
    let store = ThreadStore::create(&database, &ThreadKey::for_test("t-1"), 1).await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&home), 0o700);
    for file in ["everturn.db", "everturn.db-wal", "everturn.db-shm", "locks/default/t-1.lock"] {
        assert_eq!(mode(&home.join(file)), 0o600, "{file}");
    }
    drop(store);
}

#[tokio::test]
async fn a_thread_opens_once_at_a_time() {
    let home = tempfile::tempdir().unwrap();
    let database = open(home.path()).await;
    let key = ThreadKey::for_test("t-1");
    let first = ThreadStore::create(&database, &key, 1).await.unwrap();
    let busy = ThreadStore::open(&database, &key).await.unwrap_err();
    assert!(matches!(busy, LocalError::Busy { pid: Some(pid), .. } if pid == std::process::id()), "{busy}");
    assert!(busy.retry());
    drop(first);
    ThreadStore::open(&database, &key).await.unwrap();
}

#[tokio::test]
async fn a_writer_that_lost_its_lock_is_fenced_from_everything() {
    let home = tempfile::tempdir().unwrap();
    let database = open(home.path()).await;
    let key = ThreadKey::for_test("t-1");
    let late = ThreadStore::create(&database, &key, 1).await.unwrap();
    lose_locks(home.path());
    let now = ThreadStore::open(&database, &key).await.unwrap();
    let (record, events) = opened(&key);
    assert!(matches!(late.append(&record, &events).await, Err(StorageError::Fenced)));
    assert!(matches!(late.save_snapshot(&Thread::new(key.clone())).await, Err(StorageError::Fenced)));
    assert!(matches!(late.put_blob(b"late").await, Err(StorageError::Fenced)));
    now.append(&record, &events).await.unwrap();
    assert!(matches!(late.append(&record, &events).await, Err(StorageError::Fenced)));
    assert_eq!(now.get_blob(&BlobId::of(b"late")).await.unwrap(), None);
}

#[tokio::test]
async fn the_writer_of_a_deleted_thread_is_fenced() {
    let home = tempfile::tempdir().unwrap();
    let database = open(home.path()).await;
    let key = ThreadKey::for_test("t-1");
    let late = ThreadStore::create(&database, &key, 1).await.unwrap();
    lose_locks(home.path());
    database.delete(&key).await.unwrap();
    let (record, events) = opened(&key);
    assert!(matches!(late.append(&record, &events).await, Err(StorageError::Fenced)));
}

#[tokio::test]
async fn a_key_is_used_once_and_tenants_do_not_meet() {
    let home = tempfile::tempdir().unwrap();
    let database = open(home.path()).await;
    let key = ThreadKey::for_test("t-1");
    let other = ThreadKey { tenant: Tenant::new("../other"), ..key.clone() };
    drop(ThreadStore::create(&database, &key, 1).await.unwrap());
    assert!(matches!(ThreadStore::create(&database, &key, 1).await, Err(LocalError::Exists { .. })));
    let missing = ThreadStore::open(&database, &other).await.unwrap_err();
    assert!(matches!(missing, LocalError::UnknownThread { .. }));
    let store = ThreadStore::create(&database, &other, 1).await.unwrap();
    let id = store.put_blob(b"theirs").await.unwrap();
    let mine = database.blobs(&key.tenant);
    assert_eq!(agent_core::BlobSource::blob(&mine, &id).await.unwrap(), None);
}

#[tokio::test]
async fn a_snapshot_refers_to_what_the_journal_has_and_comes_back_whole() {
    let world = World::new().await;
    let session = world.start().await;
    let long = "a long line that the journal has already, with \"quotes\" and ü\n".repeat(30);
    crate::world::turn(&session, "op-1", &long).await;
    session.close().await.unwrap();
    let reader = session.reader();
    let all = recover(
        reader.key().clone(),
        agent_core::Stored { snapshot: None, tail: reader.commits().await.unwrap() },
    )
    .unwrap();
    let stored = reader.load().await.unwrap();
    assert!(stored.tail.is_empty(), "the turn's end was followed by nothing");
    assert_eq!(*stored.snapshot.unwrap(), all);
    let mut raw = crate::damage::raw(world.home.path()).await;
    for (column, most) in [("sum(length(input))", 3 * long.len()), ("sum(length(events))", long.len())] {
        let sum = sqlx::AssertSqlSafe(format!("SELECT {column} FROM commits"));
        let row = sqlx::query(sum).fetch_one(&mut raw).await.unwrap();
        let length = sqlx::Row::get::<i64, _>(&row, 0);
        assert!(length < i64::try_from(most).unwrap(), "{column} is {length}");
    }
    let row = sqlx::query("SELECT length(body) FROM snapshots").fetch_one(&mut raw).await.unwrap();
    assert!(sqlx::Row::get::<i64, _>(&row, 0) < i64::try_from(long.len()).unwrap());
}
