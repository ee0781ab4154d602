//! Generators: any op, any answer of any effect, any fault, chosen from what is possible in the state at hand.

use agent_core::{
    Access, Answer, AnswerWithin, ApprovalDecision, ApprovalPolicy, Class, ClientToolResult, Collected,
    Completion, Containment, Content, EffectKind, Elicitation, ElicitationAction, ElicitationReply, Input,
    InteractionId, ModelAnswer, ModelError, ModelErrorKind, ModelItem, Op, OpId, Otherwise, OutputStatus,
    Payload, Preparation, Prepared, Question, Repeat, Running, SandboxPolicy, ServedBy, Shared, Subject,
    Submission, Thread, TokenUsage, ToolAnswer, ToolKind, ToolOutput, ToolSpec, TurnOverrides, Verdict,
    testing::preparation,
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
        choices.push((12, answers));
        let crash = proptest::collection::vec(evidence(), count)
            .prop_map(|evidence| Happening::Crash { evidence })
            .boxed();
        return prop_oneof![24 => timed(proptest::strategy::Union::new_weighted(choices).boxed()), 1 => crash].boxed();
    }
    if thread.is_closed() {
        choices.push((6, Just(Input::Resumed).boxed()));
    }
    timed(proptest::strategy::Union::new_weighted(choices).boxed())
}

fn timed(input: BoxedStrategy<Input>) -> BoxedStrategy<Happening> {
    (0..2_000_u64, input)
        .prop_map(|(after_ms, input)| Happening::Input { after_ms, input: Box::new(input) })
        .boxed()
}

fn submission(thread: &Thread, ops: u64) -> BoxedStrategy<Input> {
    let pending: Vec<InteractionId> = thread.pending().cloned().collect();
    let fresh = ops + 1;
    // Now and then an id that was used before.
    let id = prop_oneof![9 => Just(fresh), 1 => 1..=fresh];
    let expected =
        prop_oneof![12 => Just(None), 1 => (0..4_u32).prop_map(|turn| Some(agent_core::TurnId(turn)))];
    (id, op(pending), expected)
        .prop_map(|(id, op, expected_turn)| {
            let id = OpId::new(format!("op-{id}"));
            Input::Submitted(Box::new(Submission { expected_turn, ..Submission::new(id, "tester", op) }))
        })
        .boxed()
}

fn op(pending: Vec<InteractionId>) -> BoxedStrategy<Op> {
    let says = || "[a-z]{1,8}".prop_map(|text| vec![Content::text(text)]);
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
        (1, Just(Op::Compact).boxed()),
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

fn overrides() -> BoxedStrategy<TurnOverrides> {
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

fn answer(running: &Running) -> BoxedStrategy<Answer> {
    prop_oneof![60 => served(running), 1 => Just(Answer::NotServed)].boxed()
}

fn served(running: &Running) -> BoxedStrategy<Answer> {
    let stopped = running.cancelling;
    match &running.effect.kind {
        EffectKind::Model => model_answer(stopped).prop_map(|answer| Answer::Model { answer }).boxed(),
        EffectKind::Prepare { .. } => prepared(stopped),
        EffectKind::Tool { .. } => tool_answer(stopped).prop_map(|answer| Answer::Tool { answer }).boxed(),
        EffectKind::UserCommand { .. } => {
            user_command_answer(stopped).prop_map(|answer| Answer::Tool { answer }).boxed()
        }
        EffectKind::Collect => collected(stopped),
        EffectKind::Timer { .. } if stopped => Just(Answer::Cancelled).boxed(),
        EffectKind::Timer { .. } => Just(Answer::Due).boxed(),
        _ => Just(Answer::NotServed).boxed(),
    }
}

fn collected(stopped: bool) -> BoxedStrategy<Answer> {
    let tools = proptest::option::weighted(
        0.5,
        Just(Shared::new(vec![ToolSpec { served_by: ServedBy::Host, ..client_tool("mcp__server__tool") }])),
    );
    let collected = tools.prop_map(|tools| Collected {
        digest: if tools.is_some() { "new".into() } else { String::new() },
        warnings: if tools.is_some() { vec!["a server is not there".into()] } else { Vec::new() },
        tools,
        skills: Vec::new(),
    });
    let answered = collected.prop_map(|collected| Answer::Collected { collected });
    if stopped { prop_oneof![2 => Just(Answer::Cancelled), 1 => answered].boxed() } else { answered.boxed() }
}

fn model_answer(stopped: bool) -> BoxedStrategy<ModelAnswer> {
    let call = (proptest::sample::select(vec!["read_a", "read_b", "write", "client"]), 0..3_u8).prop_map(
        |(name, argument)| ModelItem::Call {
            name: name.into(),
            payload: Payload::Function { arguments: format!("{{\"n\":{argument}}}") },
        },
    );
    let item = prop_oneof![
        2 => "[a-z]{0,6}".prop_map(|text| ModelItem::Message { text }),
        1 => Just(ModelItem::Reasoning { provider_id: None, summary: vec!["hm".into()], text: None, encrypted: None }),
        1 => Just(ModelItem::WebSearch { query: "ferns".into(), sealed: Some("{}".into()) }),
        5 => call,
    ];
    let tokens = (0..50_u64, 0..20_u64).prop_map(|(input, output)| TokenUsage {
        input,
        output,
        cached: 0,
        reasoning: 0,
    });
    // Now and then the very same calls, so that repeats come up.
    let same =
        ModelItem::Call { name: "read_a".into(), payload: Payload::Function { arguments: "{}".into() } };
    let only_words = Just(vec![ModelItem::Message { text: "{}".into() }]);
    let items =
        prop_oneof![5 => proptest::collection::vec(item, 0..6), 2 => Just(vec![same]), 2 => only_words];
    let misfit = proptest::option::weighted(0.6, Just("it does not fit".to_owned()));
    let completed =
        (items, proptest::option::weighted(0.9, tokens), misfit).prop_map(|(items, tokens, misfit)| {
            let completion = Completion { tokens, misfit, ..Completion::default() };
            ModelAnswer::Completed { items, completion }
        });
    let kind = proptest::sample::select(vec![
        ModelErrorKind::Stream,
        ModelErrorKind::Stream,
        ModelErrorKind::Stream,
        ModelErrorKind::Unavailable,
        ModelErrorKind::Auth,
        ModelErrorKind::ContextWindowExceeded,
    ]);
    let failed = kind.prop_map(|kind| ModelAnswer::Failed { error: ModelError::new(kind, "it failed") });
    if stopped {
        let cancelled = "[a-z]{0,4}".prop_map(|partial| ModelAnswer::Cancelled { partial, index: 0 });
        return prop_oneof![4 => cancelled, 1 => completed, 1 => failed].boxed();
    }
    prop_oneof![8 => completed, 2 => failed].boxed()
}

fn prepared(stopped: bool) -> BoxedStrategy<Answer> {
    let ready = (
        proptest::bool::weighted(0.6),
        proptest::sample::select(vec![Class::Safe, Class::Ordinary, Class::Dangerous]),
        proptest::sample::select(vec![
            Containment::Contained,
            Containment::Contained,
            Containment::Contained,
            Containment::Uncontained { reason: "no sandbox".into() },
            Containment::Escapes { reason: "outside".into() },
        ]),
        prop_oneof![
            8 => Just(Verdict::Silent),
            1 => Just(Verdict::Forbid { reason: "rule".into() }),
            1 => Just(Verdict::Ask { reason: "rule".into() }),
            1 => Just(Verdict::Allow { rule: "a rule".into() }),
        ],
        0..4_u8,
        (proptest::bool::weighted(0.2), proptest::option::weighted(0.1, Just("why".to_owned())), 0..8_u8),
    )
        .prop_map(|(reads, class, containment, verdict, digest, (repeats, justification, about))| {
            let name = if reads { "read" } else { "write" };
            let base = preparation(name, format!("{name}-{digest}"));
            let repeat = if reads || repeats { Repeat::Safe } else { Repeat::Never };
            let subject = match about {
                0..3 => Subject::Patch { changes: Vec::new() },
                3 => Subject::Questions { questions: vec![question()], wait_ms: None },
                4 => Subject::Mcp { server: "server".into(), tool: "tool".into(), arguments: "{}".into() },
                _ => base.subject.clone(),
            };
            Prepared::Ready(Box::new(Preparation {
                class,
                containment,
                verdict,
                repeat,
                justification,
                subject,
                ..base
            }))
        });
    let rejected = Just(Prepared::Rejected { message: "no such tool".into() });
    let answered = prop_oneof![9 => ready, 1 => rejected].prop_map(|prepared| Answer::Prepared { prepared });
    if stopped { prop_oneof![3 => Just(Answer::Cancelled), 1 => answered].boxed() } else { answered.boxed() }
}

fn question() -> Question {
    Question {
        id: "q".into(),
        header: String::new(),
        question: "shall I?".into(),
        options: Vec::new(),
        default: Some("no".into()),
    }
}

fn output(status: OutputStatus) -> ToolOutput {
    ToolOutput::text(status, "output")
}

fn tool_answer(stopped: bool) -> BoxedStrategy<ToolAnswer> {
    let elicitation = Elicitation {
        server: "server".into(),
        message: "which?".into(),
        schema: serde_json::Value::Null,
        url: None,
    };
    let asks = Just(ToolAnswer::Asks { elicitation });
    if stopped {
        return prop_oneof![8 => user_command_answer(stopped), 1 => asks].boxed();
    }
    prop_oneof![15 => user_command_answer(stopped), 2 => asks].boxed()
}

fn user_command_answer(stopped: bool) -> BoxedStrategy<ToolAnswer> {
    let finished = proptest::sample::select(vec![OutputStatus::Ok, OutputStatus::Ok, OutputStatus::Failed])
        .prop_map(|status| {
            let denial = (status == OutputStatus::Failed).then(|| "it may not write there".to_owned());
            ToolAnswer::Finished { output: ToolOutput { denial, ..output(status) } }
        });
    let unknown = Just(ToolAnswer::Unknown { note: "worker lost".into() });
    if stopped {
        let cancelled = Just(ToolAnswer::Cancelled { output: output(OutputStatus::Cancelled) });
        return prop_oneof![4 => cancelled, 2 => finished, 1 => unknown, 1 => Just(ToolAnswer::NotStarted)]
            .boxed();
    }
    let fatal = Just(ToolAnswer::Fatal { message: "the harness is broken".into() });
    prop_oneof![14 => finished, 1 => unknown, 1 => Just(ToolAnswer::NotStarted), 1 => fatal].boxed()
}

fn evidence() -> BoxedStrategy<Option<ToolAnswer>> {
    prop_oneof![
        2 => Just(None),
        2 => Just(Some(ToolAnswer::NotStarted)),
        2 => Just(Some(ToolAnswer::Unknown { note: "killed".into() })),
        1 => Just(Some(ToolAnswer::Finished { output: output(OutputStatus::Ok) })),
        1 => Just(Some(ToolAnswer::Cancelled { output: output(OutputStatus::Cancelled) })),
        1 => Just(Some(ToolAnswer::Fatal { message: "the ledger is broken".into() })),
    ]
    .boxed()
}

/// Whether a preparation mutates, for the checks.
pub(crate) fn mutates(thread: &Thread, running: &Running) -> Option<bool> {
    thread.tool_request(&running.effect).map(|request| request.preparation.access == Access::Mutating)
}
