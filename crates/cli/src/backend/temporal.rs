//! The Temporal backend: threads in workflows of a Temporal server.

use super::{Backend, RemoteSession, ServedSession, SubmitOutcome};
use crate::{
    exit::{Exit, Failure},
    output,
    owner::Owner,
    providers::Providers,
    settings::Wishes,
    temporal_site::TemporalSite,
};
use agent_core::{
    Accepted, AgentSession, BlobId, Cursor, Event, ForkPoint, Genesis, PendingInteraction, SessionError,
    Settings, Snapshot, Stored, Submission, Tenant, ThreadFilter, ThreadId, ThreadKey, ThreadSummary, Update,
    recover,
};
use async_trait::async_trait;
use futures::stream::BoxStream;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use temporal_backend::{BackendOptions, Shift, Standing, TemporalBackend, TemporalError, TemporalSession};
use tokio::task::AbortHandle;

/// The folder in a data folder that is there once Temporal was used from it.
const FOLDER: &str = "temporal";
/// How often the server of the data folder is looked after.
const MEND_EVERY: Duration = Duration::from_secs(2);

/// A process that was told to end waits so long for its worker.
const ABANDON_WITHIN: Duration = Duration::from_secs(3);
/// What others run here is mentioned when it is waited for longer than this.
const UNMENTIONED: Duration = Duration::from_millis(700);

/// Where the folder is.
pub(crate) fn marker(home: &Path) -> PathBuf {
    home.join(FOLDER)
}

/// What opens the backend.
pub(crate) struct Temporal {
    pub(crate) wishes: Arc<Wishes>,
    pub(crate) providers: Arc<Providers>,
    pub(crate) owner: Owner,
    pub(crate) home: PathBuf,
}

impl Temporal {
    /// The server, reached or started, and what this process brings to it.
    pub(crate) async fn site(&self) -> Result<TemporalSite, Failure> {
        TemporalSite::open(&self.wishes, &self.providers, &self.owner, &self.home).await
    }

    /// Reaches the server, or starts one.
    pub(crate) async fn open(self: Arc<Self>) -> Result<Arc<dyn Backend>, Failure> {
        let site = Arc::new(self.site().await?);
        let options = BackendOptions {
            bus: Arc::clone(&site.services.bus),
            blobs: Arc::clone(&site.services.blobs),
            redactor: site.services.redactor.clone(),
            queue: site.queue.clone(),
            run: site.run_options.clone(),
            durability: site.durability.clone(),
            library: Some(Arc::clone(&self.owner.library)),
        };
        let mut threads = TemporalBackend::new(site.client.clone(), options);
        if site.owns_queue {
            threads = threads.guarded_by(site.lock());
        }
        let mending = mend(&site);
        Ok(Arc::new(OnTemporal { threads, site, shift: Mutex::default(), mending }))
    }
}

/// Ends a shift in good order, and says what takes so long.
async fn end(shift: Shift) {
    let mut ending = std::pin::pin!(shift.end());
    if tokio::time::timeout(UNMENTIONED, &mut ending).await.is_ok() {
        return;
    }
    output::remark("waiting a moment for what runs here for other threads; Ctrl-C leaves at once");
    tokio::select! {
        () = ending => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// Looks after the server of the data folder for as long as the site is used.
fn mend(site: &Arc<TemporalSite>) -> AbortHandle {
    let site = Arc::downgrade(site);
    let mending = async move {
        loop {
            tokio::time::sleep(MEND_EVERY).await;
            let Some(site) = site.upgrade() else { return };
            site.mend().await;
        }
    };
    tokio::spawn(mending).abort_handle()
}

/// Threads on a server, and this process's place among those that serve them.
pub(crate) struct OnTemporal {
    pub(super) threads: TemporalBackend,
    pub(super) site: Arc<TemporalSite>,
    shift: Mutex<Option<Shift>>,
    mending: AbortHandle,
}

impl OnTemporal {
    /// Sees to it that the queue of this data folder is served: by this process, unless another one does.
    async fn serve(&self) -> Result<(), Failure> {
        let mut standing = {
            let mut shift = self.shift.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(shift) = &*shift {
                shift.watch()
            } else {
                let site = &self.site;
                let begun = Shift::begin(
                    site.client.clone(),
                    site.worker_options(),
                    site.services.clone(),
                    &site.lock(),
                );
                let begun = begun.map_err(|error| {
                    Failure::new(Exit::Backend, format!("the queue cannot be taken: {error}"))
                })?;
                shift.insert(begun).watch()
            }
        };
        let known = standing.wait_for(|standing| *standing != Standing::Unknown).await;
        match known.as_deref() {
            Ok(Standing::Failed(why)) => Err(Failure::new(Exit::Backend, why.to_string())),
            Ok(_) => Ok(()),
            Err(_) => Err(Failure::new(Exit::Backend, "the worker of this process has ended")),
        }
    }

    /// A session that knows what its thread ran under at first.
    async fn served(&self, session: TemporalSession) -> Result<Box<dyn ServedSession>, Failure> {
        let settings = match session.first_settings() {
            Some(settings) => settings.clone(),
            None => self.threads.settings(session.key()).await?,
        };
        Ok(Box::new(Served { session, settings }))
    }

    /// Serves this thread too, where it belongs to the queue of this data folder. Others have workers elsewhere.
    async fn serve_if_own(&self, session: &TemporalSession) -> Result<(), Failure> {
        if session.queue() == self.site.queue { self.serve().await } else { Ok(()) }
    }
}

#[async_trait]
impl Backend for OnTemporal {
    fn kind(&self) -> config::Backend {
        config::Backend::Temporal
    }

    async fn start(&self, tenant: Tenant, genesis: Genesis) -> Result<Box<dyn ServedSession>, Failure> {
        self.serve().await?;
        let session = self.threads.start(tenant, genesis).await?;
        self.served(session).await
    }

    async fn resume(&self, key: &ThreadKey) -> Result<Box<dyn ServedSession>, Failure> {
        // Somebody has to answer for the thread before it is known whether it was shut down.
        let attached = self.threads.attach(key).await?;
        self.serve_if_own(&attached).await?;
        let session = self.threads.resume(key).await?;
        self.served(session).await
    }

    async fn resume_unless_served(&self, key: &ThreadKey) -> Result<Option<Box<dyn ServedSession>>, Failure> {
        if self.threads.is_served(key).await? {
            return Ok(None);
        }
        self.resume(key).await.map(Some)
    }

    async fn fork(&self, key: &ThreadKey, at: ForkPoint) -> Result<Box<dyn ServedSession>, Failure> {
        let genesis = self.threads.fork(key, at).await?;
        self.start(key.tenant.clone(), genesis).await
    }

    async fn attach(&self, key: &ThreadKey) -> Result<Box<dyn RemoteSession>, Failure> {
        Ok(Box::new(self.threads.attach(key).await?))
    }

    async fn get(&self, key: &ThreadKey) -> Result<ThreadSummary, Failure> {
        Ok(self.threads.get(key).await?)
    }

    async fn list(&self, filter: &ThreadFilter) -> Result<Vec<ThreadSummary>, Failure> {
        Ok(self.threads.list(filter).await?)
    }

    async fn candidates(&self, tenant: &Tenant, id: &str) -> Result<Vec<ThreadKey>, Failure> {
        // Lists lag behind; a whole id is asked for.
        let whole = ThreadKey { tenant: tenant.clone(), thread: ThreadId::new(id) };
        if uuid::Uuid::try_parse(id).is_ok() {
            return Ok(if self.threads.exists(&whole).await? { vec![whole] } else { Vec::new() });
        }
        let all = self.threads.list(&ThreadFilter::of(tenant.clone())).await?;
        Ok(all.into_iter().map(|thread| thread.key).filter(|key| super::means(id, key)).collect())
    }

    async fn delete(&self, key: &ThreadKey) -> Result<(), Failure> {
        Ok(self.threads.delete(key).await?)
    }

    async fn events(&self, key: &ThreadKey, after: u64, limit: usize) -> Result<Vec<Event>, Failure> {
        Ok(self.threads.events(key, after, limit).await?)
    }

    async fn pending(&self, tenant: &Tenant) -> Result<Vec<PendingInteraction>, Failure> {
        Ok(self.threads.pending(tenant).await?)
    }

    async fn questions(&self, key: &ThreadKey) -> Result<Vec<PendingInteraction>, Failure> {
        Ok(self.threads.questions(key).await?)
    }

    async fn settings_of(&self, key: &ThreadKey) -> Result<Settings, Failure> {
        Ok(self.threads.settings(key).await?)
    }

    async fn snapshot_at(&self, key: &ThreadKey, at: ForkPoint) -> Result<Option<Snapshot>, Failure> {
        let stored = Stored { snapshot: None, tail: self.threads.commits(key).await? };
        let thread = recover(key.clone(), stored).map_err(|error| Failure::backend(&error))?;
        super::snapshot_in(&thread, at)
    }

    async fn abandon(&self) {
        let shift = self.shift.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(shift) = shift
            && tokio::time::timeout(ABANDON_WITHIN, shift.end_at_once()).await.is_err()
        {
            tracing::warn!("the worker of this process does not stop; it ends with the process");
        }
        self.site.leave();
    }

    /// Stops serving, then leaves the server, which the last one to leave stops.
    async fn close(&self) -> Result<(), Failure> {
        let shift = self.shift.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(shift) = shift {
            end(shift).await;
        }
        self.mending.abort();
        self.site.leave();
        Ok(())
    }
}

/// A thread that somebody serves.
struct Served {
    session: TemporalSession,
    settings: Settings,
}

#[async_trait]
impl AgentSession for Served {
    fn key(&self) -> &ThreadKey {
        self.session.key()
    }

    async fn submit(&self, submission: Submission) -> Result<Accepted, SessionError> {
        self.session.submit(submission).await
    }

    fn updates(&self, after: Cursor) -> BoxStream<'static, Result<Update, SessionError>> {
        self.session.updates(after)
    }
}

#[async_trait]
impl ServedSession for Served {
    fn first_settings(&self) -> &Settings {
        &self.settings
    }

    async fn put_blob(&self, bytes: &[u8]) -> Result<BlobId, Failure> {
        self.session.put_blob(bytes).await.map_err(|error| Failure::backend(&error))
    }
}

#[async_trait]
impl RemoteSession for TemporalSession {
    async fn submit_or_queue(&self, submission: Submission) -> Result<SubmitOutcome, SessionError> {
        Ok(match Self::submit_or_queue(self, submission).await? {
            temporal_backend::SubmitOutcome::Accepted(_) => SubmitOutcome::Accepted,
            temporal_backend::SubmitOutcome::Queued => SubmitOutcome::Queued,
        })
    }
}

impl From<TemporalError> for Failure {
    fn from(error: TemporalError) -> Self {
        let exit = match &error {
            TemporalError::UnknownThread { .. } | TemporalError::NoForkPoint { .. } => Exit::Usage,
            _ => Exit::Backend,
        };
        Self { exit, ..Self::backend(&error) }
    }
}
