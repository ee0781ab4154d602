//! Taking turns back: the conversation, and with it the files that they changed.

use super::{Effect, EffectKind, Thread, Told, machine::Machine, memory::ContextSize, turn::Kept};
use crate::protocol::{
    EffectId, EventKind, Item, Plan, RestoreAnswer, RestoreRequest, RestoreStep, RollbackFiles, TurnId,
};
use serde::{Deserialize, Serialize};

/// So many turns can be taken back at most.
const MAX_MARKS: usize = 64;
/// The model is told so many names of files that went back.
const MAX_TOLD_FILES: usize = 100;
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
    /// What was told by then, where the next mark says otherwise: it may be long, and seldom changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told: Option<Told>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plan: Option<Plan>,
    /// `None` where nothing was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kept: Option<Kept>,
    /// The conversation was summarised since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_summarised: bool,
}

/// A turn that can be taken back, and how far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undoable {
    /// Which turn.
    pub turn: TurnId,
    /// What is kept of the files that it changed.
    pub files: KeptFiles,
    /// The conversation was summarised since, so only files go back.
    pub is_summarised: bool,
}

/// What is kept of the files that a turn changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeptFiles {
    /// It changed nothing.
    Unchanged,
    /// All there is to keep.
    Kept,
    /// Too little to put them back.
    Lost {
        /// Why.
        why: String,
    },
}

impl Undoable {
    /// Why this turn cannot be taken back so, and what can be done instead.
    pub(super) fn objection(&self, files: RollbackFiles) -> Option<String> {
        let turn = self.turn;
        if self.is_summarised && files != RollbackFiles::Only {
            return Some(format!(
                "turn {turn} was summarised since; take back only its files, or fork the thread before it"
            ));
        }
        match (&self.files, files) {
            (KeptFiles::Lost { why }, RollbackFiles::Restore | RollbackFiles::Only) => Some(format!(
                "turn {turn} changed files, and they cannot be put back: {why}; take back only the conversation, and the files \
                 yourself"
            )),
            (KeptFiles::Lost { .. }, RollbackFiles::Keep) | (KeptFiles::Unchanged | KeptFiles::Kept, _) => {
                None
            }
        }
    }
}

/// Turns that are being taken back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Rollback {
    effect: EffectId,
    /// The first turn that goes.
    from: TurnId,
    /// The conversation goes on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    only_files: bool,
}

impl Thread {
    /// The turns that can be taken back, the newest first.
    pub fn undoable(&self) -> impl Iterator<Item = Undoable> {
        self.marks.iter().rev().map(|mark| Undoable {
            turn: mark.turn,
            files: match &mark.kept {
                None => KeptFiles::Unchanged,
                Some(Kept::Both { .. }) => KeptFiles::Kept,
                Some(Kept::Lost { why }) => KeptFiles::Lost { why: why.clone() },
            },
            is_summarised: mark.is_summarised,
        })
    }

    /// The conversation was summarised: no turn before has a place in it any more.
    pub(super) fn forget_where_turns_began(&mut self) {
        for mark in &mut self.marks {
            mark.is_summarised = true;
        }
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
            items: self.length(),
            said_ever: self.memory.said_ever,
            touched: self.memory.touched.len(),
            size: self.memory.size,
            told: Some(self.told.clone()),
            plan: self.plan.clone(),
            kept: None,
            is_summarised: false,
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
        // That files went back holds for the turns that stay.
        let cut = usize::try_from(left).unwrap_or(usize::MAX).min(self.items.len());
        let told: Vec<_> = self.items.split_off(cut).into_iter().filter(|item| is_of_files(item)).collect();
        self.memory.unhear(mark.said_ever);
        self.memory.touched.truncate(mark.touched);
        self.memory.size = mark.size;
        for item in told {
            self.memory.size.add(&item);
            self.items.push(item);
        }
        let told = self.told_at(mark.turn);
        self.plan.clone_from(&mark.plan);
        self.epoch += 1;
        self.marks.retain(|other| other.turn < mark.turn);
        // The last one has no next one any more.
        if let Some(last) = self.marks.back_mut() {
            last.told.get_or_insert_with(|| told.clone());
        }
        self.told = told;
    }

    /// What the model had been told when a turn began.
    fn told_at(&self, turn: TurnId) -> Told {
        let mut later = self.marks.iter().filter(|mark| mark.turn >= turn);
        later.find_map(|mark| mark.told.clone()).unwrap_or_default()
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

/// What the model is told of files that went back.
fn files_went_back(from: TurnId, files: &[String]) -> Option<String> {
    let listed = files.iter().take(MAX_TOLD_FILES).map(String::as_str).collect::<Vec<_>>().join("\n");
    let more = match files.len().saturating_sub(MAX_TOLD_FILES) {
        0 => String::new(),
        more => format!("\nand {more} more"),
    };
    (!files.is_empty()).then(|| {
        format!(
            "<files_restored>\nThe user put these files back to how they were before turn {from}:\n{listed}{more}\n\
             </files_restored>"
        )
    })
}

/// What was told at the end of a conversation that is cut: it holds for the turns that stay.
fn is_of_files(item: &Item) -> bool {
    matches!(item, Item::Context { text } if text.starts_with("<files_restored>"))
}

impl Machine<'_> {
    /// Remembers how the conversation is, before a turn adds to it.
    pub(super) fn mark(&mut self) {
        let mark = self.thread.mark();
        if let Some(last) = self.thread.marks.back_mut()
            && last.told == mark.told
        {
            last.told = None;
        }
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
        let only_files = files == RollbackFiles::Only;
        let changed = self.thread.marks.iter().any(|mark| mark.turn >= from && step(mark).is_some());
        match (files, changed) {
            (RollbackFiles::Only, false) => {
                self.files_restored(from, &[], &["no file was changed".to_owned()])
            }
            (RollbackFiles::Keep, _) | (RollbackFiles::Restore, false) => self.rolled_back(from, &[], &[]),
            (RollbackFiles::Restore | RollbackFiles::Only, true) => {
                let effect = self.start(EffectKind::Restore);
                self.thread.rollback = Some(Rollback { effect, from, only_files });
            }
        }
    }

    fn rolled_back(&mut self, from: TurnId, files: &[String], notes: &[String]) {
        let Some(mark) = self.thread.marks.iter().find(|mark| mark.turn == from).cloned() else { return };
        let plan = self.thread.plan.clone();
        self.thread.go_back_to(&mark);
        if self.thread.plan != plan {
            let plan = self.thread.plan.clone().unwrap_or_default();
            self.event(EventKind::PlanUpdate { plan });
        }
        self.event(EventKind::RolledBack { from, files: files.to_vec(), notes: notes.to_vec() });
        self.settled();
    }

    /// The files went back, and the model is told, for it remembers them otherwise.
    fn files_restored(&mut self, from: TurnId, files: &[String], notes: &[String]) {
        for mark in self.thread.marks.iter_mut().filter(|mark| mark.turn >= from) {
            mark.kept = None;
        }
        if let Some(text) = files_went_back(from, files) {
            self.push(Item::Context { text });
        }
        self.event(EventKind::FilesRestored { from, files: files.to_vec(), notes: notes.to_vec() });
        self.settled();
    }

    pub(super) fn restored(&mut self, answer: &RestoreAnswer) {
        let Some(Rollback { from, only_files, .. }) = self.thread.rollback.take() else { return };
        match answer {
            RestoreAnswer::Restored { files, notes } if only_files => self.files_restored(from, files, notes),
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
