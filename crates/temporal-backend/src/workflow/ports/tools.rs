//! Tool calls from inside a workflow, on the worker that owns the workspace.

use super::{CancelOnDrop, Inner, Ports, model::once};
use crate::{
    ACTIVITY_NOT_READ,
    activities::Activities,
    wire::{KillTask, MAX_REQUEST_BYTES},
    workflow::state::size,
};
use agent_core::{
    Access, CollectRequest, Collected, EffectId, Ended, Operation, OutputStatus, PrepareRequest, Prepared,
    Subject, ThreadKey, ToolAnswer, ToolCallHandler, ToolOutput, ToolRequest,
};
use async_trait::async_trait;
use futures::{FutureExt, future::LocalBoxFuture};
use send_wrapper::SendWrapper;
use std::{cell::Cell, rc::Rc, time::Duration};
use temporalio_common::RetryPolicy;
use temporalio_sdk::{
    ActivityCancellationType, ActivityExecutionError, ActivityOptions, LocalActivityOptions,
    WorkflowCancellationToken,
};

/// What an owner does for a thread is tried again this soon, and with growing pauses.
pub(super) const CHORE_RETRY: Duration = Duration::from_millis(200);
/// A worker that lacks a key of the codec is given so long to get it.
pub(super) const NOT_READ_PAUSE: Duration = Duration::from_secs(10);
/// Items are tried so often to be archived at the end of a run.
const ARCHIVE_ATTEMPTS: u32 = 4;
/// But no later than after this pause: an owner that comes back is waited for.
pub(super) const CHORE_RETRY_MAX: Duration = Duration::from_secs(10);

#[async_trait]
impl ToolCallHandler for Ports {
    async fn collect(&self, request: CollectRequest) -> Collected {
        SendWrapper::new(self.inner.collect(request)).await
    }

    async fn prepare(&self, request: PrepareRequest) -> Prepared {
        SendWrapper::new(self.inner.prepare(request)).await
    }

    fn start<'a>(&'a self, request: ToolRequest) -> Operation<'a> {
        let stop = Rc::new(Cell::new(false));
        let pulled = SendWrapper::new(Rc::clone(&stop));
        // The driver polls what it has in flight right after it pulls, so a mark is enough.
        Operation::elsewhere(SendWrapper::new(self.inner.run(request, stop)), move || pulled.set(true))
    }

    async fn recover(&self, _request: ToolRequest) -> ToolAnswer {
        ToolAnswer::Unknown { note: "its workflow had ended".into() }
    }

    fn acknowledge(&self, key: &ThreadKey, effect: EffectId) {
        self.inner.ctx.state(|workflow| (workflow.state.surroundings.acknowledged)(key, effect));
    }
}

impl Inner {
    async fn collect(&self, request: CollectRequest) -> Collected {
        let quick = self.ctx.execute_local_activity(Activities::collect, request.clone(), self.quick());
        if let Ok(collected) = quick.await {
            return collected;
        }
        let guard = CancelOnDrop::new();
        let known = request.known.clone();
        let options = ActivityOptions::with_start_to_close_timeout(self.timing.collect)
            .retry_policy(patiently())
            .cancellation_token(guard.token())
            .build();
        let collected = self.ctx.execute_activity(Activities::collect, request, options).await;
        guard.disarm();
        self.look_at_clock();
        collected.unwrap_or_else(|error| Collected {
            tools: None,
            digest: known,
            warnings: vec![format!("the tools could not be looked for: {error}")],
            skills: Vec::new(),
        })
    }

    async fn prepare(&self, request: PrepareRequest) -> Prepared {
        let quick = self.ctx.execute_local_activity(Activities::prepare, request.clone(), self.quick());
        if let Ok(prepared) = quick.await {
            return prepared;
        }
        let guard = CancelOnDrop::new();
        let prepared = self.ctx.execute_activity(Activities::prepare, request, self.chore(&guard)).await;
        guard.disarm();
        self.look_at_clock();
        prepared.unwrap_or_else(|error| Prepared::Rejected {
            message: format!("The call could not be looked at: {error}. It did not run."),
        })
    }

    async fn run(&self, request: ToolRequest, stop: Rc<Cell<bool>>) -> Ended {
        let bytes = size(&request);
        if bytes > MAX_REQUEST_BYTES {
            return Ended::Answered(too_large(bytes));
        }
        // It may have been stopped in the task that decided to run it.
        if !stop.get() && only_looks(&request) {
            let quick = self.ctx.execute_local_activity(Activities::look, request.clone(), self.quick());
            if let Ok(answer) = quick.await {
                return Ended::Answered(answer);
            }
        }
        if stop.get() {
            return Ended::Answered(ToolAnswer::NotStarted);
        }
        let guard = CancelOnDrop::new();
        let limit = Duration::from_millis(request.preparation.timeout_ms) + self.timing.tool_grace;
        let options = ActivityOptions::with_start_to_close_timeout(limit)
            .heartbeat_timeout(self.timing.heartbeat)
            .retry_policy(once())
            .cancellation_type(ActivityCancellationType::WaitCancellationCompleted)
            .cancellation_token(guard.token())
            .build();
        let running = self.ctx.execute_activity(Activities::tool, request.clone(), options).boxed_local();
        // One that nobody has taken yet is not taken any more. One that runs hears of the stop with its next beat, or sooner.
        let ended = self.heeding(&stop, &request, running, || guard.token().cancel()).await;
        guard.disarm();
        self.look_at_clock();
        match ended {
            Ok(answer) => Ended::Answered(answer),
            Err(error) if was_not_read(&error) => {
                // Another worker may have the key, or this one soon.
                self.pause(NOT_READ_PAUSE).await;
                Ended::Answered(ToolAnswer::NotStarted)
            }
            // A call that somebody has taken answers; this one was taken by nobody.
            Err(ActivityExecutionError::Cancelled(_)) => Ended::Answered(ToolAnswer::NotStarted),
            Err(error) => {
                let finding_out = self.find_out(request.clone(), &error).boxed_local();
                let evidence = self.heeding(&stop, &request, finding_out, || ()).await;
                self.look_at_clock();
                Ended::Lost { evidence: Some(evidence) }
            }
        }
    }

    /// Waits for work about a call, and stops the call as soon as that is asked for.
    async fn heeding<T>(
        &self,
        stop: &Cell<bool>,
        request: &ToolRequest,
        mut work: LocalBoxFuture<'_, T>,
        stopped: impl Fn(),
    ) -> T {
        let mut killing = None;
        std::future::poll_fn(|cx| {
            if stop.get() && killing.is_none() {
                stopped();
                killing = Some(self.kill(request));
            }
            if let Some(killing) = &mut killing {
                let _ = killing.poll_unpin(cx);
            }
            work.poll_unpin(cx)
        })
        .await
    }

    /// Stops a call. The call itself answers; whether the stop arrived does not matter once it has.
    fn kill<'a>(&'a self, request: &ToolRequest) -> LocalBoxFuture<'a, ()> {
        let task = KillTask { key: request.key.clone(), effect: request.effect };
        let killed = async move {
            let guard = CancelOnDrop::new();
            let _ = self.ctx.execute_activity(Activities::kill, task, self.chore(&guard)).await;
            guard.disarm();
        };
        killed.fuse().boxed_local()
    }

    /// Asks the owner what became of a call whose worker was lost: it may have the answer, may run it still, or may know
    /// that it never started. The owner is waited for, however long it takes.
    async fn find_out(&self, request: ToolRequest, error: &ActivityExecutionError) -> ToolAnswer {
        let guard = CancelOnDrop::new();
        let limit = Duration::from_millis(request.preparation.timeout_ms) + self.timing.tool_grace;
        let options = ActivityOptions::with_start_to_close_timeout(limit.max(self.timing.chore))
            .heartbeat_timeout(self.timing.heartbeat)
            .retry_policy(patiently())
            .cancellation_token(guard.token())
            .build();
        let answer = self.ctx.execute_activity(Activities::recover, request, options).await;
        guard.disarm();
        answer.unwrap_or_else(|_| ToolAnswer::Unknown { note: format!("its worker was lost: {error}") })
    }

    /// Inside the workflow task, once, and not behind others that are slow. A cancellation of the workflow does not end it.
    fn quick(&self) -> LocalActivityOptions {
        LocalActivityOptions::builder()
            .schedule_to_start_timeout(self.timing.quick)
            .start_to_close_timeout(self.timing.quick)
            .retry_policy(once())
            .cancellation_token(WorkflowCancellationToken::new())
            .build()
    }

    /// On the owner, a few times: without it the run goes on as it is.
    pub(super) fn archiving(&self, guard: &CancelOnDrop) -> ActivityOptions {
        let retries =
            RetryPolicy::builder().initial_interval(CHORE_RETRY).maximum_attempts(ARCHIVE_ATTEMPTS).build();
        ActivityOptions::with_start_to_close_timeout(self.timing.chore)
            .heartbeat_timeout(self.timing.heartbeat)
            .retry_policy(retries)
            .cancellation_token(guard.token())
            .build()
    }

    /// On the owner, until it is done.
    pub(super) fn chore(&self, guard: &CancelOnDrop) -> ActivityOptions {
        ActivityOptions::with_start_to_close_timeout(self.timing.chore)
            .retry_policy(patiently())
            .cancellation_token(guard.token())
            .build()
    }
}

/// Whether the worker could not decrypt what it was asked, and so did nothing.
pub(super) fn was_not_read(error: &ActivityExecutionError) -> bool {
    error.to_string().contains(ACTIVITY_NOT_READ)
}

/// What no activity can be asked is not asked.
fn too_large(bytes: usize) -> ToolAnswer {
    let text = format!(
        "The call has {bytes} bytes with what is said of it, and a thread on Temporal takes {MAX_REQUEST_BYTES}. It did not \
         run. Do it in smaller parts."
    );
    ToolAnswer::Finished { output: ToolOutput::text(OutputStatus::Failed, text) }
}

fn patiently() -> RetryPolicy {
    RetryPolicy::builder()
        .initial_interval(CHORE_RETRY)
        .backoff_coefficient(2.0)
        .maximum_interval(CHORE_RETRY_MAX)
        .build()
}

/// Tools that read files and lists are done before an activity of their own would have begun. A command may last, and so may
/// a server.
fn only_looks(request: &ToolRequest) -> bool {
    let may_last = matches!(request.preparation.subject, Subject::Command { .. } | Subject::Mcp { .. });
    request.preparation.access == Access::ReadOnly && !may_last
}
