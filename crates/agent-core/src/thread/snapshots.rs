//! Snapshots around what a turn changes, so that it can be taken back.

use super::{
    Effect, EffectKind, Thread,
    machine::Machine,
    turn::{Keeping, Kept},
};
use crate::protocol::{EventKind, Snapshot, SnapshotAnswer, SnapshotMoment, SnapshotRequest, Undo};

/// A snapshot that dies with its process is not taken again beyond this attempt: it may be what kills it.
const MAX_ATTEMPTS: u32 = 4;

impl Thread {
    /// The request for a snapshot.
    pub fn snapshot_request(&self, effect: &Effect) -> Option<SnapshotRequest> {
        let EffectKind::Snapshot { moment } = effect.kind else { return None };
        let turn = self.turn.as_ref()?;
        Some(SnapshotRequest {
            key: self.key.clone(),
            turn: turn.id,
            effect: effect.id,
            attempt: effect.attempt,
            cwd: turn.settings.cwd.clone(),
            sandbox: turn.settings.sandbox.clone(),
            moment,
        })
    }
}

/// They are told once, and not kept with every turn.
fn without_notes(snapshot: &Snapshot) -> Snapshot {
    Snapshot { notes: Vec::new(), ..snapshot.clone() }
}

impl Machine<'_> {
    /// Keeps the workspace before it is changed for the first time in a turn. True where the change has to wait.
    pub(super) fn keeps_first(&mut self) -> bool {
        if self.turn_settings().undo == Undo::Off {
            // What nobody kept is not taken for what did not change.
            self.with_turn(|turn| {
                if turn.keeping == Keeping::Untouched {
                    let why = "no snapshots were taken (`undo` is off)".to_owned();
                    turn.keeping = Keeping::Done { kept: Kept::Lost { why } };
                }
            });
            return false;
        }
        let Some(turn) = &self.thread.turn else { return false };
        match turn.keeping {
            Keeping::Untouched => {
                let effect = self.start(EffectKind::Snapshot { moment: SnapshotMoment::BeforeTurn });
                self.with_turn(|turn| turn.keeping = Keeping::Before { effect });
                true
            }
            Keeping::Before { .. } => true,
            Keeping::Changing { .. } | Keeping::After { .. } | Keeping::Done { .. } => false,
        }
    }

    /// Keeps the workspace as a turn leaves it. True where its end has to wait.
    pub(super) fn keeps_last(&mut self) -> bool {
        let Some(turn) = &self.thread.turn else { return false };
        match &turn.keeping {
            Keeping::Changing { before } => {
                let before = before.clone();
                let effect = self.start(EffectKind::Snapshot { moment: SnapshotMoment::AfterTurn });
                self.with_turn(|turn| turn.keeping = Keeping::After { effect, before });
                true
            }
            Keeping::After { .. } => true,
            Keeping::Untouched | Keeping::Before { .. } | Keeping::Done { .. } => false,
        }
    }

    pub(super) fn snapshot_answered(&mut self, answer: &SnapshotAnswer) {
        match answer {
            SnapshotAnswer::Taken { snapshot } => self.snapshot_taken(snapshot),
            SnapshotAnswer::Unavailable { why } => self.snapshot_lacks(why),
        }
    }

    fn snapshot_taken(&mut self, snapshot: &Snapshot) {
        let keeping = self.with_turn(|turn| Some(std::mem::take(&mut turn.keeping)));
        let next = match keeping {
            Some(Keeping::Before { .. }) => {
                // Said once: the same of every turn would be noise.
                if self.thread.kept_notes != snapshot.notes {
                    self.thread.kept_notes.clone_from(&snapshot.notes);
                    for note in &snapshot.notes {
                        self.event(EventKind::BackgroundNote { message: format!("undo: {note}") });
                    }
                }
                Keeping::Changing { before: without_notes(snapshot) }
            }
            Some(Keeping::After { before, .. }) if before.root != snapshot.root => {
                let why = format!(
                    "the thread moved from {} to {} while the turn ran, and a snapshot is of one directory",
                    before.root, snapshot.root
                );
                self.event(EventKind::Warning {
                    message: format!("this turn's changes of files cannot be taken back: {why}"),
                });
                Keeping::Done { kept: Kept::Lost { why } }
            }
            Some(Keeping::After { before, .. }) => {
                Keeping::Done { kept: Kept::Both { before, after: without_notes(snapshot) } }
            }
            Some(other) => other,
            None => return,
        };
        self.with_turn(|turn| turn.keeping = next);
    }

    fn snapshot_lacks(&mut self, why: &str) {
        let lacks = format!("this turn's changes of files cannot be taken back: {why}");
        if self.thread.kept_notes != [lacks.as_str()] {
            self.event(EventKind::Warning { message: lacks.clone() });
            self.thread.kept_notes = vec![lacks];
        }
        self.with_turn(|turn| turn.keeping = Keeping::Done { kept: Kept::Lost { why: why.to_owned() } });
    }

    /// It was stopped on request.
    pub(super) fn snapshot_stopped(&mut self) {
        let keeping = self.with_turn(|turn| Some(turn.keeping.clone()));
        match keeping {
            // Nothing was changed yet.
            Some(Keeping::Before { .. }) => self.with_turn(|turn| turn.keeping = Keeping::Untouched),
            _ => self.snapshot_lacks("the snapshot at its end was stopped"),
        }
    }

    pub(super) fn snapshot_lost(&mut self, effect: Effect, cancelling: bool) {
        if cancelling {
            self.snapshot_stopped();
        } else if effect.attempt >= MAX_ATTEMPTS {
            self.snapshot_lacks("the process died whenever a snapshot was taken");
        } else {
            self.start_attempt(Effect { attempt: effect.attempt + 1, ..effect });
        }
    }

    /// What is kept of the turn that ends.
    pub(super) fn kept(&mut self) -> Option<Kept> {
        match self.with_turn(|turn| std::mem::take(&mut turn.keeping)) {
            Keeping::Done { kept } => Some(kept),
            Keeping::Changing { .. } | Keeping::After { .. } => {
                Some(Kept::Lost { why: "there is no snapshot of its end".into() })
            }
            Keeping::Untouched | Keeping::Before { .. } => None,
        }
    }
}
