//! A thread in a workflow, seen through its handlers.

use crate::world::World;
use agent_core::{
    AbortReason, ApprovalDecision, Event, EventKind, Item, Op, OutputStatus, Refusal, TurnEnd,
    testing::{FakeModel, FakeTools},
};
use std::sync::Arc;
use temporal_backend::{Deployment, Reply, wire::RunOptions};
use temporalio_client::{WorkflowDescribeOptions, WorkflowQueryOptions};

fn final_message(events: &[Event]) -> Option<&str> {
    events.iter().rev().find_map(|event| match &event.kind {
        EventKind::TurnCompleted { end: TurnEnd::Final { message }, .. } => message.as_deref(),
        _ => None,
    })
}

fn assert_numbered(events: &[Event]) {
    let seqs: Vec<u64> = events.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (1..=events.len() as u64).collect::<Vec<_>>());
}

/// Long enough for a run that is cut into many.
fn runs_of(records: u32) -> RunOptions {
    RunOptions { records_per_run: Some(records), ..RunOptions::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_with_tools_runs_to_its_end() {
    let tools = Arc::new(FakeTools::default());
    let mut world = World::with(Arc::new(FakeModel::new(crate::world::obey)), tools.clone()).await;
    let thread = world.start(RunOptions::default()).await;
    assert!(matches!(thread.say("op-1", "call write read write").await, Reply::Accepted(_)));
    let events = thread.until_turn_ends(1).await;
    assert_numbered(&events);
    assert_eq!(final_message(&events), Some("done"));
    assert_eq!(tools.runs().values().copied().collect::<Vec<_>>(), [1, 1, 1]);
    // What is in the history needs no ledger.
    assert_eq!(tools.acknowledged().len(), 3);
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_goes_from_run_to_run_in_mid_turn() {
    let tools = Arc::new(FakeTools::default());
    let mut world = World::with(Arc::new(FakeModel::new(crate::world::obey)), tools.clone()).await;
    let thread = world.start(runs_of(3)).await;
    assert!(matches!(thread.say("op-1", "call write read write ask_write write").await, Reply::Accepted(_)));
    let question = thread.question().await;
    let approve = Op::ExecApproval { id: question, decision: ApprovalDecision::Approved };
    assert!(matches!(thread.submit("op-2", approve).await, Reply::Accepted(_)));
    let events = thread.until_turn_ends(1).await;
    assert_numbered(&events);
    assert_eq!(final_message(&events), Some("done"));
    assert!(tools.runs().values().all(|times| *times == 1), "{:?}", tools.runs());
    let status = thread.status().await;
    assert!(status.runs > 4, "{} runs", status.runs);
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_is_told_what_was_archived_by_earlier_runs() {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let sizes = Arc::clone(&seen);
    let model = FakeModel::new(move |request| {
        assert!(request.conversation.archived.is_empty());
        let texts = request.conversation.items.iter().filter_map(|item| match &**item {
            Item::User { content } => Some(content.len()),
            _ => None,
        });
        sizes.lock().unwrap().push(texts.count());
        crate::world::obey(request)
    });
    let mut world = World::with(Arc::new(model), Arc::new(FakeTools::default())).await;
    let thread = world.start(runs_of(2)).await;
    for turn in 1..=4 {
        let text = format!("{turn} {}", "long words ".repeat(4_000));
        assert!(matches!(thread.say(&format!("op-{turn}"), &text).await, Reply::Accepted(_)));
        thread.until_turn_ends_somehow(turn).await;
    }
    assert_eq!(*seen.lock().unwrap(), [1, 2, 3, 4]);
    let snapshot = thread.snapshot().await;
    assert!(!snapshot.thread.archived().is_empty());
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupt_stops_a_tool_and_history_stays_whole() {
    let mut world = World::new().await;
    let thread = world.start(RunOptions::default()).await;
    assert!(matches!(thread.say("op-1", "call hang").await, Reply::Accepted(_)));
    thread.until("item_started", |kind| matches!(kind, EventKind::ItemStarted { .. })).await;
    let begun = std::time::Instant::now();
    assert!(matches!(thread.submit("op-2", Op::Interrupt).await, Reply::Accepted(_)));
    let events = thread.until_turn_ends(1).await;
    assert!(begun.elapsed().as_millis() < 2_000, "{:?}", begun.elapsed());
    assert!(matches!(
        events.last().unwrap().kind,
        EventKind::TurnAborted { reason: AbortReason::Interrupted }
    ));
    let cancelled = events.iter().any(|event| {
        matches!(&event.kind, EventKind::ItemCompleted { item } if crate::world::status(item) == Some(OutputStatus::Cancelled))
    });
    assert!(cancelled, "{events:#?}");
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_op_leaves_no_trace_in_the_history() {
    let mut world = World::new().await;
    let thread = world.start(RunOptions::default()).await;
    assert!(matches!(thread.say("op-1", "hello").await, Reply::Accepted(_)));
    thread.until_turn_ends(1).await;
    let length =
        async || thread.workflow.describe(WorkflowDescribeOptions::default()).await.unwrap().history_length();
    let before = length().await;
    let error = thread.try_submit("op-2", Op::Interrupt).await.unwrap_err().to_string();
    let refused = serde_json::to_string(&Reply::Refused(Refusal::NoTurn)).unwrap();
    assert!(error.contains(&refused.replace('"', "\\\"")), "{error}");
    assert_eq!(length().await, before);
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_op_that_comes_as_a_signal_is_answered_where_it_can_be_asked_for() {
    let mut world = World::new().await;
    let thread = world.start(RunOptions::default()).await;
    thread.signal("op-1", Op::Interrupt).await;
    thread.signal("op-2", Op::SetThreadName { name: "named".into() }).await;
    thread.until("thread_named", |kind| matches!(kind, EventKind::ThreadNamed { .. })).await;
    let reply = async |id: &str| {
        let op = agent_core::OpId::new(id);
        thread
            .workflow
            .query(temporal_backend::AgentWorkflow::reply, op, WorkflowQueryOptions::default())
            .await
            .unwrap()
    };
    assert_eq!(reply("op-1").await, Some(Reply::Refused(Refusal::NoTurn)));
    assert!(matches!(reply("op-2").await, Some(Reply::Accepted(_))));
    assert_eq!(reply("op-3").await, None);
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_op_counts_once_also_in_a_later_run() {
    let mut world = World::new().await;
    let thread = world.start(runs_of(2)).await;
    for _ in 0..3 {
        assert!(matches!(thread.say("op-1", "hello").await, Reply::Accepted(_)));
        thread.until_turn_ends(1).await;
    }
    let Reply::Accepted(accepted) = thread.say("op-1", "hello").await else { panic!() };
    assert!(accepted.repeated);
    let summary = thread.status().await.overview.summary(thread.key.clone(), 0, None);
    assert_eq!(summary.turns, 1);
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_worker_goes_on_in_mid_turn() {
    let mut world = World::new().await;
    let thread = world.start(RunOptions::default()).await;
    assert!(matches!(thread.say("op-1", "call write ask_write write").await, Reply::Accepted(_)));
    let question = thread.question().await;
    world.stop_worker().await;
    world.start_worker().await;
    let approve = Op::ExecApproval { id: question, decision: ApprovalDecision::Approved };
    assert!(matches!(thread.submit("op-2", approve).await, Reply::Accepted(_)));
    let events = thread.until_turn_ends(1).await;
    assert_eq!(final_message(&events), Some("done"));
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_whose_items_cannot_be_archived_goes_on() {
    let mut world = World::new().await;
    // Where the folder of the blobs should be made, there is a file.
    std::fs::write(world.home.path().join("blobs"), "in the way").unwrap();
    let thread = world.start(runs_of(2)).await;
    for turn in 1..=3 {
        // Just below what becomes a blob by itself.
        let text = format!("{turn} {}", "long words ".repeat(5_000));
        assert!(matches!(thread.say(&format!("op-{turn}"), &text).await, Reply::Accepted(_)));
        thread.until_turn_ends_somehow(turn).await;
    }
    let status = thread.status().await;
    assert!(!status.over && status.runs < 4, "{} runs", status.runs);
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_goes_on_with_the_next_version_of_a_deployment() {
    let mut world = World::new().await;
    world.stop_worker().await;
    let version = |build: &str| Deployment { name: "everturn".into(), build: build.into() };
    world.start_version(version("one")).await;
    let thread = world.start(RunOptions::default()).await;
    assert!(matches!(thread.say("op-1", "call write ask_write write").await, Reply::Accepted(_)));
    let question = thread.question().await;
    world.stop_worker().await;
    world.start_version(version("two")).await;
    let approve = Op::ExecApproval { id: question, decision: ApprovalDecision::Approved };
    assert!(matches!(thread.submit("op-2", approve).await, Reply::Accepted(_)));
    let events = thread.until_turn_ends(1).await;
    assert_eq!(final_message(&events), Some("done"));
    world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_of_a_later_version_waits_for_a_worker_that_knows_it() {
    let mut world = World::new().await;
    let later = RunOptions { rules: Some(agent_core::RULES + 1), ..RunOptions::default() };
    let thread = world.start(later).await;
    let told = async {
        loop {
            let workflow = temporal_backend::wire::workflow_id(&thread.key);
            if let Ok(Some(why)) = temporal_backend::failing_task(&world.client, &workflow).await {
                return why;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let why = tokio::time::timeout(crate::world::PATIENCE, told).await.unwrap();
    assert!(why.contains("written by a later version"), "{why}");
    let described = thread.workflow.describe(WorkflowDescribeOptions::default()).await.unwrap();
    assert_eq!(described.status(), temporalio_client::WorkflowExecutionStatus::Running);
    world.stop_worker().await;
}
