//! Workers that are killed in the middle of a turn, and how soon after the start of the next one the turn goes on.
//!
//! The client is killed first: it would serve the thread itself. That the turn goes on is seen by the model, which is
//! asked again. What the thread waited for when its worker died is asked of the server.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::super::clock::{ms_between, now_ns};
use super::super::model_process::ModelProcess;
use super::super::plan::{Plan, Work};
use super::super::statistics::{median, percentile};
use super::client::Client;
use super::history::{Waiting, waiting};
use super::options::Options;
use super::progress;
use super::site::{LOOK, PATIENCE, Programs, Site, plan};
use super::worker::Worker;

/// Workers that were killed while their threads waited for the same.
#[derive(Debug, serde::Serialize)]
pub(super) struct Deaths {
    pub(super) waiting: Waiting,
    pub(super) count: usize,
    pub(super) median_ms: f64,
    pub(super) worst_ms: f64,
    samples_ms: Vec<f64>,
}

/// When a worker is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// While a command sleeps.
    Command,
    /// While a message streams.
    Stream,
    /// Somewhere in a turn of many steps, so long after its tenth.
    Anywhere(Duration),
}

/// So many workers are killed somewhere for each that is killed at a chosen moment.
const ANYWHERE: usize = 5;
/// A step lasts about this long; the moments spread over it.
const STEP: Duration = Duration::from_millis(25);
/// In a turn of so many calls.
const CALLS: usize = 2_000;
/// After so many of them.
const BEGUN: usize = 10;
/// A message of so many deltas lasts two seconds.
const DELTAS: usize = 1_000;
/// It is killed so long after the turn has begun.
const IN_STREAM: Duration = Duration::from_millis(500);

pub(super) fn run(programs: &Programs, model: &ModelProcess, options: &Options) -> Result<Vec<Deaths>> {
    let anywhere = options.rounds * ANYWHERE;
    let spread = |index: usize| Moment::Anywhere(STEP * 2 * index as u32 / anywhere as u32);
    let moments =
        (0..options.rounds).flat_map(|_| [Moment::Command, Moment::Stream]).chain((0..anywhere).map(spread));
    let mut found: Vec<(Waiting, f64)> = Vec::new();
    for (index, moment) in moments.enumerate() {
        let (waiting, ms) = death(programs, model, moment, index)?;
        progress(format_args!("killed in {waiting:?}: {ms:.0} ms"));
        found.push((waiting, ms));
    }
    let kinds = [Waiting::Model, Waiting::Tool, Waiting::Task, Waiting::Between];
    Ok(kinds.into_iter().filter_map(|waiting| of(waiting, &found)).collect())
}

fn of(waiting: Waiting, found: &[(Waiting, f64)]) -> Option<Deaths> {
    let samples_ms: Vec<f64> = found.iter().filter(|(one, _)| *one == waiting).map(|(_, ms)| *ms).collect();
    (!samples_ms.is_empty()).then(|| Deaths {
        waiting,
        count: samples_ms.len(),
        median_ms: median(&samples_ms),
        worst_ms: percentile(&samples_ms, 1.0),
        samples_ms,
    })
}

fn death(programs: &Programs, model: &ModelProcess, moment: Moment, index: usize) -> Result<(Waiting, f64)> {
    let (work, calls) = match moment {
        Moment::Command => (Work::Sleep, 1),
        Moment::Stream => (Work::Deltas, DELTAS),
        Moment::Anywhere(_) => (Work::True, CALLS),
    };
    let plan = plan(&format!("death-{index}"), work, calls);
    let site = Site::start(programs, &model.url(&plan))?;
    let worker = Worker::start(&site)?;
    let mut client = Client::start(&site)?;
    client.until("turn.started")?;
    match moment {
        Moment::Command => wait(|| Ok(site.place.work().join("pid").exists()))?,
        Moment::Stream => std::thread::sleep(IN_STREAM),
        Moment::Anywhere(after) => {
            wait(|| Ok(model.exchanges(&plan.run)?.len() > BEGUN))?;
            std::thread::sleep(after);
        }
    }
    let thread = client.kill();
    worker.kill();
    let killed_ns = now_ns();
    let waiting = waiting(&site, &thread)?;
    let worker = Worker::start(&site)?;
    let again_ns = request_after(model, &plan, killed_ns)?;
    Ok((waiting, ms_between(worker.started_ns, again_ns)))
}

/// When the model was asked first after this moment.
fn request_after(model: &ModelProcess, plan: &Plan, moment_ns: u64) -> Result<u64> {
    let mut asked_ns = None;
    wait(|| {
        let exchanges = model.exchanges(&plan.run)?;
        asked_ns = exchanges.iter().map(|one| one.first_byte_ns).filter(|at_ns| *at_ns > moment_ns).min();
        Ok(asked_ns.is_some())
    })?;
    Ok(asked_ns.unwrap_or_default())
}

/// Waits until something is so.
pub(super) fn wait(mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let begun = Instant::now();
    while !is_so()? {
        ensure!(begun.elapsed() < PATIENCE, "nothing has happened for {} s", PATIENCE.as_secs());
        std::thread::sleep(LOOK);
    }
    Ok(())
}
