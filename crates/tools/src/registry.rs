//! [`ToolRegistry`]: the tools of this process, by name.

use crate::{
    apply_patch::ApplyPatch,
    collected::collected,
    command::{ExecCommand, Shell},
    environment::EnvPolicy,
    files,
    ledger::{Durability, Ledger},
    mcp::{McpConfig, McpTools},
    policy::{PolicySources, PolicyStore},
    request_user_input::RequestUserInput,
    sandbox::{Sandbox, SandboxConfig},
    session::{Sessions, WriteStdin},
    tool::{BlobWriter, Host, Tool, failed, noted, policy_digest, scrubbed},
    update_plan::UpdatePlan,
};
use agent_core::{
    CollectRequest, Collected, EffectId, EventSink, Operation, PrepareRequest, Prepared, Redactor, ThreadKey,
    ToolAnswer, ToolCallHandler, ToolRequest, ToolSpec,
};
use async_trait::async_trait;
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};
use tokio_util::sync::CancellationToken;

/// How much of a command's output is kept by default.
pub const DEFAULT_OUTPUT_BYTES: usize = 32 * 1024;

/// Names under which models know tools from elsewhere. They are served and not offered.
const ALIASES: [(&str, &str); 1] = [("local_shell", "shell")];

/// What the tools of a process need.
#[derive(Clone)]
pub struct ToolsConfig {
    /// Where the ledger is kept, in the folder `effects`. On the machine the tools work on.
    pub home: PathBuf,
    /// What ledger entries survive.
    pub durability: Durability,
    /// The environment of this process, taken at its start.
    pub environment: BTreeMap<String, String>,
    /// What of it commands see.
    pub env_policy: EnvPolicy,
    /// Absolute paths a patch leaves alone, also inside the writable roots, unless it runs without limits.
    pub protected: Vec<PathBuf>,
    /// Where the user's rules about commands come from.
    pub policy: PolicySources,
    /// What holds commands, and what they never touch or see.
    pub sandbox: SandboxConfig,
    /// What is taken out of every output. It should know [`EnvPolicy::excluded_values`].
    pub redactor: Redactor,
    /// Where output is shown while a command runs.
    pub sink: Arc<dyn EventSink>,
    /// Where images are kept.
    pub blobs: Arc<dyn BlobWriter>,
    /// How much of a command's output is kept, in bytes; the middle goes.
    pub output_bytes: usize,
    /// The MCP servers.
    pub mcp: McpConfig,
    /// Tools that are offered beside those of this process and served by others, such as the model's provider.
    pub others: Vec<ToolSpec>,
}

impl ToolsConfig {
    /// A configuration with the usual policy and limits, the home itself protected.
    pub fn new(
        home: impl Into<PathBuf>,
        environment: BTreeMap<String, String>,
        redactor: Redactor,
        sink: Arc<dyn EventSink>,
        blobs: Arc<dyn BlobWriter>,
    ) -> Self {
        let home = home.into();
        Self {
            protected: vec![home.clone()],
            policy: PolicySources::of_home(&home, Vec::new()),
            sandbox: SandboxConfig::of_home(home.clone()),
            home,
            durability: Durability::Process,
            environment,
            env_policy: EnvPolicy::default(),
            redactor,
            sink,
            blobs,
            output_bytes: DEFAULT_OUTPUT_BYTES,
            mcp: McpConfig::default(),
            others: Vec::new(),
        }
    }
}

/// The tools this process runs itself. Its calls need a tokio runtime with I/O and time.
pub struct ToolRegistry {
    host: Host,
    /// In the order the model is offered them.
    tools: Vec<(String, Box<dyn Tool>)>,
    /// Those of MCP servers.
    mcp: McpTools,
    /// Those that others serve.
    others: Vec<ToolSpec>,
}

impl ToolRegistry {
    /// All tools.
    pub fn new(config: ToolsConfig) -> Self {
        let host = Host {
            sessions: Sessions::new(&config.home, config.durability),
            ledger: Arc::new(Ledger::new(&config.home, config.durability)),
            environment: config.env_policy.apply(&config.environment),
            policy: policy_digest(&config.env_policy),
            protected: config.protected,
            rules: Arc::new(PolicyStore::new(config.policy)),
            sandbox: Arc::new(Sandbox::new(config.sandbox)),
            redactor: config.redactor,
            sink: config.sink,
            blobs: config.blobs,
            output_bytes: config.output_bytes,
        };
        let tools: Vec<Box<dyn Tool>> = vec![
            Box::new(ExecCommand),
            Box::new(WriteStdin),
            Box::new(Shell),
            Box::new(ApplyPatch),
            Box::new(files::READ_FILE),
            Box::new(files::LIST_DIR),
            Box::new(files::GREP_FILES),
            Box::new(files::ViewImage),
            Box::new(UpdatePlan),
            Box::new(RequestUserInput),
        ];
        let tools = tools.into_iter().map(|tool| (tool.spec().name, tool)).collect();
        let mcp = McpTools::new(config.mcp, host.environment.clone(), host.redactor.clone());
        Self { host, tools, mcp, others: config.others }
    }

    /// The tools as the model is offered them.
    pub fn specs(&self) -> Vec<ToolSpec> {
        self.tools.iter().map(|(_, tool)| tool.spec()).chain(self.others.iter().cloned()).collect()
    }

    /// Ends the sessions of a thread that nobody works on any more, or of all of them where the process is about to end.
    /// Dropping the registry kills them too, with less patience.
    pub async fn end_sessions(&self, key: Option<&ThreadKey>) {
        self.host.sessions.end(key).await;
    }

    /// Ends the MCP servers. Dropping the registry kills them too, with less patience.
    pub async fn close_servers(&self) {
        self.mcp.close().await;
    }

    fn tool(&self, name: &str) -> Result<&dyn Tool, String> {
        let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, known)| known);
        let found = self.tools.iter().find(|(known, _)| known == name);
        found.map(|(_, tool)| &**tool).ok_or_else(|| {
            let known: Vec<String> = self.tools.iter().map(|(known, _)| format!("`{known}`")).collect();
            format!("There is no tool `{name}`. The tools are {}.", known.join(", "))
        })
    }
}

#[async_trait]
impl ToolCallHandler for ToolRegistry {
    async fn collect(&self, request: CollectRequest) -> Collected {
        let gathered = self.mcp.gather(&request.cwd).await;
        let warnings = gathered.warnings.iter().map(|warning| self.host.redactor.scrub(warning)).collect();
        collected([self.specs(), gathered.specs].concat(), warnings, &request.known)
    }

    async fn prepare(&self, request: PrepareRequest) -> Prepared {
        let prepared = match self.tool(&request.call.name) {
            _ if self.mcp.claims(&request.call.name) => self.mcp.prepare(&self.host, &request).await,
            Ok(tool) => tool.prepare(&self.host, &request).await,
            Err(message) => Err(message),
        };
        match prepared {
            Ok(preparation) => Prepared::Ready(Box::new(preparation)),
            Err(message) => Prepared::Rejected { message: self.host.redactor.scrub(&message) },
        }
    }

    fn start<'a>(&'a self, request: ToolRequest) -> Operation<'a> {
        let stop = CancellationToken::new();
        let pulled = stop.clone();
        let answer = async move {
            self.host.sessions.take_over(&request.key).await;
            let refused = self.host.amend(&request).await;
            let answer = match self.tool(&request.call.name) {
                _ if self.mcp.claims(&request.call.name) => self.mcp.run(&self.host, &request, &stop).await,
                Ok(tool) => scrubbed(&self.host.redactor, tool.run(&self.host, &request, &stop).await),
                Err(message) => failed(message),
            };
            noted(answer, refused)
        };
        Operation::new(answer, move || pulled.cancel())
    }

    async fn recover(&self, request: ToolRequest) -> ToolAnswer {
        self.host.recover(request).await
    }

    fn acknowledge(&self, key: &ThreadKey, effect: EffectId) {
        self.host.ledger.acknowledge(key, effect);
    }
}
