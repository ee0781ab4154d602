//! Modes, what they allow and what the model is told of them, and manners of speaking.

use crate::{
    desk::{Desk, is_prepare, ready},
    scenario::{call, message},
};
use agent_core::{
    ApprovalPolicy, Containment, Effort, EventKind, Genesis, Grant, Item, ItemDetail, Mask, Mode,
    ModelChoice, Op, OutputStatus, Preparation, Question, SandboxPolicy, ServedBy, Settings, Shared, Subject,
    ToolAnswer, ToolKind, ToolOutput, ToolSpec, TurnOverrides, Verdict, testing::preparation,
};

fn settings(mode: Mode) -> Settings {
    Settings { mode, sandbox: SandboxPolicy::DangerFullAccess, ..Settings::new("/work", "model") }
}

fn switch(desk: &mut Desk, overrides: TurnOverrides) {
    desk.op(Op::OverrideTurnContext { overrides });
}

fn to(mode: Mode) -> TurnOverrides {
    TurnOverrides { mode: Some(mode), ..TurnOverrides::default() }
}

/// What the model was told of modes and manners, by the first words of it.
fn told(desk: &Desk) -> Vec<String> {
    let told = desk.thread.items().iter().filter_map(|item| match &**item {
        Item::Context { text } if !text.starts_with("<environment") => {
            let (tag, rest) = text.split_once('\n').unwrap();
            Some(format!("{tag} {}", rest.split([':', ';', '.', '\n']).next().unwrap()))
        }
        _ => None,
    });
    told.collect()
}

fn turn(desk: &mut Desk) {
    desk.says("go");
    desk.model([message("so")]);
}

fn question() -> Preparation {
    let question = Question {
        id: "q".into(),
        header: String::new(),
        question: "which?".into(),
        options: Vec::new(),
        default: None,
    };
    Preparation::reading(Subject::Questions { questions: vec![question], wait_ms: None }, 1_000)
}

#[test]
fn while_a_plan_is_made_what_would_change_something_is_refused() {
    let command = || preparation("make", "a");
    let refused = "Not run: plan mode is on, and this would change something. Put it into the plan instead.";
    let escapes = Containment::Escapes { reason: "it writes".into() };
    let uncontained = Containment::Uncontained { reason: "there is no sandbox".into() };
    let mcp = Subject::Mcp { server: "s".into(), tool: "t".into(), arguments: "{}".into() };
    let allowed = Verdict::Allow { rule: "make".into() };
    for preparation in [
        preparation("apply_patch", "a"),
        Preparation { subject: mcp, ..command() },
        Preparation { subject: Subject::Other { summary: "x".into() }, ..command() },
        Preparation { justification: Some("I must".into()), ..command() },
        Preparation { containment: escapes, ..command() },
        Preparation { containment: uncontained.clone(), ..command() },
        Preparation { containment: uncontained, verdict: allowed, ..command() },
    ] {
        let desk = Desk::with_calls(settings(Mode::Plan), [("tool", preparation)]);
        assert_eq!(desk.outputs(), [(OutputStatus::Denied, refused.to_owned())]);
        assert_eq!(desk.thread.pending().count(), 0, "nobody is asked");
    }
}

#[test]
fn while_a_plan_is_made_commands_look_in_a_read_only_sandbox_even_under_full_access() {
    for verdict in [Verdict::Silent, Verdict::Allow { rule: "make".into() }] {
        let command = Preparation { verdict, ..preparation("make", "a") };
        let mut desk = Desk::with_calls(settings(Mode::Plan), [("exec_command", command)]);
        let request = desk.request();
        assert_eq!((request.sandbox, request.grant), (SandboxPolicy::ReadOnly, Grant::Sandboxed));
        desk.tool(crate::desk::finished("a file"));
    }
    let desk = Desk::with_calls(settings(Mode::Code), [("exec_command", preparation("make", "a"))]);
    assert_eq!(desk.request().sandbox, SandboxPolicy::DangerFullAccess);
}

#[test]
fn while_a_plan_is_made_nothing_is_run_again_outside_of_the_sandbox() {
    let denied = || {
        let output = ToolOutput::text(OutputStatus::Failed, "read-only file system");
        ToolAnswer::Finished { output: ToolOutput { denial: Some("it may not write".into()), ..output } }
    };
    let asks = |mode| {
        let settings = Settings {
            approval: ApprovalPolicy::OnFailure,
            sandbox: SandboxPolicy::ReadOnly,
            ..settings(mode)
        };
        let mut desk = Desk::with_calls(settings, [("exec_command", preparation("make", "a"))]);
        desk.tool(denied());
        desk.thread.pending().count()
    };
    assert_eq!((asks(Mode::Plan), asks(Mode::Code)), (0, 1));
}

#[test]
fn while_a_plan_is_made_the_agent_may_ask() {
    let mut desk = Desk::with_calls(settings(Mode::Plan), [("request_user_input", question())]);
    let id = desk.question();
    desk.op(Op::UserInputAnswer { id, answers: [("q".to_owned(), vec!["this".to_owned()])].into() });
    assert_eq!(desk.outputs()[0].0, OutputStatus::Ok);
}

#[test]
fn a_mode_is_told_once_and_so_is_the_way_back() {
    let mut desk = Desk::new(settings(Mode::Code));
    turn(&mut desk);
    assert_eq!(told(&desk), Vec::<String>::new(), "the usual mode needs no words");
    switch(&mut desk, to(Mode::Plan));
    turn(&mut desk);
    turn(&mut desk);
    switch(&mut desk, to(Mode::Pair));
    turn(&mut desk);
    switch(&mut desk, to(Mode::Execute));
    turn(&mut desk);
    switch(&mut desk, to(Mode::Code));
    turn(&mut desk);
    let [plan, pair, execute, code] = <[String; 4]>::try_from(told(&desk)).unwrap();
    assert_eq!((plan.as_str(), code.as_str()), ("<mode> Plan mode is on", "<mode> Code mode is on"));
    assert!(
        pair.starts_with("<mode> Pair mode") && execute.starts_with("<mode> Execute mode"),
        "{pair} {execute}"
    );
}

#[test]
fn a_mode_for_one_turn_ends_with_it() {
    let mut desk = Desk::new(settings(Mode::Code));
    let items = vec![agent_core::Content::text("plan it")];
    desk.op(Op::UserTurn { items, overrides: to(Mode::Plan), output_schema: None });
    desk.model([message("so")]);
    assert_eq!(desk.thread.settings().mode, Mode::Code);
    turn(&mut desk);
    assert_eq!(told(&desk), ["<mode> Plan mode is on", "<mode> Code mode is on"]);
}

#[test]
fn a_plan_that_is_proposed_is_an_item() {
    let plans = |mode, text: &str| {
        let mut desk = Desk::new(settings(mode));
        desk.says("go");
        desk.model([message(text)]);
        let plans = desk.events.iter().filter_map(|kind| match kind {
            EventKind::ItemCompleted { item } => match &item.detail {
                ItemDetail::ProposedPlan { text } => Some((item.id.to_string(), text.clone())),
                _ => None,
            },
            _ => None,
        });
        let (ids, plans): (Vec<_>, Vec<_>) = plans.unzip();
        let said = desk.events.iter().find_map(|kind| match kind {
            EventKind::ItemCompleted { item } if ids.iter().all(|id| id.starts_with(item.id.as_str())) => {
                matches!(&item.detail, ItemDetail::AgentMessage { text: said, .. } if said == text)
                    .then_some(())
            }
            _ => None,
        });
        assert_eq!(said, Some(()), "the message keeps its words");
        plans
    };
    let whole = "Here:\n<proposed_plan>\n1. look\n2. do\n</proposed_plan>\nShall I?";
    assert_eq!(plans(Mode::Plan, whole), ["1. look\n2. do"]);
    assert_eq!(plans(Mode::Plan, "<proposed_plan>1. look"), ["1. look"], "an end that is missing");
    assert_eq!(plans(Mode::Plan, "<proposed_plan> </proposed_plan>"), Vec::<String>::new());
    assert_eq!(plans(Mode::Plan, "1. look"), Vec::<String>::new());
    assert_eq!(plans(Mode::Code, whole), Vec::<String>::new());
}

#[test]
fn a_mask_changes_model_effort_tools_and_words_while_its_mode_is_on() {
    let tool = |name: &str| ToolSpec::new(name, "", ToolKind::Function { parameters: serde_json::json!({}) });
    let tools = ["read_file", "exec_command", "mcp__docs__find", "mcp__docs__get", "mcp__bugs__list"];
    let choice = ModelChoice {
        provider: Some("elsewhere".into()),
        model: "thinker".into(),
        context_window: Some(5_000),
        price: None,
    };
    let mask = Mask {
        instructions: Some("Only think.".into()),
        model: Some(choice),
        effort: Some(Effort::High),
        tools: Some(vec!["read_file".into(), "mcp__docs__*".into(), "none_such".into()]),
    };
    let settings = Settings { masks: [(Mode::Plan, mask)].into(), ..settings(Mode::Code) };
    let tools = Shared::new(tools.into_iter().map(tool).collect());
    let mut desk = Desk::of(Genesis { settings, tools, ..Genesis::default() });
    let asked = |desk: &Desk| {
        let request = desk.model_request();
        let tools: Vec<String> = request.tools.iter().map(|tool| tool.name.clone()).collect();
        (request.provider, request.model, request.effort, tools.join(" "))
    };
    let all = "read_file exec_command mcp__docs__find mcp__docs__get mcp__bugs__list".to_owned();
    let usual = (String::new(), "model".to_owned(), None, all);
    desk.says("go");
    assert_eq!(asked(&desk), usual);
    desk.model([message("so")]);
    switch(&mut desk, to(Mode::Plan));
    desk.says("go");
    let masked = ("elsewhere".to_owned(), "thinker".to_owned(), Some(Effort::High));
    let (provider, model, effort, tools) = asked(&desk);
    assert_eq!(
        ((provider, model, effort), tools.as_str()),
        (masked, "read_file mcp__docs__find mcp__docs__get")
    );
    assert_eq!(told(&desk), ["<mode> Only think"]);
    desk.model([message("so")]);
    switch(&mut desk, to(Mode::Code));
    desk.says("go");
    assert_eq!(asked(&desk), usual);
}

#[test]
fn a_manner_of_speaking_is_told_once_and_can_be_taken_back() {
    let mut desk = Desk::new(settings(Mode::Code));
    for name in ["friendly", "friendly", "like a pirate", "none", "pragmatic", ""] {
        let overrides = TurnOverrides { personality: Some(name.into()), ..TurnOverrides::default() };
        switch(&mut desk, overrides);
        turn(&mut desk);
    }
    assert_eq!(
        told(&desk),
        [
            "<personality> Speak warmly and plainly",
            "<personality> Speak in this manner",
            "<personality> Speak as you usually do",
            "<personality> Speak briefly and to the point",
            "<personality> Speak as you usually do",
        ]
    );
}

#[test]
fn a_call_keeps_to_the_mode_of_its_step() {
    let mut desk = Desk::new(settings(Mode::Code));
    desk.says("go");
    desk.model([call("apply_patch", "{}")]);
    switch(&mut desk, to(Mode::Plan));
    desk.answer(is_prepare, ready(preparation("apply_patch", "a")));
    assert_eq!(desk.request().call.name, "apply_patch", "it was asked for before");
    desk.tool(crate::desk::finished("done"));
    desk.model([call("apply_patch", "{}")]);
    desk.answer(is_prepare, ready(preparation("apply_patch", "a")));
    assert_eq!(desk.outputs()[1].0, OutputStatus::Denied);
}

#[test]
fn a_tool_that_the_mode_does_not_offer_is_refused_all_the_same() {
    let tool = |name: &str| ToolSpec::new(name, "", ToolKind::Function { parameters: serde_json::json!({}) });
    let client = ToolSpec { served_by: ServedBy::Client, ..tool("client") };
    let tools = Shared::new(vec![tool("read_file"), tool("exec_command"), client]);
    let refusals = |mode, mask: Option<Mask>| {
        let masks = mask.into_iter().map(|mask| (mode, mask)).collect();
        let settings = Settings { masks, ..settings(mode) };
        let mut desk = Desk::of(Genesis { settings, tools: tools.clone(), ..Genesis::default() });
        desk.says("go");
        desk.model([call("exec_command", "{}"), call("client", "{}")]);
        assert_eq!(desk.thread.pending().count(), 0, "nobody is asked");
        desk.outputs().into_iter().map(|(_, text)| text).collect::<Vec<_>>()
    };
    let mask = Mask { tools: Some(vec!["read_file".into()]), ..Mask::default() };
    assert_eq!(
        refusals(Mode::Code, Some(mask)),
        [
            "Not run: it is not offered in this mode. Go on without `exec_command`.",
            "Not run: it is not offered in this mode. Go on without `client`.",
        ]
    );
    let mask = Mask { tools: Some(vec!["client".into()]), ..Mask::default() };
    assert_eq!(
        refusals(Mode::Plan, Some(mask)),
        [
            "Not run: it is not offered in this mode. Go on without `exec_command`.",
            "Not run: plan mode is on, and nobody knows whether this would change something. Go on without `client`.",
        ]
    );
}
