//! What a process that was killed left behind: the server is told that its activities died, and not to wait for it with
//! the next workflow tasks.

use crate::activities::TaskFiles;
use std::{collections::BTreeSet, time::Duration};
use temporalio_client::{ActivityIdentifier, Client, NamespacedClient, RpcOptions, grpc::WorkflowService};
use temporalio_common::{
    error::ApplicationFailure,
    protos::{
        TaskToken,
        temporal::api::{common::v1::WorkflowExecution, workflowservice::v1::ResetStickyTaskQueueRequest},
    },
};
use tonic::IntoRequest;

/// The type of the failure of an activity whose process died.
const DIED: &str = "WorkerDied";
/// Telling the server takes so long at most; it finds out by itself, only later.
const PATIENCE: Duration = Duration::from_secs(5);

/// Tells the server what is known of the process before this one.
pub(super) async fn report(client: &Client, tasks: &TaskFiles) {
    let left = tasks.take_left();
    let told = async {
        // Before anything is told that makes a task: it would wait for the process before.
        let workflows: BTreeSet<&str> = left.iter().map(|task| task.workflow.as_str()).collect();
        for workflow in workflows {
            if let Err(error) = forget_sticky(client.clone(), workflow).await {
                tracing::debug!(workflow, %error, "the server waits for the process before");
            }
        }
        for task in &left {
            let handle = client
                .get_async_activity_handle(ActivityIdentifier::TaskToken(TaskToken::from(task.token())));
            let failure = ApplicationFailure::builder(anyhow::anyhow!("the process that ran it died"))
                .type_name(DIED.to_owned())
                .non_retryable(false)
                .build();
            if let Err(error) = handle.fail(failure, None::<()>, RpcOptions::default()).await {
                tracing::debug!(workflow = task.workflow, %error, "the server knows already that an activity died");
            }
        }
    };
    if tokio::time::timeout(PATIENCE, told).await.is_err() {
        tracing::warn!(
            "the server was not told of all that the process before left behind; it notices by itself"
        );
    }
}

/// Has the next workflow task go to whoever polls, not to the process that had the workflow in memory.
async fn forget_sticky(mut client: Client, workflow: &str) -> Result<(), tonic::Status> {
    let request = ResetStickyTaskQueueRequest {
        namespace: client.namespace(),
        execution: Some(WorkflowExecution { workflow_id: workflow.to_owned(), run_id: String::new() }),
    };
    client.reset_sticky_task_queue(request.into_request()).await?;
    Ok(())
}
