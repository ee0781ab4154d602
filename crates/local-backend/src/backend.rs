//! [`LocalBackend`]: starts threads and resumes them, each served by a task of this process.

use crate::{
    Database, LocalError, LocalInbox, LocalSession, RemoteSession, SystemEntropy, ThreadStore, blobs,
    driver::Driver, lookup::Desk, session::Shared,
};
use agent_core::{
    Entropy, EventSink, Genesis, Library, ModelStreamer, Redactor, StartUp, StorageBackend, Tenant, Thread,
    ThreadId, ThreadKey, ToolCallHandler, Workspace, recover,
};
use sink::{Channel, Heard, Relay};
use std::{fmt, sync::Arc};

/// Signals that may wait for the slowest reader of a thread in this process; beyond them it reads the database.
const CHANNEL_CAPACITY: usize = 1024;

/// What serves the threads of this process.
#[derive(Clone)]
pub struct Services {
    /// Model calls.
    pub model: Arc<dyn ModelStreamer>,
    /// Tool calls.
    pub tools: Arc<dyn ToolCallHandler>,
    /// Snapshots of workspaces, and hooks; `Arc::new(())` where there are none.
    pub workspace: Arc<dyn Workspace>,
    /// What clients look up beside their threads; without it such ops are refused.
    pub library: Option<Arc<dyn Library>>,
    /// Secrets that must not be stored.
    pub redactor: Redactor,
    /// Another receiver of the events of all threads.
    pub sink: Option<Arc<dyn EventSink>>,
}

/// Threads in this process.
#[derive(Clone)]
pub struct LocalBackend {
    database: Database,
    services: Services,
    entropy: Arc<dyn Entropy>,
    relay: Option<Arc<Relay>>,
}

impl LocalBackend {
    /// A backend over an open database.
    pub fn new(database: Database, services: Services) -> Self {
        Self { database, services, entropy: Arc::new(SystemEntropy), relay: None }
    }

    /// The same, with what the tools show while they run passed on to the readers of its thread.
    #[must_use]
    pub fn with_relay(self, relay: Arc<Relay>) -> Self {
        Self { relay: Some(relay), ..self }
    }

    /// The same with other time and ids, for tests.
    #[must_use]
    pub fn with_entropy(self, entropy: Arc<dyn Entropy>) -> Self {
        Self { entropy, ..self }
    }

    /// The database: list, get, delete, export, fork, pending questions.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Starts a new thread. `Ok` means that it exists and is served. How durable it is, the backend says itself.
    pub async fn start(&self, tenant: Tenant, genesis: Genesis) -> Result<LocalSession, LocalError> {
        let key = ThreadKey { tenant, thread: ThreadId::new(self.entropy.id()) };
        let store = ThreadStore::create(&self.database, &key, self.entropy.now_ms()).await?;
        if let Some((origin, _)) = genesis.forked_from.as_deref().and_then(|from| from.rsplit_once('/')) {
            blobs::share(&self.database, &key.tenant, origin, store.reader().thread).await?;
        }
        let durability = self.database.durability().statement().to_owned();
        let genesis = Genesis { durability, ..genesis };
        let channel = Arc::new(Channel::new(CHANNEL_CAPACITY, 0));
        let mut ear = channel.listen();
        let inbox = LocalInbox::of(&store);
        let session = self.serve(store, inbox, Thread::new(key), StartUp::New(Box::new(genesis)), channel);
        let begun =
            async { matches!(ear.hear().await, Heard::Events(_) | Heard::Live { .. } | Heard::Lagged) };
        tokio::select! {
            biased;
            true = begun => Ok(session),
            ended = session.wait() => match ended {
                Ok(_) => Ok(session),
                Err(error) => Err(error),
            },
        }
    }

    /// Serves a thread again that was shut down, left, or cut off. A turn that was cut off goes on.
    ///
    /// # Errors
    /// [`LocalError::Busy`] while somebody serves it.
    pub async fn resume(&self, key: &ThreadKey) -> Result<LocalSession, LocalError> {
        let store = ThreadStore::open(&self.database, key).await?;
        let thread = recover(key.clone(), store.load().await?)?;
        if thread.is_new() {
            // Its process died before it had begun.
            return Err(LocalError::UnknownThread { id: key.thread.to_string() });
        }
        let channel = Arc::new(Channel::new(CHANNEL_CAPACITY, thread.event_seq()));
        let inbox = LocalInbox::of(&store);
        inbox.read_ahead().await?;
        Ok(self.serve(store, inbox, thread, StartUp::Crash, channel))
    }

    /// A session for a thread that another process serves, or nobody.
    pub async fn attach(&self, key: &ThreadKey) -> Result<RemoteSession, LocalError> {
        let session = self.database.attach(key).await?;
        Ok(session.with_redactor(self.services.redactor.clone()).with_library(self.services.library.clone()))
    }

    fn serve(
        &self,
        store: ThreadStore,
        inbox: LocalInbox,
        thread: Thread,
        start_up: StartUp,
        channel: Arc<Channel>,
    ) -> LocalSession {
        if let Some(relay) = &self.relay {
            let sink: Arc<dyn EventSink> = Arc::clone(&channel) as _;
            relay.route(store.reader().key().clone(), &sink);
        }
        let settings = match &start_up {
            StartUp::New(genesis) => genesis.settings.clone(),
            StartUp::Crash | StartUp::HandOver => thread.settings().clone(),
        };
        let inbox = Arc::new(inbox);
        let reader = store.reader().clone();
        let driver = Driver {
            store,
            thread,
            start_up,
            services: self.services.clone(),
            entropy: Arc::clone(&self.entropy),
            inbox: Arc::clone(&inbox),
            channel: Arc::clone(&channel),
        };
        LocalSession::new(Shared {
            reader,
            inbox,
            channel,
            served: driver.spawn(),
            redactor: self.services.redactor.clone(),
            desk: Desk::new(self.services.library.clone()),
            settings,
        })
    }
}

impl fmt::Debug for LocalBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalBackend").field("database", &self.database).finish_non_exhaustive()
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services").field("redactor", &self.redactor).finish_non_exhaustive()
    }
}
