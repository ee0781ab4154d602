//! A server, a worker in this process, fakes for models and tools, and a thread to talk to.

use agent_core::{
    ApprovalPolicy, Content, Event, EventKind, Genesis, InteractionId, Item, ItemDetail, ModelError,
    ModelEvent, ModelItem, ModelRequest, ModelStreamer, NetworkAccess, Op, OpId, OutputStatus, Payload,
    RULES, Redactor, SandboxPolicy, Settings, Submission, Tenant, ThreadId, ThreadKey, ToolCallHandler,
    TurnItem, Workspace,
    testing::{FakeModel, FakeTools, response},
};
use sink::LocalBus;
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;
use temporal_backend::{
    AgentWorkflow, Conversations, Deployment, FileBlobs, Reply, Services, TemporalWorker, WorkerOptions,
    dev_server::TestServer,
    wire::{Carry, EventsAfter, Reading, RunFrom, RunInput, RunOptions, Status, workflow_id},
};
use temporalio_client::{
    Client, ClientOptions, Connection, ConnectionOptions, WorkflowExecuteUpdateOptions, WorkflowHandle,
    WorkflowQueryOptions, WorkflowSignalOptions, WorkflowStartOptions, errors::WorkflowUpdateError,
};
use tracing_subscriber::EnvFilter;

/// Longer than anything here takes, on a busy machine too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const QUEUE: &str = "everturn-test";

pub(crate) struct World {
    pub(crate) server: TestServer,
    pub(crate) home: TempDir,
    pub(crate) client: Client,
    pub(crate) services: Services,
    pub(crate) worker: Option<TemporalWorker>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Arc::new(FakeModel::new(obey)), Arc::new(FakeTools::default())).await
    }

    pub(crate) async fn with(model: Arc<dyn ModelStreamer>, tools: Arc<dyn ToolCallHandler>) -> Self {
        Self::of(model, tools, Arc::new(())).await
    }

    pub(crate) async fn of(
        model: Arc<dyn ModelStreamer>,
        tools: Arc<dyn ToolCallHandler>,
        workspace: Arc<dyn Workspace>,
    ) -> Self {
        // RUST_LOG=warn shows what the worker has to say.
        let _ = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::from_default_env())
            .with_test_writer()
            .try_init();
        let server = TestServer::start().await.unwrap();
        let home = tempfile::tempdir().unwrap();
        let services = Services { workspace, ..services(&home, model, tools) };
        let client = client(server.address()).await;
        let mut world = Self { server, home, client, services, worker: None };
        world.start_worker().await;
        world
    }

    pub(crate) async fn start_worker(&mut self) {
        let options = WorkerOptions::new(QUEUE, self.home.path().join("tasks"));
        let worker = TemporalWorker::start(&self.client, options, self.services.clone()).await.unwrap();
        self.worker = Some(worker);
    }

    /// The same as a version of a deployment.
    pub(crate) async fn start_version(&mut self, deployment: Deployment) {
        let options = WorkerOptions {
            deployment: Some(deployment),
            ..WorkerOptions::new(QUEUE, self.home.path().join("tasks"))
        };
        let worker = TemporalWorker::start(&self.client, options, self.services.clone()).await.unwrap();
        self.worker = Some(worker);
    }

    /// Stops what polls, before the runtime goes.
    pub(crate) async fn stop_worker(&mut self) {
        if let Some(worker) = self.worker.take() {
            worker.stop().await;
        }
    }

    pub(crate) async fn start(&self, options: RunOptions) -> TestThread {
        let key =
            ThreadKey { tenant: Tenant::default(), thread: ThreadId::new(uuid::Uuid::now_v7().to_string()) };
        self.begin(key, RunFrom::New { genesis: Box::new(genesis()) }, options).await
    }

    /// Begins a run as clients do: it keeps to the rules of this build.
    pub(crate) async fn begin(&self, key: ThreadKey, from: RunFrom, options: RunOptions) -> TestThread {
        let options = RunOptions { rules: options.rules.or(Some(RULES)), ..options };
        let input = RunInput { key: key.clone(), from, options };
        let start =
            WorkflowStartOptions::new(QUEUE, workflow_id(&key)).task_timeout(Duration::from_secs(5)).build();
        self.client.start_workflow(AgentWorkflow::run, input, start).await.unwrap();
        TestThread { workflow: self.client.get_workflow_handle(workflow_id(&key)), key }
    }
}

fn services(home: &TempDir, model: Arc<dyn ModelStreamer>, tools: Arc<dyn ToolCallHandler>) -> Services {
    Services {
        model,
        tools,
        workspace: Arc::new(()),
        redactor: Redactor::new(["sk-very-secret".to_owned()]),
        bus: Arc::new(LocalBus::default()),
        blobs: Arc::new(FileBlobs::new(home.path().join("blobs"))),
        conversations: Arc::new(Conversations::default()),
    }
}

pub(crate) async fn client(address: &str) -> Client {
    let target = url::Url::parse(&format!("http://{address}")).unwrap();
    let connection = Connection::connect(ConnectionOptions::new(target).build()).await.unwrap();
    Client::new(connection, ClientOptions::new("default").build()).unwrap()
}

pub(crate) struct TestThread {
    pub(crate) key: ThreadKey,
    pub(crate) workflow: WorkflowHandle<Client, AgentWorkflow>,
}

impl TestThread {
    pub(crate) async fn say(&self, id: &str, text: &str) -> Reply {
        self.submit(id, Op::UserInput { items: vec![Content::text(text)] }).await
    }

    /// Submits, to the next run where one is about to end.
    pub(crate) async fn submit(&self, id: &str, op: Op) -> Reply {
        let again = serde_json::to_string(&Reply::Again).unwrap();
        let submit = async {
            loop {
                match self.try_submit(id, op.clone()).await {
                    Ok(Reply::Again) => {}
                    Ok(reply) => return reply,
                    Err(error) if error.to_string().contains(again.trim_matches('"')) => {}
                    Err(error) if error.to_string().contains("completed") => {}
                    Err(error) => panic!("{error:?}"),
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, submit).await.unwrap()
    }

    pub(crate) async fn try_submit(&self, id: &str, op: Op) -> Result<Reply, WorkflowUpdateError> {
        let submission = Submission::new(OpId::new(id), "test", op);
        let options = WorkflowExecuteUpdateOptions::builder().update_id(id.to_owned()).build();
        self.workflow.execute_update(AgentWorkflow::submit_op, submission, options).await
    }

    pub(crate) async fn signal(&self, id: &str, op: Op) {
        let submission = Submission::new(OpId::new(id), "test", op);
        self.workflow
            .signal(AgentWorkflow::receive_op, submission.into(), WorkflowSignalOptions::default())
            .await
            .unwrap();
    }

    pub(crate) async fn status(&self) -> Status {
        let query = async {
            loop {
                let status =
                    self.workflow.query(AgentWorkflow::status, (), WorkflowQueryOptions::default()).await;
                match status {
                    Ok(status) => return status,
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        };
        tokio::time::timeout(PATIENCE, query).await.unwrap()
    }

    pub(crate) async fn snapshot(&self) -> Carry {
        let mut text = String::new();
        loop {
            let part = self
                .workflow
                .query(AgentWorkflow::snapshot, text.len() as u64, WorkflowQueryOptions::default())
                .await
                .unwrap();
            text.push_str(&part.text);
            if text.len() as u64 >= part.total {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    /// The question that is open, once there is one.
    pub(crate) async fn question(&self) -> InteractionId {
        let wait = async {
            loop {
                if let Some(event) = self.status().await.questions.first() {
                    return agent_core::question(event).unwrap().clone();
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap()
    }

    /// Waits until so many turns have ended, without reading what happened.
    pub(crate) async fn until_turn_ends_somehow(&self, turns: u32) {
        let wait = async {
            loop {
                let summary = self.status().await.overview.summary(self.key.clone(), 0, None);
                if summary.turns == turns && !summary.status.is_active() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap();
    }

    /// Waits for an event.
    pub(crate) async fn until(&self, what: &str, fits: impl Fn(&EventKind) -> bool) {
        let wait = async {
            loop {
                let page = self
                    .workflow
                    .query(AgentWorkflow::events, EventsAfter::default(), WorkflowQueryOptions::default())
                    .await
                    .unwrap();
                if let Reading::Events { events, .. } = page.reading
                    && events.iter().any(|event| fits(&event.kind))
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "{what} does not come");
    }

    /// All events up to the end of the turn with this number, read as they come.
    pub(crate) async fn until_turn_ends(&self, turn: u32) -> Vec<Event> {
        let mut all: Vec<Event> = Vec::new();
        let read = async {
            loop {
                let after = EventsAfter { seq: all.last().map_or(0, |event| event.seq), digest: None };
                let page =
                    self.workflow.query(AgentWorkflow::events, after, WorkflowQueryOptions::default()).await;
                if let Ok(page) = page
                    && let Reading::Events { events, .. } = page.reading
                {
                    all.extend(events);
                }
                let ended = |event: &Event| {
                    event.kind.is_terminal() && event.turn.is_some_and(|ended| ended.0 == turn)
                };
                if all.iter().any(ended) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let late = tokio::time::timeout(PATIENCE, read).await.is_err();
        assert!(!late, "turn {turn} does not end; so far {all:#?}");
        all
    }
}

/// How the call of an item ended.
pub(crate) fn status(item: &TurnItem) -> Option<OutputStatus> {
    match &item.detail {
        ItemDetail::ToolCall { output, .. } | ItemDetail::CommandExecution { output, .. } => {
            output.as_ref().map(|output| output.status)
        }
        _ => None,
    }
}

pub(crate) fn genesis() -> Genesis {
    let settings = Settings {
        approval: ApprovalPolicy::OnRequest,
        sandbox: SandboxPolicy::WorkspaceWrite { writable_roots: Vec::new(), network: NetworkAccess::Off },
        ..Settings::new("/work", "scripted")
    };
    Genesis { settings, ..Genesis::default() }
}

/// A model that does what the user says: each word after `call` is a tool, called one after another; then it says
/// `done`. Anything else it repeats.
pub(crate) fn obey(request: &ModelRequest) -> Vec<Result<ModelEvent, ModelError>> {
    let items = &request.conversation.items;
    let user = items.iter().rposition(|item| matches!(**item, Item::User { .. })).unwrap();
    let Item::User { content } = &*items[user] else { unreachable!() };
    let Some(Content::Text { text }) = content.first() else { unreachable!() };
    let answered = items[user..].iter().filter(|item| matches!(***item, Item::Output { .. })).count();
    let item = match text.strip_prefix("call ").map(|tools| tools.split(' ').nth(answered)) {
        Some(Some(tool)) => ModelItem::Call {
            name: tool.to_owned(),
            payload: Payload::Function { arguments: format!("{{\"n\":{answered}}}") },
        },
        Some(None) => ModelItem::Message { text: "done".into() },
        None => ModelItem::Message { text: format!("you said: {text}") },
    };
    response([item])
}
