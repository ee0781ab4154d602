//! [`Wishes`]: what the configuration and the command line want of a thread.

mod changes;
mod long;

use crate::{
    args::{Approval, BudgetArgs, RunArgs, Sandbox, Wait},
    exit::Failure,
    output,
    router::{read_script, scripted},
};
use agent_core::{
    ApprovalPolicy, Budget, Item, NetworkAccess, SandboxPolicy, Settings, Shared, Surroundings,
};
use config::{
    BASE_INSTRUCTIONS, Config, ConfigError, Environment, FlagValue, Loaded, ProjectLimits, SandboxMode, Site,
    Sources,
};
use models::{Catalogue, ModelOverrides, PriceOverrides};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// Whether somebody is there to answer questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attendance {
    Present,
    Absent,
}

/// What the configuration is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Threads may be served under it: all of it has to be right.
    Serve,
    /// Only for looking at what there is: what is wrong in the file is a warning.
    Look,
}

/// The configuration with what the command line says on top.
pub(crate) struct Wishes {
    pub(crate) loaded: Loaded,
    pub(crate) environment: Environment,
    home: PathBuf,
    script: Option<PathBuf>,
    cd: Option<PathBuf>,
    add_dir: Vec<PathBuf>,
    /// --network was given.
    opens_network: bool,
    /// --full-auto was given.
    full_auto: bool,
    /// What --max-work says exactly; the key of the configuration counts minutes.
    max_work: Option<Wait>,
}

impl Wishes {
    /// Reads the configuration. What is wrong with it is said before anything is done.
    pub(crate) fn load(
        environment: &Environment,
        home: &Path,
        run: RunArgs,
        purpose: Purpose,
    ) -> Result<Self, Failure> {
        let wishes = match purpose {
            Purpose::Serve => Self::read(environment, home, &run),
            Purpose::Look => Self::read_with(config::load_at_to_look, environment, home, &run),
        };
        let wishes = wishes.map_err(|error| Failure::usage(error.to_string()))?;
        for warning in &wishes.loaded.warnings {
            output::warn(warning);
        }
        Ok(Self { script: run.script.as_deref().map(script).transpose()?, ..wishes })
    }

    /// The same without a word, and without a script.
    pub(crate) fn read(environment: &Environment, home: &Path, run: &RunArgs) -> Result<Self, ConfigError> {
        Self::read_with(config::load_at, environment, home, run)
    }

    /// As much of the configuration as is right.
    pub(crate) fn look(environment: &Environment, home: &Path, run: &RunArgs) -> Result<Loaded, ConfigError> {
        Self::read_with(config::load_at_to_look, environment, home, run).map(|wishes| wishes.loaded)
    }

    fn read_with(
        load: impl FnOnce(&Sources<'_>, &Site<'_>) -> Result<Loaded, ConfigError>,
        environment: &Environment,
        home: &Path,
        run: &RunArgs,
    ) -> Result<Self, ConfigError> {
        let sources = Sources {
            environment,
            home,
            profile: run.layers.profile.as_deref(),
            flags: flags(run),
            overrides: overrides_said(run),
        };
        // The project is that of the directory; one that is not there is refused where it is needed.
        let cwd = run.cd.as_deref().unwrap_or(Path::new(".")).canonicalize().ok();
        let loaded = load(&sources, &Site { cwd: cwd.as_deref(), ..Site::default() })?;
        output::log(loaded.config.log.as_deref());
        Ok(Self {
            loaded,
            environment: environment.clone(),
            home: home.to_owned(),
            script: None,
            cd: run.cd.clone(),
            add_dir: run.add_dir.clone(),
            opens_network: run.network,
            full_auto: run.full_auto,
            max_work: run.budget.max_work,
        })
    }

    pub(crate) fn config(&self) -> &Config {
        &self.loaded.config
    }

    /// Whether the model is a script, which needs no provider.
    pub(crate) fn is_scripted(&self) -> bool {
        self.script.is_some()
    }

    /// The settings of a new thread.
    pub(crate) fn settings(&self, attendance: Attendance) -> Result<Settings, Failure> {
        let config = self.config();
        let cwd = directory(self.cd.as_deref().unwrap_or(Path::new(".")))?;
        // What is safe: changes only where somebody is there, and has asked for a conversation about this directory.
        let (default_sandbox, default_approval) = match attendance {
            Attendance::Present => (SandboxMode::WorkspaceWrite, ApprovalPolicy::OnRequest),
            Attendance::Absent => (SandboxMode::ReadOnly, ApprovalPolicy::Never),
        };
        let model = self.model();
        Ok(Settings {
            sandbox: self.sandbox(
                config.sandbox_mode.unwrap_or_else(|| config.constraints.sandbox_or(default_sandbox)),
            )?,
            approval: match (self.full_auto, config.approval_policy) {
                (false, Some(approval)) => approval,
                (true, _) | (false, None) => config.constraints.approval_or(default_approval),
            },
            budget: self.budget(),
            provider: config.model_provider.clone(),
            effort: config.model_reasoning_effort,
            summary: config.model_reasoning_summary,
            context_window: self.context_window(&model),
            stream_retries: self.stream_retries(),
            developer_instructions: config.developer_instructions.clone(),
            surroundings: self.surroundings(&cwd),
            answer_within: config.answer_within.limit(),
            mode: config.mode,
            personality: config.personality.clone(),
            price: self.price(&model),
            compact_at: config.compact_at,
            masks: self.masks(),
            review_model: self.review_model(),
            undo: config.undo,
            hooks: self.hook_phases(),
            ..Settings::new(cwd, model)
        })
    }

    /// What a thread may spend.
    fn budget(&self) -> Budget {
        let budget = self.config().budget;
        // Where the option is what counts.
        let exactly = self
            .max_work
            .filter(|limit| budget.work_ms == u64::try_from(limit.minutes().saturating_mul(60_000)).ok());
        Budget {
            work_ms: exactly.and_then(|limit| u64::try_from(limit.ms).ok()).or(budget.work_ms),
            ..budget
        }
    }

    /// The system prompt.
    pub(crate) fn instructions(&self) -> Shared<String> {
        let own = self.config().instructions.clone();
        Shared::new(own.unwrap_or_else(|| BASE_INSTRUCTIONS.to_owned()))
    }

    /// What the project's and the user's own files tell every thread in this directory.
    pub(crate) fn project(&self, cwd: &str) -> Vec<Shared<Item>> {
        let limits = ProjectLimits {
            max_bytes: self.config().project_doc_max_bytes,
            fallback_names: self.config().project_doc_fallback_filenames.clone(),
        };
        let found = config::project_instructions(&self.home, Path::new(cwd), &limits);
        for warning in &found.warnings {
            output::warn(warning);
        }
        found.text.map(|text| Shared::new(Item::Context { text })).into_iter().collect()
    }

    /// The directory that new threads work in, as far as there is one.
    pub(crate) fn directory(&self) -> PathBuf {
        let said = self.cd.as_deref().unwrap_or(Path::new("."));
        said.canonicalize().unwrap_or_else(|_| said.to_owned())
    }

    /// The data folder.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// The directory that a thread works in from now on.
    pub(crate) fn cwd(&self, before: &Settings) -> Result<String, Failure> {
        self.cd.as_deref().map_or_else(|| Ok(before.cwd.clone()), directory)
    }

    /// What the machine is like now.
    pub(crate) fn surroundings(&self, cwd: &str) -> Surroundings {
        config::surroundings(&self.environment, Path::new(cwd))
    }

    /// What is known of models, with what the user says of them.
    pub(crate) fn catalogue(&self) -> Catalogue {
        let config = self.config();
        let mut catalogue = Catalogue::builtin();
        for (name, entry) in &config.models {
            catalogue = catalogue.with(name, overrides_of(entry));
        }
        let (context_window, max_output_tokens) =
            (config.model_context_window, config.model_max_output_tokens);
        catalogue.with_all(ModelOverrides { context_window, max_output_tokens, ..ModelOverrides::default() })
    }

    fn model(&self) -> String {
        self.script.as_deref().map_or_else(|| self.config().model.clone(), scripted)
    }

    fn context_window(&self, model: &str) -> Option<u64> {
        self.catalogue().model(model).context_window
    }

    fn stream_retries(&self) -> u32 {
        self.config().provider().map_or(0, |provider| provider.stream_max_retries)
    }

    fn sandbox(&self, mode: SandboxMode) -> Result<SandboxPolicy, Failure> {
        Ok(match mode {
            SandboxMode::ReadOnly if !self.add_dir.is_empty() => {
                return Err(Failure::usage(
                    "--add-dir lets a directory be changed, but the sandbox is read-only: add --sandbox workspace-write",
                ));
            }
            SandboxMode::ReadOnly if self.opens_network => {
                return Err(Failure::usage(
                    "--network lets commands reach the network, but in a read-only sandbox they cannot: add --sandbox \
                     workspace-write",
                ));
            }
            SandboxMode::ReadOnly => SandboxPolicy::ReadOnly,
            SandboxMode::WorkspaceWrite => SandboxPolicy::WorkspaceWrite {
                writable_roots: self.writable_roots()?,
                network: self.network(),
            },
            SandboxMode::DangerFullAccess => SandboxPolicy::DangerFullAccess,
        })
    }

    fn writable_roots(&self) -> Result<Vec<String>, Failure> {
        let policy = &self.config().sandbox_workspace_write;
        let mut roots: Vec<String> =
            policy.writable_roots.iter().map(|root| root.to_string_lossy().into_owned()).collect();
        let shared = (!policy.exclude_slash_tmp).then_some("/tmp");
        let own = self.environment.get("TMPDIR").filter(|_| !policy.exclude_tmpdir_env_var);
        // What is not there cannot be written either.
        let temporary = shared.into_iter().chain(own).filter_map(|folder| directory(Path::new(folder)).ok());
        roots.extend(temporary);
        roots.extend(self.added_roots()?);
        let mut seen = BTreeSet::new();
        roots.retain(|root| seen.insert(root.clone()));
        Ok(roots)
    }

    fn network(&self) -> NetworkAccess {
        if self.config().sandbox_workspace_write.network_access {
            NetworkAccess::On
        } else {
            NetworkAccess::Off
        }
    }

    /// The directories of --add-dir.
    fn added_roots(&self) -> Result<Vec<String>, Failure> {
        self.add_dir.iter().map(|added| directory(added)).collect()
    }
}

/// What flags of their own stand for.
fn flags(run: &RunArgs) -> Vec<FlagValue> {
    let sandbox = run.sandbox.map(|sandbox| match sandbox {
        Sandbox::ReadOnly => "read-only",
        Sandbox::WorkspaceWrite => "workspace-write",
        Sandbox::DangerFullAccess => "danger-full-access",
    });
    let sandbox = match (run.full_auto, run.yolo) {
        (_, true) => Some(("--dangerously-bypass-approvals-and-sandbox", "danger-full-access")),
        (true, false) => Some(("--full-auto", "workspace-write")),
        (false, false) => sandbox.map(|sandbox| ("--sandbox", sandbox)),
    };
    let approval = run.approval.map(|approval| match approval {
        Approval::Untrusted => "untrusted",
        Approval::OnFailure => "on-failure",
        Approval::OnRequest => "on-request",
        Approval::Never => "never",
    });
    let approval = match (run.yolo, approval) {
        (true, _) => Some(("--dangerously-bypass-approvals-and-sandbox", "never")),
        (false, approval) => approval.map(|approval| ("--approval", approval)),
    };
    let durability = run.power_safe.then_some("power");
    let whereabouts = &run.layers.whereabouts;
    let named =
        |flag, key, name: &Option<String>| name.as_deref().map(|name| FlagValue::new(flag, key, name));
    [
        run.model.as_deref().map(|model| FlagValue::new("--model", "model", model)),
        sandbox.map(|(flag, sandbox)| FlagValue::new(flag, "sandbox_mode", sandbox)),
        approval.map(|(flag, approval)| FlagValue::new(flag, "approval_policy", approval)),
        run.network.then(|| FlagValue::new("--network", "sandbox_workspace_write.network_access", true)),
        run.search.then(|| FlagValue::new("--search", "web_search", "live")),
        run.answer_timeout.map(|wait| FlagValue::new("--answer-timeout", "answer_timeout_ms", wait.ms)),
        durability.map(|durability| FlagValue::new("--power-safe", "durability", durability)),
        whereabouts.for_new_threads().map(|(flag, backend)| FlagValue::new(flag, "backend", backend.word())),
        named("--address", "temporal.address", &whereabouts.address),
        named("--namespace", "temporal.namespace", &whereabouts.namespace),
        named("--queue", "temporal.queue", &whereabouts.queue),
        named("--bus", "temporal.bus", &whereabouts.bus),
        run.mode.map(|mode| FlagValue::new("--mode", "mode", mode.word())),
        run.personality.as_deref().map(|name| FlagValue::new("--personality", "personality", name)),
    ]
    .into_iter()
    .chain(limits(&run.budget))
    .flatten()
    .collect()
}

/// What the flags of a budget stand for.
fn limits(budget: &BudgetArgs) -> [Option<FlagValue>; 5] {
    [
        budget.max_tokens.map(|limit| FlagValue::new("--max-tokens", "budget.max_tokens", limit)),
        budget.max_tool_calls.map(|limit| FlagValue::new("--max-tool-calls", "budget.max_tool_calls", limit)),
        budget.max_cost.map(|limit| FlagValue::new("--max-cost", "budget.max_cost_usd", limit)),
        budget.max_time.map(|limit| FlagValue::new("--max-time", "budget.max_turn_ms", limit.ms)),
        budget.max_work.map(|limit| FlagValue::new("--max-work", "budget.max_work_minutes", limit.minutes())),
    ]
}

/// What -c and the flags of features say.
fn overrides_said(run: &RunArgs) -> Vec<String> {
    let switched = |names: &[String], on: bool| {
        names.iter().map(|name| format!("features.{name}={on}")).collect::<Vec<_>>()
    };
    [run.layers.config.clone(), switched(&run.enable, true), switched(&run.disable, false)].concat()
}

fn overrides_of(entry: &config::ModelEntry) -> ModelOverrides {
    let config::PriceEntry { input, cached_input, output } = entry.price;
    ModelOverrides {
        context_window: entry.context_window,
        max_output_tokens: entry.max_output_tokens,
        parallel_tool_calls: entry.parallel_tool_calls,
        reasoning: entry.reasoning,
        efforts: entry.efforts.clone(),
        freeform_tools: entry.freeform_tools,
        images: entry.images,
        price: PriceOverrides { input, cached_input, output },
    }
}

/// The script's full path, once it has been read: a script that makes no sense should fail before a thread begins.
fn script(path: &Path) -> Result<PathBuf, Failure> {
    let failed =
        |why: String| Failure::usage(format!("the model script {} cannot be used: {why}", path.display()));
    read_script(path).map_err(failed)?;
    path.canonicalize().map_err(|error| failed(error.to_string()))
}

/// The full path of a directory that is there.
fn directory(path: &Path) -> Result<String, Failure> {
    let full = path.canonicalize().ok().filter(|full| full.is_dir());
    let full = full.ok_or_else(|| Failure::usage(format!("there is no directory {}", path.display())))?;
    Ok(full.to_string_lossy().into_owned())
}
