//! What readers of a thread are told, from any cursor, in order and without gaps; what was taken back is taken back.
//!
//! Events are read from the workflow by query. The bus only says when, and brings the pieces of items in the making. A
//! reader asks with the digest of what it has, so it finds out where events it saw came from a task that the server never
//! accepted. What the workflow holds no more comes from the histories of the thread's runs.

mod absence;
mod early;
mod pace;
mod pieces;
mod window;

use super::{
    Shared, TemporalError,
    attendance::{Attended, no_worker},
    line::{Line, Trouble},
    past::{Past, Told},
    session::{Inner, Until},
    start::ending,
};
use crate::{
    AgentWorkflow,
    wire::{EventsPage, Reading},
};
use absence::{Absence, Who};
use agent_core::{Cursor, Event, EventKind, Progress, SessionError, ThreadStatus, Update};
use early::Early;
use futures::stream::{self, BoxStream, StreamExt};
use pace::{Expecting, Pace};
use pieces::Pieces;
use sink::{BusEar, BusHeard, Signal};
use std::{collections::VecDeque, sync::Arc, time::Duration};
use temporalio_client::WorkflowExecutionStatus;
use tokio::sync::watch;
use window::Window;

/// A worker that works answers within this time; after it, one is looked for.
const LOOK_AFTER: Duration = Duration::from_millis(1_500);

/// Updates of a thread.
pub(super) fn of(
    session: &Inner,
    until: Until,
    after: Cursor,
) -> BoxStream<'static, Result<Update, SessionError>> {
    let reader = Reader {
        // First the ear, then the first read: that order has no gap.
        ear: Some(session.shared.bus.subscribe(&session.line.key)),
        accepted: Some(session.accepted.subscribe()),
        shared: Arc::clone(&session.shared),
        line: session.line.clone(),
        queue: session.queue.clone(),
        until,
        place: Place::at(&after),
        pace: Pace::new(),
        older: None,
        has_looked: false,
        has_started_over: false,
        absence: Absence::default(),
        early: Early::default(),
        ready: VecDeque::new(),
        has_ended: false,
    };
    stream::unfold(reader, |mut reader| async move { Some((reader.next().await?, reader)) }).boxed()
}

struct Reader {
    shared: Arc<Shared>,
    line: Line,
    queue: String,
    until: Until,
    ear: Option<BusEar>,
    /// Tells of ops that were accepted in the same session.
    accepted: Option<watch::Receiver<u64>>,
    place: Place,
    pace: Pace,
    /// Where the reader is behind what the workflow holds.
    older: Option<Older>,
    has_looked: bool,
    has_started_over: bool,
    absence: Absence,
    early: Early,
    ready: VecDeque<Update>,
    has_ended: bool,
}

/// Where a reader is, and what it knows of the thread there.
#[derive(Debug)]
struct Place {
    window: Window,
    pieces: Pieces,
    progress: Progress,
    /// The last event is that the thread was shut down.
    is_closed: bool,
    /// How the workflow was ended from outside.
    ended: Option<&'static str>,
    /// The run, and how long its history was, when there was nothing new.
    seen: Option<(String, usize)>,
}

/// What the workflow holds no more.
struct Older {
    past: Past,
    /// The last such event.
    base: u64,
    /// The digest up to it.
    digest: String,
}

impl Place {
    fn at(cursor: &Cursor) -> Self {
        Self {
            window: Window::at(cursor),
            pieces: Pieces::default(),
            progress: Progress::default(),
            is_closed: false,
            ended: None,
            seen: None,
        }
    }

    /// The reader is given this event.
    fn take(&mut self, event: &Event) {
        self.window.take(event);
        self.pieces.follow(event);
        self.progress.follow(std::slice::from_ref(event));
        self.is_closed = matches!(event.kind, EventKind::ShutdownComplete);
    }

    /// Events were taken back; what is known of the thread from them counts no more.
    fn forget(&mut self) {
        let window = std::mem::take(&mut self.window);
        *self = Self { window, ..Self::at(&Cursor::default()) };
    }
}

impl Reader {
    async fn next(&mut self) -> Option<Result<Update, SessionError>> {
        loop {
            if let Some(update) = self.ready.pop_front() {
                return Some(Ok(update));
            }
            if self.has_ended {
                return None;
            }
            if let Err(error) = self.step().await {
                self.has_ended = true;
                return Some(Err(error));
            }
        }
    }

    async fn step(&mut self) -> Result<(), SessionError> {
        tokio::select! {
            biased;
            () = tokio::time::sleep_until(self.pace.due()) => match self.older.take() {
                Some(older) => self.remember(older).await,
                None => self.look().await,
            },
            seq = accepted(&mut self.accepted) => {
                if seq > self.place.window.seq() {
                    self.pace.hurry();
                }
                Ok(())
            }
            heard = hear(&mut self.ear) => {
                self.hear(heard);
                Ok(())
            }
        }
    }

    fn hear(&mut self, heard: BusHeard) {
        match heard {
            BusHeard::Signal(Signal::Wake { seq }) if seq > self.place.window.seq() => self.pace.wake(seq),
            BusHeard::Signal(Signal::Live { after, live }) => {
                self.pace.heard();
                // What a command prints comes after the event that it has begun, whose number its worker does not know.
                let after = if self.place.pieces.follows(&live) { after } else { u64::MAX };
                self.early.hold(after, live);
                self.show_pieces();
                if self.early.waits() {
                    self.pace.hurry();
                }
            }
            BusHeard::Signal(_) => self.pace.heard(),
            BusHeard::Away { why } => self.ready.extend(self.absence.bus_away(&why)),
            BusHeard::Back => {
                self.ready.extend(self.absence.bus_back());
                self.pace.hurry();
            }
            BusHeard::Closed => self.ear = None,
            // Some were missed.
            _ => self.pace.hurry(),
        }
    }

    /// Shows the pieces that need not wait for events any more.
    fn show_pieces(&mut self) {
        while let Some(live) = self.early.next(self.place.window.seq()) {
            if self.place.pieces.admit(&live) {
                self.ready.push_back(Update::Live((*live).clone()));
            }
        }
    }

    /// Looks for events. The server is asked first how the workflow stands: where nothing has happened no worker need be
    /// asked, and while a task is in the making what a worker says may never come to be. It is also safer: a query that
    /// meets a task which waits for a local activity makes the SDK (1.1.1) lose that task.
    async fn look(&mut self) -> Result<(), SessionError> {
        if !std::mem::replace(&mut self.has_looked, true)
            && self.shared.attendance.of(&self.queue).await == Attended::Nobody
        {
            return self.recall().await;
        }
        let Stands::Changed(seen) = self.stands().await? else { return Ok(()) };
        self.pace.asked();
        match self.ask().await {
            Ok(page) => {
                self.ready.extend(self.absence.answer(Who::Worker));
                self.read(page, seen).await
            }
            Err(trouble) => self.miss(trouble).await,
        }
    }

    /// Nobody is there to ask: what has happened comes from the histories.
    async fn recall(&mut self) -> Result<(), SessionError> {
        match Past::after(&self.line, &self.shared.blobs, self.place.window.seq()).await {
            Ok(past) => {
                self.older = Some(Older { past, base: u64::MAX, digest: String::new() });
                self.pace.at_once();
                Ok(())
            }
            Err(error) => self.fail(error).await,
        }
    }

    /// Asks the worker. Where it takes its time, it is looked whether there is one.
    async fn ask(&self) -> Result<EventsPage, Trouble> {
        let page = self.line.query(None, AgentWorkflow::events, self.place.window.wanted());
        let mut page = std::pin::pin!(page);
        tokio::select! {
            biased;
            page = &mut page => return page,
            () = tokio::time::sleep(LOOK_AFTER) => {}
        }
        if self.shared.attendance.of(&self.queue).await == Attended::Nobody {
            return Err(Trouble::Late);
        }
        page.await
    }

    /// How the workflow stands, as the server knows.
    async fn stands(&mut self) -> Result<Stands, SessionError> {
        let found = match self.line.describe().await {
            Ok(found) => found,
            Err(trouble) => return self.miss(trouble).await.map(|()| Stands::Same),
        };
        self.ready.extend(self.absence.answer(Who::Server));
        let is_over = found.status() == WorkflowExecutionStatus::Completed;
        if is_over && self.place.is_closed && self.until == Until::Shutdown {
            self.has_ended = true;
            return Ok(Stands::Same);
        }
        // A run that has only begun has no task yet, and is about to.
        let is_at_work = found.raw().pending_workflow_task.is_some() || found.history_length() < 2;
        if is_at_work && self.pace.wait_for_task() {
            return Ok(Stands::Same);
        }
        self.place.ended = ending(found.status());
        let now = (found.run_id().to_owned(), found.history_length());
        let expecting = self.expecting();
        let is_same = self.place.seen.as_ref() == Some(&now) && self.place.ended.is_none();
        if is_same && !self.absence.is_of_worker() && !self.pace.is_time_to_ask(expecting) {
            self.pace.nothing(self.place.window.seq(), expecting);
            return Ok(Stands::Same);
        }
        Ok(Stands::Changed(now))
    }

    fn expecting(&self) -> Expecting {
        let is_about_to_end = self.place.is_closed && self.until == Until::Shutdown;
        if is_about_to_end || self.place.progress.status() == ThreadStatus::Running {
            Expecting::News
        } else {
            Expecting::Nothing
        }
    }

    async fn read(&mut self, page: EventsPage, seen: (String, usize)) -> Result<(), SessionError> {
        match page.reading {
            Reading::Events { events, digest } => self.take(events, &digest, page.last, seen),
            Reading::Diverged { known } => {
                let before = self.place.window.seq();
                let to = self.place.window.rewind(&known);
                self.place.forget();
                self.ready.push_back(Update::Rewind { to });
                if to < before {
                    self.pace.at_once()
                } else {
                    self.pace.failed()
                }
                Ok(())
            }
            Reading::Older { base, digest } => {
                match Past::after(&self.line, &self.shared.blobs, self.place.window.seq()).await {
                    Ok(past) => {
                        self.older = Some(Older { past, base, digest });
                        self.pace.at_once();
                        Ok(())
                    }
                    Err(error) => self.fail(error).await,
                }
            }
        }
    }

    fn take(
        &mut self,
        events: Vec<Event>,
        digest: &str,
        last: u64,
        seen: (String, usize),
    ) -> Result<(), SessionError> {
        let has_news = !events.is_empty();
        for event in events {
            self.place.take(&event);
            self.ready.push_back(Update::Event(event));
        }
        if !self.place.window.settle(digest) {
            tracing::debug!(thread = %self.line.key, "its worker counts events in another way");
        }
        let seq = self.place.window.seq();
        if seq < last {
            self.place.is_closed = false;
            self.pace.at_once();
        } else if has_news {
            self.place.seen = None;
            self.pace.found(seq);
        } else if let Some(how) = self.place.ended {
            let (id, workflow) = (self.line.key.thread.to_string(), self.line.workflow.clone());
            return Err(TemporalError::Ended { id, how, workflow }.into());
        } else {
            self.place.seen = Some(seen);
            let expecting = self.expecting();
            self.pace.nothing(seq, expecting);
        }
        self.early.looked();
        self.show_pieces();
        Ok(())
    }

    /// Reads what the workflow holds no more.
    async fn remember(&mut self, mut older: Older) -> Result<(), SessionError> {
        match older.past.next().await {
            Ok(Some(Told::Events(events))) => {
                for event in events {
                    self.place.take(&event);
                    let is_base = event.seq == older.base;
                    self.ready.push_back(Update::Event(event));
                    if is_base && !self.place.window.settle(&older.digest) && !self.has_started_over {
                        // The reader had events that were taken back, so long ago that nobody knows which.
                        self.start_over();
                        return Ok(());
                    }
                }
            }
            Ok(Some(Told::Gone { from, to })) => {
                self.place.window.skip(to);
                self.ready.push_back(Update::Gap { from, to });
            }
            Ok(None) => {
                self.pace.found(self.place.window.seq());
                return Ok(());
            }
            Err(error) => return self.fail(error).await,
        }
        if self.place.window.seq() < older.base {
            self.older = Some(older);
        }
        self.pace.at_once();
        Ok(())
    }

    fn start_over(&mut self) {
        self.has_started_over = true;
        self.place = Place::at(&Cursor::default());
        self.ready.push_back(Update::Rewind { to: 0 });
        self.pace.at_once();
    }

    /// The past cannot be had now, or not at all.
    async fn fail(&mut self, error: TemporalError) -> Result<(), SessionError> {
        match error {
            TemporalError::ServerAway { message } => self.miss(Trouble::Away(message)).await,
            error => Err(error.into()),
        }
    }

    /// Somebody did not answer. It is tried again; what cannot heal ends the reading.
    async fn miss(&mut self, trouble: Trouble) -> Result<(), SessionError> {
        let queue = &self.queue;
        let (who, message) = match trouble {
            Trouble::Unknown | Trouble::Unreadable(_) => return Err(self.line.error(trouble).into()),
            Trouble::NotReady(why) => {
                if !self.absence.is_not_ready() {
                    self.pace.nothing(self.place.window.seq(), Expecting::News);
                    return Ok(());
                }
                let message =
                    format!("the worker of the queue {queue} fails on the thread, see its output ({why})");
                (Who::Worker, message)
            }
            Trouble::Late => match self.shared.attendance.of(queue).await {
                Attended::Unknown(message) => (Who::Server, message),
                attended => (Who::Worker, no_worker(queue, &attended)),
            },
            trouble @ (Trouble::Away(_) | Trouble::Refused(_)) => {
                (Who::Server, TemporalError::from(trouble).to_string())
            }
        };
        self.pace.failed();
        self.ready.extend(self.absence.miss(who, message));
        Ok(())
    }
}

/// What the server says of a workflow.
enum Stands {
    /// The run, and how long its history is now.
    Changed((String, usize)),
    /// Nothing has happened, or nothing can be known.
    Same,
}

/// The next op that is accepted in the same session, while there is one.
async fn accepted(receiver: &mut Option<watch::Receiver<u64>>) -> u64 {
    if let Some(open) = receiver {
        if open.changed().await.is_ok() {
            return *open.borrow_and_update();
        }
        *receiver = None;
    }
    std::future::pending().await
}

/// The next signal, while there is a bus.
async fn hear(ear: &mut Option<BusEar>) -> BusHeard {
    match ear {
        Some(ear) => ear.hear().await,
        None => std::future::pending().await,
    }
}
