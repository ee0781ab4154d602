//! [`McpInspector`]: what servers are like, for people.

use super::{
    contents::Contents,
    offered::{Offered, Reach},
    server::Server,
    servers::McpServers,
    settings::McpServer,
    tokens::McpTokens,
};
use agent_core::{Named, Redactor};
use futures::future::join_all;
use std::{collections::BTreeMap, sync::Arc};

/// Starts servers and tells what came of it.
pub struct McpInspector(McpServers);

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct McpInspection {
    /// The server.
    pub server: String,
    /// What it offers; or why it is not there, and what to do about it.
    pub state: Result<McpOffer, String>,
}

/// What a server offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct McpOffer {
    /// Its tools.
    pub tools: Vec<McpTool>,
    /// What it has to read, by address.
    pub resources: Vec<Named>,
    /// The patterns of addresses that it can read.
    pub templates: Vec<Named>,
    /// What is wrong with it though it is there.
    pub warnings: Vec<String>,
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

    /// Starts all of them side by side, in this directory, and says how they are. Each has its own time to start, and as much
    /// again to say what it has to read.
    pub async fn inspect(&self, cwd: &str) -> Vec<McpInspection> {
        let states = self.0.states(cwd).await;
        join_all(states.into_iter().map(|(server, state)| async move {
            let state = match state {
                Ok(()) => Ok(offer(&server).await),
                Err(why) => Err(why),
            };
            McpInspection { server: server.settings.name.clone(), state }
        }))
        .await
    }

    /// Ends them.
    pub async fn close(&self) {
        self.0.close().await;
    }
}

/// What a server that runs offers.
async fn offer(server: &Arc<Server>) -> McpOffer {
    let listed = server.known();
    let tool = |offered: &Offered| McpTool {
        name: offered.spec.name.clone(),
        tool: offered.tool.clone(),
        description: offered.spec.description.clone(),
        read_only: offered.hints.reach == Reach::ReadOnly,
    };
    let Contents { resources, templates, warnings } = Contents::of(server, listed.resources).await;
    McpOffer {
        tools: listed.tools.iter().map(tool).collect(),
        resources,
        templates,
        warnings: listed.warnings.into_iter().chain(warnings).collect(),
    }
}
