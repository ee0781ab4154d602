//! A model call in flight: deltas go out as they come, items are gathered until the response ends.

use super::in_flight::{End, Progress};
use crate::{
    ports::{EventSink, ModelStreamer},
    protocol::{
        EffectId, ItemId, Live, LiveKind, ModelAnswer, ModelError, ModelErrorKind, ModelEvent, ModelItem,
        ModelRequest, Purpose, ThreadKey, TurnId,
    },
    redact::Redactor,
    thread::Answer,
};
use futures::{
    ready,
    stream::{BoxStream, StreamExt},
};
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
    purpose: Purpose,
}

/// Asks a model as the driver does, for a host whose model calls run elsewhere: pieces go to the sink as they come, without
/// secrets, and the answer tells what the call came to. Once `stop` is ready, that is what it had said.
pub async fn ask_model(
    request: ModelRequest,
    model: &dyn ModelStreamer,
    sink: &dyn EventSink,
    redactor: &Redactor,
    stop: impl Future<Output = ()> + Send,
) -> ModelAnswer {
    let (key, mut stop) = (request.key.clone(), std::pin::pin!(stop));
    let mut call = ModelCall::new(request, model);
    std::future::poll_fn(|cx| {
        if stop.as_mut().poll(cx).is_ready() {
            return Poll::Ready(call.cancelled());
        }
        loop {
            match ready!(call.poll(&key, Shown { sink, redactor }, cx)) {
                Progress::More => {}
                Progress::End(End::Answered(Answer::Model { answer })) => return Poll::Ready(answer),
                Progress::End(_) => {
                    let error = ModelError::new(ModelErrorKind::Lost, "the model was lost");
                    return Poll::Ready(ModelAnswer::Failed { error });
                }
            }
        }
    })
    .await
}

/// Where pieces are shown.
#[derive(Clone, Copy)]
pub(super) struct Shown<'a> {
    pub(super) sink: &'a dyn EventSink,
    pub(super) redactor: &'a Redactor,
}

impl<'a> ModelCall<'a> {
    pub(super) fn new(request: ModelRequest, model: &'a dyn ModelStreamer) -> Self {
        Self {
            effect: request.effect,
            attempt: request.attempt,
            turn: request.turn,
            purpose: request.purpose,
            stream: model.stream(request),
            items: Vec::new(),
            text: String::new(),
            index: 0,
            held: String::new(),
            stopping: false,
        }
    }

    /// Takes what there is, up to a limit.
    pub(super) fn poll(&mut self, key: &ThreadKey, shown: Shown<'_>, cx: &mut Context<'_>) -> Poll<Progress> {
        for _ in 0..EVENTS_IN_A_ROW {
            let event = match self.stream.poll_next_unpin(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(event) => event,
            };
            if let Some(end) = self.take(event, key, shown) {
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
        shown: Shown<'_>,
    ) -> Option<End> {
        let answer = match event {
            Some(Ok(ModelEvent::Delta { index, kind })) => {
                self.show(index, kind, key, shown);
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
    fn show(&mut self, index: usize, kind: LiveKind, key: &ThreadKey, shown: Shown<'_>) {
        if let LiveKind::Message(text) = &kind {
            self.text.push_str(text);
            self.index = index;
        }
        if self.purpose == Purpose::Summary {
            return;
        }
        let clean = |text: String, held: &mut String| {
            held.push_str(&text);
            shown.redactor.release(held)
        };
        let kind = match kind {
            LiveKind::Message(text) => LiveKind::Message(clean(text, &mut self.held)),
            LiveKind::Reasoning(text) => LiveKind::Reasoning(clean(text, &mut self.held)),
            LiveKind::RawReasoning(text) => LiveKind::RawReasoning(clean(text, &mut self.held)),
            LiveKind::Output(text) => LiveKind::Output(clean(text, &mut self.held)),
        };
        let item = ItemId::of_effect(self.effect, index);
        shown.sink.live(key, &Live { turn: self.turn, item, attempt: self.attempt, kind });
    }

    /// The answer of a call that is stopped here: what it was saying.
    pub(super) fn cancelled(&mut self) -> ModelAnswer {
        ModelAnswer::Cancelled {
            partial: std::mem::take(&mut self.text).trim_end().to_owned(),
            index: self.index,
        }
    }
}
