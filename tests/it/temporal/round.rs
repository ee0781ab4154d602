//! [`Round`]: the ten-step turn of the crash tests, on Temporal, with a worker that may be killed.

use super::{
    PATIENCE, backend, named,
    reading::{Reading, Told},
    say, soon,
    worker::Worker,
};
use crate::{
    binary::Bench,
    crash::{bench, check},
};
use agent_core::{AgentSession, ApprovalPolicy, Event, Genesis, SandboxPolicy, Settings, Tenant};
use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use temporal_backend::{TemporalBackend, TemporalSession, wire::RunOptions};
use temporalio_client::Client;
use test_kit::{KillPoint, Trace};
use tokio::task::JoinHandle;

/// A thread in a home and a project of its own, and a client that reads along.
pub(super) struct Round {
    pub(super) bench: Bench,
    pub(super) address: String,
    pub(super) queue: String,
    pub(super) backend: TemporalBackend,
    pub(super) session: TemporalSession,
    pub(super) reading: Reading,
}

/// How a round ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    /// Calls with an unknown outcome.
    pub(super) unknown: usize,
    /// From the start of the new worker to the next event at the client; none where nothing was left to do.
    pub(super) recovery: Option<Duration>,
    /// How often the client was told that events are void.
    pub(super) rewinds: usize,
}

impl Round {
    /// Begins the thread. Nobody serves it yet.
    pub(super) async fn begin(client: &Client, address: &str, name: &str) -> Self {
        let (bench, script) = bench();
        Self::with(client, address, name, bench, &script, RunOptions::default()).await
    }

    /// Begins a thread with this script.
    pub(super) async fn with(
        client: &Client,
        address: &str,
        name: &str,
        bench: Bench,
        script: &str,
        run: RunOptions,
    ) -> Self {
        let queue = format!("everturn-{name}");
        let backend = backend(client, &bench.home(), &queue, run);
        let settings = Settings {
            approval: ApprovalPolicy::Never,
            sandbox: SandboxPolicy::DangerFullAccess,
            ..Settings::new(bench.project().to_str().unwrap(), format!("scripted:{script}"))
        };
        let genesis = Genesis { settings, ..Genesis::default() };
        let session = soon("the thread", backend.start(Tenant::default(), genesis)).await.unwrap();
        let reading = Reading::of(&session);
        Self { bench, address: address.to_owned(), queue, backend, session, reading }
    }

    /// A worker of the thread's queue.
    pub(super) fn worker(&self, kill: Option<&KillPoint>) -> Worker {
        Worker::start(&self.bench, &self.address, &self.queue, kill)
    }

    /// Where this process's kill points say that they were reached.
    pub(super) fn marker(&self) -> PathBuf {
        self.bench.path().join("marker")
    }

    /// Says go, in the background: it is answered when a worker lives long enough.
    pub(super) fn go(&self) -> JoinHandle<()> {
        let session = self.session.clone();
        tokio::spawn(async move {
            soon("an answer to `go`", session.submit(named("go", say("go")))).await.unwrap();
        })
    }

    /// Goes on with a new worker, to the end of the turn. The promise is kept: the trace is that of the turn that nobody
    /// kills but for one unknown outcome, no command ran twice, and whoever reads now is told what was told.
    pub(super) async fn resume(self, expected: &Trace, what: &str) -> Ended {
        let clock = ClockMark::now();
        let worker = self.worker(None);
        let told = self.end(what).await;
        self.check(&told, expected, what).await.with_recovery(clock.recovery(worker.since, &told))
    }

    /// Waits for the end of the turn.
    pub(super) async fn end(&self, what: &str) -> Arc<Told> {
        let Ok(told) = tokio::time::timeout(PATIENCE, self.reading.turns(1)).await else {
            let log = std::fs::read_to_string(Worker::log(&self.bench)).unwrap_or_default();
            let told = self.reading.told();
            let (last, notices) = (told.events.last(), &told.notices);
            panic!(
                "{what}: the turn does not end; the last event is {last:?}, notices {notices:?}, the workers said {log}"
            );
        };
        told
    }

    /// Checks the promise at the end of the turn.
    pub(super) async fn check(&self, told: &Told, expected: &Trace, what: &str) -> Ended {
        let events = told.events();
        let ends = events.iter().filter(|event| event.kind.is_terminal()).count();
        assert_eq!(ends, 1, "{what}: {events:#?}");
        let unknown = check(&self.bench, &Trace::of(&events), expected, what);
        let stored = soon("the events", self.backend.events(self.session.key(), 0, 10_000)).await.unwrap();
        assert_eq!(stored.len(), events.len(), "{what}");
        for (stored, told) in timeless(stored).iter().zip(&timeless(events)) {
            assert_eq!(stored, told, "{what}: what is read later is what was told");
        }
        Ended { unknown, recovery: None, rewinds: told.rewinds }
    }
}

impl Ended {
    pub(super) fn with_recovery(self, recovery: Option<Duration>) -> Self {
        Self { recovery, ..self }
    }
}

/// Events without their times: after a replay the time of an event to which a local activity led may be another, by as long
/// as that took.
pub(super) fn timeless(mut events: Vec<Event>) -> Vec<Event> {
    for event in &mut events {
        event.at_ms = 0;
    }
    events
}

/// A moment by the clock that events are dated with.
pub(super) struct ClockMark {
    at_ms: u64,
}

impl ClockMark {
    pub(super) fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Self { at_ms: u64::try_from(since.as_millis()).unwrap() }
    }

    /// From then, which was `since`, to when the first event that happened afterwards was told.
    pub(super) fn recovery(&self, since: Instant, told: &Told) -> Option<Duration> {
        let next = told.events.iter().find(|(_, event)| event.at_ms >= self.at_ms);
        next.map(|(at, _)| at.saturating_duration_since(since))
    }
}
