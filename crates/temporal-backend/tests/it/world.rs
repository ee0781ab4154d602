//! A server, a worker in this process, fakes for models and tools, and a thread to talk to.

use agent_core::{
    ApprovalPolicy, Content, Event, Genesis, Item, ModelError, ModelEvent, ModelItem, ModelRequest,
    ModelStreamer, Op, OpId, Payload, Redactor, SandboxPolicy, Settings, Submission, Tenant, ThreadId,
    ThreadKey, ToolCallHandler,
    testing::{FakeModel, FakeTools, response},
};
use sink::LocalBus;
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;
use temporal_backend::{
    AgentWorkflow, Conversations, FileBlobs, Reply, Services, TemporalWorker, WorkerOptions,
    dev_server::TestServer,
    wire::{EventsAfter, Reading, RunFrom, RunInput, RunOptions, workflow_id},
};
use temporalio_client::{
    Client, ClientOptions, Connection, ConnectionOptions, WorkflowExecuteUpdateOptions, WorkflowHandle,
    WorkflowQueryOptions, WorkflowStartOptions,
};

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
        let server = TestServer::start().await.unwrap();
        let home = tempfile::tempdir().unwrap();
        let services = services(&home, model, tools);
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

    pub(crate) async fn start(&self, options: RunOptions) -> TestThread {
        let key =
            ThreadKey { tenant: Tenant::default(), thread: ThreadId::new(uuid::Uuid::now_v7().to_string()) };
        let input =
            RunInput { key: key.clone(), from: RunFrom::New { genesis: Box::new(genesis()) }, options };
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

    pub(crate) async fn submit(&self, id: &str, op: Op) -> Reply {
        let submission = Submission::new(OpId::new(id), "test", op);
        let options = WorkflowExecuteUpdateOptions::builder().update_id(id.to_owned()).build();
        self.workflow.execute_update(AgentWorkflow::submit_op, submission, options).await.unwrap()
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

pub(crate) fn genesis() -> Genesis {
    let settings = Settings {
        approval: ApprovalPolicy::OnRequest,
        sandbox: SandboxPolicy::WorkspaceWrite { writable_roots: Vec::new() },
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
