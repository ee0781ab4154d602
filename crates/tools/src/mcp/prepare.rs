//! What a call of a server's tool is, before anybody decides about it.
//!
//! Nothing confines a server: it runs outside of the sandbox, or on another machine. So what counts is what it says of its
//! tools (hints that nobody checks) and what the user says of the server. A tool that only looks runs. One that adds to
//! what is its own and destroys nothing runs where the thread may write. Everything else is put to the user, unless the
//! thread may do anything. `approval_mode` asks about all of a server's tools, or about none.

use super::{
    offered::{Again, Reach},
    servers::Found,
    settings::McpApproval,
};
use crate::tool::Host;
use agent_core::{
    Access, Class, Containment, Payload, Preparation, PrepareRequest, Repeat, SandboxPolicy, Subject, Verdict,
};
use rmcp::model::JsonObject;

/// What is shown of the arguments to whoever approves the call, in characters.
const MAX_SHOWN_CHARS: usize = 2_000;

/// Says what a call is.
pub(super) fn prepare(host: &Host, request: &PrepareRequest, found: &Found) -> Result<Preparation, String> {
    arguments(&request.call.name, &request.call.payload)?;
    let (server, tool) = (&found.server.settings, &found.offered.tool);
    let hints = found.offered.hints;
    let (approval, key) = server.approval_of(tool);
    let verdict = match approval {
        McpApproval::Auto => Verdict::Silent,
        McpApproval::Approve => Verdict::Allow { rule: format!("{key} = \"approve\"") },
        McpApproval::Prompt => Verdict::Ask { reason: format!("{key} = \"prompt\"") },
    };
    let access = match hints.reach {
        Reach::ReadOnly => Access::ReadOnly,
        Reach::Additive | Reach::Anything => Access::Mutating,
    };
    let repeat = match (access, hints.again) {
        (Access::ReadOnly, _) | (Access::Mutating, Again::Same) => Repeat::Safe,
        (Access::Mutating, Again::Another) => Repeat::Never,
    };
    let is_contained = match (hints.reach, &request.sandbox) {
        (Reach::ReadOnly, _) => true,
        (Reach::Additive, sandbox) => !matches!(sandbox, SandboxPolicy::ReadOnly),
        (Reach::Anything, _) => false,
    };
    let containment = if is_contained {
        Containment::Contained
    } else {
        Containment::Uncontained {
            reason: format!(
                "`{tool}` of the MCP server `{}` may change things and nothing confines a server (`{key} = \"approve\"` \
                 lets it run without a question)",
                server.name
            ),
        }
    };
    if access == Access::Mutating {
        host.ready_to_run(&request.key);
    }
    let named = [server.name.clone(), tool.clone(), request.call.payload.text().to_owned()];
    Ok(Preparation {
        access,
        repeat,
        class: if access == Access::ReadOnly { Class::Safe } else { Class::Ordinary },
        verdict,
        containment,
        subject: Subject::Mcp {
            server: server.name.clone(),
            tool: tool.clone(),
            arguments: shown(host, request.call.payload.text()),
        },
        digest: host.digest(request, &named, &request.cwd),
        timeout_ms: u64::try_from(server.tool_timeout.as_millis()).unwrap_or(u64::MAX),
        justification: None,
        amendment: None,
    })
}

/// Arguments, for whoever has to approve the call.
pub(super) fn shown(host: &Host, arguments: &str) -> String {
    host.redactor.scrub(arguments).chars().take(MAX_SHOWN_CHARS).collect()
}

/// The arguments of a call. The error is for the model.
pub(super) fn arguments(name: &str, payload: &Payload) -> Result<JsonObject, String> {
    let text = payload.text().trim();
    if text.is_empty() {
        return Ok(JsonObject::new());
    }
    serde_json::from_str(text).map_err(|error| {
        format!("{name}: the arguments are not a JSON object: {error}. Send an object with its fields.")
    })
}
