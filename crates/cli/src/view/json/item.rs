//! Items in the shapes of the Codex SDK: `sdk/typescript/src/items.ts` of openai/codex. Fields of ours come besides.

use crate::view::{Reasoning, command_line};
use agent_core::{
    FileChange, FileChangeKind, ItemDetail, OutputStatus, Plan, PlanStepStatus, ToolOutput, TurnItem,
};
use serde_json::{Value, json};

/// The server of tools that are no MCP server's.
const BUILT_IN: &str = "everturn";
const OF_THE_CLIENT: &str = "client";

/// The item; none where the SDK has none for it, or another event tells it.
pub(super) fn item_json(item: &TurnItem, reasoning: Reasoning) -> Option<Value> {
    let mut value = match &item.detail {
        ItemDetail::AgentMessage { text, .. } => json!({ "type": "agent_message", "text": text }),
        ItemDetail::Reasoning { summary, text } => {
            let told = match (reasoning, text) {
                (Reasoning::Hidden, _) => return None,
                (Reasoning::Raw, Some(text)) => text.clone(),
                (Reasoning::Raw, None) | (Reasoning::Summary, _) => summary.join("\n\n"),
            };
            json!({ "type": "reasoning", "text": told })
        }
        ItemDetail::CommandExecution { command, output, .. } => json!({
            "type": "command_execution", "command": command_line(command),
            "aggregated_output": output.as_ref().map(ToolOutput::plain_text).unwrap_or_default(),
            "exit_code": output.as_ref().and_then(|output| output.exit_code),
            "status": status(output.as_ref()), "outcome": output.as_ref().map(|output| output.status),
        }),
        ItemDetail::UserCommand { command, output, .. } => json!({
            "type": "user_command", "command": command,
            "aggregated_output": output.as_ref().map(ToolOutput::plain_text).unwrap_or_default(),
            "exit_code": output.as_ref().and_then(|output| output.exit_code),
            "status": status(output.as_ref()), "outcome": output.as_ref().map(|output| output.status),
        }),
        ItemDetail::FileChange { changes: files, output, .. } => json!({
            "type": "file_change", "changes": changes(files), "status": status(output.as_ref()),
            "outcome": output.as_ref().map(|output| output.status),
        }),
        ItemDetail::ToolCall { tool, subject, output, .. } => {
            tool_json(BUILT_IN, tool, subject, output.as_ref())
        }
        ItemDetail::McpCall { server, tool, output, .. } => tool_json(server, tool, "", output.as_ref()),
        ItemDetail::DynamicCall { tool, output, .. } => tool_json(OF_THE_CLIENT, tool, "", output.as_ref()),
        ItemDetail::WebSearch { query } => json!({ "type": "web_search", "query": query }),
        // A plan that was taken is told by its own event.
        ItemDetail::Plan { output: Some(output), .. } if output.status != OutputStatus::Ok => {
            tool_json(BUILT_IN, "update_plan", "", Some(output))
        }
        ItemDetail::Plan { .. } => return None,
        ItemDetail::ProposedPlan { text } => json!({ "type": "proposed_plan", "text": text }),
        ItemDetail::Review { outcome } => json!({ "type": "review", "outcome": outcome }),
        ItemDetail::Compaction { summary } => json!({ "type": "compaction", "summary": summary }),
        // What the user said is known to who said it; another agent has events of its own.
        ItemDetail::UserMessage { .. } | ItemDetail::SubAgent { .. } => return None,
        ItemDetail::Unknown(value) => json!({ "type": "unknown", "item": value }),
        _ => json!({ "type": "unknown" }),
    };
    value["id"] = json!(item.id);
    Some(value)
}

/// The plan as the SDK's list of things to do, with what it has no place for besides.
pub(super) fn todo_list(plan: &Plan) -> Value {
    let step = |step: &agent_core::PlanStep| json!({ "text": step.step, "completed": step.status == PlanStepStatus::Completed, "status": step.status });
    let items: Vec<Value> = plan.steps.iter().map(step).collect();
    let mut list = json!({ "type": "todo_list", "items": items });
    if let Some(explanation) = &plan.explanation {
        list["explanation"] = json!(explanation);
    }
    list
}

pub(super) fn changes(files: &[FileChange]) -> Value {
    let change = |file: &FileChange| {
        let mut change = json!({ "path": file.path, "kind": kind(file.kind) });
        if let Some(moved_to) = &file.moved_to {
            change["moved_to"] = json!(moved_to);
        }
        change
    };
    files.iter().map(change).collect()
}

pub(super) fn kind(kind: FileChangeKind) -> &'static str {
    match kind {
        FileChangeKind::Add => "add",
        FileChangeKind::Delete => "delete",
        FileChangeKind::Update => "update",
    }
}

fn tool_json(server: &str, tool: &str, subject: &str, output: Option<&ToolOutput>) -> Value {
    let text = output.map(ToolOutput::plain_text);
    let failed = output.is_some_and(|output| output.status != OutputStatus::Ok);
    json!({
        "type": "mcp_tool_call", "server": server, "tool": tool, "arguments": { "subject": subject },
        "result": text.as_ref().filter(|_| !failed).map(|text| json!({ "content": [{ "type": "text", "text": text }] })),
        "error": text.as_ref().filter(|_| failed).map(|text| json!({ "message": text })),
        "status": status(output),
    })
}

fn status(output: Option<&ToolOutput>) -> &'static str {
    match output {
        None => "in_progress",
        Some(ToolOutput { status: OutputStatus::Ok, .. }) => "completed",
        Some(ToolOutput { status: OutputStatus::Denied, .. }) => "declined",
        Some(_) => "failed",
    }
}
