//! Follows a thread until its turn ends: shows what happens, passes on what the user types, stops on Ctrl-C.

#[cfg(test)]
mod tests;

use crate::{
    backend::fresh_op_id,
    exit::{Exit, Failure, of_turn},
    retold::Retold,
    view::View,
};
use agent_core::{
    AgentSession, ApprovalDecision, Content, Cursor, Event, EventKind, InteractionId, ItemId, Op, Submission,
    TurnEnd, Update,
};
use futures::StreamExt;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

/// With questions open and nothing running, so long a silence means that the thread waits.
const WAITING_AFTER: Duration = Duration::from_millis(200);

/// What can be typed while a question is open.
const HOW_TO_ANSWER: &str =
    "answer y (yes), s (yes, and the same again in this thread), n (no) or a (no, and stop)";

/// Who is there to answer.
pub(crate) enum User<'a> {
    /// Nobody: open questions end the following with [`Exit::Waiting`].
    Absent,
    /// Somebody who types lines.
    Present(&'a mut mpsc::Receiver<String>),
}

/// Which event ends the following.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// The end of a turn.
    TurnEnds,
    /// None: the thread is watched until Ctrl-C.
    Left,
}

/// What was seen so far.
pub(crate) struct Follower<'a> {
    session: &'a dyn AgentSession,
    view: &'a mut dyn View,
    cursor: Cursor,
    known: Retold<Known>,
    was_interrupted: bool,
}

/// What follows from the events.
#[derive(Clone, Default)]
struct Known {
    questions: BTreeMap<InteractionId, Question>,
    open_items: BTreeSet<ItemId>,
    final_message: Option<String>,
}

#[derive(Clone, Copy, Debug)]
enum Question {
    Exec,
    Patch,
}

impl<'a> Follower<'a> {
    pub(crate) fn new(session: &'a dyn AgentSession, view: &'a mut dyn View, after: u64) -> Self {
        Self {
            session,
            view,
            cursor: Cursor::after(after),
            known: Retold::new(Known::default()),
            was_interrupted: false,
        }
    }

    /// Takes note of a question that was asked before the following began, and shows it.
    pub(crate) fn recall(&mut self, question: &Event) {
        self.remember(question);
        self.view.event(question);
    }

    /// Shows what happens within this time, until a turn begins; says whether one did.
    pub(crate) async fn catch_up(&mut self, within: Duration) -> Result<bool, Failure> {
        let mut updates = self.session.updates(self.cursor.clone());
        let deadline = tokio::time::Instant::now() + within;
        while let Ok(Some(update)) = tokio::time::timeout_at(deadline, updates.next()).await {
            let update = update?;
            let begins = begins_turn(&update);
            self.update(update);
            if begins {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What the last turn ended with.
    pub(crate) fn final_message(&self) -> Option<&str> {
        self.known.final_message.as_deref()
    }

    /// Whether the user asked for a stop, also where the turn was over first.
    pub(crate) fn was_interrupted(&self) -> bool {
        self.was_interrupted
    }

    /// The questions that were open when the following ended.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &InteractionId> {
        self.known.questions.keys()
    }

    pub(crate) async fn follow(&mut self, until: Until, mut user: User<'_>) -> Result<Exit, Failure> {
        let mut updates = self.session.updates(self.cursor.clone());
        // One listener for all of it: a Ctrl-C between two looks is not lost.
        let mut ctrl_c = signal(SignalKind::interrupt())
            .map_err(|error| Failure::new(Exit::Failed, format!("Ctrl-C cannot be listened for: {error}")))?;
        let mut interrupts = 0;
        loop {
            let quiet = tokio::time::sleep(WAITING_AFTER);
            tokio::select! {
                biased;
                _ = ctrl_c.recv() => {
                    interrupts += 1;
                    if until == Until::Left || interrupts > 1 {
                        return Ok(Exit::Interrupted);
                    }
                    // A server that is away must not keep the second one from being heard.
                    tokio::select! {
                        biased;
                        _ = ctrl_c.recv() => return Ok(Exit::Interrupted),
                        asked = self.interrupt() => asked?,
                    }
                }
                update = updates.next() => match update {
                    None => return Err(Failure::new(Exit::Backend, "the thread is served no more")),
                    Some(update) => {
                        let asked = self.known.questions.len();
                        let end = self.update(update?);
                        if self.known.questions.len() > asked && matches!(user, User::Present(_)) {
                            self.view.note(HOW_TO_ANSWER);
                        }
                        if let Some(exit) = end && until == Until::TurnEnds {
                            return Ok(exit);
                        }
                    }
                },
                line = typed(&mut user) => match line {
                    Some(line) => self.typed(&line).await?,
                    None => user = User::Absent,
                },
                () = quiet, if self.is_waiting(&user) && until == Until::TurnEnds => return Ok(Exit::Waiting),
            }
        }
    }

    fn is_waiting(&self, user: &User<'_>) -> bool {
        let Known { questions, open_items, .. } = &*self.known;
        matches!(user, User::Absent) && !questions.is_empty() && open_items.is_empty()
    }

    fn update(&mut self, update: Update) -> Option<Exit> {
        match update {
            Update::Event(event) => {
                self.cursor = Cursor::after(event.seq);
                self.remember(&event);
                self.view.event(&event);
                of_turn(&event)
            }
            Update::Live(live) => {
                self.view.live(&live);
                None
            }
            Update::Gap { from, to } => {
                self.view.gap(from, to);
                None
            }
            Update::Rewind { to } => {
                // A session that counts by more than numbers keeps that to itself, within the stream.
                self.cursor = Cursor::after(to);
                self.known.back_to(to);
                self.view.rewind(to);
                None
            }
            Update::Notice(notice) => {
                self.view.notice(&notice);
                None
            }
            _ => None,
        }
    }

    fn remember(&mut self, event: &Event) {
        self.known.event(event.seq);
        self.known.take(&event.kind);
    }

    /// A line is an answer while a question is open, else it is said to the agent.
    async fn typed(&mut self, line: &str) -> Result<(), Failure> {
        let line = line.trim();
        if line.is_empty() {
            return Ok(());
        }
        let Some((id, question)) = self.known.questions.first_key_value() else {
            return self.submit(Op::UserInput { items: vec![Content::text(line)] }).await;
        };
        let decision = match line.to_lowercase().as_str() {
            "y" | "yes" => ApprovalDecision::Approved,
            "s" | "session" => ApprovalDecision::ApprovedForSession,
            "n" | "no" => ApprovalDecision::Denied,
            "a" | "abort" => ApprovalDecision::Abort,
            _ => {
                self.view.note(HOW_TO_ANSWER);
                return Ok(());
            }
        };
        let op = answer(id.clone(), *question, decision);
        self.submit(op).await
    }

    async fn interrupt(&mut self) -> Result<(), Failure> {
        self.was_interrupted = true;
        self.view.note("stopping … (Ctrl-C again quits)");
        self.submit(Op::Interrupt).await
    }

    /// A refusal is shown; it ends nothing.
    async fn submit(&mut self, op: Op) -> Result<(), Failure> {
        match self.session.submit(submission(self.session, op)).await {
            Ok(_) => Ok(()),
            Err(agent_core::SessionError::Refused(refusal)) => {
                self.view.note(&refusal.to_string());
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl Known {
    fn take(&mut self, kind: &EventKind) {
        match kind {
            EventKind::TurnStarted => self.final_message = None,
            EventKind::TurnCompleted { end: TurnEnd::Final { message }, .. } => {
                self.final_message.clone_from(message);
            }
            EventKind::ItemStarted { item } => {
                self.open_items.insert(item.id.clone());
            }
            EventKind::ItemCompleted { item } => {
                self.open_items.remove(&item.id);
            }
            EventKind::ExecApprovalRequest(request) => {
                self.questions.insert(request.id.clone(), Question::Exec);
            }
            EventKind::PatchApprovalRequest(request) => {
                self.questions.insert(request.id.clone(), Question::Patch);
            }
            EventKind::InteractionResolved { id, .. } => {
                self.questions.remove(id);
            }
            _ => {}
        }
    }
}

/// Whether a turn begins within this time, after this event. Nothing is shown of it.
pub(crate) async fn turn_begins(
    session: &dyn AgentSession,
    after: u64,
    within: Duration,
) -> Result<bool, Failure> {
    let mut updates = session.updates(Cursor::after(after));
    let deadline = tokio::time::Instant::now() + within;
    while let Ok(Some(update)) = tokio::time::timeout_at(deadline, updates.next()).await {
        if begins_turn(&update?) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn begins_turn(update: &Update) -> bool {
    matches!(update, Update::Event(Event { kind: EventKind::TurnStarted, .. }))
}

/// The next typed line; never, without a user.
async fn typed(user: &mut User<'_>) -> Option<String> {
    match user {
        User::Absent => std::future::pending().await,
        User::Present(lines) => lines.recv().await,
    }
}

fn answer(id: InteractionId, question: Question, decision: ApprovalDecision) -> Op {
    match question {
        Question::Exec => Op::ExecApproval { id, decision },
        Question::Patch => Op::PatchApproval { id, decision },
    }
}

/// An op of this terminal's user, with a fresh id.
pub(crate) fn submission(session: &dyn AgentSession, op: Op) -> Submission {
    Submission { tenant: session.key().tenant.clone(), ..Submission::new(fresh_op_id(), "cli", op) }
}
