//! [`Held`]: calls that wait for the user's answer, between one attempt and the next.

use super::{handler::ANSWER_WAIT, open_call::OpenCall};
use agent_core::{EffectId, ThreadKey, ToolRequest, TurnId};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// Calls that wait.
#[derive(Default)]
pub(super) struct Held(Mutex<Vec<Waiting>>);

struct Waiting {
    key: ThreadKey,
    turn: TurnId,
    effect: EffectId,
    since: Instant,
    call: OpenCall,
}

impl Held {
    /// Keeps a call until its answer comes.
    pub(super) fn keep(&self, request: &ToolRequest, call: OpenCall) {
        self.waiting().push(Waiting {
            key: request.key.clone(),
            turn: request.turn,
            effect: request.effect,
            since: Instant::now(),
            call,
        });
    }

    /// The call that this attempt goes on with.
    pub(super) fn take(&self, request: &ToolRequest) -> Option<OpenCall> {
        let mut waiting = self.waiting();
        let at = waiting.iter().position(|one| one.key == request.key && one.effect == request.effect)?;
        Some(waiting.swap_remove(at).call)
    }

    /// Ends the calls that no answer will come for: of earlier turns of this thread, and those that waited too long.
    pub(super) fn drop_abandoned(&self, request: &ToolRequest) {
        self.waiting().retain(|one| {
            let is_of_earlier_turn = one.key == request.key && one.turn < request.turn;
            !is_of_earlier_turn && one.since.elapsed() < ANSWER_WAIT
        });
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
