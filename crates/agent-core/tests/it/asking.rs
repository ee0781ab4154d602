//! Questions of every kind: asked, answered, expired, withdrawn, and what a crash leaves of them.

use crate::{
    desk::{Desk, finished, is_timer, is_tool},
    driver::run_until_idle,
};
use agent_core::{
    Answer, AnswerWithin, ApprovalDecision, ApprovalPolicy, CallDecision, CallId, Class, ClientToolResult,
    Containment, Content, Elicitation, ElicitationAction, ElicitationReply, Entropy, EventKind, Exit,
    Genesis, Grant, Input, InteractionOutcome, Op, Otherwise, OutputStatus, Ports, Preparation, Question,
    Refusal, Ruling, SandboxPolicy, ServedBy, Settings, Shared, StartUp, Subject, ToolAnswer, ToolKind,
    ToolOutput, ToolSpec, TurnOverrides, Verdict,
    testing::{FakeInbox, FakeModel, World, preparation, response},
};
use serde_json::{Value, json};

fn settings(approval: ApprovalPolicy) -> Settings {
    Settings { approval, ..Settings::new("/work", "model") }
}

fn held(class: Class) -> Preparation {
    Preparation { class, containment: Containment::Contained, ..preparation("write", "digest") }
}

fn questions() -> Preparation {
    let question = |id: &str, default: Option<&str>| Question {
        id: id.into(),
        header: String::new(),
        question: format!("{id}?"),
        options: Vec::new(),
        default: default.map(str::to_owned),
    };
    let questions = vec![question("which", Some("this")), question("why", None)];
    Preparation::reading(Subject::Questions { questions, wait_ms: None }, 0)
}

fn elicitation() -> Elicitation {
    Elicitation {
        server: "srv".into(),
        message: "name?".into(),
        schema: json!({ "type": "object" }),
        url: None,
    }
}

fn decisions(desk: &Desk) -> Vec<CallDecision> {
    let decided = desk.events.iter().filter_map(|kind| match kind {
        EventKind::CallDecided(decision) => Some(decision.clone()),
        _ => None,
    });
    decided.collect()
}

fn outcomes(desk: &Desk) -> Vec<InteractionOutcome> {
    let settled = desk.events.iter().filter_map(|kind| match kind {
        EventKind::InteractionResolved { outcome, .. } => Some(outcome.clone()),
        _ => None,
    });
    settled.collect()
}

fn approve(desk: &mut Desk, decision: ApprovalDecision) {
    desk.op(Op::ExecApproval { id: desk.question(), decision });
}

#[test]
fn the_agents_questions_are_a_call_that_never_runs() {
    let mut desk = Desk::with_calls(settings(ApprovalPolicy::Never), [("request_user_input", questions())]);
    assert!(desk.running(is_tool).is_none());
    let answers = [("which".to_owned(), vec!["that".to_owned()])].into();
    desk.op(Op::UserInputAnswer { id: desk.question(), answers });
    assert_eq!(desk.outputs(), [(OutputStatus::Ok, r#"{"answers":{"which":["that"]}}"#.into())]);
}

#[test]
fn a_question_that_nobody_answers_in_time_gets_its_default() {
    let answer_within = Some(AnswerWithin { ms: 5_000, otherwise: Otherwise::Deny });
    let settings = Settings { answer_within, ..settings(ApprovalPolicy::OnRequest) };
    let mut desk = Desk::with_calls(settings, [("request_user_input", questions())]);
    let asked = desk.events.iter().find_map(|kind| match kind {
        EventKind::RequestUserInput { deadline_ms, .. } => *deadline_ms,
        _ => None,
    });
    assert_eq!(asked, Some(6_000));
    desk.answer(is_timer, Answer::Due);
    let told = "{\"answers\":{\"which\":[\"this\"]}}\nNobody answered in time; these are the defaults.";
    assert_eq!(desk.outputs(), [(OutputStatus::Ok, told.into())]);
    assert_eq!(outcomes(&desk), [InteractionOutcome::Expired]);
}

#[test]
fn an_answer_in_time_takes_the_deadline_back() {
    let answer_within = Some(AnswerWithin { ms: 5_000, otherwise: Otherwise::Abort });
    let settings = Settings { answer_within, ..settings(ApprovalPolicy::Untrusted) };
    let mut desk = Desk::with_calls(settings, [("write", held(Class::Ordinary))]);
    assert!(desk.running(is_timer).is_some());
    approve(&mut desk, ApprovalDecision::Approved);
    assert!(desk.running(is_timer).is_none());
    assert!(desk.running(is_tool).is_some());
}

#[test]
fn an_approval_that_expires_is_denied_and_may_stop_the_turn() {
    for (otherwise, stops) in [(Otherwise::Deny, false), (Otherwise::Abort, true)] {
        let answer_within = Some(AnswerWithin { ms: 10, otherwise });
        let settings = Settings { answer_within, ..settings(ApprovalPolicy::Untrusted) };
        let mut desk = Desk::with_calls(settings, [("write", held(Class::Ordinary))]);
        desk.crash(ToolAnswer::NotStarted);
        desk.answer(is_timer, Answer::Due);
        assert_eq!(desk.outputs()[0].0, OutputStatus::Denied);
        assert_eq!(desk.thread.current_turn().is_none(), stops);
        assert_eq!(decisions(&desk)[0].by, "deadline");
    }
}

#[test]
fn an_answer_that_comes_too_late_finds_the_default() {
    let answer_within = Some(AnswerWithin { ms: 5_000, otherwise: Otherwise::Deny });
    let settings = Settings { answer_within, ..settings(ApprovalPolicy::Untrusted) };
    let mut desk = Desk::with_calls(settings, [("write", held(Class::Ordinary))]);
    // Nobody served the thread when the time was over.
    desk.now_ms += 5_001;
    approve(&mut desk, ApprovalDecision::Approved);
    assert_eq!(outcomes(&desk), [InteractionOutcome::Expired]);
    assert_eq!(desk.outputs()[0].0, OutputStatus::Denied);
}

#[test]
fn a_server_that_asks_goes_on_as_the_next_attempt_with_the_reply() {
    let subject = Subject::Mcp { server: "srv".into(), tool: "do".into(), arguments: "{}".into() };
    let mutating = Preparation { subject, ..held(Class::Ordinary) };
    let mut desk = Desk::with_calls(settings(ApprovalPolicy::OnRequest), [("mcp__srv__do", mutating)]);
    let first = desk.request();
    desk.tool(ToolAnswer::Asks { elicitation: elicitation() });
    assert!(desk.running(is_tool).is_none());
    let reply = ElicitationReply { action: ElicitationAction::Accept, content: json!({ "name": "x" }) };
    desk.op(Op::ResolveElicitation { id: desk.question(), response: reply.clone() });
    let second = desk.request();
    assert_eq!((second.effect, second.attempt, second.reply), (first.effect, 2, Some(reply)));
    // It may ask again, and ends like any other.
    desk.tool(ToolAnswer::Asks { elicitation: elicitation() });
    let declined = ElicitationReply { action: ElicitationAction::Decline, content: Value::Null };
    desk.op(Op::ResolveElicitation { id: desk.question(), response: declined.clone() });
    assert_eq!((desk.request().attempt, desk.request().reply), (3, Some(declined)));
    desk.tool(finished("done"));
    assert_eq!(desk.outputs(), [(OutputStatus::Ok, "done".into())]);
    let begun = desk.names(0).iter().filter(|name| *name == "item_started").count();
    assert_eq!(begun, 1, "clients see it begin once");
}

#[test]
fn a_turn_that_stops_says_that_its_call_had_begun_to_wait() {
    let mut desk = Desk::with_calls(settings(ApprovalPolicy::OnRequest), [("write", held(Class::Ordinary))]);
    desk.tool(ToolAnswer::Asks { elicitation: elicitation() });
    desk.op(Op::Interrupt);
    let (status, text) = &desk.outputs()[0];
    assert_eq!(*status, OutputStatus::Cancelled);
    assert!(text.contains("had begun"), "{text}");
    assert_eq!(outcomes(&desk), [InteractionOutcome::Withdrawn]);
}

#[test]
fn a_failure_in_the_sandbox_is_put_to_the_user_under_on_failure() {
    let denied = || ToolAnswer::Finished {
        output: ToolOutput {
            denial: Some("no network".into()),
            ..ToolOutput::text(OutputStatus::Failed, "cannot")
        },
    };
    let call = || [("write", held(Class::Ordinary))];
    let mut desk = Desk::with_calls(settings(ApprovalPolicy::OnFailure), call());
    assert_eq!(desk.request().grant, Grant::Sandboxed);
    desk.tool(denied());
    approve(&mut desk, ApprovalDecision::Approved);
    assert_eq!(desk.request().grant, Grant::Unconfined);
    desk.tool(finished("fine"));
    assert_eq!(desk.outputs(), [(OutputStatus::Ok, "fine".into())]);

    let mut desk = Desk::with_calls(settings(ApprovalPolicy::OnFailure), call());
    desk.tool(denied());
    approve(&mut desk, ApprovalDecision::Denied);
    assert_eq!(desk.outputs(), [(OutputStatus::Failed, "cannot".into())]);

    let mut desk = Desk::with_calls(settings(ApprovalPolicy::OnFailure), call());
    desk.tool(denied());
    desk.op(Op::Interrupt);
    assert_eq!(desk.outputs(), [(OutputStatus::Failed, "cannot".into())], "it had run");

    let mut desk = Desk::with_calls(settings(ApprovalPolicy::OnRequest), call());
    desk.tool(denied());
    assert_eq!(desk.outputs(), [(OutputStatus::Failed, "cannot".into())], "other policies do not ask");
}

#[test]
fn what_a_rule_allows_runs_again_outside_without_a_question() {
    let verdict = Verdict::Allow { rule: "r".into() };
    let allowed = Preparation { verdict, ..held(Class::Ordinary) };
    let mut desk = Desk::with_calls(settings(ApprovalPolicy::OnFailure), [("write", allowed)]);
    assert_eq!(desk.request().grant, Grant::Sandboxed);
    let output = ToolOutput::text(OutputStatus::Failed, "cannot");
    desk.tool(ToolAnswer::Finished { output: ToolOutput { denial: Some("no network".into()), ..output } });
    assert_eq!((desk.thread.pending().count(), desk.request().grant), (0, Grant::Unconfined));
}

#[test]
fn a_change_of_policy_lets_go_what_it_allows() {
    let escaping = Preparation {
        containment: Containment::Escapes { reason: "outside".into() },
        ..preparation("write", "other")
    };
    let calls = [("write", held(Class::Ordinary)), ("write", escaping)];
    let mut desk = Desk::with_calls(settings(ApprovalPolicy::Untrusted), calls);
    assert_eq!(desk.thread.pending().count(), 2);
    let approval = Some(ApprovalPolicy::OnRequest);
    desk.op(Op::OverrideTurnContext { overrides: TurnOverrides { approval, ..TurnOverrides::default() } });
    assert_eq!(outcomes(&desk), [InteractionOutcome::Released]);
    assert_eq!(desk.request().grant, Grant::Sandboxed);
    let last = decisions(&desk).pop().unwrap();
    assert_eq!(
        (last.ruling, last.by.as_str(), last.grant),
        (Ruling::Allowed, "tester", Some(Grant::Sandboxed))
    );
    // What leaves the sandbox is still asked about.
    assert_eq!(desk.thread.pending().count(), 1);
    let sandbox = Some(SandboxPolicy::DangerFullAccess);
    desk.op(Op::OverrideTurnContext { overrides: TurnOverrides { sandbox, ..TurnOverrides::default() } });
    assert_eq!(desk.thread.pending().count(), 1, "full access does not answer for what a policy wants asked");
}

#[test]
fn a_rule_travels_with_the_call_it_was_approved_with() {
    let amendment = Some("cargo test".to_owned());
    let call = Preparation { amendment: amendment.clone(), ..held(Class::Dangerous) };
    let mut desk = Desk::with_calls(settings(ApprovalPolicy::OnRequest), [("write", call)]);
    let offered = desk.events.iter().find_map(|kind| match kind {
        EventKind::ExecApprovalRequest(request) => request.amendment.clone(),
        _ => None,
    });
    assert_eq!(offered, amendment);
    let refusal = |desk: &Desk, rule: &str| {
        let decision = ApprovalDecision::ApprovedWithAmendment { rule: rule.into() };
        let op = Op::ExecApproval { id: desk.question(), decision };
        desk.thread.gate().refusal(&crate::scenario::submission("probe", op))
    };
    for other in [" ", "npm install", "cargo tests", "carg"] {
        assert!(matches!(refusal(&desk, other), Some(Refusal::Malformed { .. })), "{other}");
    }
    for rule in ["cargo test", "cargo test --all", "cargo"] {
        assert_eq!(refusal(&desk, rule), None, "{rule}");
    }
    approve(&mut desk, ApprovalDecision::ApprovedWithAmendment { rule: "cargo test".into() });
    assert_eq!(desk.request().amendment, amendment);
    assert_eq!(decisions(&desk)[0].rule, amendment);
}

#[test]
fn a_client_runs_its_own_tools() {
    let parameters = json!({ "type": "object" });
    let own = ToolSpec {
        served_by: ServedBy::Client,
        ..ToolSpec::new("lookup", "looks it up", ToolKind::Function { parameters: parameters.clone() })
    };
    let hosts = ToolSpec::new("lookup", "the host's", ToolKind::Function { parameters });
    let genesis = Genesis {
        settings: settings(ApprovalPolicy::Never),
        tools: Shared::new(vec![own.clone()]),
        ..Genesis::default()
    };
    let mut desk = Desk::of(genesis);
    desk.op(Op::UserInput { items: vec![Content::text("look it up")] });
    desk.model([crate::scenario::call("lookup", r#"{"key":1}"#)]);
    let asked = desk.events.iter().find_map(|kind| match kind {
        EventKind::DynamicToolCallRequest { tool, arguments, .. } => Some((tool.clone(), arguments.clone())),
        _ => None,
    });
    assert_eq!(asked, Some(("lookup".into(), r#"{"key":1}"#.into())));
    let response = ClientToolResult { success: false, content: vec![Content::text("gone")] };
    desk.op(Op::DynamicToolResponse { id: desk.question(), response });
    assert_eq!(desk.outputs(), [(OutputStatus::Failed, "gone".into())]);
    desk.model([]);

    // A tool of the host goes before one of the client that has its name; one that is taken back is not offered.
    let tools = vec![hosts];
    let mut desk = Desk::of(Genesis { tools: Shared::new(tools), ..Genesis::default() });
    let declare = |tools| Op::OverrideTurnContext {
        overrides: TurnOverrides { client_tools: Some(tools), ..TurnOverrides::default() },
    };
    let offered = |desk: &Desk| {
        desk.events.iter().rev().find_map(|kind| match kind {
            EventKind::ToolsChanged { tools } => Some(tools.clone()),
            _ => None,
        })
    };
    desk.op(declare(vec![own.clone()]));
    assert_eq!(offered(&desk), None);
    desk.op(declare(vec![ToolSpec { name: "other".into(), ..own }]));
    assert_eq!(offered(&desk), Some(vec!["lookup".into(), "other".into()]));
    desk.op(declare(Vec::new()));
    assert_eq!(offered(&desk), Some(vec!["lookup".into()]));
}

#[test]
fn a_question_is_answered_by_the_op_of_its_kind_once() {
    let mut desk = Desk::with_calls(settings(ApprovalPolicy::Never), [("request_user_input", questions())]);
    let id = desk.question();
    let refusal = |desk: &Desk, op| desk.thread.gate().refusal(&crate::scenario::submission("probe", op));
    let wrong = Op::ExecApproval { id: id.clone(), decision: ApprovalDecision::Approved };
    let wanted = "user_input_answer".to_owned();
    assert_eq!(refusal(&desk, wrong), Some(Refusal::WrongInteraction { id: id.clone(), wanted }));
    let answer = Op::UserInputAnswer { id: id.clone(), answers: Default::default() };
    desk.op(answer.clone());
    assert_eq!(refusal(&desk, answer), Some(Refusal::UnknownInteraction { id }));
}

#[test]
fn what_ran_under_older_rules_is_told_as_then() {
    let mut desk = Desk::new(settings(ApprovalPolicy::OnRequest));
    let mut older = desk.thread.clone();
    older.keep_to(2);
    let record = older.next_record(0, Input::Submitted(Box::new(crate::scenario::says("1", "go"))));
    assert_eq!(record.rules, 2);
    desk.thread.apply(&record).unwrap();
    desk.model([crate::scenario::call("write", "{}")]);
    let prepared = agent_core::Prepared::Ready(Box::new(held(Class::Ordinary)));
    desk.answer(|kind| matches!(kind, agent_core::EffectKind::Prepare { .. }), Answer::Prepared { prepared });
    assert_eq!(decisions(&desk), []);
}

#[test]
fn every_decision_is_told() {
    let mut desk = Desk::with_calls(settings(ApprovalPolicy::OnRequest), [("write", held(Class::Ordinary))]);
    desk.tool(finished("ok"));
    let expected = CallDecision {
        call: CallId::new("call_1"),
        ruling: Ruling::Allowed,
        by: "policy".into(),
        asked: None,
        grant: Some(Grant::Sandboxed),
        reason: None,
        rule: None,
    };
    assert_eq!(decisions(&desk), [expected]);
}

/// Time in which nothing comes due.
struct LongTime;

#[async_trait::async_trait]
impl Entropy for LongTime {
    fn now_ms(&self) -> u64 {
        7
    }
    fn id(&self) -> String {
        String::new()
    }
    fn random(&self) -> u64 {
        0
    }
    async fn sleep_until(&self, _due_ms: u64) {
        std::future::pending().await
    }
}

#[test]
fn a_thread_is_handed_over_while_a_question_waits_for_its_deadline() {
    let model = FakeModel::new(|_| response([crate::scenario::call("ask", "1")]));
    let world = World::new(model, FakeInbox::of([crate::scenario::says("1", "go")]));
    let answer_within = Some(AnswerWithin { ms: 9, otherwise: Otherwise::Deny });
    let settings = Settings { answer_within, ..settings(ApprovalPolicy::OnRequest) };
    let genesis = StartUp::New(Box::new(Genesis { settings, ..Genesis::default() }));
    let mut thread = crate::scenario::thread();
    let ports = || Ports { entropy: &LongTime, ..world.ports() };
    assert!(run_until_idle(&mut thread, genesis, ports()).is_none());
    world.inbox.ask_hand_over(true);
    let exit = run_until_idle(&mut thread, StartUp::HandOver, ports());
    assert!(matches!(exit, Some(Ok(Exit::HandOver))), "{exit:?}");
    // The next driver sets the deadline anew: here it is due at once.
    world.inbox.ask_hand_over(false);
    run_until_idle(&mut thread, StartUp::HandOver, world.ports());
    let expired = world.sink.events().into_iter().any(|event| {
        matches!(event.kind, EventKind::InteractionResolved { outcome: InteractionOutcome::Expired, .. })
    });
    assert!(expired);
}
