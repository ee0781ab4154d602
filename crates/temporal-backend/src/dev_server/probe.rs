//! Whether a server answers, and keeps histories long enough.

use std::time::Duration;
use temporalio_client::{
    Connection, ConnectionOptions, GrpcCompression,
    tonic::{IntoRequest, Status},
};
use temporalio_common::protos::temporal::api::{
    namespace::v1::NamespaceConfig,
    workflowservice::v1::{DescribeNamespaceRequest, UpdateNamespaceRequest},
};
use url::Url;

/// The namespace that threads are in.
pub const NAMESPACE: &str = "default";
/// How long the history of a thread that ended is kept. The server's own choice is one day.
pub const RETENTION_DAYS: u32 = 30;

const RETENTION: Duration = Duration::from_secs(RETENTION_DAYS as u64 * 24 * 60 * 60);
/// One attempt, with all its calls. A loaded machine needs a while, a server that is away none.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks a server for its namespace and sees to it that it keeps histories for [`RETENTION_DAYS`]; says why it did not answer.
/// One that keeps them longer is left so.
pub(super) async fn answers(address: &str) -> Result<(), String> {
    match tokio::time::timeout(PATIENCE, ask(address)).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("a call took more than {} s", PATIENCE.as_secs())),
    }
}

async fn ask(address: &str) -> Result<(), String> {
    let target = Url::parse(&format!("http://{address}")).map_err(|error| error.to_string())?;
    let options = ConnectionOptions::new(target)
        .identity("everturn")
        .grpc_compression(GrpcCompression::None)
        .dns_load_balancing(None)
        .build();
    // Connecting asks for the system's info, so a port where something else listens does not pass for a server.
    let connection = Connection::connect(options).await.map_err(|error| error.to_string())?;
    let mut service = connection.workflow_service();
    let question = DescribeNamespaceRequest { namespace: NAMESPACE.to_owned(), ..Default::default() };
    let answer = service.describe_namespace(question.into_request()).await.map_err(said)?.into_inner();
    let kept = answer.config.and_then(|config| config.workflow_execution_retention_ttl);
    if kept.is_some_and(|kept| u64::try_from(kept.seconds).is_ok_and(|kept| kept >= RETENTION.as_secs())) {
        return Ok(());
    }
    let retention = RETENTION.try_into().map_err(|_| "30 days are too long".to_owned())?;
    let config = NamespaceConfig { workflow_execution_retention_ttl: Some(retention), ..Default::default() };
    let update = UpdateNamespaceRequest {
        namespace: NAMESPACE.to_owned(),
        config: Some(config),
        ..Default::default()
    };
    service.update_namespace(update.into_request()).await.map_err(said)?;
    Ok(())
}

fn said(status: Status) -> String {
    format!("{}: {}", status.code(), status.message())
}
