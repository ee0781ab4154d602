//! Taking turns back: the conversation, and with it the files that they changed.

use super::{Effect, EffectKind, Thread, Told, machine::Machine, memory::ContextSize, turn::Kept};
use crate::protocol::{
    EffectId, EventKind, Plan, RestoreAnswer, RestoreRequest, RestoreStep, RollbackFiles, TurnId,
};
use serde::{Deserialize, Serialize};

/// So many turns can be taken back at most.
const MAX_MARKS: usize = 128;
/// A restore that dies with its process is not tried again beyond this attempt.
const MAX_ATTEMPTS: u32 = 8;

/// How a conversation was when a turn began, and what is kept of what the turn changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) turn: TurnId,
    /// Items of the conversation, archived ones included.
    items: u64,
    said_ever: u64,
    touched: usize,
    size: ContextSize,
    told: Told,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plan: Option<Plan>,
    /// `None` where nothing was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) kept: Option<Kept>,
}

/// Turns that are being taken back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Rollback {
    effect: EffectId,
    /// The first turn that goes.
    from: TurnId,
}

impl Thread {
    /// Which turns can be taken back, the newest first, and for each that could not take its files along, why.
    pub fn undoable(&self) -> impl Iterator<Item = (TurnId, Option<&str>)> {
        self.marks.iter().rev().map(|mark| match &mark.kept {
            Some(Kept::Lost { why }) => (mark.turn, Some(why.as_str())),
            Some(Kept::Both { .. }) | None => (mark.turn, None),
        })
    }

    /// The snapshots of the workspace around a turn that can be taken back: before and after.
    pub fn snapshots_of(&self, turn: TurnId) -> Option<RestoreStep> {
        self.marks.iter().find(|mark| mark.turn == turn).and_then(step)
    }

    /// The request to take back what turns made of the workspace.
    pub fn restore_request(&self, effect: &Effect) -> Option<RestoreRequest> {
        let rollback = self.rollback.as_ref().filter(|rollback| rollback.effect == effect.id)?;
        let steps = self.marks.iter().rev().take_while(|mark| mark.turn >= rollback.from).filter_map(step);
        Some(RestoreRequest {
            key: self.key.clone(),
            effect: effect.id,
            attempt: effect.attempt,
            cwd: self.settings.cwd.clone(),
            steps: steps.collect(),
        })
    }

    fn mark(&self) -> Mark {
        Mark {
            turn: TurnId(self.turns),
            items: self.archived.iter().map(|part| part.items).sum::<u64>() + self.items.len() as u64,
            said_ever: self.memory.said_ever,
            touched: self.memory.touched.len(),
            size: self.memory.size,
            told: self.told.clone(),
            plan: self.plan.clone(),
            kept: None,
        }
    }

    /// Takes the conversation back to how it was when a turn began.
    fn go_back_to(&mut self, mark: &Mark) {
        let mut left = mark.items;
        self.archived.retain_mut(|part| {
            part.items = part.items.min(left);
            left -= part.items;
            part.items > 0
        });
        self.items.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        self.memory.unhear(mark.said_ever);
        self.memory.touched.truncate(mark.touched);
        self.memory.size = mark.size;
        self.told = mark.told.clone();
        self.plan.clone_from(&mark.plan);
        self.epoch += 1;
        self.marks.retain(|other| other.turn < mark.turn);
    }
}

fn step(mark: &Mark) -> Option<RestoreStep> {
    match &mark.kept {
        Some(Kept::Both { before, after }) => {
            Some(RestoreStep { before: before.clone(), after: after.clone() })
        }
        Some(Kept::Lost { .. }) | None => None,
    }
}

impl Machine<'_> {
    /// Remembers how the conversation is, before a turn adds to it.
    pub(super) fn mark(&mut self) {
        let mark = self.thread.mark();
        self.thread.marks.push_back(mark);
        if self.thread.marks.len() > MAX_MARKS {
            self.thread.marks.pop_front();
        }
    }

    /// Remembers what is kept of what the turn changed.
    pub(super) fn mark_kept(&mut self) {
        let (kept, turn) = (self.kept(), self.thread.current_turn());
        if let Some(mark) = self.thread.marks.iter_mut().find(|mark| Some(mark.turn) == turn) {
            mark.kept = kept;
        }
    }

    /// Takes the last turns back. That they can be was looked at when the op was admitted.
    pub(super) fn roll_back(&mut self, turns: u32, files: RollbackFiles) {
        let count = usize::try_from(turns).unwrap_or(usize::MAX);
        let Some(first) = self.thread.marks.iter().rev().nth(count.saturating_sub(1)) else { return };
        let from = first.turn;
        let changed = self.thread.marks.iter().any(|mark| mark.turn >= from && step(mark).is_some());
        if files == RollbackFiles::Keep || !changed {
            return self.rolled_back(from, &[], &[]);
        }
        let effect = self.start(EffectKind::Restore);
        self.thread.rollback = Some(Rollback { effect, from });
    }

    fn rolled_back(&mut self, from: TurnId, files: &[String], notes: &[String]) {
        let Some(mark) = self.thread.marks.iter().find(|mark| mark.turn == from).cloned() else { return };
        self.thread.go_back_to(&mark);
        self.event(EventKind::RolledBack { from, files: files.to_vec(), notes: notes.to_vec() });
        self.settled();
    }

    pub(super) fn restored(&mut self, answer: &RestoreAnswer) {
        let Some(Rollback { from, .. }) = self.thread.rollback.take() else { return };
        match answer {
            RestoreAnswer::Restored { files, notes } => self.rolled_back(from, files, notes),
            RestoreAnswer::Conflicted { paths } => {
                let reason = "these files were changed since by somebody else; nothing was taken back. Put them as the turn \
                              left them, or take back only the conversation";
                self.event(EventKind::RollbackRefused { from, reason: reason.into(), paths: paths.clone() });
            }
            RestoreAnswer::Failed { message } => {
                self.event(EventKind::RollbackRefused { from, reason: message.clone(), paths: Vec::new() });
            }
        }
    }

    pub(super) fn restore_lost(&mut self, effect: Effect) {
        if effect.attempt < MAX_ATTEMPTS {
            return self.start_attempt(Effect { attempt: effect.attempt + 1, ..effect });
        }
        let message =
            "the process died whenever the files were put back; some may be as they were before, others not";
        self.restored(&RestoreAnswer::Failed { message: message.into() });
    }
}
