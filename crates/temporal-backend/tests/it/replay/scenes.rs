//! Threads that do everything a thread can do on Temporal, each a little of it, for the histories they leave.

use super::{
    fakes::{Model, Tools},
    long::{self, Space},
    questions,
};
use crate::world::{QUEUE, TestThread, World};
use agent_core::{
    ApprovalDecision, Event, EventKind, ForkPoint, Genesis, Op, OutputStatus, Tenant, ThreadId, ThreadKey,
};
use std::{sync::Arc, time::Duration};
use temporal_backend::{
    AgentWorkflow, ReplayOptions, Reply, RunHistory, TemporalWorker, WorkerOptions, replay,
    wire::{EventsAfter, Reading, RunFrom, RunOptions, workflow_id},
};
use temporalio_client::{
    WorkflowCancelOptions, WorkflowDescribeOptions, WorkflowExecuteUpdateOptions, WorkflowExecutionInfo,
    WorkflowFetchHistoryOptions, WorkflowGetResultOptions, WorkflowHandle, WorkflowQueryOptions,
};
use temporalio_common::protos::temporal::api::{
    enums::v1::{EventType, IndexedValueType},
    history::v1::{HistoryEvent, history_event::Attributes},
    operatorservice::v1::AddSearchAttributesRequest,
};
use tokio::runtime::Runtime;

/// The scenes, by name.
pub(super) const SCENES: [&str; 57] = [
    "plain_turn",
    "tools_together",
    "approved",
    "approved_for_session",
    "denied",
    "interrupted",
    "cancelled_from_outside",
    "model_call_lost",
    "model_call_broken_off",
    "tool_lost_and_unknown",
    "tool_lost_and_recovered",
    "tool_lost_and_not_started",
    "local_activities_late",
    "local_activities_out_of_order",
    "local_and_regular_activities",
    "steered",
    "ops_by_signal_and_update",
    "refused_ops",
    "long_poll",
    "search_attributes",
    "handed_over_in_mid_turn",
    "shut_down",
    "resumed",
    "forked",
    "approved_with_a_rule",
    "approval_expired",
    "question_answered",
    "server_asked",
    "client_tool",
    "ran_again_outside",
    "policy_changed",
    "user_command",
    "tools_collected",
    "summarised_on_request",
    "summarised_at_the_beginning",
    "summarised_in_mid_turn",
    "summarised_after_overflow",
    "summary_lost",
    "summary_failed",
    "summary_shortened",
    "summarised_and_handed_over",
    "reviewed",
    "review_in_words",
    "review_interrupted",
    "undone",
    "undo_refused",
    "rolled_back_without_files",
    "snapshot_lost",
    "restore_lost",
    "planned",
    "masked",
    "budget_raised",
    "hooked",
    "hook_blocked",
    "hook_lost",
    "departed",
    "moved_in",
];

/// What a thread left.
pub(super) struct Played {
    /// The histories of its runs, the first one first.
    pub(super) runs: Vec<RunHistory>,
    /// What its readers saw while it ran.
    pub(super) events: Vec<Event>,
}

pub(super) struct Stage {
    pub(super) world: World,
    pub(super) model: Arc<Model>,
    tools: Arc<Tools>,
    pub(super) space: Arc<Space>,
    /// Where the worker lives that is going to die.
    doomed: Option<Runtime>,
}

/// Plays a scene against a server of its own.
pub(super) async fn play(name: &str) -> Played {
    let (model, tools) = (Arc::new(Model::default()), Arc::new(Tools::default()));
    let space = Arc::new(Space::default());
    let world = World::of(model.clone(), tools.clone(), space.clone()).await;
    let mut stage = Stage { world, model, tools, space, doomed: None };
    let thread = act(name, &mut stage).await;
    let played = played(&stage.world, &thread).await;
    stage.world.stop_worker().await;
    played
}

async fn act(name: &str, stage: &mut Stage) -> TestThread {
    match name {
        "plain_turn" => stage.turn("hello").await,
        "tools_together" => stage.turn("together read_a write_b read_c unknown apply_patch").await,
        "approved" => stage.asked("call ask_write", ApprovalDecision::Approved).await,
        "approved_for_session" => stage.asked("twice ask_write", ApprovalDecision::ApprovedForSession).await,
        "denied" => stage.asked("call ask_write", ApprovalDecision::Denied).await,
        "interrupted" => stage.interrupted().await,
        "cancelled_from_outside" => stage.cancelled_from_outside().await,
        "model_call_lost" => stage.model_call_lost().await,
        "model_call_broken_off" => stage.turn("break").await,
        "tool_lost_and_unknown" => stage.tool_lost("hang", OutputStatus::Unknown).await,
        "tool_lost_and_recovered" => stage.tool_lost("harvest", OutputStatus::Ok).await,
        "tool_lost_and_not_started" => stage.tool_lost("never", OutputStatus::Ok).await,
        "local_activities_late" => stage.turn("call read_late").await,
        "local_activities_out_of_order" => stage.turn("together read_last read_a read_b").await,
        "local_and_regular_activities" => stage.turn("together read_last read read_b").await,
        "steered" => stage.steered().await,
        "ops_by_signal_and_update" => stage.ops_by_signal_and_update().await,
        "refused_ops" => stage.refused_ops().await,
        "long_poll" => stage.long_poll().await,
        "search_attributes" => stage.search_attributes().await,
        "handed_over_in_mid_turn" => stage.handed_over_in_mid_turn().await,
        "shut_down" => stage.shut_down().await,
        "resumed" => stage.resumed().await,
        "forked" => stage.forked().await,
        name if questions::SCENES.contains(&name) => questions::act(name, stage).await,
        name => long::act(name, stage).await,
    }
}

pub(super) fn accepted(reply: &Reply) {
    assert!(matches!(reply, Reply::Accepted(_)), "{reply:?}");
}

impl Stage {
    pub(super) async fn turn(&self, text: &str) -> TestThread {
        let thread = self.world.start(RunOptions::default()).await;
        accepted(&thread.say("op-1", text).await);
        thread.until_turn_ends(1).await;
        thread
    }

    pub(super) async fn asked(&self, text: &str, decision: ApprovalDecision) -> TestThread {
        let thread = self.world.start(RunOptions::default()).await;
        accepted(&thread.say("op-1", text).await);
        let id = thread.question().await;
        accepted(&thread.submit("op-2", Op::ExecApproval { id, decision }).await);
        thread.until_turn_ends(1).await;
        thread
    }

    async fn interrupted(&self) -> TestThread {
        let thread = self.world.start(RunOptions::default()).await;
        accepted(&thread.say("op-1", "call hang").await);
        thread.until("item_started", |kind| matches!(kind, EventKind::ItemStarted { .. })).await;
        accepted(&thread.submit("op-2", Op::Interrupt).await);
        thread.until_turn_ends(1).await;
        thread
    }

    async fn cancelled_from_outside(&self) -> TestThread {
        let thread = self.world.start(RunOptions::default()).await;
        accepted(&thread.say("op-1", "call hang").await);
        thread.until("item_started", |kind| matches!(kind, EventKind::ItemStarted { .. })).await;
        thread.workflow.cancel(WorkflowCancelOptions::default()).await.unwrap();
        thread.until_turn_ends(1).await;
        thread
    }

    /// A worker that can die.
    pub(super) async fn doomed_worker(&mut self) {
        self.world.stop_worker().await;
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let address = self.world.server.address().to_owned();
        let options = WorkerOptions::new(QUEUE, self.world.home.path().join("tasks"));
        let services = self.world.services.clone();
        let started = runtime.spawn(async move {
            let client = crate::world::client(&address).await;
            // Nobody stops it in good order.
            std::mem::forget(TemporalWorker::start(&client, options, services).await.unwrap());
        });
        started.await.unwrap();
        self.doomed = Some(runtime);
    }

    async fn model_call_lost(&mut self) -> TestThread {
        self.doomed_worker().await;
        let thread = self.world.start(RunOptions::default()).await;
        accepted(&thread.say("op-1", "hold on").await);
        self.model.hanging.until(1).await;
        self.next_worker().await;
        thread.until_turn_ends(1).await;
        thread
    }

    async fn tool_lost(&mut self, tool: &str, status: OutputStatus) -> TestThread {
        self.doomed_worker().await;
        let thread = self.world.start(RunOptions::default()).await;
        accepted(&thread.say("op-1", &format!("call {tool}")).await);
        if tool == "hang" {
            thread.until("item_started", |kind| matches!(kind, EventKind::ItemStarted { .. })).await;
            let ran = async {
                while self.tools.fakes.runs().is_empty() {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            };
            tokio::time::timeout(crate::world::PATIENCE, ran).await.unwrap();
        } else {
            self.tools.hanging.until(1).await;
        }
        self.next_worker().await;
        let events = thread.until_turn_ends(1).await;
        let ended = events.iter().find_map(|event| match &event.kind {
            EventKind::ItemCompleted { item } => crate::world::status(item),
            _ => None,
        });
        assert_eq!(ended, Some(status), "{events:#?}");
        thread
    }

    /// The worker dies with all it does, as a process does, and another one comes.
    pub(super) async fn next_worker(&mut self) {
        self.doomed.take().unwrap().shutdown_background();
        self.world.start_worker().await;
    }

    async fn steered(&self) -> TestThread {
        let thread = self.world.start(RunOptions::default()).await;
        accepted(&thread.say("op-1", "call ask_write").await);
        let id = thread.question().await;
        accepted(&thread.say("op-2", "call read_a").await);
        accepted(&thread.submit("op-3", Op::ExecApproval { id, decision: ApprovalDecision::Approved }).await);
        thread.until_turn_ends(1).await;
        thread
    }

    async fn ops_by_signal_and_update(&self) -> TestThread {
        let thread = self.world.start(RunOptions::default()).await;
        thread.signal("op-1", Op::SetThreadName { name: "named".into() }).await;
        accepted(&thread.say("op-2", "hello").await);
        thread.until_turn_ends(1).await;
        // Once more, as who heard no answer does.
        thread.signal("op-2", Op::UserInput { items: vec![agent_core::Content::text("hello")] }).await;
        thread.signal("op-3", Op::UserInput { items: vec![agent_core::Content::text("again")] }).await;
        thread.until_turn_ends(2).await;
        thread
    }

    async fn refused_ops(&self) -> TestThread {
        let thread = self.world.start(RunOptions::default()).await;
        accepted(&thread.say("op-1", "hello").await);
        thread.until_turn_ends(1).await;
        assert!(thread.try_submit("op-2", Op::Interrupt).await.is_err(), "it leaves no trace");
        // A signal is there before it is refused.
        thread.signal("op-3", Op::Interrupt).await;
        accepted(&thread.say("op-4", "hello").await);
        thread.until_turn_ends(2).await;
        thread
    }

    async fn long_poll(&self) -> TestThread {
        let thread = self.turn("hello").await;
        let seq = thread.until_turn_ends(1).await.last().unwrap().seq;
        let after = EventsAfter { seq, digest: None };
        let (page, reply) = tokio::join!(
            thread.workflow.execute_update(
                AgentWorkflow::get_state_update,
                after,
                WorkflowExecuteUpdateOptions::default()
            ),
            thread.say("op-2", "hello"),
        );
        accepted(&reply);
        assert!(page.unwrap().last > seq);
        thread.until_turn_ends(2).await;
        thread
    }

    async fn search_attributes(&self) -> TestThread {
        let names = ["EverturnStatus", "EverturnModel"];
        let request = AddSearchAttributesRequest {
            namespace: "default".into(),
            search_attributes: names
                .map(|name| (name.to_owned(), i32::from(IndexedValueType::Keyword)))
                .into_iter()
                .collect(),
        };
        let mut operator = self.world.client.connection().operator_service();
        operator.add_search_attributes(tonic::Request::new(request)).await.unwrap();
        let options = RunOptions { search_attributes: true, ..RunOptions::default() };
        let thread = self.world.start(options).await;
        accepted(&thread.say("op-1", "call read_a").await);
        thread.until_turn_ends(1).await;
        thread
    }

    async fn handed_over_in_mid_turn(&self) -> TestThread {
        let options = RunOptions { records_per_run: Some(4), ..RunOptions::default() };
        let thread = self.world.start(options).await;
        accepted(&thread.say("op-1", "call write ask_write read_a").await);
        let id = thread.question().await;
        let approve = Op::ExecApproval { id, decision: ApprovalDecision::Approved };
        accepted(&thread.submit("op-2", approve).await);
        thread.until_turn_ends(1).await;
        thread
    }

    async fn shut_down(&self) -> TestThread {
        let thread = self.turn("hello").await;
        accepted(&thread.submit("op-2", Op::Shutdown { now: false }).await);
        thread.workflow.get_result(WorkflowGetResultOptions::default()).await.unwrap();
        thread
    }

    async fn resumed(&self) -> TestThread {
        let closed = self.shut_down().await;
        let carry = Box::new(closed.snapshot().await);
        let thread = self.begin(closed.key, RunFrom::Carried { carry }).await;
        accepted(&thread.say("op-3", "hello").await);
        thread.until_turn_ends(2).await;
        thread
    }

    async fn forked(&self) -> TestThread {
        let past = self.turn("call read_a").await;
        accepted(&past.say("op-2", "forgotten").await);
        past.until_turn_ends(2).await;
        let run = played(&self.world, &past).await.runs.remove(0);
        let commits = replay(run, ReplayOptions::default()).await.unwrap().commits;
        let at = ForkPoint::Turn(agent_core::TurnId(1));
        let genesis = at.genesis(&past.key, commits).unwrap().unwrap();
        let key = ThreadKey { tenant: Tenant::default(), thread: ThreadId::new("forked") };
        let genesis = Genesis { durability: "test".into(), ..genesis };
        let thread = self.begin(key, RunFrom::New { genesis: Box::new(genesis) }).await;
        accepted(&thread.say("op-1", "hello").await);
        thread.until_turn_ends(2).await;
        thread
    }

    pub(super) async fn begin(&self, key: ThreadKey, from: RunFrom) -> TestThread {
        self.world.begin(key, from, RunOptions::default()).await
    }
}

/// What a thread left, once it rests.
pub(super) async fn played(world: &World, thread: &TestThread) -> Played {
    let page =
        thread.workflow.query(AgentWorkflow::events, EventsAfter::default(), WorkflowQueryOptions::default());
    let Reading::Events { events, .. } = page.await.unwrap().reading else { panic!("events are gone") };
    Played { runs: runs(world, thread).await, events }
}

/// The histories of its runs, the first one first, once it rests.
pub(super) async fn runs(world: &World, thread: &TestThread) -> Vec<RunHistory> {
    let newest = thread.workflow.describe(WorkflowDescribeOptions::default()).await.unwrap();
    let mut next = Some(newest.run_id().to_owned());
    let mut runs = Vec::new();
    while let Some(id) = next.take() {
        let run = history(world, &thread.key, &id).await;
        if let Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) = &run[0].attributes {
            next = Some(started.continued_execution_run_id.clone()).filter(|id| !id.is_empty());
        }
        runs.push(RunHistory::new(run));
    }
    runs.reverse();
    runs
}

/// The history of a run, once nothing is under way in it.
async fn history(world: &World, key: &ThreadKey, run: &str) -> Vec<HistoryEvent> {
    let info = WorkflowExecutionInfo::builder()
        .namespace("default")
        .workflow_id(workflow_id(key))
        .run_id(run)
        .build();
    let handle: WorkflowHandle<_, AgentWorkflow> = WorkflowHandle::new(world.client.clone(), info);
    let settled = async {
        loop {
            let events =
                handle.fetch_history(WorkflowFetchHistoryOptions::default()).into_events().await.unwrap();
            let last = |of: &[EventType]| events.iter().rposition(|event| of.contains(&event.event_type()));
            let begun = last(&[EventType::WorkflowTaskScheduled, EventType::WorkflowTaskStarted]);
            if last(&[EventType::WorkflowTaskCompleted]) > begun {
                return events;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::world::PATIENCE, settled).await.unwrap()
}
