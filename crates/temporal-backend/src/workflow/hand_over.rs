//! From the beginning of a run to its end, and to the next run.

use super::{
    AgentWorkflow, Closed,
    ports::{self, Ports},
    state::{Stage, size},
};
use crate::wire::{ArchiveTask, RunFrom, RunInput, RunOptions};
use agent_core::{Exit, RULES, Redactor, StartUp, Thread};
use temporalio_sdk::{ApplicationFailure, ContinueAsNewOptions, WorkflowContext, WorkflowResult};

/// Of runs that do not tell theirs.
const UNTOLD_RULES: u32 = 2;
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
    thread.keep_to(rules_of(&options));
    let ports = Ports::new(ctx, key.clone(), options.clone());
    let mut start_up = start_up;
    loop {
        let exit = drive(&mut thread, start_up, &ports).await?;
        let stage = if exit == Exit::Shutdown { Stage::Closed } else { Stage::HandingOver };
        ports::close(ctx, stage);
        if stage == Stage::Closed {
            ctx.state_mut(|workflow| workflow.state.refuse_rest());
        }
        let archived = archive(ctx, &ports, &mut thread).await;
        ctx.state_mut(|workflow| workflow.state.keep_if_settled(&thread));
        if stage == Stage::HandingOver && archived == Archived::No {
            // The owner's disk may be full. This run's history is long, which is no reason to lose the thread.
            ctx.state_mut(|workflow| workflow.state.postpone());
            start_up = StartUp::HandOver;
            continue;
        }
        // Those who wait for an answer get one, be it to ask the next run.
        let _ = ctx.wait_condition_with_options(|_| ctx.all_handlers_finished(), ports::detached()).await;
        if stage == Stage::Closed {
            return Ok(Closed::Shutdown);
        }
        break;
    }
    // No await from here on: what is in the inbox now goes along.
    let carry = Box::new(ctx.state_mut(|workflow| workflow.state.carry(thread)));
    let options = RunOptions { rules: Some(RULES), ..options };
    let input = RunInput { key, from: RunFrom::Carried { carry }, options };
    ctx.continue_as_new(input, ContinueAsNewOptions::default())?;
    Ok(Closed::Shutdown)
}

/// The rules that a run keeps to.
#[expect(
    clippy::panic,
    reason = "it fails the workflow's task and not the thread, which goes on once a build that knows the rules polls"
)]
fn rules_of(options: &RunOptions) -> u32 {
    let rules = options.rules.unwrap_or(UNTOLD_RULES);
    if rules > RULES {
        panic!(
            "the thread was written by a later version (rules {rules}, this one knows {RULES}); update Everturn on this \
             worker"
        );
    }
    rules
}

/// The loop that every backend runs.
async fn drive(thread: &mut Thread, start_up: StartUp, ports: &Ports) -> Result<Exit, ApplicationFailure> {
    // Secrets are taken out where answers are made, before they reach the history.
    let redactor = Redactor::default();
    let ports = agent_core::Ports {
        model: ports,
        tools: ports,
        workspace: ports,
        sink: ports,
        storage: ports,
        inbox: ports,
        entropy: ports,
        redactor: &redactor,
    };
    let exit = agent_core::run_thread(thread, start_up, ports).await;
    exit.map_err(|error| ApplicationFailure::non_retryable(anyhow::Error::new(error)))
}

/// Whether what should be archived was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Archived {
    Yes,
    No,
}

/// Puts older items on the owner's disk where they would make the next run's beginning large. The history of this run has
/// them too, for as long as the server keeps it.
async fn archive(ctx: &WorkflowContext<AgentWorkflow>, ports: &Ports, thread: &mut Thread) -> Archived {
    let items = thread.archivable();
    if size(&items) <= ARCHIVE_ABOVE_BYTES {
        return Archived::Yes;
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
            if thread.archive(kept.blob, count) {
                Archived::Yes
            } else {
                Archived::No
            }
        }
        Err(error) => {
            tracing::warn!(thread = %thread.key, %error, "the conversation cannot be archived; the run goes on");
            Archived::No
        }
    }
}
