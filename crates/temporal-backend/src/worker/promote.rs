//! Worker versioning: the version that a worker is becomes the current one of its deployment, so that new tasks come to it.

use super::{Deployment, WorkerError};
use std::time::Duration;
use temporalio_client::{Client, NamespacedClient, grpc::WorkflowService};
use temporalio_common::protos::temporal::api::workflowservice::v1::SetWorkerDeploymentCurrentVersionRequest;
use tonic::IntoRequest;

/// The server knows of a version once it was polled for; so long is waited for that.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(100);

/// Makes this version the current one.
///
/// # Errors
/// The server does not do it, for example because it does not have worker versioning, or because the version before it
/// serves queues that this one does not.
pub(super) async fn promote(client: &Client, deployment: &Deployment) -> Result<(), WorkerError> {
    let begun = tokio::time::Instant::now();
    loop {
        match ask(client.clone(), deployment).await {
            Ok(()) => return Ok(()),
            Err(status) if begun.elapsed() >= PATIENCE => {
                return Err(WorkerError::NotPromoted {
                    deployment: deployment.name.clone(),
                    build: deployment.build.clone(),
                    message: status.message().to_owned(),
                });
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn ask(mut client: Client, deployment: &Deployment) -> Result<(), tonic::Status> {
    let request = SetWorkerDeploymentCurrentVersionRequest {
        namespace: client.namespace(),
        deployment_name: deployment.name.clone(),
        build_id: deployment.build.clone(),
        ..SetWorkerDeploymentCurrentVersionRequest::default()
    };
    client.set_worker_deployment_current_version(request.into_request()).await?;
    Ok(())
}
