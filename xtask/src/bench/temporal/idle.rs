//! The memory of a worker in which many threads rest, each after a turn without a call.

use anyhow::{Context, Result};

use super::super::model_process::ModelProcess;
use super::super::plan::Work;
use super::client::Client;
use super::options::Options;
use super::progress;
use super::site::{Programs, Site, plan};
use super::worker::Worker;

/// So many clients begin threads at once.
const CLIENTS: usize = 2;

/// A worker with so many threads that rest.
#[derive(Debug, serde::Serialize)]
pub(super) struct Idle {
    pub(super) threads: usize,
    /// Before the first thread, with all of them, and the most there was.
    pub(super) before_mb: f64,
    pub(super) resting_mb: f64,
    pub(super) peak_mb: f64,
    /// What each adds.
    pub(super) thread_kb: f64,
}

pub(super) fn run(programs: &Programs, model: &ModelProcess, options: &Options) -> Result<Idle> {
    let plan = plan("idle", Work::True, 0);
    let site = Site::start(programs, &model.url(&plan))?;
    let worker = Worker::start(&site)?;
    // The first turn does what is done once.
    turn(&site)?;
    let (_, before_mb) = worker.memory_mb()?;
    let more = options.threads - 1;
    let some = |index: usize| more / CLIENTS + usize::from(index < more % CLIENTS);
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|index| {
                scope.spawn({
                    let site = &site;
                    move || (0..some(index)).try_for_each(|_| turn(site))
                })
            })
            .collect();
        clients.into_iter().try_for_each(|client| {
            client.join().ok().context("a client has panicked").and_then(|ended| ended)
        })
    })?;
    let (peak_mb, resting_mb) = worker.memory_mb()?;
    progress(format_args!("{} threads: {resting_mb:.1} MB", options.threads));
    let thread_kb = (resting_mb - before_mb) * 1e3 / more.max(1) as f64;
    Ok(Idle { threads: options.threads, before_mb, resting_mb, peak_mb, thread_kb })
}

fn turn(site: &Site) -> Result<()> {
    Client::start(site)?.end().map(drop)
}
