//! What the keeper of a session and its calls share.

use super::{
    keeper::{Cause, End},
    line_ends::LineEnds,
};
use crate::output::{LiveOutput, Transcript};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::{sync::watch, time::Instant};

/// What the keeper and the calls share.
pub(super) struct Shared {
    state: Mutex<State>,
    pub(super) progress: watch::Sender<Progress>,
    /// Why the session is to be stopped.
    pub(super) halt: watch::Sender<Option<Cause>>,
}

pub(super) struct State {
    pub(super) transcript: Transcript,
    line_ends: LineEnds,
    /// When it was called for.
    pub(super) called: Instant,
    /// When it was called for or printed something.
    pub(super) stirred: Instant,
    pub(super) end: Option<End>,
}

/// What calls wait for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    /// Pieces of output so far.
    pub(super) pieces: u64,
    pub(super) ended: bool,
}

/// A call that shows what a session prints, until it is dropped.
pub(super) struct Watching<'a>(&'a Shared);

impl<'a> Watching<'a> {
    pub(super) fn of(shared: &'a Shared, live: LiveOutput) -> Self {
        shared.state().transcript.watch(live);
        Self(shared)
    }
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        self.0.state().transcript.unwatch();
    }
}

impl Shared {
    pub(super) fn new(transcript: Transcript, began: Instant) -> Self {
        let line_ends = LineEnds::default();
        let state = State { transcript, line_ends, called: began, stirred: began, end: None };
        Self { state: Mutex::new(state), progress: watch::Sender::default(), halt: watch::Sender::default() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what was read.
    pub(super) fn take(&self, bytes: &[u8]) {
        let mut state = self.state();
        let bytes = state.line_ends.plain(bytes);
        state.transcript.take(&bytes);
        state.stirred = Instant::now();
        drop(state);
        self.progress.send_modify(|progress| progress.pieces += 1);
    }

    /// All output is there, and this is how it ended.
    pub(super) fn end(&self, end: End) {
        let mut state = self.state();
        let rest = state.line_ends.finish();
        state.transcript.take(&rest);
        state.end = Some(end);
        drop(state);
        self.progress.send_modify(|progress| progress.ended = true);
    }
}
