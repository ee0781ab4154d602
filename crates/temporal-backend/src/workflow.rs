//! `AgentWorkflow`: one thread, served by [`agent_core::run_thread`] inside a workflow.
//!
//! What is here runs again whenever a worker takes the thread up, so it does nothing but what follows from its history. The
//! few things it hands to the process around it ([`Surroundings`]) lose nothing when they are lost, and repeat nothing when
//! they are repeated.
//!
//! `ports.rs` is the one file that knows how a workflow is polled; `book.rs` keeps events for readers; `hand_over.rs` goes
//! from run to run.

mod book;
mod digest;
mod hand_over;
mod offer;
mod ports;
mod state;
mod surroundings;
mod timing;

pub(crate) use book::{book_of, status_after};
pub use digest::Digest;
pub use offer::Offer;
pub(crate) use ports::{DEPARTED, MEMO, MODEL, STATUS};
pub(crate) use state::size;
pub use surroundings::{Acknowledge, Chronicle, Surroundings};
use timing::Timing;

use crate::wire::{
    Departure, DepartureReply, EventsAfter, EventsPage, Items, ItemsWanted, Part, RunInput, Status,
};
use agent_core::{Accepted, OpId, Refusal, Submission};
use serde::{Deserialize, Serialize};
use state::State;
use std::{sync::Arc, time::Duration};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{SyncWorkflowContext, WorkflowContext, WorkflowContextView, WorkflowResult};

/// A client that waits for news inside the workflow waits so long at most; then it is told that there are none.
const NEWS_PATIENCE: Duration = Duration::from_secs(30);

/// A thread as a workflow. Its id is [`crate::workflow_id`], its type `AgentWorkflow`.
#[workflow]
pub struct AgentWorkflow {
    state: State,
}

/// What an update of a thread comes to. A refusal is no failure: the client asked, and is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// It is durable and applied, now or before.
    Accepted(Accepted),
    /// It left no trace in the thread.
    Refused(Refusal),
    /// The run is about to end; the next one takes it. Submit it again with the same op id.
    Again,
}

/// How a thread's workflow ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closed {
    /// It was shut down. It can be resumed.
    Shutdown,
    /// The thread goes on elsewhere. Here it cannot be resumed.
    Departed,
}

impl AgentWorkflow {
    /// A workflow in this process. Registered with `register_workflow_with_factory`.
    pub fn within(surroundings: Arc<Surroundings>) -> Self {
        Self { state: State::new(surroundings) }
    }
}

#[workflow_methods(factory_only)]
impl AgentWorkflow {
    /// Serves the thread until it is shut down, or until this run's history is long enough.
    #[run(name = "AgentWorkflow")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, input: RunInput) -> WorkflowResult<Closed> {
        hand_over::serve(ctx, input).await
    }

    /// Takes an op without an answer; [`AgentWorkflow::reply`] has it. One that cannot be applied is refused there.
    #[signal]
    pub fn receive_op(&mut self, _ctx: &mut SyncWorkflowContext<Self>, offer: Offer) {
        match offer.submission() {
            Ok(submission) => self.state.receive(submission),
            Err(error) => tracing::warn!(error, "a signal is no op and does nothing"),
        }
    }

    /// Refuses what the thread would refuse, so that it leaves no trace in the history either.
    #[update_validator(submit_op)]
    fn admit(
        &self,
        _ctx: &WorkflowContextView,
        submission: &Submission,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.state.admit(submission)
    }

    /// Takes an op and answers once it is applied and durable.
    #[update]
    pub async fn submit_op(ctx: &mut WorkflowContext<Self>, submission: Submission) -> Reply {
        let op = submission.op_id.clone();
        ctx.state_mut(|workflow| workflow.state.submit(submission));
        // A cancelled workflow answers too.
        let waited =
            ctx.wait_condition_with_options(|workflow| workflow.state.has_answer(&op), ports::detached());
        let _ = waited.await;
        ctx.state_mut(|workflow| workflow.state.take_answer(&op))
    }

    /// Ends the thread here, if it rests, because it goes on elsewhere. The driver decides it, after the ops that have come: a
    /// handler would see more or less of what came with it, as the server happens to put tasks together.
    #[update]
    pub async fn depart(ctx: &mut WorkflowContext<Self>, departure: Departure) -> DepartureReply {
        let ticket = ctx.state_mut(|workflow| workflow.state.ask_to_depart(departure));
        let is_decided = |workflow: &Self| workflow.state.is_departure_decided(ticket);
        let _ = ctx.wait_condition_with_options(is_decided, ports::detached()).await;
        ctx.state_mut(|workflow| workflow.state.take_departure(ticket))
    }

    /// Refuses those that would use up what is left for ops.
    #[update_validator(get_state_update)]
    fn may_wait(
        &self,
        _ctx: &WorkflowContextView,
        _after: &EventsAfter,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if self.state.long_polls < state::MAX_LONG_POLLS {
            return Ok(());
        }
        Err(format!("this run has been waited for {} times; query its events", state::MAX_LONG_POLLS).into())
    }

    /// Waits for events after the cursor, for clients that have no other way. It costs five events of history; queries cost
    /// none.
    #[update]
    pub async fn get_state_update(ctx: &mut WorkflowContext<Self>, after: EventsAfter) -> EventsPage {
        ctx.state_mut(|workflow| workflow.state.long_polls += 1);
        let patience = ports::within(ctx, NEWS_PATIENCE);
        let news =
            ctx.wait_condition_with_options(|workflow| workflow.state.has_news(after.seq), ports::detached());
        ports::first(news, patience).await;
        ctx.state(|workflow| workflow.state.page(&after))
    }

    /// The answer to an op that came as a signal; `None` while there is none, or none any more.
    #[query]
    pub fn reply(&self, _ctx: &WorkflowContextView, op: OpId) -> Option<Reply> {
        self.state.answer(&op)
    }

    /// The next events.
    #[query]
    pub fn events(&self, _ctx: &WorkflowContextView, after: EventsAfter) -> EventsPage {
        self.state.page(&after)
    }

    /// What the thread is doing.
    #[query]
    pub fn status(&self, _ctx: &WorkflowContextView) -> Status {
        self.state.status()
    }

    /// A [`crate::Carry`] of the thread as it was when no turn ran last, as a part of its JSON from this byte on.
    #[query]
    pub fn snapshot(&self, _ctx: &WorkflowContextView, from: u64) -> Part {
        self.state.snapshot_part(from)
    }

    /// What a running model call is asked, for workers elsewhere. It answers nothing about a call that does not run.
    #[query]
    pub fn conversation(&self, _ctx: &WorkflowContextView, wanted: ItemsWanted) -> Option<Items> {
        self.state.items(&wanted)
    }

    /// A part of a blob of this worker's disk, as base64, for workers elsewhere.
    #[query]
    pub fn blob(&self, _ctx: &WorkflowContextView, wanted: crate::wire::BlobWanted) -> Option<Part> {
        self.state.blob_part(&wanted)
    }
}
