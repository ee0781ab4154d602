//! [`Beginning`]: what a new run of a thread is started with, and its start.

use super::{
    TemporalError,
    line::{Line, Trouble, WORKFLOW_TYPE, asked_again},
};
use crate::{
    wire::RunInput,
    workflow::{MEMO, MODEL, STATUS},
};
use agent_core::{Overview, ThreadKey};
use std::{collections::HashMap, time::Duration};
use temporalio_client::{NamespacedClient, grpc::WorkflowService, tonic::Code};
use temporalio_common::{
    data_converters::{PayloadConversionError, SerializationContextData, WorkflowSerializationContext},
    protos::temporal::api::{
        common::v1::{Header, Memo, Payloads, SearchAttributes as ProtoSearchAttributes, WorkflowType},
        enums::v1::{WorkflowIdConflictPolicy, WorkflowIdReusePolicy},
        taskqueue::v1::TaskQueue,
        workflowservice::v1::StartWorkflowExecutionRequest,
    },
    search_attributes::SearchAttributes,
};

/// A worker that dies in a workflow task is found out after this time.
const TASK_TIMEOUT: Duration = Duration::from_secs(5);
/// Names, in a run's first event, the run whose thread it opens again.
pub(super) const RESUMES: &str = "everturn-resumes";

/// A run that is to begin.
#[derive(Debug)]
pub(super) struct Beginning {
    pub(super) input: RunInput,
    /// What lists show of it until a worker takes it up.
    pub(super) overview: Overview,
    pub(super) model: String,
    pub(super) queue: String,
    pub(super) cause: Cause,
}

/// Why a run begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The thread is new.
    New,
    /// It opens a thread again that this run had shut down.
    Resumes(String),
    /// The thread moves here; this names the move.
    Moves(String),
}

/// What became of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begun {
    /// The run is there.
    Now,
    /// Another run of the thread is open.
    Already,
}

impl Beginning {
    /// Starts the run. The same beginning twice is one run, also for two processes that open a thread again at once: the
    /// server takes a request id once for as long as its run is the thread's newest.
    pub(super) async fn start(&self, line: &Line) -> Result<Begun, TemporalError> {
        let request = self.request(line).await;
        let request = request.map_err(|error| TemporalError::Unreadable { message: error.to_string() })?;
        let mut client = line.client.clone();
        let begun = WorkflowService::start_workflow_execution(&mut client, asked_again(request)).await;
        match begun {
            Ok(_) => Ok(Begun::Now),
            Err(status) if status.code() == Code::AlreadyExists => Ok(Begun::Already),
            Err(status) => Err(Trouble::from(status).into()),
        }
    }

    async fn request(&self, line: &Line) -> Result<StartWorkflowExecutionRequest, PayloadConversionError> {
        let converter = line.client.data_converter();
        let context = SerializationContextData::Workflow(WorkflowSerializationContext::new());
        let payloads = converter.to_payloads(&context, &self.input).await?;
        let memo = converter.to_payload(&context, &self.overview).await?;
        let header = match &self.cause {
            Cause::New | Cause::Moves(_) => None,
            Cause::Resumes(run) => {
                let run = converter.to_payload(&context, run).await?;
                Some(Header { fields: HashMap::from([(RESUMES.to_owned(), run)]) })
            }
        };
        Ok(StartWorkflowExecutionRequest {
            namespace: line.client.namespace(),
            workflow_id: line.workflow.clone(),
            workflow_type: Some(WorkflowType { name: WORKFLOW_TYPE.into() }),
            task_queue: Some(TaskQueue { name: self.queue.clone(), ..TaskQueue::default() }),
            input: Some(Payloads { payloads }),
            workflow_task_timeout: TASK_TIMEOUT.try_into().ok(),
            identity: line.client.identity(),
            request_id: request_id(&self.input.key, &self.cause),
            workflow_id_reuse_policy: WorkflowIdReusePolicy::AllowDuplicate.into(),
            workflow_id_conflict_policy: WorkflowIdConflictPolicy::Fail.into(),
            memo: Some(Memo { fields: HashMap::from([(MEMO.to_owned(), memo)]) }),
            search_attributes: self.search_attributes(),
            header,
            ..StartWorkflowExecutionRequest::default()
        })
    }

    /// As the workflow keeps them.
    fn search_attributes(&self) -> Option<ProtoSearchAttributes> {
        let wanted = self.input.options.search_attributes;
        let status = self.overview.summary(self.input.key.clone(), 0, None).status;
        let status = serde_json::to_value(status).ok().and_then(|status| Some(status.as_str()?.to_owned()));
        wanted.then(|| {
            let values = [STATUS.value_set(status.unwrap_or_default()), MODEL.value_set(self.model.clone())];
            SearchAttributes::new(values).into_proto()
        })
    }
}

fn request_id(key: &ThreadKey, cause: &Cause) -> String {
    match cause {
        Cause::New => format!("start-{}", key.thread),
        Cause::Resumes(run) => format!("resume-{run}"),
        Cause::Moves(id) => format!("move-{id}"),
    }
}
