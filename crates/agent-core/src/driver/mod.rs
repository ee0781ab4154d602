//! [`run_thread`]: takes the next input, applies it, commits it, tells clients, starts what is missing.
//!
//! The same on every backend. It reads no clock, spawns nothing, and wakes nobody: inside a workflow a wake-up that
//! does not come from the workflow's own machinery is an error.

mod boundary;
mod in_flight;
mod model_call;
mod start;

use crate::{
    ports::{Ports, StorageError},
    protocol::{Accepted, Refusal, Submission},
    thread::{Admission, ApplyError, Genesis, Input, Thread},
};
use in_flight::{Arrival, InFlight};

pub use boundary::cross_boundary;
pub use model_call::ask_model;

/// How a driver finds its thread.
#[derive(Clone, Debug, PartialEq)]
pub enum StartUp {
    /// Nothing has been applied to it yet.
    New(Box<Genesis>),
    /// It comes from storage; of what was running, anything may have happened.
    Crash,
    /// Another driver handed it over; nothing of what is running has been started.
    HandOver,
}

/// Why a driver returned without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The thread was shut down.
    Shutdown,
    /// The inbox asked for another driver; see [`crate::Inbox::hand_over`].
    HandOver,
    /// The inbox ended: the host goes away.
    Detached,
}

/// Why a driver could not go on. The thread may be ahead of its journal: drop it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The journal could not be written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The host fed something that cannot be applied.
    #[error("the host fed an input that cannot be applied: {0}")]
    Apply(#[from] ApplyError),
    /// Secrets could not be removed from an input, so it was not kept.
    #[error("an input could not be redacted and was dropped: {0}")]
    Redaction(#[from] serde_json::Error),
}

/// Serves a thread until it is shut down, handed over, or the host goes away.
///
/// The order is the promise: an input is applied, then committed with its events, then told to clients, and only
/// then do the effects it asks for start. So whatever a client saw survives, and whatever started is known.
///
/// # Errors
/// When the journal cannot be written or an input cannot be applied. Nothing that was told is lost: recover the
/// thread from storage and run it again with [`StartUp::Crash`].
pub async fn run_thread(thread: &mut Thread, start_up: StartUp, ports: Ports<'_>) -> Result<Exit, RunError> {
    let mut in_flight = InFlight::new(ports.inbox.submissions());
    for input in start::first_inputs(thread, start_up, ports).await {
        // What was learned of one effect may have settled another.
        if start::is_due(thread, &input) {
            commit(thread, input, ports).await?;
        }
    }
    loop {
        in_flight.reconcile(thread, ports);
        if thread.is_closed() {
            return Ok(Exit::Shutdown);
        }
        if in_flight.is_idle() && ports.inbox.hand_over() {
            return Ok(Exit::HandOver);
        }
        in_flight.start_missing(thread, ports);
        match in_flight.next(thread, ports).await {
            Arrival::Submission(submission) => submit(thread, *submission, ports).await?,
            Arrival::Answer(input) => commit(thread, input, ports).await?,
            Arrival::Detached => return Ok(Exit::Detached),
            Arrival::Nothing => {}
        }
    }
}

/// Applies a submission if it can be applied, and replies.
async fn submit(thread: &mut Thread, submission: Submission, ports: Ports<'_>) -> Result<(), RunError> {
    let op_id = submission.op_id.clone();
    let reply = match thread.admit(&submission) {
        Admission::Refused(refusal) => Err(refusal),
        Admission::Repeated => Ok(accepted(thread, true)),
        Admission::Fresh => match commit(thread, Input::Submitted(Box::new(submission)), ports).await {
            Err(RunError::Redaction(error)) => Err(Refusal::Malformed { why: error.to_string() }),
            Err(error) => return Err(error),
            Ok(()) => Ok(accepted(thread, false)),
        },
    };
    ports.inbox.reply(&op_id, reply).await;
    Ok(())
}

fn accepted(thread: &Thread, repeated: bool) -> Accepted {
    Accepted { turn: thread.current_turn(), event_seq: thread.event_seq(), repeated, listing: None }
}

/// Applies an input, makes it durable, and only then lets anybody see it.
async fn commit(thread: &mut Thread, input: Input, ports: Ports<'_>) -> Result<(), RunError> {
    let input = cross_boundary(input, ports.redactor, ports.storage).await?;
    let record = thread.next_record(ports.entropy.now_ms(), input);
    let outcome = thread.apply(&record)?;
    ports.storage.append(&record, &outcome.events).await?;
    ports.storage.committed(thread);
    // Before anybody hears that the turn has ended: a client that waits for that may end the process at once.
    if outcome.settled
        && let Err(error) = ports.storage.save_snapshot(thread).await
    {
        tracing::warn!(thread = %thread.key, %error, "no snapshot was kept; recovery takes longer");
    }
    if let Err(error) = ports.sink.publish(&thread.key, &outcome.events).await {
        tracing::warn!(thread = %thread.key, %error, "events are stored but were not published");
    }
    start::acknowledge(thread, &record, ports);
    Ok(())
}
