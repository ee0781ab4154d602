//! Generators: any op, any answer of any effect, any fault, chosen from what is possible in the state at hand.

use crate::answers::{answer, evidence};
use agent_core::{
    Access, AnswerWithin, ApprovalDecision, ApprovalPolicy, Budget, ClientToolResult, CompactAt, Content,
    ElicitationAction, ElicitationReply, Input, InteractionId, Mode, Op, OpId, Otherwise, Price,
    ReviewRequest, RollbackFiles, Running, SandboxPolicy, ServedBy, Submission, Thread, ToolAnswer, ToolKind,
    ToolSpec, TurnOverrides,
};
use proptest::prelude::*;

/// One thing that happens to a thread.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    /// An input, some milliseconds after the last.
    Input { after_ms: u64, input: Box<Input> },
    /// The process dies: everything in flight is lost, with this evidence for each.
    Crash { evidence: Vec<Option<ToolAnswer>> },
}

/// Whatever can happen to this thread next. `ops` counts the ops so far, for fresh ids.
pub(crate) fn happening(thread: &Thread, ops: u64) -> BoxedStrategy<Happening> {
    let mut choices = vec![(3, submission(thread, ops))];
    let running: Vec<Running> = thread.running().cloned().collect();
    if !running.is_empty() {
        let count = running.len();
        let answers = proptest::sample::select(running)
            .prop_flat_map(|running| {
                let (effect, attempt) = (running.effect.id, running.effect.attempt);
                answer(&running).prop_map(move |answer| Input::Answered { effect, attempt, answer })
            })
            .boxed();
        choices.push((16, answers));
        let crash = proptest::collection::vec(evidence(), count)
            .prop_map(|evidence| Happening::Crash { evidence })
            .boxed();
        return prop_oneof![24 => timed(proptest::strategy::Union::new_weighted(choices).boxed()), 1 => crash].boxed();
    }
    if thread.is_closed() {
        choices.push((6, Just(Input::Resumed).boxed()));
    } else if thread.is_at_rest() {
        let moved = Input::Moved { from: "here".into(), to: "there".into() };
        choices[0].0 = 12;
        choices.push((1, Just(moved).boxed()));
        choices.push((3, submission_of(undoing(), thread, ops)));
    }
    timed(proptest::strategy::Union::new_weighted(choices).boxed())
}

fn timed(input: BoxedStrategy<Input>) -> BoxedStrategy<Happening> {
    (0..2_000_u64, input)
        .prop_map(|(after_ms, input)| Happening::Input { after_ms, input: Box::new(input) })
        .boxed()
}

fn submission(thread: &Thread, ops: u64) -> BoxedStrategy<Input> {
    submission_of(op(thread.pending().cloned().collect()), thread, ops)
}

fn submission_of(op: BoxedStrategy<Op>, thread: &Thread, ops: u64) -> BoxedStrategy<Input> {
    let turns = thread.turns();
    let fresh = ops + 1;
    // Now and then an id that was used before.
    let id = prop_oneof![9 => Just(fresh), 1 => 1..=fresh];
    let expected =
        prop_oneof![12 => Just(None), 1 => (0..turns + 3).prop_map(|turn| Some(agent_core::TurnId(turn)))];
    (id, op, expected)
        .prop_map(|(id, op, expected_turn)| {
            let id = OpId::new(format!("op-{id}"));
            Input::Submitted(Box::new(Submission { expected_turn, ..Submission::new(id, "tester", op) }))
        })
        .boxed()
}

fn op(pending: Vec<InteractionId>) -> BoxedStrategy<Op> {
    let skill = proptest::option::weighted(0.1, Just(Content::Skill { name: "skill".into() }));
    let says = || {
        let text = prop_oneof![6 => "[a-z]{1,8}", 1 => "[a-z]{400,800}"];
        (text, skill.clone())
            .prop_map(|(text, skill)| [Content::text(text)].into_iter().chain(skill).collect::<Vec<_>>())
    };
    let decision = prop_oneof![
        4 => Just(ApprovalDecision::Approved),
        2 => Just(ApprovalDecision::ApprovedForSession),
        2 => Just(ApprovalDecision::Denied),
        1 => Just(ApprovalDecision::Abort),
        1 => Just(ApprovalDecision::ApprovedWithAmendment { rule: "allow".into() }),
    ];
    let mut choices: Vec<(u32, BoxedStrategy<Op>)> = vec![
        (
            6,
            (says(), overrides())
                .prop_map(|(items, overrides)| Op::UserTurn { items, overrides, output_schema: None })
                .boxed(),
        ),
        (4, says().prop_map(|items| Op::UserInput { items }).boxed()),
        (2, Just(Op::Interrupt).boxed()),
        (2, overrides().prop_map(|overrides| Op::OverrideTurnContext { overrides }).boxed()),
        (1, Just(Op::SetThreadName { name: "a name".into() }).boxed()),
        (1, any::<bool>().prop_map(|now| Op::Shutdown { now }).boxed()),
        (1, Just(Op::RunUserShellCommand { command: "ls".into() }).boxed()),
        (2, Just(Op::Compact).boxed()),
        (2, review()),
        (1, undoing()),
        (1, Just(Op::UserInput { items: vec![Content::text(" ")] }).boxed()),
        (
            1,
            decision
                .clone()
                .prop_map(|decision| Op::ExecApproval { id: InteractionId::new("nobody-asked"), decision })
                .boxed(),
        ),
    ];
    if !pending.is_empty() {
        // The wrong op for a question is refused.
        let answer =
            (proptest::sample::select(pending), decision, 0..5_u8).prop_map(|(id, decision, kind)| {
                let action = ElicitationAction::Accept;
                match kind {
                    0 => Op::PatchApproval { id, decision },
                    1 => Op::ExecApproval { id, decision },
                    2 => Op::UserInputAnswer { id, answers: [("q".into(), vec!["yes".into()])].into() },
                    3 => Op::ResolveElicitation {
                        id,
                        response: ElicitationReply { action, content: serde_json::json!({ "n": 1 }) },
                    },
                    _ => Op::DynamicToolResponse {
                        id,
                        response: ClientToolResult { success: true, content: vec![Content::text("ran")] },
                    },
                }
            });
        choices.push((40, answer.boxed()));
    }
    proptest::strategy::Union::new_weighted(choices).boxed()
}

fn review() -> BoxedStrategy<Op> {
    let custom = |text: &str| ReviewRequest::Custom { instructions: text.into() };
    prop_oneof![
        6 => Just(ReviewRequest::Uncommitted),
        1 => Just(custom("look at the tests")),
        1 => Just(custom(" ")),
    ]
    .prop_map(|request| Op::Review { request })
    .boxed()
}

fn undoing() -> BoxedStrategy<Op> {
    let files =
        proptest::sample::select(vec![RollbackFiles::Restore, RollbackFiles::Keep, RollbackFiles::Only]);
    let rollback = (0..4_u32, files).prop_map(|(turns, files)| Op::Rollback { turns, files });
    prop_oneof![1 => Just(Op::Undo), 3 => rollback].boxed()
}

/// What has to do with how long a thread lives.
fn long_lived() -> BoxedStrategy<TurnOverrides> {
    let mode = proptest::sample::select(vec![Mode::Plan, Mode::Code, Mode::Pair, Mode::Execute]);
    let manner = proptest::sample::select(vec!["friendly".to_owned(), String::new()]);
    let budget = (
        proptest::option::weighted(0.2, 100..2_000_u64),
        proptest::option::weighted(0.2, 0..30_u64),
        proptest::option::weighted(0.1, 0..9_000_u64),
    )
        .prop_map(|(tokens, tool_calls, cost_microusd)| Budget {
            tokens,
            tool_calls,
            cost_microusd,
            ..Budget::default()
        });
    let compact_at = prop_oneof![
        2 => Just(CompactAt::Percent(80)),
        1 => (120..400_u64).prop_map(CompactAt::Tokens),
        1 => Just(CompactAt::Never),
        1 => Just(CompactAt::Percent(101)),
    ];
    let another = (proptest::sample::select(vec!["model", "small"]), 150..600_u64);
    (
        proptest::option::weighted(0.2, mode),
        proptest::option::weighted(0.2, manner),
        proptest::option::weighted(0.15, budget),
        proptest::option::weighted(0.2, compact_at),
        proptest::option::weighted(0.2, another),
    )
        .prop_map(|(mode, personality, budget, compact_at, another)| TurnOverrides {
            mode,
            personality,
            budget,
            compact_at,
            model: another.map(|(model, _)| model.to_owned()),
            context_window: another.map(|(_, window)| window),
            price: another.map(|_| Price { input: 2_000_000, cached: 200_000, output: 8_000_000 }),
            ..TurnOverrides::default()
        })
        .boxed()
}

fn overrides() -> BoxedStrategy<TurnOverrides> {
    (policies(), long_lived())
        .prop_map(|(policies, long_lived)| TurnOverrides {
            approval: policies.approval,
            sandbox: policies.sandbox,
            cwd: policies.cwd,
            answer_within: policies.answer_within,
            client_tools: policies.client_tools,
            ..long_lived
        })
        .boxed()
}

fn policies() -> BoxedStrategy<TurnOverrides> {
    let approval = proptest::option::weighted(
        0.2,
        proptest::sample::select(vec![
            ApprovalPolicy::Untrusted,
            ApprovalPolicy::OnRequest,
            ApprovalPolicy::Never,
            ApprovalPolicy::OnFailure,
        ]),
    );
    let cwd = proptest::option::weighted(0.2, Just("/elsewhere".to_owned()));
    let sandbox = proptest::option::weighted(
        0.2,
        proptest::sample::select(vec![SandboxPolicy::ReadOnly, SandboxPolicy::DangerFullAccess]),
    );
    let otherwise = proptest::sample::select(vec![Otherwise::Deny, Otherwise::Deny, Otherwise::Abort]);
    let answer_within = otherwise.prop_map(|otherwise| AnswerWithin { ms: 1_000, otherwise });
    let client_tools = proptest::sample::select(vec![vec![client_tool("client")], Vec::new()]);
    (
        approval,
        sandbox,
        cwd,
        proptest::option::weighted(0.3, answer_within),
        proptest::option::weighted(0.3, client_tools),
    )
        .prop_map(|(approval, sandbox, cwd, answer_within, client_tools)| TurnOverrides {
            approval,
            sandbox,
            cwd,
            answer_within,
            client_tools,
            ..TurnOverrides::default()
        })
        .boxed()
}

pub(crate) fn client_tool(name: &str) -> ToolSpec {
    let kind = ToolKind::Function { parameters: serde_json::json!({ "type": "object" }) };
    ToolSpec { served_by: ServedBy::Client, ..ToolSpec::new(name, "a tool of the client", kind) }
}

/// Whether a preparation mutates, for the checks.
pub(crate) fn mutates(thread: &Thread, running: &Running) -> Option<bool> {
    thread.tool_request(&running.effect).map(|request| request.preparation.access == Access::Mutating)
}
