//! From the configuration to the MCP servers of this process, and where the tokens of logins are.

use crate::settings::Wishes;
use config::{
    Config, CredentialStore, CredentialsStore, Environment, McpApprovalMode, McpServerEntry,
    McpTransportEntry, Secret,
};
use secrecy::{ExposeSecret, SecretString};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tools::mcp::{McpAccess, McpApproval, McpConfig, McpServer, McpTokens, McpTransport, secrets_in};

/// All servers that are used, and the tokens of logins.
pub(crate) fn servers(config: &Config, environment: &Environment, home: &Path) -> McpConfig {
    let used = config.mcp_servers.iter().filter(|(_, entry)| entry.enabled);
    McpConfig {
        servers: used.map(|(name, entry)| server(name, entry, environment)).collect(),
        tokens: Arc::new(Tokens::new(config, home)),
    }
}

/// The secrets in what logins left, as far as that is in a file: commands may read the file.
pub(crate) fn filed_secrets(config: &Config, home: &Path) -> Vec<String> {
    if config.cli_auth_credentials_store == CredentialsStore::Keyring {
        return Vec::new();
    }
    let store = Tokens { home: home.to_owned(), mode: CredentialsStore::File };
    let kept = config.mcp_servers.keys().filter_map(|name| store.get(name).ok()?);
    kept.flat_map(|tokens| secrets_in(&tokens)).collect()
}

/// A server as the tools know it.
pub(crate) fn server(name: &str, entry: &McpServerEntry, environment: &Environment) -> McpServer {
    McpServer {
        startup_timeout: Duration::from_secs(entry.startup_timeout_sec),
        tool_timeout: Duration::from_secs(entry.tool_timeout_sec),
        enabled_tools: entry.enabled_tools.clone(),
        disabled_tools: entry.disabled_tools.clone(),
        approval: approval(entry.approval_mode),
        tool_approvals: entry.tools.iter().map(|(tool, mode)| (tool.clone(), approval(*mode))).collect(),
        scopes: entry.scopes.clone(),
        ..McpServer::new(name, transport(&entry.transport, environment))
    }
}

fn approval(mode: McpApprovalMode) -> McpApproval {
    match mode {
        McpApprovalMode::Auto => McpApproval::Auto,
        McpApprovalMode::Prompt => McpApproval::Prompt,
        McpApprovalMode::Approve => McpApproval::Approve,
    }
}

fn transport(entry: &McpTransportEntry, environment: &Environment) -> McpTransport {
    let hidden = |(name, value): (&String, &Secret)| (name.clone(), SecretString::from(value.expose()));
    match entry {
        McpTransportEntry::Stdio { command, args, env, env_vars, cwd } => {
            let passed =
                env_vars.iter().filter_map(|name| Some((name.clone(), environment.get(name)?.into())));
            McpTransport::Stdio {
                command: command.clone(),
                args: args.clone(),
                env: passed.chain(env.iter().map(hidden)).collect(),
                cwd: cwd.clone(),
            }
        }
        McpTransportEntry::Http { url, bearer_token_env_var, http_headers, env_http_headers } => {
            let access = match bearer_token_env_var {
                None => McpAccess::Login,
                Some(variable) => match environment.get(variable) {
                    Some(token) => McpAccess::Bearer(token.into()),
                    None => McpAccess::Missing { variable: variable.clone() },
                },
            };
            let named = env_http_headers.iter();
            let named =
                named.filter_map(|(header, name)| Some((header.clone(), environment.get(name)?.into())));
            let headers: BTreeMap<String, SecretString> =
                http_headers.iter().map(hidden).chain(named).collect();
            McpTransport::Http { url: url.expose().to_owned(), headers, access }
        }
    }
}

/// Tokens in the store of keys, beside those of model providers.
pub(crate) struct Tokens {
    home: PathBuf,
    mode: CredentialsStore,
}

impl Tokens {
    pub(crate) fn new(config: &Config, home: &Path) -> Self {
        Self { home: home.to_owned(), mode: config.cli_auth_credentials_store }
    }

    fn store(&self) -> Result<CredentialStore, String> {
        CredentialStore::open(&self.home, self.mode).map_err(|error| error.to_string())
    }
}

/// No provider of models is called so.
fn entry_of(server: &str) -> String {
    format!("mcp:{server}")
}

impl McpTokens for Tokens {
    fn get(&self, server: &str) -> Result<Option<SecretString>, String> {
        let kept = self.store()?.get(&entry_of(server)).map_err(|error| error.to_string())?;
        Ok(kept.filter(|kept| !kept.expose_secret().is_empty()))
    }

    fn put(&self, server: &str, tokens: &SecretString) -> Result<(), String> {
        self.store()?.put(&entry_of(server), tokens).map(|_| ()).map_err(|error| error.to_string())
    }

    fn remove(&self, server: &str) -> Result<bool, String> {
        self.store()?.remove(&entry_of(server)).map_err(|error| error.to_string())
    }
}

/// How a server knows who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Auth {
    /// It is a program of this machine.
    None,
    /// With a token of the environment.
    Token,
    /// With a token of the environment, which is not there.
    TokenMissing,
    /// With what a login left.
    Login,
    /// Not at all.
    NoLogin,
}

impl Auth {
    /// That of a server of the configuration.
    pub(crate) fn of(wishes: &Wishes, home: &Path, (name, entry): (&str, &McpServerEntry)) -> Self {
        match &entry.transport {
            McpTransportEntry::Stdio { .. } => Self::None,
            McpTransportEntry::Http { bearer_token_env_var: Some(variable), .. } => {
                if wishes.environment.get(variable).is_some() { Self::Token } else { Self::TokenMissing }
            }
            McpTransportEntry::Http { .. } => {
                let kept = Tokens::new(wishes.config(), home).get(name);
                if matches!(kept, Ok(Some(_))) { Self::Login } else { Self::NoLogin }
            }
        }
    }
}
