//! Notices that another process has written: SQLite does not tell, so the file is asked, once for all who wait.

use crate::database::{Database, WeakDatabase};
use agent_core::StorageError;
use sqlx::Row;
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::watch;

/// How often the file is asked while somebody waits. A question takes some 20 µs.
const POLL: Duration = Duration::from_millis(30);

/// Asks the file whether it has changed, for as long as somebody waits for it.
#[derive(Debug)]
pub(crate) struct Changes {
    version: watch::Sender<i64>,
    polling: Mutex<bool>,
}

impl Default for Changes {
    fn default() -> Self {
        Self { version: watch::Sender::new(0), polling: Mutex::new(false) }
    }
}

/// Waits for changes.
#[derive(Debug)]
pub(crate) struct Watch(watch::Receiver<i64>);

impl Watch {
    /// Returns once the file has changed since the last time, or may have.
    pub(crate) async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending().await
        }
    }
}

impl Changes {
    pub(crate) fn watch(&self, database: &Database) -> Watch {
        let watch = Watch(self.version.subscribe());
        let mut polling = self.polling.lock().unwrap_or_else(PoisonError::into_inner);
        if !*polling {
            *polling = true;
            tokio::spawn(poll(database.downgrade()));
        }
        watch
    }

    /// Whether nobody waits any more; then the poller is to end.
    fn abandoned(&self) -> bool {
        let mut polling = self.polling.lock().unwrap_or_else(PoisonError::into_inner);
        *polling = self.version.receiver_count() > 0;
        !*polling
    }
}

async fn poll(database: WeakDatabase) {
    loop {
        tokio::time::sleep(POLL).await;
        let Some(database) = database.upgrade() else { return };
        let changes = database.changes();
        if changes.abandoned() {
            return;
        }
        match data_version(&database).await {
            Ok(found) => {
                changes.version.send_if_modified(|known| std::mem::replace(known, found) != found);
            }
            Err(error) => {
                // Whoever waits asks the file itself and gets the error.
                tracing::warn!(%error, "the database does not say whether it has changed");
                changes.version.send_modify(|_| {});
            }
        }
    }
}

/// A number that changes when another connection has written.
async fn data_version(database: &Database) -> Result<i64, StorageError> {
    let failed = crate::error::failed("the database cannot be read");
    let mut line = database.reader().await?;
    let row = sqlx::query("PRAGMA data_version").fetch_one(line.connection()?).await.map_err(&failed)?;
    row.try_get(0).map_err(&failed)
}
