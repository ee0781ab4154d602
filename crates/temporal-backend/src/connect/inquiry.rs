//! What is asked of a server to tell a user how things are: who polls a queue, how long histories are kept.

use std::time::{Duration, SystemTime};
use temporalio_client::{
    Client, NamespacedClient,
    tonic::{Code, IntoRequest, Status},
};
use temporalio_common::protos::temporal::api::{
    common::v1::WorkflowExecution,
    enums::v1::{TaskQueueKind, TaskQueueType},
    history::v1::history_event::Attributes,
    taskqueue::v1::{PollerInfo, TaskQueue},
    workflowservice::v1::{
        DescribeNamespaceRequest, DescribeNamespaceResponse, DescribeTaskQueueRequest, GetClusterInfoRequest,
        GetWorkflowExecutionHistoryReverseRequest, ListNamespacesRequest,
    },
};

/// The most namespaces that a message names.
const MAX_NAMESPACES: i32 = 20;
/// How many of a run's last events are looked at: a failed task is the last but for signals that came after it.
const LAST_EVENTS: i32 = 100;
/// A poll is answered after a minute where there is nothing to do, and made again at once. So a worker that lives was
/// seen within that time, give or take.
const POLL_LASTS: Duration = Duration::from_secs(70);

/// Who polls a task queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pollers {
    /// For workflows.
    pub workflows: Vec<Poller>,
    /// For activities.
    pub activities: Vec<Poller>,
}

/// A worker that the server has seen within the last five minutes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poller {
    /// How it calls itself, usually `PID@HOST`.
    pub identity: String,
    /// When it last asked for work.
    pub last_seen: Option<SystemTime>,
}

/// A server that let us in does not answer a question.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the Temporal server does not say {what}: {why}")]
pub struct InquiryError {
    what: &'static str,
    why: String,
    code: Code,
}

impl InquiryError {
    fn of(what: &'static str, status: &Status) -> Self {
        let why = match status.message() {
            "" => format!("{:?}", status.code()),
            message => message.to_owned(),
        };
        Self { what, why, code: status.code() }
    }

    /// Whether the same may work a little later.
    pub fn retry(&self) -> bool {
        !matches!(
            self.code,
            Code::PermissionDenied | Code::Unauthenticated | Code::NotFound | Code::Unimplemented
        )
    }
}

impl Pollers {
    /// Whether somebody is likely to run workflows now. A worker that has stopped or was killed is
    /// thought to live for up to 70 s.
    pub fn is_served(&self, now: SystemTime) -> bool {
        self.workflows.iter().any(|poller| poller.is_fresh(now))
    }
}

impl Poller {
    /// Whether it asked for work so lately that it should be alive.
    pub fn is_fresh(&self, now: SystemTime) -> bool {
        let Some(seen) = self.last_seen else { return false };
        // The clocks of two machines differ.
        now.duration_since(seen).is_ok_and(|age| age <= POLL_LASTS) || seen > now
    }
}

/// What is known of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFacts {
    /// Its version.
    pub version: String,
    /// How long its answer took.
    pub latency: Duration,
}

/// What is known of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceFacts {
    /// Its name.
    pub name: String,
    /// How long histories of closed runs are kept; `None` where the server does not say.
    pub retention: Option<Duration>,
}

/// Who polls a task queue of the client's namespace.
///
/// # Errors
/// The server does not answer, or does not allow it.
pub async fn pollers(client: &Client, queue: &str) -> Result<Pollers, InquiryError> {
    let workflows = pollers_of(client, queue, TaskQueueType::Workflow).await?;
    let activities = pollers_of(client, queue, TaskQueueType::Activity).await?;
    Ok(Pollers { workflows, activities })
}

async fn pollers_of(client: &Client, queue: &str, of: TaskQueueType) -> Result<Vec<Poller>, InquiryError> {
    let request = DescribeTaskQueueRequest {
        namespace: client.namespace(),
        task_queue: Some(TaskQueue {
            name: queue.to_owned(),
            kind: TaskQueueKind::Normal.into(),
            ..TaskQueue::default()
        }),
        task_queue_type: of.into(),
        ..DescribeTaskQueueRequest::default()
    };
    let mut service = client.connection().workflow_service();
    let answer = service.describe_task_queue(request.into_request()).await;
    let answer = answer.map_err(|status| InquiryError::of("who polls the task queue", &status))?;
    let poller = |info: PollerInfo| Poller {
        identity: info.identity,
        last_seen: info.last_access_time.and_then(|time| SystemTime::try_from(time).ok()),
    };
    Ok(answer.into_inner().pollers.into_iter().map(poller).collect())
}

/// How long the histories of closed runs are kept in the client's namespace; `None` where the server does not say.
///
/// # Errors
/// The server does not answer, or does not allow it.
pub async fn retention(client: &Client) -> Result<Option<Duration>, InquiryError> {
    Ok(namespace_facts(client).await?.retention)
}

/// Why a run does not go on, where its last workflow task failed: a worker that lacks a key of the codec, a worker of
/// another version. The server tries such a task again, ever more slowly; until one succeeds, queries are not answered and
/// updates are refused. `None` where there is nothing of the kind.
///
/// # Errors
/// The server does not answer, knows no such workflow, or does not allow it.
pub async fn failing_task(client: &Client, workflow_id: &str) -> Result<Option<String>, InquiryError> {
    let request = GetWorkflowExecutionHistoryReverseRequest {
        namespace: client.namespace(),
        execution: Some(WorkflowExecution { workflow_id: workflow_id.to_owned(), run_id: String::new() }),
        maximum_page_size: LAST_EVENTS,
        ..GetWorkflowExecutionHistoryReverseRequest::default()
    };
    let mut service = client.connection().workflow_service();
    let answer = service.get_workflow_execution_history_reverse(request.into_request()).await;
    let answer = answer.map_err(|status| InquiryError::of("why the workflow does not go on", &status))?;
    let events = answer.into_inner().history.map(|history| history.events).unwrap_or_default();
    for event in events {
        match event.attributes {
            Some(Attributes::WorkflowTaskCompletedEventAttributes(_)) => return Ok(None),
            Some(Attributes::WorkflowTaskFailedEventAttributes(failed)) => {
                return Ok(Some(failed.failure.map(|failure| failure.message).unwrap_or_default()));
            }
            _ => {}
        }
    }
    Ok(None)
}

/// What is known of the client's namespace.
///
/// # Errors
/// The server does not answer, or does not allow it.
pub async fn namespace_facts(client: &Client) -> Result<NamespaceFacts, InquiryError> {
    let answer = described(client).await;
    let answer = answer.map_err(|status| InquiryError::of("what it knows of the namespace", &status))?;
    let retention = answer.config.and_then(|config| config.workflow_execution_retention_ttl);
    Ok(NamespaceFacts {
        name: client.namespace(),
        retention: retention.and_then(|time| Duration::try_from(time).ok()),
    })
}

/// What is known of the server.
///
/// # Errors
/// The server does not answer, or does not allow it.
pub async fn server_facts(client: &Client) -> Result<ServerFacts, InquiryError> {
    let began = std::time::Instant::now();
    let mut service = client.connection().workflow_service();
    let request = GetClusterInfoRequest::default().into_request();
    let answer = service.get_cluster_info(request).await;
    let answer = answer.map_err(|status| InquiryError::of("which version it is", &status))?;
    Ok(ServerFacts { version: answer.into_inner().server_version, latency: began.elapsed() })
}

/// The client's namespace, as the server describes it.
pub(super) async fn described(client: &Client) -> Result<DescribeNamespaceResponse, Status> {
    let request =
        DescribeNamespaceRequest { namespace: client.namespace(), ..DescribeNamespaceRequest::default() };
    let mut service = client.connection().workflow_service();
    Ok(service.describe_namespace(request.into_request()).await?.into_inner())
}

/// The namespaces that the server tells of.
pub(super) async fn namespaces(client: &Client) -> Result<Vec<String>, Status> {
    let request = ListNamespacesRequest { page_size: MAX_NAMESPACES, ..ListNamespacesRequest::default() };
    let mut service = client.connection().workflow_service();
    let answer = service.list_namespaces(request.into_request()).await?.into_inner();
    let names = answer.namespaces.into_iter().filter_map(|namespace| Some(namespace.namespace_info?.name));
    Ok(names.filter(|name| name != "temporal-system").collect())
}
