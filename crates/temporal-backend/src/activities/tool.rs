//! Tool calls on the worker that owns the workspace.

use super::{Activities, beat::while_beating, guard, running::Found, unwanted};
use crate::{
    wire::{MAX_ANSWER_BYTES, MAX_RESPONSE_BYTES},
    workflow::size,
};
use agent_core::{
    Answer, CollectRequest, Collected, Ended, Input, Operation, OutputStatus, Prepared, ToolAnswer,
    ToolOutput, ToolRequest, cross_boundary,
};
use temporalio_sdk::activities::{ActivityContext, ActivityError};

/// Says which tools there are. Servers that are being started go on starting when this is given up.
pub(super) async fn collect(
    activities: &Activities,
    ctx: &ActivityContext,
    request: CollectRequest,
) -> Result<Collected, ActivityError> {
    let known = request.known.clone();
    let collected = tokio::select! {
        biased;
        collected = guard::caught(activities.services.tools.collect(request)) => collected,
        () = ctx.cancelled() => return Err(ActivityError::cancelled()),
    };
    // A turn can do without.
    let collected = collected.unwrap_or_else(|message| Collected {
        tools: None,
        digest: known.clone(),
        warnings: vec![format!("the tools could not be looked for: {message}")],
        skills: Vec::new(),
    });
    let collected =
        activities.services.redactor.scrub_value(collected).map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(fitting(collected, known))
}

/// What there is room for.
fn fitting(collected: Collected, known: String) -> Collected {
    let bytes = size(&collected);
    if bytes <= MAX_RESPONSE_BYTES {
        return collected;
    }
    let Collected { skills, .. } = collected;
    let skill_bytes = size(&skills);
    if skill_bytes > MAX_RESPONSE_BYTES {
        let warning = format!(
            "the skills that were asked for have {skill_bytes} bytes, and a thread on Temporal takes {MAX_RESPONSE_BYTES}: \
             they are left out; move what is long in them to files that they name"
        );
        return Collected { tools: None, digest: known, warnings: vec![warning], skills: Vec::new() };
    }
    let warning = format!(
        "the descriptions of all tools have {bytes} bytes with the skills that were asked for, and a thread on Temporal \
         takes {MAX_RESPONSE_BYTES}: those of MCP servers are left out; switch some off with `enabled_tools`"
    );
    Collected { tools: None, digest: known, warnings: vec![warning], skills }
}

/// Runs a call within a workflow task, as long as that may take.
pub(super) async fn look(
    activities: &Activities,
    ctx: &ActivityContext,
    request: ToolRequest,
) -> Result<ToolAnswer, ActivityError> {
    // Whoever does it again waits until this is over.
    let _call = activities.running.begin(&request.key, request.effect);
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
    // A quick look at the same may still be about to end. No call runs twice at once.
    let _ = activities.running.find(&request.key, request.effect).await;
    let call = activities.running.begin(&request.key, request.effect);
    if call.is_stopped() {
        call.answered(ToolAnswer::NotStarted);
        return Ok(ToolAnswer::NotStarted);
    }
    let Operation { answer, mut cancel } = activities.services.tools.start(request.clone());
    let mut answer = answer.0;
    let ended = tokio::select! {
        biased;
        ended = &mut answer => ended,
        () = async { tokio::select! { () = call.stopped() => {}, () = unwanted::told(ctx) => {} } } => {
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
    let answer = Answer::Tool { answer: ended.into_answer() };
    let input = Input::Answered { effect: request.effect, attempt: request.attempt, answer };
    let services = &activities.services;
    let crossed = cross_boundary(input, &services.redactor, &*services.blobs).await;
    match crossed.map_err(|error| anyhow::anyhow!("{error}"))? {
        Input::Answered { answer: Answer::Tool { answer }, .. } => Ok(bounded(answer)),
        other => Err(anyhow::anyhow!("an answer became {other:?}").into()),
    }
}

/// What the history may have of what is said of a call.
pub(super) fn said(activities: &Activities, prepared: Prepared) -> Result<Prepared, ActivityError> {
    let prepared =
        activities.services.redactor.scrub_value(prepared).map_err(|error| anyhow::anyhow!("{error}"))?;
    let bytes = serde_json::to_string(&prepared).map_or(usize::MAX, |json| json.len());
    if bytes <= MAX_RESPONSE_BYTES {
        return Ok(prepared);
    }
    let message = format!(
        "What there is to say of the call has {bytes} bytes, and a thread on Temporal takes {MAX_RESPONSE_BYTES}. It did \
         not run. Do it in smaller parts."
    );
    Ok(Prepared::Rejected { message })
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
