//! The MCP servers of the configuration as clients of a thread see them: how they stand, and what they offer.

use crate::{
    mcp::{Tokens, server, servers},
    settings::Wishes,
    tooling,
};
use agent_core::{McpServer, Named, Redactor};
use config::{McpServerEntry, McpTransportEntry};
use std::path::Path;
use tools::mcp::{McpInspection, McpInspector, McpTokens};

/// Starts those that are used, asks what they offer, and ends them again.
pub(super) async fn look(wishes: &Wishes, home: &Path, cwd: &Path, redactor: &Redactor) -> Vec<McpServer> {
    let (config, environment) = (wishes.config(), &wishes.environment);
    let used = config.mcp_servers.iter().filter(|(_, entry)| entry.enabled);
    let used: Vec<_> = used.map(|(name, entry)| server(name, entry, environment)).collect();
    if used.is_empty() && config.mcp_servers.is_empty() {
        return Vec::new();
    }
    let tokens = servers(config, environment, home).tokens;
    let programs = tooling::environment_of_programs(config, environment);
    let inspector = McpInspector::new(used, programs, redactor.clone(), tokens);
    let found = inspector.inspect(&cwd.to_string_lossy()).await;
    inspector.close().await;
    let told = |(name, entry): (&String, &McpServerEntry)| {
        let found = found.iter().find(|inspection| inspection.server == *name);
        told(name, auth(wishes, home, name, entry), found, redactor)
    };
    config.mcp_servers.iter().map(told).collect()
}

fn told(name: &str, auth: &str, found: Option<&McpInspection>, redactor: &Redactor) -> McpServer {
    let (status, tools) = match found.map(|found| &found.state) {
        None => ("disabled".to_owned(), Vec::new()),
        Some(Err(why)) => (redactor.scrub(why), Vec::new()),
        Some(Ok(tools)) => {
            let named = |tool: &tools::mcp::McpTool| Named {
                name: tool.tool.clone(),
                description: redactor.scrub(&tool.description),
            };
            ("connected".to_owned(), tools.iter().map(named).collect())
        }
    };
    McpServer {
        name: name.to_owned(),
        status,
        auth: auth.to_owned(),
        tools,
        resources: Vec::new(),
        templates: Vec::new(),
    }
}

/// How a server knows who asks.
fn auth(wishes: &Wishes, home: &Path, name: &str, entry: &McpServerEntry) -> &'static str {
    match &entry.transport {
        McpTransportEntry::Stdio { .. } => "none",
        McpTransportEntry::Http { bearer_token_env_var: Some(variable), .. } => {
            if wishes.environment.get(variable).is_some() { "bearer token" } else { "bearer token missing" }
        }
        McpTransportEntry::Http { .. } => match Tokens::new(wishes.config(), home).get(name) {
            Ok(Some(_)) => "oauth",
            _ => "not logged in",
        },
    }
}
