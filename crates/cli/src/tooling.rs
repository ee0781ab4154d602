//! The tools of this process, and the secrets that must not be stored.

use crate::{host::Keeping, providers::Providers, settings::Wishes};
use agent_core::{EventSink, Redactor, ToolSpec};
use config::{Config, Environment, Inherit, McpServerEntry, WebSearch};
use models::WebPages;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use tools::{
    BlobWriter, EnvPolicy, ToolRegistry, ToolsConfig,
    policy::PolicySources,
    sandbox::{Limits, SandboxConfig, TempSpace, usual_secrets},
};

/// A secret of the project itself, in every folder that may be written.
const DOTENV: &str = ".env";
const MIB: u64 = 1 << 20;

/// The tools, and what is removed from all they say: model keys, and whatever the environment policy withholds. `root` is the
/// data folder, `home` the folder of this host's threads, which is another one for a thread that is not kept.
pub(crate) fn tools(
    wishes: &Wishes,
    providers: &Providers,
    (root, home): (&Path, &Path),
    keeping: Keeping,
    blobs: Arc<dyn BlobWriter>,
    shown: Arc<dyn EventSink>,
) -> (ToolRegistry, Redactor) {
    let environment = &wishes.environment;
    let policy = policy(wishes.config(), &providers.secret_variables());
    let withheld = policy.excluded_values(environment.all());
    providers.redactor.learn(wishes.config().secrets(environment).into_iter().chain(withheld));
    providers.learn_kept_keys();
    #[cfg(feature = "mcp")]
    providers.redactor.learn(crate::mcp::filed_secrets(wishes.config(), root));
    let redactor = providers.redactor.clone();
    let tools = ToolsConfig {
        env_policy: policy,
        durability: match (keeping, wishes.config().durability) {
            (Keeping::Home, config::Durability::Power) => tools::Durability::Power,
            (Keeping::Nowhere, _) | (_, config::Durability::Process) => tools::Durability::Process,
        },
        policy: PolicySources::of_home(root, wishes.config().exec_policy_files.clone()),
        sandbox: sandbox(wishes.config(), environment, (root, home)),
        protected: [root, home]
            .into_iter()
            .map(Path::to_owned)
            .chain(wishes.config().exec_policy_files.iter().cloned())
            .collect(),
        #[cfg(feature = "mcp")]
        mcp: crate::mcp::servers(wishes.config(), environment, root),
        others: web_search(wishes.config().web_search).into_iter().collect(),
        output_bytes: output_bytes(wishes.config().tool_output_token_limit),
        ..ToolsConfig::new(home, environment.all().clone(), redactor.clone(), shown, blobs)
    };
    (ToolRegistry::new(tools), redactor)
}

/// What the tools may put out, where so many tokens are the limit.
fn output_bytes(tokens: u64) -> usize {
    const BYTES_PER_TOKEN: u64 = 4;
    usize::try_from(tokens.saturating_mul(BYTES_PER_TOKEN)).unwrap_or(usize::MAX)
}

/// What programs get that are not commands of an agent: MCP servers, and what the user runs in the sandbox.
pub(crate) fn environment_of_programs(
    config: &Config,
    environment: &Environment,
) -> std::collections::BTreeMap<String, String> {
    let keys = config.model_providers.values().filter_map(|provider| provider.env_key.clone());
    policy(config, &keys.collect::<Vec<_>>()).apply(environment.all())
}

fn policy(config: &Config, keys: &[String]) -> EnvPolicy {
    let configured = &config.shell_environment_policy;
    let set = configured.set.iter().map(|(name, value)| (name.clone(), value.expose().to_owned()));
    EnvPolicy {
        inherit: match configured.inherit {
            Inherit::All => tools::Inherit::All,
            Inherit::Core => tools::Inherit::Core,
            Inherit::None => tools::Inherit::None,
        },
        default_excludes: !configured.ignore_default_excludes,
        exclude: configured.exclude.clone(),
        set: set.collect(),
        include_only: configured.include_only.clone(),
        withhold: [keys, &config.temporal.secret_variables(), &mcp_variables(config)].concat(),
    }
}

/// The variables with the tokens of MCP servers.
fn mcp_variables(config: &Config) -> Vec<String> {
    config.mcp_servers.values().flat_map(McpServerEntry::secret_variables).collect()
}

/// The tool with which the model's provider searches the web by itself, where it is wanted.
fn web_search(wanted: WebSearch) -> Option<ToolSpec> {
    match wanted {
        WebSearch::Live => Some(models::web_search_tool(WebPages::Live)),
        WebSearch::Cached => Some(models::web_search_tool(WebPages::Indexed)),
        WebSearch::Disabled => None,
    }
}

/// What holds commands: what they never change, what they never see, and how much they may use.
pub(crate) fn sandbox(
    config: &Config,
    environment: &Environment,
    (root, home): (&Path, &Path),
) -> SandboxConfig {
    let configured = &config.sandbox;
    let usual = || environment.get("HOME").map(|home| usual_secrets(Path::new(home))).unwrap_or_default();
    let mut sandbox = SandboxConfig::of_home(root);
    sandbox.hidden.extend(configured.unreadable.clone().unwrap_or_else(usual));
    sandbox.hidden.extend(configured.hide_dotenv.then(|| PathBuf::from(DOTENV)));
    // Whoever can change the rules can allow anything.
    sandbox.protected.extend(config.exec_policy_files.iter().cloned());
    if home != root {
        sandbox.hidden.push(home.to_owned());
        sandbox.protected.push(home.to_owned());
    }
    sandbox.temp = match config.sandbox_workspace_write.exclude_slash_tmp {
        true => TempSpace::Private,
        false => TempSpace::Shared,
    };
    let usual = Limits::default();
    sandbox.limits = Limits {
        processes: configured
            .max_processes
            .map_or(usual.processes, |count| u32::try_from(count).unwrap_or(u32::MAX)),
        memory_percent: configured.max_memory_percent.unwrap_or(usual.memory_percent),
        file_bytes: configured.max_file_mb.map_or(usual.file_bytes, |count| count.saturating_mul(MIB)),
        ..usual
    };
    sandbox
}
