//! What is shown where events are taken back, are kept no more, or are late.

use super::{
    Happening, command, completed, done, failed_output, message, piece, planned, shown, shown_in, told,
};
use crate::view::Style;
use agent_core::{EventKind, Notice, PlanStepStatus::InProgress, TokenUsage, ToolOutput};
use serde_json::json;

fn spent(input: u64) -> Happening {
    let last = TokenUsage { input, ..TokenUsage::default() };
    EventKind::TokenCount {
        last,
        total: last,
        context_window: None,
        context_left: None,
        cost_microusd: None,
        rate_limits: vec![],
    }
    .into()
}

fn ran() -> Happening {
    let output = ToolOutput { exit_code: Some(1), ..failed_output("no\n") };
    completed("item_1_0", command(Some(output)))
}

#[test]
fn what_is_told_anew_is_counted_once_and_the_reader_is_told() {
    let all = shown(vec![
        EventKind::TurnStarted.into(),
        ran(),
        ran(),
        Happening::Rewind(2),
        ran(),
        done(TokenUsage::default()),
    ]);
    let ran = "✗ $ make test  (exit 1)\n  │ no\n";
    let end = "✓ done · 300 ms · 2 calls\n";
    assert_eq!(all, format!("{ran}{ran}(what follows event 2 is told anew)\n{ran}{end}"));
}

#[test]
fn text_that_was_streamed_before_a_rewind_is_void() {
    let all = shown(vec![piece(1, "Half"), Happening::Rewind(0), message("item_1_0", "Half a loaf.")]);
    assert_eq!(all, "Half\n(what follows event 0 is told anew)\nHalf a loaf.\n");
}

#[test]
fn a_plan_that_was_taken_back_is_new_again() {
    let plan = || planned(None, &[("look", InProgress)]);
    let once = shown(vec![plan()]);
    assert_eq!(
        shown(vec![plan(), Happening::Rewind(0), plan()]),
        format!("{once}(what follows event 0 is told anew)\n{once}")
    );
}

#[test]
fn programs_are_told_where_to_go_back_to() {
    let lines = told(vec![
        EventKind::TurnStarted.into(),
        spent(100),
        Happening::Rewind(1),
        spent(7),
        EventKind::TurnAborted { reason: agent_core::AbortReason::Interrupted }.into(),
    ]);
    let usage = |input: u64| json!({ "input_tokens": input, "cached_input_tokens": 0, "output_tokens": 0, "reasoning_output_tokens": 0 });
    assert_eq!(lines[2], json!({ "type": "rewind", "to": 1 }));
    assert_eq!((&lines[3]["seq"], &lines[3]["last"]), (&json!(2), &usage(7)));
    assert_eq!(lines[4]["usage"], usage(7), "what was taken back was not spent");
}

#[test]
fn events_that_are_kept_no_more_are_told_of() {
    assert_eq!(told(vec![Happening::Gap(3, 9)]), [json!({ "type": "gap", "from": 3, "to": 9 })]);
    assert_eq!(shown(vec![Happening::Gap(3, 9)]), "(events 3 to 9 are kept no more)\n");
}

#[test]
fn programs_are_told_what_is_away_and_what_is_back() {
    let message = || "the server is away".to_owned();
    let line = |kind: &str| json!({ "type": "notice", "kind": kind, "message": message() });
    let lines = told(vec![
        Happening::Notice(Notice::ServerAway { message: message() }),
        Happening::Notice(Notice::WorkerAway { message: message() }),
        Happening::Notice(Notice::BusAway { message: message() }),
        Happening::Notice(Notice::Back { message: message() }),
    ]);
    assert_eq!(lines, ["server_away", "worker_away", "bus_away", "back"].map(line));
}

#[test]
fn a_notice_stands_beside_what_is_shown() {
    let away = Happening::Notice(Notice::ServerAway { message: "the server is away".into() });
    let all =
        shown_in(Style::Plain, vec![piece(1, "Hel"), away, piece(1, "lo."), message("item_1_0", "Hello.")]);
    assert_eq!(all, "Hel\nlo.\n");
}
