//! `everturn mcp list` and `get`.

use super::{Format, Look, Site};
use crate::{
    exit::{Exit, Failure},
    mcp::{Auth, server, servers},
    output, tooling,
    view::clean_line,
};
use agent_core::{Named, Redactor};
use config::{McpServerEntry, McpTransportEntry};
use serde_json::{Value, json};
use tools::mcp::{McpInspection, McpInspector, McpOffer, McpTool};

/// The widest that a description gets, in letters.
const MAX_ABOUT_CHARS: usize = 80;

/// What is known of a server.
struct Known<'a> {
    name: &'a str,
    entry: &'a McpServerEntry,
    auth: Auth,
    /// `None` where it was not started.
    state: Option<Result<McpOffer, String>>,
}

/// How a server knows who asks, in a word.
fn word(auth: Auth) -> &'static str {
    match auth {
        Auth::None => "-",
        Auth::Token => "token",
        Auth::TokenMissing => "token missing",
        Auth::Login => "logged in",
        Auth::NoLogin => "not logged in",
    }
}

/// All servers. Where one that is used is not there, the command fails.
pub(super) async fn list(site: &Site, look: Look, format: Format) -> Result<Exit, Failure> {
    let entries: Vec<_> =
        site.wishes.config().mcp_servers.iter().map(|(name, entry)| (name.as_str(), entry)).collect();
    if entries.is_empty() && format == Format::Text {
        output::remark("no MCP server is configured; add one with everturn mcp add");
    }
    let known = known(site, entries, look).await?;
    match format {
        Format::Json => known.iter().for_each(|server| output::result(&as_json(server, site).to_string())),
        Format::Text => table(&known),
    }
    Ok(exit(&known))
}

/// One server.
pub(super) async fn get(site: &Site, name: &str, look: Look, format: Format) -> Result<Exit, Failure> {
    let entry = site.entry(name)?;
    let known = known(site, vec![(name, entry)], look).await?;
    for server in &known {
        match format {
            Format::Json => output::result(&as_json(server, site).to_string()),
            Format::Text => describe(server, site),
        }
    }
    Ok(exit(&known))
}

fn exit(known: &[Known<'_>]) -> Exit {
    let is_missing = |server: &Known<'_>| matches!(server.state, Some(Err(_)));
    if known.iter().any(is_missing) { Exit::Failed } else { Exit::Done }
}

async fn known<'a>(
    site: &Site,
    entries: Vec<(&'a str, &'a McpServerEntry)>,
    look: Look,
) -> Result<Vec<Known<'a>>, Failure> {
    let states = match look {
        Look::ConfigurationOnly => Vec::new(),
        Look::Start => inspect(site, &entries).await?,
    };
    let mut known = Vec::new();
    for (name, entry) in entries {
        let state = states.iter().find(|inspection| inspection.server == name);
        let state = state.map(|inspection| inspection.state.clone());
        known.push(Known {
            name,
            entry,
            auth: Auth::of(&site.wishes, site.home.root(), (name, entry)),
            state,
        });
    }
    Ok(known)
}

/// Starts the servers that are used, in the current directory.
async fn inspect(site: &Site, entries: &[(&str, &McpServerEntry)]) -> Result<Vec<McpInspection>, Failure> {
    let (config, environment) = (site.wishes.config(), &site.wishes.environment);
    let used = entries.iter().filter(|(_, entry)| entry.enabled);
    let used: Vec<_> = used.map(|(name, entry)| server(name, entry, environment)).collect();
    let redactor = Redactor::new(config.secrets(environment));
    let tokens = servers(config, environment, site.home.root()).tokens;
    let programs = tooling::environment_of_programs(config, environment);
    let inspector = McpInspector::new(used, programs, redactor, tokens);
    let cwd = std::env::current_dir()
        .map_err(|error| Failure::usage(format!("the current directory cannot be used: {error}")))?;
    let inspected = inspector.inspect(&cwd.to_string_lossy()).await;
    inspector.close().await;
    Ok(inspected)
}

fn state(server: &Known<'_>) -> String {
    match &server.state {
        _ if !server.entry.enabled => "disabled".to_owned(),
        None => "not started".to_owned(),
        Some(Ok(offer)) => format!("{} tools", offer.tools.len()),
        Some(Err(_)) => "not there".to_owned(),
    }
}

fn target(entry: &McpServerEntry, site: &Site) -> String {
    let text = match &entry.transport {
        McpTransportEntry::Stdio { command, args, .. } => {
            [std::slice::from_ref(command), args.as_slice()].concat().join(" ")
        }
        McpTransportEntry::Http { url, .. } => url.expose().split('?').next().unwrap_or_default().to_owned(),
    };
    let redactor = Redactor::new(site.wishes.config().secrets(&site.wishes.environment));
    clean_line(&redactor.scrub(&text))
}

fn table(known: &[Known<'_>]) {
    let width = known.iter().map(|server| server.name.chars().count()).max().unwrap_or(0);
    for server in known {
        let (state, auth) = (state(server), word(server.auth));
        let name = server.name;
        output::result(&format!("{name:width$}  {state:<12} {auth}"));
    }
    for why in known.iter().filter_map(|server| server.state.as_ref()?.as_ref().err()) {
        output::warn(&clean_line(why));
    }
}

fn describe(server: &Known<'_>, site: &Site) {
    output::result(&format!("{}: {}", server.name, target(server.entry, site)));
    output::result(&format!("state: {}", state(server)));
    output::result(&format!("login: {}", word(server.auth)));
    let entry = server.entry;
    output::result(&format!(
        "time: {} s to start, {} s for a call",
        entry.startup_timeout_sec, entry.tool_timeout_sec
    ));
    match &server.state {
        Some(Ok(offer)) => describe_offer(offer),
        Some(Err(why)) => output::warn(&clean_line(why)),
        None => {}
    }
}

fn describe_offer(offer: &McpOffer) {
    let brief = |text: &str| -> String {
        clean_line(text.lines().next().unwrap_or_default()).chars().take(MAX_ABOUT_CHARS).collect()
    };
    for tool in &offer.tools {
        let only_looks = if tool.read_only { " (only looks)" } else { "" };
        output::result(&format!("  {}{only_looks}: {}", clean_line(&tool.tool), brief(&tool.description)));
    }
    let read = offer.resources.iter().map(|one| ("resource", one));
    for (what, Named { name, description }) in read.chain(offer.templates.iter().map(|one| ("template", one)))
    {
        output::result(&format!("  {what} {}: {}", clean_line(name), brief(description)));
    }
    offer.warnings.iter().for_each(|warning| output::warn(&clean_line(warning)));
}

/// Values of variables and headers are not told.
fn as_json(server: &Known<'_>, site: &Site) -> Value {
    let entry = server.entry;
    let transport = match &entry.transport {
        McpTransportEntry::Stdio { command, args, env, env_vars, cwd } => json!({
            "type": "stdio", "command": command, "args": args, "env": env.keys().collect::<Vec<_>>(),
            "env_vars": env_vars, "cwd": cwd,
        }),
        McpTransportEntry::Http { bearer_token_env_var, http_headers, env_http_headers, .. } => json!({
            "type": "streamable_http", "url": target(entry, site), "bearer_token_env_var": bearer_token_env_var,
            "http_headers": http_headers.keys().collect::<Vec<_>>(), "env_http_headers": env_http_headers,
        }),
    };
    let tool = |tool: &McpTool| {
        json!({
            "name": tool.name, "tool": tool.tool, "description": tool.description, "read_only": tool.read_only,
        })
    };
    let offer = server.state.as_ref().and_then(|state| state.as_ref().ok());
    let tools = offer.map(|offer| offer.tools.iter().map(tool).collect::<Vec<_>>());
    let started = server.state.as_ref().map(Result::is_ok);
    let error = server.state.as_ref().and_then(|state| state.as_ref().err());
    let redactor = Redactor::new(site.wishes.config().secrets(&site.wishes.environment));
    let told = json!({
        "name": server.name, "enabled": entry.enabled, "transport": transport, "auth": word(server.auth),
        "startup_timeout_sec": entry.startup_timeout_sec, "tool_timeout_sec": entry.tool_timeout_sec,
        "enabled_tools": entry.enabled_tools, "disabled_tools": entry.disabled_tools,
        "started": started, "tools": tools, "error": error, "resources": offer.map(|offer| &offer.resources),
        "templates": offer.map(|offer| &offer.templates), "warnings": offer.map(|offer| &offer.warnings),
    });
    redactor.scrub_value(told.clone()).unwrap_or(told)
}
