//! From effects to work, and what a driver does before and after.

use super::{StartUp, in_flight::Work, model_call::ModelCall};
use crate::{
    ports::{Operation, Ports},
    protocol::{ModelAnswer, ToolAnswer},
    thread::{Answer, Effect, EffectKind, Input, Record, Running, Thread, TimerPurpose},
};
use futures::FutureExt;

/// What a driver feeds before anything else: the beginning, or what became of what was running.
pub(super) async fn first_inputs(thread: &Thread, start_up: StartUp, ports: Ports<'_>) -> Vec<Input> {
    match start_up {
        StartUp::New(genesis) => vec![Input::Opened(genesis)],
        StartUp::HandOver => Vec::new(),
        StartUp::Crash => {
            let mut inputs = Vec::new();
            if thread.is_closed() {
                inputs.push(Input::Resumed);
            }
            for Running { effect, .. } in thread.running() {
                let evidence = match thread.tool_request(effect) {
                    Some(request) => Some(ports.tools.recover(request).await),
                    None => None,
                };
                inputs.push(Input::Lost { effect: effect.id, attempt: effect.attempt, evidence });
            }
            inputs
        }
    }
}

/// Whether an input of [`first_inputs`] still has something to tell.
pub(super) fn is_due(thread: &Thread, input: &Input) -> bool {
    match input {
        Input::Lost { effect, attempt, .. } | Input::Answered { effect, attempt, .. } => {
            thread.awaits(*effect, *attempt)
        }
        Input::Opened(_) | Input::Resumed | Input::Moved { .. } | Input::Submitted(_) => true,
    }
}

/// Starts an effect.
pub(super) fn work<'a>(thread: &Thread, effect: &Effect, ports: Ports<'a>) -> Work<'a> {
    match &effect.kind {
        EffectKind::Model | EffectKind::Compact => {
            if let Some(request) = thread.model_request(effect) {
                return Work::Model(ModelCall::new(request, ports.model));
            }
        }
        EffectKind::Prepare { call } => {
            if let Some(request) = thread.prepare_request(call) {
                let prepared = ports.tools.prepare(request);
                return Work::Other(prepared.map(|prepared| Answer::Prepared { prepared }).boxed());
            }
        }
        EffectKind::Collect => {
            if let Some(request) = thread.collect_request() {
                let collected = ports.tools.collect(request);
                return Work::Other(collected.map(|collected| Answer::Collected { collected }).boxed());
            }
        }
        EffectKind::Tool { .. } | EffectKind::UserCommand { .. } => {
            if let Some(request) = thread.tool_request(effect) {
                let Operation { answer, cancel } = ports.tools.start(request);
                return Work::Tool { ended: answer.0, cancel };
            }
        }
        EffectKind::Timer { due_ms, purpose } => {
            let due = ports.entropy.sleep_until(*due_ms).map(|()| Answer::Due).boxed();
            return match purpose {
                TimerPurpose::Deadline(_) => Work::Deadline(due),
                TimerPurpose::BackOff | TimerPurpose::Stop => Work::Other(due),
            };
        }
        EffectKind::Snapshot { .. } => {
            if let Some(request) = thread.snapshot_request(effect) {
                let answer = ports.workspace.snapshot(request);
                return Work::Other(answer.map(|answer| Answer::Snapshot { answer }).boxed());
            }
        }
        EffectKind::Restore => {
            if let Some(request) = thread.restore_request(effect) {
                let answer = ports.workspace.restore(request);
                return Work::Other(answer.map(|answer| Answer::Restored { answer }).boxed());
            }
        }
        EffectKind::Hook { .. } => {
            if let Some(request) = thread.hook_request(effect) {
                let hooked = ports.workspace.hook(request);
                return Work::Other(hooked.map(|hooked| Answer::Hooked { hooked }).boxed());
            }
        }
        EffectKind::Child { .. } => {}
    }
    Work::Answered(Answer::NotServed)
}

/// The answer of an effect that was asked to stop before it was started.
pub(super) fn never_started(effect: &Effect) -> Answer {
    match effect.kind {
        EffectKind::Model | EffectKind::Compact => {
            Answer::Model { answer: ModelAnswer::Cancelled { partial: String::new(), index: 0 } }
        }
        EffectKind::Tool { .. } | EffectKind::UserCommand { .. } => {
            Answer::Tool { answer: ToolAnswer::NotStarted }
        }
        EffectKind::Prepare { .. }
        | EffectKind::Collect
        | EffectKind::Timer { .. }
        | EffectKind::Snapshot { .. }
        | EffectKind::Hook { .. } => Answer::Cancelled,
        EffectKind::Restore | EffectKind::Child { .. } => Answer::NotServed,
    }
}

/// Tells the tool handler that the answer in this record is safe.
pub(super) fn acknowledge(thread: &Thread, record: &Record, ports: Ports<'_>) {
    match &record.input {
        Input::Answered { effect, answer: Answer::Tool { .. }, .. }
        | Input::Lost { effect, evidence: Some(_), .. } => ports.tools.acknowledge(&thread.key, *effect),
        Input::Opened(_)
        | Input::Resumed
        | Input::Moved { .. }
        | Input::Submitted(_)
        | Input::Answered { .. }
        | Input::Lost { evidence: None, .. } => {}
    }
}
