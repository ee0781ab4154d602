//! The tables `[mcp_servers.NAME]`.

use super::values::Values;
use crate::{McpApprovalMode, McpServerEntry, McpTransportEntry, Origin, Problem, ProblemKind};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

/// How long a server may take to start where nothing is said.
const STARTUP_TIMEOUT_SEC: u64 = 10;
/// How long a call may take where nothing is said.
const TOOL_TIMEOUT_SEC: u64 = 60;

/// What belongs to a program, and what to an address.
const OF_COMMAND: &[&str] = &["args", "env", "env_vars", "cwd"];
const OF_URL: &[&str] = &["bearer_token_env_var", "http_headers", "env_http_headers", "scopes"];

/// All servers.
pub(super) fn mcp_servers(
    top: &Values<'_>,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<String>,
) -> BTreeMap<String, McpServerEntry> {
    let all = top.table("mcp_servers");
    let names: BTreeSet<String> = all.names().map(str::to_owned).collect();
    let mut servers = BTreeMap::new();
    for name in names {
        let values = all.table(&name);
        match transport(&values, problems) {
            Some((transport, foreign)) => {
                let has = match transport {
                    McpTransportEntry::Stdio { .. } => "command",
                    McpTransportEntry::Http { .. } => "url",
                };
                for key in foreign {
                    let origin = values.any_origin_of(key);
                    warnings.push(format!(
                        "{origin}: `mcp_servers.{name}.{key}` has no effect: the server has a `{has}`"
                    ));
                }
                servers.insert(name, server(&values, transport));
            }
            None => {
                let origin = values.any_origin();
                problems.push(Problem { origin, kind: ProblemKind::NoTransport { name } });
            }
        }
    }
    servers
}

/// How a server is reached, and what is said that belongs to the other way.
fn transport(
    values: &Values<'_>,
    problems: &mut Vec<Problem>,
) -> Option<(McpTransportEntry, Vec<&'static str>)> {
    let (transport, others) = if values.strongest(&["command", "url"], problems)? == "command" {
        let transport = McpTransportEntry::Stdio {
            command: values.text("command")?,
            args: values.texts("args"),
            env: values.guarded("env"),
            env_vars: values.texts("env_vars"),
            cwd: values.text("cwd").map(PathBuf::from),
        };
        (transport, OF_URL)
    } else {
        let transport = McpTransportEntry::Http {
            url: values.secret("url")?,
            bearer_token_env_var: values.text("bearer_token_env_var"),
            http_headers: values.guarded("http_headers"),
            env_http_headers: values.named_texts("env_http_headers"),
        };
        (transport, OF_COMMAND)
    };
    let said = others.iter().copied().filter(|key| values.any_origin_of(key) != Origin::Default);
    Some((transport, said.collect()))
}

fn server(values: &Values<'_>, transport: McpTransportEntry) -> McpServerEntry {
    let tools = values.table("tools");
    let names: BTreeSet<&str> = tools.names().collect();
    let mode = |name: &&str| Some(((*name).to_owned(), tools.table(name).choice("approval_mode")?));
    let enabled_is_said = values.origin("enabled_tools") != Origin::Default;
    McpServerEntry {
        enabled: values.bool("enabled").unwrap_or(true),
        transport,
        startup_timeout_sec: values.count("startup_timeout_sec").unwrap_or(STARTUP_TIMEOUT_SEC),
        tool_timeout_sec: values.count("tool_timeout_sec").unwrap_or(TOOL_TIMEOUT_SEC),
        enabled_tools: enabled_is_said.then(|| values.texts("enabled_tools").into_iter().collect()),
        disabled_tools: values.texts("disabled_tools").into_iter().collect(),
        approval_mode: values.choice("default_tools_approval_mode").unwrap_or(McpApprovalMode::Auto),
        tools: names.iter().filter_map(mode).collect(),
        scopes: values.texts("scopes"),
    }
}
