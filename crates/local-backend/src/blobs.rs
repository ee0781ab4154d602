//! Blobs: large content, kept once for each tenant and counted by the threads that refer to it.

use crate::{Database, error::failed};
use agent_core::{BlobId, BlobSource, StorageError, Tenant};
use async_trait::async_trait;
use sqlx::Row;

/// Notes a use where the generation, if one is given, holds. `REPLACE` counts a use that was noted before.
const USE: &str = "
INSERT OR REPLACE INTO blob_uses (thread, digest)
SELECT id, ?2 FROM threads WHERE id = ?1 AND (?3 IS NULL OR generation = ?3)";

/// Deletes what no thread of the tenant but this one uses.
pub(crate) const RELEASE: &str = "
DELETE FROM blobs
WHERE tenant = (SELECT tenant FROM threads WHERE id = ?1)
  AND digest IN (SELECT digest FROM blob_uses WHERE thread = ?1)
  AND NOT EXISTS (
    SELECT 1 FROM blob_uses JOIN threads ON threads.id = blob_uses.thread
    WHERE blob_uses.digest = blobs.digest AND threads.tenant = blobs.tenant AND threads.id <> ?1
  )";

/// The blobs of one tenant, for whoever turns items into requests.
#[derive(Clone, Debug)]
pub struct TenantBlobs {
    database: Database,
    tenant: Tenant,
}

impl Database {
    /// The blobs of a tenant.
    pub fn blobs(&self, tenant: &Tenant) -> TenantBlobs {
        TenantBlobs { database: self.clone(), tenant: tenant.clone() }
    }
}

#[async_trait]
impl BlobSource for TenantBlobs {
    async fn blob(&self, id: &BlobId) -> Result<Option<Vec<u8>>, StorageError> {
        get(&self.database, &self.tenant, id).await
    }
}

/// Who keeps a blob.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Keeper {
    /// The writer of the thread, of this generation.
    Writer {
        /// The writer's generation.
        generation: i64,
    },
    /// A client that is about to submit something that refers to it.
    Client,
}

/// Keeps bytes for a thread. The use is noted before the bytes are there, so that nobody takes them for unused.
pub(crate) async fn put(
    database: &Database,
    tenant: &Tenant,
    thread: i64,
    keeper: Keeper,
    bytes: &[u8],
) -> Result<BlobId, StorageError> {
    let failed = failed("a blob cannot be stored");
    let id = BlobId::of(bytes);
    let generation = match keeper {
        Keeper::Writer { generation } => Some(generation),
        Keeper::Client => None,
    };
    let mut line = database.writer().await?;
    let noted = sqlx::query(USE)
        .bind(thread)
        .bind(id.as_str())
        .bind(generation)
        .execute(line.connection()?)
        .await
        .map_err(&failed)?;
    if noted.rows_affected() == 0 {
        return Err(StorageError::Fenced);
    }
    sqlx::query("INSERT OR IGNORE INTO blobs (tenant, digest, bytes) VALUES (?, ?, ?)")
        .bind(tenant.as_str())
        .bind(id.as_str())
        .bind(bytes)
        .execute(line.connection()?)
        .await
        .map_err(&failed)?;
    Ok(id)
}

/// The bytes of a tenant's blob.
pub(crate) async fn get(
    database: &Database,
    tenant: &Tenant,
    id: &BlobId,
) -> Result<Option<Vec<u8>>, StorageError> {
    let failed = failed("a blob cannot be read");
    let mut line = database.reader().await?;
    let row = sqlx::query("SELECT bytes FROM blobs WHERE tenant = ? AND digest = ?")
        .bind(tenant.as_str())
        .bind(id.as_str())
        .fetch_optional(line.connection()?)
        .await
        .map_err(&failed)?;
    row.map(|row| row.try_get(0)).transpose().map_err(&failed)
}

/// Lets a fork use what its origin, a thread of the same tenant, uses.
pub(crate) async fn share(
    database: &Database,
    tenant: &Tenant,
    origin: &str,
    thread: i64,
) -> Result<(), StorageError> {
    let mut line = database.writer().await?;
    sqlx::query(
        "INSERT OR IGNORE INTO blob_uses (thread, digest) SELECT ?, digest FROM blob_uses \
         WHERE thread = (SELECT id FROM threads WHERE tenant = ? AND thread = ?)",
    )
    .bind(thread)
    .bind(tenant.as_str())
    .bind(origin)
    .execute(line.connection()?)
    .await
    .map_err(failed("a fork's blobs cannot be noted"))?;
    Ok(())
}
