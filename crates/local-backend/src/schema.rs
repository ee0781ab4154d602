//! The tables, and how an older file becomes one of this version.
//!
//! * A commit is one row: the input, and the events it led to. Its key is the thread's number and the record's, so
//!   that a thread's rows lie together and need no second index. (`WITHOUT ROWID` would push every row over 1 kB into
//!   an overflow page of its own.)
//! * What changes with every commit (`status`, `turns`, `last_event`) stands in the commit's row, so that an append is
//!   one statement and a thread's state is that of its last row. `threads` has what seldom changes.
//! * `away` is null where the thread lives here; else it says where it lives, or is on its way from or to (`residence.rs`).
//! * In `events` and in snapshots a long string that an input of the thread has too is not stored again, but
//!   referred to; see `passage.rs`.

use crate::{LocalError, error::storage_error};
use sqlx::{Connection, Row, SqliteConnection};
use std::path::Path;

/// The version of the tables, kept in `PRAGMA user_version`.
pub const DATABASE_SCHEMA: i64 = 2;

/// Bits of a commit's key that hold the record's number; above them is the thread's.
const SEQ_BITS: u32 = 32;

/// The largest number a record can have.
pub(crate) const MAX_SEQ: u64 = (1 << SEQ_BITS) - 1;

/// The key of a record; `seq` is at most [`MAX_SEQ`].
pub(crate) fn commit_key(thread: i64, seq: u64) -> i64 {
    (thread << SEQ_BITS) | (seq & MAX_SEQ) as i64
}

/// The record's number in a key.
pub(crate) fn seq_of(key: i64) -> u64 {
    key as u64 & MAX_SEQ
}

const TABLES: &str = "
CREATE TABLE threads (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant TEXT NOT NULL,
  thread TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  source TEXT NOT NULL DEFAULT 'host',
  name TEXT,
  title TEXT,
  cwd TEXT NOT NULL DEFAULT '',
  model TEXT NOT NULL DEFAULT '',
  forked_from TEXT,
  away TEXT,
  UNIQUE (tenant, thread)
);
CREATE TABLE commits (
  key INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  rules INTEGER NOT NULL,
  last_event INTEGER NOT NULL,
  status INTEGER NOT NULL,
  turns INTEGER NOT NULL,
  input TEXT NOT NULL,
  events TEXT
);
CREATE TABLE snapshots (
  thread INTEGER PRIMARY KEY,
  seq INTEGER NOT NULL,
  body TEXT NOT NULL
);
CREATE TABLE inbox (
  id INTEGER PRIMARY KEY,
  thread INTEGER NOT NULL,
  op_id TEXT NOT NULL,
  body TEXT,
  reply TEXT,
  UNIQUE (thread, op_id)
);
CREATE INDEX inbox_queued ON inbox (thread, id) WHERE reply IS NULL;
CREATE TABLE blobs (
  id INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  digest TEXT NOT NULL,
  bytes BLOB NOT NULL,
  UNIQUE (tenant, digest)
);
CREATE TABLE blob_uses (
  thread INTEGER NOT NULL,
  digest TEXT NOT NULL,
  PRIMARY KEY (thread, digest)
) WITHOUT ROWID;
CREATE INDEX blob_users ON blob_uses (digest);
PRAGMA user_version = 2;
";

/// From version 1: threads may live elsewhere.
const TO_2: &str = "
ALTER TABLE threads ADD COLUMN away TEXT;
PRAGMA user_version = 2;
";

/// Makes the tables where there are none, and refuses those of a later version.
pub(crate) async fn prepare(connection: &mut SqliteConnection, path: &Path) -> Result<(), LocalError> {
    let error = |error| LocalError::from(storage_error("the database cannot be opened", error));
    if version(connection).await.map_err(error)? == DATABASE_SCHEMA {
        return Ok(());
    }
    // Another process may be doing the same: look again once nobody else can write.
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(error)?;
    match version(&mut transaction).await.map_err(error)? {
        DATABASE_SCHEMA => {}
        0 => {
            sqlx::raw_sql(TABLES).execute(&mut *transaction).await.map_err(error)?;
        }
        1 => {
            sqlx::raw_sql(TO_2).execute(&mut *transaction).await.map_err(error)?;
        }
        found => {
            return Err(LocalError::NewerSchema { path: path.to_owned(), found, supported: DATABASE_SCHEMA });
        }
    }
    transaction.commit().await.map_err(error)
}

async fn version(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query("PRAGMA user_version").fetch_one(connection).await?.try_get(0)
}
