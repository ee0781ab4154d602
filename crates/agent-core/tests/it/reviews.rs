//! Reviews: a turn whose conversation steps aside.

use crate::{
    desk::{Desk, ended, failed, finished, is_prepare, ready},
    scenario::{call, message},
};
use agent_core::{
    AbortReason, Answer, CodeLocation, CompactAt, Containment, EffectKind, EventKind, Finding, Genesis, Item,
    ItemDetail, LineRange, Mask, Mode, ModelAnswer, ModelChoice, ModelErrorKind, Op, OutputStatus,
    Preparation, Purpose, Refusal, Review, ReviewOutcome, ReviewRequest, SandboxPolicy, Settings, Shared,
    ToolKind, ToolSpec, TurnEnd, TurnOverrides, testing::preparation,
};

const TOOLS: [&str; 4] = ["apply_patch", "exec_command", "read_file", "update_plan"];

fn settings() -> Settings {
    Settings { sandbox: SandboxPolicy::DangerFullAccess, ..Settings::new("/work", "model") }
}

/// A thread in which one thing was said and answered.
fn desk(settings: Settings) -> Desk {
    let told = Shared::new(Item::Context { text: "house rules".into() });
    let tool = |name: &str| ToolSpec::new(name, "", ToolKind::Function { parameters: serde_json::json!({}) });
    let mut desk = Desk::of(Genesis {
        settings,
        instructions: Shared::new("You write code.".into()),
        tools: Shared::new(TOOLS.into_iter().map(tool).collect()),
        items: vec![told],
        ..Genesis::default()
    });
    desk.says("first");
    desk.model([message("one")]);
    desk
}

fn review() -> Op {
    Op::Review { request: ReviewRequest::Custom { instructions: "Look at the tests.".into() } }
}

fn outcome(desk: &Desk) -> ReviewOutcome {
    let outcomes: Vec<_> = desk
        .events
        .iter()
        .filter_map(|kind| match kind {
            EventKind::ExitedReviewMode { outcome } => Some(outcome.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(outcomes.len(), 1);
    let item = desk.events.iter().find_map(|kind| match kind {
        EventKind::ItemCompleted { item } => match &item.detail {
            ItemDetail::Review { outcome } => Some(outcome.clone()),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(item.as_ref(), outcomes.first(), "the item says the same as the event");
    outcomes[0].clone()
}

const OWN: [&str; 4] = ["context: house rules", "environment", "user: first", "agent: one"];

#[test]
fn a_review_has_a_conversation_of_its_own_and_its_findings_come_back() {
    let mut desk = desk(settings());
    let from = desk.events.len();
    desk.op(review());
    assert_eq!(desk.names(from), ["turn_started", "entered_review_mode"]);
    assert_eq!(desk.told(), ["context: house rules", "environment", "user: Look at the tests."]);
    let request = desk.model_request();
    assert!(request.instructions.contains("review"), "{:?}", request.instructions);
    let offered: Vec<&str> = request.tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(offered, ["exec_command", "read_file"]);
    desk.model([call("read_file", "{}")]);
    desk.answer(is_prepare, ready(preparation("read_file", "a")));
    desk.tool(finished("fn main() {}"));
    let json = r#"Here it is: {"findings": [{"title": " Off by one ", "body": "It loses\nthe last.", "confidence_score": 1.7,
        "priority": 9, "code_location": {"absolute_file_path": "src/a.rs", "line_range": {"start": 3, "end": 4}}},
        {"body": "without a title"}, {"title": "Naming", "priority": -1}],
        "overall_correctness": "patch is incorrect", "overall_explanation": "It breaks.", "overall_confidence_score": 0.5}"#;
    desk.model([message(json)]);
    let location = CodeLocation { file: "src/a.rs".into(), line_range: LineRange { start: 3, end: 4 } };
    let bug = Finding {
        title: "Off by one".into(),
        body: "It loses\nthe last.".into(),
        confidence_score: Some(1.0),
        priority: Some(3),
        code_location: Some(location),
    };
    let naming = Finding {
        title: "Naming".into(),
        body: String::new(),
        confidence_score: None,
        priority: Some(0),
        code_location: None,
    };
    let review = Review {
        findings: vec![bug, naming],
        overall_correctness: "patch is incorrect".into(),
        overall_explanation: "It breaks.".into(),
        overall_confidence_score: Some(0.5),
    };
    assert_eq!(outcome(&desk), ReviewOutcome::Completed { review });
    let told = "context: <review>\nThe user had a change reviewed by another agent. The review came to this:\n\nVerdict: patch \
                is incorrect\n\nIt breaks.\n\n- [P3] Off by one (src/a.rs:3-4)\n  It loses\n  the last.\n\n- [P0] Naming\n  \n\
                </review>";
    assert_eq!(desk.told(), [&OWN[..], &[told]].concat());
    assert_eq!(
        desk.names(from)[2..],
        [
            "call_decided",
            "item_started",
            "item_completed",
            "item_completed",
            "item_completed",
            "exited_review_mode",
            "turn_completed",
        ]
    );
    desk.says("second");
    let request = desk.model_request();
    assert_eq!((request.instructions.as_str(), request.tools.len()), ("You write code.", 4));
}

#[test]
fn plain_text_is_all_explanation() {
    for text in ["Looks {good} to me.", "  It is fine.  ", "{\"verdict\": 1}", "{broken"] {
        let mut desk = desk(settings());
        desk.op(review());
        desk.model([message(text)]);
        let review = Review { overall_explanation: text.trim().into(), ..Review::default() };
        assert_eq!(outcome(&desk), ReviewOutcome::Completed { review });
    }
}

fn interrupted(reason: &str) -> ReviewOutcome {
    ReviewOutcome::Interrupted { reason: reason.into() }
}

#[test]
fn an_interrupted_review_says_so_and_the_own_conversation_comes_back() {
    let mut desk = desk(settings());
    desk.op(review());
    desk.model([call("exec_command", "{}")]);
    desk.op(Op::Interrupt);
    desk.answer(is_prepare, Answer::Cancelled);
    assert_eq!(outcome(&desk), interrupted("the review was interrupted"));
    assert_eq!(desk.end(), EventKind::TurnAborted { reason: AbortReason::Interrupted });
    let told = "context: <review>\nThe user had a change reviewed by another agent. The review was interrupted and has no \
                result:\n\nthe review was interrupted\n</review>";
    assert_eq!(desk.told(), [&OWN[..], &[told]].concat());
}

#[test]
fn a_review_that_fails_or_says_nothing_has_no_result() {
    let mut failing = desk(settings());
    failing.op(review());
    failing.fails(ModelErrorKind::Auth);
    assert_eq!(outcome(&failing), interrupted("the review failed: it failed"));
    assert_eq!(failing.end(), ended(TurnEnd::Fatal { message: "it failed".into() }));
    let mut silent = desk(settings());
    silent.op(review());
    silent.model([]);
    assert_eq!(outcome(&silent), interrupted("the reviewer said nothing"));
}

#[test]
fn a_review_that_grows_too_large_is_summarised_by_itself() {
    let mut desk =
        desk(Settings { context_window: Some(1_000), compact_at: CompactAt::Percent(80), ..settings() });
    desk.op(review());
    desk.model_counting([call("read_file", "{}")], 900);
    desk.answer(is_prepare, ready(preparation("read_file", "a")));
    desk.tool(finished("much"));
    assert_eq!(desk.model_request().purpose, Purpose::Summary);
    desk.summarised("Read a.");
    assert_eq!(
        desk.told(),
        [
            "context: house rules",
            "user: Look at the tests.",
            "context: <summary>\nRead a.\n</summary>",
            "environment",
        ]
    );
    desk.model([message("Fine.")]);
    assert_eq!(desk.told()[..4], OWN);
    assert_eq!(desk.refusal(Op::Undo), None, "the turns before can still be taken back");
}

#[test]
fn a_reviewer_changes_nothing_whatever_the_settings_become() {
    let mask = Mask { tools: Some(vec!["apply_patch".into()]), ..Mask::default() };
    let masks = [(Mode::Plan, mask)].into();
    let mut desk = desk(Settings { mode: Mode::Plan, masks, ..settings() });
    desk.op(review());
    let free = || TurnOverrides {
        sandbox: Some(SandboxPolicy::DangerFullAccess),
        approval: Some(agent_core::ApprovalPolicy::OnRequest),
        mode: Some(Mode::Execute),
        ..TurnOverrides::default()
    };
    for step in 0..3 {
        desk.model([call("exec_command", &step.to_string()), call("exec_command", "{}")]);
        let escapes = Preparation {
            containment: Containment::Escapes { reason: "it writes".into() },
            ..preparation("write", "a")
        };
        let held = preparation("write", "b");
        let EffectKind::Prepare { call } = desk.running(is_prepare).unwrap().effect.kind else { panic!() };
        assert_eq!(desk.thread.prepare_request(&call).unwrap().sandbox, SandboxPolicy::ReadOnly);
        for preparation in [escapes, held] {
            desk.answer(is_prepare, ready(preparation));
        }
        let request = desk.request();
        assert_eq!(request.sandbox, SandboxPolicy::ReadOnly);
        assert_eq!(request.grant, agent_core::Grant::Sandboxed);
        match step {
            0 => desk.op(Op::OverrideTurnContext { overrides: free() }),
            _ => desk.op(Op::UserTurn {
                items: vec![agent_core::Content::text("go on")],
                overrides: free(),
                output_schema: None,
            }),
        }
        desk.tool(finished("looked"));
        let (denied, _) = desk.outputs()[2 * step].clone();
        assert_eq!(denied, OutputStatus::Denied, "nobody is asked");
    }
}

#[test]
fn a_reviewer_has_no_tools_of_the_client_and_none_that_it_was_not_offered() {
    let mut desk = desk(settings());
    let kind = ToolKind::Function { parameters: serde_json::json!({}) };
    let client = ToolSpec::new("client", "", kind);
    let overrides = TurnOverrides { client_tools: Some(vec![client]), ..TurnOverrides::default() };
    desk.op(Op::OverrideTurnContext { overrides });
    desk.op(review());
    assert!(!desk.model_request().tools.iter().any(|tool| tool.name == "client"));
    desk.model([call("client", "{}"), call("apply_patch", "{}")]);
    let refused =
        |name: &str| (OutputStatus::Denied, format!("Not run: a review only looks. Go on without `{name}`."));
    assert_eq!(desk.outputs(), [refused("client"), refused("apply_patch")]);
    desk.model([message("Fine.")]);
}

#[test]
fn a_review_is_made_by_the_model_of_its_own() {
    let choice =
        ModelChoice { model: "reviewer".into(), context_window: Some(9_000), ..ModelChoice::default() };
    let mut desk = desk(Settings { review_model: Some(choice), ..settings() });
    desk.op(review());
    assert_eq!(desk.model_request().model, "reviewer");
    desk.model([message("Fine.")]);
    desk.says("second");
    assert_eq!(desk.model_request().model, "model");
}

#[test]
fn what_is_said_during_a_review_is_said_to_the_reviewer() {
    let mut desk = desk(settings());
    desk.op(review());
    desk.says("mind the names");
    desk.model([message("One moment.")]);
    assert_eq!(desk.told().last().unwrap(), "user: mind the names");
    desk.model([message("Fine.")]);
    assert_eq!(desk.told()[..4], OWN);
    assert_eq!(desk.told().len(), 5);
}

#[test]
fn a_review_that_cannot_begin_is_refused() {
    let mut desk = desk(settings());
    for request in [
        ReviewRequest::Custom { instructions: " ".into() },
        ReviewRequest::BaseBranch { branch: String::new() },
        ReviewRequest::Commit { sha: "\t".into(), title: None },
    ] {
        assert!(matches!(desk.refusal(Op::Review { request }), Some(Refusal::Malformed { .. })));
    }
    desk.says("second");
    assert_eq!(desk.refusal(review()), Some(Refusal::TurnRunning));
    desk.op(Op::Interrupt);
    desk.answer(
        |kind| *kind == EffectKind::Model,
        Answer::Model { answer: ModelAnswer::Cancelled { partial: String::new(), index: 0 } },
    );
    desk.op(Op::RunUserShellCommand { command: "ls".into() });
    assert_eq!(desk.refusal(review()), Some(Refusal::TurnRunning), "what the user runs may change files");
}

/// Each request in the words that the reviewer reads.
#[test]
fn a_reviewer_is_told_what_to_look_at() {
    for (request, words) in [
        (ReviewRequest::Uncommitted, "git diff HEAD"),
        (ReviewRequest::BaseBranch { branch: "main".into() }, "`git merge-base HEAD main`"),
        (
            ReviewRequest::Commit { sha: "1a2b".into(), title: Some("Fix".into()) },
            "commit 1a2b (Fix) makes (`git show 1a2b`)",
        ),
    ] {
        let mut desk = desk(settings());
        desk.op(Op::Review { request });
        let told = desk.told();
        assert!(told.last().unwrap().contains(words), "{told:?}");
    }
}

#[test]
fn a_review_that_dies_with_its_process_goes_on() {
    let mut desk = desk(settings());
    desk.op(review());
    desk.crash(agent_core::ToolAnswer::NotStarted);
    assert!(desk.thread.is_reviewing());
    desk.model([message("Fine.")]);
    assert!(matches!(outcome(&desk), ReviewOutcome::Completed { .. }));
    assert!(!desk.thread.is_reviewing());
}

#[test]
fn a_review_whose_summary_never_comes_says_that_it_failed() {
    let mut desk = desk(settings());
    desk.op(review());
    desk.fails(ModelErrorKind::ContextWindowExceeded);
    desk.summary(failed(ModelErrorKind::Quota));
    let why = "the review failed: the conversation could not be summarised: it failed, and it does not fit the model's window; \
               begin a new thread, or take a model with a larger window";
    assert_eq!(outcome(&desk), interrupted(why));
    assert_eq!(desk.told()[..4], OWN);
}

#[test]
fn a_review_is_a_turn_that_can_be_taken_back() {
    let mut desk = desk(settings());
    desk.op(review());
    desk.model([message("Fine.")]);
    assert_eq!(desk.told().len(), 5);
    desk.op(Op::Undo);
    assert_eq!(desk.told(), OWN);
}
