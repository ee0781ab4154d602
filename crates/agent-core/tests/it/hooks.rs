//! Hooks: when they run, what they are asked, and what they change.

use crate::{
    desk::{Desk, ended, finished, is_prepare, is_timer, ready},
    scenario::{call, message},
};
use agent_core::{
    AbortReason, Answer, Content, EffectKind, EventKind, HookNote, HookPatch, HookPhase, HookRequest,
    HookRuling, Hooked, HookedEnd, Input, ModelAnswer, Op, OutputStatus, ReviewRequest, SandboxPolicy,
    Settings, ThreadKey, ToolAnswer, TurnEnd, TurnId, Undo, testing::preparation,
};
use std::collections::BTreeMap;

const ALL: [HookPhase; 7] = [
    HookPhase::SessionStart,
    HookPhase::PreRun,
    HookPhase::PreTurn,
    HookPhase::PreToolUse,
    HookPhase::PostToolUse,
    HookPhase::PostTurn,
    HookPhase::PostRun,
];

fn desk(phases: &[HookPhase]) -> Desk {
    Desk::new(Settings {
        hooks: phases.iter().copied().collect(),
        sandbox: SandboxPolicy::DangerFullAccess,
        ..Settings::new("/work", "model")
    })
}

fn is_hook(kind: &EffectKind) -> bool {
    matches!(kind, EffectKind::Hook { .. })
}

/// What the hooks that run are asked.
fn asked(desk: &Desk) -> HookRequest {
    let running = desk.running(is_hook).unwrap_or_else(|| panic!("no hooks run"));
    desk.thread.hook_request(&running.effect).unwrap()
}

fn hooked(desk: &mut Desk, hooked: Hooked) {
    desk.answer(is_hook, Answer::Hooked { hooked });
}

fn go_on(desk: &mut Desk, phase: HookPhase) {
    assert_eq!(asked(desk).phase, phase);
    hooked(desk, Hooked::default());
}

fn patch(patch: HookPatch) -> Hooked {
    Hooked { patch, ..Hooked::default() }
}

fn context(text: &str) -> Hooked {
    patch(HookPatch { context: Some(text.into()), ..HookPatch::default() })
}

fn block() -> Hooked {
    Hooked { ruling: HookRuling::Block { reason: "not on a Friday".into() }, ..Hooked::default() }
}

fn notes(desk: &Desk) -> Vec<(HookPhase, String)> {
    let notes = desk.events.iter().filter_map(|kind| match kind {
        EventKind::HookNote { phase, message, .. } => Some((*phase, message.clone())),
        _ => None,
    });
    notes.collect()
}

#[test]
fn each_phase_runs_once_where_it_belongs_and_is_asked_about_what_happens() {
    let mut desk = desk(&ALL);
    desk.says("go");
    let effect = desk.running(is_hook).unwrap().effect.id;
    let request = HookRequest {
        key: ThreadKey::for_test("thread-1"),
        turn: TurnId(1),
        effect,
        attempt: 1,
        phase: HookPhase::SessionStart,
        cwd: "/work".into(),
        model: "model".into(),
        prompt: vec![Content::text("go")],
        tool: None,
        end: None,
        metadata: BTreeMap::new(),
    };
    assert_eq!(asked(&desk), request);
    assert_eq!(desk.told(), Vec::<String>::new(), "nothing is heard before they have spoken");
    go_on(&mut desk, HookPhase::SessionStart);
    go_on(&mut desk, HookPhase::PreRun);
    go_on(&mut desk, HookPhase::PreTurn);
    assert_eq!(desk.told(), ["environment", "user: go"]);
    desk.model([call("write", "{}")]);
    desk.answer(is_prepare, ready(preparation("write", "a")));
    let tool = asked(&desk).tool.unwrap();
    assert_eq!((tool.call.name.as_str(), tool.output), ("write", None));
    go_on(&mut desk, HookPhase::PreToolUse);
    desk.tool(finished("written"));
    let tool = asked(&desk).tool.unwrap();
    assert_eq!(tool.output.map(|output| output.plain_text()), Some("written".to_owned()));
    go_on(&mut desk, HookPhase::PostToolUse);
    desk.model([message("done")]);
    let end = TurnEnd::Final { message: Some("done".into()) };
    assert_eq!(asked(&desk).end, Some(HookedEnd::Completed(end.clone())));
    go_on(&mut desk, HookPhase::PostTurn);
    go_on(&mut desk, HookPhase::PostRun);
    assert_eq!(desk.end(), ended(end));
    desk.says("again");
    go_on(&mut desk, HookPhase::PreRun);
    go_on(&mut desk, HookPhase::PreTurn);
    desk.op(Op::Interrupt);
    let answer = ModelAnswer::Cancelled { partial: String::new(), index: 0 };
    desk.answer(|kind| *kind == EffectKind::Model, Answer::Model { answer });
    assert_eq!(asked(&desk).end, Some(HookedEnd::Aborted));
    go_on(&mut desk, HookPhase::PostTurn);
    go_on(&mut desk, HookPhase::PostRun);
}

#[test]
fn a_session_starts_again_after_it_was_shut_down() {
    let mut desk = desk(&[HookPhase::SessionStart]);
    for _ in 0..2 {
        desk.says("go");
        go_on(&mut desk, HookPhase::SessionStart);
        desk.model([message("done")]);
        desk.says("go on");
        desk.model([message("done")]);
        desk.op(Op::Shutdown { now: false });
        desk.feed(Input::Resumed);
    }
}

#[test]
fn reviews_and_summaries_are_turns_but_no_runs() {
    let mut desk = desk(&[HookPhase::PreRun, HookPhase::PreTurn, HookPhase::PostTurn, HookPhase::PostRun]);
    desk.op(Op::Review { request: ReviewRequest::Uncommitted });
    go_on(&mut desk, HookPhase::PreTurn);
    desk.model([message("Fine.")]);
    go_on(&mut desk, HookPhase::PostTurn);
    desk.op(Op::Compact);
    go_on(&mut desk, HookPhase::PreTurn);
    desk.summarised("A review was made.");
    go_on(&mut desk, HookPhase::PostTurn);
    assert!(desk.thread.is_at_rest());
}

#[test]
fn a_turn_that_is_blocked_ends_and_what_was_said_is_not_told() {
    for phase in [HookPhase::SessionStart, HookPhase::PreRun, HookPhase::PreTurn] {
        let mut desk = desk(&[phase]);
        desk.says("go");
        hooked(&mut desk, block());
        let message = "a hook ended the turn: not on a Friday".to_owned();
        assert_eq!(desk.names(1), ["turn_started", "error", "turn_completed"]);
        assert_eq!(desk.end(), ended(TurnEnd::Blocked { message }));
        assert_eq!(desk.told(), Vec::<String>::new());
    }
}

#[test]
fn hooks_before_a_turn_change_its_prompt_model_attachments_and_what_is_told_with_it() {
    let mut desk = desk(&[HookPhase::PreRun, HookPhase::PreTurn]);
    let picture = Content::Mention { name: "a".into(), path: "a".into() };
    desk.op(Op::UserInput { items: vec![picture.clone(), Content::text("go"), Content::text("now")] });
    hooked(
        &mut desk,
        patch(HookPatch {
            prompt: Some("rather this".into()),
            model: Some("cheaper".into()),
            attachments: vec![Content::Skill { name: "care".into() }],
            context: Some(" mind the gap ".into()),
            metadata: [("seen".to_owned(), "1".to_owned())].into(),
        }),
    );
    let request = asked(&desk);
    let prompt = vec![Content::text("rather this"), picture, Content::Skill { name: "care".into() }];
    assert_eq!((request.prompt, request.model.as_str()), (prompt, "cheaper"));
    assert_eq!(request.metadata, [("seen".to_owned(), "1".to_owned())].into());
    hooked(&mut desk, context("  "));
    desk.answer(|kind| *kind == EffectKind::Collect, Answer::Collected { collected: Default::default() });
    assert_eq!(
        desk.told(),
        ["environment", "user: rather this|\"mention\"|\"skill\"", "context: <hook>\nmind the gap\n</hook>"]
    );
    assert_eq!(desk.model_request().model, "cheaper");
    desk.model([message("done")]);
    assert_eq!(desk.thread.settings().model, "model", "for this turn only");
}

#[test]
fn metadata_is_kept_for_hooks_to_come_and_can_be_taken_back() {
    let mut desk = desk(&[HookPhase::PreTurn]);
    let note = |key: &str, value: &str| {
        patch(HookPatch { metadata: [(key.to_owned(), value.to_owned())].into(), ..HookPatch::default() })
    };
    let mut seen = Vec::new();
    for (key, value) in [("a", "1"), ("b", "2"), ("a", ""), ("c", &"x".repeat(5_000)), ("d", "4")] {
        desk.says("go");
        seen.push(asked(&desk).metadata.into_keys().collect::<String>());
        hooked(&mut desk, note(key, value));
        desk.model([message("done")]);
    }
    desk.says("go");
    seen.push(asked(&desk).metadata.into_keys().collect::<String>());
    assert_eq!(seen, ["", "a", "ab", "b", "b", "bd"], "what is too long is not kept");
}

#[test]
fn a_call_that_is_blocked_does_not_run_and_the_model_is_told_why() {
    let mut desk = desk(&[HookPhase::PreToolUse]);
    desk.asks_for([("write", preparation("write", "a")), ("read", preparation("read", "b"))]);
    hooked(&mut desk, block());
    go_on(&mut desk, HookPhase::PreToolUse);
    desk.tool(finished("read"));
    assert_eq!(
        desk.outputs(),
        [
            (OutputStatus::Denied, "Not run. A hook stopped it: not on a Friday".to_owned()),
            (OutputStatus::Ok, "read".to_owned()),
        ]
    );
    assert!(desk.running(|kind| *kind == EffectKind::Model).is_some(), "the turn goes on");
}

#[test]
fn what_hooks_before_a_call_tell_is_told_after_the_outputs_of_the_step() {
    let mut desk = desk(&[HookPhase::PreToolUse]);
    desk.asks_for([("write", preparation("write", "a"))]);
    hooked(&mut desk, context("it is Friday"));
    desk.tool(finished("written"));
    assert_eq!(desk.told()[3..], ["output: written", "context: <hook>\nit is Friday\n</hook>"]);
}

#[test]
fn hooks_after_a_call_add_to_its_output() {
    let mut desk = desk(&[HookPhase::PostToolUse]);
    desk.asks_for([("write", preparation("write", "a"))]);
    desk.tool(finished("written"));
    hooked(&mut desk, Hooked { ruling: block().ruling, ..context("run the linter") });
    assert_eq!(
        desk.outputs(),
        [(OutputStatus::Ok, "written\n[A hook objects: not on a Friday]\n[run the linter]".to_owned())]
    );
}

#[test]
fn hooks_of_a_call_come_before_its_snapshot() {
    let mut desk = desk(&[HookPhase::PreToolUse]);
    let overrides = agent_core::TurnOverrides { undo: Some(Undo::On), ..Default::default() };
    desk.op(Op::OverrideTurnContext { overrides });
    desk.asks_for([("write", preparation("write", "a"))]);
    go_on(&mut desk, HookPhase::PreToolUse);
    assert!(desk.running(|kind| matches!(kind, EffectKind::Snapshot { .. })).is_some());
}

#[test]
fn a_turn_that_is_stopped_in_the_midst_of_its_calls_keeps_their_outputs_through_the_hooks_after_it() {
    let mut desk = desk(&[HookPhase::PostTurn, HookPhase::PostRun]);
    desk.asks_for([("write", preparation("write", "a")), ("write", preparation("write", "b"))]);
    desk.op(Op::Interrupt);
    desk.tool(finished("written"));
    let from = desk.events.len();
    go_on(&mut desk, HookPhase::PostTurn);
    go_on(&mut desk, HookPhase::PostRun);
    assert_eq!(desk.names(from), ["turn_aborted"]);
    assert_eq!(desk.end(), EventKind::TurnAborted { reason: AbortReason::Interrupted });
    let statuses: Vec<_> = desk.outputs().into_iter().map(|(status, _)| status).collect();
    assert_eq!(statuses, [OutputStatus::Ok, OutputStatus::Cancelled]);
}

#[test]
fn hooks_after_a_turn_cannot_stop_what_is_over_but_are_heard() {
    let mut desk = desk(&[HookPhase::PostTurn]);
    desk.says("go");
    desk.model([message("done")]);
    let note = HookNote { hook: "lint".into(), message: "exit code 3".into() };
    hooked(
        &mut desk,
        Hooked { notes: vec![note], ruling: block().ruling, ..context("the linter complains") },
    );
    assert_eq!(
        notes(&desk),
        [
            (HookPhase::PostTurn, "exit code 3".to_owned()),
            (HookPhase::PostTurn, "it wanted to stop what was over: not on a Friday".to_owned()),
        ]
    );
    assert_eq!(desk.told().last().unwrap(), "context: <hook>\nthe linter complains\n</hook>");
    assert_eq!(desk.end(), ended(TurnEnd::Final { message: Some("done".into()) }));
}

#[test]
fn hooks_that_die_with_their_process_four_times_are_done_without() {
    for phase in ALL {
        let mut desk = desk(&[phase]);
        desk.says("go");
        if matches!(phase, HookPhase::PreToolUse | HookPhase::PostToolUse) {
            desk.model([call("write", "{}")]);
            desk.answer(is_prepare, ready(preparation("write", "a")));
            if phase == HookPhase::PostToolUse {
                desk.tool(finished("written"));
            }
        } else if matches!(phase, HookPhase::PostTurn | HookPhase::PostRun) {
            desk.model([message("done")]);
        }
        for attempt in 1..=4 {
            assert_eq!(asked(&desk).attempt, attempt, "{phase:?}");
            desk.crash(ToolAnswer::NotStarted);
        }
        let words = "the process died whenever these hooks ran; it goes on without them";
        assert_eq!(notes(&desk), [(phase, words.to_owned())]);
        assert!(desk.running(is_hook).is_none());
    }
}

#[test]
fn hooks_that_hang_are_stopped_with_their_turn() {
    for answers in [true, false] {
        let mut desk = desk(&[HookPhase::PreTurn, HookPhase::PostTurn]);
        desk.says("go");
        desk.op(Op::Interrupt);
        match answers {
            true => desk.answer(is_hook, Answer::Cancelled),
            false => desk.answer(is_timer, Answer::Due),
        }
        go_on(&mut desk, HookPhase::PostTurn);
        assert_eq!(desk.told(), Vec::<String>::new(), "what no hook has looked at is not heard");
        assert!(desk.names(0).contains(&"warning".to_owned()), "and it is said that it was not");
        assert!(desk.thread.is_at_rest());
    }
}
