//! The MCP servers of the configuration as clients of a thread see them: how they stand, and what they offer.

use crate::{
    mcp::{Auth, server, servers},
    settings::Wishes,
    tooling,
};
use agent_core::{McpServer, Named, Redactor};
use config::McpServerEntry;
use std::path::Path;
use tools::mcp::{McpInspection, McpInspector};

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
        told(name, Auth::of(wishes, home, (name, entry)), found, redactor)
    };
    config.mcp_servers.iter().map(told).collect()
}

fn told(name: &str, auth: Auth, found: Option<&McpInspection>, redactor: &Redactor) -> McpServer {
    let named =
        |name: &str, about: &str| Named { name: redactor.scrub(name), description: redactor.scrub(about) };
    let all = |some: &[Named]| some.iter().map(|one| named(&one.name, &one.description)).collect();
    let mut server = McpServer {
        name: name.to_owned(),
        status: "disabled".to_owned(),
        auth: word(auth, found.is_some_and(|found| found.state.is_ok())).to_owned(),
        tools: Vec::new(),
        resources: Vec::new(),
        templates: Vec::new(),
    };
    match found.map(|found| &found.state) {
        None => {}
        Some(Err(why)) => server.status = redactor.scrub(why),
        Some(Ok(offer)) => {
            let troubles = offer.warnings.iter().map(|warning| redactor.scrub(warning));
            let parts: Vec<String> = std::iter::once("connected".to_owned()).chain(troubles).collect();
            server.status = parts.join("; ");
            server.tools = offer.tools.iter().map(|tool| named(&tool.tool, &tool.description)).collect();
            (server.resources, server.templates) = (all(&offer.resources), all(&offer.templates));
        }
    }
    server
}

/// How a server knows who asks. One that is there without a login needs none.
fn word(auth: Auth, is_there: bool) -> &'static str {
    match auth {
        Auth::None => "none",
        Auth::Token => "bearer token",
        Auth::TokenMissing => "bearer token missing",
        Auth::Login => "oauth",
        Auth::NoLogin if is_there => "none",
        Auth::NoLogin => "not logged in",
    }
}
