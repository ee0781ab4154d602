//! [`McpTools`]: the tools of all servers, as the registry sees them.

use super::{
    held::Held,
    name::PREFIX,
    prepare, resources, run,
    servers::{Gathered, McpServers},
    settings::McpConfig,
};
use crate::tool::Host;
use agent_core::{Preparation, PrepareRequest, Redactor, ToolAnswer, ToolRequest};
use std::collections::BTreeMap;
use tokio_util::sync::CancellationToken;

/// The tools of all servers.
pub(crate) struct McpTools {
    pub(super) servers: McpServers,
    pub(super) held: Held,
}

impl McpTools {
    /// `environment` is what programs get.
    pub(crate) fn new(config: McpConfig, environment: BTreeMap<String, String>, redactor: Redactor) -> Self {
        let servers = McpServers::new(config.servers, environment, redactor, config.tokens);
        Self { servers, held: Held::default() }
    }

    /// Ends all servers.
    pub(crate) async fn close(&self) {
        self.servers.close().await;
    }

    /// Whether a tool is one of these, as far as its name tells.
    pub(crate) fn claims(&self, name: &str) -> bool {
        !self.servers.is_empty() && (name.starts_with(PREFIX) || resources::is_one(name))
    }

    /// What there is in a directory.
    pub(crate) async fn gather(&self, cwd: &str) -> Gathered {
        self.servers.gather(cwd).await
    }

    /// Says what a call is. The error is for the model.
    pub(crate) async fn prepare(&self, host: &Host, request: &PrepareRequest) -> Result<Preparation, String> {
        let name = &request.call.name;
        if resources::is_one(name) {
            return resources::prepare(self, host, request);
        }
        let found = self.servers.find(&request.cwd, name).await?;
        prepare::prepare(host, request, &found)
    }

    /// Runs a call.
    pub(crate) async fn run(
        &self,
        host: &Host,
        request: &ToolRequest,
        stop: &CancellationToken,
    ) -> ToolAnswer {
        if resources::is_one(&request.call.name) {
            resources::run(self, host, request, stop).await
        } else {
            run::run(self, host, request, stop).await
        }
    }
}
