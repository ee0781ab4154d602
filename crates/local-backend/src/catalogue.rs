//! All threads: list, get, delete.

use crate::{Away, Database, LocalError, blobs, error::failed, lease::Lease, status};
use agent_core::{StorageError, Tenant, ThreadFilter, ThreadId, ThreadKey, ThreadSummary};
use sqlx::{Row, sqlite::SqliteRow};

/// The last commit of each thread has its state. ?2 to ?6 are filters that may be null.
const LIST: &str = "
SELECT tenant, thread, created_ms, at_ms, name, title, cwd, model, source, status, turns, last_event, generation,
  forked_from
FROM threads JOIN commits ON key = (
  SELECT max(key) FROM commits WHERE key BETWEEN threads.id << 32 AND (threads.id << 32) + 4294967295
)
WHERE tenant = ?1
  AND (away IS NULL OR json_extract(away, '$.state') = 'leaving')
  AND (?2 IS NULL OR thread = ?2)
  AND (?3 IS NULL OR status = ?3)
  AND (?4 IS NULL OR cwd = ?4)
  AND (?5 IS NULL OR instr(lower(coalesce(name, '') || char(10) || coalesce(title, '') || char(10) || thread), lower(?5)))
ORDER BY at_ms DESC, threads.id DESC LIMIT ?6";

impl Database {
    /// The threads that fit the filter.
    pub async fn list(&self, filter: &ThreadFilter) -> Result<Vec<ThreadSummary>, LocalError> {
        self.select(filter, None).await
    }

    /// One thread.
    ///
    /// # Errors
    /// [`LocalError::UnknownThread`] where there is none, [`LocalError::MovedAway`] where it lives elsewhere.
    pub async fn get(&self, key: &ThreadKey) -> Result<ThreadSummary, LocalError> {
        let found = self.select(&ThreadFilter::of(key.tenant.clone()), Some(&key.thread)).await?;
        match found.into_iter().next() {
            Some(thread) => Ok(thread),
            None => {
                crate::ThreadReader::open(self, key).await?.lives_here().await?;
                Err(LocalError::UnknownThread { id: key.thread.to_string() })
            }
        }
    }

    /// The threads of a tenant that were here and live elsewhere by now, and where.
    pub async fn moved_away(&self, tenant: &Tenant) -> Result<Vec<(ThreadKey, Away)>, LocalError> {
        let failed = failed("the threads that were moved cannot be listed");
        let mut line = self.reader().await?;
        let rows =
            sqlx::query("SELECT thread, away FROM threads WHERE tenant = ? AND away IS NOT NULL ORDER BY id")
                .bind(tenant.as_str())
                .fetch_all(line.connection()?)
                .await
                .map_err(&failed)?;
        drop(line);
        let mut moved = Vec::with_capacity(rows.len());
        for row in rows {
            let thread = ThreadId::new(row.try_get::<&str, _>(0).map_err(&failed)?);
            let away = serde_json::from_str(row.try_get(1).map_err(&failed)?);
            moved.extend(away.ok().map(|away| (ThreadKey { tenant: tenant.clone(), thread }, away)));
        }
        Ok(moved)
    }

    /// Deletes a thread for good.
    ///
    /// # Errors
    /// [`LocalError::Busy`] while somebody serves it.
    pub async fn delete(&self, key: &ThreadKey) -> Result<(), LocalError> {
        let thread = crate::ThreadReader::open(self, key).await?.thread;
        let lease = Lease::take(self, key).await?;
        self.delete_rows(thread).await?;
        if let Err(error) = lease.remove() {
            tracing::debug!(%key, %error, "the lock file of a deleted thread stays behind");
        }
        Ok(())
    }

    /// Each statement stands for itself, for SQLite rolls a failing transaction back behind sqlx's back. The commits
    /// go first: without them the thread is gone for everybody. The thread's row goes last, so that a deletion that
    /// was cut off can be repeated.
    async fn delete_rows(&self, thread: i64) -> Result<(), StorageError> {
        let mut line = self.writer().await?;
        for statement in [
            "DELETE FROM commits WHERE key BETWEEN ?1 << 32 AND (?1 << 32) + 4294967295",
            "DELETE FROM snapshots WHERE thread = ?1",
            "DELETE FROM inbox WHERE thread = ?1",
            blobs::RELEASE,
            "DELETE FROM blob_uses WHERE thread = ?1",
            "DELETE FROM threads WHERE id = ?1",
        ] {
            sqlx::query(statement)
                .bind(thread)
                .execute(line.connection()?)
                .await
                .map_err(failed("the thread cannot be deleted"))?;
        }
        Ok(())
    }

    async fn select(
        &self,
        filter: &ThreadFilter,
        thread: Option<&ThreadId>,
    ) -> Result<Vec<ThreadSummary>, LocalError> {
        let failed = failed("the threads cannot be listed");
        let mut line = self.reader().await?;
        let rows = sqlx::query(LIST)
            .bind(filter.tenant.as_str())
            .bind(thread.map(ThreadId::as_str))
            .bind(filter.status.map(status::code))
            .bind(filter.cwd.as_deref())
            .bind(filter.text.as_deref())
            .bind(filter.limit)
            .fetch_all(line.connection()?)
            .await
            .map_err(&failed)?;
        drop(line);
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            let mut summary = summary(&row).map_err(&failed)?;
            summary.served_by = self.server(&summary.key)?;
            found.push(summary);
        }
        Ok(found)
    }
}

fn summary(row: &SqliteRow) -> Result<ThreadSummary, sqlx::Error> {
    let source = serde_json::Value::String(row.try_get("source")?);
    let number = |column| row.try_get::<i64, _>(column).map(i64::cast_unsigned);
    Ok(ThreadSummary {
        key: ThreadKey {
            tenant: Tenant::new(row.try_get::<&str, _>("tenant")?),
            thread: ThreadId::new(row.try_get::<&str, _>("thread")?),
        },
        created_ms: number("created_ms")?,
        updated_ms: number("at_ms")?,
        name: row.try_get("name")?,
        title: row.try_get("title")?,
        cwd: row.try_get("cwd")?,
        model: row.try_get("model")?,
        // A source of a later version is somebody's program.
        source: serde_json::from_value(source).unwrap_or_default(),
        status: status::from_code(row.try_get("status")?),
        served_by: None,
        turns: u32::try_from(number("turns")?).unwrap_or(u32::MAX),
        last_event: number("last_event")?,
        generation: number("generation")?,
        forked_from: row.try_get("forked_from")?,
    })
}
