//! [`replay`]: a run's history against this build. It takes no server, no worker and no workspace, and it runs nothing:
//! what activities answered is in the history.
//!
//! The loop decides again what it decided then. Where it asks for something else than the history says, a worker of this
//! build could not go on with the thread, and [`ReplayFailure`] says where. Where it asks for the same, the thread's
//! commits have come back, which are its journal.
//!
//! `history` is what is replayed; `place` finds where a replay fails; `failure` finds words for what the SDK says.

mod failure;
mod history;
mod place;

pub use failure::ReplayFailure;
pub use history::{Extent, RunHistory};
pub use place::Place;

use crate::{AgentWorkflow, Chronicle, Conversations, FileBlobs, Surroundings};
use agent_core::{Commit, Event, Record};
use sink::LocalBus;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use temporalio_common::data_converters::DataConverter;
use temporalio_sdk::{
    workflow_interceptors::WorkflowInterceptorConstructor,
    workflow_replayer::{WorkflowReplayError, WorkflowReplayer, WorkflowReplayerOptions},
};
use tokio::runtime::Handle;

/// The longest history that a run has takes seconds. One that the SDK waits for more of than there is would take for ever.
const PATIENCE: Duration = Duration::from_secs(120);

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
    history.check(&options.converter).await?;
    let history = history.cut(options.extent);
    // Workflows stay on the thread that polls them.
    let replayed =
        tokio::task::spawn_blocking(move || Handle::current().block_on(replay_here(history, options)));
    replayed.await.map_err(ReplayFailure::machinery)?
}

async fn replay_here(history: RunHistory, options: ReplayOptions) -> Result<Replayed, ReplayFailure> {
    if !history.has_begun() {
        return Ok(Replayed::default());
    }
    let history_events = history.len();
    let (result, commits) = attempt(history.clone(), &options).await?;
    match result {
        Ok(()) => Ok(Replayed { commits, history_events }),
        Err(error) => {
            let place = Place::of(&history, &options).await?;
            Err(ReplayFailure::of(&error, place))
        }
    }
}

/// What the SDK says of a replay, and what was committed until then.
async fn attempt(
    history: RunHistory,
    options: &ReplayOptions,
) -> Result<(Result<(), WorkflowReplayError>, Vec<Commit>), ReplayFailure> {
    let notes = Arc::new(Notes::default());
    let surroundings = surroundings(Arc::clone(&notes) as _);
    let mut replayer = WorkflowReplayerOptions::new()
        .data_converter(options.converter.clone())
        .register_workflow_with_factory(move || AgentWorkflow::within(Arc::clone(&surroundings)))
        .map_err(ReplayFailure::machinery)?
        .build();
    replayer.register_workflow_interceptors(options.interceptors.clone());
    let replayer = WorkflowReplayer::new(replayer).map_err(ReplayFailure::machinery)?;
    let replayed = tokio::time::timeout(PATIENCE, replayer.replay_workflow(history.into())).await;
    let replayed = replayed.map_err(|_| {
        ReplayFailure::machinery(format!("it has not come to an end within {} s", PATIENCE.as_secs()))
    })?;
    let commits = std::mem::take(&mut *notes.kept());
    Ok((replayed, commits.into_values().collect()))
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
