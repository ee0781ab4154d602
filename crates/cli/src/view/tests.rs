//! What a person reads, from events and live pieces as they come.

use super::{HumanView, Style, View};
use agent_core::{
    CallId, Event, EventKind, ItemDetail, ItemId, Live, LiveKind, OutputStatus, TokenUsage, ToolOutput,
    TurnEnd, TurnId, TurnItem,
};

/// What is shown of these, in order.
fn shown(happenings: Vec<Happening>) -> String {
    let mut out = Vec::new();
    let mut view = HumanView::new(&mut out, Style::Plain, false);
    for (seq, happening) in (1..).zip(happenings) {
        match happening {
            Happening::Event(kind) => {
                view.event(&Event { seq, at_ms: seq * 100, turn: Some(TurnId(1)), kind })
            }
            Happening::Live(live) => view.live(&live),
        }
    }
    drop(view);
    String::from_utf8(out).unwrap()
}

enum Happening {
    Event(EventKind),
    Live(Live),
}

fn piece(attempt: u32, text: &str) -> Happening {
    let kind = LiveKind::Message(text.into());
    Happening::Live(Live { turn: TurnId(1), item: ItemId::new("item_1_0"), attempt, kind })
}

fn completed(id: &str, detail: ItemDetail) -> Happening {
    Happening::Event(EventKind::ItemCompleted { item: TurnItem { id: ItemId::new(id), detail } })
}

fn message(id: &str, text: &str) -> Happening {
    completed(id, ItemDetail::AgentMessage { text: text.into(), cut: false })
}

#[test]
fn streamed_text_is_not_told_again() {
    let all = shown(vec![
        piece(1, "Hel"),
        piece(1, "lo."),
        message("item_1_0", "Hello."),
        message("item_2_0", "Next."),
    ]);
    assert_eq!(all, "Hello.\nNext.\n");
    let half = shown(vec![piece(1, "Hel"), message("item_1_0", "Hello.")]);
    assert_eq!(half, "Hello.\n", "what was not streamed follows on the same line");
}

#[test]
fn a_broken_attempt_is_said_to_be_void() {
    let retry = EventKind::ModelRetry { attempt: 2, retry: 1, of: 5, delay_ms: 200, reason: "cut".into() };
    let all = shown(vec![
        piece(1, "Half a"),
        Happening::Event(retry),
        piece(2, "Whole."),
        message("item_1_0", "Whole."),
    ]);
    assert_eq!(all, "Half a\n… cut; the text above is void; asking the model again (1 of 5)\nWhole.\n");
}

#[test]
fn a_command_shows_its_end_its_exit_code_and_its_time() {
    let lines: String = (1..=20).map(|line| format!("line {line}\n")).collect();
    let output = ToolOutput {
        exit_code: Some(1),
        duration_ms: Some(1_250),
        ..ToolOutput::text(OutputStatus::Failed, lines)
    };
    let command = vec!["/bin/bash".into(), "-c".into(), "make test".into()];
    let item = ItemDetail::CommandExecution {
        call: CallId::new("call_1"),
        command,
        cwd: "/work".into(),
        output: Some(output),
    };
    let all = shown(vec![completed("item_1_0", item)]);
    assert!(all.starts_with("✗ $ make test  (exit 1, 1.2 s)\n  │ … 8 lines above\n  │ line 9\n"), "{all}");
    assert!(all.ends_with("  │ line 20\n"), "{all}");
}

#[test]
fn a_turn_ends_with_a_summary() {
    let usage = TokenUsage { input: 30, cached: 10, output: 4, reasoning: 0 };
    let tokens = EventKind::TokenCount {
        last: usage,
        total: usage,
        context_window: None,
        context_left: None,
        rate_limits: Vec::new(),
    };
    let end = EventKind::TurnCompleted { end: TurnEnd::Final { message: None }, usage };
    let all = shown(vec![
        Happening::Event(EventKind::TurnStarted),
        Happening::Event(tokens),
        Happening::Event(end),
    ]);
    assert_eq!(all, "✓ done · 200 ms · 0 calls · 30 tokens in (10 cached), 4 out\n");
}
