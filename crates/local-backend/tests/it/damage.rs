//! Files that are damaged, foreign, full, or of another version.

use crate::{
    storage::opened,
    world::{Events, World, open, say, submit, turn},
};
use agent_core::{StorageBackend, StorageError, ThreadKey};
use local_backend::{Database, DatabaseConfig, Durability, LocalError, ThreadStore};
use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{io::Write, path::Path};

async fn try_open(home: &Path) -> Result<Database, LocalError> {
    Database::open(DatabaseConfig { home: home.to_owned(), durability: Durability::Process }).await
}

pub(crate) async fn raw(home: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(home.join("everturn.db")).connect().await.unwrap()
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_with_advice() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("everturn.db"), "this is not a database, is it? ".repeat(200)).unwrap();
    let error = try_open(home.path()).await.unwrap_err();
    assert!(matches!(error, LocalError::Storage(StorageError::Corrupt { .. })), "{error}");
    assert_eq!((error.code(), error.retry()), ("corrupt", false));
    assert!(error.to_string().contains("move it away"), "{error}");
}

#[tokio::test]
async fn a_damaged_page_is_corruption_and_not_a_crash() {
    let home = tempfile::tempdir().unwrap();
    let database = open(home.path()).await;
    let key = ThreadKey::for_test("t-1");
    let store = ThreadStore::create(&database, &key, 1).await.unwrap();
    let (record, events) = opened(&key);
    store.append(&record, &events).await.unwrap();
    drop(store);
    database.close().await.unwrap();
    let path = home.path().join("everturn.db");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4096..].fill(0xEE);
    std::fs::File::create(&path).unwrap().write_all(&bytes).unwrap();
    let database = try_open(home.path()).await.unwrap();
    let error = ThreadStore::open(&database, &key).await.unwrap_err();
    assert_eq!(error.code(), "corrupt", "{error}");
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_named() {
    let home = tempfile::tempdir().unwrap();
    let database = open(home.path()).await;
    let key = ThreadKey::for_test("t-1");
    let store = ThreadStore::create(&database, &key, 1).await.unwrap();
    let (record, events) = opened(&key);
    store.append(&record, &events).await.unwrap();
    let mut raw = raw(home.path()).await;
    sqlx::query("UPDATE commits SET input = '{'").execute(&mut raw).await.unwrap();
    let error = store.load().await.unwrap_err();
    assert!(
        matches!(&error, StorageError::Corrupt { message } if message.contains("record 1 of thread")),
        "{error}"
    );
}

#[tokio::test]
async fn a_database_of_a_later_version_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    open(home.path()).await.close().await.unwrap();
    let mut raw = raw(home.path()).await;
    sqlx::query("PRAGMA user_version = 99").execute(&mut raw).await.unwrap();
    raw.close().await.unwrap();
    let error = try_open(home.path()).await.unwrap_err();
    assert!(matches!(error, LocalError::NewerSchema { found: 99, supported: 2, .. }), "{error}");
    assert!(error.to_string().contains("update Everturn"), "{error}");
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_read_costs_only_time() {
    let world = World::new().await;
    let session = world.start().await;
    turn(&session, "op-1", "hello").await;
    session.close().await.unwrap();
    let mut raw = raw(world.home.path()).await;
    for body in ["{", "{\"of\":\"a later version\"}", "\u{1}1,0,9999\u{1}"] {
        sqlx::query("UPDATE snapshots SET body = ?").bind(body).execute(&mut raw).await.unwrap();
        let stored = session.reader().load().await.unwrap();
        assert!(stored.snapshot.is_none() && !stored.tail.is_empty(), "{body:?}");
    }
    let session = world.backend.resume(session.reader().key()).await.unwrap();
    turn(&session, "op-2", "again").await;
}

#[tokio::test]
async fn a_journal_that_lost_its_last_records_is_named_and_not_served() {
    let world = World::new().await;
    let session = world.start().await;
    turn(&session, "op-1", "hello").await;
    session.close().await.unwrap();
    let reader = session.reader();
    let last = reader.commits().await.unwrap().len();
    let mut raw = raw(world.home.path()).await;
    sqlx::query("DELETE FROM commits WHERE key = (SELECT max(key) FROM commits)")
        .execute(&mut raw)
        .await
        .unwrap();
    let expected = format!("record {last} of thread {} is missing", reader.key());
    let errors = [
        reader.load().await.unwrap_err().to_string(),
        reader.commits().await.unwrap_err().to_string(),
        world.backend.resume(reader.key()).await.unwrap_err().to_string(),
    ];
    for error in errors {
        assert!(error.contains(&expected) && error.contains("put back a copy"), "{error}");
    }
}

#[tokio::test]
async fn a_full_disk_ends_the_driver_and_every_client_hears_why() {
    let world = World::new().await;
    let session = world.start().await;
    turn(&session, "op-1", "hello").await;
    world.database().limit_bytes(40 * 4096).await.unwrap();
    let mut updates = Events::of(&session, 0);
    let mut failure = None;
    for n in 2..100 {
        let text = format!("{n} {}", "much to say ".repeat(1000));
        if let Err(error) = submit(&session, say(&format!("op-{n}"), &text)).await {
            failure = Some(error);
            break;
        }
    }
    let failure = failure.expect("the disk is full at some time").to_string();
    assert!(failure.contains("no space is left"), "{failure}");
    let error = loop {
        match updates.next().await.expect("the updates end with the error") {
            Ok(_) => {}
            Err(error) => break error.to_string(),
        }
    };
    assert_eq!(error, failure);
    assert!(updates.next().await.is_none());
    let ended = session.wait().await.unwrap_err();
    assert_eq!((ended.code(), ended.retry()), ("full", false));

    world.database().limit_bytes(1 << 30).await.unwrap();
    let session = world.backend.resume(session.reader().key()).await.unwrap();
    turn(&session, "op-again", "hello again").await;
}

#[tokio::test]
async fn after_a_full_disk_nothing_committed_is_lost() {
    let home = tempfile::tempdir().unwrap();
    let database = open(home.path()).await;
    let key = ThreadKey::for_test("t-1");
    let store = ThreadStore::create(&database, &key, 1).await.unwrap();
    let (record, events) = opened(&key);
    store.append(&record, &events).await.unwrap();
    database.limit_bytes(1).await.unwrap();
    let error = store.put_blob(&vec![1; 1_000_000]).await.unwrap_err();
    assert!(matches!(error, StorageError::Full), "{error}");
    database.limit_bytes(1 << 30).await.unwrap();
    store.put_blob(&vec![1; 1_000_000]).await.unwrap();
    assert_eq!(store.load().await.unwrap().tail.len(), 1);
}

#[tokio::test]
async fn a_home_that_cannot_be_made_is_named() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("file"), "").unwrap();
    let error = try_open(&home.path().join("file/home")).await.unwrap_err();
    assert!(matches!(error, LocalError::Files { .. }), "{error}");
    assert!(error.to_string().contains("file/home cannot be used"), "{error}");
}

#[tokio::test]
async fn a_database_that_another_program_holds_is_a_failure_to_try_again() {
    let home = tempfile::tempdir().unwrap();
    let database = open(home.path()).await;
    let mut raw = raw(home.path()).await;
    let transaction = raw.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let error = ThreadStore::create(&database, &ThreadKey::for_test("t-1"), 1).await.unwrap_err();
    assert!(error.retry() && error.to_string().contains("another program holds the database"), "{error}");
    drop(transaction);
}
