//! The local backend: threads in the data folder's database, each served by one process at a time.

use super::{Backend, RemoteSession, ServedSession, SubmitOutcome};
use crate::{
    exit::{Exit, Failure},
    host::Keeping,
    owner::Owner,
};
use agent_core::{
    BlobId, BlobSource, Event, ForkPoint, Genesis, ModelStreamer, PendingInteraction, Redactor, SessionError,
    Settings, Snapshot, Submission, Tenant, ThreadFilter, ThreadKey, ThreadSummary, ToolCallHandler, recover,
};
use async_trait::async_trait;
use local_backend::{
    Database, DatabaseConfig, Durability, LocalBackend, LocalError, LocalSession, Services, ThreadReader,
};
use sink::Relay;
use std::{path::Path, sync::Arc};
use tools::BlobWriter;

/// The database, open. What serves threads comes to it later: models and tools keep their blobs in it.
pub(crate) struct LocalStore {
    database: Database,
}

impl LocalStore {
    /// Opens the database in a folder.
    pub(crate) async fn open(
        folder: &Path,
        keeping: Keeping,
        durability: config::Durability,
    ) -> Result<Self, Failure> {
        let durability = match (keeping, durability) {
            (Keeping::Nowhere, _) => Durability::Ephemeral,
            (Keeping::Home, config::Durability::Process) => Durability::Process,
            (Keeping::Home, config::Durability::Power) => Durability::Power,
        };
        let config = DatabaseConfig { home: folder.to_owned(), durability };
        let database = Database::open(config).await.map_err(|error| named(&error, folder))?;
        Ok(Self { database })
    }

    /// Where models read the blobs of threads.
    pub(crate) fn blobs(&self) -> Arc<dyn BlobSource> {
        Arc::new(self.database.blobs(&Tenant::default()))
    }

    /// Where tools keep the images that they look at.
    pub(crate) fn blob_writer(&self) -> Arc<dyn BlobWriter> {
        Arc::new(Images { database: self.database.clone() })
    }

    /// Closes it, where it was opened only to see that it opens.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        close(&self.database).await
    }

    /// The backend, with what serves its threads.
    pub(crate) fn serve(
        self,
        model: Arc<dyn ModelStreamer>,
        tools: Arc<dyn ToolCallHandler>,
        owner: &Owner,
        redactor: Redactor,
        relay: Arc<Relay>,
    ) -> Arc<dyn Backend> {
        let services = Services {
            model,
            tools,
            workspace: Arc::clone(&owner.workspace),
            library: Some(Arc::clone(&owner.library)),
            redactor,
            sink: None,
        };
        Arc::new(LocalBackend::new(self.database, services).with_relay(relay))
    }
}

#[async_trait]
impl Backend for LocalBackend {
    fn kind(&self) -> config::Backend {
        config::Backend::Local
    }

    async fn start(&self, tenant: Tenant, genesis: Genesis) -> Result<Box<dyn ServedSession>, Failure> {
        Ok(Box::new(Self::start(self, tenant, genesis).await?))
    }

    async fn resume(&self, key: &ThreadKey) -> Result<Box<dyn ServedSession>, Failure> {
        Ok(Box::new(Self::resume(self, key).await?))
    }

    async fn resume_unless_served(&self, key: &ThreadKey) -> Result<Option<Box<dyn ServedSession>>, Failure> {
        match Self::resume(self, key).await {
            Ok(session) => Ok(Some(Box::new(session))),
            Err(LocalError::Busy { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn fork(&self, key: &ThreadKey, at: ForkPoint) -> Result<Box<dyn ServedSession>, Failure> {
        let genesis = self.database().fork(key, at).await?;
        Backend::start(self, key.tenant.clone(), genesis).await
    }

    async fn attach(&self, key: &ThreadKey) -> Result<Box<dyn RemoteSession>, Failure> {
        Ok(Box::new(Self::attach(self, key).await?))
    }

    async fn get(&self, key: &ThreadKey) -> Result<ThreadSummary, Failure> {
        Ok(self.database().get(key).await?)
    }

    async fn list(&self, filter: &ThreadFilter) -> Result<Vec<ThreadSummary>, Failure> {
        Ok(self.database().list(filter).await?)
    }

    async fn delete(&self, key: &ThreadKey) -> Result<(), Failure> {
        Ok(self.database().delete(key).await?)
    }

    async fn events(&self, key: &ThreadKey, after: u64, limit: usize) -> Result<Vec<Event>, Failure> {
        let reader = ThreadReader::open(self.database(), key).await?;
        Ok(reader.events(after, limit).await.map_err(LocalError::from)?)
    }

    async fn pending(&self, tenant: &Tenant) -> Result<Vec<PendingInteraction>, Failure> {
        Ok(self.database().pending(tenant).await?)
    }

    async fn questions(&self, key: &ThreadKey) -> Result<Vec<PendingInteraction>, Failure> {
        let reader = ThreadReader::open(self.database(), key).await?;
        Ok(reader.open_questions().await.map_err(LocalError::from)?)
    }

    async fn settings_of(&self, key: &ThreadKey) -> Result<Settings, Failure> {
        let reader = ThreadReader::open(self.database(), key).await?;
        let stored = reader.load().await.map_err(|error| Failure::backend(&error))?;
        let thread = recover(key.clone(), stored).map_err(|error| Failure::backend(&error))?;
        Ok(thread.settings().clone())
    }

    async fn snapshot_at(&self, key: &ThreadKey, at: ForkPoint) -> Result<Option<Snapshot>, Failure> {
        let reader = ThreadReader::open(self.database(), key).await?;
        let stored = reader.load().await.map_err(|error| Failure::backend(&error))?;
        let thread = recover(key.clone(), stored).map_err(|error| Failure::backend(&error))?;
        super::snapshot_in(&thread, at)
    }

    /// Folds what was written into the database's file, so that the next start has nothing to recover.
    async fn close(&self) -> Result<(), Failure> {
        close(self.database()).await
    }
}

#[async_trait]
impl ServedSession for LocalSession {
    fn first_settings(&self) -> &Settings {
        Self::first_settings(self)
    }

    async fn put_blob(&self, bytes: &[u8]) -> Result<BlobId, Failure> {
        Self::put_blob(self, bytes).await.map_err(|error| Failure::backend(&error))
    }
}

#[async_trait]
impl RemoteSession for local_backend::RemoteSession {
    async fn submit_or_queue(&self, submission: Submission) -> Result<SubmitOutcome, SessionError> {
        Ok(match Self::submit_or_queue(self, submission).await? {
            local_backend::SubmitOutcome::Accepted(_) => SubmitOutcome::Accepted,
            local_backend::SubmitOutcome::Queued => SubmitOutcome::Queued,
        })
    }
}

/// Keeps images in the database.
struct Images {
    database: Database,
}

#[async_trait]
impl BlobWriter for Images {
    async fn put(&self, key: &ThreadKey, bytes: Vec<u8>) -> Result<BlobId, String> {
        let session = self.database.attach(key).await.map_err(|error| error.to_string())?;
        session.put_blob(&bytes).await.map_err(|error| error.to_string())
    }
}

async fn close(database: &Database) -> Result<(), Failure> {
    database.close().await.map_err(|error| {
        let message = format!("the database was not closed in good order: {error}");
        Failure::new(Exit::Backend, message)
    })
}

/// An error of the database, with where it is.
fn named(error: &LocalError, home: &Path) -> Failure {
    let failure = Failure::backend(error);
    if failure.message.contains("everturn.db") {
        return failure;
    }
    Failure { message: format!("{} ({})", failure.message, home.join("everturn.db").display()), ..failure }
}

impl From<LocalError> for Failure {
    fn from(error: LocalError) -> Self {
        let exit = match &error {
            LocalError::UnknownThread { .. } | LocalError::NoForkPoint { .. } => Exit::Usage,
            _ => Exit::Backend,
        };
        Self { exit, ..Self::backend(&error) }
    }
}
