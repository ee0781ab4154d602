//! [`ThreadStore`]: one thread, opened for writing.
//!
//! An append is one SQL statement, so it is one transaction, one trip to SQLite's thread, and whole even when the
//! caller stops waiting in the middle. The statement itself looks whether the writer's generation still holds and
//! whether the record is the next.

use crate::{
    Database, LocalError, ThreadReader,
    blobs::{self, Keeper},
    error::failed,
    lease::Lease,
    passage::{Passages, mark_from},
    residence::Waiting,
    schema::{MAX_SEQ, commit_key},
    status,
};
use agent_core::{
    BlobId, Event, Input, Progress, Record, Source, StorageBackend, StorageError, Stored, Thread,
    ThreadHeader, ThreadKey, ThreadStatus,
};
use async_trait::async_trait;
use serde::Serialize;
use sqlx::Row;
use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Writes a commit if the generation holds and the record before it is there.
const APPEND: &str = "
INSERT INTO commits (key, at_ms, rules, last_event, status, turns, input, events)
SELECT ?1, ?2, ?11, coalesce(?3, (SELECT last_event FROM commits WHERE key = ?1 - 1), 0), ?4, ?5, ?6, ?7
WHERE (SELECT generation FROM threads WHERE id = ?8) = ?9
  AND (?10 OR EXISTS (SELECT 1 FROM commits WHERE key = ?1 - 1))";

const SNAPSHOT: &str = "
INSERT OR REPLACE INTO snapshots (thread, seq, body)
SELECT ?1, ?2, ?3 WHERE (SELECT generation FROM threads WHERE id = ?1) = ?4";

const HEADER: &str = "
UPDATE threads SET
  source = coalesce(?3, source), name = coalesce(?4, name), title = coalesce(title, ?5), cwd = coalesce(?6, cwd),
  model = coalesce(?7, model), forked_from = coalesce(?8, forked_from)
WHERE id = ?1 AND generation = ?2";

const OPEN: &str = "
UPDATE threads SET generation = generation + 1 WHERE id = ? AND away IS NULL RETURNING generation, title IS NOT NULL";

const OPEN_TO_MOVE: &str =
    "UPDATE threads SET generation = generation + 1 WHERE id = ? RETURNING generation, title IS NOT NULL";

const SET_AWAY: &str = "
UPDATE threads SET away = ?3
WHERE id = ?1 AND generation = ?2
  AND (NOT ?4 OR NOT EXISTS (SELECT 1 FROM inbox WHERE thread = ?1 AND reply IS NULL))";

/// So many records after the last snapshot another one is kept, in the middle of a turn too: what recovery applies again
/// is bounded, however long a turn is.
const SNAPSHOT_EVERY_RECORDS: u64 = 1_000;

/// One thread, opened for writing by this process. Dropping it gives the lease back.
pub struct ThreadStore {
    reader: ThreadReader,
    generation: i64,
    state: Mutex<State>,
    _lease: Lease,
}

#[derive(Debug, Default)]
struct State {
    progress: Progress,
    titled: bool,
    passages: Passages,
    /// The record that the last snapshot follows.
    snapshot_seq: u64,
    /// A snapshot that is kept with the next record: after which record, and its text.
    due: Option<(u64, String)>,
}

impl ThreadStore {
    /// Makes a new thread and opens it.
    ///
    /// # Errors
    /// [`LocalError::Exists`] where there is one of that key.
    pub async fn create(database: &Database, key: &ThreadKey, now_ms: u64) -> Result<Self, LocalError> {
        Self::create_away(database, key, now_ms, None).await
    }

    /// The same for a thread that lives elsewhere as yet.
    pub(crate) async fn create_away(
        database: &Database,
        key: &ThreadKey,
        now_ms: u64,
        away: Option<&str>,
    ) -> Result<Self, LocalError> {
        let lease = Lease::take(database, key).await?;
        let failed = failed("the thread cannot be created");
        let mut line = database.writer().await?;
        let row = sqlx::query(
            "INSERT OR IGNORE INTO threads (tenant, thread, created_ms, generation, away) VALUES (?, ?, ?, 1, ?) \
             RETURNING id",
        )
        .bind(key.tenant.as_str())
        .bind(key.thread.as_str())
        .bind(now_ms.cast_signed())
        .bind(away)
        // All rows: a statement that is dropped after its first row never tells that it could not be committed.
        .fetch_all(line.connection()?)
        .await
        .map_err(&failed)?
        .pop();
        drop(line);
        let row = row.ok_or_else(|| LocalError::Exists { id: key.thread.to_string() })?;
        let thread = row.try_get(0).map_err(&failed)?;
        let reader = ThreadReader { database: database.clone(), key: key.clone(), thread };
        Ok(Self { reader, generation: 1, state: Mutex::default(), _lease: lease })
    }

    /// Opens a thread. Every earlier writer is fenced from here on.
    ///
    /// # Errors
    /// [`LocalError::Busy`] while another process, or another value in this one, has it open;
    /// [`LocalError::UnknownThread`] where there is none; [`LocalError::MovedAway`] where it lives elsewhere by now.
    pub async fn open(database: &Database, key: &ThreadKey) -> Result<Self, LocalError> {
        let store = Self::seize(database, key, OPEN).await?;
        store.ok_or_else(|| LocalError::UnknownThread { id: key.thread.to_string() })
    }

    /// Opens a thread that may live elsewhere, to move it.
    pub(crate) async fn open_to_move(database: &Database, key: &ThreadKey) -> Result<Self, LocalError> {
        let store = Self::seize(database, key, OPEN_TO_MOVE).await?;
        store.ok_or_else(|| LocalError::UnknownThread { id: key.thread.to_string() })
    }

    async fn seize(
        database: &Database,
        key: &ThreadKey,
        statement: &'static str,
    ) -> Result<Option<Self>, LocalError> {
        let reader = ThreadReader::open(database, key).await?;
        let lease = Lease::take(database, key).await?;
        let failed = failed("the thread cannot be opened for writing");
        let mut line = database.writer().await?;
        let row = sqlx::query(statement)
            .bind(reader.thread)
            .fetch_all(line.connection()?)
            .await
            .map_err(&failed)?
            .pop();
        drop(line);
        let Some(row) = row else {
            reader.lives_here().await?;
            return Ok(None);
        };
        let generation = row.try_get(0).map_err(&failed)?;
        let titled = row.try_get(1).map_err(&failed)?;
        let progress = reader.progress().await?;
        let state = State { progress, titled, ..State::default() };
        Ok(Some(Self { reader, generation, state: Mutex::new(state), _lease: lease }))
    }

    /// The same thread, to read.
    pub fn reader(&self) -> &ThreadReader {
        &self.reader
    }

    pub(crate) fn generation(&self) -> i64 {
        self.generation
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn insert(
        &self,
        record: &Record,
        events: &[Event],
        input: &str,
        progress: &Progress,
    ) -> Result<Inserted, StorageError> {
        let marked = match events {
            [] => None,
            events => Some(mark_from(record.seq, input, &json(events)?)),
        };
        let mut line = self.reader.database.writer().await?;
        let result = sqlx::query(APPEND)
            .bind(commit_key(self.reader.thread, record.seq))
            .bind(record.at_ms.cast_signed())
            .bind(events.last().map(|event| event.seq.cast_signed()))
            .bind(status::code(progress.status()))
            .bind(i64::from(progress.turns()))
            .bind(input)
            .bind(marked)
            .bind(self.reader.thread)
            .bind(self.generation)
            .bind(record.seq == 1)
            .bind(record.rules)
            .execute(line.connection()?)
            .await;
        match result {
            Ok(done) if done.rows_affected() == 1 => Ok(Inserted::Yes),
            Ok(_) => Ok(Inserted::No),
            Err(error) if is_duplicate(&error) => Ok(Inserted::No),
            Err(error) => Err(failed("a record cannot be stored")(error)),
        }
    }

    async fn write_snapshot(&self, seq: u64, body: &str) -> Result<(), StorageError> {
        let mut line = self.reader.database.writer().await?;
        let done = sqlx::query(SNAPSHOT)
            .bind(self.reader.thread)
            .bind(seq.cast_signed())
            .bind(body)
            .bind(self.generation)
            .execute(line.connection()?)
            .await
            .map_err(failed("a snapshot cannot be stored"))?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(StorageError::Fenced) }
    }

    /// Why a record was not inserted.
    async fn explain(&self, record: &Record) -> Result<(), StorageError> {
        let failed = failed("the journal cannot be read");
        let mut line = self.reader.database.writer().await?;
        let row = sqlx::query(
            "SELECT generation, at_ms, input, rules FROM threads LEFT JOIN commits ON key = ? WHERE id = ?",
        )
        .bind(commit_key(self.reader.thread, record.seq))
        .bind(self.reader.thread)
        .fetch_optional(line.connection()?)
        .await
        .map_err(&failed)?;
        drop(line);
        // A thread that was deleted has no writer any more.
        let Some(row) = row else { return Err(StorageError::Fenced) };
        if row.try_get::<i64, _>(0).map_err(&failed)? != self.generation {
            return Err(StorageError::Fenced);
        }
        let at_ms: Option<i64> = row.try_get(1).map_err(&failed)?;
        let input: Option<&str> = row.try_get(2).map_err(&failed)?;
        let known = input.and_then(|input| serde_json::from_str::<Input>(input).ok());
        let rules: Option<u32> = row.try_get(3).map_err(&failed)?;
        let known = known.is_some_and(|known| known == record.input);
        if known && at_ms == Some(record.at_ms.cast_signed()) && rules == Some(record.rules) {
            return Ok(());
        }
        Err(StorageError::Conflict { seq: record.seq })
    }

    /// Says where the thread lives, in one statement; false where another writer has it, or where its queue is not empty
    /// and has to be.
    pub(crate) async fn set_away(&self, away: Option<String>, queue: Waiting) -> Result<bool, StorageError> {
        let mut line = self.reader.database.writer().await?;
        let done = sqlx::query(SET_AWAY)
            .bind(self.reader.thread)
            .bind(self.generation)
            .bind(away)
            .bind(queue == Waiting::Nothing)
            .execute(line.connection()?)
            .await
            .map_err(failed("where the thread lives cannot be stored"))?;
        Ok(done.rows_affected() == 1)
    }

    /// Keeps what lists show. It is written before the record that says it: should the process die between them, the
    /// record is made again.
    async fn write_header(&self, header: ThreadHeader) -> Result<(), StorageError> {
        let mut line = self.reader.database.writer().await?;
        sqlx::query(HEADER)
            .bind(self.reader.thread)
            .bind(self.generation)
            .bind(header.source.and_then(source_name))
            .bind(header.name)
            .bind(header.title)
            .bind(header.cwd)
            .bind(header.model)
            .bind(header.forked_from)
            .execute(line.connection()?)
            .await
            .map_err(failed("the thread's name and title cannot be stored"))?;
        Ok(())
    }
}

enum Inserted {
    Yes,
    No,
}

#[async_trait]
impl StorageBackend for ThreadStore {
    async fn append(&self, record: &Record, events: &[Event]) -> Result<(), StorageError> {
        if record.seq == 0 || record.seq > MAX_SEQ {
            return Err(StorageError::Conflict { seq: record.seq });
        }
        let (mut progress, titled) = {
            let state = self.state();
            (state.progress.clone(), state.titled)
        };
        progress.follow_commit(record, events);
        let header = ThreadHeader::of(record, events, titled);
        let titled = titled || header.as_ref().is_some_and(|header| header.title.is_some());
        if let Some(header) = header {
            self.write_header(header).await?;
        }
        let due = self.state().due.take();
        if let Some((seq, body)) = due
            && let Err(error) = self.write_snapshot(seq, &body).await
        {
            tracing::warn!(thread = %self.reader.key, %error, "no snapshot was kept; recovery takes longer");
        }
        let input = json(&record.input)?;
        tools::kill_point("commit.before");
        match self.insert(record, events, &input, &progress).await? {
            Inserted::No => self.explain(record).await,
            Inserted::Yes => {
                tools::kill_point("commit.after");
                let mut state = self.state();
                state.progress = progress;
                state.titled = titled;
                state.passages.learn(record.seq, &input);
                Ok(())
            }
        }
    }

    fn committed(&self, thread: &Thread) {
        let mut state = self.state();
        if thread.input_seq().saturating_sub(state.snapshot_seq) < SNAPSHOT_EVERY_RECORDS {
            return;
        }
        match json(thread) {
            Ok(text) => {
                state.snapshot_seq = thread.input_seq();
                state.due = Some((thread.input_seq(), state.passages.mark_and_keep(&text)));
            }
            Err(error) => tracing::warn!(thread = %thread.key, %error, "no snapshot was kept"),
        }
    }

    async fn load(&self) -> Result<Stored, StorageError> {
        let mut passages = Passages::default();
        let stored = self.reader.load_learning(&mut passages).await?;
        let progress = self.reader.progress().await?;
        let mut state = self.state();
        state.snapshot_seq = stored.snapshot.as_ref().map_or(0, |thread| thread.input_seq());
        state.passages = passages;
        state.progress = progress;
        Ok(stored)
    }

    async fn save_snapshot(&self, thread: &Thread) -> Result<(), StorageError> {
        let body = {
            let text = json(thread)?;
            let mut state = self.state();
            (state.snapshot_seq, state.due) = (thread.input_seq(), None);
            state.passages.mark_and_keep(&text)
        };
        self.write_snapshot(thread.input_seq(), &body).await
    }

    async fn events(&self, after: u64, limit: usize) -> Result<Vec<Event>, StorageError> {
        self.reader.events(after, limit).await
    }

    async fn put_blob(&self, bytes: &[u8]) -> Result<BlobId, StorageError> {
        let ThreadReader { database, key, thread } = &self.reader;
        let keeper = Keeper::Writer { generation: self.generation };
        blobs::put(database, &key.tenant, *thread, keeper, bytes).await
    }

    async fn get_blob(&self, id: &BlobId) -> Result<Option<Vec<u8>>, StorageError> {
        blobs::get(&self.reader.database, &self.reader.key.tenant, id).await
    }
}

impl ThreadReader {
    /// The thread's progress as its commits tell it.
    async fn progress(&self) -> Result<Progress, StorageError> {
        let failed = failed("the thread's state cannot be read");
        let mut line = self.line().await?;
        let row =
            sqlx::query("SELECT status, turns FROM commits WHERE key BETWEEN ? AND ? ORDER BY key DESC")
                .bind(self.first_key())
                .bind(self.last_key())
                .fetch_optional(line.connection()?)
                .await
                .map_err(&failed)?;
        drop(line);
        let Some(row) = row else { return Ok(Progress::default()) };
        let status = status::from_code(row.try_get(0).map_err(&failed)?);
        let turns: i64 = row.try_get(1).map_err(&failed)?;
        let mut progress = Progress::stored(status, u32::try_from(turns).unwrap_or(u32::MAX));
        if status == ThreadStatus::Waiting {
            progress.follow(&self.events_while_waiting().await?);
        }
        Ok(progress)
    }
}

/// A source as the database keeps it.
fn source_name(source: Source) -> Option<String> {
    serde_json::to_value(source).ok().and_then(|name| name.as_str().map(str::to_owned))
}

fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, StorageError> {
    serde_json::to_string(value).map_err(|error| StorageError::Io {
        message: format!("a record cannot be written as JSON: {error}"),
        source: Some(Box::new(error)),
    })
}

fn is_duplicate(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

impl fmt::Debug for ThreadStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadStore")
            .field("key", &self.reader.key)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}
