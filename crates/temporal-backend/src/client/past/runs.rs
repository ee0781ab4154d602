//! The runs of a thread, from the newest back: each begins with where it comes from.

use crate::{
    client::{
        TemporalError,
        beginning::RESUMES,
        line::{Line, Trouble, asked_again},
    },
    wire::{PastPart, RunFrom, RunInput},
};
use agent_core::Event;
use temporalio_client::{NamespacedClient, grpc::WorkflowService};
use temporalio_common::{
    data_converters::{SerializationContextData, WorkflowSerializationContext},
    protos::temporal::api::{
        common::v1::{Header, WorkflowExecution},
        history::v1::{WorkflowExecutionStartedEventAttributes, history_event::Attributes},
        workflowservice::v1::GetWorkflowExecutionHistoryRequest,
    },
};

/// A thread with more runs than this is older than any retention.
const MAX_RUNS: usize = 10_000;

/// A run of a thread.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) id: String,
    pub(super) began: Began,
    /// The last event before it.
    pub(super) after: u64,
    /// The last events before it.
    pub(super) carried: Vec<Event>,
    /// What the thread committed before it came here.
    pub(super) past: Vec<PastPart>,
}

/// What a run began with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Began {
    /// It is the thread's first.
    Anew,
    /// It is the first one here of a thread that lived elsewhere.
    Moved,
    /// It goes on where this run ended.
    With(String),
    /// It goes on where another run ended, which nobody knows any more.
    WithUnknown,
}

/// The runs, oldest first, back to the one that has the event after this one, or to the oldest that is kept.
pub(super) async fn back_to(line: &Line, seq: u64) -> Result<Vec<Run>, TemporalError> {
    let mut id = newest_id(line).await?;
    let mut runs: Vec<Run> = Vec::new();
    while runs.len() < MAX_RUNS {
        let Some(beginning) = beginning(line, &id).await? else { break };
        let run = run(line, id, beginning).await?;
        let before = run.began.clone();
        let is_far_enough = run.after <= seq;
        runs.push(run);
        match before {
            Began::With(before) if !is_far_enough => id = before,
            _ => break,
        }
    }
    if runs.is_empty() {
        return Err(line.error(Trouble::Unknown));
    }
    runs.reverse();
    Ok(runs)
}

/// The ids of all runs that are kept, newest first.
pub(super) async fn ids(line: &Line) -> Result<Vec<String>, TemporalError> {
    let mut ids = Vec::new();
    let mut next = Some(newest_id(line).await?);
    while let Some(id) = next.take()
        && ids.len() < MAX_RUNS
    {
        let Some(beginning) = beginning(line, &id).await? else { break };
        next = before(line, &beginning).await;
        ids.push(id);
    }
    Ok(ids)
}

/// The newest run, and what it began with.
pub(super) async fn newest(line: &Line) -> Result<(String, RunFrom), TemporalError> {
    let id = newest_id(line).await?;
    let beginning = beginning(line, &id).await?.ok_or_else(|| line.error(Trouble::Unknown))?;
    let input = input(line, beginning).await?;
    Ok((id, input.from))
}

async fn newest_id(line: &Line) -> Result<String, TemporalError> {
    let found = line.describe().await.map_err(|trouble| line.error(trouble))?;
    Ok(found.run_id().to_owned())
}

async fn run(
    line: &Line,
    id: String,
    beginning: WorkflowExecutionStartedEventAttributes,
) -> Result<Run, TemporalError> {
    let before = before(line, &beginning).await;
    let (began, carry) = match input(line, beginning).await?.from {
        RunFrom::New { .. } => {
            let (carried, past) = (Vec::new(), Vec::new());
            return Ok(Run { id, began: Began::Anew, after: 0, carried, past });
        }
        RunFrom::Carried { carry } => (before.map_or(Began::WithUnknown, Began::With), carry),
        RunFrom::Moved { carry } => (Began::Moved, carry),
    };
    let after = carry.book.base + carry.book.events.len() as u64;
    let past = carry.arrival.map(|arrival| arrival.past).unwrap_or_default();
    Ok(Run { id, began, after, carried: carry.book.events, past })
}

/// The run before this one.
async fn before(line: &Line, beginning: &WorkflowExecutionStartedEventAttributes) -> Option<String> {
    let continued = &beginning.continued_execution_run_id;
    if !continued.is_empty() {
        return Some(continued.clone());
    }
    let Header { fields } = beginning.header.as_ref()?;
    let payload = fields.get(RESUMES)?.clone();
    let context = SerializationContextData::Workflow(WorkflowSerializationContext::new());
    line.client.data_converter().from_payload::<String>(&context, payload).await.ok()
}

async fn input(
    line: &Line,
    beginning: WorkflowExecutionStartedEventAttributes,
) -> Result<RunInput, TemporalError> {
    let payloads = beginning.input.map(|input| input.payloads).unwrap_or_default();
    let context = SerializationContextData::Workflow(WorkflowSerializationContext::new());
    let input = line.client.data_converter().from_payloads(&context, payloads).await;
    input.map_err(|error| TemporalError::Unreadable { message: error.to_string() })
}

/// The first event of a run; nothing where the server keeps the run no more.
async fn beginning(
    line: &Line,
    run: &str,
) -> Result<Option<WorkflowExecutionStartedEventAttributes>, TemporalError> {
    let request = GetWorkflowExecutionHistoryRequest {
        namespace: line.client.namespace(),
        execution: Some(WorkflowExecution { workflow_id: line.workflow.clone(), run_id: run.to_owned() }),
        maximum_page_size: 1,
        ..GetWorkflowExecutionHistoryRequest::default()
    };
    let mut client = line.client.clone();
    let answer = WorkflowService::get_workflow_execution_history(&mut client, asked_again(request)).await;
    let history = match answer.map_err(Trouble::from) {
        Ok(answer) => answer.into_inner().history,
        Err(Trouble::Unknown) => return Ok(None),
        Err(trouble) => return Err(trouble.into()),
    };
    let first = history.and_then(|history| history.events.into_iter().next());
    match first.and_then(|event| event.attributes) {
        Some(Attributes::WorkflowExecutionStartedEventAttributes(beginning)) => Ok(Some(beginning)),
        _ => Ok(None),
    }
}
