//! A run's history, made commits again by the same workflow code that wrote it.

use crate::{
    AgentWorkflow, Chronicle, Conversations, FileBlobs, Surroundings,
    client::{
        TemporalError,
        line::{Line, SERVER_DEADLINE, Trouble},
    },
};
use agent_core::{Commit, Event, Record};
use sink::LocalBus;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use temporalio_client::{NamespacedClient, RpcOptions, WorkflowFetchHistoryOptions, WorkflowHistory};
use temporalio_common::{
    data_converters::DataConverter,
    protos::temporal::api::{
        enums::v1::EventType,
        history::v1::{History, HistoryEvent},
    },
};
use temporalio_sdk::workflow_replayer::{WorkflowReplayer, WorkflowReplayerOptions};
use tokio::runtime::Handle;

/// What a run has committed, as far as the server has accepted it.
pub(super) async fn commits(
    line: &Line,
    run: &str,
    blobs: &Arc<FileBlobs>,
) -> Result<Vec<Commit>, TemporalError> {
    let events = accepted(history(line, run).await?);
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let failed = |message: String| TemporalError::History { run: run.to_owned(), message };
    let (converter, blobs) = (line.client.data_converter().clone(), Arc::clone(blobs));
    // Workflows stay on the thread that polls them.
    let replayed =
        tokio::task::spawn_blocking(move || Handle::current().block_on(replay(events, converter, blobs)));
    match replayed.await {
        Ok(commits) => commits.map_err(failed),
        Err(error) => Err(failed(error.to_string())),
    }
}

async fn history(line: &Line, run: &str) -> Result<Vec<HistoryEvent>, TemporalError> {
    let rpc = RpcOptions::builder().timeout(SERVER_DEADLINE).build();
    let options = WorkflowFetchHistoryOptions::builder().rpc_options(rpc).build();
    let events = line.handle(Some(run)).fetch_history(options).into_events().await;
    events.map_err(|error| line.error(Trouble::from(error)))
}

/// The history without a task that a worker has begun and the server has not accepted: another one may come of it.
fn accepted(mut events: Vec<HistoryEvent>) -> Vec<HistoryEvent> {
    let is = |event: &HistoryEvent, of: EventType| event.event_type() == of;
    let scheduled = events.iter().rposition(|event| is(event, EventType::WorkflowTaskScheduled));
    if let Some(scheduled) = scheduled {
        let completed = |event| is(event, EventType::WorkflowTaskCompleted);
        if !events[scheduled..].iter().any(completed) {
            events.truncate(scheduled);
        }
    }
    let any = events.iter().any(|event| is(event, EventType::WorkflowTaskCompleted));
    if any { events } else { Vec::new() }
}

async fn replay(
    events: Vec<HistoryEvent>,
    converter: DataConverter,
    blobs: Arc<FileBlobs>,
) -> Result<Vec<Commit>, String> {
    let notes = Arc::new(Notes::default());
    let surroundings = Arc::new(Surroundings {
        conversations: Arc::new(Conversations::default()),
        bus: Arc::new(LocalBus::default()),
        blobs,
        acknowledged: Box::new(|_, _| {}),
        chronicle: Some(Arc::clone(&notes) as _),
    });
    let options = WorkflowReplayerOptions::new()
        .data_converter(converter)
        .register_workflow_with_factory(move || AgentWorkflow::within(Arc::clone(&surroundings)))
        .map_err(|error| error.to_string())?
        .build();
    let replayer = WorkflowReplayer::new(options).map_err(|error| error.to_string())?;
    let history = WorkflowHistory::from(History { events });
    replayer.replay_workflow(history).await.map_err(|error| error.to_string())?;
    let commits = std::mem::take(&mut *notes.kept());
    Ok(commits.into_values().collect())
}

/// Keeps what a thread commits while it is replayed.
#[derive(Debug, Default)]
struct Notes(Mutex<BTreeMap<u64, Commit>>);

impl Notes {
    fn kept(&self) -> MutexGuard<'_, BTreeMap<u64, Commit>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Chronicle for Notes {
    fn note(&self, record: &Record, events: &[Event]) {
        self.kept().insert(record.seq, Commit { record: record.clone(), events: events.to_vec() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use EventType::{
        ActivityTaskScheduled, WorkflowExecutionCompleted, WorkflowExecutionStarted,
        WorkflowExecutionUpdateAccepted, WorkflowTaskCompleted, WorkflowTaskFailed, WorkflowTaskScheduled,
        WorkflowTaskStarted,
    };

    #[test]
    fn a_task_that_is_not_accepted_is_left_out() {
        let begun = [WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted];
        let done = [WorkflowTaskCompleted, ActivityTaskScheduled];
        let again = [WorkflowTaskScheduled, WorkflowTaskStarted];
        let table = [
            (vec![], 0),
            (begun.to_vec(), 0),
            ([&begun[..], &[WorkflowTaskFailed], &again].concat(), 0),
            ([&begun[..], &done].concat(), 5),
            ([&begun[..], &done, &again].concat(), 5),
            ([&begun[..], &done, &[WorkflowTaskScheduled]].concat(), 5),
            ([&begun[..], &done, &[WorkflowExecutionUpdateAccepted], &again].concat(), 6),
            ([&begun[..], &done, &again, &[WorkflowTaskCompleted, WorkflowExecutionCompleted]].concat(), 9),
        ];
        for (types, kept) in table {
            let event = |of: &EventType| HistoryEvent { event_type: (*of).into(), ..HistoryEvent::default() };
            let events: Vec<HistoryEvent> = types.iter().map(event).collect();
            assert_eq!(accepted(events).len(), kept, "{types:?}");
        }
    }
}
