//! The set of what is in flight. Polled in the order of insertion; never wakes itself.

use super::{
    model_call::{ModelCall, Shown},
    start,
};
use crate::{
    ports::{CancelHandle, Ended, Ports, Stopping},
    protocol::{EffectId, Submission, ThreadKey, ToolAnswer},
    thread::{Answer, Input, Thread},
};
use futures::{
    future::BoxFuture,
    stream::{BoxStream, StreamExt},
};
use std::task::{Context, Poll};

/// What came first.
pub(super) enum Arrival {
    Submission(Box<Submission>),
    Answer(Input),
    /// The inbox ended.
    Detached,
    /// Nothing yet; whoever is ready goes first.
    Nothing,
}

/// So many submissions go before an answer that is ready.
const SUBMISSIONS_IN_A_ROW: u32 = 16;

/// The inbox, and the effects that were started and have not answered.
pub(super) struct InFlight<'a> {
    inbox: BoxStream<'a, Submission>,
    entries: Vec<Entry<'a>>,
    /// Since the last answer.
    submissions: u32,
}

struct Entry<'a> {
    effect: EffectId,
    attempt: u32,
    cancelling: bool,
    work: Work<'a>,
}

/// How an effect is carried out, and so how it is stopped.
pub(super) enum Work<'a> {
    /// Dropping the stream stops it, unless the streamer promises that it answers.
    Model(ModelCall<'a>),
    /// It is asked to stop, and answers.
    Tool { ended: BoxFuture<'a, Ended>, cancel: CancelHandle<'a> },
    /// Dropping the future stops it.
    Other(BoxFuture<'a, Answer>),
    /// The same. A question may wait for days: whoever takes the thread over sets its deadline anew.
    Deadline(BoxFuture<'a, Answer>),
    /// The answer is there.
    Answered(Answer),
}

impl<'a> InFlight<'a> {
    pub(super) fn new(inbox: BoxStream<'a, Submission>) -> Self {
        Self { inbox, entries: Vec::new(), submissions: 0 }
    }

    /// Whether nothing is in flight that another driver could not begin anew.
    pub(super) fn is_idle(&self) -> bool {
        self.entries.iter().all(|entry| matches!(entry.work, Work::Deadline(_)))
    }

    /// Makes the set follow the thread: what it no longer waits for is dropped, which stops it; what is to stop is
    /// asked to.
    pub(super) fn reconcile(&mut self, thread: &Thread, ports: Ports<'a>) {
        self.entries.retain_mut(|entry| {
            let wanted = thread
                .running()
                .find(|running| running.effect.id == entry.effect && running.effect.attempt == entry.attempt);
            if wanted.is_some_and(|running| running.cancelling) && !entry.cancelling {
                entry.cancelling = true;
                entry.work.stop(ports);
            }
            wanted.is_some()
        });
    }

    /// Starts what the thread waits for and is not in the set.
    pub(super) fn start_missing(&mut self, thread: &Thread, ports: Ports<'a>) {
        for running in thread.running() {
            let effect = &running.effect;
            if !self.entries.iter().any(|entry| entry.effect == effect.id) {
                let work = if running.cancelling {
                    Work::Answered(start::never_started(effect))
                } else {
                    start::work(thread, effect, ports)
                };
                self.entries.push(Entry {
                    effect: effect.id,
                    attempt: effect.attempt,
                    cancelling: running.cancelling,
                    work,
                });
            }
        }
    }

    /// Waits for what comes first. Submissions go before answers, so that an interrupt is not kept waiting, but not for
    /// ever.
    pub(super) async fn next(&mut self, thread: &Thread, ports: Ports<'a>) -> Arrival {
        std::future::poll_fn(|cx| self.poll(&thread.key, ports, cx)).await
    }

    fn poll(&mut self, key: &ThreadKey, ports: Ports<'a>, cx: &mut Context<'_>) -> Poll<Arrival> {
        if self.submissions >= SUBMISSIONS_IN_A_ROW {
            self.submissions = 0;
            if let Poll::Ready(arrival) = self.poll_entries(key, ports, cx) {
                return Poll::Ready(arrival);
            }
        }
        if let Poll::Ready(submission) = self.inbox.poll_next_unpin(cx) {
            self.submissions += 1;
            return Poll::Ready(
                submission.map_or(Arrival::Detached, |submission| Arrival::Submission(Box::new(submission))),
            );
        }
        self.submissions = 0;
        self.poll_entries(key, ports, cx)
    }

    fn poll_entries(&mut self, key: &ThreadKey, ports: Ports<'a>, cx: &mut Context<'_>) -> Poll<Arrival> {
        for at in 0..self.entries.len() {
            let Poll::Ready(progress) = self.entries[at].work.poll(key, ports, cx) else { continue };
            let end = match progress {
                Progress::End(end) => end,
                Progress::More => return Poll::Ready(Arrival::Nothing),
            };
            let Entry { effect, attempt, .. } = self.entries.remove(at);
            return Poll::Ready(Arrival::Answer(match end {
                End::Answered(answer) => Input::Answered { effect, attempt, answer },
                End::Lost(evidence) => Input::Lost { effect, attempt, evidence },
            }));
        }
        Poll::Pending
    }
}

/// What a poll of work came to.
pub(super) enum Progress {
    End(End),
    /// There may be more at once; others go first.
    More,
}

/// How an effect ended.
pub(super) enum End {
    Answered(Answer),
    /// With the process that carried it out.
    Lost(Option<ToolAnswer>),
}

impl Work<'_> {
    fn stop(&mut self, ports: Ports<'_>) {
        match self {
            Self::Model(call) => match ports.model.stop(call.effect, call.attempt) {
                Stopping::AtOnce => *self = Self::Answered(Answer::Model { answer: call.cancelled() }),
                Stopping::Answers => call.stopping = true,
            },
            Self::Tool { cancel, .. } => cancel.pull(),
            Self::Other(_) | Self::Deadline(_) => *self = Self::Answered(Answer::Cancelled),
            Self::Answered(_) => {}
        }
    }

    fn poll(&mut self, key: &ThreadKey, ports: Ports<'_>, cx: &mut Context<'_>) -> Poll<Progress> {
        match self {
            Self::Model(call) => call.poll(key, Shown { sink: ports.sink, redactor: ports.redactor }, cx),
            Self::Tool { ended, cancel } => {
                let ended = ended.as_mut().poll(cx);
                if ended.is_ready() {
                    cancel.disarm();
                }
                ended.map(|ended| {
                    Progress::End(match ended {
                        Ended::Answered(answer) => End::Answered(Answer::Tool { answer }),
                        Ended::Lost { evidence } => End::Lost(evidence),
                    })
                })
            }
            Self::Other(answer) | Self::Deadline(answer) => {
                answer.as_mut().poll(cx).map(|answer| Progress::End(End::Answered(answer)))
            }
            Self::Answered(answer) => Poll::Ready(Progress::End(End::Answered(answer.clone()))),
        }
    }
}
