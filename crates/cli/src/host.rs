//! Puts together what a command needs: storage, models, tools, settings.

use crate::{
    args::{Approval, RunArgs, Sandbox, WhichThread},
    exit::{Exit, Failure},
    follow::{Follower, submission},
    router::{Router, is_scripted, scripted},
};
use agent_core::{
    AgentSession, ApprovalPolicy, BlobId, Budget, Event, EventKind, Genesis, Item, ModelStreamer, Op,
    Redactor, SandboxPolicy, Settings, Shared, Source, Tenant, ThreadKey, TurnOverrides,
};
use async_trait::async_trait;
use config::{BASE_INSTRUCTIONS, Environment, Home, environment_context};
use local_backend::{
    Database, DatabaseConfig, Durability, ForkPoint, LocalBackend, LocalError, PendingInteraction,
    RemoteSession, Services, ThreadFilter, ThreadStatus, ThreadSummary,
};
use models::{ResponsesConfig, ResponsesModel, SecretString};
use sink::Relay;
use std::{path::Path, sync::Arc};
use tools::{BlobWriter, EnvPolicy, ToolRegistry, ToolsConfig};

/// Whether somebody is there to answer questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attendance {
    Present,
    Absent,
}

/// Everything a command works with.
pub(crate) struct Host {
    backend: LocalBackend,
    environment: Environment,
    specs: Vec<agent_core::ToolSpec>,
}

impl Host {
    pub(crate) async fn open(environment: &Environment, power_safe: bool) -> Result<Self, Failure> {
        let home = Home::open(environment).map_err(|error| Failure::backend(&error))?;
        let durability = if power_safe { Durability::Power } else { Durability::Process };
        let config = DatabaseConfig { home: home.root().to_owned(), durability };
        let database = Database::open(config).await.map_err(|error| named(&error, home.root()))?;
        let relay = Arc::new(Relay::default());
        let (tools, redactor) = tools(environment, &home, power_safe, &database, &relay);
        let specs = tools.specs();
        let services = Services {
            model: Arc::new(Router::new(provider(environment, &database)?)),
            tools: Arc::new(tools),
            redactor,
            sink: None,
        };
        let backend = LocalBackend::new(database, services).with_relay(relay);
        Ok(Self { backend, environment: environment.clone(), specs })
    }

    fn database(&self) -> &Database {
        self.backend.database()
    }

    /// The settings of a new thread.
    pub(crate) fn settings(&self, run: &RunArgs, attendance: Attendance) -> Result<Settings, Failure> {
        let cwd = directory(run.cd.as_deref().unwrap_or(Path::new(".")))?;
        let model = self.model(run)?.unwrap_or_else(|| self.environment.model().to_owned());
        if !is_scripted(&model) && self.environment.needs_key() && self.environment.api_key().is_none() {
            return Err(Failure::new(
                Exit::Failed,
                "there is no key for the model provider: set OPENAI_API_KEY, or OPENAI_BASE_URL for a server that needs \
                 none; or try --script FILE, or everturn demo",
            ));
        }
        // What is safe: changes only where somebody is there, and has asked for a conversation about this directory.
        let (default_sandbox, default_approval) = match attendance {
            Attendance::Present => (Sandbox::WorkspaceWrite, Approval::OnRequest),
            Attendance::Absent => (Sandbox::ReadOnly, Approval::Never),
        };
        Ok(Settings {
            sandbox: sandbox(run.sandbox.unwrap_or(default_sandbox)),
            approval: approval(run.approval.unwrap_or(default_approval)),
            budget: budget(run),
            ..Settings::new(cwd, model)
        })
    }

    /// The script's full path, once it has been read: a script that makes no sense should fail before a thread begins.
    fn script(&self, path: &Path) -> Result<std::path::PathBuf, Failure> {
        let failed = |why: String| {
            Failure::usage(format!("the model script {} cannot be used: {why}", path.display()))
        };
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        models::Script::parse(&text).map_err(|error| failed(error.to_string()))?;
        path.canonicalize().map_err(|error| failed(error.to_string()))
    }

    /// Starts a new thread.
    pub(crate) async fn start(
        &self,
        settings: Settings,
        source: Source,
    ) -> Result<Box<dyn AgentSession>, Failure> {
        let context = Item::Context { text: environment_context(&settings) };
        let genesis = Genesis {
            source,
            settings,
            instructions: Shared::new(BASE_INSTRUCTIONS.to_owned()),
            tools: Shared::new(self.specs.clone()),
            items: vec![Shared::new(context)],
            ..Genesis::default()
        };
        Ok(Box::new(self.backend.start(Tenant::default(), genesis).await?))
    }

    /// Serves a thread again, with the settings that were given for it.
    pub(crate) async fn resume(
        &self,
        key: &ThreadKey,
        run: &RunArgs,
    ) -> Result<Box<dyn AgentSession>, Failure> {
        let overrides = self.overrides(run)?;
        let session = self.backend.resume(key).await?;
        if overrides != TurnOverrides::default() {
            session.submit(submission(&session, Op::OverrideTurnContext { overrides })).await?;
        }
        Ok(Box::new(session))
    }

    /// Serves a thread again, unless somebody else does by now.
    pub(crate) async fn resume_unless_served(
        &self,
        key: &ThreadKey,
    ) -> Result<Option<Box<dyn AgentSession>>, Failure> {
        match self.backend.resume(key).await {
            Ok(session) => Ok(Some(Box::new(session))),
            Err(LocalError::Busy { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What the command line says of a thread that there is already.
    fn overrides(&self, run: &RunArgs) -> Result<TurnOverrides, Failure> {
        let limits = run.max_tokens.is_some() || run.max_tool_calls.is_some();
        Ok(TurnOverrides {
            cwd: run.cd.as_deref().map(directory).transpose()?,
            approval: run.approval.map(approval),
            sandbox: run.sandbox.map(sandbox),
            model: self.model(run)?,
            budget: limits.then(|| budget(run)),
            ..TurnOverrides::default()
        })
    }

    /// The model that the command line names.
    fn model(&self, run: &RunArgs) -> Result<Option<String>, Failure> {
        match &run.script {
            Some(script) => Ok(Some(scripted(&self.script(script)?))),
            None => Ok(run.model.clone()),
        }
    }

    /// Starts a new thread with the past of another.
    pub(crate) async fn fork(
        &self,
        key: &ThreadKey,
        at: ForkPoint,
    ) -> Result<Box<dyn AgentSession>, Failure> {
        let genesis = self.database().fork(key, at).await?;
        Ok(Box::new(self.backend.start(key.tenant.clone(), genesis).await?))
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

/// The full path of a directory that is there.
fn directory(path: &Path) -> Result<String, Failure> {
    let full = path.canonicalize().ok().filter(|full| full.is_dir());
    let full = full.ok_or_else(|| Failure::usage(format!("there is no directory {}", path.display())))?;
    Ok(full.to_string_lossy().into_owned())
}

fn sandbox(sandbox: Sandbox) -> SandboxPolicy {
    match sandbox {
        Sandbox::ReadOnly => SandboxPolicy::ReadOnly,
        Sandbox::WorkspaceWrite => SandboxPolicy::WorkspaceWrite { writable_roots: Vec::new() },
        Sandbox::DangerFullAccess => SandboxPolicy::DangerFullAccess,
    }
}

fn approval(approval: Approval) -> ApprovalPolicy {
    match approval {
        Approval::Untrusted => ApprovalPolicy::Untrusted,
        Approval::OnFailure => ApprovalPolicy::OnFailure,
        Approval::OnRequest => ApprovalPolicy::OnRequest,
        Approval::Never => ApprovalPolicy::Never,
    }
}

fn budget(run: &RunArgs) -> Budget {
    Budget { tokens: run.max_tokens, tool_calls: run.max_tool_calls, turn_ms: None }
}

fn provider(environment: &Environment, database: &Database) -> Result<Arc<dyn ModelStreamer>, Failure> {
    let config = ResponsesConfig {
        base_url: environment.base_url().to_owned(),
        api_key: environment.api_key().map(SecretString::from),
        ..ResponsesConfig::default()
    };
    let model = ResponsesModel::new(&config).map_err(|error| Failure::usage(error.to_string()))?;
    Ok(Arc::new(model.with_blobs(Arc::new(database.blobs(&Tenant::default())))))
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

/// The tools of this process, and what must not be stored: model keys, and whatever the environment policy withholds.
fn tools(
    environment: &Environment,
    home: &Home,
    power_safe: bool,
    database: &Database,
    relay: &Arc<Relay>,
) -> (ToolRegistry, Redactor) {
    let policy = EnvPolicy::default();
    let withheld = policy.excluded_values(environment.all());
    let redactor = Redactor::new(environment.api_key().map(str::to_owned).into_iter().chain(withheld));
    let config = ToolsConfig {
        env_policy: policy,
        durability: if power_safe { tools::Durability::Power } else { tools::Durability::Process },
        ..ToolsConfig::new(
            home.root(),
            environment.all().clone(),
            redactor.clone(),
            Arc::clone(relay) as _,
            Arc::new(Blobs { database: database.clone() }),
        )
    };
    (ToolRegistry::new(config), redactor)
}

/// Keeps images that tools look at in the database.
struct Blobs {
    database: Database,
}

#[async_trait]
impl BlobWriter for Blobs {
    async fn put(&self, key: &ThreadKey, bytes: Vec<u8>) -> Result<BlobId, String> {
        let session = self.database.attach(key).await.map_err(|error| error.to_string())?;
        session.put_blob(&bytes).await.map_err(|error| error.to_string())
    }
}
