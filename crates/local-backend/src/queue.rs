//! The rows of a thread's inbox: written by any process, answered by the one that serves the thread.
//!
//! A row stays for the life of the thread, without its body once it is answered: so an `op_id` counts once, however
//! late it comes again.

use crate::{Database, error::failed};
use agent_core::{Accepted, OpId, Refusal, StorageError, Submission};
use serde::{Deserialize, Serialize};
use sqlx::Row;

/// So many ops of a thread may wait for an answer.
pub(crate) const MAX_QUEUED: i64 = 1024;

/// An op may be so large as JSON. What is larger belongs into a blob.
pub(crate) const MAX_OP_BYTES: usize = 8 * 1024 * 1024;

const PUT: &str = "
INSERT OR IGNORE INTO inbox (thread, op_id, body)
SELECT ?1, ?2, ?3
WHERE (SELECT count(*) FROM inbox WHERE thread = ?1 AND reply IS NULL) < ?4
  AND (SELECT away FROM threads WHERE id = ?1) IS NULL";

const REPLY: &str = "
UPDATE inbox SET reply = ?3, body = NULL
WHERE thread = ?1 AND op_id = ?2 AND reply IS NULL AND (SELECT generation FROM threads WHERE id = ?1) = ?4";

/// What became of an op.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    Accepted(Accepted),
    Refused(Refusal),
}

impl Reply {
    /// The reply to an op that comes again.
    pub(crate) fn repeated(self) -> Result<Accepted, Refusal> {
        match self {
            Self::Accepted(accepted) => Ok(Accepted { repeated: true, ..accepted }),
            Self::Refused(refusal) => Err(refusal),
        }
    }

    pub(crate) fn first(self) -> Result<Accepted, Refusal> {
        match self {
            Self::Accepted(accepted) => Ok(accepted),
            Self::Refused(refusal) => Err(refusal),
        }
    }
}

/// What putting an op into the queue led to.
#[derive(Debug)]
pub(crate) enum Put {
    /// It is in.
    Queued,
    /// It was there already and waits.
    Waiting,
    /// It was there already and has its answer.
    Answered(Reply),
    /// Too much waits.
    Full,
}

/// An op that waits.
#[derive(Debug)]
pub(crate) struct Queued {
    /// Its place in the queue.
    pub(crate) id: i64,
    pub(crate) op: OpId,
    /// What was submitted, or why it cannot be read.
    pub(crate) submission: Result<Submission, String>,
}

/// The queue of one thread.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    pub(crate) database: Database,
    pub(crate) thread: i64,
}

impl Queue {
    /// Puts an op in, unless it was put in before.
    pub(crate) async fn put(&self, op: &OpId, body: &str) -> Result<Put, StorageError> {
        let mut line = self.database.writer().await?;
        let done = sqlx::query(PUT)
            .bind(self.thread)
            .bind(op.as_str())
            .bind(body)
            .bind(MAX_QUEUED)
            .execute(line.connection()?)
            .await
            .map_err(failed("the op cannot be stored"))?;
        drop(line);
        if done.rows_affected() == 1 {
            return Ok(Put::Queued);
        }
        Ok(match self.find(op).await? {
            Found::Answered(reply) => Put::Answered(reply),
            Found::Waiting => Put::Waiting,
            Found::Nothing => Put::Full,
        })
    }

    /// What became of an op so far.
    pub(crate) async fn find(&self, op: &OpId) -> Result<Found, StorageError> {
        let failed = failed("the answer to an op cannot be read");
        let mut line = self.database.reader().await?;
        let row = sqlx::query("SELECT reply FROM inbox WHERE thread = ? AND op_id = ?")
            .bind(self.thread)
            .bind(op.as_str())
            .fetch_optional(line.connection()?)
            .await
            .map_err(&failed)?;
        drop(line);
        let Some(row) = row else { return Ok(Found::Nothing) };
        let Some(reply) = row.try_get::<Option<&str>, _>(0).map_err(&failed)? else {
            return Ok(Found::Waiting);
        };
        let reply = serde_json::from_str(reply)
            .map_err(|error| StorageError::Corrupt { message: format!("the answer to op {op}: {error}") })?;
        Ok(Found::Answered(reply))
    }

    /// The ops that wait behind this place, at most `limit`.
    pub(crate) async fn waiting(&self, after: i64, limit: u32) -> Result<Vec<Queued>, StorageError> {
        let failed = failed("the inbox cannot be read");
        let mut line = self.database.reader().await?;
        let rows = sqlx::query(
            "SELECT id, op_id, body FROM inbox WHERE thread = ? AND reply IS NULL AND id > ? ORDER BY id LIMIT ?",
        )
        .bind(self.thread)
        .bind(after)
        .bind(limit)
        .fetch_all(line.connection()?)
        .await
        .map_err(&failed)?;
        drop(line);
        let mut waiting = Vec::with_capacity(rows.len());
        for row in rows {
            let body: Option<&str> = row.try_get(2).map_err(&failed)?;
            waiting.push(Queued {
                id: row.try_get(0).map_err(&failed)?,
                op: OpId::new(row.try_get::<&str, _>(1).map_err(&failed)?),
                submission: serde_json::from_str(body.unwrap_or_default()).map_err(|error| error.to_string()),
            });
        }
        Ok(waiting)
    }

    /// Keeps the answer to an op. False where it had one, or where another writer has taken over.
    pub(crate) async fn reply(
        &self,
        generation: i64,
        op: &OpId,
        reply: &Reply,
    ) -> Result<bool, StorageError> {
        let json = serde_json::to_string(reply).map_err(|error| StorageError::Io {
            message: format!("an answer cannot be written as JSON: {error}"),
            source: Some(Box::new(error)),
        })?;
        let mut line = self.database.writer().await?;
        let done = sqlx::query(REPLY)
            .bind(self.thread)
            .bind(op.as_str())
            .bind(json)
            .bind(generation)
            .execute(line.connection()?)
            .await
            .map_err(failed("the answer to an op cannot be stored"))?;
        Ok(done.rows_affected() == 1)
    }
}

/// What is in the queue under an op's id.
#[derive(Debug)]
pub(crate) enum Found {
    Nothing,
    Waiting,
    Answered(Reply),
}
