//! [`McpInspector`]: what servers are like, for people.

use super::{offered::Reach, servers::McpServers, settings::McpServer, tokens::McpTokens};
use agent_core::Redactor;
use std::{collections::BTreeMap, sync::Arc};

/// Starts servers and tells what came of it.
pub struct McpInspector(McpServers);

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct McpInspection {
    /// The server.
    pub server: String,
    /// Its tools; or why it is not there, and what to do about it.
    pub state: Result<Vec<McpTool>, String>,
}

/// A tool of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct McpTool {
    /// As the model is told it.
    pub name: String,
    /// As the server calls it.
    pub tool: String,
    /// What it does.
    pub description: String,
    /// Whether the server says that it only looks.
    pub read_only: bool,
}

impl McpInspector {
    /// Knows these servers. `environment` is what programs get.
    pub fn new(
        servers: Vec<McpServer>,
        environment: BTreeMap<String, String>,
        redactor: Redactor,
        tokens: Arc<dyn McpTokens>,
    ) -> Self {
        Self(McpServers::new(servers, environment, redactor, tokens))
    }

    /// Starts all of them side by side, in this directory, and says how they are.
    pub async fn inspect(&self, cwd: &str) -> Vec<McpInspection> {
        let states = self.0.states(cwd).await;
        let inspected = states.into_iter().map(|(server, state)| {
            let tools = server.known().tools;
            let tools = tools.iter().map(|offered| McpTool {
                name: offered.spec.name.clone(),
                tool: offered.tool.clone(),
                description: offered.spec.description.clone(),
                read_only: offered.hints.reach == Reach::ReadOnly,
            });
            McpInspection { server: server.settings.name.clone(), state: state.map(|()| tools.collect()) }
        });
        inspected.collect()
    }

    /// Ends them.
    pub async fn close(&self) {
        self.0.close().await;
    }
}
