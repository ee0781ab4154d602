//! Puts together what a command needs: storage, models, tools, settings.

use crate::{
    args::{RunArgs, WhichThread},
    exit::{Exit, Failure},
    follow::{Follower, submission},
    providers::{Providers, no_key},
    router::Router,
    settings::{Attendance, Wishes},
    tooling,
    view::{Reasoning, Taste},
};
use agent_core::{
    AgentSession, BlobRef, Content, Event, EventKind, Genesis, Op, Settings, Shared, Source, Tenant,
    ThreadKey, TurnOverrides,
};
use config::{CredentialStore, Environment, Home};
use local_backend::{
    Database, DatabaseConfig, Durability, ForkPoint, LocalBackend, LocalError, LocalSession,
    PendingInteraction, RemoteSession, Services, ThreadFilter, ThreadStatus, ThreadSummary,
};
use models::SchemaChecked;
use sink::Relay;
use std::{path::Path, sync::Arc};
use tempfile::TempDir;
use tools::Image;

/// Everything a command works with.
pub(crate) struct Host {
    backend: LocalBackend,
    wishes: Wishes,
    providers: Arc<Providers>,
    specs: Vec<agent_core::ToolSpec>,
    /// Where an ephemeral thread lives; gone with the host.
    _temporary: Option<TempDir>,
}

/// Where threads are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// In the data folder.
    Home,
    /// In a temporary folder.
    Nowhere,
}

impl Host {
    pub(crate) async fn open(
        environment: &Environment,
        run: RunArgs,
        keeping: Keeping,
    ) -> Result<Self, Failure> {
        let home = Home::open(environment).map_err(|error| Failure::backend(&error))?;
        let wishes = Wishes::load(environment, home.root(), run)?;
        let temporary = match keeping {
            Keeping::Home => None,
            Keeping::Nowhere => Some(temporary()?),
        };
        let folder = temporary.as_ref().map_or(home.root(), TempDir::path);
        let durability = match (keeping, wishes.config().durability) {
            (Keeping::Nowhere, _) => Durability::Ephemeral,
            (Keeping::Home, config::Durability::Process) => Durability::Process,
            (Keeping::Home, config::Durability::Power) => Durability::Power,
        };
        let config = DatabaseConfig { home: folder.to_owned(), durability };
        let database = Database::open(config).await.map_err(|error| named(&error, folder))?;
        let relay = Arc::new(Relay::default());
        let providers = Arc::new(providers(&wishes, home.root(), &database)?);
        let (tools, redactor) = tooling::tools(&wishes, &providers, folder, durability, &database, &relay);
        let specs = tools.specs();
        let services = Services {
            model: Arc::new(SchemaChecked::new(Router::new(Arc::clone(&providers)))),
            tools: Arc::new(tools),
            redactor,
            sink: None,
        };
        let backend = LocalBackend::new(database, services).with_relay(relay);
        Ok(Self { backend, wishes, providers, specs, _temporary: temporary })
    }

    /// Folds what was written into the database's file and closes it, so that the next start has nothing to recover. No
    /// session is served any more.
    pub(crate) async fn close(self) {
        if let Err(error) = self.database().close().await {
            crate::output::warn(&format!("the database was not closed in good order: {error}"));
        }
    }

    fn database(&self) -> &Database {
        self.backend.database()
    }

    /// What the configuration and the command line want.
    pub(crate) fn wishes(&self) -> &Wishes {
        &self.wishes
    }

    /// How a thread with this model is shown.
    pub(crate) fn taste(&self, model: &str) -> Taste {
        let config = self.wishes.config();
        let reasoning = match (config.hide_agent_reasoning, config.show_raw_agent_reasoning) {
            (true, _) => Reasoning::Hidden,
            (false, true) => Reasoning::Raw,
            (false, false) => Reasoning::Summary,
        };
        Taste { reasoning, catalogue: self.providers.catalogue.clone(), model: model.to_owned() }
    }

    /// The settings of a new thread, once it is clear that somebody can answer it.
    pub(crate) fn settings(&self, attendance: Attendance) -> Result<Settings, Failure> {
        let settings = self.wishes.settings(attendance)?;
        if self.wishes.is_scripted() {
            return Ok(settings);
        }
        for notice in &self.wishes.loaded.notices {
            crate::output::warn(notice);
        }
        let (id, entry) = (settings.provider.as_str(), self.wishes.config().provider());
        if let Some(entry) = entry.filter(|entry| entry.requires_key)
            && self
                .providers
                .key(id, entry)
                .map_err(|error| Failure::new(Exit::Failed, error.message))?
                .is_none()
        {
            let advice = "or try --script FILE, or everturn demo";
            return Err(Failure::new(Exit::Failed, format!("{}; {advice}", no_key(id, entry))));
        }
        if let Some(advice) = self.providers.catalogue.model(&settings.model).advice() {
            crate::output::warn(&advice);
        }
        Ok(settings)
    }

    /// Starts a new thread.
    pub(crate) async fn start(&self, settings: Settings, source: Source) -> Result<LocalSession, Failure> {
        let genesis = Genesis {
            source,
            instructions: self.wishes.instructions(),
            tools: Shared::new(self.specs.clone()),
            items: self.wishes.project(&settings.cwd),
            settings,
            ..Genesis::default()
        };
        Ok(self.backend.start(Tenant::default(), genesis).await?)
    }

    /// Serves a thread again, as it is.
    pub(crate) async fn resume(&self, key: &ThreadKey) -> Result<LocalSession, Failure> {
        Ok(self.backend.resume(key).await?)
    }

    /// Changes of a thread what the command line says, and tells it what has changed around it.
    pub(crate) async fn adjust(&self, session: &LocalSession) -> Result<(), Failure> {
        let before = session.first_settings();
        self.wishes.remark_on_kept(before)?;
        let overrides = self.wishes.overrides(before)?;
        if overrides != TurnOverrides::default() {
            session.submit(submission(session, Op::OverrideTurnContext { overrides })).await?;
        }
        Ok(())
    }

    /// Whether a model is shown images, as far as is known.
    pub(crate) fn sees_images(&self, model: &str) -> bool {
        self.providers.catalogue.model(model).images
    }

    /// Keeps an image that a submission to this thread is going to show.
    pub(crate) async fn keep_image(&self, key: &ThreadKey, image: Image) -> Result<Content, Failure> {
        let bytes = image.bytes.len() as u64;
        let remote = self.database().attach(key).await?;
        let kept = remote.put_blob(&image.bytes).await;
        let id = kept.map_err(|error| Failure::backend(&error))?;
        Ok(Content::Blob { blob: BlobRef { id, bytes, media_type: image.media_type.to_owned() } })
    }

    /// Serves a thread again, unless somebody else does by now.
    pub(crate) async fn resume_unless_served(
        &self,
        key: &ThreadKey,
    ) -> Result<Option<LocalSession>, Failure> {
        match self.backend.resume(key).await {
            Ok(session) => {
                self.adjust(&session).await?;
                Ok(Some(session))
            }
            Err(LocalError::Busy { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Starts a new thread with the past of another.
    pub(crate) async fn fork(&self, key: &ThreadKey, at: ForkPoint) -> Result<LocalSession, Failure> {
        let genesis = self.database().fork(key, at).await?;
        let session = self.backend.start(key.tenant.clone(), genesis).await?;
        self.adjust(&session).await?;
        Ok(session)
    }

    /// A thread as seen from outside the process that serves it.
    pub(crate) async fn attach(&self, key: &ThreadKey) -> Result<RemoteSession, Failure> {
        Ok(self.backend.attach(key).await?)
    }

    /// The thread that a beginning or an end of its id means.
    pub(crate) async fn find(&self, id: &str) -> Result<ThreadKey, Failure> {
        let all = self.database().list(&ThreadFilter::of(Tenant::default())).await?;
        let fits = |thread: &&ThreadSummary| {
            let known = thread.key.thread.as_str();
            known == id || id.len() >= 4 && (known.starts_with(id) || known.ends_with(id))
        };
        let mut found = all.iter().filter(fits);
        match (found.next(), found.next()) {
            (Some(thread), None) => Ok(thread.key.clone()),
            (Some(_), Some(_)) => {
                Err(Failure::usage(format!("several threads fit {id}; give more of the id")))
            }
            (None, _) => {
                Err(Failure::usage(format!("there is no thread {id}; everturn sessions lists what there is")))
            }
        }
    }

    /// The thread that was used last.
    pub(crate) async fn last(&self) -> Result<ThreadKey, Failure> {
        let filter = ThreadFilter { limit: 1, ..ThreadFilter::of(Tenant::default()) };
        let last = self.database().list(&filter).await?.into_iter().next();
        last.map(|thread| thread.key).ok_or_else(|| {
            Failure::usage("there is no thread yet; begin one with everturn or everturn exec \"…\"")
        })
    }

    pub(crate) async fn find_or_last(&self, id: Option<&str>) -> Result<ThreadKey, Failure> {
        match id {
            Some(id) => self.find(id).await,
            None => self.last().await,
        }
    }

    pub(crate) async fn which(&self, which: &WhichThread) -> Result<ThreadKey, Failure> {
        self.find_or_last(which.id.as_deref()).await
    }

    /// What is known of a thread.
    pub(crate) async fn summary(&self, key: &ThreadKey) -> Result<ThreadSummary, Failure> {
        Ok(self.database().get(key).await?)
    }

    /// All threads, the last used first.
    pub(crate) async fn threads(&self) -> Result<Vec<ThreadSummary>, Failure> {
        Ok(self.database().list(&ThreadFilter::of(Tenant::default())).await?)
    }

    pub(crate) async fn delete(&self, key: &ThreadKey) -> Result<(), Failure> {
        Ok(self.database().delete(key).await?)
    }

    pub(crate) async fn export(
        &self,
        key: &ThreadKey,
        format: local_backend::ExportFormat,
        out: &mut (dyn std::io::Write + Send),
    ) -> Result<(), Failure> {
        Ok(self.database().export(key, format, out).await?)
    }

    /// The questions that wait, of all threads.
    pub(crate) async fn open_questions(&self) -> Result<Vec<PendingInteraction>, Failure> {
        Ok(self.database().pending(&Tenant::default()).await?)
    }

    /// The first event of a thread, which says what it is.
    pub(crate) async fn first_event(&self, key: &ThreadKey) -> Result<Event, Failure> {
        let events = self.attach(key).await?.reader().events(0, 1).await.map_err(LocalError::from)?;
        events
            .into_iter()
            .next()
            .ok_or_else(|| LocalError::UnknownThread { id: key.thread.to_string() }.into())
    }

    /// A follower of a thread from where it is now, which knows the questions that are open.
    pub(crate) async fn follower<'a>(
        &self,
        before: &ThreadSummary,
        session: &'a dyn AgentSession,
        view: &'a mut dyn crate::view::View,
    ) -> Result<Follower<'a>, Failure> {
        let mut follower = Follower::new(session, view, before.last_event);
        for question in self.open_questions().await? {
            if question.key == before.key && question.question.seq <= before.last_event {
                follower.recall(&question.question);
            }
        }
        Ok(follower)
    }
}

/// Whether a turn was going on.
pub(crate) fn is_active(thread: &ThreadSummary) -> bool {
    matches!(thread.status, ThreadStatus::Running | ThreadStatus::Waiting)
}

/// The op that answers a question.
pub(crate) fn answer(question: &PendingInteraction, decision: agent_core::ApprovalDecision) -> Op {
    let id = question.id.clone();
    match question.question.kind {
        EventKind::PatchApprovalRequest(_) => Op::PatchApproval { id, decision },
        _ => Op::ExecApproval { id, decision },
    }
}

/// A folder for a thread that is not kept.
fn temporary() -> Result<TempDir, Failure> {
    tempfile::Builder::new().prefix("everturn-").tempdir().map_err(|error| {
        Failure::new(Exit::Backend, format!("no temporary folder can be made for the thread: {error}"))
    })
}

fn providers(wishes: &Wishes, home: &Path, database: &Database) -> Result<Providers, Failure> {
    let config = wishes.config();
    let credentials = CredentialStore::open(home, config.cli_auth_credentials_store)
        .map_err(|error| Failure::backend(&error))?;
    for warning in credentials.warnings() {
        crate::output::warn(warning);
    }
    let blobs = Arc::new(database.blobs(&Tenant::default()));
    Ok(Providers::new(config, wishes.environment.clone(), credentials, wishes.catalogue(), blobs))
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
