//! A run's history, made commits again by the same workflow code that wrote it.

use crate::{
    ReplayOptions, RunHistory,
    client::{
        TemporalError,
        line::{Line, SERVER_DEADLINE, Trouble},
    },
};
use agent_core::Commit;
use temporalio_client::{NamespacedClient, RpcOptions, WorkflowFetchHistoryOptions};

/// What a run has committed, as far as the server has accepted it.
pub(super) async fn commits(line: &Line, run: &str) -> Result<Vec<Commit>, TemporalError> {
    let history = history(line, run).await?;
    let options =
        ReplayOptions { converter: line.client.data_converter().clone(), ..ReplayOptions::default() };
    match crate::replay(history, options).await {
        Ok(replayed) => Ok(replayed.commits),
        Err(failure) => Err(TemporalError::History { run: run.to_owned(), message: failure.to_string() }),
    }
}

async fn history(line: &Line, run: &str) -> Result<RunHistory, TemporalError> {
    let rpc = RpcOptions::builder().timeout(SERVER_DEADLINE).build();
    let options = WorkflowFetchHistoryOptions::builder().rpc_options(rpc).build();
    let events = line.handle(Some(run)).fetch_history(options).into_events().await;
    events.map(RunHistory::new).map_err(|error| line.error(Trouble::from(error)))
}
