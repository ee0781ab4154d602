//! [`Line`]: a thread's workflow, and how it is asked: with a deadline, once, and with few ways to fail.

use super::TemporalError;
use crate::{AgentWorkflow, wire::workflow_id};
use agent_core::ThreadKey;
use std::time::Duration;
use temporalio_client::{
    Client, NamespacedClient, RetryOptions, RpcOptions, WorkflowDescribeOptions,
    WorkflowExecutionDescription, WorkflowExecutionInfo, WorkflowHandle, WorkflowQueryOptions,
    errors::{WorkflowInteractionError, WorkflowQueryError, WorkflowUpdateError},
    request_extensions::RetryConfigForCall,
    tonic::{Code, Request, Status},
};
use temporalio_common::{HasWorkflowDefinition, QueryDefinition};

/// A worker that works answers a query in a few milliseconds, and after a replay of a long history within seconds.
pub(super) const QUERY_DEADLINE: Duration = Duration::from_secs(5);
/// The server itself answers in a few milliseconds.
pub(super) const SERVER_DEADLINE: Duration = Duration::from_secs(5);
/// A request that changes something is sent again for so long while the server does not answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The type of a thread's workflow.
pub(super) const WORKFLOW_TYPE: &str = "AgentWorkflow";

/// The workflow that a thread is. Which run of it is meant: the newest, unless one is named.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) client: Client,
    pub(super) key: ThreadKey,
    pub(super) workflow: String,
}

/// Why a request came to nothing.
#[derive(Debug)]
pub(super) enum Trouble {
    /// There is no such workflow, or it is over.
    Unknown,
    /// No answer came in time.
    Late,
    /// The server was not reached, or has too much to do.
    Away(String),
    /// The worker fails on the thread, or has not come to it yet.
    NotReady(String),
    /// The server does not do it.
    Refused(String),
    /// What came cannot be read.
    Unreadable(String),
}

impl Line {
    pub(super) fn new(client: &Client, key: &ThreadKey) -> Self {
        Self { client: client.clone(), key: key.clone(), workflow: workflow_id(key) }
    }

    /// The newest run, or this one.
    pub(super) fn handle(&self, run: Option<&str>) -> WorkflowHandle<Client, AgentWorkflow> {
        let info = WorkflowExecutionInfo::builder()
            .namespace(self.client.namespace())
            .workflow_id(self.workflow.clone())
            .maybe_run_id(run.map(str::to_owned))
            .build();
        WorkflowHandle::new(self.client.clone(), info)
    }

    /// Asks the worker that has the run.
    pub(super) async fn query<Q>(
        &self,
        run: Option<&str>,
        query: Q,
        input: Q::Input,
    ) -> Result<Q::Output, Trouble>
    where
        Q: QueryDefinition<Workflow = <AgentWorkflow as HasWorkflowDefinition>::Run>,
        Q::Input: Send,
    {
        let options = WorkflowQueryOptions::builder().rpc_options(once(QUERY_DEADLINE)).build();
        let handle = self.handle(run);
        match tokio::time::timeout(QUERY_DEADLINE, handle.query(query, input, options)).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(Trouble::Late),
        }
    }

    /// What the server knows of the newest run. What was deleted is not there, although the server takes its time.
    pub(super) async fn describe(&self) -> Result<WorkflowExecutionDescription, Trouble> {
        let options = WorkflowDescribeOptions::builder().rpc_options(once(SERVER_DEADLINE)).build();
        let handle = self.handle(None);
        match tokio::time::timeout(SERVER_DEADLINE, handle.describe(options)).await {
            Ok(Ok(found)) if found.workflow_type() != WORKFLOW_TYPE => Err(Trouble::Unknown),
            Ok(answer) => Ok(answer?),
            Err(_) => Err(Trouble::Late),
        }
    }

    /// What a caller is told of trouble with this thread.
    pub(super) fn error(&self, trouble: Trouble) -> TemporalError {
        match trouble {
            Trouble::Unknown => TemporalError::UnknownThread { id: self.key.thread.to_string() },
            trouble => trouble.into(),
        }
    }
}

/// Trouble with no thread in particular.
impl From<Trouble> for TemporalError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Unknown => Self::Refused { message: "it is not there".into() },
            Trouble::Late => {
                let message = format!("no answer came within {} s", SERVER_DEADLINE.as_secs());
                Self::ServerAway { message }
            }
            Trouble::Away(message) => Self::ServerAway { message },
            Trouble::NotReady(message) => Self::NoWorker { message },
            Trouble::Refused(message) => Self::Refused { message },
            Trouble::Unreadable(message) => Self::Unreadable { message },
        }
    }
}

/// A request that is made once: whoever makes it decides whether to make it again.
pub(super) fn once(deadline: Duration) -> RpcOptions {
    RpcOptions::builder().timeout(deadline).retry_options(RetryOptions::no_retries()).build()
}

/// A request that the server takes once however often it is sent. It is sent again while the server does not answer.
pub(super) fn asked_again<T>(message: T) -> Request<T> {
    let again = RetryOptions::builder().max_elapsed_time(Some(PATIENCE)).build();
    let mut request = Request::new(message);
    request.set_timeout(SERVER_DEADLINE);
    request.extensions_mut().insert(RetryConfigForCall(again));
    request
}

impl From<Status> for Trouble {
    fn from(status: Status) -> Self {
        let message = match status.message() {
            "" => format!("{:?}", status.code()),
            message => message.to_owned(),
        };
        match status.code() {
            // A namespace that is not there is not a thread that is not there.
            Code::NotFound if message.starts_with("Namespace") => Self::Refused(message),
            Code::NotFound => Self::Unknown,
            Code::DeadlineExceeded => Self::Late,
            // The client's own deadline has no code of its own.
            Code::Cancelled if message == "Timeout expired" => Self::Late,
            Code::FailedPrecondition => Self::NotReady(message),
            Code::Unavailable
            | Code::Cancelled
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::Internal
            | Code::Unknown => Self::Away(message),
            _ => Self::Refused(message),
        }
    }
}

impl From<WorkflowQueryError> for Trouble {
    fn from(error: WorkflowQueryError) -> Self {
        match error {
            WorkflowQueryError::NotFound(status) | WorkflowQueryError::Rpc(status) => status.into(),
            WorkflowQueryError::PayloadConversion(error) => Self::Unreadable(error.to_string()),
            error => Self::Refused(error.to_string()),
        }
    }
}

impl From<WorkflowInteractionError> for Trouble {
    fn from(error: WorkflowInteractionError) -> Self {
        match error {
            WorkflowInteractionError::NotFound(status) | WorkflowInteractionError::Rpc(status) => {
                status.into()
            }
            WorkflowInteractionError::PayloadConversion(error) => Self::Unreadable(error.to_string()),
            error => Self::Refused(error.to_string()),
        }
    }
}

impl From<WorkflowUpdateError> for Trouble {
    fn from(error: WorkflowUpdateError) -> Self {
        match error {
            WorkflowUpdateError::NotFound(status) | WorkflowUpdateError::Rpc(status) => status.into(),
            WorkflowUpdateError::PayloadConversion(error) => Self::Unreadable(error.to_string()),
            error => Self::Refused(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_told_apart() {
        let table = [
            (Status::not_found("workflow not found for ID: x"), "Unknown"),
            (Status::not_found("Namespace x is not found."), "Refused(\"Namespace x is not found.\")"),
            (Status::deadline_exceeded("query timed out before a worker could process it"), "Late"),
            (Status::cancelled("Timeout expired"), "Late"),
            (Status::cancelled("operation was canceled"), "Away(\"operation was canceled\")"),
            (Status::unavailable("tcp connect error"), "Away(\"tcp connect error\")"),
            (Status::failed_precondition("Task in failed state."), "NotReady(\"Task in failed state.\")"),
            (Status::permission_denied(""), "Refused(\"PermissionDenied\")"),
        ];
        for (status, trouble) in table {
            assert_eq!(format!("{:?}", Trouble::from(status)), trouble);
        }
    }
}
