//! One JSON event a line, in the shapes the Codex SDK reads, with our `seq` on each.
//!
//! The shapes are those of `codex exec --json`: `thread.started`, `turn.started`, `turn.completed`, `turn.failed`,
//! `item.started|updated|completed` and `error`. Events of ours come besides; the SDK hands types it does not know on to
//! who streams, and passes over them itself. All of them are in `docs/exec.md`.

mod item;
mod long;

use super::{
    Reasoning, Taste, View, command_line,
    ending::{abort_message, end_message},
};
use crate::retold::Retold;
use agent_core::{
    AbortReason, CallDecision, Event, EventKind, ExecApproval, FileStat, InteractionId, InteractionOutcome,
    Live, Notice, PatchApproval, Plan, RateLimit, TokenUsage, TurnEnd, TurnItem,
};
use item::{changes, item_json, kind, todo_list};
use serde_json::{Value, json};
use std::{collections::BTreeSet, io::Write};

/// Writes events as JSON lines.
pub(crate) struct JsonView<W> {
    out: W,
    told: Retold<Told>,
    reasoning: Reasoning,
}

/// What follows from the events.
#[derive(Clone, Default)]
struct Told {
    /// What the turn spent so far; the end of a turn that was stopped does not say it.
    usage: TokenUsage,
    /// The item of the plan, once the turn has one.
    plan: Option<Value>,
    /// The questions that wait and are no approvals.
    interactions: BTreeSet<InteractionId>,
}

impl<W: Write + Send> JsonView<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out, told: Retold::new(Told::default()), reasoning: Reasoning::default() }
    }

    /// The same, as the configuration wants it.
    pub(crate) fn with(self, taste: &Taste) -> Self {
        Self { reasoning: taste.reasoning, ..self }
    }

    fn line(&mut self, seq: u64, mut value: Value) {
        value["seq"] = seq.into();
        self.write(&value);
    }

    fn write(&mut self, value: &Value) {
        // Where it does not arrive, the writer remembers; the turn goes on.
        let _ = writeln!(self.out, "{value}").and_then(|()| self.out.flush());
    }

    fn item(&mut self, seq: u64, kind: &str, item: Value) {
        self.line(seq, json!({ "type": kind, "item": item }));
    }

    fn turn_item(&mut self, seq: u64, kind: &str, item: &TurnItem) {
        if let Some(value) = item_json(item, self.reasoning) {
            self.item(seq, kind, value);
        }
    }

    /// Something to know that ends nothing, as Codex tells it.
    fn remark(&mut self, seq: u64, name: &str, message: &str) {
        self.item(
            seq,
            "item.completed",
            json!({ "id": format!("{name}_{seq}"), "type": "error", "message": message }),
        );
    }

    /// The plan is one item that changes until the turn ends.
    fn plan(&mut self, seq: u64, plan: &Plan) {
        let mut list = todo_list(plan);
        let (kind, id) = match &self.told.plan {
            None => ("item.started", json!(format!("plan_{seq}"))),
            Some(before) => ("item.updated", before["id"].clone()),
        };
        list["id"] = id;
        self.told.plan = Some(list.clone());
        self.item(seq, kind, list);
    }

    fn end(&mut self, seq: u64, value: Value) {
        if let Some(plan) = self.told.plan.take() {
            self.item(seq, "item.completed", plan);
        }
        self.line(seq, value);
    }

    fn turn_completed(&mut self, seq: u64, end: &TurnEnd, usage: &TokenUsage) {
        let usage = tokens(usage);
        self.end(
            seq,
            match end {
                TurnEnd::Final { .. } => json!({ "type": "turn.completed", "usage": usage }),
                _ => {
                    let code = serde_json::to_value(end).unwrap_or_default()["type"].take();
                    let error = json!({ "message": end_message(end), "code": code });
                    json!({ "type": "turn.failed", "error": error, "usage": usage })
                }
            },
        );
    }

    fn turn_aborted(&mut self, seq: u64, reason: AbortReason) {
        let error = json!({ "message": abort_message(reason), "code": reason });
        let usage = tokens(&self.told.usage);
        self.end(seq, json!({ "type": "turn.failed", "error": error, "usage": usage }));
    }

    /// A model call that was lost with its process is made again without counting as a retry.
    fn retried(&mut self, seq: u64, retry: u32, of: u32, reason: &str) {
        let count = if retry == 0 { String::new() } else { format!(" ({retry} of {of})") };
        let message = format!("asking the model again{count}: {reason}");
        self.line(seq, json!({ "type": "error", "message": message, "code": "retry" }));
    }

    fn interaction(
        &mut self,
        seq: u64,
        id: &InteractionId,
        kind: &str,
        request: Value,
        deadline_ms: Option<u64>,
    ) {
        let mut value = json!({ "type": "interaction.requested", "id": id, "kind": kind });
        value["request"] = request;
        self.told.interactions.insert(id.clone());
        self.line(seq, due(value, deadline_ms));
    }

    fn resolved(&mut self, seq: u64, id: &InteractionId, outcome: &InteractionOutcome, actor: &str) {
        let kind =
            if self.told.interactions.remove(id) { "interaction.resolved" } else { "approval.resolved" };
        self.line(seq, json!({ "type": kind, "id": id, "outcome": outcome, "actor": actor }));
    }
}

impl<W: Write + Send> View for JsonView<W> {
    fn event(&mut self, event: &Event) {
        let seq = event.seq;
        self.told.event(seq);
        match &event.kind {
            EventKind::ThreadStarted { key, durability, .. } => self.line(
                seq,
                json!({ "type": "thread.started", "thread_id": key.thread, "durability": durability }),
            ),
            EventKind::TurnStarted => {
                let interactions = std::mem::take(&mut self.told.interactions);
                *self.told = Told { interactions, ..Told::default() };
                self.line(seq, json!({ "type": "turn.started" }));
            }
            EventKind::TokenCount {
                last,
                total,
                context_window,
                context_left,
                cost_microusd,
                rate_limits,
            } => {
                self.told.usage += *last;
                let mut value =
                    json!({ "type": "token_count", "last": tokens(last), "total": tokens(total) });
                value["context_window"] = json!(context_window);
                value["context_left"] = json!(context_left);
                if let Some(cost) = cost_microusd {
                    value["cost_microusd"] = json!(cost);
                }
                value["rate_limits"] = limits(rate_limits);
                self.line(seq, value);
            }
            EventKind::TurnDiff { diff } => {
                self.line(seq, json!({ "type": "turn.diff", "diff": diff, "files": files(diff) }));
            }
            EventKind::PlanUpdate { plan } => self.plan(seq, plan),
            EventKind::TurnCompleted { end, usage } => self.turn_completed(seq, end, usage),
            EventKind::TurnAborted { reason } => self.turn_aborted(seq, *reason),
            EventKind::ItemStarted { item } => self.turn_item(seq, "item.started", item),
            EventKind::ItemCompleted { item } => self.turn_item(seq, "item.completed", item),
            EventKind::ExecApprovalRequest(request) => self.line(seq, exec_approval(request)),
            EventKind::PatchApprovalRequest(request) => self.line(seq, patch_approval(request)),
            EventKind::RequestUserInput { id, call: _, questions, deadline_ms } => {
                self.interaction(seq, id, "user_input", json!({ "questions": questions }), *deadline_ms);
            }
            EventKind::ElicitationRequest { id, call: _, request, deadline_ms } => {
                self.interaction(seq, id, "elicitation", json!(request), *deadline_ms);
            }
            EventKind::DynamicToolCallRequest { id, call: _, tool, arguments, deadline_ms } => {
                let request = json!({ "tool": tool, "arguments": arguments });
                self.interaction(seq, id, "tool_call", request, *deadline_ms);
            }
            EventKind::CallDecided(decision) => self.line(seq, decided(decision)),
            EventKind::ToolsChanged { tools } => {
                self.line(seq, json!({ "type": "tools.changed", "tools": tools }));
            }
            EventKind::InteractionResolved { id, outcome, actor } => self.resolved(seq, id, outcome, actor),
            EventKind::Error { message, code } => {
                self.line(seq, json!({ "type": "error", "message": message, "code": code }));
            }
            EventKind::ModelRetry { retry, of, reason, .. } => self.retried(seq, *retry, *of, reason),
            EventKind::ToolRetry { reason, .. } => {
                self.remark(seq, "retry", &format!("a call is run again: {reason}"));
            }
            EventKind::Warning { message } => self.remark(seq, "warning", message),
            EventKind::BackgroundNote { message } => {
                self.line(seq, json!({ "type": "note", "message": message }))
            }
            EventKind::ContextCompacted { .. }
            | EventKind::EnteredReviewMode { .. }
            | EventKind::ExitedReviewMode { .. }
            | EventKind::RolledBack { .. }
            | EventKind::FilesRestored { .. }
            | EventKind::RollbackRefused { .. }
            | EventKind::HookNote { .. }
            | EventKind::Moved { .. } => self.line(seq, long::event_json(&event.kind)),
            EventKind::SubAgent { update } => {
                self.line(seq, json!({ "type": "sub_agent", "update": update }))
            }
            // They are the thread's own and no part of a turn.
            EventKind::SettingsChanged { .. }
            | EventKind::ThreadNamed { .. }
            | EventKind::ShutdownComplete
            | EventKind::Resumed => {}
            EventKind::Unknown(value) => self.line(seq, json!({ "type": "unknown", "event": value })),
            _ => self.line(seq, json!({ "type": "unknown" })),
        }
    }

    fn live(&mut self, _live: &Live) {}

    fn note(&mut self, _text: &str) {}

    fn notice(&mut self, notice: &Notice) {
        let mut value = json!(notice);
        value["type"] = "notice".into();
        self.write(&value);
    }

    fn rewind(&mut self, to: u64) {
        self.told.back_to(to);
        self.write(&json!({ "type": "rewind", "to": to }));
    }

    fn gap(&mut self, from: u64, to: u64) {
        self.write(&json!({ "type": "gap", "from": from, "to": to }));
    }
}

/// With when it is answered by its default, in milliseconds since the Unix epoch.
fn due(mut value: Value, deadline_ms: Option<u64>) -> Value {
    if let Some(deadline_ms) = deadline_ms {
        value["deadline_ms"] = deadline_ms.into();
    }
    value
}

fn decided(decision: &CallDecision) -> Value {
    let mut value = json!(decision);
    value["type"] = "call.decided".into();
    value
}

fn exec_approval(request: &ExecApproval) -> Value {
    let mut value = json!({
        "type": "approval.requested", "id": request.id, "kind": "command",
        "command": command_line(&request.command), "cwd": request.cwd, "reason": request.reason,
    });
    if let Some(root) = &request.grant_root {
        value["grant_root"] = json!(root);
    }
    if let Some(risk) = &request.risk {
        value["risk"] = json!(risk);
    }
    if let Some(rule) = &request.amendment {
        value["amendment"] = json!(rule);
    }
    due(value, request.deadline_ms)
}

fn patch_approval(request: &PatchApproval) -> Value {
    let mut value = json!({
        "type": "approval.requested", "id": request.id, "kind": "file_change",
        "changes": changes(&request.changes), "reason": request.reason,
    });
    if let Some(root) = &request.grant_root {
        value["grant_root"] = json!(root);
    }
    due(value, request.deadline_ms)
}

fn tokens(usage: &TokenUsage) -> Value {
    json!({
        "input_tokens": usage.input, "cached_input_tokens": usage.cached, "output_tokens": usage.output,
        "reasoning_output_tokens": usage.reasoning,
    })
}

fn limits(limits: &[RateLimit]) -> Value {
    let limit = |limit: &RateLimit| json!({ "name": limit.name, "limit": limit.limit, "remaining": limit.remaining, "reset_ms": limit.reset_ms });
    limits.iter().map(limit).collect()
}

/// The files of a diff, with the numbers of their changed lines.
fn files(diff: &str) -> Value {
    let file = |file: FileStat| {
        let mut value = json!({ "path": file.path, "kind": kind(file.kind), "added": file.added, "removed": file.removed });
        if let Some(moved_to) = file.moved_to {
            value["moved_to"] = json!(moved_to);
        }
        value
    };
    FileStat::of_diff(diff).into_iter().map(file).collect()
}
