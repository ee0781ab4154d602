//! Whether a call is not wanted any more, or the server has only lost sight of it.

use super::prompt::workflow;
use std::time::Duration;
use temporalio_client::{WorkflowDescribeOptions, WorkflowExecutionStatus};
use temporalio_common::protos::temporal::api::enums::v1::PendingActivityState;
use temporalio_sdk::activities::ActivityContext;

/// A server that does not say is asked again so much later.
const PAUSE: Duration = Duration::from_millis(500);

/// Ready when the thread, or whoever ended its workflow, wants the call to stop. The SDK tells an activity that it is
/// cancelled also when the server has given its worker up, for example after it was away itself for a while. Such a call goes on:
/// its thread is going to ask what became of it.
pub(super) async fn told(ctx: &ActivityContext) {
    ctx.cancelled().await;
    loop {
        match wanted(ctx).await {
            Ok(Wanted::No) => return,
            Ok(Wanted::Yes) => std::future::pending().await,
            Err(error) => {
                tracing::debug!(%error, "the server does not say whether a call is still wanted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

enum Wanted {
    Yes,
    No,
}

async fn wanted(ctx: &ActivityContext) -> anyhow::Result<Wanted> {
    let found = workflow(ctx)?.describe(WorkflowDescribeOptions::default()).await?;
    if found.status() != WorkflowExecutionStatus::Running {
        return Ok(Wanted::No);
    }
    let id = &ctx.info().activity_id;
    let asked = |state: i32| state == PendingActivityState::CancelRequested as i32;
    let is_asked = found
        .raw()
        .pending_activities
        .iter()
        .any(|pending| pending.activity_id == *id && asked(pending.state));
    Ok(if is_asked { Wanted::No } else { Wanted::Yes })
}
