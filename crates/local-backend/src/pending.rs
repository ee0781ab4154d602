//! Questions that wait for an answer, over all threads.

use crate::{Database, LocalError, ThreadReader, error::failed, schema::seq_of, status};
use agent_core::{
    Event, PendingInteraction, StorageError, Tenant, ThreadFilter, ThreadStatus, ThreadSummary,
};
use sqlx::Row;

impl Database {
    /// The questions of all threads of a tenant, whether they are served or not; the oldest of a thread first.
    pub async fn pending(&self, tenant: &Tenant) -> Result<Vec<PendingInteraction>, LocalError> {
        let filter = ThreadFilter { status: Some(ThreadStatus::Waiting), ..ThreadFilter::of(tenant.clone()) };
        let mut all = Vec::new();
        for ThreadSummary { key, name, title, .. } in self.list(&filter).await? {
            let reader = ThreadReader::open(self, &key).await?;
            for question in reader.open_questions().await? {
                let title = name.clone().or_else(|| title.clone());
                all.push(PendingInteraction { key: key.clone(), title, ..question });
            }
        }
        Ok(all)
    }
}

impl ThreadReader {
    /// The questions of this thread that wait for an answer, oldest first.
    pub async fn open_questions(&self) -> Result<Vec<PendingInteraction>, StorageError> {
        Ok(PendingInteraction::all_of(&self.key, self.events_while_waiting().await?))
    }

    /// All events since the last commit that left no question open.
    pub(crate) async fn events_while_waiting(&self) -> Result<Vec<Event>, StorageError> {
        let failed = failed("the thread's state cannot be read");
        let mut line = self.line().await?;
        let row = sqlx::query(
            "SELECT key FROM commits WHERE key BETWEEN ? AND ? AND status <> ? ORDER BY key DESC LIMIT 1",
        )
        .bind(self.first_key())
        .bind(self.last_key())
        .bind(status::code(ThreadStatus::Waiting))
        .fetch_optional(line.connection()?)
        .await
        .map_err(&failed)?;
        drop(line);
        let seq = match row {
            Some(row) => seq_of(row.try_get(0).map_err(&failed)?),
            None => 0,
        };
        let commits = self.commits_after(seq).await?;
        Ok(commits.into_iter().flat_map(|commit| commit.events).collect())
    }
}
