//! [`Config`]: everything a run is configured with, every default filled in.

use crate::{
    Backend, Constraints, CredentialsStore, Durability, Environment, Features, HistoryPersistence, HookEntry,
    Inherit, McpServerEntry, SandboxMode, Secret, Temporal, WebSearch, WireApi,
    value::{credentials, names_a_secret},
};
use agent_core::{ApprovalPolicy, Budget, CompactAt, Effort, Mode, Otherwise, Summary, Undo};
use std::{collections::BTreeMap, path::PathBuf};

/// Everything a run is configured with. What each field means is said where its key is, in [`crate::KEYS`].
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `model`.
    pub model: String,
    /// `model_provider`; it is in `model_providers`.
    pub model_provider: String,
    /// All providers, the built-in ones too.
    pub model_providers: BTreeMap<String, ProviderEntry>,
    /// What is said of models.
    pub models: BTreeMap<String, ModelEntry>,
    /// `approval_policy`; `None` leaves it to the command.
    pub approval_policy: Option<ApprovalPolicy>,
    /// `sandbox_mode`; `None` leaves it to the command.
    pub sandbox_mode: Option<SandboxMode>,
    /// `sandbox_workspace_write`.
    pub sandbox_workspace_write: SandboxWorkspaceWrite,
    /// `sandbox`.
    pub sandbox: Sandbox,
    /// `exec_policy_files`.
    pub exec_policy_files: Vec<PathBuf>,
    /// `answer_timeout_ms` and `answer_otherwise`.
    pub answer_within: AnswerWithin,
    /// `web_search`.
    pub web_search: WebSearch,
    /// `model_reasoning_effort`.
    pub model_reasoning_effort: Option<Effort>,
    /// `model_reasoning_summary`.
    pub model_reasoning_summary: Option<Summary>,
    /// `model_context_window`, in tokens.
    pub model_context_window: Option<u64>,
    /// `model_max_output_tokens`.
    pub model_max_output_tokens: Option<u64>,
    /// What takes the place of [`crate::BASE_INSTRUCTIONS`]: `instructions`, or the text of `model_instructions_file`.
    pub instructions: Option<String>,
    /// `developer_instructions`.
    pub developer_instructions: Option<String>,
    /// `project_doc_max_bytes`.
    pub project_doc_max_bytes: u64,
    /// `tool_output_token_limit`, in tokens.
    pub tool_output_token_limit: u64,
    /// `project_doc_fallback_filenames`.
    pub project_doc_fallback_filenames: Vec<String>,
    /// `shell_environment_policy`.
    pub shell_environment_policy: ShellEnvironmentPolicy,
    /// `show_raw_agent_reasoning`.
    pub show_raw_agent_reasoning: bool,
    /// `hide_agent_reasoning`.
    pub hide_agent_reasoning: bool,
    /// `cli_auth_credentials_store`.
    pub cli_auth_credentials_store: CredentialsStore,
    /// `durability`.
    pub durability: Durability,
    /// `budget`.
    pub budget: Budget,
    /// `compact_at_percent` and `model_auto_compact_token_limit`.
    pub compact_at: CompactAt,
    /// `mode`.
    pub mode: Mode,
    /// `modes`: what they change; modes of which nothing is said are not among them.
    pub modes: BTreeMap<Mode, ModeEntry>,
    /// `review_model`.
    pub review_model: Option<String>,
    /// `undo`.
    pub undo: Undo,
    /// `personality`.
    pub personality: Option<String>,
    /// `hooks` of all layers, in the order in which they run.
    pub hooks: Vec<HookEntry>,
    /// `notify`: a program and its arguments; empty for none.
    pub notify: Vec<String>,
    /// `history`.
    pub history: HistorySettings,
    /// `features`.
    pub features: Features,
    /// What whoever manages this machine allows. The settings keep to it; what comes from elsewhere has to be checked.
    pub constraints: Constraints,
    /// `backend`.
    pub backend: Backend,
    /// `temporal`.
    pub temporal: Temporal,
    /// `mcp_servers`.
    pub mcp_servers: BTreeMap<String, McpServerEntry>,
    /// `log`.
    pub log: Option<String>,
    /// The profile that was used.
    pub profile: Option<String>,
}

/// What a mode changes; `None` leaves it to the thread and to the mode itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModeEntry {
    /// The model, of the thread's provider.
    pub model: Option<String>,
    /// How much it thinks.
    pub effort: Option<Effort>,
    /// Told in place of what the mode says by itself.
    pub instructions: Option<String>,
    /// The tools that are offered, by name or by a beginning with `*`.
    pub tools: Option<Vec<String>>,
}

/// `history`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistorySettings {
    /// Whether prompts are remembered.
    pub persistence: HistoryPersistence,
    /// The largest that the file gets, in bytes.
    pub max_bytes: u64,
}

/// `sandbox_workspace_write`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxWorkspaceWrite {
    /// Absolute folders.
    pub writable_roots: Vec<PathBuf>,
    /// Whether commands reach the network.
    pub network_access: bool,
    /// Whether `/tmp` stays as it is.
    pub exclude_slash_tmp: bool,
    /// Whether the folder of `TMPDIR` stays as it is.
    pub exclude_tmpdir_env_var: bool,
}

/// `sandbox`: what holds in every sandbox, whatever its mode.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sandbox {
    /// What cannot be read; `None` for the usual places of keys and tokens.
    pub unreadable: Option<Vec<PathBuf>>,
    /// Whether `.env` files cannot be read either.
    pub hide_dotenv: bool,
    /// Processes of one command at a time.
    pub max_processes: Option<u64>,
    /// The share of the machine's memory for one command, in percent.
    pub max_memory_percent: Option<u64>,
    /// The largest file, in MiB.
    pub max_file_mb: Option<u64>,
}

/// How long questions wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AnswerWithin {
    /// Milliseconds; `None` for as long as it takes.
    pub ms: Option<u64>,
    /// What counts then.
    pub otherwise: Otherwise,
}

impl AnswerWithin {
    /// As the settings of a thread have it.
    pub fn limit(self) -> Option<agent_core::AnswerWithin> {
        let otherwise = self.otherwise;
        self.ms.map(|ms| agent_core::AnswerWithin { ms, otherwise })
    }
}

/// `shell_environment_policy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShellEnvironmentPolicy {
    /// What it starts from.
    pub inherit: Inherit,
    /// Whether variables that look like secrets stay.
    pub ignore_default_excludes: bool,
    /// Patterns of what is left out.
    pub exclude: Vec<String>,
    /// What is added or replaced. Values may be secrets.
    pub set: BTreeMap<String, Secret>,
    /// Patterns of what stays, if there are any.
    pub include_only: Vec<String>,
}

/// One provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderEntry {
    /// How messages call it.
    pub name: String,
    /// Its address, without a slash at its end.
    pub base_url: String,
    /// The variable with its key.
    pub env_key: Option<String>,
    /// How to come by a key.
    pub env_key_instructions: Option<String>,
    /// The key itself, where somebody wrote it into the file.
    pub experimental_bearer_token: Option<Secret>,
    /// Whether a request without a key is not even tried.
    pub requires_key: bool,
    /// What it speaks.
    pub wire_api: WireApi,
    /// Headers. Values may be secrets.
    pub http_headers: BTreeMap<String, Secret>,
    /// Headers with the variables that have their values.
    pub env_http_headers: BTreeMap<String, String>,
    /// Parameters in the address. Values may be secrets.
    pub query_params: BTreeMap<String, Secret>,
    /// How often a failed request is made again.
    pub request_max_retries: u32,
    /// How long the first of these waits, in milliseconds.
    pub request_retry_base_ms: u64,
    /// How often a response that broke off is asked for again.
    pub stream_max_retries: u32,
    /// How long a response may be silent, in milliseconds.
    pub stream_idle_timeout_ms: u64,
    /// How long a connection may take, in milliseconds.
    pub connect_timeout_ms: u64,
}

/// What is said of a model; `None` leaves it to what is known of the model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelEntry {
    /// Tokens that fit its window.
    pub context_window: Option<u64>,
    /// The most tokens of a response.
    pub max_output_tokens: Option<u64>,
    /// Whether it may ask for several calls at once.
    pub parallel_tool_calls: Option<bool>,
    /// Whether it takes reasoning parameters.
    pub reasoning: Option<bool>,
    /// The efforts it takes.
    pub efforts: Option<Vec<Effort>>,
    /// Whether it can call tools with plain text.
    pub freeform_tools: Option<bool>,
    /// Whether it can see images.
    pub images: Option<bool>,
    /// What it costs.
    pub price: PriceEntry,
}

/// What a model costs, in micro-dollars for a million tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PriceEntry {
    /// Tokens read.
    pub input: Option<u64>,
    /// Tokens read from the provider's cache.
    pub cached_input: Option<u64>,
    /// Tokens written.
    pub output: Option<u64>,
}

impl Config {
    /// The provider that answers.
    pub fn provider(&self) -> Option<&ProviderEntry> {
        self.model_providers.get(&self.model_provider)
    }

    /// What the configuration holds of secrets, for a [`agent_core::Redactor`]: keys, and values whose names say that they
    /// are secret. With what is in `environment` for headers, and for the keys of all providers. Of a header such as
    /// `Bearer KEY` the key by itself as well: it may turn up without the word before it.
    pub fn secrets(&self, environment: &Environment) -> Vec<String> {
        let named = |map: &BTreeMap<String, Secret>| {
            let secret = map.iter().filter(|(name, _)| names_a_secret(name));
            secret.map(|(_, value)| value.expose().to_owned()).collect::<Vec<_>>()
        };
        let mut secrets = named(&self.shell_environment_policy.set);
        secrets.extend(self.temporal.secrets(environment));
        secrets.extend(self.mcp_servers.values().flat_map(|server| server.secrets(environment)));
        for provider in self.model_providers.values() {
            for (name, value) in &provider.http_headers {
                let credentials = credentials(name, value.expose());
                let is_secret = credentials.is_some() || names_a_secret(name);
                secrets.extend(is_secret.then(|| value.expose().to_owned()));
                secrets.extend(credentials.map(str::to_owned));
            }
            for (name, value) in provider.headers_of(environment) {
                secrets.extend(credentials(name, value).map(str::to_owned));
                secrets.push(value.to_owned());
            }
            secrets.extend(named(&provider.query_params));
            secrets.extend(provider.experimental_bearer_token.iter().map(|key| key.expose().to_owned()));
            let key = provider.env_key.as_deref().and_then(|name| environment.get(name));
            secrets.extend(key.map(str::to_owned));
        }
        secrets
    }
}

impl ProviderEntry {
    /// The key that the environment has, else the one in the file. One that `everturn login` keeps is asked for after this.
    pub fn key(&self, environment: &Environment) -> Option<Secret> {
        let variable = self.env_key.as_deref().and_then(|name| environment.get(name));
        variable.map(Secret::new).or_else(|| self.experimental_bearer_token.clone())
    }

    /// The headers of every request, those from the environment too; a header whose variable is not set is left out.
    pub fn headers(&self, environment: &Environment) -> BTreeMap<String, Secret> {
        let variables = self.headers_of(environment);
        let variables = variables.map(|(header, value)| (header.to_owned(), Secret::new(value)));
        self.http_headers.clone().into_iter().chain(variables).collect()
    }

    /// The headers whose variables are set, each with its value.
    fn headers_of<'a>(&'a self, environment: &'a Environment) -> impl Iterator<Item = (&'a str, &'a str)> {
        let headers = self.env_http_headers.iter();
        headers.filter_map(|(header, name)| Some((header.as_str(), environment.get(name)?)))
    }
}
