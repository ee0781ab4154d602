//! What else a thread has to keep right for days: skills, repeated calls, moves, forks.

use crate::{
    desk::{Desk, ended, finished, in_words, is_prepare, ready},
    scenario::{call, message},
};
use agent_core::{
    Answer, ApprovalDecision, ApprovalPolicy, Collected, Content, Discovery, EffectKind, EventKind, Genesis,
    Input, Item, Op, SandboxPolicy, Settings, Shared, SkillText, TurnEnd, testing::preparation,
};

fn settings() -> Settings {
    Settings { sandbox: SandboxPolicy::DangerFullAccess, ..Settings::new("/work", "model") }
}

fn mentions(desk: &mut Desk, text: &str, skill: &str) {
    desk.op(Op::UserInput { items: vec![Content::text(text), Content::Skill { name: skill.into() }] });
}

fn is_collect(kind: &EffectKind) -> bool {
    *kind == EffectKind::Collect
}

fn found(desk: &mut Desk, skills: &[&str]) {
    let skill = |name: &&str| SkillText {
        name: (*name).into(),
        path: format!("/skills/{name}/SKILL.md"),
        text: "  Do so.\n".into(),
    };
    let collected = Collected {
        skills: skills.iter().map(skill).collect(),
        warnings: if skills.is_empty() { vec!["there is no such skill".into()] } else { Vec::new() },
        ..Collected::default()
    };
    desk.answer(is_collect, Answer::Collected { collected });
}

fn asked_for(desk: &Desk) -> Vec<String> {
    assert!(desk.running(is_collect).is_some(), "nobody looks for skills");
    desk.thread.collect_request().unwrap().skills
}

#[test]
fn a_skill_that_is_named_is_told_after_the_message_also_in_the_midst_of_a_turn() {
    for discovery in [Discovery::Fixed, Discovery::EachTurn] {
        let mut desk = Desk::of(Genesis { settings: settings(), discovery, ..Genesis::default() });
        mentions(&mut desk, "go", "care");
        assert_eq!(asked_for(&desk), ["care"]);
        found(&mut desk, &["care"]);
        let told = "context: <skill name=\"care\" path=\"/skills/care/SKILL.md\">\nDo so.\n</skill>";
        assert_eq!(desk.told(), ["environment", "user: go|\"skill\"", told]);
        mentions(&mut desk, "and", "speed");
        desk.model([call("read", "{}")]);
        desk.answer(is_prepare, ready(preparation("read", "a")));
        desk.tool(finished("read"));
        assert_eq!(asked_for(&desk), ["speed"], "each is asked for once");
        found(&mut desk, &["speed"]);
        assert!(desk.told().last().unwrap().contains("<skill name=\"speed\""), "{:?}", desk.told());
        assert!(desk.running(|kind| *kind == EffectKind::Model).is_some());
    }
}

#[test]
fn a_skill_is_told_again_after_a_summary_in_its_turn() {
    let mut desk = Desk::of(Genesis {
        settings: Settings { context_window: Some(1_000), ..settings() },
        discovery: Discovery::EachTurn,
        ..Genesis::default()
    });
    mentions(&mut desk, "go", "care");
    found(&mut desk, &["care"]);
    desk.model_counting([call("read", "{}")], 900);
    desk.answer(is_prepare, ready(preparation("read", "a")));
    desk.tool(finished("read"));
    desk.summarised("It reads, </summary> and all.");
    assert_eq!(asked_for(&desk), ["care"], "its text went with what was summarised");
    found(&mut desk, &["care"]);
    let told = desk.told();
    assert_eq!(told[1], "context: <summary>\nIt reads, <\\/summary> and all.\n</summary>", "{told:?}");
    assert!(told.iter().any(|text| text.contains("<skill name=\"care\"")), "{told:?}");
}

#[test]
fn a_skill_that_is_not_there_is_a_warning() {
    let mut desk =
        Desk::of(Genesis { settings: settings(), discovery: Discovery::EachTurn, ..Genesis::default() });
    mentions(&mut desk, "go", "nonesuch");
    found(&mut desk, &[]);
    assert!(desk.events.contains(&EventKind::Warning { message: "there is no such skill".into() }));
    assert!(desk.running(|kind| *kind == EffectKind::Model).is_some());
}

#[test]
fn the_same_calls_three_times_in_a_row_end_the_turn() {
    let ask = |desk: &mut Desk, arguments: &str| {
        desk.model([call("read_a", arguments), call("read_b", "{}")]);
        for name in ["read_a", "read_b"] {
            if desk.running(is_prepare).is_some() {
                desk.answer(is_prepare, ready(preparation(name, name)));
            }
        }
        while desk.running(crate::desk::is_tool).is_some() {
            desk.tool(finished("so"));
        }
    };
    let mut desk = Desk::new(settings());
    desk.says("go");
    for arguments in ["1", "1", "2", "1", "1", "1"] {
        assert_ne!(desk.thread.current_turn(), None);
        ask(&mut desk, arguments);
    }
    assert_eq!(desk.end(), ended(TurnEnd::RepeatedCalls { times: 3 }));
    assert_eq!(desk.outputs().len(), 12, "also the last ones have outputs");
    let error = desk.events.iter().find_map(|kind| match kind {
        EventKind::Error { message, .. } => Some(message.as_str()),
        _ => None,
    });
    let words = "the model asked for the same tool calls 3 times in a row; tell it what to do differently";
    assert_eq!(error, Some(words));
    desk.says("differently");
    ask(&mut desk, "1");
    assert!(desk.running(|kind| *kind == EffectKind::Model).is_some(), "a new turn counts anew");
}

#[test]
fn a_thread_that_moves_leaves_what_was_approved_for_the_session_behind() {
    let settings = Settings { approval: ApprovalPolicy::Untrusted, ..settings() };
    let mut desk = Desk::with_calls(settings, [("write", preparation("write", "a"))]);
    desk.op(Op::ExecApproval { id: desk.question(), decision: ApprovalDecision::ApprovedForSession });
    desk.tool(finished("written"));
    desk.model([message("done")]);
    desk.asks_for([("write", preparation("write", "a"))]);
    assert_eq!(desk.thread.pending().count(), 0);
    desk.tool(finished("written"));
    desk.model([message("done")]);
    let (told, from) = (desk.told(), desk.events.len());
    desk.feed(Input::Moved { from: "local".into(), to: "temporal".into() });
    assert_eq!(desk.events[from..], [EventKind::Moved { from: "local".into(), to: "temporal".into() }]);
    assert_eq!(desk.told(), told);
    desk.asks_for([("write", preparation("write", "a"))]);
    assert_eq!(desk.thread.pending().count(), 1, "it is asked about again");
}

#[test]
fn what_the_host_told_first_survives_summaries_and_forks() {
    let rules = Shared::new(Item::Context { text: "house rules".into() });
    let window = Settings { context_window: Some(1_000), ..settings() };
    let mut desk = Desk::of(Genesis { settings: window, items: vec![rules.clone()], ..Genesis::default() });
    desk.says("first");
    desk.model([message("one")]);
    for generation in 0..3 {
        desk.op(Op::Compact);
        desk.summarised(&format!("Generation {generation}."));
        assert_eq!(desk.told()[0], "context: house rules");
        let genesis = desk.thread.fork().unwrap();
        assert_eq!(genesis.preamble, std::slice::from_ref(&rules));
        desk = Desk::of(genesis);
        desk.says(&format!("{generation}"));
        desk.model([message("so")]);
    }
    desk.op(Op::Compact);
    desk.summarised("All.");
    assert_eq!(
        desk.told(),
        [
            "context: house rules",
            "user: first",
            "user: 0",
            "user: 1",
            "user: 2",
            "context: <summary>\nAll.\n</summary>",
        ]
    );
    let bare = Desk::of(Genesis { settings: settings(), ..Genesis::default() });
    assert_eq!(bare.thread.fork().unwrap().preamble, Vec::new());
    assert_eq!(in_words(&rules), "context: house rules");
}
