//! From the beginning of a run to its end, and to the next run.

use super::{
    AgentWorkflow, Closed,
    ports::{self, Ports},
    state::Stage,
};
use crate::wire::{ArchiveTask, MAX_START_BYTES, RunFrom, RunInput};
use agent_core::{Exit, Redactor, StartUp, Thread};
use temporalio_sdk::{ApplicationFailure, ContinueAsNewOptions, WorkflowContext, WorkflowResult};

/// Items of fewer bytes are carried along as they are.
pub(super) const ARCHIVE_ABOVE_BYTES: usize = 64 * 1024;

/// Serves the thread in this run.
pub(super) async fn serve(
    ctx: &mut WorkflowContext<AgentWorkflow>,
    input: RunInput,
) -> WorkflowResult<Closed> {
    let RunInput { key, from, options } = input;
    let (mut thread, start_up) = match from {
        RunFrom::New { genesis } => (Thread::new(key.clone()), StartUp::New(genesis)),
        RunFrom::Carried { carry } => {
            let thread = ctx.state_mut(|workflow| workflow.state.go_on(*carry));
            // A thread that was shut down is resumed; one that was handed over goes on.
            let start_up = if thread.is_closed() { StartUp::Crash } else { StartUp::HandOver };
            (thread, start_up)
        }
    };
    let ports = Ports::new(ctx, key.clone(), options.clone());
    // Secrets are taken out where answers are made, before they reach the history.
    let redactor = Redactor::default();
    let exit = agent_core::run_thread(
        &mut thread,
        start_up,
        agent_core::Ports {
            model: &ports,
            tools: &ports,
            sink: &ports,
            storage: &ports,
            inbox: &ports,
            entropy: &ports,
            redactor: &redactor,
        },
    )
    .await
    .map_err(|error| ApplicationFailure::non_retryable(anyhow::Error::new(error)))?;
    let stage = if exit == Exit::Shutdown { Stage::Closed } else { Stage::HandingOver };
    ports::close(ctx, stage);
    if stage == Stage::Closed {
        ctx.state_mut(|workflow| workflow.state.refuse_rest());
    }
    archive(ctx, &ports, &mut thread).await?;
    ctx.state_mut(|workflow| workflow.state.keep_if_settled(&thread));
    // Those who wait for an answer get one, be it to ask the next run.
    let _ = ctx.wait_condition_with_options(|_| ctx.all_handlers_finished(), ports::detached()).await;
    if stage == Stage::Closed {
        return Ok(Closed::Shutdown);
    }
    // No await from here on: what is in the inbox now goes along.
    let carry = Box::new(ctx.state_mut(|workflow| workflow.state.carry(thread)));
    let input = RunInput { key, from: RunFrom::Carried { carry }, options };
    ctx.continue_as_new(input, ContinueAsNewOptions::default())?;
    Ok(Closed::Shutdown)
}

/// Puts older items on the owner's disk where they would make the next run's beginning large. The history of this run has
/// them too, for as long as the server keeps it.
async fn archive(
    ctx: &WorkflowContext<AgentWorkflow>,
    ports: &Ports,
    thread: &mut Thread,
) -> Result<(), ApplicationFailure> {
    let items = thread.archivable();
    if serde_json::to_string(items).map_or(0, |json| json.len()) <= ARCHIVE_ABOVE_BYTES {
        return Ok(());
    }
    let task = ArchiveTask {
        key: thread.key.clone(),
        epoch: thread.epoch(),
        items: items.len() as u64,
        digest: super::Digest::default().and_all(items).text(),
    };
    let count = items.len();
    ctx.state_mut(|workflow| workflow.state.to_archive = thread.archivable().to_vec());
    let kept = ports.archive(task).await;
    ctx.state_mut(|workflow| workflow.state.to_archive = Vec::new());
    match kept {
        Ok(kept) => {
            thread.archive(kept.blob, count);
        }
        Err(error) => {
            let bytes = serde_json::to_string(&*thread).map_or(usize::MAX, |json| json.len());
            if bytes > MAX_START_BYTES {
                return Err(ApplicationFailure::new(anyhow::anyhow!(
                    "the conversation of {bytes} bytes could not be archived: {error}"
                )));
            }
        }
    }
    Ok(())
}
