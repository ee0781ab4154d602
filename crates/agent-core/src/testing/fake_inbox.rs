//! [`FakeInbox`]: submissions from a list, replies into another.

use crate::{Accepted, Inbox, OpId, Refusal, Submission};
use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

/// An inbox that a test fills. It ends when it is closed and empty.
#[derive(Debug, Default)]
pub struct FakeInbox {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Submission>,
    replies: Vec<(OpId, Result<Accepted, Refusal>)>,
    closed: bool,
    hand_over: bool,
    waker: Option<Waker>,
}

impl FakeInbox {
    /// An inbox that holds these.
    pub fn of(submissions: impl IntoIterator<Item = Submission>) -> Self {
        let inbox = Self::default();
        inbox.state().waiting.extend(submissions);
        inbox
    }

    /// Adds a submission.
    pub fn push(&self, submission: Submission) {
        let mut state = self.state();
        state.waiting.push_back(submission);
        state.wake();
    }

    /// Lets the stream end once it is empty.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.wake();
    }

    /// Asks the driver to hand over between effects.
    pub fn ask_hand_over(&self, ask: bool) {
        self.state().hand_over = ask;
    }

    /// What became of the submissions so far.
    pub fn replies(&self) -> Vec<(OpId, Result<Accepted, Refusal>)> {
        self.state().replies.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

#[async_trait]
impl Inbox for FakeInbox {
    fn submissions<'a>(&'a self) -> BoxStream<'a, Submission> {
        stream::poll_fn(|cx| {
            let mut state = self.state();
            match state.waiting.pop_front() {
                Some(submission) => Poll::Ready(Some(submission)),
                None if state.closed => Poll::Ready(None),
                None => {
                    state.waker = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .boxed()
    }

    async fn reply(&self, op: &OpId, reply: Result<Accepted, Refusal>) {
        self.state().replies.push((op.clone(), reply));
    }

    fn hand_over(&self) -> bool {
        self.state().hand_over
    }
}
