//! [`ThreadReader`]: a thread's journal, read by anybody at any time, served or not.

use crate::{
    Database, LocalError,
    database::Line,
    error::failed,
    passage::{Passages, unmark},
    schema::{MAX_SEQ, commit_key, seq_of},
    snapshot,
};
use agent_core::{Commit, Event, Input, Record, StorageError, Stored, Thread, ThreadKey};
use sqlx::{Row, sqlite::SqliteRow};

/// Finds the first commit after event ?3 by halving, since numbers of records and of events both only grow; then
/// reads from there.
const EVENTS: &str = "
WITH RECURSIVE span (low, high) AS (
  SELECT ?1, (SELECT max(key) FROM commits WHERE key BETWEEN ?1 AND ?2)
  UNION ALL
  SELECT
    iif((SELECT last_event FROM commits WHERE key = (low + high) / 2) > ?3, low, (low + high) / 2 + 1),
    iif((SELECT last_event FROM commits WHERE key = (low + high) / 2) > ?3, (low + high) / 2, high)
  FROM span WHERE low < high
)
SELECT key, input, events FROM commits
WHERE key BETWEEN (SELECT low FROM span WHERE low >= high) AND ?2 AND last_event > ?3 AND events IS NOT NULL
ORDER BY key LIMIT ?4";

const COMMITS: &str =
    "SELECT key, at_ms, input, events, rules FROM commits WHERE key BETWEEN ?1 AND ?2 ORDER BY key";

/// A thread's journal, to read.
#[derive(Clone, Debug)]
pub struct ThreadReader {
    pub(crate) database: Database,
    pub(crate) key: ThreadKey,
    /// The thread's number in the database.
    pub(crate) thread: i64,
}

impl ThreadReader {
    /// Finds a thread.
    ///
    /// # Errors
    /// [`LocalError::UnknownThread`] where there is none.
    pub async fn open(database: &Database, key: &ThreadKey) -> Result<Self, LocalError> {
        let failed = failed("the thread cannot be looked up");
        let mut line = database.reader().await?;
        let row = sqlx::query("SELECT id FROM threads WHERE tenant = ? AND thread = ?")
            .bind(key.tenant.as_str())
            .bind(key.thread.as_str())
            .fetch_optional(line.connection()?)
            .await
            .map_err(&failed)?;
        let row = row.ok_or_else(|| LocalError::UnknownThread { id: key.thread.to_string() })?;
        let thread = row.try_get(0).map_err(&failed)?;
        Ok(Self { database: database.clone(), key: key.clone(), thread })
    }

    /// Which thread.
    pub fn key(&self) -> &ThreadKey {
        &self.key
    }

    /// The latest snapshot and the commits after it.
    pub async fn load(&self) -> Result<Stored, StorageError> {
        self.load_learning(&mut Passages::default()).await
    }

    /// All commits from the thread's beginning.
    pub async fn commits(&self) -> Result<Vec<Commit>, StorageError> {
        // In this order: whoever serves the thread may write meanwhile.
        let kept = self.snapshot_seq().await?;
        let commits = self.commits_after(0).await?;
        if (commits.len() as u64) < kept {
            return Err(self.missing(commits.len() as u64 + 1));
        }
        Ok(commits)
    }

    /// Events with a number above `after`, in order, at most `limit`.
    pub async fn events(&self, after: u64, limit: usize) -> Result<Vec<Event>, StorageError> {
        let failed = failed("events cannot be read");
        let mut line = self.database.reader().await?;
        let rows = sqlx::query(EVENTS)
            .bind(self.first_key())
            .bind(self.last_key())
            .bind(i64::try_from(after).unwrap_or(i64::MAX))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(line.connection()?)
            .await
            .map_err(&failed)?;
        drop(line);
        let mut events = Vec::new();
        for row in rows {
            let key: i64 = row.try_get(0).map_err(&failed)?;
            let input: &str = row.try_get(1).map_err(&failed)?;
            let text: &str = row.try_get(2).map_err(&failed)?;
            events.extend(self.parse_events(seq_of(key), input, text)?);
        }
        events.retain(|event| event.seq > after);
        events.truncate(limit);
        Ok(events)
    }

    /// As [`ThreadReader::load`], taking note of the passages that the thread has.
    pub(crate) async fn load_learning(&self, passages: &mut Passages) -> Result<Stored, StorageError> {
        let snapshot = match snapshot::read(self, passages).await? {
            Some(text) => self.parse_snapshot(&text),
            None => None,
        };
        let kept = snapshot.as_ref().map_or(0, |thread| thread.input_seq());
        let tail = self.commits_learning(kept, passages).await?;
        if tail.is_empty() {
            self.reaches(kept).await?;
        }
        Ok(Stored { tail, snapshot })
    }

    /// The record that the snapshot follows; 0 where there is none.
    async fn snapshot_seq(&self) -> Result<u64, StorageError> {
        let failed = failed("the snapshot cannot be read");
        let mut line = self.database.reader().await?;
        let row = sqlx::query("SELECT seq FROM snapshots WHERE thread = ?")
            .bind(self.thread)
            .fetch_optional(line.connection()?)
            .await
            .map_err(&failed)?;
        drop(line);
        row.map_or(Ok(0), |row| row.try_get(0).map(i64::cast_unsigned).map_err(&failed))
    }

    /// A file that was damaged and mended may have lost the last records: nothing can be added to such a journal.
    async fn reaches(&self, seq: u64) -> Result<(), StorageError> {
        let failed = failed("the journal cannot be read");
        let mut line = self.database.reader().await?;
        let row = sqlx::query("SELECT max(key) FROM commits WHERE key BETWEEN ? AND ?")
            .bind(self.first_key())
            .bind(self.last_key())
            .fetch_one(line.connection()?)
            .await
            .map_err(&failed)?;
        drop(line);
        let last: Option<i64> = row.try_get(0).map_err(&failed)?;
        let last = last.map_or(0, seq_of);
        if last < seq { Err(self.missing(last + 1)) } else { Ok(()) }
    }

    /// The commits after a record.
    pub(crate) async fn commits_after(&self, seq: u64) -> Result<Vec<Commit>, StorageError> {
        self.commits_learning(seq, &mut Passages::default()).await
    }

    async fn commits_learning(&self, seq: u64, passages: &mut Passages) -> Result<Vec<Commit>, StorageError> {
        let failed = failed("the journal cannot be read");
        let mut line = self.database.reader().await?;
        let rows = sqlx::query(COMMITS)
            .bind(commit_key(self.thread, seq + 1))
            .bind(self.last_key())
            .fetch_all(line.connection()?)
            .await
            .map_err(&failed)?;
        drop(line);
        let mut commits = Vec::with_capacity(rows.len());
        for row in rows {
            let commit = self.parse_commit(&row, passages)?;
            if commit.record.seq != seq + 1 + commits.len() as u64 {
                return Err(self.missing(seq + 1 + commits.len() as u64));
            }
            commits.push(commit);
        }
        Ok(commits)
    }

    fn parse_commit(&self, row: &SqliteRow, passages: &mut Passages) -> Result<Commit, StorageError> {
        let failed = failed("the journal cannot be read");
        let seq = seq_of(row.try_get(0).map_err(&failed)?);
        let at_ms: i64 = row.try_get(1).map_err(&failed)?;
        let text: &str = row.try_get(2).map_err(&failed)?;
        let events: Option<&str> = row.try_get(3).map_err(&failed)?;
        let input: Input = serde_json::from_str(text).map_err(|error| self.corrupt(seq, &error))?;
        passages.learn(seq, text);
        let events = match events {
            Some(events) => self.parse_events(seq, text, events)?,
            None => Vec::new(),
        };
        let rules = row.try_get(4).map_err(&failed)?;
        Ok(Commit { record: Record { seq, at_ms: at_ms.cast_unsigned(), rules, input }, events })
    }

    fn parse_events(&self, seq: u64, input: &str, marked: &str) -> Result<Vec<Event>, StorageError> {
        let json = unmark(marked, |passage| passage.of(input))
            .ok_or_else(|| self.corrupt(seq, &"its events refer to text that is not there"))?;
        serde_json::from_str(&json).map_err(|error| self.corrupt(seq, &error))
    }

    /// A snapshot that this build cannot read is as good as none: the journal tells the same.
    fn parse_snapshot(&self, json: &str) -> Option<Box<Thread>> {
        match serde_json::from_str::<Thread>(json) {
            Ok(thread) => Some(Box::new(thread)),
            Err(error) => {
                tracing::warn!(thread = %self.key, %error, "the snapshot cannot be read; the whole journal is");
                None
            }
        }
    }

    fn corrupt(&self, seq: u64, why: &dyn std::fmt::Display) -> StorageError {
        let message =
            format!("record {seq} of thread {} in {}: {why}", self.key, self.database.path().display());
        StorageError::Corrupt { message }
    }

    fn missing(&self, seq: u64) -> StorageError {
        let message = format!(
            "record {seq} of thread {} is missing in {}: the file is damaged; put back a copy of it, or begin a new thread",
            self.key,
            self.database.path().display()
        );
        StorageError::Corrupt { message }
    }

    pub(crate) fn first_key(&self) -> i64 {
        commit_key(self.thread, 1)
    }

    pub(crate) fn last_key(&self) -> i64 {
        commit_key(self.thread, MAX_SEQ)
    }

    pub(crate) async fn line(&self) -> Result<Line<'_>, StorageError> {
        self.database.reader().await
    }
}
