//! [`replay`]: a run's history against this build. It takes no server, no worker and no workspace, and it runs nothing:
//! what activities answered is in the history.
//!
//! The loop decides again what it decided then. Where it asks for something else than the history says, a worker of this
//! build could not go on with the thread, and [`ReplayFailure`] says where. Where it asks for the same, the thread's
//! commits have come back, which are its journal.
//!
//! `history` is what is replayed; `failure` finds words for what the SDK says.

mod failure;
mod history;

pub use failure::{Place, ReplayFailure};
pub use history::{Extent, RunHistory};

use crate::{AgentWorkflow, Chronicle, Conversations, FileBlobs, Surroundings};
use agent_core::{Commit, Event, Record};
use sink::LocalBus;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use temporalio_common::data_converters::DataConverter;
use temporalio_sdk::{
    workflow_interceptors::WorkflowInterceptorConstructor,
    workflow_replayer::{WorkflowReplayer, WorkflowReplayerOptions},
};
use tokio::runtime::Handle;

/// What came of a replay that went well.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replayed {
    /// What the run committed, in order.
    pub commits: Vec<Commit>,
    /// How many events of the history were replayed.
    pub history_events: usize,
}

impl Replayed {
    /// What the run told its readers, in order.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.commits.iter().flat_map(|commit| &commit.events)
    }
}

/// How a history is replayed.
#[derive(Clone, Default)]
pub struct ReplayOptions {
    /// Reads payloads, as [`crate::data_converter`] makes it.
    pub converter: DataConverter,
    /// How much of the history.
    pub extent: Extent,
    /// Stands between the loop and its commands. For tests, which change what the loop asks for.
    pub interceptors: Vec<WorkflowInterceptorConstructor>,
}

/// Replays a run. It needs a tokio runtime, and a thread of that runtime for as long as it computes.
///
/// # Errors
/// See [`ReplayFailure`].
pub async fn replay(history: RunHistory, options: ReplayOptions) -> Result<Replayed, ReplayFailure> {
    let history = history.cut(options.extent);
    // Workflows stay on the thread that polls them.
    let replayed =
        tokio::task::spawn_blocking(move || Handle::current().block_on(replay_here(history, options)));
    replayed.await.map_err(|error| ReplayFailure::Machinery { message: error.to_string() })?
}

async fn replay_here(history: RunHistory, options: ReplayOptions) -> Result<Replayed, ReplayFailure> {
    if !history.events().iter().any(|e| {
        e.event_type() == temporalio_common::protos::temporal::api::enums::v1::EventType::WorkflowTaskStarted
    }) {
        return Ok(Replayed::default());
    }
    history.check(&options.converter).await?;
    let notes = Arc::new(Notes::default());
    let surroundings = surroundings(Arc::clone(&notes) as _);
    let mut replayer = WorkflowReplayerOptions::new()
        .data_converter(options.converter)
        .register_workflow_with_factory(move || AgentWorkflow::within(Arc::clone(&surroundings)))
        .map_err(ReplayFailure::machinery)?
        .build();
    replayer.register_workflow_interceptors(options.interceptors);
    let replayer = WorkflowReplayer::new(replayer).map_err(ReplayFailure::machinery)?;
    let replayed = replayer.replay_workflow(history.clone().into()).await;
    let commits = std::mem::take(&mut *notes.kept());
    match replayed {
        Ok(()) => Ok(Replayed { commits: commits.into_values().collect(), history_events: history.len() }),
        Err(error) => Err(ReplayFailure::of(error, &history, commits.keys().last().copied())),
    }
}

/// Nobody is told of anything, and nothing is read.
fn surroundings(chronicle: Arc<dyn Chronicle>) -> Arc<Surroundings> {
    Arc::new(Surroundings {
        conversations: Arc::new(Conversations::default()),
        bus: Arc::new(LocalBus::default()),
        // Only queries read blobs.
        blobs: Arc::new(FileBlobs::new(PathBuf::new())),
        acknowledged: Box::new(|_, _| {}),
        chronicle: Some(chronicle),
    })
}

/// Keeps what a thread commits while it is replayed. A task that is begun again tells the same again.
#[derive(Debug, Default)]
struct Notes(Mutex<BTreeMap<u64, Commit>>);

impl Notes {
    fn kept(&self) -> MutexGuard<'_, BTreeMap<u64, Commit>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Chronicle for Notes {
    fn note(&self, record: &Record, events: &[Event]) {
        self.kept().insert(record.seq, Commit { record: record.clone(), events: events.to_vec() });
    }
}
