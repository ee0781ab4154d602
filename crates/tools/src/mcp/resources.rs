//! `list_mcp_resources`, `list_mcp_resource_templates` and `read_mcp_resource`: what servers have to read. Offered only
//! where a server has any.

use super::{
    answer, prepare,
    server::{Server, Wait},
    state::McpTools,
    trouble::with_causes,
};
use crate::{
    arguments::{Arguments, Field, Need, Shape, schema},
    output::capped_text,
    tool::{Host, cancelled_early, failed, succeeded},
};
use agent_core::{Preparation, PrepareRequest, Subject, ToolAnswer, ToolKind, ToolRequest, ToolSpec};
use futures::future::join_all;
use rmcp::{
    ServiceError,
    model::{PaginatedRequestParams, ReadResourceRequestParams},
};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

const LIST: &str = "list_mcp_resources";
const TEMPLATES: &str = "list_mcp_resource_templates";
const READ: &str = "read_mcp_resource";

const LIST_ABOUT: &str = "Lists what MCP servers have to read: data and files with an address, which `read_mcp_resource` \
                          takes. Prefer it to a search on the web where a server knows the matter.";
const TEMPLATES_ABOUT: &str = "Lists the patterns of addresses that MCP servers can read: fill in what stands in braces and \
                               give the address to `read_mcp_resource`.";
const READ_ABOUT: &str = "Reads a resource of an MCP server.";

const SERVER: Field = Field {
    name: "server",
    about: "The server, as the configuration names it. Left out: all servers.",
    shape: Shape::Text,
    need: Need::Optional,
};
const CURSOR: Field = Field {
    name: "cursor",
    about: "The page after the one that named this cursor. Goes with `server` only.",
    shape: Shape::Text,
    need: Need::Optional,
};
const LIST_FIELDS: &[Field] = &[SERVER, CURSOR];
const READ_FIELDS: &[Field] = &[
    Field { about: "The server, as the list of resources names it.", need: Need::Required, ..SERVER },
    Field {
        name: "uri",
        about: "The address of the resource, as the list has it.",
        shape: Shape::Text,
        need: Need::Required,
    },
];

/// The tools as the model is offered them.
pub(super) fn specs() -> Vec<ToolSpec> {
    let spec = |name: &str, about: &str, fields| {
        ToolSpec::new(name, about, ToolKind::Function { parameters: schema(fields) })
    };
    vec![
        spec(LIST, LIST_ABOUT, LIST_FIELDS),
        spec(TEMPLATES, TEMPLATES_ABOUT, LIST_FIELDS),
        spec(READ, READ_ABOUT, READ_FIELDS),
    ]
}

/// Whether a tool is one of these.
pub(super) fn is_one(name: &str) -> bool {
    [LIST, TEMPLATES, READ].contains(&name)
}

fn fields(name: &str) -> &'static [Field] {
    if name == READ { READ_FIELDS } else { LIST_FIELDS }
}

/// Says what a call is: they only look.
pub(super) fn prepare(
    tools: &McpTools,
    host: &Host,
    request: &PrepareRequest,
) -> Result<Preparation, String> {
    let name = request.call.name.as_str();
    let arguments = Arguments::read(name, fields(name), request.call.payload.text())?;
    let server = arguments.text("server").unwrap_or_default();
    if arguments.text("cursor").is_some() && server.is_empty() {
        return Err(format!("{name}: a cursor belongs to one server; name it in `server`"));
    }
    let limit = tools.servers.longest_call(server)?;
    let timeout_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
    let subject = Subject::Mcp {
        server: server.to_owned(),
        tool: name.to_owned(),
        arguments: prepare::shown(host, request.call.payload.text()),
    };
    Ok(host.looking(request, subject, timeout_ms))
}

/// Runs a call.
pub(super) async fn run(
    tools: &McpTools,
    host: &Host,
    request: &ToolRequest,
    stop: &CancellationToken,
) -> ToolAnswer {
    let limit = Duration::from_millis(request.preparation.timeout_ms);
    tokio::select! {
        biased;
        () = stop.cancelled() => cancelled_early(),
        answer = answered(tools, host, request) => answer,
        () = tokio::time::sleep(limit) => failed(format!(
            "{}: no answer came within {} s", request.call.name, limit.as_secs_f32()
        )),
    }
}

async fn answered(tools: &McpTools, host: &Host, request: &ToolRequest) -> ToolAnswer {
    let name = request.call.name.as_str();
    let arguments = match Arguments::read(name, fields(name), request.call.payload.text()) {
        Ok(arguments) => arguments,
        Err(message) => return failed(message),
    };
    let cwd = &request.cwd;
    if name == READ {
        let server = match tools.servers.server(cwd, arguments.required("server")) {
            Ok(server) => server,
            Err(message) => return failed(message),
        };
        return read(host, request, &server, arguments.required("uri")).await;
    }
    let servers = match arguments.text("server") {
        Some(named) => match tools.servers.server(cwd, named) {
            Ok(server) => vec![server],
            Err(message) => return failed(message),
        },
        None => tools.servers.with_resources(cwd).await,
    };
    let cursor = arguments.text("cursor").map(str::to_owned);
    let lists = servers.iter().map(|server| list(name, server, cursor.clone()));
    let mut text = String::new();
    for listed in join_all(lists).await {
        text.push_str(&format!("{listed}\n"));
    }
    let text = host.redactor.scrub(text.trim_end());
    succeeded(if text.is_empty() {
        "No server has resources.".to_owned()
    } else {
        capped_text(&text, host.output_bytes)
    })
}

async fn read(host: &Host, request: &ToolRequest, server: &Arc<Server>, uri: &str) -> ToolAnswer {
    let connection = match server.connection(Wait::Fully).await {
        Ok(connection) => connection,
        Err(trouble) => return failed(host.redactor.scrub(&trouble.told(&server.settings))),
    };
    match connection.peer().read_resource(ReadResourceRequestParams::new(uri)).await {
        Ok(result) => {
            ToolAnswer::Finished { output: answer::of_resource(host, &request.key, result.contents).await }
        }
        Err(error) => failed(format!("`{}` does not read {uri}: {}", server.settings.name, told(&error))),
    }
}

/// What one server has, as JSON.
async fn list(name: &str, server: &Arc<Server>, cursor: Option<String>) -> Value {
    let of = &server.settings.name;
    let connection = match server.connection(Wait::Fully).await {
        Ok(connection) => connection,
        Err(trouble) => return json!({ "server": of, "error": trouble.told(&server.settings) }),
    };
    let params = Some(PaginatedRequestParams::default().with_cursor(cursor));
    let peer = connection.peer();
    let (key, listed) = if name == LIST {
        let listed = peer.list_resources(params).await;
        ("resources", listed.map(|page| (serde_json::to_value(page.resources), page.next_cursor)))
    } else {
        let listed = peer.list_resource_templates(params).await;
        ("templates", listed.map(|page| (serde_json::to_value(page.resource_templates), page.next_cursor)))
    };
    match listed {
        Err(error) => json!({ "server": of, "error": told(&error) }),
        Ok((items, next)) => {
            let mut told = json!({ "server": of });
            told[key] = items.unwrap_or(Value::Null);
            if let Some(next) = next {
                told["next_cursor"] = next.into();
            }
            told
        }
    }
}

fn told(error: &ServiceError) -> String {
    match error {
        ServiceError::McpError(error) => format!("{} ({})", error.message, error.code.0),
        other => with_causes(other),
    }
}
