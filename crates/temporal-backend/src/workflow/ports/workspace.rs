//! Snapshots, restores and hooks from inside a workflow, on the worker that owns the workspace.
//!
//! A worker that dies over one of them has the server make another attempt. One that is away is waited for, however long.

use super::{
    CancelOnDrop, Inner, Ports,
    tools::{CHORE_RETRY, CHORE_RETRY_MAX, NOT_READ_PAUSE, was_not_read},
};
use crate::{activities::Activities, wire::MAX_REQUEST_BYTES, workflow::state::size};
use agent_core::{
    HookNote, HookRequest, HookRuling, Hooked, RestoreAnswer, RestoreRequest, SnapshotAnswer,
    SnapshotRequest, Workspace,
};
use async_trait::async_trait;
use send_wrapper::SendWrapper;
use serde::Serialize;
use temporalio_common::RetryPolicy;
use temporalio_sdk::{ActivityExecutionError, ActivityOptions};

/// What its process dies of so often is not tried again.
const ATTEMPTS: u32 = 4;

#[async_trait]
impl Workspace for Ports {
    async fn snapshot(&self, request: SnapshotRequest) -> SnapshotAnswer {
        SendWrapper::new(async {
            let asked = self.inner.ask_owner(&request, |options| {
                self.inner.ctx.execute_activity(Activities::snapshot, request.clone(), options)
            });
            asked.await.unwrap_or_else(|why| SnapshotAnswer::Unavailable { why })
        })
        .await
    }

    async fn restore(&self, request: RestoreRequest) -> RestoreAnswer {
        SendWrapper::new(async {
            let asked = self.inner.ask_owner(&request, |options| {
                self.inner.ctx.execute_activity(Activities::restore, request.clone(), options)
            });
            asked.await.unwrap_or_else(|why| RestoreAnswer::Failed {
                message: format!("some files may be as they were before, others not: {why}"),
            })
        })
        .await
    }

    async fn hook(&self, request: HookRequest) -> Hooked {
        let bytes = size(&request);
        if bytes > MAX_REQUEST_BYTES {
            return passed_by(&too_large(bytes));
        }
        SendWrapper::new(async {
            let asked = self.inner.ask_owner(&request, |options| {
                self.inner.ctx.execute_activity(Activities::hook, request.clone(), options)
            });
            asked.await.unwrap_or_else(unhooked)
        })
        .await
    }
}

impl Inner {
    /// Has the owner do something, or says why it is not done.
    async fn ask_owner<T, F>(
        &self,
        request: &impl Serialize,
        ask: impl Fn(ActivityOptions) -> F,
    ) -> Result<T, String>
    where
        F: Future<Output = Result<T, ActivityExecutionError>>,
    {
        let bytes = size(request);
        if bytes > MAX_REQUEST_BYTES {
            return Err(too_large(bytes));
        }
        loop {
            let guard = CancelOnDrop::new();
            let options = ActivityOptions::with_start_to_close_timeout(self.timing.workspace)
                .heartbeat_timeout(self.timing.heartbeat)
                .retry_policy(a_few_times())
                .cancellation_token(guard.token())
                .build();
            let done = ask(options).await;
            guard.disarm();
            self.look_at_clock();
            match done {
                Ok(done) => return Ok(done),
                // Another worker may have the key, or this one soon.
                Err(error) if was_not_read(&error) => self.pause(NOT_READ_PAUSE).await,
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}

fn a_few_times() -> RetryPolicy {
    RetryPolicy::builder()
        .initial_interval(CHORE_RETRY)
        .backoff_coefficient(2.0)
        .maximum_interval(CHORE_RETRY_MAX)
        .maximum_attempts(ATTEMPTS)
        .build()
}

fn too_large(bytes: usize) -> String {
    format!("what it is asked has {bytes} bytes, and a thread on Temporal takes {MAX_REQUEST_BYTES}")
}

/// Hooks that did not run have no say, as those have none that fail. People are told.
fn unhooked(why: String) -> Hooked {
    let message = format!("the hooks did not run: {why}");
    Hooked { notes: vec![HookNote { hook: "hooks".into(), message }], ..Hooked::default() }
}

/// What is too large for hooks to look at must not pass them by.
fn passed_by(why: &str) -> Hooked {
    let reason = format!("hooks cannot look at it: {why}");
    Hooked { ruling: HookRuling::Block { reason }, ..Hooked::default() }
}
