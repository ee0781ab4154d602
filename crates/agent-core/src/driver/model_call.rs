//! A model call in flight: deltas go out as they come, items are gathered until the response ends.

use super::in_flight::{End, Progress};
use crate::{
    ports::Ports,
    protocol::{
        EffectId, ItemId, Live, LiveKind, ModelAnswer, ModelError, ModelErrorKind, ModelEvent, ModelItem,
        ThreadKey, TurnId,
    },
    thread::Answer,
};
use futures::stream::{BoxStream, StreamExt};
use std::task::{Context, Poll};

/// So many events of a response are taken before anything else gets its turn.
const EVENTS_IN_A_ROW: usize = 64;

/// Gathers one response.
pub(super) struct ModelCall<'a> {
    pub(super) effect: EffectId,
    pub(super) attempt: u32,
    pub(super) turn: TurnId,
    pub(super) stream: BoxStream<'a, Result<ModelEvent, ModelError>>,
    pub(super) items: Vec<ModelItem>,
    /// The message in the making, and which item it is.
    pub(super) text: String,
    pub(super) index: usize,
    /// What was not shown yet of the item in the making, because it may be the beginning of a secret.
    pub(super) held: String,
    /// It was asked to stop, and is heard to its end.
    pub(super) stopping: bool,
}

impl ModelCall<'_> {
    /// Takes what there is, up to a limit.
    pub(super) fn poll(&mut self, key: &ThreadKey, ports: Ports<'_>, cx: &mut Context<'_>) -> Poll<Progress> {
        for _ in 0..EVENTS_IN_A_ROW {
            let event = match self.stream.poll_next_unpin(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(event) => event,
            };
            if let Some(end) = self.take(event, key, ports) {
                return Poll::Ready(Progress::End(end));
            }
        }
        Poll::Ready(Progress::More)
    }

    /// Takes one event; the end, where it was the last.
    fn take(
        &mut self,
        event: Option<Result<ModelEvent, ModelError>>,
        key: &ThreadKey,
        ports: Ports<'_>,
    ) -> Option<End> {
        let answer = match event {
            Some(Ok(ModelEvent::Delta { index, kind })) => {
                self.show(index, kind, key, ports);
                return None;
            }
            Some(Ok(ModelEvent::Item(item))) => {
                self.items.push(item);
                self.text.clear();
                self.held.clear();
                return None;
            }
            Some(Ok(ModelEvent::Completed(completion))) => {
                ModelAnswer::Completed { items: std::mem::take(&mut self.items), completion }
            }
            _ if self.stopping => self.cancelled(),
            Some(Err(error)) if error.kind == ModelErrorKind::Lost => return Some(End::Lost(None)),
            Some(Err(error)) => ModelAnswer::Failed { error },
            None => {
                let error =
                    ModelError::new(ModelErrorKind::Stream, "the response ended before it was complete");
                ModelAnswer::Failed { error }
            }
        };
        Some(End::Answered(Answer::Model { answer }))
    }

    /// Shows a piece, without secrets, also without one that is split over several pieces.
    fn show(&mut self, index: usize, kind: LiveKind, key: &ThreadKey, ports: Ports<'_>) {
        if let LiveKind::Message(text) = &kind {
            self.text.push_str(text);
            self.index = index;
        }
        let clean = |text: String, held: &mut String| {
            held.push_str(&text);
            ports.redactor.release(held)
        };
        let kind = match kind {
            LiveKind::Message(text) => LiveKind::Message(clean(text, &mut self.held)),
            LiveKind::Reasoning(text) => LiveKind::Reasoning(clean(text, &mut self.held)),
            LiveKind::RawReasoning(text) => LiveKind::RawReasoning(clean(text, &mut self.held)),
            LiveKind::Output(text) => LiveKind::Output(clean(text, &mut self.held)),
        };
        let item = ItemId::of_effect(self.effect, index);
        ports.sink.live(key, &Live { turn: self.turn, item, attempt: self.attempt, kind });
    }

    /// The answer of a call that is stopped here: what it was saying.
    pub(super) fn cancelled(&mut self) -> ModelAnswer {
        ModelAnswer::Cancelled {
            partial: std::mem::take(&mut self.text).trim_end().to_owned(),
            index: self.index,
        }
    }
}
