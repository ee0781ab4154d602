//! The server of a laptop, with real servers and real processes that use them.

mod alone;
mod shared;
mod tests_own;

use rustix::process::{Pid, Signal, kill_process};
use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;
use temporal_backend::dev_server::{
    CliSearch, Fetch, NAMESPACE, Progress, Reporter, ServerHome, ServerLease, ServerWish, use_server,
};
use temporalio_client::{Connection, ConnectionOptions, tonic::IntoRequest};
use temporalio_common::protos::temporal::api::{
    common::v1::{WorkflowExecution, WorkflowType},
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{DescribeWorkflowExecutionRequest, StartWorkflowExecutionRequest},
};
use url::Url;

/// Whatever these tests wait for comes sooner, or they fail.
const SOON: Duration = Duration::from_secs(60);

/// A home whose server goes with it, also where the test fails.
struct Home {
    folder: TempDir,
    told: Arc<Mutex<Vec<Progress>>>,
    server: ServerHome,
}

impl Home {
    fn new() -> Self {
        Self::with(CliSearch::for_tests())
    }

    /// A home for which there is no program.
    fn without_program() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cli");
        Self::with(CliSearch { named: None, path: None, cache, fetch: Fetch::Never })
    }

    fn with(search: CliSearch) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let told: Arc<Mutex<Vec<Progress>>> = Arc::default();
        let reporter = Reporter::new({
            let told = told.clone();
            move |progress| told.lock().unwrap().push(progress.clone())
        });
        Self { server: ServerHome::new(folder.path(), search, reporter), folder, told }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    async fn join(&self) -> ServerLease {
        use_server(&self.server, ServerWish::default()).await.unwrap()
    }

    /// The process of the server that runs.
    fn pid(&self) -> Option<u32> {
        self.server.status().unwrap().map(|status| status.occupant.pid)
    }

    fn told(&self) -> Vec<Progress> {
        self.told.lock().unwrap().clone()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Some(pid) = self.pid() {
            signal(pid, Signal::KILL);
        }
    }
}

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal).unwrap();
}

/// Waits until it is so.
async fn until(is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, wait).await.expect("it comes about");
}

async fn connect(address: &str) -> Connection {
    let target = Url::parse(&format!("http://{address}")).unwrap();
    Connection::connect(ConnectionOptions::new(target).identity("test").build()).await.unwrap()
}

/// Starts a workflow that no worker will ever serve, and returns its run.
async fn start_workflow(address: &str, id: &str) -> String {
    let request = StartWorkflowExecutionRequest {
        namespace: NAMESPACE.to_owned(),
        workflow_id: id.to_owned(),
        request_id: id.to_owned(),
        workflow_type: Some(WorkflowType { name: "nobody's".to_owned() }),
        task_queue: Some(TaskQueue { name: "nobody's".to_owned(), ..Default::default() }),
        ..Default::default()
    };
    let mut service = connect(address).await.workflow_service();
    service.start_workflow_execution(request.into_request()).await.unwrap().into_inner().run_id
}

/// The run of a workflow that is there.
async fn run_of(address: &str, id: &str) -> String {
    let execution = WorkflowExecution { workflow_id: id.to_owned(), run_id: String::new() };
    let request =
        DescribeWorkflowExecutionRequest { namespace: NAMESPACE.to_owned(), execution: Some(execution) };
    let mut service = connect(address).await.workflow_service();
    let found = service.describe_workflow_execution(request.into_request()).await.unwrap().into_inner();
    found.workflow_execution_info.unwrap().execution.unwrap().run_id
}
