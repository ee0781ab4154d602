//! [`Trouble`]: why a server is not there, and what to do about it.

use super::http::client_error;
use super::settings::{McpServer, McpTransport};
use rmcp::{service::ClientInitializeError, transport::AuthError};
use std::{error::Error, io, process::ExitStatus, time::Duration};

/// Why a server is not there. [`told`](Self::told) says it to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Its program is not found.
    NoProgram,
    /// The directory that it is to run in is not there.
    NoDirectory { directory: String },
    /// Its program cannot be started.
    NotStarted { why: String },
    /// It took too long.
    TooSlow { limit: Duration, said: String },
    /// It ended while it was started.
    Ended { status: Option<ExitStatus>, said: String },
    /// It wants a login.
    NoLogin,
    /// It refuses the token that is configured.
    TokenRefused,
    /// The variable with its token is not set.
    NoToken { variable: String },
    /// A header cannot be sent.
    Header { name: String },
    /// Its address makes no sense.
    Address { why: String },
    /// Anything else.
    Other { why: String, said: String },
    /// It is being started still.
    Starting,
    /// It did not come back, and is tried again in a while.
    Resting { left: Duration, why: Box<Trouble> },
}

impl Trouble {
    pub(super) fn of_start(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NoProgram,
            _ => Self::NotStarted { why: error.to_string() },
        }
    }

    pub(super) fn of_auth(error: &AuthError) -> Self {
        match error {
            AuthError::AuthorizationRequired | AuthError::TokenExpired => Self::NoLogin,
            other => Self::Other { why: with_causes(other), said: String::new() },
        }
    }

    pub(super) fn of_handshake(error: &ClientInitializeError, server: &McpServer, said: String) -> Self {
        if error.is_authorization_required() || error.auth_challenge().is_some() {
            return match &server.transport {
                McpTransport::Http { access: super::settings::McpAccess::Bearer(_), .. } => {
                    Self::TokenRefused
                }
                _ => Self::NoLogin,
            };
        }
        let why = match error {
            ClientInitializeError::TransportError { error, .. } => {
                let of_client = client_error(&*error.error).map(|error| with_causes(error));
                format!("it is not reached: {}", of_client.unwrap_or_else(|| with_causes(&*error.error)))
            }
            ClientInitializeError::JsonRpcError(error) => {
                format!("it refuses to start: {} ({})", error.message, error.code.0)
            }
            other => with_causes(other),
        };
        Self::Other { why, said }
    }

    /// The same without what changes from one moment to the next.
    pub(super) fn lasting(&self) -> &Self {
        match self {
            Self::Resting { why, .. } => why.lasting(),
            other => other,
        }
    }

    /// What is wrong with a server and what to do about it.
    pub(super) fn told(&self, server: &McpServer) -> String {
        let name = &server.name;
        let table = format!("mcp_servers.{name}");
        let what = match self {
            Self::NoProgram => {
                let command = match &server.transport {
                    McpTransport::Stdio { command, .. } => command.as_str(),
                    McpTransport::Http { .. } => "",
                };
                format!(
                    "`{command}` is not found: {}, or set `{table}.command` to its full path",
                    install(command)
                )
            }
            Self::NoDirectory { directory } => {
                format!("its directory {directory} is not there: make it, or set `{table}.cwd`")
            }
            Self::NotStarted { why } => format!("it could not be started: {why}"),
            Self::TooSlow { limit, said } => format!(
                "it was not ready within {} s{}; raise `{table}.startup_timeout_sec` if it needs longer",
                limit.as_secs_f32(),
                quoted(said)
            ),
            Self::Ended { status, said } => {
                let status = status.map_or_else(String::new, |status| format!(" ({status})"));
                format!("it ended while it was started{status}{}", quoted(said))
            }
            Self::NoLogin => format!("it wants a login: run `everturn mcp login {name}`"),
            Self::TokenRefused => {
                format!("it refuses the token that `{table}.bearer_token_env_var` names: renew it")
            }
            Self::NoToken { variable } => {
                format!(
                    "{variable} is not set: set it to the token, or change `{table}.bearer_token_env_var`"
                )
            }
            Self::Header { name } => format!("the header {name} cannot be sent: correct it in `{table}`"),
            Self::Address { why } => format!("its address cannot be used: {why}; correct `{table}.url`"),
            Self::Other { why, said } => format!("{why}{}", quoted(said)),
            Self::Starting => "it is being started still; its tools come as soon as it is ready".to_owned(),
            Self::Resting { left, why } => {
                let left = left.as_secs().max(1);
                return format!("{}; it is tried again in {left} s", why.told(server));
            }
        };
        format!("The MCP server `{name}` is not there: {what}")
    }
}

/// How to come by a program.
fn install(command: &str) -> &'static str {
    let program = command.rsplit('/').next().unwrap_or(command);
    match program {
        "npx" | "npm" | "node" => "install Node.js",
        "uvx" | "uv" => "install uv",
        "python" | "python3" | "pip" | "pipx" => "install Python",
        "docker" => "install Docker",
        "deno" => "install Deno",
        "bunx" | "bun" => "install Bun",
        _ => "install it",
    }
}

fn quoted(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!("; it said: {said}") }
}

/// An error with what caused it: what the layers above say is often nothing.
pub(super) fn with_causes(error: &dyn Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !told.contains(&text) {
            told.push_str(": ");
            told.push_str(&text);
        }
        cause = error.source();
    }
    told
}
