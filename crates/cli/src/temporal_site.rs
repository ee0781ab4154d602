//! [`TemporalSite`]: a Temporal server that was reached, and what this process brings to it: models, tools, blobs, a bus.

use crate::{
    backend::marker,
    exit::{Exit, Failure},
    host::Keeping,
    output,
    owner::Owner,
    providers::Providers,
    router::Router,
    settings::Wishes,
    tooling,
};
use agent_core::{BlobId, BlobSource, EventSink, StorageError, ThreadKey};
use async_trait::async_trait;
use config::{DevServerStart, Environment, Temporal};
use models::SchemaChecked;
use secrecy::ExposeSecret;
use sink::{Bus, BusSink, LocalBus, NatsBus, NatsOptions};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use temporal_backend::{
    Codec, ConnectOptions, Conversations, FileBlobs, KeySource, NamedBy, Roles, Services, Target,
    WorkerOptions,
    dev_server::{
        CliSearch, NAMESPACE, Reporter, ServerHome, ServerLease, ServerWish, stop_server, use_server,
    },
    queue_of,
    wire::RunOptions,
};
use temporalio_client::Client;
use tools::BlobWriter;

/// The folder of large content.
const BLOBS: &str = "blobs";
/// Signals that may wait for the slowest reader of a thread in this process.
const BUS_CAPACITY: usize = 1024;

/// A server, and what is brought to it.
pub(crate) struct TemporalSite {
    pub(crate) client: Client,
    pub(crate) services: Services,
    /// The queue of this data folder, or the one that was asked for.
    pub(crate) queue: String,
    /// Whether only processes of this data folder serve it.
    pub(crate) owns_queue: bool,
    /// Where the server is, for messages.
    pub(crate) address: String,
    namespace: String,
    /// How durable threads are here.
    pub(crate) durability: String,
    /// How the runs of new threads work.
    pub(crate) run_options: RunOptions,
    folder: PathBuf,
    lease: Mutex<Option<ServerLease>>,
}

impl TemporalSite {
    /// Reaches the server that is configured, else uses the one of this data folder, which is started where it does not run.
    pub(crate) async fn open(
        wishes: &Wishes,
        providers: &Arc<Providers>,
        owner: &Owner,
        home: &Path,
    ) -> Result<Self, Failure> {
        let settings = &wishes.config().temporal;
        let folder = marker(home);
        let codec = codec(wishes)?;
        if let Some(codec) = &codec {
            providers.redactor.learn(codec.secrets().iter().map(|key| key.expose_secret().to_owned()));
        }
        let is_encrypted = codec.is_some();
        let (target, lease) = target(wishes, home).await?;
        providers.redactor.learn(target.secrets().iter().map(|secret| secret.expose_secret().to_owned()));
        let client = target.connect(codec).await.map_err(|error| Failure::backend(&error))?;
        let bus = bus(settings, providers).await?;
        let blobs = Arc::new(FileBlobs::new(folder.join(BLOBS)));
        let shown: Arc<dyn EventSink> = Arc::new(BusSink::new(Arc::clone(&bus), 0));
        let (tools, redactor) = tooling::tools(
            wishes,
            providers,
            (home, home),
            Keeping::Home,
            Arc::new(Images(Arc::clone(&blobs))),
            shown,
        );
        let queue = match &settings.queue {
            Some(queue) => queue.clone(),
            None => own_queue(&folder)?,
        };
        let services = Services {
            model: Arc::new(SchemaChecked::new(Router::new(Arc::clone(providers), owner.sweeping()))),
            tools: owner.with_skills(Arc::new(tools)),
            workspace: Arc::clone(&owner.workspace),
            redactor,
            bus,
            blobs,
            conversations: Arc::new(Conversations::default()),
        };
        let run_options = RunOptions {
            model_queue: settings.model_queue.clone(),
            // The server of a data folder knows them; another one may not, and would refuse every thread. They are not
            // encrypted, so whoever encrypts has to ask for them.
            search_attributes: settings.search_attributes || lease.is_some() && !is_encrypted,
            ..RunOptions::default()
        };
        Ok(Self {
            client,
            services,
            durability: durability(&target, lease.as_ref(), &queue),
            address: target.address(),
            namespace: target.namespace().to_owned(),
            queue,
            owns_queue: settings.queue.is_none(),
            run_options,
            folder,
            lease: Mutex::new(lease),
        })
    }

    /// How a worker of this site works.
    pub(crate) fn worker_options(&self) -> WorkerOptions {
        let roles = match &self.run_options.model_queue {
            None => Roles::All,
            Some(queue) => Roles::AllAndModelsOf(queue.clone()),
        };
        WorkerOptions {
            roles,
            ..WorkerOptions::new(&self.queue, self.folder.join("tasks").join(self.line()))
        }
    }

    /// The lock of whoever serves the queue on this server. All processes of this data folder know it.
    pub(crate) fn lock(&self) -> PathBuf {
        self.folder.join(format!("{}.lock", self.line()))
    }

    /// The queue and the server, as part of a file's name: the queue of the same name on another server is another one.
    fn line(&self) -> String {
        let name = format!("{}@{}@{}", self.queue, self.address, self.namespace);
        name.replace(|c: char| !c.is_ascii_alphanumeric() && !"-_.@".contains(c), "_")
    }

    /// Where a process that only asks models keeps what it knows of them, and its lock, which nobody else takes.
    pub(crate) fn of_models(&self) -> (PathBuf, PathBuf) {
        let folder = self.folder.join("models").join(std::process::id().to_string());
        (folder.join("tasks"), folder.join("lock"))
    }

    /// Brings a server of this data folder back, should it have died.
    pub(crate) async fn mend(&self) {
        let lease = self.lease.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(lease) = lease else { return };
        if let Err(error) = lease.ensure_running().await {
            tracing::warn!(%error, "the Temporal server cannot be brought back");
        }
        *self.lease.lock().unwrap_or_else(PoisonError::into_inner) = Some(lease);
    }

    /// Leaves the server. The last one to leave stops it, and does not wait until it has stopped: that takes a second.
    pub(crate) fn leave(&self) {
        drop(self.lease.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// Waits until the server of a data folder that is about to be removed has stopped.
pub(crate) async fn stopped(environment: &Environment, home: &Path) {
    let search = CliSearch::in_environment(environment, home);
    if let Err(error) = stop_server(&ServerHome::new(home, search, Reporter::default())).await {
        tracing::warn!(%error, "the Temporal server does not stop");
    }
}

/// The server, and the lease on it where it is one of this data folder.
async fn target(wishes: &Wishes, home: &Path) -> Result<(Target, Option<ServerLease>), Failure> {
    let settings = &wishes.config().temporal;
    let options = ConnectOptions::new(settings, &wishes.environment);
    let target = Target::resolve(&options).map_err(|error| Failure::usage(error.to_string()))?;
    if *target.named_by() != NamedBy::Nobody || settings.dev_server == DevServerStart::Never {
        return Ok((target, None));
    }
    if let Some(namespace) = settings.namespace.as_deref().filter(|name| *name != NAMESPACE) {
        return Err(Failure::usage(format!(
            "the Temporal server of this machine has the namespace {NAMESPACE} only, not {namespace}: name a server with \
             --address, or leave out the namespace"
        )));
    }
    let search = CliSearch::in_environment(&wishes.environment, home);
    let reporter = Reporter::new(|progress| output::remark(&format!("{progress} …")));
    let lease = use_server(&ServerHome::new(home, search, reporter), ServerWish::default())
        .await
        .map_err(|error| Failure::backend(&error))?;
    let options =
        ConnectOptions { namespace: settings.namespace.clone(), ..ConnectOptions::at(lease.address()) };
    let target = Target::resolve(&options).map_err(|error| Failure::usage(error.to_string()))?;
    Ok((target, Some(lease)))
}

fn codec(wishes: &Wishes) -> Result<Option<Codec>, Failure> {
    let Some(keys) = &wishes.config().temporal.codec_keys else { return Ok(None) };
    let codec = Codec::open(KeySource::new(keys, &wishes.environment));
    codec.map(Some).map_err(|error| Failure::new(Exit::Usage, error.to_string()))
}

/// The bus that is configured, else one within this process.
async fn bus(settings: &Temporal, providers: &Providers) -> Result<Arc<dyn Bus>, Failure> {
    let Some(address) = &settings.bus else { return Ok(Arc::new(LocalBus::new(BUS_CAPACITY))) };
    let options = NatsOptions::parse(address.expose()).map_err(|error| Failure::usage(error.to_string()))?;
    providers.redactor.learn(options.secrets());
    let bus = NatsBus::connect(options).await.map_err(|error| Failure::backend(&error))?;
    Ok(Arc::new(bus))
}

/// The queue of a data folder, which is given one when it is first asked for.
pub(crate) fn own_queue(folder: &Path) -> Result<String, Failure> {
    let chance = uuid::Uuid::new_v4().simple().to_string();
    queue_of(folder, &chance[..8])
        .map_err(|error| Failure::new(Exit::Backend, format!("the queue of the data folder: {error}")))
}

/// What becomes of a thread when something dies, in one line.
fn durability(target: &Target, lease: Option<&ServerLease>, queue: &str) -> String {
    let server = match lease {
        Some(_) => format!("Temporal on this machine ({}), its data in the data folder", target.address()),
        None => format!("Temporal at {} in namespace {}", target.address(), target.namespace()),
    };
    format!("{server}; survives the death of any process; tools run where queue {queue} is served")
}

/// Blobs of local threads, and those of threads on Temporal.
struct AllBlobs {
    local: Arc<dyn BlobSource>,
    temporal: FileBlobs,
}

/// The blobs of local threads and those of threads on Temporal. Both are named by their digests.
pub(crate) fn with_temporal_blobs(local: Arc<dyn BlobSource>, home: &Path) -> Arc<dyn BlobSource> {
    Arc::new(AllBlobs { local, temporal: FileBlobs::new(marker(home).join(BLOBS)) })
}

#[async_trait]
impl BlobSource for AllBlobs {
    async fn blob(&self, id: &BlobId) -> Result<Option<Vec<u8>>, StorageError> {
        match self.temporal.read(id)? {
            Some(bytes) => Ok(Some(bytes)),
            None => self.local.blob(id).await,
        }
    }
}

/// Keeps images that tools look at.
struct Images(Arc<FileBlobs>);

#[async_trait]
impl BlobWriter for Images {
    async fn put(&self, _key: &ThreadKey, bytes: Vec<u8>) -> Result<BlobId, String> {
        let blobs = Arc::clone(&self.0);
        let written = tokio::task::spawn_blocking(move || blobs.write(&bytes)).await;
        written.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }
}
