//! [`Reading`]: what a client is told of a thread, from its first event on, with the time at which each event came.

use agent_core::{AgentSession, Cursor, Event, EventKind, Notice, Update};
use futures::StreamExt;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use temporal_backend::TemporalSession;
use tokio::sync::watch;

/// Longer than whoever waits for something in particular does.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a client was told so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    /// The events that hold, each with when it came.
    pub(super) events: Vec<(Instant, Event)>,
    /// How it stood with server and worker.
    pub(super) notices: Vec<Notice>,
    /// How often events were taken back.
    pub(super) rewinds: usize,
    /// Why it ended, where it did not end well.
    pub(super) failure: Option<String>,
}

/// A client that reads a thread in a task of its own until it is dropped.
pub(super) struct Reading {
    told: watch::Receiver<Arc<Told>>,
    task: tokio::task::JoinHandle<()>,
}

impl Reading {
    pub(super) fn of(session: &TemporalSession) -> Self {
        Self::after(session, Cursor::default())
    }

    pub(super) fn after(session: &TemporalSession, cursor: Cursor) -> Self {
        let mut updates = session.updates(cursor);
        let (sender, told) = watch::channel(Arc::new(Told::default()));
        let task = tokio::spawn(async move {
            while let Some(update) = updates.next().await {
                sender
                    .send_modify(|told| Arc::make_mut(told).take(update.map_err(|error| error.to_string())));
            }
            sender.send_modify(|told| Arc::make_mut(told).take(Err("the updates have ended".into())));
        });
        Self { told, task }
    }

    /// What there is so far.
    pub(super) fn told(&self) -> Arc<Told> {
        Arc::clone(&self.told.borrow())
    }

    /// Waits until this holds for what was told.
    pub(super) async fn until(&self, what: &str, mut holds: impl FnMut(&Told) -> bool) -> Arc<Told> {
        let mut told = self.told.clone();
        let enough = told.wait_for(|told| told.failure.is_some() || holds(told));
        let Ok(enough) = tokio::time::timeout(PATIENCE, enough).await else {
            panic!("{what} does not come; so far {:#?}", self.told())
        };
        let told = Arc::clone(&enough.unwrap());
        assert_eq!(told.failure, None, "{what} does not come; so far {told:#?}");
        told
    }

    /// Waits until this event has come.
    pub(super) async fn event(&self, what: &str, fits: impl Fn(&EventKind) -> bool) -> Arc<Told> {
        self.until(what, |told| told.events.iter().any(|(_, event)| fits(&event.kind))).await
    }

    /// Waits until so many turns have ended.
    pub(super) async fn turns(&self, turns: usize) -> Arc<Told> {
        let ended = |told: &Told| told.events.iter().filter(|(_, event)| event.kind.is_terminal()).count();
        self.until("the end of the turn", |told| ended(told) >= turns).await
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Told {
    fn take(&mut self, update: Result<Update, String>) {
        match update {
            Ok(Update::Event(event)) => {
                let next = self.events.last().map_or(event.seq, |(_, last)| last.seq + 1);
                if event.seq != next {
                    self.failure = Some(format!("event {} comes where {next} should", event.seq));
                }
                self.events.push((Instant::now(), event));
            }
            Ok(Update::Rewind { to }) => {
                self.rewinds += 1;
                self.events.retain(|(_, event)| event.seq <= to);
            }
            Ok(Update::Gap { from, to }) => self.failure = Some(format!("events {from} to {to} are missing")),
            Ok(Update::Notice(notice)) => self.notices.push(notice),
            Ok(_) => {}
            Err(error) => self.failure = Some(error),
        }
    }

    /// The events that hold.
    pub(super) fn events(&self) -> Vec<Event> {
        self.events.iter().map(|(_, event)| event.clone()).collect()
    }
}
