//! [`RunningCalls`]: the tool calls of this process, by effect: how to stop one, and what came of it.

use agent_core::{EffectId, ThreadKey, ToolAnswer};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::watch;

/// So many answers are kept that the server has not been seen to have.
const MAX_ANSWERED: usize = 1024;
/// So many calls are remembered that were stopped before they came.
const MAX_STOPPED: usize = 256;

/// Knows the tool calls that run in this process, and those that have run and may be asked about.
#[derive(Debug, Default)]
pub struct RunningCalls {
    known: Mutex<Known>,
    closing: AtomicBool,
}

type Name = (ThreadKey, EffectId);

#[derive(Debug, Default)]
struct Known {
    calls: BTreeMap<Name, Arc<Call>>,
    answered: VecDeque<Name>,
    /// Stopped before they began: activities come in any order.
    stopped: VecDeque<Name>,
}

#[derive(Debug)]
struct Call {
    stop: watch::Sender<bool>,
    state: watch::Sender<Progress>,
}

#[derive(Clone, Debug)]
enum Progress {
    Running,
    Answered(Box<ToolAnswer>),
    /// Dropped before it had an answer.
    Gone,
}

/// What this process knows of a call.
#[derive(Debug)]
pub(super) enum Found {
    Answered(ToolAnswer),
    /// It was never here, or left no answer.
    Nothing,
}

/// A call while it runs. Dropped without an answer it is forgotten.
#[derive(Debug)]
pub(super) struct RunningCall<'a> {
    calls: &'a RunningCalls,
    name: Name,
    call: Arc<Call>,
}

impl RunningCalls {
    pub(super) fn begin(&self, key: &ThreadKey, effect: EffectId) -> RunningCall<'_> {
        let name = (key.clone(), effect);
        let mut known = self.known();
        let stopped = known.stopped.iter().position(|stopped| *stopped == name);
        let stop = stopped.and_then(|at| known.stopped.remove(at)).is_some();
        let call =
            Arc::new(Call { stop: watch::Sender::new(stop), state: watch::Sender::new(Progress::Running) });
        known.calls.insert(name.clone(), Arc::clone(&call));
        drop(known);
        RunningCall { calls: self, name, call }
    }

    /// Asks a call to stop, also if it is still to come.
    pub(super) fn stop(&self, key: &ThreadKey, effect: EffectId) {
        let name = (key.clone(), effect);
        let mut known = self.known();
        if let Some(call) = known.calls.get(&name) {
            call.stop.send_replace(true);
            return;
        }
        known.stopped.push_back(name);
        if known.stopped.len() > MAX_STOPPED {
            known.stopped.pop_front();
        }
    }

    /// The answer of a call, once it has one.
    pub(super) async fn find(&self, key: &ThreadKey, effect: EffectId) -> Found {
        let Some(call) = self.known().calls.get(&(key.clone(), effect)).cloned() else {
            return Found::Nothing;
        };
        let mut state = call.state.subscribe();
        let ended = state.wait_for(|progress| !matches!(progress, Progress::Running)).await;
        match ended.as_deref() {
            Ok(Progress::Answered(answer)) => Found::Answered((**answer).clone()),
            Ok(Progress::Running | Progress::Gone) | Err(_) => Found::Nothing,
        }
    }

    /// The answer is safe: nobody will ask.
    pub fn acknowledge(&self, key: &ThreadKey, effect: EffectId) {
        let name = (key.clone(), effect);
        let mut known = self.known();
        if known.calls.get(&name).is_some_and(|call| !matches!(*call.state.borrow(), Progress::Running)) {
            known.calls.remove(&name);
            known.answered.retain(|answered| *answered != name);
        }
    }

    /// The worker goes: nothing that runs is waited for any longer.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
        for call in self.known().calls.values() {
            call.stop.send_replace(true);
        }
    }

    /// Whether the worker is about to go.
    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// How many calls run.
    pub fn count(&self) -> usize {
        let known = self.known();
        known.calls.values().filter(|call| matches!(*call.state.borrow(), Progress::Running)).count()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RunningCall<'_> {
    /// Whether the call is asked to stop.
    pub(super) fn is_stopped(&self) -> bool {
        *self.call.stop.borrow()
    }

    /// Ready when the call is asked to stop.
    pub(super) async fn stopped(&self) {
        let mut stop = self.call.stop.subscribe();
        // The sender lives as long as this call.
        let _ = stop.wait_for(|stop| *stop).await;
    }

    /// The call has its answer. It is kept until it is acknowledged.
    pub(super) fn answered(&self, answer: ToolAnswer) {
        self.call.state.send_replace(Progress::Answered(Box::new(answer)));
        let mut known = self.calls.known();
        known.answered.push_back(self.name.clone());
        if known.answered.len() > MAX_ANSWERED
            && let Some(oldest) = known.answered.pop_front()
        {
            known.calls.remove(&oldest);
        }
    }
}

impl Drop for RunningCall<'_> {
    fn drop(&mut self) {
        if matches!(*self.call.state.borrow(), Progress::Running) {
            self.call.state.send_replace(Progress::Gone);
            let mut known = self.calls.known();
            if known.calls.get(&self.name).is_some_and(|call| Arc::ptr_eq(call, &self.call)) {
                known.calls.remove(&self.name);
            }
        }
    }
}
