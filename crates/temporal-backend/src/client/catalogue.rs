//! All threads: list them, look at one.

use super::{
    TemporalBackend, TemporalError, TemporalSession,
    attendance::Attended,
    deletion::DELETED,
    line::{Line, Trouble, WORKFLOW_TYPE, asked_again},
    past,
    session::Until,
    start::ending,
};
use crate::{
    AgentWorkflow,
    wire::{Departed, Status, workflow_id},
    workflow::{DEPARTED, MEMO, status_after},
};
use agent_core::{
    Overview, PendingInteraction, Server, Settings, Tenant, ThreadFilter, ThreadId, ThreadKey, ThreadStatus,
    ThreadSummary, question,
};
use futures::{StreamExt, TryStreamExt, stream};
use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use temporalio_client::{
    Client, NamespacedClient, WorkflowExecutionDescription, WorkflowExecutionStatus, grpc::WorkflowService,
};
use temporalio_common::{
    data_converters::{SerializationContextData, WorkflowSerializationContext},
    protos::temporal::api::{
        common::v1::Payload,
        workflow::v1::WorkflowExecutionInfo,
        workflowservice::v1::{ListWorkflowExecutionsRequest, ListWorkflowExecutionsResponse},
    },
};

/// So many threads are looked at for a list; beyond them the oldest are left out.
const MAX_LISTED: usize = 20_000;
/// Asked for at once.
const PAGE: i32 = 1_000;
/// A worker that has the thread in memory answers far sooner; where none does, there is another way.
const STATUS_DEADLINE: Duration = Duration::from_secs(2);
/// So many threads are asked for their questions at once.
const ASKED_AT_ONCE: usize = 8;

impl TemporalBackend {
    /// A session for a thread as it is, served or not. It changes nothing but by what is submitted.
    ///
    /// # Errors
    /// [`TemporalError::UnknownThread`] where there is none.
    pub async fn attach(&self, key: &ThreadKey) -> Result<TemporalSession, TemporalError> {
        let line = Line::new(&self.shared.client, key);
        let found = self.here(&line).await?;
        Ok(self.session(line, found.task_queue().to_owned(), Until::Left, None))
    }

    /// Whether there is such a thread, however new it is.
    ///
    /// # Errors
    /// The server does not say.
    pub async fn exists(&self, key: &ThreadKey) -> Result<bool, TemporalError> {
        match self.found(&Line::new(&self.shared.client, key)).await {
            Ok(_) => Ok(true),
            Err(TemporalError::UnknownThread { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether a worker polls the queue of a thread's open run. One that was killed within the last minute or so counts.
    ///
    /// # Errors
    /// [`TemporalError::UnknownThread`] where there is no such thread.
    pub async fn is_served(&self, key: &ThreadKey) -> Result<bool, TemporalError> {
        let found = self.found(&Line::new(&self.shared.client, key)).await?;
        Ok(is_open(found.status()) && self.is_attended(found.task_queue()).await)
    }

    /// Whether a worker polls this queue. One that was killed within the last minute or so counts.
    pub async fn is_polled(&self, queue: &str) -> bool {
        self.is_attended(queue).await
    }

    /// The threads that fit, those first that changed last. Lists lag behind: a thread of the last moment may be missing, and
    /// another may be shown as it was a moment ago. One that was encrypted with a key that is not here is listed without its
    /// details.
    ///
    /// # Errors
    /// The server does not say.
    pub async fn list(&self, filter: &ThreadFilter) -> Result<Vec<ThreadSummary>, TemporalError> {
        let mut newest: BTreeMap<ThreadId, Look> = BTreeMap::new();
        let mut token = Vec::new();
        loop {
            let page = self.page(wanted(filter), token).await?;
            for info in page.executions {
                let Some(look) = Look::of(&self.shared.client, &filter.tenant, info).await else { continue };
                // A thread that was resumed has more than one chain of runs.
                let known = newest.get(&look.key.thread);
                if known.is_none_or(|known| known.started_ms < look.started_ms) {
                    newest.insert(look.key.thread.clone(), look);
                }
            }
            token = page.next_page_token;
            if token.is_empty() || newest.len() >= MAX_LISTED {
                break;
            }
        }
        let mut threads = filter.choose(newest.values().filter(|look| !look.is_gone).map(Look::summary));
        for thread in &mut threads {
            if let Some(look) = newest.get(&thread.key.thread) {
                thread.served_by = self.server(look).await;
            }
        }
        Ok(threads)
    }

    /// What is known of a thread. While nobody answers for it, it is what lists show.
    ///
    /// # Errors
    /// [`TemporalError::UnknownThread`] where there is none.
    pub async fn get(&self, key: &ThreadKey) -> Result<ThreadSummary, TemporalError> {
        let line = Line::new(&self.shared.client, key);
        let found = self.here(&line).await?;
        let info = found.raw().workflow_execution_info.clone().unwrap_or_default();
        // What came with it is decoded already.
        let Some(look) = Look::of(&self.shared.client, &key.tenant, info).await else {
            return Err(line.error(Trouble::Unknown));
        };
        let served_by = self.server(&look).await;
        if served_by.is_some()
            && let Some(status) = self.ask_status(&line).await?
        {
            return Ok(status.overview.summary(key.clone(), u64::from(status.runs), served_by));
        }
        Ok(ThreadSummary { served_by, ..look.summary() })
    }

    /// The questions of a tenant's threads that wait, whether the threads are served or not; the oldest of a thread first.
    ///
    /// # Errors
    /// The server does not say.
    pub async fn pending(&self, tenant: &Tenant) -> Result<Vec<PendingInteraction>, TemporalError> {
        let filter = ThreadFilter { status: Some(ThreadStatus::Waiting), ..ThreadFilter::of(tenant.clone()) };
        let threads = self.list(&filter).await?;
        let asked = stream::iter(threads).map(|thread| async move {
            match self.questions(&thread.key).await {
                // It was deleted meanwhile.
                Err(TemporalError::UnknownThread { .. }) => Ok(Vec::new()),
                other => other,
            }
        });
        let all: Vec<_> = asked.buffered(ASKED_AT_ONCE).try_collect().await?;
        Ok(all.into_iter().flatten().collect())
    }

    /// The questions of one thread that wait, the oldest first.
    ///
    /// # Errors
    /// [`TemporalError::UnknownThread`] where there is none.
    pub async fn questions(&self, key: &ThreadKey) -> Result<Vec<PendingInteraction>, TemporalError> {
        let Status { overview, questions, .. } = self.status(key).await?;
        let title = overview.summary(key.clone(), 0, None).called().map(str::to_owned);
        let pending = questions.into_iter().filter_map(|event| {
            let id = question(&event)?.clone();
            Some(PendingInteraction { key: key.clone(), id, title: title.clone(), question: event })
        });
        Ok(pending.collect())
    }

    /// What a thread runs under now.
    ///
    /// # Errors
    /// [`TemporalError::UnknownThread`] where there is none.
    pub async fn settings(&self, key: &ThreadKey) -> Result<Settings, TemporalError> {
        Ok(self.status(key).await?.settings)
    }

    /// What a thread is doing: its worker says so, or where none does its newest run's history.
    pub(super) async fn status(&self, key: &ThreadKey) -> Result<Status, TemporalError> {
        let line = Line::new(&self.shared.client, key);
        let found = self.here(&line).await?;
        if self.is_attended(found.task_queue()).await
            && let Some(status) = self.ask_status(&line).await?
        {
            return Ok(status);
        }
        let (from, commits) = past::newest(&line).await?;
        Ok(status_after(from, &commits))
    }

    /// What its worker says; nothing where it does not answer.
    async fn ask_status(&self, line: &Line) -> Result<Option<Status>, TemporalError> {
        let asked = line.query(None, AgentWorkflow::status, ());
        match tokio::time::timeout(STATUS_DEADLINE, asked).await {
            Ok(Ok(status)) => Ok(Some(status)),
            Ok(Err(trouble @ (Trouble::Unknown | Trouble::Unreadable(_)))) => Err(line.error(trouble)),
            Ok(Err(_)) | Err(_) => Ok(None),
        }
    }

    /// The same, of a thread that lives here.
    pub(super) async fn here(&self, line: &Line) -> Result<WorkflowExecutionDescription, TemporalError> {
        let found = self.found(line).await?;
        match departed(&line.client, &found).await {
            None => Ok(found),
            Some(Departed { to, since_ms }) => {
                Err(TemporalError::MovedAway { id: line.key.thread.to_string(), to, since_ms })
            }
        }
    }

    /// The newest run of a thread, as the server describes it.
    pub(super) async fn found(&self, line: &Line) -> Result<WorkflowExecutionDescription, TemporalError> {
        line.describe().await.map_err(|trouble| line.error(trouble))
    }

    pub(super) async fn is_attended(&self, queue: &str) -> bool {
        matches!(self.shared.attendance.of(queue).await, Attended::Lately(_))
    }

    async fn server(&self, look: &Look) -> Option<Server> {
        let is_served = is_open(look.status) && self.is_attended(&look.queue).await;
        is_served.then(|| Server::Worker { queue: look.queue.clone() })
    }

    pub(super) async fn page(
        &self,
        query: String,
        token: Vec<u8>,
    ) -> Result<ListWorkflowExecutionsResponse, TemporalError> {
        let request = ListWorkflowExecutionsRequest {
            namespace: self.shared.client.namespace(),
            page_size: PAGE,
            next_page_token: token,
            query,
        };
        let mut client = self.shared.client.clone();
        let answer = WorkflowService::list_workflow_executions(&mut client, asked_again(request)).await;
        Ok(answer.map_err(Trouble::from)?.into_inner())
    }
}

/// What the server knows of a thread without asking anybody.
#[derive(Debug)]
struct Look {
    key: ThreadKey,
    /// It was deleted, or lives elsewhere.
    is_gone: bool,
    /// Where it can be read.
    overview: Option<Overview>,
    status: WorkflowExecutionStatus,
    queue: String,
    started_ms: u64,
    ended_ms: Option<u64>,
}

impl Look {
    async fn of(client: &Client, tenant: &Tenant, info: WorkflowExecutionInfo) -> Option<Self> {
        let (status, execution) = (info.status(), info.execution?);
        let prefix = workflow_id(&ThreadKey { tenant: tenant.clone(), thread: ThreadId::new("") });
        let thread = execution.workflow_id.strip_prefix(&prefix)?;
        let mut fields = info.memo.map(|memo| memo.fields).unwrap_or_default();
        let (memo, departed) = (fields.remove(MEMO), fields.remove(DEPARTED));
        Some(Self {
            key: ThreadKey { tenant: tenant.clone(), thread: ThreadId::new(thread) },
            is_gone: departed.is_some() || info.r#type.is_some_and(|of| of.name == DELETED),
            overview: match memo {
                Some(memo) => overview(client, memo).await,
                None => None,
            },
            status: WorkflowExecutionStatus::from(status),
            queue: info.task_queue,
            started_ms: info.start_time.and_then(|time| millis(time.try_into().ok()?)).unwrap_or_default(),
            ended_ms: info.close_time.and_then(|time| millis(time.try_into().ok()?)),
        })
    }

    fn summary(&self) -> ThreadSummary {
        let overview = self.overview.clone().unwrap_or_default();
        let mut summary = overview.summary(self.key.clone(), 0, None);
        if self.overview.is_none() {
            summary.created_ms = self.started_ms;
            summary.updated_ms = self.ended_ms.unwrap_or(self.started_ms);
        }
        if ending(self.status).is_some() || self.overview.is_none() && !is_open(self.status) {
            summary.status = ThreadStatus::Closed;
        }
        summary
    }
}

async fn overview(client: &Client, memo: Payload) -> Option<Overview> {
    let context = SerializationContextData::Workflow(WorkflowSerializationContext::new());
    client.data_converter().from_payload(&context, memo).await.ok()
}

/// Where a thread lives that has left.
pub(super) async fn departed(client: &Client, found: &WorkflowExecutionDescription) -> Option<Departed> {
    let info = found.raw().workflow_execution_info.as_ref()?;
    let memo = info.memo.as_ref()?.fields.get(DEPARTED)?.clone();
    let context = SerializationContextData::Workflow(WorkflowSerializationContext::new());
    // Whoever cannot read where it lives is told that it does not live here.
    let read = client.data_converter().from_payload(&context, memo).await;
    Some(read.unwrap_or_else(|_| Departed { to: "another backend".into(), since_ms: 0 }))
}

fn is_open(status: WorkflowExecutionStatus) -> bool {
    status != WorkflowExecutionStatus::Completed && ending(status).is_none()
}

fn millis(time: SystemTime) -> Option<u64> {
    u64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

/// What the server is asked for a list. The rest of the filter is applied to what it answers.
fn wanted(filter: &ThreadFilter) -> String {
    let prefix = workflow_id(&ThreadKey { tenant: filter.tenant.clone(), thread: ThreadId::new("") });
    let mut query = format!(
        "WorkflowType IN ('{WORKFLOW_TYPE}', '{DELETED}') AND WorkflowId STARTS_WITH '{}' AND ExecutionStatus != 'ContinuedAsNew'",
        quoted(&prefix)
    );
    if filter.status.is_some_and(|status| status != ThreadStatus::Closed) {
        query.push_str(" AND ExecutionStatus != 'Completed'");
    }
    query
}

pub(super) fn quoted(text: &str) -> String {
    text.replace('\'', "''")
}
