//! From the beginning of a run to its end, and to the next run.

use super::{
    AgentWorkflow, Closed,
    ports::{self, Ports},
    state::{Stage, size},
};
use crate::wire::{ArchiveTask, Arrival, RunFrom, RunInput, RunOptions};
use agent_core::{Entropy, EventSink, Exit, Input, RULES, Redactor, StartUp, StorageBackend, Thread};
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
    let mut arrival = None;
    let (mut thread, mut start_up) = match from {
        RunFrom::New { genesis } => (Thread::new(key.clone()), StartUp::New(genesis)),
        RunFrom::Carried { carry } => {
            let thread = ctx.state_mut(|workflow| workflow.state.go_on(*carry));
            // A thread that was shut down is resumed; one that was handed over goes on.
            let start_up = if thread.is_closed() { StartUp::Crash } else { StartUp::HandOver };
            (thread, start_up)
        }
        RunFrom::Moved { carry } => {
            arrival.clone_from(&carry.arrival);
            let thread = ctx.state_mut(|workflow| workflow.state.go_on(*carry));
            (thread, StartUp::HandOver)
        }
    };
    thread.keep_to(rules_of(&options));
    let ports = Ports::new(ctx, key.clone(), options.clone());
    if let Some(arrival) = arrival {
        arrive(&mut thread, *arrival, &ports).await?;
    }
    loop {
        let exit = drive(&mut thread, start_up, &ports).await?;
        let stage = match exit {
            Exit::Shutdown => Stage::Closed,
            Exit::Detached => Stage::Departed,
            Exit::HandOver => Stage::HandingOver,
        };
        ports::close(ctx, stage);
        if stage != Stage::HandingOver {
            ctx.state_mut(|workflow| workflow.state.refuse_rest());
        }
        if stage == Stage::Departed {
            all_answered(ctx).await;
            ports.tell_departed();
            return Ok(Closed::Departed);
        }
        let archived = archive(ctx, &ports, &mut thread).await;
        ctx.state_mut(|workflow| workflow.state.keep_if_settled(&thread));
        if stage == Stage::HandingOver && archived == Archived::No {
            // The owner's disk may be full. This run's history is long, which is no reason to lose the thread.
            ctx.state_mut(|workflow| workflow.state.postpone());
            start_up = StartUp::HandOver;
            continue;
        }
        all_answered(ctx).await;
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

/// Those who wait for an answer get one, be it to ask the next run.
async fn all_answered(ctx: &WorkflowContext<AgentWorkflow>) {
    let _ = ctx.wait_condition_with_options(|_| ctx.all_handlers_finished(), ports::detached()).await;
}

/// The first record of a thread that lived elsewhere says so.
async fn arrive(thread: &mut Thread, arrival: Arrival, ports: &Ports) -> Result<(), ApplicationFailure> {
    let Arrival { from, to, .. } = arrival;
    let record = thread.next_record(ports.now_ms(), Input::Moved { from, to });
    let failed = |error: anyhow::Error| ApplicationFailure::non_retryable(error);
    let outcome = thread.apply(&record).map_err(|error| failed(error.into()))?;
    ports.append(&record, &outcome.events).await.map_err(|error| failed(error.into()))?;
    ports.committed(thread);
    let _ = ports.publish(&thread.key, &outcome.events).await;
    ports.save_snapshot(thread).await.map_err(|error| failed(error.into()))
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
        // A review has taken the place of the thread's own conversation, which has archived items too.
        keep: (!thread.is_reviewing())
            .then(|| thread.archived().iter().map(|part| part.blob.clone()).collect()),
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
