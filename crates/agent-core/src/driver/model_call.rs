//! A model call in flight: deltas go out as they come, items are gathered until the response ends.

use crate::{
    ports::Ports,
    protocol::{
        EffectId, ItemId, Live, LiveKind, ModelAnswer, ModelError, ModelErrorKind, ModelEvent, ModelItem,
        TurnId,
    },
};
use futures::stream::{BoxStream, StreamExt};
use std::task::{Context, Poll};

/// Gathers one response.
pub(super) struct ModelCall<'a> {
    pub(super) effect: EffectId,
    pub(super) attempt: u32,
    pub(super) turn: TurnId,
    pub(super) stream: BoxStream<'a, Result<ModelEvent, ModelError>>,
    pub(super) items: Vec<ModelItem>,
    /// The message in the making.
    pub(super) text: String,
}

impl ModelCall<'_> {
    /// Takes everything there is; ready with the answer when the response has ended.
    pub(super) fn poll(
        &mut self,
        thread: &crate::ThreadKey,
        ports: Ports<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<ModelAnswer> {
        loop {
            let event = match self.stream.poll_next_unpin(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(event) => event,
            };
            match event {
                Some(Ok(ModelEvent::Delta { index, kind })) => {
                    if let LiveKind::Message(text) = &kind {
                        self.text.push_str(text);
                    }
                    let item = ItemId::of_effect(self.effect, index);
                    ports.sink.live(thread, &Live { turn: self.turn, item, attempt: self.attempt, kind });
                }
                Some(Ok(ModelEvent::Item(item))) => {
                    if let ModelItem::Message { .. } = item {
                        self.text.clear();
                    }
                    self.items.push(item);
                }
                Some(Ok(ModelEvent::Completed(usage))) => {
                    return Poll::Ready(ModelAnswer::Completed {
                        items: std::mem::take(&mut self.items),
                        usage,
                    });
                }
                Some(Err(error)) => return Poll::Ready(ModelAnswer::Failed { error }),
                None => {
                    let error =
                        ModelError::new(ModelErrorKind::Stream, "the response ended before it was complete");
                    return Poll::Ready(ModelAnswer::Failed { error });
                }
            }
        }
    }

    /// The answer of a call that is stopped here: what it has said so far.
    pub(super) fn cancelled(&mut self) -> ModelAnswer {
        let mut partial = String::new();
        for item in self.items.drain(..) {
            if let ModelItem::Message { text } = item {
                partial.push_str(&text);
                partial.push('\n');
            }
        }
        partial.push_str(&self.text);
        ModelAnswer::Cancelled { partial: partial.trim_end().to_owned() }
    }
}
