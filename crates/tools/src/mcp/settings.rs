//! [`McpServer`]: a server as it is configured.

use super::tokens::{McpTokens, NoMcpTokens};
use secrecy::SecretString;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

/// How long a server may take to start where nothing is said.
pub const DEFAULT_STARTUP_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a call may take where nothing is said.
pub const DEFAULT_TOOL_TIMEOUT: Duration = Duration::from_secs(60);

/// All servers, and where what logins came to is kept.
#[derive(Clone)]
pub struct McpConfig {
    /// The servers. No two have one name.
    pub servers: Vec<McpServer>,
    /// Tokens of logins.
    pub tokens: Arc<dyn McpTokens>,
}

impl Default for McpConfig {
    fn default() -> Self {
        Self { servers: Vec::new(), tokens: Arc::new(NoMcpTokens) }
    }
}

/// A server.
#[derive(Clone, Debug)]
pub struct McpServer {
    /// How the user calls it. No two have one name.
    pub name: String,
    /// How it is reached.
    pub transport: McpTransport,
    /// It has so long to start, to say what it is, and to list its tools.
    pub startup_timeout: Duration,
    /// A call has so long, the time apart in which the user is asked something.
    pub tool_timeout: Duration,
    /// Where there are any, only these of its tools are offered.
    pub enabled_tools: Option<BTreeSet<String>>,
    /// These are not.
    pub disabled_tools: BTreeSet<String>,
    /// Which calls the user is asked about.
    pub approval: McpApproval,
    /// The same for single tools.
    pub tool_approvals: BTreeMap<String, McpApproval>,
    /// What `login` asks for, where it is not told.
    pub scopes: Vec<String>,
}

/// How a server is reached.
#[derive(Clone, Debug)]
pub enum McpTransport {
    /// It is a program that is started here, and is spoken to through its standard input and output.
    Stdio {
        /// The program.
        command: String,
        /// Its arguments.
        args: Vec<String>,
        /// What it gets besides what commands get, and in place of it.
        env: BTreeMap<String, SecretString>,
        /// Where it runs; where `None`, in `/`.
        cwd: Option<PathBuf>,
    },
    /// It listens at an address: streamable HTTP.
    Http {
        /// The address.
        url: String,
        /// What every request has.
        headers: BTreeMap<String, SecretString>,
        /// How it is told who asks.
        access: McpAccess,
    },
}

/// How an HTTP server is told who asks.
#[derive(Clone, Debug)]
pub enum McpAccess {
    /// With the tokens of a login, where there are any.
    Login,
    /// With this token.
    Bearer(SecretString),
    /// With the token of an environment variable that is not set: it is not asked at all.
    Missing {
        /// The variable.
        variable: String,
    },
}

/// Which calls of a server the user is asked about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum McpApproval {
    /// Those that are not marked as harmless.
    #[default]
    Auto,
    /// All.
    Prompt,
    /// None.
    Approve,
}

impl McpServer {
    /// A server with the usual limits, all of whose tools are offered.
    pub fn new(name: impl Into<String>, transport: McpTransport) -> Self {
        Self {
            name: name.into(),
            transport,
            startup_timeout: DEFAULT_STARTUP_TIMEOUT,
            tool_timeout: DEFAULT_TOOL_TIMEOUT,
            enabled_tools: None,
            disabled_tools: BTreeSet::new(),
            approval: McpApproval::Auto,
            tool_approvals: BTreeMap::new(),
            scopes: Vec::new(),
        }
    }

    /// A program without any settings of its own.
    pub fn stdio(name: &str, command: &str, args: &[&str]) -> Self {
        let args = args.iter().map(|&arg| arg.to_owned()).collect();
        let transport =
            McpTransport::Stdio { command: command.to_owned(), args, env: BTreeMap::new(), cwd: None };
        Self::new(name, transport)
    }

    /// A server at an address, with the tokens of a login where there are any.
    pub fn http(name: &str, url: &str) -> Self {
        let transport =
            McpTransport::Http { url: url.to_owned(), headers: BTreeMap::new(), access: McpAccess::Login };
        Self::new(name, transport)
    }

    /// Whether a tool is offered.
    pub(super) fn offers(&self, tool: &str) -> bool {
        let is_enabled = self.enabled_tools.as_ref().is_none_or(|enabled| enabled.contains(tool));
        is_enabled && !self.disabled_tools.contains(tool)
    }

    /// Whether the user is asked about a tool, and the key of the configuration that says so.
    pub(super) fn approval_of(&self, tool: &str) -> (McpApproval, String) {
        let table = format!("mcp_servers.{}", self.name);
        match self.tool_approvals.get(tool) {
            Some(approval) => (*approval, format!("{table}.tools.{tool}.approval_mode")),
            None => (self.approval, format!("{table}.default_tools_approval_mode")),
        }
    }
}
