//! Generators of answers: what any effect can come to.

use crate::generate::client_tool;
use agent_core::{
    Answer, Class, Collected, Completion, Containment, Content, EffectKind, Elicitation, HookNote, HookPatch,
    HookPhase, HookRuling, Hooked, ModelAnswer, ModelError, ModelErrorKind, ModelItem, OutputStatus, Payload,
    Preparation, Prepared, Question, Repeat, RestoreAnswer, Running, ServedBy, Shared, SkillText, Snapshot,
    SnapshotAnswer, Subject, TokenUsage, ToolAnswer, ToolOutput, ToolSpec, Verdict, testing::preparation,
};
use proptest::prelude::*;

/// More than any summary may have, in bytes.
const TOO_LARGE_BYTES: usize = 5_000;

pub(crate) fn answer(running: &Running) -> BoxedStrategy<Answer> {
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
        EffectKind::Compact => summary(stopped).prop_map(|answer| Answer::Model { answer }).boxed(),
        EffectKind::Snapshot { .. } => snapshot(stopped),
        EffectKind::Restore => restored(),
        EffectKind::Hook { phase, .. } => hooked(*phase, stopped),
        _ => Just(Answer::NotServed).boxed(),
    }
}

fn summary(stopped: bool) -> BoxedStrategy<ModelAnswer> {
    let tokens = Some(TokenUsage { input: 40, output: 10, ..TokenUsage::default() });
    let said = move |text: String| {
        let completion = Completion { tokens, ..Completion::default() };
        ModelAnswer::Completed { items: vec![ModelItem::Message { text }], completion }
    };
    let silent = ModelAnswer::Completed { items: Vec::new(), completion: Completion::default() };
    let failed = |kind| Just(ModelAnswer::Failed { error: ModelError::new(kind, "it failed") });
    let good = "[a-z]{3,20}".prop_map(said);
    if stopped {
        let cancelled = Just(ModelAnswer::Cancelled { partial: "a s".into(), index: 0 });
        let overflow = failed(ModelErrorKind::ContextWindowExceeded);
        return prop_oneof![4 => cancelled, 1 => good, 1 => overflow].boxed();
    }
    prop_oneof![
        12 => good,
        2 => Just(silent),
        2 => Just(said("x".repeat(TOO_LARGE_BYTES))),
        4 => failed(ModelErrorKind::ContextWindowExceeded),
        2 => failed(ModelErrorKind::Stream),
        1 => failed(ModelErrorKind::Auth),
    ]
    .boxed()
}

fn snapshot(stopped: bool) -> BoxedStrategy<Answer> {
    let taken = (0..4_u8).prop_map(|id| {
        let notes = if id == 0 { vec!["a huge file is left out".to_owned()] } else { Vec::new() };
        let snapshot = Snapshot { id: format!("snapshot-{id}"), root: "/work".into(), notes };
        SnapshotAnswer::Taken { snapshot }
    });
    let unavailable = Just(SnapshotAnswer::Unavailable { why: "the disk is full".into() });
    let answered = prop_oneof![8 => taken, 1 => unavailable].prop_map(|answer| Answer::Snapshot { answer });
    if stopped { prop_oneof![2 => Just(Answer::Cancelled), 1 => answered].boxed() } else { answered.boxed() }
}

fn restored() -> BoxedStrategy<Answer> {
    let restored = RestoreAnswer::Restored { files: vec!["a.txt".into()], notes: Vec::new() };
    let conflicted = RestoreAnswer::Conflicted { paths: vec!["b.txt".into()] };
    let failed = RestoreAnswer::Failed { message: "the snapshot is gone".into() };
    prop_oneof![6 => Just(restored), 2 => Just(conflicted), 2 => Just(failed)]
        .prop_map(|answer| Answer::Restored { answer })
        .boxed()
}

fn hooked(phase: HookPhase, stopped: bool) -> BoxedStrategy<Answer> {
    let patch = HookPatch {
        prompt: Some("rather this".into()),
        model: Some("another".into()),
        attachments: vec![Content::Mention { name: "a".into(), path: "a".into() }],
        context: Some("mind the gap".into()),
        metadata: [("seen".to_owned(), format!("{phase:?}"))].into(),
    };
    let note = HookNote { hook: "h".into(), message: "it printed garbage".into() };
    let block = HookRuling::Block { reason: "not on a Friday".into() };
    let answered = prop_oneof![
        6 => Just(Hooked::default()),
        2 => Just(Hooked { patch, ..Hooked::default() }),
        1 => Just(Hooked { notes: vec![note], ..Hooked::default() }),
        1 => Just(Hooked { ruling: block, ..Hooked::default() }),
    ]
    .prop_map(|hooked| Answer::Hooked { hooked });
    if stopped { prop_oneof![2 => Just(Answer::Cancelled), 1 => answered].boxed() } else { answered.boxed() }
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
        skills: vec![SkillText { name: "skill".into(), path: "/s/SKILL.md".into(), text: "do so".into() }],
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
        9 => call,
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
    prop_oneof![12 => completed, 2 => failed].boxed()
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

pub(crate) fn evidence() -> BoxedStrategy<Option<ToolAnswer>> {
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
