//! A turn against a server, for its history.

use agent_core::{
    ApprovalPolicy, Content, Genesis, Item, ModelItem, Op, OpId, Operation, OutputStatus, Payload,
    PrepareRequest, Prepared, Redactor, SandboxPolicy, Settings, Shared, Submission, Tenant, ThreadId,
    ThreadKey, ToolAnswer, ToolCallHandler, ToolOutput, ToolRequest,
    testing::{FakeModel, preparation, response},
};
use anyhow::{Result, ensure};
use async_trait::async_trait;
use sink::LocalBus;
use std::{sync::Arc, time::Duration};
use temporal_backend::{
    AgentWorkflow, Conversations, FileBlobs, RunHistory, Services, TemporalWorker, WorkerOptions,
    dev_server::TestServer,
    wire::{RunFrom, RunInput, RunOptions, workflow_id},
};
use temporalio_client::{
    Client, ClientOptions, Connection, ConnectionOptions, WorkflowExecuteUpdateOptions,
    WorkflowFetchHistoryOptions, WorkflowHandle, WorkflowQueryOptions, WorkflowStartOptions,
};

/// What a call answers.
const RESULT_BYTES: usize = 2_000;
/// The system prompt, which the history has once.
const INSTRUCTIONS_BYTES: usize = 8_000;
const QUEUE: &str = "replay-cost";
const PAUSE: Duration = Duration::from_millis(50);

/// Tools whose answers are long.
struct Verbose;

#[async_trait]
impl ToolCallHandler for Verbose {
    async fn prepare(&self, request: PrepareRequest) -> Prepared {
        Prepared::Ready(Box::new(preparation(&request.call.name, request.call.payload.text())))
    }

    fn start<'a>(&'a self, request: ToolRequest) -> Operation<'a> {
        let text = format!("{}{}", request.call.id, "x".repeat(RESULT_BYTES));
        let output = ToolOutput::text(OutputStatus::Ok, text);
        Operation::new(async { ToolAnswer::Finished { output } }, || {})
    }

    async fn recover(&self, _request: ToolRequest) -> ToolAnswer {
        ToolAnswer::NotStarted
    }
}

/// The history of a turn with so many calls, one a step.
pub(crate) async fn turn(calls: usize) -> Result<RunHistory> {
    let server = TestServer::start().await?;
    let home = tempfile::tempdir()?;
    let target = url::Url::parse(&format!("http://{}", server.address()))?;
    let connection = Connection::connect(ConnectionOptions::new(target).build()).await?;
    let client = Client::new(connection, ClientOptions::new("default").build())?;
    let model = FakeModel::new(move |request| {
        let outputs = request.conversation.items.iter().filter(|item| matches!(***item, Item::Output { .. }));
        let done = outputs.count();
        response([if done < calls {
            let arguments = format!("{{\"command\":\"print line {done} of the file\"}}");
            ModelItem::Call { name: "write".into(), payload: Payload::Function { arguments } }
        } else {
            ModelItem::Message { text: "done".into() }
        }])
    });
    let services = Services {
        model: Arc::new(model),
        tools: Arc::new(Verbose),
        workspace: Arc::new(()),
        redactor: Redactor::default(),
        bus: Arc::new(LocalBus::default()),
        blobs: Arc::new(FileBlobs::new(home.path().join("blobs"))),
        conversations: Arc::new(Conversations::default()),
    };
    let options = WorkerOptions::new(QUEUE, home.path().join("tasks"));
    let worker = TemporalWorker::start(&client, options, services).await?;
    let workflow = start(&client).await?;
    let submission =
        Submission::new(OpId::new("op"), "measure", Op::UserInput { items: vec![Content::text("go")] });
    workflow
        .execute_update(AgentWorkflow::submit_op, submission, WorkflowExecuteUpdateOptions::default())
        .await?;
    let runs = loop {
        let status = workflow.query(AgentWorkflow::status, (), WorkflowQueryOptions::default()).await?;
        let key = ThreadKey { tenant: Tenant::default(), thread: ThreadId::new("cost") };
        if !status.overview.summary(key, 0, None).status.is_active() {
            break status.runs;
        }
        tokio::time::sleep(PAUSE).await;
    };
    ensure!(runs == 1, "{calls} calls took {runs} runs; take fewer");
    worker.stop().await;
    let events = workflow.fetch_history(WorkflowFetchHistoryOptions::default()).into_events().await?;
    Ok(RunHistory::new(events))
}

async fn start(client: &Client) -> Result<WorkflowHandle<Client, AgentWorkflow>> {
    let key = ThreadKey { tenant: Tenant::default(), thread: ThreadId::new("cost") };
    let settings = Settings {
        approval: ApprovalPolicy::Never,
        sandbox: SandboxPolicy::DangerFullAccess,
        ..Settings::new("/project", "scripted")
    };
    let instructions = Shared::new("Be good. ".repeat(INSTRUCTIONS_BYTES / 9));
    let genesis = Genesis { settings, instructions, ..Genesis::default() };
    let id = workflow_id(&key);
    let from = RunFrom::New { genesis: Box::new(genesis) };
    let input = RunInput { key, from, options: RunOptions::default() };
    client.start_workflow(AgentWorkflow::run, input, WorkflowStartOptions::new(QUEUE, &id).build()).await?;
    Ok(client.get_workflow_handle(id))
}
