//! The machine under any sequence of ops, model behaviours and faults.
//!
//! The reference is a thread that only ever applies inputs. The system under test applies the same inputs to a thread
//! that goes through JSON after each of them, as a thread that is snapshotted and recovered all the time.

use crate::{
    generate::{Happening, client_tool, happening, mutates},
    ledger::Ledger,
};
use agent_core::{
    Admission, Answer, ApplyError, Command, Commit, CompactAt, Discovery, EffectKind, EventKind, Genesis,
    HookPhase, Input, Item, Outcome, Settings, Shared, SnapshotMoment, Stored, Thread, ThreadKey,
    TimerPurpose, Undo, check_history, recover,
};
use proptest::{prelude::*, test_runner::Config};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

/// What was generated, over all cases. A vacuous run shows here.
static SEEN: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());

pub(crate) fn saw(what: impl Into<String>) {
    *SEEN.lock().unwrap().entry(what.into()).or_default() += 1;
}

#[derive(Clone, Debug)]
pub(crate) struct Reference {
    thread: Thread,
    ops: u64,
    now_ms: u64,
    /// What the last happening led to.
    steps: Vec<(agent_core::Record, Outcome)>,
}

impl Reference {
    fn feed(&mut self, input: Input) {
        let record = self.thread.next_record(self.now_ms, input);
        let before = self.thread.clone();
        match self.thread.apply(&record) {
            Ok(outcome) => self.steps.push((record, outcome)),
            Err(ApplyError::Refused(_)) => assert_eq!(self.thread, before, "a refused op leaves no trace"),
            Err(error) => panic!("{error}"),
        }
    }
}

struct Machine;

impl ReferenceStateMachine for Machine {
    type State = Reference;
    type Transition = Happening;

    fn init_state() -> BoxedStrategy<Reference> {
        let mut settings = Settings::new("/work", "model");
        settings.stream_retries = 2;
        let budgets =
            (proptest::option::weighted(0.05, 30..300_u64), proptest::option::weighted(0.15, 0..8_u64));
        let discovery = proptest::sample::select(vec![Discovery::Fixed, Discovery::EachTurn]);
        let undo = proptest::sample::select(vec![Undo::Off, Undo::On, Undo::On]);
        let compact_at = prop_oneof![
            1 => Just(CompactAt::Never),
            1 => Just(CompactAt::Percent(80)),
            2 => (120..300_u64).prop_map(CompactAt::Tokens),
        ];
        let hooks = prop_oneof![
            2 => Just(Vec::new()),
            1 => proptest::sample::subsequence(PHASES.to_vec(), 0..=PHASES.len()),
        ];
        (budgets, discovery, undo, compact_at, 150..500_u64, hooks)
            .prop_map(move |((tokens, tool_calls), discovery, undo, compact_at, window, hooks)| {
                let mut settings = settings.clone();
                settings.budget.tokens = tokens;
                settings.budget.tool_calls = tool_calls;
                settings.undo = undo;
                settings.compact_at = compact_at;
                settings.context_window = Some(window);
                settings.hooks = hooks.into_iter().collect();
                let genesis = Genesis {
                    settings,
                    tools: Shared::new(vec![client_tool("client")]),
                    discovery,
                    items: vec![preamble()],
                    durability: "test".into(),
                    ..Genesis::default()
                };
                let mut state = Reference {
                    thread: Thread::new(ThreadKey::for_test("t")),
                    ops: 0,
                    now_ms: 1_000,
                    steps: Vec::new(),
                };
                state.feed(Input::Opened(Box::new(genesis)));
                state
            })
            .boxed()
    }

    fn transitions(state: &Reference) -> BoxedStrategy<Happening> {
        happening(&state.thread, state.ops)
    }

    fn preconditions(state: &Reference, happening: &Happening) -> bool {
        match happening {
            Happening::Crash { evidence } => state.thread.running().count() == evidence.len(),
            Happening::Input { input, .. } => match &**input {
                Input::Answered { effect, attempt, answer } => state.thread.running().any(|running| {
                    running.effect.id == *effect
                        && running.effect.attempt == *attempt
                        && fits(answer, &running.effect.kind, running.cancelling)
                }),
                _ => true,
            },
        }
    }

    fn apply(mut state: Reference, happening: &Happening) -> Reference {
        state.steps.clear();
        match happening {
            Happening::Input { after_ms, input } => {
                state.now_ms += after_ms;
                if let Input::Submitted(_) = **input {
                    state.ops += 1;
                }
                state.feed((**input).clone());
            }
            Happening::Crash { evidence } => {
                let running: Vec<_> = state.thread.running().cloned().collect();
                for (running, evidence) in running.iter().zip(evidence) {
                    if !state.thread.awaits(running.effect.id, running.effect.attempt) {
                        continue;
                    }
                    let tool = matches!(
                        running.effect.kind,
                        EffectKind::Tool { .. } | EffectKind::UserCommand { .. }
                    );
                    state.feed(Input::Lost {
                        effect: running.effect.id,
                        attempt: running.effect.attempt,
                        evidence: evidence.clone().filter(|_| tool),
                    });
                }
            }
        }
        state
    }
}

/// All phases of hooks.
const PHASES: [HookPhase; 7] = [
    HookPhase::SessionStart,
    HookPhase::PreRun,
    HookPhase::PreTurn,
    HookPhase::PreToolUse,
    HookPhase::PostToolUse,
    HookPhase::PostTurn,
    HookPhase::PostRun,
];

/// What the host tells before anybody speaks.
fn preamble() -> Shared<Item> {
    Shared::new(Item::Context { text: "keep to the rules of the house".into() })
}

fn fits(answer: &Answer, kind: &EffectKind, cancelling: bool) -> bool {
    match (answer, kind) {
        (Answer::Model { .. }, EffectKind::Model | EffectKind::Compact)
        | (Answer::Snapshot { .. }, EffectKind::Snapshot { .. })
        | (Answer::Restored { .. }, EffectKind::Restore)
        | (Answer::Hooked { .. }, EffectKind::Hook { .. })
        | (Answer::Tool { .. }, EffectKind::Tool { .. } | EffectKind::UserCommand { .. })
        | (Answer::Collected { .. }, EffectKind::Collect)
        | (Answer::Prepared { .. }, EffectKind::Prepare { .. }) => true,
        (
            Answer::Cancelled,
            EffectKind::Prepare { .. }
            | EffectKind::Collect
            | EffectKind::Timer { .. }
            | EffectKind::Snapshot { .. }
            | EffectKind::Hook { .. },
        ) => cancelling,
        (Answer::Due, EffectKind::Timer { .. }) => !cancelling,
        (Answer::NotServed, _) => true,
        _ => false,
    }
}

struct Checked {
    thread: Thread,
    commits: Vec<Commit>,
    /// The thread after each commit, as JSON.
    snapshots: Vec<String>,
    ledger: Ledger,
    /// The conversation that waits for a review.
    aside: Vec<Shared<Item>>,
}

impl StateMachineTest for Checked {
    type SystemUnderTest = Checked;
    type Reference = Machine;

    fn init_test(reference: &Reference) -> Checked {
        saw("cases");
        let thread = Thread::new(ThreadKey::for_test("t"));
        let mut checked = Checked {
            thread,
            commits: Vec::new(),
            snapshots: Vec::new(),
            ledger: Ledger::default(),
            aside: Vec::new(),
        };
        checked.follow(reference);
        checked
    }

    fn apply(mut checked: Checked, reference: &Reference, happening: Happening) -> Checked {
        saw(describe(&happening));
        checked.refuse_what_was_refused(reference, &happening);
        checked.follow(reference);
        checked
    }

    fn check_invariants(checked: &Checked, reference: &Reference) {
        assert_eq!(checked.thread, reference.thread, "equal inputs, equal state");
        check_history(&checked.thread).unwrap();
        checked.check_running();
        checked.check_turns();
    }

    fn teardown(checked: Checked, _: Reference) {
        checked.check_prefixes();
    }
}

impl Checked {
    /// (2): the recorded inputs lead to the same state, events and effects, byte for byte.
    fn follow(&mut self, reference: &Reference) {
        for (record, expected) in &reference.steps {
            let before = self.thread.clone();
            if let Input::Answered { answer: Answer::Due, .. } = &record.input
                && before.is_ending()
            {
                saw("turn stopped though something did not answer");
            }
            let outcome = self.thread.apply(record).unwrap();
            assert_eq!(bytes(&outcome.events), bytes(&expected.events));
            assert_eq!(bytes(&outcome.commands), bytes(&expected.commands));
            self.check_repeats(&before, record);
            self.check_ending(&before, &outcome);
            self.ledger.read_input(&before, record);
            self.ledger.read(&outcome, record, &before, &self.thread);
            self.ledger.check_gone_back(&outcome, &self.thread);
            self.check_summary(&before, &outcome);
            self.check_review(&before, &outcome);
            self.check_lively();
            let json = serde_json::to_string(&self.thread).unwrap();
            self.thread = serde_json::from_str(&json).unwrap();
            self.commits.push(Commit { record: record.clone(), events: outcome.events });
            self.snapshots.push(json);
        }
    }

    /// (6): a repeated op id changes nothing but the number of inputs.
    fn check_repeats(&self, before: &Thread, record: &agent_core::Record) {
        let Input::Submitted(submission) = &record.input else { return };
        if before.admit(submission) == Admission::Repeated {
            saw("repeated op");
            let (before, after) = (without_input_seq(before), without_input_seq(&self.thread));
            assert_eq!(before, after, "a repeated op id changes nothing");
        }
        let mut again = self.thread.clone();
        let outcome = again.apply(&again.next_record(0, record.input.clone())).unwrap();
        assert_eq!(outcome, Outcome::default());
        assert_eq!(without_input_seq(&again), without_input_seq(&self.thread));
    }

    fn refuse_what_was_refused(&self, reference: &Reference, happening: &Happening) {
        if let Happening::Input { input, .. } = happening
            && let Input::Submitted(submission) = &**input
            && reference.steps.is_empty()
        {
            let Admission::Refused(refusal) = self.thread.admit(submission) else {
                panic!("the reference refused what this thread takes");
            };
            saw(format!("refused: {}", serde_json::to_value(refusal).unwrap()["code"]));
        }
    }

    /// Nothing starts in a turn that is only waiting for what still has to answer.
    fn check_ending(&self, before: &Thread, outcome: &Outcome) {
        if before.is_ending() && self.thread.current_turn() == before.current_turn() {
            let starts = outcome.commands.iter().filter(|command| match command {
                // But for the time by which it must have stopped, which a crash may start again, and what the user runs.
                // What stands at the end of a turn begins there.
                Command::Start(effect) => !matches!(
                    effect.kind,
                    EffectKind::Timer { .. }
                        | EffectKind::UserCommand { .. }
                        | EffectKind::Snapshot { moment: SnapshotMoment::AfterTurn }
                        | EffectKind::Hook { phase: HookPhase::PostTurn | HookPhase::PostRun, .. }
                ),
                Command::Cancel(_) => false,
            });
            assert_eq!(starts.count(), 0, "nothing starts while the turn is being stopped");
        }
    }

    /// A summary keeps what the host told and what the user said last, and changes the epoch.
    fn check_summary(&self, before: &Thread, outcome: &Outcome) {
        let is_summary = |kind: &EventKind| matches!(kind, EventKind::ContextCompacted { .. });
        if !outcome.events.iter().any(|event| is_summary(&event.kind)) {
            return;
        }
        assert!(self.thread.epoch() > before.epoch(), "earlier items have changed");
        assert_eq!(self.thread.items()[0], preamble(), "what the host told is kept");
        if before.is_reviewing() {
            saw("summary in a review");
            return;
        }
        let said = |item: &&Shared<Item>| matches!(&***item, Item::User { .. });
        if let Some(last) = before.items().iter().rfind(said) {
            assert!(self.thread.items().contains(last), "what the user said last is kept");
        }
    }

    /// The thread's own conversation comes back after a review, with what came of it.
    fn check_review(&mut self, before: &Thread, outcome: &Outcome) {
        for event in &outcome.events {
            match &event.kind {
                EventKind::EnteredReviewMode { .. } if before.current_turn().is_none() => {
                    self.aside = before.items().to_vec();
                }
                EventKind::EnteredReviewMode { .. } => self.aside.clear(),
                EventKind::ExitedReviewMode { .. } => {
                    let (own, rest) = self.thread.items().split_at(self.aside.len());
                    assert_eq!(own, self.aside, "the thread's own conversation is as it was");
                    let told = serde_json::to_string(rest).unwrap();
                    assert!(told.contains("<review>"), "what came of the review is told");
                }
                _ => {}
            }
        }
    }

    /// A turn always has something that it waits for, and so has a thread that is not at rest.
    fn check_lively(&self) {
        let is_resting = self.thread.is_at_rest() || self.thread.is_closed();
        assert!(
            is_resting || self.thread.current_turn().is_some() || self.thread.running().next().is_some(),
            "the thread waits for nothing: {:#?}",
            self.thread
        );
        let waits = self.thread.pending().next().is_some()
            || self.thread.running().any(|running| match &running.effect.kind {
                EffectKind::UserCommand { .. } => false,
                EffectKind::Timer { purpose, .. } => !matches!(purpose, TimerPurpose::Deadline(_)),
                _ => true,
            });
        assert!(
            self.thread.current_turn().is_none() || waits,
            "the turn waits for nothing: {:#?}",
            self.thread
        );
    }

    /// A mutating call runs alone.
    fn check_running(&self) {
        let of_turn = |kind: &EffectKind| matches!(kind, EffectKind::Tool { .. });
        let running = self.thread.running().filter(|running| of_turn(&running.effect.kind));
        let tools: Vec<bool> = running.filter_map(|running| mutates(&self.thread, running)).collect();
        if tools.contains(&true) {
            assert_eq!(tools.len(), 1, "a mutating call runs alone");
        }
        if tools.len() > 1 {
            saw("parallel calls");
        }
        if self.thread.pending().count() > 1 {
            saw("several questions wait");
        }
    }

    /// (4): every turn has exactly one terminal event, and one that runs has none.
    fn check_turns(&self) {
        let current = self.thread.current_turn();
        for (turn, count) in &self.ledger.terminals {
            assert_eq!(*count, u32::from(Some(*turn) != current), "terminal events of turn {turn}");
        }
        assert_eq!(self.ledger.terminals.len(), self.thread.turns() as usize);
        if current.is_none() {
            assert_eq!(self.ledger.open_items, BTreeSet::new(), "every item that began has ended");
            let deadlines = self.thread.running().filter(|running| {
                matches!(running.effect.kind, EffectKind::Timer { purpose: TimerPurpose::Deadline(_), .. })
            });
            assert_eq!(deadlines.count(), 0, "no deadline outlives its question");
            let open = self.ledger.questions.values().filter(|answers| **answers == 0).count();
            assert_eq!(open, 0, "no question outlives its turn");
        }
        let waiting = self.ledger.questions.values().filter(|answers| **answers == 0).count();
        assert_eq!(waiting, self.thread.pending().count(), "what waits is what was asked and not settled");
    }

    /// (3): from any prefix, snapshot and rest equal the whole.
    fn check_prefixes(&self) {
        for (at, snapshot) in self.snapshots.iter().enumerate().step_by(8) {
            let stored = Stored {
                snapshot: Some(Box::new(serde_json::from_str(snapshot).unwrap())),
                tail: self.commits[at + 1..].to_vec(),
            };
            assert_eq!(recover(self.thread.key.clone(), stored).unwrap(), self.thread);
        }
        let whole = Stored { snapshot: None, tail: self.commits.clone() };
        assert_eq!(recover(self.thread.key.clone(), whole).unwrap(), self.thread);
    }
}

fn without_input_seq(thread: &Thread) -> serde_json::Value {
    let mut value = serde_json::to_value(thread).unwrap();
    value.as_object_mut().unwrap().remove("input_seq");
    // Time passes with every input.
    value.as_object_mut().unwrap().remove("spent");
    value
}

fn bytes(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap()
}

fn describe(happening: &Happening) -> String {
    match happening {
        Happening::Crash { .. } => "crash".into(),
        Happening::Input { input, .. } => match &**input {
            Input::Submitted(submission) => format!("op {}", submission.op.name()),
            Input::Answered { answer, .. } => {
                format!("answer of {}", serde_json::to_value(answer).unwrap()["of"])
            }
            Input::Opened(_) | Input::Resumed | Input::Moved { .. } | Input::Lost { .. } => "resumed".into(),
        },
    }
}

prop_state_machine! {
    #![proptest_config(Config { cases: 1_200, max_shrink_iters: 20_000, failure_persistence: None, ..Config::default() })]

    fn any_sequence(sequential 1..80 => Checked);
}

/// The properties hold, and what they were tried on is not vacuous.
#[test]
fn any_sequence_keeps_every_promise() {
    any_sequence();
    let seen = SEEN.lock().unwrap();
    for (what, count) in &*seen {
        eprintln!("{count:>8}  {what}");
    }
    for (what, at_least) in [
        ("cases", 1_000),
        ("crash", 500),
        ("parallel calls", 15),
        ("several questions wait", 100),
        ("mutating call started", 200),
        ("mutating call that had not run started again", 20),
        ("tool call run again", 30),
        ("model call retried", 200),
        ("model call lost", 50),
        ("repeated op", 100),
        ("call ended: unknown", 40),
        ("call ended: denied", 100),
        ("call ended: cancelled", 200),
        ("turn aborted: Interrupted", 200),
        ("turn aborted: Shutdown", 20),
        ("turn ended: \"final\"", 300),
        ("turn ended: \"budget_spent\"", 10),
        ("turn ended: \"retries_exhausted\"", 30),
        ("turn ended: \"repeated_calls\"", 10),
        ("turn ended: \"fatal\"", 20),
        ("turn ended: \"output_misfit\"", 5),
        ("turn ended: \"context_window_exceeded\"", 20),
        ("question settled: Answered(Approved)", 100),
        ("question settled: Told", 50),
        ("question settled: Replied(Accept)", 25),
        ("question settled: Ran { success: true }", 50),
        ("question settled: Expired", 50),
        ("question settled: Released", 1),
        ("user command", 200),
        ("decided by policy", 500),
        ("decided by rule", 50),
        ("decided by session", 1),
        ("decided by deadline", 10),
        ("decided by tester", 100),
        ("question settled: Withdrawn", 100),
        ("refused: \"stale_turn\"", 20),
        ("refused: \"unknown_interaction\"", 50),
        ("refused: \"closed\"", 50),
        ("refused: \"wrong_interaction\"", 100),
        ("approved call ran without limits", 100),
        ("turn stopped though something did not answer", 20),
        ("compacted: Size", 100),
        ("compacted: Requested", 100),
        ("compacted: SmallerWindow", 5),
        ("compacted: Overflow", 20),
        ("summary without a result", 50),
        ("summary in a review", 10),
        ("review completed", 50),
        ("review interrupted", 50),
        ("snapshot before a change", 80),
        ("change after its snapshot", 100),
        ("rolled back with files", 2),
        ("rolled back without files", 50),
        ("rolled back to where a turn was seen to begin", 50),
        ("rollback refused by the workspace", 1),
        ("files alone went back", 5),
        ("hook note", 50),
        ("moved", 50),
        ("call within a budget of calls", 40),
        ("turn ended: \"blocked\"", 20),
        ("refused: \"turn_running\"", 50),
        ("refused: \"not_restorable\"", 20),
    ] {
        let count = seen.get(what).copied().unwrap_or(0);
        assert!(count >= at_least, "{what}: {count} times, at least {at_least} expected");
    }
}
