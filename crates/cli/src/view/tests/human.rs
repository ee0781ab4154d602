//! What a person reads while a turn runs.

use super::{
    Happening, command, completed, done, failed_output, live, message, piece, planned, shown, shown_in,
};
use crate::view::{HumanView, Style, View};
use agent_core::{
    CallId, Content, Event, EventKind, FileChange, FileChangeKind, HookPhase, ItemDetail, ItemId, Live,
    LiveKind, OutputStatus,
    PlanStepStatus::{Completed, InProgress, Pending},
    TokenUsage, ToolOutput, TurnId,
};
use serde_json::json;

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
    let ended =
        shown(vec![piece(1, "Hello.\n"), message("item_1_0", "Hello.\n"), message("item_2_0", "Next.")]);
    assert_eq!(ended, "Hello.\nNext.\n");
}

#[test]
fn streamed_reasoning_ends_its_line() {
    let reasoning = ItemDetail::Reasoning { summary: vec!["Look first.".into()], text: None };
    let all = shown(vec![
        live(1, LiveKind::Reasoning("Look first.".into())),
        completed("item_1_0", reasoning.clone()),
        message("item_2_0", "Looking."),
    ]);
    assert_eq!(all, "Look first.\nLooking.\n");
    let unstreamed = shown(vec![completed("item_1_0", reasoning)]);
    assert_eq!(unstreamed, "Look first.\n");
    let silent = ItemDetail::Reasoning { summary: Vec::new(), text: Some("raw".into()) };
    assert_eq!(shown(vec![live(1, LiveKind::RawReasoning("raw".into())), completed("item_1_0", silent)]), "");
}

#[test]
fn a_broken_attempt_is_said_to_be_void() {
    let retry = EventKind::ModelRetry { attempt: 2, retry: 1, of: 5, delay_ms: 200, reason: "cut".into() };
    let all =
        shown(vec![piece(1, "Half a"), retry.into(), piece(2, "Whole."), message("item_1_0", "Whole.")]);
    assert_eq!(all, "Half a\n… cut; the text above is void; asking the model again (1 of 5)\nWhole.\n");
}

#[test]
fn a_command_shows_its_end_its_exit_code_and_its_time() {
    let lines: String = (1..=20).map(|line| format!("line {line}\n")).collect();
    let output = ToolOutput { exit_code: Some(1), duration_ms: Some(61_250), ..failed_output(&lines) };
    let all = shown(vec![completed("item_1_0", command(Some(output)))]);
    let shown_lines: String = (9..=20).map(|line| format!("  │ line {line}\n")).collect();
    assert_eq!(all, format!("✗ $ make test  (exit 1, 1 min 1 s)\n  │ … 8 lines above\n{shown_lines}"));
}

#[test]
fn a_patch_shows_its_files_and_diffs() {
    let change = |path: &str, kind, moved_to: Option<&str>, diff: &str| FileChange {
        path: path.into(),
        kind,
        moved_to: moved_to.map(str::to_owned),
        diff: diff.into(),
    };
    let long: String = (1..=70).map(|line| format!("+{line}\n")).collect();
    let changes = vec![
        change("a", FileChangeKind::Add, None, "--- /dev/null\n+++ b/a\n@@ -0,0 +1 @@\n+x\u{1b}[0m\n"),
        change("b", FileChangeKind::Update, Some("c"), &long),
        change("d", FileChangeKind::Delete, None, ""),
    ];
    let call = CallId::new("call_1");
    let output = Some(ToolOutput::text(OutputStatus::Ok, "Success."));
    let all = shown(vec![completed("item_1_0", ItemDetail::FileChange { call, changes, output })]);
    let long: String = (1..=60).map(|line| format!("  +{line}\n")).collect();
    assert_eq!(
        all,
        format!(
            "✓ A a\n  --- /dev/null\n  +++ b/a\n  @@ -0,0 +1 @@\n  +x␛[0m\n✓ M b → c\n{long}  … 10 more lines\n✓ D d\n"
        )
    );
}

#[test]
fn other_calls_show_what_they_are_about_and_why_they_failed() {
    let call = || CallId::new("call_1");
    let ok = || Some(ToolOutput::text(OutputStatus::Ok, "much text"));
    let read = |output| ItemDetail::ToolCall {
        call: call(),
        tool: "read_file".into(),
        subject: "a.rs".into(),
        output,
    };
    let mcp =
        ItemDetail::McpCall { call: call(), server: "issues".into(), tool: "list".into(), output: ok() };
    let dynamic = ItemDetail::DynamicCall { call: call(), tool: "deploy".into(), output: ok() };
    let plan = ItemDetail::Plan { call: call(), steps: Vec::new(), output: Some(failed_output("no steps")) };
    let all = shown(vec![
        completed("1", read(ok())),
        completed("2", read(Some(failed_output("no such file\n")))),
        completed("3", read(Some(ToolOutput::text(OutputStatus::Unknown, "")))),
        completed("4", mcp),
        completed("5", dynamic),
        completed("6", plan),
        completed("7", ItemDetail::WebSearch { query: "rust\nedition".into() }),
    ]);
    assert_eq!(
        all,
        "✓ read_file a.rs\n✗ read_file a.rs\n  │ no such file\n? read_file a.rs  (outcome unknown)\n✓ issues list\n\
         ✓ deploy\n✗ update_plan\n  │ no steps\n✓ web search rust edition\n"
    );
}

#[test]
fn a_plan_is_shown_whole_once_and_then_as_it_moves_on() {
    let all = shown(vec![
        planned(Some("three things"), &[("look", InProgress), ("fix", Pending), ("test", Pending)]),
        planned(None, &[("look", Completed), ("fix", InProgress), ("test", Pending)]),
        planned(None, &[("look", Completed), ("fix", InProgress), ("test", Pending)]),
    ]);
    assert_eq!(
        all,
        "Plan 0 of 3 done · three things\n  ▸ look\n  · fix\n  · test\nPlan 1 of 3 done\n  ✓ look\n  ▸ fix\n",
        "only what moved, and nothing where nothing did"
    );
}

#[test]
fn a_plan_with_other_steps_is_shown_whole_with_what_is_new() {
    let all = shown(vec![
        planned(None, &[("look", Completed), ("fix", InProgress), ("test", Pending)]),
        planned(None, &[("fix", Completed), ("write a test\u{7}", InProgress)]),
    ]);
    let (_, second) = all.split_at(all.rfind("Plan").unwrap());
    assert_eq!(second, "Plan 1 of 2 done\n  ✓ fix\n  ▸ write a test␇ (new)\n  − test (dropped)\n");
}

#[test]
fn each_kind_of_notice_is_one_line_without_control_characters() {
    let note = |message: &str| message.to_owned() + "\u{1b}";
    let all = shown(vec![
        EventKind::Warning { message: note("slow") }.into(),
        EventKind::Error { code: "fatal".into(), message: note("gone") }.into(),
        EventKind::BackgroundNote { message: note("done") }.into(),
        EventKind::ToolRetry {
            item: agent_core::ItemId::new("i"),
            attempt: 2,
            reason: note("it only reads"),
        }
        .into(),
        EventKind::HookNote { phase: HookPhase::PreTurn, hook: note("lint"), message: note("slow") }.into(),
        EventKind::Moved { from: note("here"), to: note("there") }.into(),
        EventKind::SubAgent { update: json!({ "thread": "t" }) }.into(),
        EventKind::Unknown(json!({ "event": "hologram" })).into(),
        completed("1", ItemDetail::Unknown(json!({ "type": "hologram" }))),
        EventKind::ThreadNamed { name: "n".into() }.into(),
        EventKind::Resumed.into(),
        EventKind::ShutdownComplete.into(),
    ]);
    assert_eq!(
        all,
        "! slow␛\nerror: gone␛\ndone␛\n… a call is run again: it only reads␛\nhook lint␛ (pre_turn): slow␛\n\
         (this thread has moved from here␛ to there␛)\nanother agent: {\"thread\":\"t\"}\n\
         (an event of a later version: {\"event\":\"hologram\"})\n(an item of a later version: {\"type\":\"hologram\"})\n"
    );
}

#[test]
fn who_watches_sees_what_the_user_said() {
    let said = ItemDetail::UserMessage { content: vec![Content::text("1\n2\n3\n4\n5\n6\n7")] };
    let EventKind::ItemCompleted { item } = (EventKind::ItemCompleted { item: super::item("u", said) })
    else {
        return;
    };
    let event = Event { seq: 1, at_ms: 1, turn: None, kind: EventKind::ItemCompleted { item } };
    let (mut talking, mut watching) = (Vec::new(), Vec::new());
    HumanView::new(&mut talking, Style::Plain, false).event(&event);
    HumanView::new(&mut watching, Style::Plain, false).watching().event(&event);
    assert_eq!(
        (talking.as_slice(), String::from_utf8(watching).unwrap().as_str()),
        (&b""[..], "› 1\n  2\n  3\n  4\n  5\n  6\n")
    );
}

#[test]
fn without_colours_nothing_but_text_is_written() {
    let happenings = || {
        vec![
            EventKind::TurnStarted.into(),
            piece(1, "\u{1b}]0;title\u{7}"),
            planned(None, &[("look", Completed), ("fix", InProgress), ("test", Pending)]),
            EventKind::ItemStarted { item: super::item("item_2_0", command(None)) }.into(),
            live(1, LiveKind::Output("10 %\r20 %".into())),
            completed("item_2_0", command(Some(ToolOutput::text(OutputStatus::Ok, "10 %\r20 %")))),
            done(TokenUsage::default()),
        ]
    };
    let plain = shown(happenings());
    let control = |c: char| c.is_control() && c != '\n';
    assert!(!plain.contains(control), "{plain:?}");
    let colours = shown_in(Style::Colour, happenings());
    assert!(colours.contains("\u{1b}[32m"), "colours are there where they are wanted: {colours:?}");
}

#[test]
fn a_command_of_the_user_is_shown_as_it_prints_and_ends_with_how_it_ended() {
    let item = |output| {
        let detail = ItemDetail::UserCommand { command: "ls -l\u{7}".into(), cwd: "/work".into(), output };
        super::item("in_3", detail)
    };
    let prints = |text: &str| {
        Happening::Live(Live {
            turn: TurnId(1),
            item: ItemId::new("in_3"),
            attempt: 1,
            kind: LiveKind::Output(text.into()),
        })
    };
    let ended = |text: &str| ToolOutput {
        exit_code: Some(0),
        duration_ms: Some(20),
        ..ToolOutput::text(OutputStatus::Ok, text)
    };
    let all = |pieces: &[&str], text: &str| {
        let mut happenings = vec![EventKind::ItemStarted { item: item(None) }.into()];
        happenings.extend(pieces.iter().map(|piece| prints(piece)));
        happenings.push(EventKind::ItemCompleted { item: item(Some(ended(text))) }.into());
        shown(happenings)
    };
    let (began, end) = ("! ls -l␇\n", "✓ ! ls -l␇  (exit 0, 20 ms)\n");
    assert_eq!(all(&["a\n", "b"], "a\nb\nc\n"), format!("{began}a\nb\nc\n{end}"));
    assert_eq!(all(&[], "a\nb\n"), format!("{began}a\nb\n{end}"));
    assert_eq!(all(&[], ""), format!("{began}{end}"));
    // What was cut in the middle was shown whole.
    let whole = "a\nb\nc\nd\ne\nf\ng\n";
    assert_eq!(all(&[whole], "a\n[…]\ng\n"), format!("{began}{whole}{end}"));
}
