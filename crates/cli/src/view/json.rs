//! One JSON event a line, in the shapes the Codex SDK reads, with our `seq` on each.
//!
//! The shapes are those of `codex exec --json`: `thread.started`, `turn.started`, `turn.completed`, `turn.failed`,
//! `item.started|updated|completed` and `error`. Ours besides: `approval.requested`, `approval.resolved`.

use super::View;
use agent_core::{
    Event, EventKind, FileChange, FileChangeKind, ItemDetail, Live, OutputStatus, PlanStepStatus, TokenUsage,
    ToolOutput, TurnEnd, TurnItem,
};
use serde_json::{Value, json};
use std::io::Write;

/// Writes events as JSON lines.
pub(crate) struct JsonView<W> {
    out: W,
    usage: TokenUsage,
    /// The item of the plan, once there is one.
    plan: Option<Value>,
}

impl<W: Write + Send> JsonView<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out, usage: TokenUsage::default(), plan: None }
    }

    fn line(&mut self, seq: u64, mut value: Value) {
        value["seq"] = seq.into();
        // Where it does not arrive, the writer remembers; the turn goes on.
        let _ = writeln!(self.out, "{value}").and_then(|()| self.out.flush());
    }

    fn item(&mut self, seq: u64, kind: &str, item: Value) {
        self.line(seq, json!({ "type": kind, "item": item }));
    }

    /// The plan is one item that changes until the turn ends.
    fn plan(&mut self, seq: u64, item: Value) {
        let kind = if self.plan.is_some() { "item.updated" } else { "item.started" };
        let id = self.plan.as_ref().map_or_else(|| item["id"].clone(), |plan| plan["id"].clone());
        let item = json!({ "id": id, "type": "todo_list", "items": item["items"] });
        self.plan = Some(item.clone());
        self.item(seq, kind, item);
    }

    fn end(&mut self, seq: u64, value: Value) {
        if let Some(plan) = self.plan.take() {
            self.item(seq, "item.completed", plan);
        }
        self.line(seq, value);
    }
}

impl<W: Write + Send> View for JsonView<W> {
    fn event(&mut self, event: &Event) {
        let seq = event.seq;
        match &event.kind {
            EventKind::ThreadStarted { key, durability, .. } => self.line(
                seq,
                json!({ "type": "thread.started", "thread_id": key.thread, "durability": durability }),
            ),
            EventKind::TurnStarted => {
                self.usage = TokenUsage::default();
                self.line(seq, json!({ "type": "turn.started" }));
            }
            EventKind::TokenCount { last, .. } => self.usage += *last,
            EventKind::TurnCompleted { end: TurnEnd::Final { .. }, usage } => {
                self.end(seq, json!({ "type": "turn.completed", "usage": tokens(usage) }));
            }
            EventKind::TurnCompleted { end, usage } => self.end(
                seq,
                json!({
                    "type": "turn.failed",
                    "error": { "message": end_message(end), "code": serde_json::to_value(end).unwrap_or_default()["type"] },
                    "usage": tokens(usage),
                }),
            ),
            EventKind::TurnAborted { reason } => self.end(
                seq,
                json!({ "type": "turn.failed", "error": { "message": "interrupted", "code": reason } }),
            ),
            EventKind::ItemStarted { item } => {
                if let (Some(value), false) = (item_json(item), is_plan(item)) {
                    self.item(seq, "item.started", value);
                }
            }
            EventKind::ItemCompleted { item } => match item_json(item) {
                Some(value) if is_plan(item) => self.plan(seq, value),
                Some(value) => self.item(seq, "item.completed", value),
                None => {}
            },
            EventKind::ExecApprovalRequest(request) => self.line(
                seq,
                json!({
                    "type": "approval.requested", "id": request.id, "kind": "command",
                    "command": command_line(&request.command), "cwd": request.cwd, "reason": request.reason,
                }),
            ),
            EventKind::PatchApprovalRequest(request) => self.line(
                seq,
                json!({
                    "type": "approval.requested", "id": request.id, "kind": "file_change",
                    "changes": changes(&request.changes), "reason": request.reason,
                }),
            ),
            EventKind::InteractionResolved { id, outcome, .. } => {
                self.line(seq, json!({ "type": "approval.resolved", "id": id, "outcome": outcome }));
            }
            EventKind::Error { message, code } => {
                self.line(seq, json!({ "type": "error", "message": message, "code": code }));
            }
            EventKind::ModelRetry { retry, of, reason, .. } if *retry > 0 => {
                let message = format!("asking the model again ({retry} of {of}): {reason}");
                self.line(seq, json!({ "type": "error", "message": message, "code": "retry" }));
            }
            EventKind::Warning { message } => {
                let item = json!({ "id": format!("warning_{seq}"), "type": "error", "message": message });
                self.item(seq, "item.completed", item);
            }
            _ => {}
        }
    }

    fn live(&mut self, _live: &Live) {}

    fn note(&mut self, _text: &str) {}
}

fn tokens(usage: &TokenUsage) -> Value {
    json!({
        "input_tokens": usage.input, "cached_input_tokens": usage.cached, "output_tokens": usage.output,
        "reasoning_output_tokens": usage.reasoning,
    })
}

/// What an end that is not a final message says.
pub(super) fn end_message(end: &TurnEnd) -> String {
    match end {
        TurnEnd::Final { message } => message.clone().unwrap_or_default(),
        TurnEnd::RepeatedCalls { times } => format!("the same tool calls came {times} times in a row"),
        TurnEnd::RetriesExhausted { message }
        | TurnEnd::ContextWindowExceeded { message }
        | TurnEnd::BudgetSpent { message }
        | TurnEnd::Fatal { message } => message.clone(),
        _ => "the turn ended".into(),
    }
}

/// A command as one would type it: the line of a `sh -c`, else the arguments quoted.
pub(crate) fn command_line(command: &[String]) -> String {
    match command {
        [shell, flag, line] if flag == "-c" || flag == "-lc" => {
            let _ = shell;
            line.clone()
        }
        _ => command.iter().map(|argument| quote(argument)).collect::<Vec<_>>().join(" "),
    }
}

fn quote(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', r"'\''"))
    }
}

fn is_plan(item: &TurnItem) -> bool {
    matches!(item.detail, ItemDetail::Plan { .. })
}

fn item_json(item: &TurnItem) -> Option<Value> {
    let mut value = match &item.detail {
        ItemDetail::AgentMessage { text, .. } => json!({ "type": "agent_message", "text": text }),
        ItemDetail::Reasoning { summary, text } => {
            let told =
                if summary.is_empty() { text.clone().unwrap_or_default() } else { summary.join("\n\n") };
            json!({ "type": "reasoning", "text": told })
        }
        ItemDetail::CommandExecution { command, output, .. } => json!({
            "type": "command_execution", "command": command_line(command),
            "aggregated_output": output.as_ref().map(ToolOutput::plain_text).unwrap_or_default(),
            "exit_code": output.as_ref().and_then(|output| output.exit_code),
            "status": status(output.as_ref()), "outcome": output.as_ref().map(|output| output.status),
        }),
        ItemDetail::FileChange { changes: files, output, .. } => json!({
            "type": "file_change", "changes": changes(files), "status": status(output.as_ref()),
            "outcome": output.as_ref().map(|output| output.status),
        }),
        ItemDetail::ToolCall { tool, subject, output, .. } => {
            tool_json("everturn", tool, subject, output.as_ref())
        }
        ItemDetail::McpCall { server, tool, output, .. } => tool_json(server, tool, "", output.as_ref()),
        ItemDetail::DynamicCall { tool, output, .. } => tool_json("client", tool, "", output.as_ref()),
        ItemDetail::WebSearch { query } => json!({ "type": "web_search", "query": query }),
        ItemDetail::Plan { steps, .. } => {
            let items: Vec<Value> = steps
                .iter()
                .map(|step| json!({ "text": step.step, "completed": step.status == PlanStepStatus::Completed }))
                .collect();
            json!({ "type": "todo_list", "items": items })
        }
        _ => return None,
    };
    value["id"] = json!(item.id);
    Some(value)
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

fn changes(files: &[FileChange]) -> Value {
    let kind = |kind| match kind {
        FileChangeKind::Add => "add",
        FileChangeKind::Delete => "delete",
        FileChangeKind::Update => "update",
    };
    files.iter().map(|file| json!({ "path": file.path, "kind": kind(file.kind) })).collect()
}
