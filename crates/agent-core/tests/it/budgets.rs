//! Budgets: what a thread may spend, looked at before each model call and each tool call.

use crate::{
    desk::{Desk, ended, finished, is_prepare, is_tool, ready},
    scenario::{call, message},
};
use agent_core::{
    Answer, ApprovalDecision, ApprovalPolicy, Budget, Completion, Content, EffectKind, Input, ModelAnswer,
    ModelItem, Op, OutputStatus, Price, SandboxPolicy, ServedBy, Settings, TokenUsage, ToolAnswer, ToolKind,
    ToolOutput, ToolSpec, TurnEnd, TurnOverrides, testing::preparation,
};

fn settings(budget: Budget) -> Settings {
    Settings { budget, sandbox: SandboxPolicy::DangerFullAccess, ..Settings::new("/work", "model") }
}

fn spent(message: &str) -> agent_core::EventKind {
    ended(TurnEnd::BudgetSpent { message: message.into() })
}

fn raise(desk: &mut Desk, budget: Budget) {
    let overrides = TurnOverrides { budget: Some(budget), ..TurnOverrides::default() };
    desk.op(Op::OverrideTurnContext { overrides });
}

fn answers(desk: &mut Desk, items: impl IntoIterator<Item = ModelItem>, usage: TokenUsage) {
    let completion = Completion { tokens: Some(usage), ..Completion::default() };
    let answer = ModelAnswer::Completed { items: items.into_iter().collect(), completion };
    desk.answer(|kind| *kind == EffectKind::Model, Answer::Model { answer });
}

fn reads(desk: &mut Desk, tokens: u64) {
    desk.model_counting([call("read_a", &tokens.to_string())], tokens);
    desk.answer(is_prepare, ready(preparation("read_a", "a")));
    desk.tool(finished("so"));
}

#[test]
fn tokens_are_looked_at_before_each_call_of_a_model_or_tool_and_can_be_raised() {
    let mut desk = Desk::new(settings(Budget { tokens: Some(100), ..Budget::default() }));
    desk.says("go");
    reads(&mut desk, 60);
    desk.model_counting([call("read_a", "2")], 60);
    desk.answer(is_prepare, ready(preparation("read_a", "b")));
    assert!(desk.running(is_tool).is_none(), "nor does a call begin");
    assert_eq!(desk.end(), spent("the budget of 100 tokens is spent (120); raise it to go on"));
    desk.says("on");
    assert_eq!(desk.end(), spent("the budget of 100 tokens is spent (120); raise it to go on"));
    raise(&mut desk, Budget { tokens: Some(200), ..Budget::default() });
    desk.says("and now?");
    desk.model_counting([message("done")], 10);
    assert_eq!(desk.end(), ended(TurnEnd::Final { message: Some("done".into()) }));
}

#[test]
fn a_budget_of_nothing_allows_nothing_and_says_so() {
    for (budget, message) in [
        (
            Budget { tokens: Some(0), ..Budget::default() },
            "the budget of 0 tokens is spent (0); raise it to go on",
        ),
        (
            Budget { tool_calls: Some(0), ..Budget::default() },
            "the budget of 0 tool calls is spent (0); raise it to go on",
        ),
        (
            Budget { turn_ms: Some(0), ..Budget::default() },
            "the budget of 0 milliseconds for a turn is spent (0); raise it to go on",
        ),
        (
            Budget { work_ms: Some(0), ..Budget::default() },
            "the budget of 0 milliseconds of work is spent (0); raise it to go on",
        ),
        (
            Budget { cost_microusd: Some(0), ..Budget::default() },
            "the budget of $0.0000 is spent ($0.0000); raise it to go on",
        ),
    ] {
        let mut desk = Desk::new(settings(budget));
        desk.says("go");
        assert_eq!(desk.end(), spent(message));
        assert_eq!(desk.told().last().unwrap(), "user: go", "what was said is kept");
    }
}

#[test]
fn money_counts_what_the_provider_had_in_its_cache_at_its_own_price() {
    let price = Price { input: 3_000_000, cached: 300_000, output: 15_000_000 };
    let budget = Budget { cost_microusd: Some(5_000), ..Budget::default() };
    let mut desk = Desk::new(Settings { price: Some(price), ..settings(budget) });
    desk.says("go");
    let usage = TokenUsage { input: 1_000, cached: 600, output: 100, reasoning: 50 };
    answers(&mut desk, [message("so")], usage);
    // 400 × 3 + 600 × 0.3 + 100 × 15 micro-dollars.
    assert_eq!(desk.thread.cost_microusd(), Some(2_880));
    desk.says("go on");
    answers(&mut desk, [message("so")], usage);
    desk.says("go on");
    assert_eq!(desk.end(), spent("the budget of $0.0050 is spent ($0.0057); raise it to go on"));
    raise(&mut desk, Budget { cost_microusd: Some(10_000), ..Budget::default() });
    desk.says("go on");
    assert!(desk.running(|kind| *kind == EffectKind::Model).is_some());
}

#[test]
fn parts_of_a_micro_dollar_add_up() {
    let price = Price { input: 100, cached: 0, output: 0 };
    let mut desk = Desk::new(Settings { price: Some(price), ..settings(Budget::default()) });
    for _ in 0..3 {
        desk.says("go");
        answers(&mut desk, [message("so")], TokenUsage { input: 4_000, ..TokenUsage::default() });
    }
    assert_eq!(desk.thread.cost_microusd(), Some(2), "1.2 is 2, and not three times 1");
}

#[test]
fn money_cannot_be_kept_to_where_a_price_is_not_known() {
    let mut desk = Desk::new(settings(Budget { cost_microusd: Some(1_000_000), ..Budget::default() }));
    desk.says("go");
    let unknown = "there is a budget of $1.0000, and the price of the model model is not known; give its price, or take the \
                   limit away";
    assert_eq!(desk.end(), spent(unknown));
    let overrides = TurnOverrides { price: Some(Price::default()), ..TurnOverrides::default() };
    desk.op(Op::OverrideTurnContext { overrides });
    desk.says("go");
    assert!(desk.running(|kind| *kind == EffectKind::Model).is_some());
    let mut desk = Desk::new(settings(Budget::default()));
    desk.says("go");
    desk.model_counting([message("so")], 10);
    assert_eq!(desk.thread.cost_microusd(), None, "without a price there is no cost to show");
}

#[test]
fn calls_are_looked_at_before_each_of_them_and_those_left_did_not_run() {
    let mut desk = Desk::new(settings(Budget { tool_calls: Some(2), ..Budget::default() }));
    desk.says("go");
    desk.model(["write_a", "write_b", "write_c"].map(|name| call(name, "{}")));
    for name in ["write_a", "write_b", "write_c"] {
        desk.answer(is_prepare, ready(preparation(name, name)));
    }
    desk.tool(finished("a"));
    desk.tool(finished("b"));
    assert_eq!(desk.end(), spent("the budget of 2 tool calls is spent (2); raise it to go on"));
    let not_run = "The turn was stopped before this call ran. It did not run.";
    assert_eq!(
        desk.outputs(),
        [
            (OutputStatus::Ok, "a".to_owned()),
            (OutputStatus::Ok, "b".to_owned()),
            (OutputStatus::Cancelled, not_run.to_owned()),
        ]
    );
    raise(&mut desk, Budget { tool_calls: Some(3), ..Budget::default() });
    desk.says("go on");
    desk.model([call("write_c", "{}")]);
    desk.answer(is_prepare, ready(preparation("write_c", "c")));
    desk.tool(finished("c"));
    assert_eq!(desk.end(), spent("the budget of 3 tool calls is spent (3); raise it to go on"));
}

#[test]
fn reading_calls_that_run_together_are_counted_one_by_one() {
    let mut desk = Desk::new(settings(Budget { tool_calls: Some(2), ..Budget::default() }));
    desk.says("go");
    let names = ["read_a", "read_b", "read_c"];
    desk.model(names.map(|name| call(name, "{}")));
    for name in names {
        desk.answer(is_prepare, ready(preparation(name, name)));
    }
    // The two that run are stopped with the turn.
    assert_eq!(desk.thread.running().filter(|running| is_tool(&running.effect.kind)).count(), 2);
    assert!(desk.thread.is_ending());
    for _ in 0..2 {
        let output = ToolOutput::text(OutputStatus::Cancelled, "stopped");
        desk.tool(ToolAnswer::Cancelled { output });
    }
    assert_eq!(desk.outputs().len(), 3);
}

#[test]
fn a_call_that_is_let_out_of_the_sandbox_counts_once() {
    let budget = Budget { tool_calls: Some(1), ..Budget::default() };
    let settings = Settings {
        approval: ApprovalPolicy::OnFailure,
        sandbox: SandboxPolicy::WorkspaceWrite { writable_roots: Vec::new(), network: Default::default() },
        ..settings(budget)
    };
    let mut desk = Desk::with_calls(settings, [("make", preparation("make", "a"))]);
    let output = ToolOutput::text(OutputStatus::Failed, "no network");
    desk.tool(ToolAnswer::Finished { output: ToolOutput { denial: Some("no network".into()), ..output } });
    desk.op(Op::ExecApproval { id: desk.question(), decision: ApprovalDecision::Approved });
    desk.tool(finished("made"));
    assert_eq!(desk.outputs(), [(OutputStatus::Ok, "made".to_owned())]);
    assert_eq!(desk.end(), spent("the budget of 1 tool calls is spent (1); raise it to go on"));
}

#[test]
fn a_call_that_was_refused_or_rejected_costs_nothing() {
    let mut desk = Desk::new(settings(Budget { tool_calls: Some(1), ..Budget::default() }));
    desk.says("go");
    desk.model([call("unknown", "{}")]);
    let rejected = agent_core::Prepared::Rejected { message: "there is no such tool".into() };
    desk.answer(is_prepare, Answer::Prepared { prepared: rejected });
    desk.model([call("write", "{}")]);
    desk.answer(is_prepare, ready(preparation("write", "a")));
    assert!(desk.running(is_tool).is_some());
}

#[test]
fn a_tool_of_the_client_counts_as_any_other() {
    let kind = ToolKind::Function { parameters: serde_json::json!({}) };
    let tool = ToolSpec { served_by: ServedBy::Client, ..ToolSpec::new("client", "", kind) };
    let mut desk = Desk::new(settings(Budget { tool_calls: Some(1), ..Budget::default() }));
    let overrides = TurnOverrides { client_tools: Some(vec![tool]), ..TurnOverrides::default() };
    desk.op(Op::OverrideTurnContext { overrides });
    desk.says("go");
    desk.model([call("client", "1"), call("client", "2")]);
    assert_eq!(desk.end(), spent("the budget of 1 tool calls is spent (1); raise it to go on"));
    assert_eq!(desk.outputs().len(), 2);
}

#[test]
fn a_turn_has_its_time_from_its_start() {
    let mut desk = Desk::new(settings(Budget { turn_ms: Some(5_000), ..Budget::default() }));
    desk.says("go");
    desk.now_ms += 4_999;
    reads(&mut desk, 1);
    desk.now_ms += 1;
    desk.model_counting([call("read_a", "2")], 1);
    desk.answer(is_prepare, ready(preparation("read_a", "b")));
    assert_eq!(
        desk.end(),
        spent("the budget of 5000 milliseconds for a turn is spent (5000); raise it to go on")
    );
    desk.says("go on");
    assert!(desk.running(|kind| *kind == EffectKind::Model).is_some(), "the next turn has its own");
}

#[test]
fn work_is_neither_waiting_for_an_answer_nor_the_time_in_which_nobody_served_the_thread() {
    let settings = Settings {
        approval: ApprovalPolicy::Untrusted,
        answer_within: Some(agent_core::AnswerWithin { ms: 900_000, otherwise: Default::default() }),
        ..settings(Budget { work_ms: Some(1_000), ..Budget::default() })
    };
    let mut desk = Desk::new(settings);
    desk.now_ms += 50_000;
    desk.says("go");
    desk.now_ms += 300;
    desk.model([call("write", "{}")]);
    desk.answer(is_prepare, ready(preparation("write", "a")));
    assert_eq!(desk.thread.work_ms(), 300, "before the turn nothing was worked at");
    desk.now_ms += 600_000;
    desk.op(Op::ExecApproval { id: desk.question(), decision: ApprovalDecision::Approved });
    assert_eq!(desk.thread.work_ms(), 300, "the user thought about it");
    desk.now_ms += 200;
    desk.tool(finished("written"));
    assert_eq!(desk.thread.work_ms(), 500);
    desk.now_ms += 86_400_000;
    desk.crash(ToolAnswer::NotStarted);
    assert_eq!(desk.thread.work_ms(), 500, "nobody was there");
    desk.now_ms += 500;
    desk.model([call("write", "{}")]);
    desk.answer(is_prepare, ready(preparation("write", "b")));
    desk.op(Op::ExecApproval { id: desk.question(), decision: ApprovalDecision::Approved });
    assert_eq!(
        desk.end(),
        spent("the budget of 1000 milliseconds of work is spent (1000); raise it to go on")
    );
    let record = desk.thread.next_record(desk.now_ms + 5_000, Input::Resumed);
    desk.thread.apply(&record).unwrap();
    assert_eq!(desk.thread.work_ms(), 1_000);
}

#[test]
fn a_summary_is_a_model_call_like_any_other() {
    let budget = Budget { tokens: Some(850), ..Budget::default() };
    let mut desk = Desk::new(Settings { context_window: Some(1_000), ..settings(budget) });
    desk.says("first");
    desk.model_counting([message("one")], 850);
    desk.says("second");
    assert_eq!(desk.end(), spent("the budget of 850 tokens is spent (850); raise it to go on"));
    desk.op(Op::Compact);
    assert_eq!(desk.thread.turns(), 3);
    assert_eq!(desk.end(), spent("the budget of 850 tokens is spent (850); raise it to go on"));
}

#[test]
fn a_budget_for_one_turn_ends_with_it() {
    let mut desk = Desk::new(settings(Budget { tokens: Some(10), ..Budget::default() }));
    let overrides = TurnOverrides {
        budget: Some(Budget { tokens: Some(1_000), ..Budget::default() }),
        ..TurnOverrides::default()
    };
    desk.op(Op::UserTurn { items: vec![Content::text("go")], overrides, output_schema: None });
    reads(&mut desk, 100);
    desk.model_counting([message("done")], 10);
    assert_eq!(desk.end(), ended(TurnEnd::Final { message: Some("done".into()) }));
    desk.says("go on");
    assert_eq!(desk.end(), spent("the budget of 10 tokens is spent (110); raise it to go on"));
}
