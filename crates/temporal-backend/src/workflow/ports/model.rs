//! Model calls from inside a workflow: an activity that is told which conversation, not the conversation.

use super::{
    CancelOnDrop, Inner, Ports,
    tools::{NOT_READ_PAUSE, was_not_read},
};
use crate::{
    activities::Activities,
    wire::{ModelTask, PromptRef},
    workflow::state::frame,
};
use agent_core::{
    EffectId, LiveKind, ModelAnswer, ModelError, ModelErrorKind, ModelEvent, ModelRequest, ModelStreamer,
    Stopping,
};
use futures::stream::{self, BoxStream, StreamExt};
use send_wrapper::SendWrapper;
use std::sync::Arc;
use temporalio_common::RetryPolicy;
use temporalio_sdk::{ActivityCancellationType, ActivityExecutionError, ActivityOptions};

impl ModelStreamer for Ports {
    fn stream<'a>(&'a self, request: ModelRequest) -> BoxStream<'a, Result<ModelEvent, ModelError>> {
        let ended = async move { stream::iter(self.inner.ask(request).await) };
        stream::once(SendWrapper::new(ended)).flatten().boxed()
    }

    /// The pieces are with the worker, so the call is asked to stop and heard to its end.
    fn stop(&self, effect: EffectId, _attempt: u32) -> Stopping {
        match self.inner.model_calls.borrow().get(&effect.0) {
            Some(token) => {
                token.cancel();
                Stopping::Answers
            }
            None => Stopping::AtOnce,
        }
    }
}

impl Inner {
    async fn ask(&self, request: ModelRequest) -> Vec<Result<ModelEvent, ModelError>> {
        let effect = request.effect;
        let task = self.task(&request);
        let request = Arc::new(request);
        self.ctx.state_mut(|workflow| workflow.state.ask(request));
        let guard = CancelOnDrop::new();
        self.model_calls.borrow_mut().insert(effect.0, guard.token());
        let options = ActivityOptions::with_start_to_close_timeout(self.timing.model)
            .heartbeat_timeout(self.timing.heartbeat)
            .retry_policy(once())
            .cancellation_type(ActivityCancellationType::WaitCancellationCompleted)
            .cancellation_token(guard.token())
            .maybe_task_queue(self.options.model_queue.clone())
            .build();
        let outcome = self.ctx.execute_activity(Activities::model, task, options).await;
        guard.disarm();
        self.look_at_clock();
        self.model_calls.borrow_mut().remove(&effect.0);
        self.ctx.state_mut(|workflow| workflow.state.asked(effect));
        match outcome {
            Ok(outcome) => told(outcome),
            Err(ActivityExecutionError::Cancelled(_)) => Vec::new(),
            Err(error) => {
                if was_not_read(&error) {
                    self.pause(NOT_READ_PAUSE).await;
                }
                vec![Err(ModelError::new(
                    ModelErrorKind::Lost,
                    format!("the worker that asked is gone: {error}"),
                ))]
            }
        }
    }

    /// Names what is asked, and leaves it where a worker of this process finds it.
    fn task(&self, request: &ModelRequest) -> ModelTask {
        let mut chain = self.conversation.borrow_mut();
        // The tail is of the frame: it is said in this call only.
        let agent_core::Conversation { epoch, archived, items, skipped, tail: _ } = &request.conversation;
        let prompt = PromptRef {
            epoch: *epoch,
            skipped: *skipped,
            archived: archived.clone(),
            items: items.len() as u64,
            digest: chain.items((*epoch, *skipped, archived.len()), items).text(),
            frame: chain.frame(frame(request)),
        };
        let conversations = self.ctx.state(|workflow| Arc::clone(&workflow.state.surroundings.conversations));
        conversations.keep(&self.key, prompt.clone(), frame(request), items.clone());
        ModelTask {
            key: self.key.clone(),
            turn: request.turn,
            effect: request.effect,
            attempt: request.attempt,
            purpose: request.purpose,
            provider: request.provider.clone(),
            model: request.model.clone(),
            effort: request.effort,
            summary: request.summary,
            traceparent: request.traceparent.clone(),
            after: self.ctx.state(|workflow| workflow.state.last_event()),
            prompt,
        }
    }
}

/// What the driver hears of it. The pieces were shown already; those of a message that was cut short are told here.
fn told(answer: ModelAnswer) -> Vec<Result<ModelEvent, ModelError>> {
    match answer {
        ModelAnswer::Completed { items, completion } => items
            .into_iter()
            .map(ModelEvent::Item)
            .chain([ModelEvent::Completed(completion)])
            .map(Ok)
            .collect(),
        ModelAnswer::Failed { error } => vec![Err(error)],
        ModelAnswer::Cancelled { partial, .. } if partial.is_empty() => Vec::new(),
        ModelAnswer::Cancelled { partial, index } => {
            vec![Ok(ModelEvent::Delta { index, kind: LiveKind::Message(partial) })]
        }
    }
}

/// Temporal makes no attempt of its own: a lost call is the thread's to make again, as an attempt that readers are told of.
pub(super) fn once() -> RetryPolicy {
    RetryPolicy::builder().maximum_attempts(1).build()
}
