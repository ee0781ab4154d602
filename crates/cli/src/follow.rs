//! Follows a thread until its turn ends: shows what happens, passes on what the user types, stops on Ctrl-C.

#[cfg(test)]
mod tests;

use crate::{
    answering::{Dialogue, Taken},
    backend::fresh_op_id,
    commands::is_command,
    exit::{Exit, Failure, of_turn},
    items::call_of,
    retold::Retold,
    view::View,
};
use agent_core::{
    AgentSession, CallId, Content, Cursor, Event, EventKind, ItemDetail, ItemId, Op, Review, ReviewOutcome,
    Submission, TurnEnd, Update,
};
use async_trait::async_trait;
use config::Skills;
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

/// What begins a command of the user's own.
const SHELL_MARK: char = '!';

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
    /// The end of a turn or of a command of the user, with neither of them left.
    Rests,
    /// That turns were taken back, or that they cannot be.
    TakenBack,
    /// None: the thread is watched until Ctrl-C.
    Left,
}

/// What became of a typed line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Submitted {
    /// The thread heard it.
    Taken,
    /// It did not; the user was told why, or what to type.
    Refused,
}

/// What was seen so far.
pub(crate) struct Follower<'a> {
    session: &'a dyn AgentSession,
    view: &'a mut dyn View,
    cursor: Cursor,
    known: Retold<Known>,
    was_interrupted: bool,
    /// What a line may name.
    skills: Skills,
    /// Who knows the commands.
    commands: Option<Box<dyn Commands + 'a>>,
}

/// Knows the commands that may be typed while a turn runs.
#[async_trait]
pub(crate) trait Commands: Send + Sync {
    /// What a line with a slash before it means. It does nothing that takes long: until it returns nothing else is shown.
    async fn typed(&self, line: &str) -> Result<Typed, Failure>;
}

/// What a line with a slash before it means.
pub(crate) enum Typed {
    /// These lines are told, and that was it.
    Tell(Vec<String>),
    /// This is said to the agent.
    Say(String),
    /// The turn is stopped.
    Stop,
}

/// What follows from the events.
#[derive(Clone, Default)]
struct Known {
    /// In the order in which they were asked.
    questions: Vec<Dialogue>,
    /// What has begun, with the call that it tells of.
    open_items: BTreeMap<ItemId, Option<CallId>>,
    /// The commands of the user that run.
    user_commands: BTreeSet<ItemId>,
    in_turn: bool,
    final_message: Option<String>,
    /// Why the last turn ended, where a budget was spent.
    spent: Option<String>,
    /// The last turn proposed a plan.
    has_proposed: bool,
    /// What the last review came to.
    review: Option<Review>,
}

impl<'a> Follower<'a> {
    pub(crate) fn new(session: &'a dyn AgentSession, view: &'a mut dyn View, after: u64) -> Self {
        Self {
            session,
            view,
            cursor: Cursor::after(after),
            known: Retold::new(Known::default()),
            was_interrupted: false,
            skills: Skills::default(),
            commands: None,
        }
    }

    /// The same for a directory with these skills.
    pub(crate) fn knowing(self, skills: Skills) -> Self {
        Self { skills, ..self }
    }

    /// The same with somebody who knows the commands of a conversation.
    pub(crate) fn commanded_by(self, commands: impl Commands + 'a) -> Self {
        Self { commands: Some(Box::new(commands)), ..self }
    }

    /// Takes note of a question that was asked before the following began, and shows it.
    pub(crate) fn recall(&mut self, question: &Event) {
        self.remember(question);
        self.view.event(question);
    }

    /// A turn runs that began before the following did.
    pub(crate) fn mid_turn(&mut self) {
        self.known.in_turn = true;
    }

    /// Shows what happens within this time, until a turn or a command of the user begins; says whether one did.
    pub(crate) async fn catch_up(&mut self, within: Duration) -> Result<bool, Failure> {
        let mut updates = self.session.updates(self.cursor.clone());
        let deadline = tokio::time::Instant::now() + within;
        while let Ok(Some(update)) = tokio::time::timeout_at(deadline, updates.next()).await {
            let update = update?;
            self.update(update);
            if !self.rests() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether neither a turn nor a command of the user runs.
    fn rests(&self) -> bool {
        !self.known.in_turn && self.known.user_commands.is_empty()
    }

    /// What the last turn ended with.
    pub(crate) fn final_message(&self) -> Option<&str> {
        self.known.final_message.as_deref()
    }

    /// Which budget the last turn ended for, if any. Told once.
    pub(crate) fn take_spent(&mut self) -> Option<String> {
        self.known.spent.take()
    }

    /// Whether the last turn proposed a plan, which waits for a yes.
    pub(crate) fn has_proposed(&self) -> bool {
        self.known.has_proposed
    }

    /// What the last review came to.
    pub(crate) fn review(&self) -> Option<&Review> {
        self.known.review.as_ref()
    }

    /// Whether the user asked for a stop, also where the turn was over first.
    pub(crate) fn was_interrupted(&self) -> bool {
        self.was_interrupted
    }

    /// The questions that were open when the following ended.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &Dialogue> {
        self.known.questions.iter()
    }

    pub(crate) async fn follow(&mut self, until: Until, mut user: User<'_>) -> Result<Exit, Failure> {
        let mut updates = self.session.updates(self.cursor.clone());
        // One listener for all of it: a Ctrl-C between two looks is not lost.
        let mut ctrl_c = signal(SignalKind::interrupt())
            .map_err(|error| Failure::new(Exit::Failed, format!("Ctrl-C cannot be listened for: {error}")))?;
        let mut interrupts = 0;
        if matches!(user, User::Present(_)) {
            self.ask_anew(None);
        }
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
                        let asked = self.asked();
                        let end = self.update(update?);
                        if matches!(user, User::Present(_)) {
                            self.ask_anew(asked.as_deref());
                        }
                        match (until, end) {
                            (Until::TurnEnds, Some(End::Turn(exit)))
                            | (Until::TakenBack, Some(End::Back(exit))) => return Ok(exit),
                            (Until::Rests, Some(end)) if self.rests() => return Ok(end.exit()),
                            _ => {}
                        }
                    }
                },
                line = typed(&mut user) => match line {
                    Some(line) => {
                        self.typed(&line).await?;
                    }
                    None => user = User::Absent,
                },
                () = quiet, if self.is_waiting(&user) && until != Until::Left => return Ok(Exit::Waiting),
            }
        }
    }

    fn is_waiting(&self, user: &User<'_>) -> bool {
        let Known { questions, open_items, .. } = &*self.known;
        // What waits for an answer itself does not go on.
        let waits = |call: &Option<CallId>| {
            call.as_ref().is_some_and(|call| questions.iter().any(|question| question.call() == Some(call)))
        };
        matches!(user, User::Absent) && !questions.is_empty() && open_items.values().all(waits)
    }

    /// The question that a typed line answers.
    fn asked(&self) -> Option<String> {
        self.known.questions.first().map(|question| question.id().to_string())
    }

    /// Says what to type, where that is another question than before.
    fn ask_anew(&mut self, before: Option<&str>) {
        if let Some(question) = self.known.questions.first()
            && before != Some(question.id().as_str())
        {
            self.view.note(&question.prompt());
        }
    }

    fn update(&mut self, update: Update) -> Option<End> {
        match update {
            Update::Event(event) => {
                self.cursor = Cursor::after(event.seq);
                self.remember(&event);
                self.view.event(&event);
                End::of(&event)
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
        self.known.take(event);
    }

    /// A line is an answer while a question is open, or else said to the agent; with a `!` before it, a command.
    async fn typed(&mut self, line: &str) -> Result<Submitted, Failure> {
        let line = line.trim();
        if line.is_empty() {
            return Ok(Submitted::Refused);
        }
        if let Some(command) = line.strip_prefix(SHELL_MARK) {
            return self.submit(Op::RunUserShellCommand { command: command.trim().to_owned() }).await;
        }
        // An answer may begin like a command; it is one only where nothing stands behind it.
        let is_bare = self.known.questions.is_empty() || is_command(line) && !line.contains(' ');
        if self.known.in_turn && line.starts_with('/') && is_bare {
            return self.command(line).await;
        }
        let Some(question) = self.known.questions.first_mut() else {
            return self.submit(Op::UserInput { items: said(line, &self.skills) }).await;
        };
        match question.take(line) {
            Taken::Answer(op) => self.submit(*op).await,
            Taken::Ask(prompt) => {
                self.view.note(&prompt);
                Ok(Submitted::Refused)
            }
        }
    }

    /// Does what a command says while a turn runs. Without anybody who knows commands, a line that is none of them is said.
    async fn command(&mut self, line: &str) -> Result<Submitted, Failure> {
        let meant = match &self.commands {
            Some(commands) => commands.typed(line).await?,
            None if is_command(line) => {
                let told = "commands are typed in the conversation that serves the thread";
                Typed::Tell(vec![told.to_owned()])
            }
            None => Typed::Say(line.to_owned()),
        };
        match meant {
            Typed::Tell(lines) => lines.iter().for_each(|line| self.view.note(line)),
            Typed::Say(text) => {
                return self.submit(Op::UserInput { items: said(&text, &self.skills) }).await;
            }
            Typed::Stop => self.interrupt().await?,
        }
        Ok(Submitted::Refused)
    }

    /// Says what was typed while nothing ran, and whether that was heard.
    pub(crate) async fn say(&mut self, line: &str) -> Result<Submitted, Failure> {
        self.typed(line).await
    }

    async fn interrupt(&mut self) -> Result<(), Failure> {
        self.was_interrupted = true;
        self.view.note("stopping … (Ctrl-C again quits)");
        self.submit(Op::Interrupt).await.map(|_| ())
    }

    /// A refusal is shown; it ends nothing.
    pub(crate) async fn submit(&mut self, op: Op) -> Result<Submitted, Failure> {
        match self.session.submit(submission(self.session, op)).await {
            Ok(_) => Ok(Submitted::Taken),
            Err(agent_core::SessionError::Refused(refusal)) => {
                self.view.note(&refusal.to_string());
                Ok(Submitted::Refused)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// What ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Turn(Exit),
    /// A command of the user.
    Command,
    /// Turns were taken back, or are not going to be.
    Back(Exit),
}

impl End {
    fn of(event: &Event) -> Option<Self> {
        if let EventKind::ItemCompleted { item } = &event.kind
            && matches!(item.detail, ItemDetail::UserCommand { .. })
        {
            return Some(Self::Command);
        }
        match &event.kind {
            EventKind::RolledBack { .. } | EventKind::FilesRestored { .. } => {
                return Some(Self::Back(Exit::Done));
            }
            EventKind::RollbackRefused { .. } => return Some(Self::Back(Exit::Failed)),
            _ => {}
        }
        of_turn(event).map(Self::Turn)
    }

    fn exit(self) -> Exit {
        match self {
            Self::Turn(exit) | Self::Back(exit) => exit,
            Self::Command => Exit::Done,
        }
    }
}

impl Known {
    fn take(&mut self, event: &Event) {
        match &event.kind {
            EventKind::TurnStarted => {
                self.in_turn = true;
                self.final_message = None;
                self.spent = None;
                self.has_proposed = false;
                self.review = None;
            }
            EventKind::ItemStarted { item } => {
                if matches!(item.detail, ItemDetail::UserCommand { .. }) {
                    self.user_commands.insert(item.id.clone());
                } else {
                    self.open_items.insert(item.id.clone(), call_of(&item.detail).cloned());
                }
            }
            EventKind::ItemCompleted { item } => {
                self.open_items.remove(&item.id);
                self.user_commands.remove(&item.id);
                self.has_proposed |= matches!(item.detail, ItemDetail::ProposedPlan { .. });
            }
            EventKind::InteractionResolved { id, .. } => {
                self.questions.retain(|question| question.id() != id);
            }
            EventKind::ExitedReviewMode { outcome: ReviewOutcome::Completed { review } } => {
                self.review = Some(review.clone());
            }
            kind if kind.is_terminal() => self.in_turn = false,
            _ => self.questions.extend(Dialogue::of(event)),
        }
        match &event.kind {
            EventKind::TurnCompleted { end: TurnEnd::Final { message }, .. } => {
                self.final_message.clone_from(message);
            }
            EventKind::TurnCompleted { end: TurnEnd::BudgetSpent { message }, .. } => {
                self.spent = Some(message.clone());
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

/// What is said, with the skills that it names.
pub(crate) fn said(text: &str, skills: &Skills) -> Vec<Content> {
    let named = skills.mentions(text).into_iter().map(|name| Content::Skill { name });
    std::iter::once(Content::text(text)).chain(named).collect()
}

/// The next typed line; never, without a user.
async fn typed(user: &mut User<'_>) -> Option<String> {
    match user {
        User::Absent => std::future::pending().await,
        User::Present(lines) => lines.recv().await,
    }
}

/// An op of this terminal's user, with a fresh id.
pub(crate) fn submission(session: &dyn AgentSession, op: Op) -> Submission {
    Submission { tenant: session.key().tenant.clone(), ..Submission::new(fresh_op_id(), "cli", op) }
}
