//! MCP: the tools and resources of servers, over standard input and output or streamable HTTP.
//!
//! ```text
//! McpTools ── McpServers ── Server ── Connection ── Process, or HTTP
//!    │        (by directory)  (through its crashes)    │
//!    └ run, prepare, resources          Running: which call what a server says belongs to
//! ```
//!
//! * Servers run in this process's care, are started side by side when a thread first asks for its tools, each within its own
//!   time, and again when they are needed after a crash.
//! * A call is a task of its own ([`open_call`]), so that it can wait for the user between two attempts ([`held`]).
//! * What a server says of its tools is a hint that nobody checks; see [`prepare`] for what follows from it.
//!
//! Not here: the configuration file, the commands that edit it. Start reading at `settings.rs`, then `server.rs` and `run.rs`.

mod addressed;
mod answer;
mod connection;
mod contents;
mod handler;
mod held;
mod http;
mod inspect;
mod login;
mod name;
mod offered;
mod open_call;
mod prepare;
mod process;
mod resources;
mod run;
mod running;
mod server;
mod servers;
mod settings;
mod state;
mod tokens;
mod trouble;
mod watched;

pub use inspect::{McpInspection, McpInspector, McpOffer, McpTool};
pub use login::{McpLogin, McpLoginError};
pub use settings::{
    DEFAULT_STARTUP_TIMEOUT, DEFAULT_TOOL_TIMEOUT, McpAccess, McpApproval, McpConfig, McpServer, McpTransport,
};
pub(crate) use state::McpTools;
pub use tokens::{McpTokens, NoMcpTokens, secrets_in};
