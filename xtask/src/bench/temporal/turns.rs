//! Turns with more and more tool calls: their time, their histories, and the memory of their worker.

use anyhow::{Context, Result, ensure};

use super::super::clock::ms_between;
use super::super::measure::own_cpu_ms;
use super::super::model_process::ModelProcess;
use super::super::plan::Work;
use super::super::statistics::median;
use super::client::Client;
use super::history::{self, History};
use super::options::Options;
use super::progress;
use super::site::{Programs, Site, plan};
use super::worker::Worker;

/// From so many calls on a turn is made less often.
const LONG: usize = 1_000;

/// The turns with so many calls; medians.
#[derive(Debug, serde::Serialize)]
pub(super) struct Turns {
    pub(super) calls: usize,
    pub(super) wall_ms: f64,
    pub(super) step_ms: f64,
    /// Processor time a step: the worker's own, without the commands, and the server's.
    pub(super) worker_cpu_ms: f64,
    pub(super) server_cpu_ms: f64,
    pub(super) runs: f64,
    pub(super) events: f64,
    pub(super) bytes: f64,
    pub(super) peak_mb: f64,
    samples: Vec<Sample>,
}

/// One turn.
#[derive(Debug, serde::Serialize)]
struct Sample {
    /// From the start of `exec` to its end.
    wall_ms: f64,
    /// From the first request to the last, over the number of calls.
    step_ms: f64,
    /// The slowest step.
    worst_step_ms: f64,
    worker_cpu_ms: f64,
    server_cpu_ms: f64,
    history: History,
    /// The most memory that the worker has had.
    peak_mb: f64,
}

pub(super) fn run(programs: &Programs, model: &ModelProcess, options: &Options) -> Result<Vec<Turns>> {
    let mut samples: Vec<Vec<Sample>> = options.calls.iter().map(|_| Vec::new()).collect();
    for round in 0..options.rounds {
        for (calls, samples) in options.calls.iter().zip(&mut samples) {
            if *calls < LONG || round < options.long_rounds() {
                let sample = turn(programs, model, *calls, round)?;
                progress(format_args!("{calls} calls: {:.0} ms, {} B", sample.wall_ms, sample.history.bytes));
                samples.push(sample);
            }
        }
    }
    Ok(options.calls.iter().zip(samples).map(|(calls, samples)| of(*calls, samples)).collect())
}

fn turn(programs: &Programs, model: &ModelProcess, calls: usize, round: usize) -> Result<Sample> {
    let plan = plan(&format!("turn-{calls}-{round}"), Work::TwoKilobytes, calls);
    let site = Site::start(programs, &model.url(&plan))?;
    let worker = Worker::start(&site)?;
    let server = site.server()?;
    let before = [worker.cpu_ms()?, own_cpu_ms(server)?];
    let mut client = Client::start(&site)?;
    let started_ns = client.started_ns;
    client.until("turn.completed")?;
    let thread = client.thread.clone();
    let wall_ms = ms_between(started_ns, client.end()?);
    let after = [worker.cpu_ms()?, own_cpu_ms(server)?];
    let exchanges = model.exchanges(&plan.run)?;
    ensure!(
        exchanges.len() == calls + 1,
        "there were {} requests in a turn of {calls} calls",
        exchanges.len()
    );
    let steps: Vec<f64> = exchanges
        .iter()
        .zip(exchanges.iter().skip(1))
        .map(|(this, next)| ms_between(this.first_byte_ns, next.first_byte_ns))
        .collect();
    let (peak_mb, _) = worker.memory_mb()?;
    let a_step =
        |index: usize| -> Option<f64> { Some((after.get(index)? - before.get(index)?) / calls as f64) };
    Ok(Sample {
        wall_ms,
        step_ms: steps.iter().sum::<f64>() / calls as f64,
        worst_step_ms: steps.iter().copied().fold(0.0, f64::max),
        worker_cpu_ms: a_step(0).context("no time of the worker")?,
        server_cpu_ms: a_step(1).context("no time of the server")?,
        history: history::of_thread(&site, &thread)?,
        peak_mb,
    })
}

fn of(calls: usize, samples: Vec<Sample>) -> Turns {
    let middle = |value: fn(&Sample) -> f64| median(&samples.iter().map(value).collect::<Vec<_>>());
    Turns {
        calls,
        wall_ms: middle(|one| one.wall_ms),
        step_ms: middle(|one| one.step_ms),
        worker_cpu_ms: middle(|one| one.worker_cpu_ms),
        server_cpu_ms: middle(|one| one.server_cpu_ms),
        runs: middle(|one| one.history.runs as f64),
        events: middle(|one| one.history.events as f64),
        bytes: middle(|one| one.history.bytes as f64),
        peak_mb: middle(|one| one.peak_mb),
        samples,
    }
}
