//! What the user runs beside the turns, and the tools a thread finds out about.

use crate::desk::{Desk, finished};
use agent_core::{
    Answer, CollectRequest, Collected, Discovery, EffectKind, EventKind, Genesis, Grant, Input, ItemDetail,
    Op, OutputStatus, Refusal, Settings, Shared, ToolAnswer, ToolKind, ToolOutput, ToolSpec,
};
use serde_json::json;

fn is_users(kind: &EffectKind) -> bool {
    matches!(kind, EffectKind::UserCommand { .. })
}

fn run(command: &str) -> Op {
    Op::RunUserShellCommand { command: command.into() }
}

fn desk() -> Desk {
    Desk::new(Settings::new("/work", "model"))
}

fn outputs(desk: &Desk) -> Vec<OutputStatus> {
    let done = desk.events.iter().filter_map(|kind| match kind {
        EventKind::ItemCompleted { item } => match &item.detail {
            ItemDetail::UserCommand { output, .. } => output.as_ref().map(|output| output.status),
            _ => None,
        },
        _ => None,
    });
    done.collect()
}

#[test]
fn a_command_of_the_user_runs_without_limits_and_the_model_never_sees_it() {
    let mut desk = desk();
    desk.op(run("ls -l"));
    let running = desk.running(is_users).unwrap();
    let request = desk.thread.tool_request(&running.effect).unwrap();
    assert_eq!((request.call.name.as_str(), request.grant), ("exec_command", Grant::Unconfined));
    assert_eq!(request.call.payload.text(), r#"{"cmd":"ls -l","timeout_ms":3600000}"#);
    desk.answer(is_users, Answer::Tool { answer: finished("a file") });
    assert_eq!(outputs(&desk), [OutputStatus::Ok]);
    assert_eq!(desk.thread.items().len(), 0);
    assert_eq!(desk.names(1), ["item_started", "item_completed"]);
}

#[test]
fn it_runs_beside_a_turn_and_does_not_hold_it_up() {
    let mut desk = desk();
    desk.op(Op::UserInput { items: vec![agent_core::Content::text("go")] });
    desk.op(run("sleep 9"));
    desk.model([crate::scenario::message("done")]);
    assert_eq!(desk.thread.current_turn(), None);
    assert!(desk.running(is_users).is_some());
    desk.answer(is_users, Answer::Tool { answer: finished("") });
    assert_eq!(desk.thread.running().count(), 0);
}

#[test]
fn an_interrupt_stops_it() {
    let mut desk = desk();
    desk.op(run("sleep 9"));
    desk.op(Op::Interrupt);
    assert!(desk.running(is_users).unwrap().cancelling);
    let output = ToolOutput::text(OutputStatus::Cancelled, "stopped");
    desk.answer(is_users, Answer::Tool { answer: ToolAnswer::Cancelled { output } });
    assert_eq!(outputs(&desk), [OutputStatus::Cancelled]);
    assert_eq!(desk.thread.running().count(), 0, "nothing waits for it to stop any more");
}

#[test]
fn one_that_does_not_stop_is_given_up() {
    let mut desk = desk();
    desk.op(run("sleep 9"));
    desk.op(Op::Interrupt);
    desk.answer(crate::desk::is_timer, Answer::Due);
    assert_eq!(outputs(&desk), [OutputStatus::Unknown]);
    assert_eq!(desk.thread.running().count(), 0);
}

#[test]
fn one_that_dies_with_its_process_is_not_run_again() {
    let mut desk = desk();
    desk.op(run("make"));
    desk.crash(ToolAnswer::Unknown { note: "killed".into() });
    assert_eq!(outputs(&desk), [OutputStatus::Unknown]);
    desk.op(run("make"));
    desk.crash(ToolAnswer::NotStarted);
    assert_eq!(desk.running(is_users).unwrap().effect.attempt, 2, "it had not begun");
}

#[test]
fn a_thread_is_shut_down_once_it_has_ended() {
    let mut desk = desk();
    desk.op(run("make"));
    desk.op(Op::Shutdown { now: false });
    assert!(!desk.thread.is_closed());
    desk.answer(is_users, Answer::Tool { answer: finished("") });
    assert!(desk.thread.is_closed());
    let refusal = desk.thread.gate().refusal(&crate::scenario::submission("late", run("ls")));
    assert_eq!(refusal, Some(Refusal::Closed));
}

#[test]
fn too_many_at_once_and_empty_ones_are_refused() {
    let mut desk = desk();
    let refusal =
        |desk: &Desk, command| desk.thread.gate().refusal(&crate::scenario::submission("x", run(command)));
    assert!(matches!(refusal(&desk, " "), Some(Refusal::Malformed { .. })));
    assert!(matches!(refusal(&desk, "a\0b"), Some(Refusal::Malformed { .. })));
    for _ in 0..8 {
        assert_eq!(refusal(&desk, "ls"), None);
        desk.op(run("ls"));
    }
    assert!(matches!(refusal(&desk, "ls"), Some(Refusal::Overloaded { limit: 8, .. })));
}

fn tool(name: &str) -> ToolSpec {
    ToolSpec::new(name, "", ToolKind::Function { parameters: json!({}) })
}

fn collecting() -> Desk {
    let settings = Settings::new("/work", "model");
    let tools = Shared::new(vec![tool("built_in")]);
    Desk::of(Genesis { settings, tools, discovery: Discovery::EachTurn, ..Genesis::default() })
}

fn collected(names: &[&str], digest: &str) -> Answer {
    let tools = Some(Shared::new(names.iter().map(|name| tool(name)).collect()));
    Answer::Collected {
        collected: Collected {
            tools,
            digest: digest.into(),
            warnings: vec!["one is missing".into()],
            skills: Vec::new(),
        },
    }
}

#[test]
fn each_turn_asks_once_which_tools_there_are() {
    let mut desk = collecting();
    let is_collect = |kind: &EffectKind| *kind == EffectKind::Collect;
    let go = || Op::UserInput { items: vec![agent_core::Content::text("go")] };
    let offered = |desk: &Desk| {
        let model = desk.running(|kind| *kind == EffectKind::Model).unwrap();
        let request = desk.thread.model_request(&model.effect).unwrap();
        request.tools.iter().map(|tool| tool.name.clone()).collect::<Vec<_>>()
    };
    desk.op(go());
    desk.answer(is_collect, collected(&["built_in", "mcp__a__b"], "one"));
    assert_eq!(offered(&desk), ["built_in", "mcp__a__b"]);
    assert_eq!(desk.names(1)[..4], ["turn_started", "item_completed", "warning", "tools_changed"]);
    desk.model([crate::scenario::message("done")]);
    desk.op(go());
    let CollectRequest { known, .. } = desk.thread.collect_request().unwrap();
    assert_eq!(known, "one");
    let unchanged = Collected { digest: "one".into(), ..Collected::default() };
    desk.answer(is_collect, Answer::Collected { collected: unchanged });
    assert_eq!(offered(&desk), ["built_in", "mcp__a__b"]);
}

#[test]
fn a_turn_goes_on_without_tools_that_cannot_be_found_out() {
    let mut desk = collecting();
    desk.op(Op::UserInput { items: vec![agent_core::Content::text("go")] });
    for _ in 0..4 {
        desk.crash(ToolAnswer::NotStarted);
    }
    assert!(desk.running(|kind| *kind == EffectKind::Model).is_some());
    let mut desk = collecting();
    desk.op(Op::UserInput { items: vec![agent_core::Content::text("go")] });
    desk.op(Op::Interrupt);
    desk.answer(|kind| *kind == EffectKind::Collect, Answer::Cancelled);
    assert_eq!(desk.thread.current_turn(), None);
    let late = Input::Answered { effect: agent_core::EffectId(1), attempt: 1, answer: collected(&[], "x") };
    let record = desk.thread.next_record(0, late);
    assert!(desk.thread.apply(&record).is_err());
}
