//! What a program reads.

use super::{command, completed, done, failed_output, item, message, piece, planned, steps, told};
use agent_core::{
    AbortReason, CallId, Content, EventKind, FileChange, FileChangeKind, ItemDetail, ItemId, OutputStatus,
    PlanStepStatus::{Completed, InProgress, Pending},
    RateLimit, TokenUsage, ToolOutput, TurnEnd,
};
use serde_json::{Value, json};

fn usage() -> TokenUsage {
    TokenUsage { input: 250, cached: 140, output: 15, reasoning: 3 }
}

fn usage_json() -> Value {
    json!({ "input_tokens": 250, "cached_input_tokens": 140, "output_tokens": 15, "reasoning_output_tokens": 3 })
}

#[test]
fn a_turn_begins_and_ends_as_the_sdk_reads_it() {
    assert_eq!(
        told(vec![
            EventKind::TurnStarted.into(),
            piece(1, "Hel"),
            message("item_1_0", "Hello."),
            done(usage())
        ]),
        [
            json!({ "seq": 1, "type": "turn.started" }),
            json!({ "seq": 3, "type": "item.completed", "item": { "id": "item_1_0", "type": "agent_message", "text": "Hello." } }),
            json!({ "seq": 4, "type": "turn.completed", "usage": usage_json() }),
        ]
    );
}

#[test]
fn a_turn_that_fails_says_why_with_a_stable_code() {
    let ended = |end| told(vec![EventKind::TurnCompleted { end, usage: usage() }.into()]).remove(0);
    let failed = |message: &str, code: &str| json!({ "seq": 1, "type": "turn.failed", "error": { "message": message, "code": code }, "usage": usage_json() });
    let message = || "why".to_owned();
    assert_eq!(ended(TurnEnd::OutputMisfit { message: message() }), failed("why", "output_misfit"));
    assert_eq!(ended(TurnEnd::BudgetSpent { message: message() }), failed("why", "budget_spent"));
    assert_eq!(
        ended(TurnEnd::RepeatedCalls { times: 4 }),
        failed("the same tool calls came 4 times in a row", "repeated_calls")
    );
}

#[test]
fn a_turn_that_was_stopped_says_what_it_spent() {
    let tokens = EventKind::TokenCount {
        last: usage(),
        total: usage(),
        context_window: None,
        context_left: None,
        cost_microusd: None,
        rate_limits: Vec::new(),
    };
    let lines = told(vec![tokens.into(), EventKind::TurnAborted { reason: AbortReason::Interrupted }.into()]);
    let error = json!({ "message": "interrupted", "code": "interrupted" });
    assert_eq!(lines[1], json!({ "seq": 2, "type": "turn.failed", "error": error, "usage": usage_json() }));
}

#[test]
fn tokens_are_told_with_the_window_and_the_limits() {
    let limit = RateLimit { name: "requests".into(), limit: 60, remaining: 3, reset_ms: Some(40_000) };
    let total = TokenUsage { input: 1_250, ..usage() };
    let count = |window: Option<u64>, rate_limits| EventKind::TokenCount {
        last: usage(),
        total,
        context_window: window,
        context_left: window.map(|window| window - 265),
        cost_microusd: None,
        rate_limits,
    };
    let mut total_json = usage_json();
    total_json["input_tokens"] = json!(1_250);
    assert_eq!(
        told(vec![count(Some(1_000), vec![limit]).into(), count(None, Vec::new()).into()]),
        [
            json!({
                "seq": 1, "type": "token_count", "last": usage_json(), "total": total_json, "context_window": 1_000,
                "context_left": 735,
                "rate_limits": [{ "name": "requests", "limit": 60, "remaining": 3, "reset_ms": 40_000 }],
            }),
            json!({
                "seq": 2, "type": "token_count", "last": usage_json(), "total": total_json, "context_window": null,
                "context_left": null, "rate_limits": [],
            }),
        ]
    );
}

#[test]
fn the_diff_of_a_turn_comes_with_its_files() {
    let diff = "diff --git a/x b/y\nrename from x\nrename to y\n--- a/x\n+++ b/y\n@@ -1 +1,2 @@\n-a\n+b\n+c\n\
                diff --git a/n b/n\nnew file mode 100644\n";
    assert_eq!(
        told(vec![EventKind::TurnDiff { diff: diff.into() }.into()]),
        [json!({
            "seq": 1, "type": "turn.diff", "diff": diff,
            "files": [
                { "path": "x", "kind": "update", "moved_to": "y", "added": 2, "removed": 1 },
                { "path": "n", "kind": "add", "added": 0, "removed": 0 },
            ],
        })]
    );
}

#[test]
fn a_plan_is_one_item_that_changes_until_the_turn_ends() {
    let call = || CallId::new("call_1");
    let plan = |output| ItemDetail::Plan { call: call(), steps: steps(&[("look", InProgress)]), output };
    let list = |look: Value, fix: Value| json!({ "id": "plan_3", "type": "todo_list", "items": [look, fix] });
    let step = |text: &str, completed: bool, status: &str| json!({ "text": text, "completed": completed, "status": status });
    let mut first = list(step("look", false, "in_progress"), step("fix", false, "pending"));
    first["explanation"] = json!("two things");
    let last = list(step("look", true, "completed"), step("fix", false, "in_progress"));
    let lines = told(vec![
        EventKind::ItemStarted { item: item("item_1_0", plan(None)) }.into(),
        completed("item_1_0", plan(Some(ToolOutput::text(OutputStatus::Ok, "Plan updated")))),
        planned(Some("two things"), &[("look", InProgress), ("fix", Pending)]),
        planned(None, &[("look", Completed), ("fix", InProgress)]),
        done(usage()),
        EventKind::TurnStarted.into(),
        planned(None, &[("again", Pending)]),
    ]);
    assert_eq!(
        lines,
        [
            json!({ "seq": 3, "type": "item.started", "item": first }),
            json!({ "seq": 4, "type": "item.updated", "item": last }),
            json!({ "seq": 5, "type": "item.completed", "item": last }),
            json!({ "seq": 5, "type": "turn.completed", "usage": usage_json() }),
            json!({ "seq": 6, "type": "turn.started" }),
            json!({ "seq": 7, "type": "item.started", "item": { "id": "plan_7", "type": "todo_list", "items": [step("again", false, "pending")] } }),
        ]
    );
}

#[test]
fn calls_have_the_shapes_of_the_sdk() {
    let call = || CallId::new("call_1");
    let ok = ToolOutput { exit_code: Some(0), ..ToolOutput::text(OutputStatus::Ok, "hello\n") };
    let change = |kind, moved_to: Option<&str>| FileChange {
        path: "f".into(),
        kind,
        moved_to: moved_to.map(str::to_owned),
        diff: "-".into(),
    };
    let files = vec![change(FileChangeKind::Update, Some("g")), change(FileChangeKind::Delete, None)];
    let denied = Some(ToolOutput::text(OutputStatus::Denied, "no"));
    let lines = told(vec![
        EventKind::ItemStarted { item: item("1", command(None)) }.into(),
        completed("1", command(Some(ok))),
        completed("2", ItemDetail::FileChange { call: call(), changes: files, output: denied }),
        completed(
            "3",
            ItemDetail::ToolCall {
                call: call(),
                tool: "read_file".into(),
                subject: "f".into(),
                output: Some(failed_output("gone")),
            },
        ),
        completed(
            "4",
            ItemDetail::Plan { call: call(), steps: Vec::new(), output: Some(failed_output("no steps")) },
        ),
        completed("5", ItemDetail::Reasoning { summary: vec!["a".into(), "b".into()], text: None }),
        completed("6", ItemDetail::WebSearch { query: "q".into() }),
        completed("7", ItemDetail::UserMessage { content: vec![Content::text("hi")] }),
    ]);
    let items: Vec<Value> = lines.into_iter().map(|mut line| line["item"].take()).collect();
    let tool = |id: &str, tool: &str, subject: &str, message: &str| {
        json!({
            "id": id, "type": "mcp_tool_call", "server": "everturn", "tool": tool, "arguments": { "subject": subject },
            "result": null, "error": { "message": message }, "status": "failed",
        })
    };
    assert_eq!(
        items,
        [
            json!({ "id": "1", "type": "command_execution", "command": "make test", "aggregated_output": "", "exit_code": null, "status": "in_progress", "outcome": null }),
            json!({ "id": "1", "type": "command_execution", "command": "make test", "aggregated_output": "hello\n", "exit_code": 0, "status": "completed", "outcome": "ok" }),
            json!({ "id": "2", "type": "file_change", "changes": [{ "path": "f", "kind": "update", "moved_to": "g" }, { "path": "f", "kind": "delete" }], "status": "declined", "outcome": "denied" }),
            tool("3", "read_file", "f", "gone"),
            tool("4", "update_plan", "", "no steps"),
            json!({ "id": "5", "type": "reasoning", "text": "a\n\nb" }),
            json!({ "id": "6", "type": "web_search", "query": "q" }),
        ]
    );
}

#[test]
fn notices_are_items_and_retries_are_errors_that_end_nothing() {
    let retry = |retry| EventKind::ModelRetry { attempt: 2, retry, of: 5, delay_ms: 1, reason: "cut".into() };
    let notice = |seq: u64, id: &str, message: &str| json!({ "seq": seq, "type": "item.completed", "item": { "id": id, "type": "error", "message": message } });
    assert_eq!(
        told(vec![
            EventKind::Warning { message: "slow".into() }.into(),
            EventKind::ToolRetry { item: ItemId::new("i"), attempt: 2, reason: "it only reads".into() }
                .into(),
            retry(1).into(),
            retry(0).into(),
            EventKind::Error { code: "fatal".into(), message: "gone".into() }.into(),
        ]),
        [
            notice(1, "warning_1", "slow"),
            notice(2, "retry_2", "a call is run again: it only reads"),
            json!({ "seq": 3, "type": "error", "code": "retry", "message": "asking the model again (1 of 5): cut" }),
            json!({ "seq": 4, "type": "error", "code": "retry", "message": "asking the model again: cut" }),
            json!({ "seq": 5, "type": "error", "code": "fatal", "message": "gone" }),
        ]
    );
}

#[test]
fn whatever_happens_is_told_or_left_out_on_purpose() {
    assert_eq!(
        told(vec![
            EventKind::SubAgent { update: json!(3) }.into(),
            EventKind::BackgroundNote { message: "n".into() }.into(),
            EventKind::Unknown(json!({ "event": "hologram" })).into(),
            EventKind::ThreadNamed { name: "n".into() }.into(),
            EventKind::Resumed.into(),
            EventKind::ShutdownComplete.into(),
        ]),
        [
            json!({ "seq": 1, "type": "sub_agent", "update": 3 }),
            json!({ "seq": 2, "type": "note", "message": "n" }),
            json!({ "seq": 3, "type": "unknown", "event": { "event": "hologram" } }),
        ]
    );
}
