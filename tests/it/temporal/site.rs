//! [`Site`]: a server, and a worker in this process with the real tools and scripted models.

use super::{client, soon};
use crate::scenarios::registry;
use agent_core::{ModelError, ModelEvent, ModelRequest, ModelStreamer, Redactor, ThreadKey, Workspace};
use futures::stream::BoxStream;
use models::{Script, ScriptedModel};
use sink::LocalBus;
use std::{collections::BTreeMap, sync::Arc};
use tempfile::TempDir;
use temporal_backend::{
    AgentWorkflow, BackendOptions, Conversations, FileBlobs, Services, TemporalBackend, TemporalWorker,
    WorkerOptions,
    dev_server::TestServer,
    wire::{RunOptions, workflow_id},
};
use temporalio_client::{Client, WorkflowHandle, WorkflowQueryOptions};

/// The queue of the worker.
pub(super) const QUEUE: &str = "everturn-site";

/// A server, and a worker in this process with the real tools.
pub(super) struct Site {
    pub(super) client: Client,
    bus: Arc<LocalBus>,
    pub(super) worker: TemporalWorker,
    pub(super) folder: TempDir,
    _server: TestServer,
}

impl Site {
    pub(super) async fn open(scripts: Scripts) -> Self {
        Self::open_in(scripts, Arc::new(())).await
    }

    /// The same where snapshots and hooks answer so.
    pub(super) async fn open_in(scripts: Scripts, workspace: Arc<dyn Workspace>) -> Self {
        let server = TestServer::start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let client = client(server.address()).await;
        let home = folder.path().join("home");
        let tools = registry(&home);
        let bus = Arc::new(LocalBus::default());
        let services = Services {
            model: Arc::new(scripts),
            tools: Arc::new(tools),
            workspace,
            redactor: Redactor::default(),
            bus: bus.clone(),
            blobs: Arc::new(FileBlobs::new(home.join("blobs"))),
            conversations: Arc::new(Conversations::default()),
        };
        let options = WorkerOptions::new(QUEUE, home.join("tasks"));
        let worker = TemporalWorker::start(&client, options, services).await.unwrap();
        Self { client, bus, worker, folder, _server: server }
    }

    pub(super) fn backend(&self, run: RunOptions) -> TemporalBackend {
        let options = BackendOptions {
            bus: self.bus.clone(),
            blobs: Arc::new(FileBlobs::new(self.folder.path().join("home/blobs"))),
            redactor: Redactor::default(),
            queue: QUEUE.into(),
            run,
            durability: "a server of a test".into(),
            library: None,
        };
        TemporalBackend::new(self.client.clone(), options)
    }
}

/// Answers each thread as its scenario says: the model's name is the scenario's.
pub(super) struct Scripts(BTreeMap<String, ScriptedModel>);

impl Scripts {
    pub(super) fn of<'a>(scripts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let script = |text| ScriptedModel::new(Script::parse(text).unwrap());
        Self(scripts.into_iter().map(|(name, text)| (name.to_owned(), script(text))).collect())
    }
}

impl ModelStreamer for Scripts {
    fn stream<'a>(&'a self, request: ModelRequest) -> BoxStream<'a, Result<ModelEvent, ModelError>> {
        self.0[&request.model].stream(request)
    }
}

/// As many runs as can be: each hands over after three records.
pub(super) fn cut() -> RunOptions {
    RunOptions { records_per_run: Some(3), ..RunOptions::default() }
}

/// The workflow of a thread.
pub(super) fn workflow(client: &Client, key: &ThreadKey) -> WorkflowHandle<Client, AgentWorkflow> {
    client.get_workflow_handle(workflow_id(key))
}

/// How many runs a thread has had.
pub(super) async fn runs(client: &Client, key: &ThreadKey) -> usize {
    let workflow = workflow(client, key);
    let status = workflow.query(AgentWorkflow::status, (), WorkflowQueryOptions::default());
    soon("the status", status).await.unwrap().runs as usize
}
