//! The set of what is in flight. Polled in the order of insertion; never wakes itself.

use super::{model_call::ModelCall, start};
use crate::{
    ports::{CancelHandle, Ports},
    protocol::{EffectId, Submission, ThreadKey},
    thread::{Answer, Input, Thread},
};
use futures::{
    future::BoxFuture,
    stream::{BoxStream, StreamExt},
};
use std::task::{Context, Poll};

/// What came first.
pub(super) enum Arrival {
    Submission(Submission),
    Answer(Input),
    /// The inbox ended.
    Detached,
}

/// The inbox, and the effects that were started and have not answered.
pub(super) struct InFlight<'a> {
    inbox: BoxStream<'a, Submission>,
    entries: Vec<Entry<'a>>,
}

struct Entry<'a> {
    effect: EffectId,
    attempt: u32,
    cancelling: bool,
    work: Work<'a>,
}

/// How an effect is carried out, and so how it is stopped.
pub(super) enum Work<'a> {
    /// Dropping the stream stops it.
    Model(ModelCall<'a>),
    /// It is asked to stop, and answers.
    Tool { answer: BoxFuture<'a, Answer>, cancel: CancelHandle<'a> },
    /// Dropping the future stops it.
    Other(BoxFuture<'a, Answer>),
    /// The answer is there.
    Answered(Answer),
}

impl<'a> InFlight<'a> {
    pub(super) fn new(inbox: BoxStream<'a, Submission>) -> Self {
        Self { inbox, entries: Vec::new() }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.entries.is_empty()
    }

    /// Makes the set follow the thread: what it no longer waits for is dropped, which stops it; what is to stop is
    /// asked to.
    pub(super) fn reconcile(&mut self, thread: &Thread) {
        self.entries.retain_mut(|entry| {
            let wanted = thread
                .running()
                .find(|running| running.effect.id == entry.effect && running.effect.attempt == entry.attempt);
            if wanted.is_some_and(|running| running.cancelling) && !entry.cancelling {
                entry.cancelling = true;
                entry.work.stop();
            }
            wanted.is_some()
        });
    }

    /// Starts what the thread waits for and is not in the set.
    pub(super) fn start_missing(&mut self, thread: &Thread, ports: Ports<'a>) {
        for running in thread.running() {
            let effect = &running.effect;
            if !self.entries.iter().any(|entry| entry.effect == effect.id) {
                let mut work = start::work(thread, effect, ports);
                if running.cancelling {
                    work.stop();
                }
                self.entries.push(Entry {
                    effect: effect.id,
                    attempt: effect.attempt,
                    cancelling: running.cancelling,
                    work,
                });
            }
        }
    }

    /// Waits for what comes first. Submissions go before answers, so that an interrupt is not kept waiting.
    pub(super) async fn next(&mut self, thread: &Thread, ports: Ports<'a>) -> Arrival {
        std::future::poll_fn(|cx| self.poll(&thread.key, ports, cx)).await
    }

    fn poll(&mut self, key: &ThreadKey, ports: Ports<'a>, cx: &mut Context<'_>) -> Poll<Arrival> {
        if let Poll::Ready(submission) = self.inbox.poll_next_unpin(cx) {
            return Poll::Ready(submission.map_or(Arrival::Detached, Arrival::Submission));
        }
        for at in 0..self.entries.len() {
            if let Poll::Ready(answer) = self.entries[at].work.poll(key, ports, cx) {
                let Entry { effect, attempt, .. } = self.entries.remove(at);
                return Poll::Ready(Arrival::Answer(Input::Answered { effect, attempt, answer }));
            }
        }
        Poll::Pending
    }
}

impl Work<'_> {
    fn stop(&mut self) {
        match self {
            Self::Model(call) => *self = Self::Answered(Answer::Model { answer: call.cancelled() }),
            Self::Tool { cancel, .. } => cancel.pull(),
            Self::Other(_) => *self = Self::Answered(Answer::Cancelled),
            Self::Answered(_) => {}
        }
    }

    fn poll(&mut self, key: &ThreadKey, ports: Ports<'_>, cx: &mut Context<'_>) -> Poll<Answer> {
        match self {
            Self::Model(call) => call.poll(key, ports, cx).map(|answer| Answer::Model { answer }),
            Self::Tool { answer, cancel } => {
                let answer = answer.as_mut().poll(cx);
                if answer.is_ready() {
                    cancel.disarm();
                }
                answer
            }
            Self::Other(answer) => answer.as_mut().poll(cx),
            Self::Answered(answer) => Poll::Ready(answer.clone()),
        }
    }
}
