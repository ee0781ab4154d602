//! Tool calls on the worker that owns the workspace.

use super::{Activities, beat::while_beating, running::Found};
use crate::wire::MAX_ANSWER_BYTES;
use agent_core::{
    Answer, Ended, Input, Operation, OutputStatus, ToolAnswer, ToolOutput, ToolRequest, cross_boundary,
};
use temporalio_sdk::activities::{ActivityContext, ActivityError};

/// Runs a call within a workflow task, as long as that may take.
pub(super) async fn look(
    activities: &Activities,
    ctx: &ActivityContext,
    request: ToolRequest,
) -> Result<ToolAnswer, ActivityError> {
    let Operation { answer, mut cancel } = activities.services.tools.start(request.clone());
    let mut answer = answer.0;
    tokio::select! {
        biased;
        ended = &mut answer => {
            cancel.disarm();
            finish(activities, request, ended).await
        }
        () = ctx.cancelled() => {
            cancel.pull();
            answer.await;
            Err(ActivityError::cancelled())
        }
    }
}

/// Runs a call. It is known in this process until its answer is safe in the history, so that whoever asks what became of it
/// is told, however long the server was away.
pub(super) async fn run(
    activities: &Activities,
    ctx: &ActivityContext,
    request: ToolRequest,
) -> Result<ToolAnswer, ActivityError> {
    let file = activities.tasks.note(ctx.info());
    let answer = while_beating(ctx, run_known(activities, ctx, request)).await;
    tools::kill_point("activity.answered");
    drop(file);
    answer
}

async fn run_known(
    activities: &Activities,
    ctx: &ActivityContext,
    request: ToolRequest,
) -> Result<ToolAnswer, ActivityError> {
    let call = activities.running.begin(&request.key, request.effect);
    let Operation { answer, mut cancel } = activities.services.tools.start(request.clone());
    let mut answer = answer.0;
    let ended = tokio::select! {
        biased;
        ended = &mut answer => ended,
        () = async { tokio::select! { () = call.stopped() => {}, () = ctx.cancelled() => {} } } => {
            cancel.pull();
            answer.await
        }
    };
    cancel.disarm();
    let answer = finish(activities, request, ended).await;
    if let Ok(answer) = &answer {
        call.answered(answer.clone());
    }
    answer
}

/// What the history may have of an answer.
pub(super) async fn finish(
    activities: &Activities,
    request: ToolRequest,
    ended: Ended,
) -> Result<ToolAnswer, ActivityError> {
    let answer = match ended {
        Ended::Answered(answer) => answer,
        Ended::Lost { evidence } => {
            evidence.unwrap_or_else(|| ToolAnswer::Unknown { note: "nothing is known of it".into() })
        }
    };
    let input =
        Input::Answered { effect: request.effect, attempt: request.attempt, answer: Answer::Tool { answer } };
    let services = &activities.services;
    let crossed = cross_boundary(input, &services.redactor, &*services.blobs).await;
    match crossed.map_err(|error| anyhow::anyhow!("{error}"))? {
        Input::Answered { answer: Answer::Tool { answer }, .. } => Ok(bounded(answer)),
        other => Err(anyhow::anyhow!("an answer became {other:?}").into()),
    }
}

/// An answer that no payload can carry says so. The call has run: that must not get lost with it.
fn bounded(answer: ToolAnswer) -> ToolAnswer {
    let bytes = serde_json::to_string(&answer).map_or(usize::MAX, |json| json.len());
    if bytes <= MAX_ANSWER_BYTES {
        return answer;
    }
    let text = format!("The call ran to its end, but its output of {bytes} bytes is too large to be kept.");
    ToolAnswer::Finished { output: ToolOutput::text(OutputStatus::Failed, text) }
}

/// What became of a call whose worker was lost, as far as the server could tell. This process may still run it: then its
/// answer is waited for. Or the process that ran it is gone: then the ledger knows.
pub(super) async fn recover(
    activities: &Activities,
    ctx: &ActivityContext,
    request: ToolRequest,
) -> Result<ToolAnswer, ActivityError> {
    while_beating(ctx, async {
        match activities.running.find(&request.key, request.effect).await {
            Found::Answered(answer) => Ok(answer),
            Found::Nothing => {
                let answer = activities.services.tools.recover(request.clone()).await;
                finish(activities, request, Ended::Answered(answer)).await
            }
        }
    })
    .await
}
