//! MCP servers: real ones of the registries, and one that does what it should not.

mod bad;
mod crashes;
mod everything;
mod http;
mod login;
mod others;
mod questions;

use crate::world::World;
use agent_core::{CollectRequest, Collected, ThreadKey, ToolCallHandler, ToolRequest, ToolSpec, TurnId};
use serde_json::Value;
use std::{collections::BTreeMap, path::PathBuf, process::Command, sync::OnceLock};
use tools::mcp::{McpConfig, McpServer, McpTransport};

/// The folder of the servers of the registries. Where they are missing they are fetched.
pub(crate) fn servers() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.ci/mcp-servers");
        let fetched = Command::new(script).output();
        let fetched = fetched.unwrap_or_else(|error| panic!("{script} does not run: {error}"));
        let said = String::from_utf8_lossy(&fetched.stderr);
        assert!(
            fetched.status.success(),
            "the MCP servers of the registries are not there. Run .ci/mcp-servers, which needs Node.js and Python: {said}"
        );
        PathBuf::from(String::from_utf8(fetched.stdout).unwrap().trim())
    })
}

/// A server of npm.
pub(crate) fn npm(name: &str, package: &str, args: &[&str]) -> McpServer {
    let script = servers().join("npm/node_modules/@modelcontextprotocol").join(package).join("dist/index.js");
    let args = [&[script.to_str().unwrap()], args].concat();
    McpServer::stdio(name, "node", &args)
}

/// A server of PyPI.
pub(crate) fn pip(name: &str, program: &str, args: &[&str]) -> McpServer {
    McpServer::stdio(name, servers().join("python/bin").join(program).to_str().unwrap(), args)
}

pub(crate) fn everything() -> McpServer {
    npm("everything", "server-everything", &[])
}

/// The server that does what it should not.
pub(crate) fn quirky(name: &str, quirks: &[&str]) -> McpServer {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/mcp_server.py");
    McpServer::stdio(name, "python3", &[&[script], quirks].concat())
}

/// The same, with its calls written into a file.
pub(crate) fn watched(name: &str, calls: &std::path::Path) -> McpServer {
    let mut server = quirky(name, &[]);
    if let McpTransport::Stdio { env, .. } = &mut server.transport {
        *env = BTreeMap::from([("CALLS".to_owned(), calls.to_str().unwrap().to_owned().into())]);
    }
    server
}

/// A world with these servers.
pub(crate) fn world(servers: Vec<McpServer>) -> World {
    World::with(|config| config.mcp = McpConfig { servers, ..McpConfig::default() })
}

impl World {
    pub(crate) async fn collect(&self, known: &str) -> Collected {
        let request = CollectRequest {
            key: ThreadKey::for_test("thread"),
            turn: TurnId(1),
            cwd: self.cwd(),
            known: known.to_owned(),
            skills: Vec::new(),
        };
        self.registry.collect(request).await
    }

    /// The names of the tools of servers, and the warnings.
    pub(crate) async fn tools_of_servers(&self) -> (Vec<String>, Vec<String>) {
        let collected = self.collect("").await;
        let specs: Vec<ToolSpec> = collected.tools.unwrap().to_vec();
        let names = specs.into_iter().map(|spec| spec.name).filter(|name| name.starts_with("mcp__"));
        (names.collect(), collected.warnings)
    }

    /// Calls a tool and gives what the model reads.
    pub(crate) async fn told(&self, name: &str, arguments: Value) -> String {
        self.call(name, arguments).await.plain_text()
    }
}

/// The request with which the thread goes on after an answer of the user.
pub(crate) fn next_attempt(request: &ToolRequest, reply: agent_core::ElicitationReply) -> ToolRequest {
    ToolRequest { attempt: request.attempt + 1, reply: Some(reply), ..request.clone() }
}
