//! A worker that is started on a thread which another one served: how soon it answers for it.
//!
//! The question is a query, which a worker answers once it has replayed the run. The time is that from the start of the
//! process to the answer, the start of the program that asks (0.06 s) included; the difference between a long history and
//! a short one is replay.

use anyhow::{Context, Result};

use super::super::clock::{ms_between, now_ns};
use super::super::model_process::ModelProcess;
use super::super::plan::Work;
use super::super::statistics::median;
use super::client::Client;
use super::history::{self, workflow};
use super::options::Options;
use super::progress;
use super::site::{Programs, Site, plan};
use super::worker::Worker;

/// The thread of the target.
pub(super) const CALLS: usize = 200;

/// Workers that took up a thread of so many calls; medians.
#[derive(Debug, serde::Serialize)]
pub(super) struct TakeUp {
    pub(super) calls: usize,
    /// In the run that is open.
    pub(super) events: u64,
    /// After a worker that was stopped, and after one that was killed.
    pub(super) after_stop_ms: f64,
    pub(super) after_kill_ms: f64,
    /// Of these, until the worker said that it serves.
    pub(super) ready_ms: f64,
    /// The same question, when the worker had the thread in memory.
    pub(super) known_ms: f64,
    /// Events a second, by what the first answer takes longer than the second, after a stop.
    pub(super) replayed_per_s: f64,
    samples: Vec<Sample>,
}

#[derive(Debug, Clone, Copy, serde::Serialize)]
struct Sample {
    after_kill: bool,
    ready_ms: f64,
    answered_ms: f64,
    known_ms: f64,
}

pub(super) fn run(programs: &Programs, model: &ModelProcess, options: &Options) -> Result<Vec<TakeUp>> {
    /// About as many as fit one run.
    const LONGER: usize = 280;
    [CALLS, LONGER].into_iter().map(|calls| of(programs, model, calls, options)).collect()
}

fn of(programs: &Programs, model: &ModelProcess, calls: usize, options: &Options) -> Result<TakeUp> {
    let plan = plan(&format!("take-up-{calls}"), Work::TwoKilobytes, calls);
    let site = Site::start(programs, &model.url(&plan))?;
    let mut worker = Worker::start(&site)?;
    let mut client = Client::start(&site)?;
    client.until("turn.completed")?;
    let thread = client.thread.clone();
    client.end()?;
    let events = history::of_thread(&site, &thread)?.last_events;
    let mut samples = Vec::new();
    for after_kill in (0..options.rounds).flat_map(|_| [false, true]) {
        if after_kill {
            worker.kill();
        } else {
            worker.stop()?;
        }
        worker = Worker::start(&site)?;
        let ready_ms = ms_between(worker.started_ns, now_ns());
        let id = workflow(&thread);
        let question = ["workflow", "query", "-w", &id, "--name", "status"];
        site.ask(&question)?;
        let answered_ms = ms_between(worker.started_ns, now_ns());
        let asked_ns = now_ns();
        site.ask(&question)?;
        samples.push(Sample { after_kill, ready_ms, answered_ms, known_ms: ms_between(asked_ns, now_ns()) });
    }
    let middle = |killed: bool, value: fn(&Sample) -> f64| {
        median(&samples.iter().filter(|one| one.after_kill == killed).map(value).collect::<Vec<_>>())
    };
    let replay_ms = middle(false, |one| one.answered_ms - one.ready_ms - one.known_ms);
    let take_up = TakeUp {
        calls,
        events,
        after_stop_ms: middle(false, |one| one.answered_ms),
        after_kill_ms: middle(true, |one| one.answered_ms),
        ready_ms: middle(false, |one| one.ready_ms),
        known_ms: middle(false, |one| one.known_ms),
        replayed_per_s: events as f64 / replay_ms.max(f64::MIN_POSITIVE) * 1e3,
        samples,
    };
    let sample = take_up.samples.last().context("nothing was measured")?;
    progress(format_args!("{calls} calls, {events} events taken up: {sample:?}"));
    Ok(take_up)
}
