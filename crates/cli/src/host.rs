//! Puts together what a command needs: storage, models, tools, settings.

use crate::{
    args::{RunArgs, WhichThread},
    backend::{
        Backend, Backends, Listed, LocalStore, Place, ServedSession, Temporal, marker, with_temporal_blobs,
    },
    exit::{Exit, Failure},
    follow::{Follower, submission},
    owner::Owner,
    providers::{Providers, no_key},
    router::{Router, is_scripted},
    settings::{Attendance, Purpose, Wishes},
    tooling,
    view::{Reasoning, Taste, View},
};
use agent_core::{
    AgentSession, Asked, BlobSource, Discovery, ForkPoint, Genesis, InteractionId, Item, Listing, Op,
    PendingInteraction, Query, Refusal, Settings, Shared, Source, Tenant, ThreadFilter, ThreadId, ThreadKey,
    ThreadSummary, TurnOverrides,
};
use config::{CredentialStore, CustomPrompts, Environment, Home, Skills};
use models::SchemaChecked;
use sink::Relay;
use std::{path::Path, sync::Arc};
use tempfile::TempDir;
use tools::ToolRegistry;

/// Everything a command works with.
pub(crate) struct Host {
    backends: Backends,
    wishes: Arc<Wishes>,
    providers: Arc<Providers>,
    specs: Vec<agent_core::ToolSpec>,
    tools: Arc<ToolRegistry>,
    owner: Owner,
    #[cfg_attr(not(feature = "temporal"), expect(dead_code, reason = "only workers ask for it"))]
    temporal: Arc<Temporal>,
    /// Where an ephemeral thread lives; gone with the host.
    _temporary: Option<TempDir>,
}

/// Where threads are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// In the data folder, or by a server.
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
        Self::open_for(Purpose::Serve, environment, run, keeping).await
    }

    /// The same for this purpose.
    pub(crate) async fn open_for(
        purpose: Purpose,
        environment: &Environment,
        run: RunArgs,
        keeping: Keeping,
    ) -> Result<Self, Failure> {
        let home = Home::open(environment).map_err(|error| Failure::backend(&error))?;
        let only = run.layers.whereabouts.backend.map(config::Backend::from);
        let wishes = Arc::new(Wishes::load(environment, home.root(), run, purpose)?);
        let config = wishes.config();
        if (keeping, config.backend) == (Keeping::Nowhere, config::Backend::Temporal) {
            return Err(Failure::usage(
                "a thread on Temporal is kept by the server, so it cannot be ephemeral: leave out --ephemeral, or add \
                 --backend local",
            ));
        }
        let temporary = match keeping {
            Keeping::Home => None,
            Keeping::Nowhere => Some(temporary()?),
        };
        let folder = temporary.as_ref().map_or(home.root(), TempDir::path);
        let store = LocalStore::open(folder, keeping, config.durability).await?;
        let relay = Arc::new(Relay::default());
        let blobs = with_temporal_blobs(store.blobs(), home.root());
        let providers = Arc::new(providers(&wishes, home.root(), blobs)?);
        let (tools, redactor) = tooling::tools(
            &wishes,
            &providers,
            (home.root(), folder),
            keeping,
            store.blob_writer(),
            Arc::clone(&relay) as _,
        );
        let tools = Arc::new(tools);
        let specs = tools.specs();
        let owner = Owner::new(&wishes, &providers, (home.root(), folder), keeping);
        let router = Router::new(Arc::clone(&providers), owner.sweeping());
        let model = Arc::new(SchemaChecked::new(router));
        let local = store.serve(model, owner.with_skills(Arc::clone(&tools)), &owner, redactor, relay);
        let temporal = Arc::new(Temporal {
            wishes: Arc::clone(&wishes),
            providers: Arc::clone(&providers),
            owner: owner.clone(),
            home: home.root().to_owned(),
        });
        let opened = Arc::clone(&temporal);
        let open = Box::new(move || Box::pin(Arc::clone(&opened).open()) as _);
        let backends = Backends::new(local, open, config.backend, marker(home.root()))
            .only(only)
            .configured(config.temporal.address.is_some());
        Ok(Self { backends, wishes, providers, specs, tools, owner, temporal, _temporary: temporary })
    }

    /// Leaves the backends in good order. No session is used any more.
    pub(crate) async fn close(&self) {
        self.backends.close().await;
        self.tools.end_sessions(None).await;
        self.tools.close_servers().await;
    }

    /// Leaves the backends at once: the process has been told to end.
    pub(crate) async fn abandon(&self) {
        self.backends.abandon().await;
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
        self.tell_notices();
        if self.wishes.is_scripted() {
            return Ok(settings);
        }
        self.require_key().map_err(|failure| Failure {
            message: format!("{}; or try --script FILE, or everturn demo", failure.message),
            ..failure
        })?;
        if let Some(advice) = self.providers.catalogue.model(&settings.model).advice() {
            crate::output::warn(&advice);
        }
        Ok(settings)
    }

    /// Says what of the configuration has no effect, that of a project nobody has said to trust included.
    pub(crate) fn tell_notices(&self) {
        self.wishes.loaded.notices.iter().for_each(|notice| crate::output::warn(notice));
    }

    /// Makes sure that the configured provider has the key it needs.
    pub(crate) fn require_key(&self) -> Result<(), Failure> {
        let (id, entry) = (self.wishes.config().model_provider.as_str(), self.wishes.config().provider());
        let Some(entry) = entry.filter(|entry| {
            entry.requires_key && !self.wishes.is_scripted() && !is_scripted(&self.wishes.config().model)
        }) else {
            return Ok(());
        };
        let key = self.providers.key(id, entry).map_err(|error| Failure::new(Exit::Failed, error.message))?;
        if key.is_some() {
            return Ok(());
        }
        Err(Failure::new(Exit::Failed, no_key(id, entry)))
    }

    /// The Temporal server, and what this process brings to it.
    #[cfg(feature = "temporal")]
    pub(crate) async fn temporal_site(&self) -> Result<crate::temporal_site::TemporalSite, Failure> {
        self.temporal.site().await
    }

    /// Tools of servers come and go; without servers they stay what they are.
    fn discovery(&self) -> Discovery {
        let servers = self.wishes.config().mcp_servers.values();
        let is_any = cfg!(feature = "mcp") && servers.into_iter().any(|server| server.enabled);
        if is_any { Discovery::EachTurn } else { Discovery::Fixed }
    }

    /// What a thread is told before the user says anything: the project's files, and the skills there are.
    fn told_at_first(&self, cwd: &str) -> Vec<Shared<Item>> {
        let mut told = self.wishes.project(cwd);
        let skills = self.owner.skills.at(Path::new(cwd));
        for warning in skills.warnings.iter().chain(&self.custom_prompts().warnings) {
            crate::output::warn(warning);
        }
        let listed = self.owner.skills.told(Path::new(cwd));
        told.extend(listed.map(|text| Shared::new(Item::Context { text })));
        told
    }

    /// Starts a new thread.
    pub(crate) async fn start(
        &self,
        settings: Settings,
        source: Source,
    ) -> Result<Box<dyn ServedSession>, Failure> {
        let genesis = Genesis {
            source,
            instructions: self.wishes.instructions(),
            tools: Shared::new(self.specs.clone()),
            discovery: self.discovery(),
            items: self.told_at_first(&settings.cwd),
            settings,
            ..Genesis::default()
        };
        self.backends.for_new_threads().await?.start(Tenant::default(), genesis).await
    }

    /// Changes of a thread what the command line says, and tells it what has changed around it.
    pub(crate) async fn adjust(&self, session: &dyn ServedSession) -> Result<(), Failure> {
        let before = session.first_settings();
        self.wishes.remark_on_kept(before)?;
        let overrides = self.wishes.overrides(before)?;
        if overrides != TurnOverrides::default() {
            session.submit(submission(session, Op::OverrideTurnContext { overrides })).await?;
        }
        Ok(())
    }

    /// Refuses a thread that may not go on under what is allowed on this machine, before anything of it is served.
    pub(crate) async fn require_allowed(&self, place: &Place) -> Result<(), Failure> {
        if self.wishes.config().constraints.is_empty() {
            return Ok(());
        }
        self.wishes.require_allowed(&place.settings().await?)
    }

    /// Whether a model is shown images, as far as is known.
    pub(crate) fn sees_images(&self, model: &str) -> bool {
        self.providers.catalogue.model(model).images
    }

    /// Serves a thread again, unless somebody else does by now.
    pub(crate) async fn resume_unless_served(
        &self,
        place: &Place,
    ) -> Result<Option<Box<dyn ServedSession>>, Failure> {
        self.require_allowed(place).await?;
        let session = place.resume_unless_served().await?;
        if let Some(session) = &session {
            self.adjust(&**session).await?;
        }
        Ok(session)
    }

    /// Starts a new thread with the past of another.
    pub(crate) async fn fork(&self, place: &Place, at: ForkPoint) -> Result<Box<dyn ServedSession>, Failure> {
        self.require_allowed(place).await?;
        let session = place.fork(at).await?;
        self.adjust(&*session).await?;
        Ok(session)
    }

    /// The skills of a directory.
    pub(crate) fn skills(&self, cwd: &Path) -> Skills {
        self.owner.skills.at(cwd)
    }

    /// The prompts of the user's own.
    pub(crate) fn custom_prompts(&self) -> CustomPrompts {
        self.owner.custom_prompts()
    }

    /// What a client of a thread would be answered, without a thread.
    pub(crate) async fn look_up(&self, query: Query) -> Result<Listing, Refusal> {
        let key = ThreadKey { tenant: Tenant::default(), thread: ThreadId::new("none") };
        self.owner.library.answer(Asked { key, query }).await
    }

    /// Deletes a thread with all that is kept of it, the snapshots of its files included.
    pub(crate) async fn delete(&self, place: &Place) -> Result<(), Failure> {
        place.delete().await?;
        self.owner.forget(place.key()).await;
        Ok(())
    }

    /// The thread that a beginning or an end of its id means, wherever it lives.
    pub(crate) async fn find(&self, id: &str) -> Result<Place, Failure> {
        self.backends.find(&Tenant::default(), id).await
    }

    /// The same with the files as they were then, in a directory of their own.
    pub(crate) async fn fork_with_files(
        &self,
        place: &Place,
        at: ForkPoint,
        folder: &Path,
    ) -> Result<Box<dyn ServedSession>, Failure> {
        let files = self.owner.write_worktree(place, at, folder).await?;
        let cwd = folder
            .canonicalize()
            .map_err(|error| Failure::usage(format!("{} cannot be worked in: {error}", folder.display())))?;
        crate::output::remark(&format!("{files} files are in {}", cwd.display()));
        let session = self.fork(place, at).await?;
        let overrides =
            TurnOverrides { cwd: Some(cwd.to_string_lossy().into_owned()), ..TurnOverrides::default() };
        session.submit(submission(&*session, Op::OverrideTurnContext { overrides })).await?;
        Ok(session)
    }

    /// Both backends, to move a thread from one to the other.
    pub(crate) async fn both_backends(&self) -> Result<[Arc<dyn Backend>; 2], Failure> {
        self.backends.both().await
    }

    /// The thread that was used last.
    pub(crate) async fn last(&self) -> Result<Place, Failure> {
        self.backends.last(&Tenant::default()).await?.ok_or_else(|| {
            Failure::usage("there is no thread yet; begin one with everturn or everturn exec \"…\"")
        })
    }

    pub(crate) async fn find_or_last(&self, id: Option<&str>) -> Result<Place, Failure> {
        match id {
            Some(id) => self.find(id).await,
            None => self.last().await,
        }
    }

    pub(crate) async fn which(&self, which: &WhichThread) -> Result<Place, Failure> {
        self.find_or_last(which.id.as_deref()).await
    }

    /// All threads, the last used first.
    pub(crate) async fn threads(&self) -> Result<Vec<Listed>, Failure> {
        self.backends.list(&ThreadFilter::of(Tenant::default())).await
    }

    /// The questions that wait, of all threads.
    pub(crate) async fn open_questions(&self) -> Result<Vec<PendingInteraction>, Failure> {
        self.backends.pending(&Tenant::default()).await
    }

    /// A question that waits, and the thread that asks it.
    pub(crate) async fn find_question(&self, id: &str) -> Result<(Place, PendingInteraction), Failure> {
        let found = self.backends.question(&Tenant::default(), &InteractionId::new(id)).await?;
        found.ok_or_else(|| {
            Failure::usage(format!(
                "no question {id} is waiting for an answer; everturn approvals lists those that are"
            ))
        })
    }

    /// A follower of a thread from where it is now, which knows the questions that are open.
    pub(crate) async fn follower<'a>(
        &self,
        place: &Place,
        before: &ThreadSummary,
        session: &'a dyn AgentSession,
        view: &'a mut dyn View,
    ) -> Result<Follower<'a>, Failure> {
        let mut follower = Follower::new(session, view, before.last_event);
        if before.status.is_active() {
            follower.mid_turn();
        }
        for question in place.questions().await? {
            if question.question.seq <= before.last_event {
                follower.recall(&question.question);
            }
        }
        Ok(follower)
    }
}

/// A folder for a thread that is not kept.
fn temporary() -> Result<TempDir, Failure> {
    tempfile::Builder::new().prefix("everturn-").tempdir().map_err(|error| {
        Failure::new(Exit::Backend, format!("no temporary folder can be made for the thread: {error}"))
    })
}

fn providers(wishes: &Wishes, home: &Path, blobs: Arc<dyn BlobSource>) -> Result<Providers, Failure> {
    let config = wishes.config();
    let credentials = CredentialStore::open(home, config.cli_auth_credentials_store)
        .map_err(|error| Failure::backend(&error))?;
    for warning in credentials.warnings() {
        crate::output::warn(warning);
    }
    Ok(Providers::new(config, wishes.environment.clone(), credentials, wishes.catalogue(), blobs))
}
