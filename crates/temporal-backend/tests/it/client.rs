//! Threads on Temporal as clients see them: a real server, a worker in this process, fakes for models and tools.

mod absent;
mod catalogue;
mod lookups;
mod moving;
mod past;
mod reading;
mod runs;
mod submitting;

use crate::world::{PATIENCE, QUEUE, World, genesis};
use agent_core::{
    Accepted, AgentSession, Content, Cursor, Event, EventKind, Notice, Op, OpId, SessionError, Submission,
    Tenant, TurnEnd, Update,
};
use futures::{StreamExt, stream::BoxStream};
use std::{fmt::Debug, future::Future, sync::Arc};
use temporal_backend::{BackendOptions, FileBlobs, TemporalBackend, TemporalSession, wire::RunOptions};

/// A client in the process of the worker: both are on one bus.
fn backend(world: &World, run: RunOptions) -> TemporalBackend {
    TemporalBackend::new(world.client.clone(), options(world, run))
}

/// A client in another process: nobody wakes it.
fn elsewhere(world: &World, run: RunOptions) -> TemporalBackend {
    let bus = Arc::new(sink::LocalBus::default());
    TemporalBackend::new(world.client.clone(), BackendOptions { bus, ..options(world, run) })
}

fn options(world: &World, run: RunOptions) -> BackendOptions {
    BackendOptions {
        bus: Arc::clone(&world.services.bus),
        blobs: Arc::new(FileBlobs::new(world.home.path().join("blobs"))),
        redactor: world.services.redactor.clone(),
        queue: QUEUE.into(),
        run,
        durability: "a server of a test".into(),
        library: None,
    }
}

async fn start(backend: &TemporalBackend) -> TemporalSession {
    backend.start(Tenant::default(), genesis()).await.unwrap()
}

/// Hands over after so many records.
fn runs_of(records: u32) -> RunOptions {
    RunOptions { records_per_run: Some(records), ..RunOptions::default() }
}

fn say(text: &str) -> Op {
    Op::UserInput { items: vec![Content::text(text)] }
}

fn named(id: &str, op: Op) -> Submission {
    Submission::new(OpId::new(id), "test", op)
}

async fn submit(session: &TemporalSession, id: &str, op: Op) -> Result<Accepted, SessionError> {
    soon("an answer", session.submit(named(id, op))).await
}

/// It comes about, or the test fails.
async fn soon<T>(what: &str, it: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, it).await {
        Ok(it) => it,
        Err(_) => panic!("{what} does not come"),
    }
}

/// Reads what a session is told.
struct Reader {
    updates: BoxStream<'static, Result<Update, SessionError>>,
    /// All that was told, in order.
    told: Vec<Update>,
}

impl Reader {
    fn of(session: &TemporalSession, after: Cursor) -> Self {
        Self { updates: session.updates(after), told: Vec::new() }
    }

    /// The next update; nothing at the end.
    async fn next(&mut self) -> Option<Result<Update, SessionError>> {
        let next = soon(&format!("an update after {:#?}", self.told.last()), self.updates.next()).await;
        if let Some(Ok(update)) = &next {
            self.told.push(update.clone());
        }
        next
    }

    /// Reads until this is told.
    async fn until(&mut self, fits: impl Fn(&Update) -> bool) -> Update {
        loop {
            match self.next().await {
                Some(Ok(update)) if fits(&update) => return update,
                Some(Ok(_)) => {}
                other => panic!("{other:?} after {:#?}", self.told),
            }
        }
    }

    /// Reads until the turn with this number ends, and checks that no event is missing or repeated.
    async fn until_turn_ends(&mut self, turn: u32) -> Event {
        let ended = self.until(|update| ends(update, turn)).await;
        let Update::Event(event) = ended else { unreachable!() };
        event
    }

    /// Reads until it ends; the error it ends with.
    async fn until_end(&mut self) -> Option<SessionError> {
        loop {
            match self.next().await? {
                Ok(_) => {}
                Err(error) => return Some(error),
            }
        }
    }

    fn events(&self) -> Vec<Event> {
        let event = |update: &Update| match update {
            Update::Event(event) => Some(event.clone()),
            _ => None,
        };
        self.told.iter().filter_map(event).collect()
    }

    fn notices(&self) -> Vec<Notice> {
        let notice = |update: &Update| match update {
            Update::Notice(notice) => Some(notice.clone()),
            _ => None,
        };
        self.told.iter().filter_map(notice).collect()
    }
}

fn ends(update: &Update, turn: u32) -> bool {
    matches!(update, Update::Event(event)
        if event.kind.is_terminal() && event.turn.is_some_and(|ended| ended.0 == turn))
}

/// The events without their times, which a replay does not bring back exactly where a local activity was involved.
fn timeless(events: Vec<Event>) -> Vec<Event> {
    events.into_iter().map(|event| Event { at_ms: 0, ..event }).collect()
}

/// Numbered from this one on, without gaps or repeats.
fn assert_numbered(events: &[Event], from: u64) {
    let seqs: Vec<u64> = events.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (from..from + events.len() as u64).collect::<Vec<_>>());
}

fn final_message(event: &Event) -> Option<&str> {
    match &event.kind {
        EventKind::TurnCompleted { end: TurnEnd::Final { message }, .. } => message.as_deref(),
        _ => None,
    }
}

fn refused<T: Debug>(result: Result<T, SessionError>) -> agent_core::Refusal {
    match result {
        Err(SessionError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}
