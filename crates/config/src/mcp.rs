//! [`McpServerEntry`]: one MCP server of `[mcp_servers]`.

use crate::{
    Environment, Secret,
    value::{credentials, names_a_secret},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

/// One table under `mcp_servers`. What each field means is said where its key is, in [`crate::KEYS`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct McpServerEntry {
    /// `enabled`.
    pub enabled: bool,
    /// `command` or `url`, and what belongs to it.
    pub transport: McpTransportEntry,
    /// `startup_timeout_sec`.
    pub startup_timeout_sec: u64,
    /// `tool_timeout_sec`.
    pub tool_timeout_sec: u64,
    /// `enabled_tools`; `None` offers all.
    pub enabled_tools: Option<BTreeSet<String>>,
    /// `disabled_tools`.
    pub disabled_tools: BTreeSet<String>,
    /// `default_tools_approval_mode`.
    pub approval_mode: McpApprovalMode,
    /// `tools.NAME.approval_mode`.
    pub tools: BTreeMap<String, McpApprovalMode>,
    /// `scopes`.
    pub scopes: Vec<String>,
}

/// How a server is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum McpTransportEntry {
    /// `command`.
    Stdio {
        /// `command`.
        command: String,
        /// `args`.
        args: Vec<String>,
        /// `env`. Values may be secrets.
        env: BTreeMap<String, Secret>,
        /// `env_vars`.
        env_vars: Vec<String>,
        /// `cwd`; `None` is `/`.
        cwd: Option<PathBuf>,
    },
    /// `url`.
    Http {
        /// `url`. It may have a key in its parameters.
        url: Secret,
        /// `bearer_token_env_var`.
        bearer_token_env_var: Option<String>,
        /// `http_headers`. Values may be secrets.
        http_headers: BTreeMap<String, Secret>,
        /// `env_http_headers`.
        env_http_headers: BTreeMap<String, String>,
    },
}

/// Which calls of a server the user is asked about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum McpApprovalMode {
    /// Those that are not marked as harmless.
    #[default]
    Auto,
    /// All.
    Prompt,
    /// None.
    Approve,
}

impl McpServerEntry {
    /// What is in it of secrets, and in the variables that it names.
    pub(crate) fn secrets(&self, environment: &Environment) -> Vec<String> {
        let mut secrets = Vec::new();
        let named = |name: &String, value: &Secret| {
            let key = credentials(name, value.expose()).map(str::to_owned);
            let is_secret = key.is_some() || names_a_secret(name);
            is_secret.then(|| value.expose().to_owned()).into_iter().chain(key)
        };
        match &self.transport {
            McpTransportEntry::Stdio { env, env_vars, .. } => {
                secrets.extend(env.iter().flat_map(|(name, value)| named(name, value)));
                let passed = env_vars.iter().filter(|name| names_a_secret(name));
                secrets.extend(passed.filter_map(|name| environment.get(name)).map(str::to_owned));
            }
            McpTransportEntry::Http { url, bearer_token_env_var, http_headers, env_http_headers } => {
                secrets.extend(http_headers.iter().flat_map(|(name, value)| named(name, value)));
                let token = bearer_token_env_var.as_ref().and_then(|name| environment.get(name));
                secrets.extend(token.map(str::to_owned));
                for (header, name) in env_http_headers {
                    let Some(value) = environment.get(name) else { continue };
                    secrets.extend(credentials(header, value).map(str::to_owned));
                    secrets.push(value.to_owned());
                }
                let parameters = url.expose().split_once('?').map_or("", |(_, parameters)| parameters);
                let pairs = parameters.split('&').filter_map(|pair| pair.split_once('='));
                secrets.extend(
                    pairs.filter(|(name, _)| names_a_secret(name)).map(|(_, value)| value.to_owned()),
                );
            }
        }
        secrets
    }

    /// The variables whose values are for this server alone. No command gets them.
    pub fn secret_variables(&self) -> Vec<String> {
        match &self.transport {
            McpTransportEntry::Stdio { .. } => Vec::new(),
            McpTransportEntry::Http { bearer_token_env_var, env_http_headers, .. } => {
                bearer_token_env_var.iter().chain(env_http_headers.values()).cloned().collect()
            }
        }
    }
}
