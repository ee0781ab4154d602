//! A thread among odd clients, tools and moments: it loses nothing, does nothing twice, and goes on.

use crate::world::{TestThread, World, obey};
use agent_core::{
    AbortReason, Access, ApprovalDecision, Content, EffectId, Event, EventKind, ModelItem, Op, OpId,
    Operation, OutputStatus, Payload, PrepareRequest, Prepared, Refusal, Subject, ThreadKey, ToolAnswer,
    ToolCallHandler, ToolOutput, ToolRequest, TurnEnd,
    testing::{FakeModel, FakeTools, preparation, response},
};
use async_trait::async_trait;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use temporal_backend::{
    AgentWorkflow, Limits, Reply, TemporalWorker, WorkerOptions, failing_task, wire::RunOptions,
};
use temporalio_client::{
    UntypedSignal, WorkflowCancelOptions, WorkflowFetchHistoryOptions, WorkflowQueryOptions,
    WorkflowSignalOptions,
};
use temporalio_common::{
    data_converters::RawValue, protos::temporal::api::common::v1::Payload as RawPayload,
};

/// Far longer than a turn of these tests takes.
const SOON: Duration = Duration::from_secs(20);
/// What the workers of these tests keep to themselves.
const SECRET: &str = "sk-very-secret";

/// A hook of [`Odd`].
type Prepare = dyn Fn(&PrepareRequest) -> Option<Prepared> + Send + Sync;
type Run = dyn Fn(&ToolRequest) -> Option<ToolAnswer> + Send + Sync;

/// Tools that do as [`FakeTools`] do but where a test wants it otherwise.
struct Odd {
    usual: FakeTools,
    prepare: Box<Prepare>,
    run: Box<Run>,
}

impl Odd {
    fn preparing(prepare: impl Fn(&PrepareRequest) -> Option<Prepared> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { usual: FakeTools::default(), prepare: Box::new(prepare), run: Box::new(|_| None) })
    }

    fn running(run: impl Fn(&ToolRequest) -> Option<ToolAnswer> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { usual: FakeTools::default(), prepare: Box::new(|_| None), run: Box::new(run) })
    }
}

#[async_trait]
impl ToolCallHandler for Odd {
    async fn prepare(&self, request: PrepareRequest) -> Prepared {
        match (self.prepare)(&request) {
            Some(prepared) => prepared,
            None => self.usual.prepare(request).await,
        }
    }

    fn start<'a>(&'a self, request: ToolRequest) -> Operation<'a> {
        match (self.run)(&request) {
            Some(answer) => Operation::new(async { answer }, || {}),
            None => self.usual.start(request),
        }
    }

    async fn recover(&self, request: ToolRequest) -> ToolAnswer {
        self.usual.recover(request).await
    }

    fn acknowledge(&self, key: &ThreadKey, effect: EffectId) {
        self.usual.acknowledge(key, effect);
    }
}

fn model() -> Arc<FakeModel> {
    Arc::new(FakeModel::new(obey))
}

fn runs_of(records: u32) -> RunOptions {
    RunOptions { records_per_run: Some(records), ..RunOptions::default() }
}

/// Fails with what the server knows where this takes too long.
async fn soon<T>(world: &World, thread: &TestThread, what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(SOON, work).await {
        Ok(done) => done,
        Err(_) => {
            let why = failing_task(&world.client, &temporal_backend::wire::workflow_id(&thread.key)).await;
            panic!("{what} does not come; the server says {why:?}");
        }
    }
}

fn ended_well(events: &[Event]) -> bool {
    events
        .iter()
        .any(|event| matches!(&event.kind, EventKind::TurnCompleted { end: TurnEnd::Final { .. }, .. }))
}

/// Everything that the server keeps of the thread's last run, as the payloads have it.
async fn history(thread: &TestThread) -> String {
    let events =
        thread.workflow.fetch_history(WorkflowFetchHistoryOptions::default()).into_events().await.unwrap();
    let mut text = String::new();
    for event in events {
        // Bytes are shown as numbers, so they are looked for as such.
        text.push_str(&format!("{event:?}\n"));
    }
    text
}

fn holds(history: &str, text: &str) -> bool {
    let numbers: Vec<String> = text.bytes().map(|byte| byte.to_string()).collect();
    history.contains(text) || history.contains(&numbers.join(", "))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_message_that_is_no_blob_is_refused_and_hurts_nobody() {
    let mut world = World::new().await;
    let thread = world.start(RunOptions::default()).await;
    let long = Op::UserInput { items: vec![Content::text("long ".repeat(20_000))] };
    let error =
        soon(&world, &thread, "an answer", thread.try_submit("op-1", long.clone())).await.unwrap_err();
    assert!(error.to_string().contains("malformed"), "{error}");
    thread.signal("op-2", long).await;
    let said = soon(&world, &thread, "an answer", thread.say("op-3", "hello")).await;
    assert!(matches!(said, Reply::Accepted(_)), "{said:?}");
    let reply =
        thread.workflow.query(AgentWorkflow::reply, OpId::new("op-2"), WorkflowQueryOptions::default()).await;
    assert!(matches!(reply, Ok(Some(Reply::Refused(Refusal::Malformed { .. })))), "{reply:?}");
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_that_is_no_op_does_not_stop_the_thread() {
    let mut world = World::new().await;
    let thread = world.start(RunOptions::default()).await;
    let payload = RawPayload {
        metadata: [("encoding".to_owned(), b"json/plain".to_vec())].into(),
        data: br#"{"op":"of another version"}"#.to_vec(),
        ..RawPayload::default()
    };
    let signal = UntypedSignal::new("receive_op");
    let raw = RawValue::new(vec![payload]);
    thread.workflow.signal(signal, raw, WorkflowSignalOptions::default()).await.unwrap();
    let said = soon(&world, &thread, "an answer", thread.say("op-1", "hello")).await;
    assert!(matches!(said, Reply::Accepted(_)), "{said:?}");
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_wait_never_outgrow_what_the_next_run_begins_with() {
    let mut world = World::new().await;
    let thread = world.start(runs_of(8)).await;
    assert!(matches!(thread.say("op-1", "call ask_write").await, Reply::Accepted(_)));
    let question = thread.question().await;
    for number in 0..12 {
        let part = format!("{number} {}", "x".repeat(60_000));
        let items = vec![
            Content::text(part.clone()),
            Content::text(part.clone()),
            Content::text(part.clone()),
            Content::text(part),
        ];
        let id = format!("more-{number}");
        soon(&world, &thread, "an answer", thread.submit(&id, Op::UserInput { items })).await;
    }
    let approve = Op::ExecApproval { id: question, decision: ApprovalDecision::Approved };
    soon(&world, &thread, "an answer", thread.submit("approve", approve)).await;
    soon(&world, &thread, "the end", thread.until_turn_ends_somehow(1)).await;
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_call_that_waits_for_approval_is_handed_over() {
    let model = FakeModel::new(|request| {
        if request.conversation.items.iter().any(|item| matches!(**item, agent_core::Item::Output { .. })) {
            return response([ModelItem::Message { text: "done".into() }]);
        }
        let payload = Payload::Freeform { input: "x".repeat(400_000) };
        response([ModelItem::Call { name: "ask_write".into(), payload }])
    });
    let tools = Odd::preparing(|request| {
        // As a command or a patch does.
        let command = vec![request.call.payload.text().to_owned()];
        let mut prepared = preparation(&request.call.name, "digest");
        prepared.subject = Subject::Command { command, cwd: "/work".into() };
        Some(Prepared::Ready(Box::new(prepared)))
    });
    let mut world = World::with(Arc::new(model), tools).await;
    let thread = world.start(runs_of(2)).await;
    assert!(matches!(thread.say("op-1", "write much").await, Reply::Accepted(_)));
    let question = soon(&world, &thread, "the question", thread.question()).await;
    let approve = Op::ExecApproval { id: question, decision: ApprovalDecision::Approved };
    soon(&world, &thread, "an answer", thread.submit("approve", approve)).await;
    soon(&world, &thread, "the end", thread.until_turn_ends_somehow(1)).await;
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_of_a_call_has_no_secrets_and_fits_a_payload() {
    let tools = Odd::preparing(|request| match request.call.name.as_str() {
        "leak" => Some(Prepared::Rejected { message: format!("no such key: {SECRET}") }),
        "huge" => Some(Prepared::Rejected { message: "much ".repeat(700_000) }),
        _ => None,
    });
    let mut world = World::with(model(), tools).await;
    let thread = world.start(RunOptions::default()).await;
    assert!(matches!(thread.say("op-1", "call leak huge").await, Reply::Accepted(_)));
    let events = soon(&world, &thread, "the end", thread.until_turn_ends(1)).await;
    assert!(ended_well(&events), "{events:#?}");
    assert!(!holds(&history(&thread).await, SECRET));
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_that_panics_ends_no_thread_and_leaks_nothing() {
    let tools = Odd::preparing(|request| match request.call.name.as_str() {
        "panic_early" => panic!("looking at it with {SECRET}"),
        _ => None,
    });
    let mut world = World::with(model(), tools).await;
    let thread = world.start(RunOptions::default()).await;
    assert!(matches!(thread.say("op-1", "call panic_early").await, Reply::Accepted(_)));
    let events = soon(&world, &thread, "the end", thread.until_turn_ends(1)).await;
    assert!(ended_well(&events), "{events:#?}");
    assert!(!holds(&history(&thread).await, SECRET));
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_that_panics_while_it_runs_leaks_nothing() {
    let tools = Odd::running(|request| match request.call.name.as_str() {
        "panic_late" => panic!("running it with {SECRET}"),
        _ => None,
    });
    let mut world = World::with(model(), tools).await;
    let thread = world.start(RunOptions::default()).await;
    assert!(matches!(thread.say("op-1", "call panic_late").await, Reply::Accepted(_)));
    soon(&world, &thread, "the end", thread.until_turn_ends(1)).await;
    assert!(!holds(&history(&thread).await, SECRET));
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_was_stopped_before_it_began_does_not_run() {
    let tools = Arc::new(FakeTools::default());
    let mut world = World::with(model(), tools.clone()).await;
    let thread = world.start(RunOptions::default()).await;
    assert!(matches!(thread.say("op-1", "call ask_write").await, Reply::Accepted(_)));
    let question = thread.question().await;
    world.stop_worker().await;
    thread.signal("op-2", Op::ExecApproval { id: question, decision: ApprovalDecision::Approved }).await;
    thread.signal("op-3", Op::Interrupt).await;
    world.start_worker().await;
    let events = soon(&world, &thread, "the end", thread.until_turn_ends(1)).await;
    assert!(matches!(
        events.last().unwrap().kind,
        EventKind::TurnAborted { reason: AbortReason::Interrupted }
    ));
    assert_eq!(tools.runs().len(), 0, "{:?}", tools.runs());
    world.stop_worker().await;
}

/// A worker that does so much at once.
async fn narrow(world: &mut World, calls: usize) {
    world.stop_worker().await;
    let mut options = WorkerOptions::new(crate::world::QUEUE, world.home.path().join("tasks"));
    options.limits = Limits { calls, ..Limits::default() };
    let worker = TemporalWorker::start(&world.client, options, world.services.clone()).await.unwrap();
    world.worker = Some(worker);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupt_needs_no_worker_that_is_free() {
    let tools = Arc::new(FakeTools::default());
    let mut world = World::with(model(), tools.clone()).await;
    narrow(&mut world, 1).await;
    let busy = world.start(RunOptions::default()).await;
    let waiting = world.start(RunOptions::default()).await;
    assert!(matches!(busy.say("op-1", "call hang").await, Reply::Accepted(_)));
    busy.until("item_started", |kind| matches!(kind, EventKind::ItemStarted { .. })).await;
    let runs = async || {
        while tools.runs().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await
        }
    };
    soon(&world, &busy, "the call", runs()).await;
    let before = tools.runs();
    // Its model call waits for the only place.
    assert!(matches!(waiting.say("op-1", "call write").await, Reply::Accepted(_)));
    let begun = Instant::now();
    waiting.submit("op-2", Op::Interrupt).await;
    soon(&world, &waiting, "the end of what waits", waiting.until_turn_ends(1)).await;
    busy.submit("op-2", Op::Interrupt).await;
    soon(&world, &busy, "the end of what runs", busy.until_turn_ends(1)).await;
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!(tools.runs(), before);
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workflow_that_is_cancelled_records_an_interrupt_and_serves_on() {
    let mut world = World::new().await;
    let thread = world.start(RunOptions::default()).await;
    assert!(matches!(thread.say("op-1", "call hang").await, Reply::Accepted(_)));
    thread.until("item_started", |kind| matches!(kind, EventKind::ItemStarted { .. })).await;
    thread.workflow.cancel(WorkflowCancelOptions::default()).await.unwrap();
    let events = soon(&world, &thread, "the end", thread.until_turn_ends(1)).await;
    assert!(matches!(
        events.last().unwrap().kind,
        EventKind::TurnAborted { reason: AbortReason::Interrupted }
    ));
    let _ = thread.workflow.cancel(WorkflowCancelOptions::default()).await;
    let said = soon(&world, &thread, "an answer", thread.say("op-2", "call read_file write")).await;
    assert!(matches!(said, Reply::Accepted(_)), "{said:?}");
    let events = soon(&world, &thread, "the end", thread.until_turn_ends(2)).await;
    assert!(ended_well(&events), "{events:#?}");
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signals_behind_a_shutdown_are_answered() {
    let mut world = World::new().await;
    let thread = world.start(RunOptions::default()).await;
    assert!(matches!(thread.say("op-1", "hello").await, Reply::Accepted(_)));
    thread.until_turn_ends(1).await;
    world.stop_worker().await;
    thread.signal("op-2", Op::Shutdown { now: true }).await;
    thread.signal("op-3", Op::SetThreadName { name: "late".into() }).await;
    world.start_worker().await;
    let over = async {
        while !thread.status().await.over {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon(&world, &thread, "the end", over).await;
    let reply =
        thread.workflow.query(AgentWorkflow::reply, OpId::new("op-3"), WorkflowQueryOptions::default()).await;
    assert_eq!(reply.unwrap(), Some(Reply::Refused(Refusal::Closed)));
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_op_counts_once_however_many_came_after_it() {
    let mut world = World::new().await;
    let thread = world.start(RunOptions::default()).await;
    assert!(matches!(thread.say("op-1", "hello").await, Reply::Accepted(_)));
    thread.until_turn_ends(1).await;
    for number in 0..1_050 {
        let name = Op::SetThreadName { name: format!("name {number}") };
        thread.signal(&format!("name-{number}"), name).await;
    }
    thread.signal("op-1", Op::UserInput { items: vec![Content::text("hello")] }).await;
    thread.signal("last", Op::SetThreadName { name: "last".into() }).await;
    let last = async || {
        let reply =
            thread.workflow.query(AgentWorkflow::reply, OpId::new("last"), WorkflowQueryOptions::default());
        matches!(reply.await, Ok(Some(_)))
    };
    let wait = async {
        while !last().await {
            tokio::time::sleep(Duration::from_millis(50)).await
        }
    };
    soon(&world, &thread, "the last answer", wait).await;
    let summary = thread.status().await.overview.summary(thread.key.clone(), 0, None);
    assert_eq!(summary.turns, 1);
    world.stop_worker().await;
}

/// Counts how many calls of a kind run at once.
#[derive(Default)]
struct Counting {
    usual: FakeTools,
    now: AtomicUsize,
    most: AtomicUsize,
    begun: AtomicUsize,
}

#[async_trait]
impl ToolCallHandler for Counting {
    async fn prepare(&self, request: PrepareRequest) -> Prepared {
        self.usual.prepare(request).await
    }

    fn start<'a>(&'a self, request: ToolRequest) -> Operation<'a> {
        assert_eq!(request.preparation.access, Access::ReadOnly);
        let (stop, stopped) = futures::channel::oneshot::channel::<()>();
        let answer = async move {
            self.begun.fetch_add(1, Ordering::SeqCst);
            let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(now, Ordering::SeqCst);
            // A slow disk; it answers a while after it was asked to stop.
            let slow = tokio::time::sleep(Duration::from_millis(800));
            tokio::select! {
                () = slow => {}
                _ = stopped => tokio::time::sleep(Duration::from_millis(200)).await,
            }
            self.now.fetch_sub(1, Ordering::SeqCst);
            ToolAnswer::Finished { output: ToolOutput::text(OutputStatus::Ok, "read") }
        };
        Operation::new(answer, move || {
            let _ = stop.send(());
        })
    }

    async fn recover(&self, _request: ToolRequest) -> ToolAnswer {
        ToolAnswer::NotStarted
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_that_takes_too_long_is_over_before_it_is_done_again() {
    let tools = Arc::new(Counting::default());
    let mut world = World::with(model(), tools.clone()).await;
    let thread = world.start(RunOptions::default()).await;
    assert!(matches!(thread.say("op-1", "call read_file").await, Reply::Accepted(_)));
    let events = soon(&world, &thread, "the end", thread.until_turn_ends(1)).await;
    assert!(ended_well(&events), "{events:#?}");
    assert_eq!((tools.begun.load(Ordering::SeqCst), tools.most.load(Ordering::SeqCst)), (2, 1));
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_away_for_a_while_stops_no_tool() {
    let mut world = World::new().await;
    let thread = world.start(RunOptions::default()).await;
    assert!(matches!(thread.say("op-1", "call hang").await, Reply::Accepted(_)));
    thread.until("item_started", |kind| matches!(kind, EventKind::ItemStarted { .. })).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    world.server.kill().await.unwrap();
    tokio::time::sleep(Duration::from_secs(8)).await;
    world.server.restart().await.unwrap();
    tokio::time::sleep(Duration::from_secs(6)).await;
    let summary = thread.status().await.overview.summary(thread.key.clone(), 0, None);
    assert!(summary.status.is_active(), "{summary:?}");
    world.stop_worker().await;
}
