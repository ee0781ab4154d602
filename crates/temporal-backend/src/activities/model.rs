//! A model call: finds out what to ask, asks, shows pieces as they come.

use super::{Activities, beat::while_beating, prompt};
use crate::wire::{MAX_RESPONSE_BYTES, ModelTask};
use agent_core::{ModelAnswer, ModelError, ModelErrorKind, ModelRequest, ask_model};
use sink::BusSink;
use std::sync::Arc;
use temporalio_sdk::activities::{ActivityContext, ActivityError};

pub(super) async fn call(
    activities: &Activities,
    ctx: &ActivityContext,
    task: ModelTask,
) -> Result<ModelAnswer, ActivityError> {
    let file = activities.tasks.note(ctx.info());
    let answer = while_beating(ctx, ask(activities, ctx, task)).await;
    tools::kill_point("activity.answered");
    drop(file);
    answer
}

async fn ask(
    activities: &Activities,
    ctx: &ActivityContext,
    task: ModelTask,
) -> Result<ModelAnswer, ActivityError> {
    let services = &activities.services;
    let after = task.after;
    let request: ModelRequest = tokio::select! {
        biased;
        // Whoever does not want the answer any more does not want it asked.
        () = ctx.cancelled() => return Ok(ModelAnswer::Cancelled { partial: String::new(), index: 0 }),
        request = prompt::find(services, ctx, &task) => match request {
            Ok(request) => request,
            // No worker is lost, so asking at once and often does not help; the thread asks again after a while.
            Err(error) => {
                let message = services.redactor.scrub(&error.to_string());
                return Ok(ModelAnswer::Failed { error: ModelError::new(ModelErrorKind::Stream, message) });
            }
        },
    };
    let sink = BusSink::new(Arc::clone(&services.bus), after);
    let answer = ask_model(request, &*services.model, &sink, &services.redactor, ctx.cancelled()).await;
    if activities.running.is_closing() && matches!(answer, ModelAnswer::Cancelled { .. }) {
        // Nobody stopped it but the worker, which goes: another one asks again.
        return Err(anyhow::anyhow!("the worker was stopped").into());
    }
    let answer = services.redactor.scrub_value(answer).map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(bounded(answer))
}

/// A response that no payload can carry is none.
fn bounded(answer: ModelAnswer) -> ModelAnswer {
    let bytes = serde_json::to_string(&answer).map_or(usize::MAX, |json| json.len());
    if bytes <= MAX_RESPONSE_BYTES {
        return answer;
    }
    let message = format!(
        "the response has {bytes} bytes, and a thread on Temporal takes {MAX_RESPONSE_BYTES}; ask for less at once"
    );
    ModelAnswer::Failed { error: ModelError::new(ModelErrorKind::InvalidRequest, message) }
}
