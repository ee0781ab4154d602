//! The driver with fakes: what a client sees of a turn, interrupts, steering, hand-over, redaction, blobs.

use crate::scenario::{busy_world, call, genesis, message, says, submission, thread};
use agent_core::{
    AbortReason, ApprovalDecision, Content, EventKind, Exit, InteractionId, Item, ItemDetail, LiveKind,
    ModelError, ModelErrorKind, ModelEvent, Op, OutputStatus, Ports, Redactor, Refusal, RunError, StartUp,
    StorageError, Thread, TurnEnd, check_history, run_thread,
    testing::{CrashPoint, FakeInbox, FakeModel, MemoryStorage, World, response},
};
use futures::{FutureExt, executor::block_on, pin_mut};

/// Runs until nothing moves any more.
pub(crate) fn run_until_idle(
    thread: &mut Thread,
    start_up: StartUp,
    ports: Ports<'_>,
) -> Option<Result<Exit, RunError>> {
    let run = run_thread(thread, start_up, ports);
    pin_mut!(run);
    // The fakes are ready at once or wait for the test, so a few polls exhaust them.
    (0..10).find_map(|_| run.as_mut().now_or_never())
}

fn kinds(world: &World) -> Vec<String> {
    let name = |kind: &EventKind| serde_json::to_value(kind).unwrap()["event"].as_str().unwrap().to_owned();
    world.sink.events().iter().map(|event| name(&event.kind)).collect()
}

fn ends(world: &World) -> Vec<EventKind> {
    world.sink.events().into_iter().map(|event| event.kind).filter(EventKind::is_terminal).collect()
}

fn outputs(thread: &Thread) -> Vec<(String, OutputStatus)> {
    thread
        .items()
        .iter()
        .filter_map(|item| match &**item {
            Item::Output { call, output } => Some((call.to_string(), output.status)),
            _ => None,
        })
        .collect()
}

#[test]
fn a_turn_runs_to_its_end() {
    let world = busy_world();
    let mut thread = thread();
    assert!(run_until_idle(&mut thread, genesis(), world.ports()).is_none());
    assert_eq!(ends(&world).len(), 1);
    assert!(
        matches!(&ends(&world)[0], EventKind::TurnCompleted { end: TurnEnd::Final { message: Some(m) }, .. } if m == "done")
    );
    // Outputs are fed back in the model's order.
    let statuses = outputs(&thread);
    let ids: Vec<&str> = statuses.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["call_1", "call_2", "call_3", "call_4", "call_5", "call_6", "call_7"]);
    assert_eq!(statuses[5].1, OutputStatus::Failed, "an unknown tool is told to the model");
    assert!(world.tools.runs().values().all(|runs| *runs == 1));
    assert_eq!(world.tools.acknowledged().len(), 6);
    assert_eq!(thread.usage().total(), 60);
    let (_, reply) = &world.inbox.replies()[0];
    assert!(!reply.as_ref().unwrap().repeated);
    check_history(&thread).unwrap();
}

#[test]
fn denied_command_is_returned_to_model() {
    let model = FakeModel::new(|request| match request.conversation.items.last().map(|item| &**item) {
        Some(Item::Output { output, .. }) => response([message(&output.plain_text())]),
        _ => response([call("ask", "1")]),
    });
    let world = World::new(model, FakeInbox::of([says("op-1", "go")]));
    let mut thread = thread();
    {
        let run = run_thread(&mut thread, genesis(), world.ports());
        pin_mut!(run);
        assert!(run.as_mut().now_or_never().is_none());
        let asked = world.sink.events();
        let Some(EventKind::ExecApprovalRequest(question)) = asked.last().map(|event| &event.kind) else {
            panic!("{:?}", kinds(&world))
        };
        let deny = Op::ExecApproval { id: question.id.clone(), decision: ApprovalDecision::Denied };
        world.inbox.push(submission("op-2", deny.clone()));
        // The second answer comes too late, and is told so.
        world.inbox.push(submission("op-3", deny));
        assert!(run.as_mut().now_or_never().is_none());
    }
    let replies = world.inbox.replies();
    assert!(replies[1].1.is_ok());
    assert!(matches!(replies[2].1, Err(Refusal::UnknownInteraction { .. })));
    let EventKind::TurnCompleted { end: TurnEnd::Final { message: Some(text) }, .. } = &ends(&world)[0]
    else {
        panic!("{:?}", ends(&world))
    };
    assert!(text.contains("did not approve"), "{text}");
    assert_eq!(world.tools.runs().len(), 0);
}

#[test]
fn an_interrupt_waits_for_the_answer_of_what_runs() {
    let model = FakeModel::new(|_| response([call("hang", "1"), call("write", "2")]));
    let world = World::new(model, FakeInbox::of([says("op-1", "go")]));
    let mut thread = thread();
    {
        let run = run_thread(&mut thread, genesis(), world.ports());
        pin_mut!(run);
        assert!(run.as_mut().now_or_never().is_none());
        assert_eq!(ends(&world), []);
        world.inbox.push(submission("op-2", Op::Interrupt));
        assert!((0..5).find_map(|_| run.as_mut().now_or_never()).is_none());
    }
    assert_eq!(ends(&world), [EventKind::TurnAborted { reason: AbortReason::Interrupted }]);
    let expected = [("call_1".into(), OutputStatus::Cancelled), ("call_2".into(), OutputStatus::Cancelled)];
    assert_eq!(outputs(&thread), expected);
    assert_eq!(world.tools.runs().len(), 1, "the second call never ran");
    check_history(&thread).unwrap();
}

#[test]
fn what_is_said_meanwhile_is_steered_in() {
    let model = FakeModel::new(|request| {
        let heard =
            request.conversation.items.iter().filter(|item| matches!(***item, Item::User { .. })).count();
        match heard {
            1 => response([call("ask", "1")]),
            _ => response([message("heard both")]),
        }
    });
    let world = World::new(model, FakeInbox::of([says("op-1", "go"), says("op-2", "and this")]));
    let mut thread = thread();
    run_until_idle(&mut thread, genesis(), world.ports());
    // The first step waits for an approval; the steered message waits with it.
    assert_eq!(ends(&world), []);
    let id = thread.pending().next().unwrap().clone();
    let next = World::new(FakeModel::new(|_| response([message("heard both")])), FakeInbox::default());
    next.inbox.push(submission("op-3", Op::ExecApproval { id, decision: ApprovalDecision::Approved }));
    let world = World { storage: world.storage.reopen(), ..next };
    run_until_idle(&mut thread, StartUp::HandOver, world.ports());
    assert!(
        matches!(&ends(&world)[0], EventKind::TurnCompleted { end: TurnEnd::Final { message: Some(m) }, .. } if m == "heard both")
    );
    let said = thread.items().iter().filter(|item| matches!(***item, Item::User { .. })).count();
    assert_eq!(said, 2);
    assert_eq!(thread.turns(), 1, "steering begins no turn");
}

#[test]
fn a_broken_response_is_asked_for_again_and_its_pieces_are_void() {
    let model = FakeModel::new(|request| {
        if request.attempt < 3 {
            return vec![
                Ok(ModelEvent::Delta { index: 0, kind: LiveKind::Message("half a".into()) }),
                Err(ModelError::new(ModelErrorKind::Stream, "cut")),
            ];
        }
        response([message("whole")])
    });
    let world = World::new(model, FakeInbox::of([says("op-1", "go")]));
    let mut thread = thread();
    run_until_idle(&mut thread, genesis(), world.ports());
    let retries: Vec<(u32, u32, u32)> = world
        .sink
        .events()
        .iter()
        .filter_map(|event| match event.kind {
            EventKind::ModelRetry { attempt, retry, of, .. } => Some((attempt, retry, of)),
            _ => None,
        })
        .collect();
    assert_eq!(retries, [(2, 1, 5), (3, 2, 5)]);
    assert_eq!(world.sink.live_pieces().iter().map(|live| live.attempt).collect::<Vec<_>>(), [1, 2]);
    let texts: Vec<EventKind> = world.sink.events().into_iter().map(|event| event.kind).collect();
    let messages = texts.iter().filter(|kind| {
        matches!(kind, EventKind::ItemCompleted { item } if matches!(item.detail, ItemDetail::AgentMessage { .. }))
    });
    assert_eq!(messages.count(), 1, "no text is told twice");
}

#[test]
fn retries_are_bounded() {
    let model = FakeModel::new(|_| vec![Err(ModelError::new(ModelErrorKind::Stream, "cut"))]);
    let world = World::new(model, FakeInbox::of([says("op-1", "go")]));
    let mut thread = thread();
    run_until_idle(&mut thread, genesis(), world.ports());
    assert!(matches!(
        &ends(&world)[0],
        EventKind::TurnCompleted { end: TurnEnd::RetriesExhausted { .. }, .. }
    ));
    assert_eq!(kinds(&world).iter().filter(|kind| *kind == "model_retry").count(), 5);
    // The thread stays usable.
    world.inbox.push(says("op-2", "again"));
    run_until_idle(&mut thread, StartUp::HandOver, world.ports());
    assert_eq!(ends(&world).len(), 2);
}

#[test]
fn a_repeated_op_is_answered_and_changes_nothing() {
    let model = FakeModel::new(|_| response([message("hi")]));
    let world = World::new(model, FakeInbox::of([says("op-1", "go"), says("op-1", "go")]));
    let mut thread = thread();
    run_until_idle(&mut thread, genesis(), world.ports());
    assert_eq!(ends(&world).len(), 1);
    assert!(world.inbox.replies()[1].1.as_ref().unwrap().repeated);
}

#[test]
fn a_hand_over_starts_what_was_decided() {
    let world = busy_world();
    world.inbox.ask_hand_over(true);
    let mut thread = thread();
    let mut start_up = genesis();
    let mut runs = 0;
    // Each driver does what is in flight and hands over; the next one goes on.
    while runs < 100 && ends(&world).is_empty() {
        runs += 1;
        if run_until_idle(&mut thread, start_up, world.ports()).is_none() {
            break;
        }
        start_up = StartUp::HandOver;
        world.inbox.ask_hand_over(runs % 2 == 0);
    }
    world.inbox.ask_hand_over(false);
    run_until_idle(&mut thread, StartUp::HandOver, world.ports());
    assert_eq!(ends(&world).len(), 1);
    assert!(world.tools.runs().values().all(|runs| *runs == 1), "{:?}", world.tools.runs());
}

#[test]
fn secrets_do_not_enter_the_journal_and_large_text_becomes_a_blob() {
    let secret = "sk-very-secret-value";
    let model = FakeModel::new(move |request| match request.conversation.items.last().map(|item| &**item) {
        Some(Item::Output { .. }) => response([message(&format!("the key is {secret}"))]),
        _ => response([call("read_key", &format!("{{\"key\":\"{secret}\"}}"))]),
    });
    let large = "x".repeat(100_000);
    let mut world = World::new(model, FakeInbox::of([says("op-1", &format!("{large} {secret}"))]));
    world.redactor = Redactor::new([secret.to_owned()]);
    let mut thread = thread();
    run_until_idle(&mut thread, genesis(), world.ports());
    assert_eq!(ends(&world).len(), 1);
    let journal = serde_json::to_string(&world.storage.commits()).unwrap();
    assert!(!journal.contains(secret));
    assert!(journal.contains("[redacted]"));
    assert!(journal.len() < 20_000, "{} bytes", journal.len());
    let Item::User { content } = &*thread.items()[1] else { panic!() };
    assert!(matches!(&content[0], Content::Blob { blob } if blob.bytes > 99_000));
}

#[test]
fn a_fenced_driver_stops_at_once() {
    let world = busy_world();
    let stale = MemoryStorage::default();
    let _newer = stale.reopen();
    let world = World { storage: stale, ..world };
    let result = block_on(run_thread(&mut thread(), genesis(), world.ports()));
    assert!(matches!(result, Err(RunError::Storage(StorageError::Fenced))));
    assert_eq!(world.sink.events(), [], "nothing is shown that is not stored");
}

#[test]
fn shutdown_ends_the_driver_and_a_later_one_resumes() {
    let model = || FakeModel::new(|_| response([message("hi")]));
    let world = World::new(
        model(),
        FakeInbox::of([says("op-1", "go"), submission("op-2", Op::Shutdown { now: false })]),
    );
    let mut thread = thread();
    assert_eq!(run_until_idle(&mut thread, genesis(), world.ports()).unwrap().unwrap(), Exit::Shutdown);
    assert_eq!(kinds(&world).last().unwrap(), "shutdown_complete");
    assert_eq!(ends(&world).len(), 1, "the turn was finished first");
    let world = World { inbox: FakeInbox::of([says("op-3", "more")]), ..world };
    run_until_idle(&mut thread, StartUp::Crash, world.ports());
    assert_eq!(ends(&world).len(), 2);
}

#[test]
fn an_op_that_is_not_served_is_refused_by_name() {
    let world = World::new(FakeModel::new(|_| response([])), FakeInbox::default());
    for (id, op) in [
        ("op-1", Op::ListSkills),
        ("op-2", Op::AddToHistory { text: "said".into() }),
        ("op-3", serde_json::from_str(r#"{"type":"teleport","to":"mars"}"#).unwrap()),
        (
            "op-4",
            Op::ExecApproval { id: InteractionId::new("nobody-1"), decision: ApprovalDecision::Approved },
        ),
    ] {
        world.inbox.push(submission(id, op));
    }
    let mut thread = thread();
    run_until_idle(&mut thread, genesis(), world.ports());
    let messages: Vec<String> =
        world.inbox.replies().iter().map(|(_, reply)| reply.as_ref().unwrap_err().to_string()).collect();
    assert_eq!(
        messages,
        [
            "this version of Everturn does not serve `list_skills` yet",
            "this version of Everturn does not serve `add_to_history` yet",
            "this version of Everturn does not serve `teleport` yet",
            "no question `nobody-1` is waiting for an answer",
        ]
    );
    assert_eq!(world.storage.commits().len(), 1, "refused ops leave no trace");
}

#[test]
fn an_append_that_fails_shows_nothing_and_starts_nothing() {
    let world = busy_world();
    world.storage.crash_at(3, CrashPoint::AfterCommit);
    let result = run_until_idle(&mut thread(), genesis(), world.ports());
    assert!(matches!(result, Some(Err(RunError::Storage(StorageError::Io { .. })))));
    assert!(world.sink.events().iter().all(|event| event.seq <= 4));
    assert_eq!(world.tools.runs().len(), 0);
}

#[test]
fn a_secret_split_over_pieces_is_not_shown_live() {
    let piece = |text: &str| Ok(ModelEvent::Delta { index: 0, kind: LiveKind::Message(text.into()) });
    let model = FakeModel::new(move |_| {
        let mut all =
            vec![piece("it is sk-very-"), piece("secret-value"), piece(", and that is all there is to say")];
        all.extend(response([message("it is sk-very-secret-value, and that is all there is to say")]));
        all
    });
    let mut world = World::new(model, FakeInbox::of([says("op-1", "go")]));
    world.redactor = Redactor::new(["sk-very-secret-value".to_owned()]);
    run_until_idle(&mut thread(), genesis(), world.ports());
    let shown: String = world
        .sink
        .live_pieces()
        .into_iter()
        .map(|live| match live.kind {
            LiveKind::Message(text) => text,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(shown.starts_with("it is [redacted], and"), "{shown}");
}

#[test]
fn many_submissions_do_not_keep_an_answer_waiting() {
    let name = |n: u32| submission(&format!("name-{n}"), Op::SetThreadName { name: format!("name {n}") });
    let model = FakeModel::new(|_| response([message("hi")]));
    let world = World::new(model, FakeInbox::of([says("op-1", "go")].into_iter().chain((0..100).map(name))));
    let mut thread = thread();
    run_until_idle(&mut thread, genesis(), world.ports());
    let kinds = kinds(&world);
    let end = kinds.iter().position(|kind| kind == "turn_completed").unwrap();
    let last_name = kinds.iter().rposition(|kind| kind == "thread_named").unwrap();
    assert!(end < last_name, "the turn ended at {end}, the last of 100 names came at {last_name}");
}

#[test]
fn a_known_op_of_another_tenant_is_refused() {
    let world = World::new(FakeModel::new(|_| response([])), FakeInbox::of([says("op-1", "go")]));
    let other = agent_core::Submission { tenant: agent_core::Tenant::new("other"), ..says("op-1", "go") };
    world.inbox.push(other);
    run_until_idle(&mut thread(), genesis(), world.ports());
    assert_eq!(world.inbox.replies()[1].1, Err(Refusal::WrongTenant));
}

#[test]
fn a_fork_goes_on_with_ids_of_its_own() {
    let world = busy_world();
    let mut thread = thread();
    run_until_idle(&mut thread, genesis(), world.ports());
    let past = thread.fork().unwrap();
    let again = busy_world();
    let mut fork = Thread::new(agent_core::ThreadKey::for_test("fork"));
    run_until_idle(&mut fork, StartUp::New(Box::new(past)), again.ports());
    check_history(&fork).unwrap();
    let mut items = std::collections::BTreeSet::new();
    for event in again.sink.events() {
        if let EventKind::ItemCompleted { item } = event.kind {
            assert!(items.insert(item.id.clone()), "{} is there twice", item.id);
        }
    }
    // The past is shown, and the fork's own turn after it.
    assert_eq!(again.tools.runs().keys().min().unwrap(), "call_10");
    assert_eq!(fork.turns(), 2);
}

#[test]
fn a_call_that_does_not_stop_is_given_up() {
    let model = FakeModel::new(|_| response([call("deaf", "1"), call("write", "2")]));
    let world = World::new(model, FakeInbox::of([says("op-1", "go")]));
    let mut thread = thread();
    run_until_idle(&mut thread, genesis(), world.ports());
    world.inbox.push(submission("op-2", Op::Interrupt));
    run_until_idle(&mut thread, StartUp::HandOver, world.ports());
    assert_eq!(ends(&world), [EventKind::TurnAborted { reason: AbortReason::Interrupted }]);
    let expected = [("call_1".into(), OutputStatus::Unknown), ("call_2".into(), OutputStatus::Cancelled)];
    assert_eq!(outputs(&thread), expected);
    assert_eq!(thread.running().count(), 0);
}

/// A waker that counts, for a driver that is polled only when it was woken.
struct CountingWaker(std::sync::atomic::AtomicU32);

impl std::task::Wake for CountingWaker {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }
}

#[test]
fn the_driver_wakes_nobody_and_misses_no_wake_up() {
    let world = World::new(FakeModel::new(|_| response([call("hang", "1")])), FakeInbox::default());
    let mut thread = thread();
    let counting = std::sync::Arc::new(CountingWaker(0.into()));
    let waker = std::task::Waker::from(counting.clone());
    let woken = || counting.0.swap(0, std::sync::atomic::Ordering::SeqCst);
    {
        let run = run_thread(&mut thread, genesis(), world.ports());
        pin_mut!(run);
        let mut poll = || run.as_mut().poll(&mut std::task::Context::from_waker(&waker)).is_ready();
        assert!(!poll());
        assert_eq!(woken(), 0, "an idle driver wakes nobody, not even itself");
        world.inbox.push(says("op-1", "go"));
        assert_eq!(woken(), 1, "the inbox wakes the driver");
        assert!(!poll());
        assert_eq!(woken(), 0);
        world.inbox.push(submission("op-2", Op::Interrupt));
        assert_eq!(woken(), 1);
        assert!(!poll());
    }
    assert_eq!(ends(&world), [EventKind::TurnAborted { reason: AbortReason::Interrupted }]);
}
