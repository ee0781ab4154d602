//! Deleting threads.
//!
//! The server deletes by and by: for up to a minute a run that was deleted is there to be described and read. So a thread
//! that is deleted gets one more run, of another type and over at once, which says that the thread is gone; then all runs
//! are deleted, this one last.

use super::{
    TemporalBackend, TemporalError,
    catalogue::quoted,
    line::{Line, Trouble, asked_again},
    past,
};
use agent_core::ThreadKey;
use std::time::Duration;
use temporalio_client::{NamespacedClient, WorkflowTerminateOptions, grpc::WorkflowService};
use temporalio_common::protos::temporal::api::{
    common::v1::{WorkflowExecution, WorkflowType},
    enums::v1::{WorkflowIdConflictPolicy, WorkflowIdReusePolicy},
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{DeleteWorkflowExecutionRequest, StartWorkflowExecutionRequest},
};

/// The type of the run that says that a thread is gone. No worker knows it.
pub(super) const DELETED: &str = "EverturnDeleted";
/// Its queue, which nobody polls.
const NOBODYS_QUEUE: &str = "everturn-deleted";
/// It is over by then, also where the client that deletes the thread dies.
const OVER_WITHIN: Duration = Duration::from_secs(1);

impl TemporalBackend {
    /// Deletes a thread with all its histories, for good, and ends it first where it is open. It is gone for everybody on
    /// return; the server needs up to a minute to delete what it has of it. Archived items that only it needs go too; other blobs
    /// stay, because other threads may refer to the same.
    ///
    /// # Errors
    /// [`TemporalError::UnknownThread`] where there is none. After another error a part may be deleted; try again.
    pub async fn delete(&self, key: &ThreadKey) -> Result<(), TemporalError> {
        let line = Line::new(&self.shared.client, key);
        self.found(&line).await?;
        terminate(&line).await?;
        let mut runs = past::runs(&line).await?;
        // Lists may know some that nothing leads to any more.
        let query = format!("WorkflowId = '{}'", quoted(&line.workflow));
        for info in self.page(query, Vec::new()).await?.executions {
            let run = info.execution.map(|execution| execution.run_id).unwrap_or_default();
            if !runs.contains(&run) {
                runs.push(run);
            }
        }
        let mark = mark(&line).await?;
        terminate(&line).await?;
        for run in runs.into_iter().rev().chain([mark]) {
            delete_run(&line, run).await?;
        }
        if let Err(error) = self.shared.blobs.drop_all(key) {
            tracing::warn!(thread = %key, %error, "its archived items are not dropped");
        }
        Ok(())
    }
}

/// Ends the newest run, where it is open.
async fn terminate(line: &Line) -> Result<(), TemporalError> {
    let reason = WorkflowTerminateOptions::builder().reason("the thread is deleted").build();
    match line.handle(None).terminate(reason).await.map_err(Trouble::from) {
        Ok(()) | Err(Trouble::Unknown) => Ok(()),
        Err(trouble) => Err(trouble.into()),
    }
}

/// Makes the thread one that is gone.
async fn mark(line: &Line) -> Result<String, TemporalError> {
    let request = StartWorkflowExecutionRequest {
        namespace: line.client.namespace(),
        workflow_id: line.workflow.clone(),
        workflow_type: Some(WorkflowType { name: DELETED.into() }),
        task_queue: Some(TaskQueue { name: NOBODYS_QUEUE.into(), ..TaskQueue::default() }),
        workflow_run_timeout: OVER_WITHIN.try_into().ok(),
        identity: line.client.identity(),
        request_id: format!("delete-{}", line.key.thread),
        workflow_id_reuse_policy: WorkflowIdReusePolicy::AllowDuplicate.into(),
        workflow_id_conflict_policy: WorkflowIdConflictPolicy::TerminateExisting.into(),
        ..StartWorkflowExecutionRequest::default()
    };
    let mut client = line.client.clone();
    let begun = WorkflowService::start_workflow_execution(&mut client, asked_again(request)).await;
    Ok(begun.map_err(Trouble::from)?.into_inner().run_id)
}

async fn delete_run(line: &Line, run: String) -> Result<(), TemporalError> {
    let request = DeleteWorkflowExecutionRequest {
        namespace: line.client.namespace(),
        workflow_execution: Some(WorkflowExecution { workflow_id: line.workflow.clone(), run_id: run }),
    };
    let mut client = line.client.clone();
    let deleted = WorkflowService::delete_workflow_execution(&mut client, asked_again(request)).await;
    match deleted.map_err(Trouble::from) {
        Ok(_) | Err(Trouble::Unknown) => Ok(()),
        Err(trouble) => Err(trouble.into()),
    }
}
