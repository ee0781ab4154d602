//! Start, time, memory and storage of turns with more and more tool calls, and from them the cost of a step.

use std::io::Write;

use anyhow::{Context, Result, ensure};

use super::clock::ms_between;
use super::floor::{self, Floor};
use super::home::{Place, stored_bytes};
use super::measure::{self, Cost};
use super::model_process::ModelProcess;
use super::options::Options;
use super::plan::{Plan, Work};
use super::statistics::{Line, line_through, median};
use super::subject::Subject;

/// Everything that was measured, and what it comes to.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Steps {
    /// What a step cannot do without.
    pub(crate) floors: Vec<Floor>,
    /// One for each program and kind of call.
    pub(crate) summaries: Vec<Summary>,
    samples: Vec<Sample>,
}

/// One run.
#[derive(Debug, Clone, serde::Serialize)]
struct Sample {
    subject: &'static str,
    work: Work,
    calls: usize,
    home: Home,
    cost: Cost,
    /// From the start of the process to the first byte of its first request at the model.
    first_request_ms: f64,
    /// What the run added to the home.
    stored_bytes: f64,
    /// Of that, what it added to where the threads are.
    thread_bytes: f64,
}

/// What the program finds of its own when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
enum Home {
    /// What an earlier turn left behind.
    Used,
    /// Nothing.
    New,
}

/// What the runs of one program with one kind of call come to; medians.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Summary {
    pub(crate) subject: &'static str,
    pub(crate) work: Work,
    pub(crate) sizes: Vec<Size>,
    /// Lines through the medians, over the number of calls.
    pub(crate) wall_ms: Option<Line>,
    pub(crate) cpu_ms: Option<Line>,
    pub(crate) own_cpu_ms: Option<Line>,
    pub(crate) stored_bytes: Option<Line>,
    pub(crate) thread_bytes: Option<Line>,
    /// The smallest and the largest slope of wall time that a single round of runs gives.
    pub(crate) wall_slopes_ms: (f64, f64),
    pub(crate) first_request_ms: f64,
    /// The same in a home that is not there yet.
    pub(crate) first_request_new_home_ms: f64,
}

/// The medians of the runs with so many calls.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Size {
    pub(crate) calls: usize,
    pub(crate) wall_ms: f64,
    pub(crate) cpu_ms: f64,
    pub(crate) own_cpu_ms: f64,
    pub(crate) peak_mb: f64,
    pub(crate) stored_kb: f64,
}

/// In so many rounds each turn is also made in a home that is not there yet. What is stored comes from these: it hardly
/// differs from run to run, and an old home grows in leaps, when a log is folded in or cut.
const NEW_HOME_ROUNDS: usize = 2;
/// The kinds of call whose steps are measured.
const WORKS: [Work; 2] = [Work::True, Work::TwoKilobytes];

pub(crate) fn run(model: &ModelProcess, subjects: &[Subject], options: &Options) -> Result<Steps> {
    let used = subjects.iter().map(|subject| used_home(model, subject)).collect::<Result<Vec<_>>>()?;
    let mut samples = Vec::new();
    for repeat in 0..options.repeats {
        note(repeat, options.repeats)?;
        let turns = WORKS.iter().flat_map(|work| options.calls.iter().map(move |calls| (*work, *calls)));
        for (work, calls) in turns {
            for (subject, used) in subjects.iter().zip(&used) {
                let run = plan(subject, work, calls, &repeat.to_string());
                samples.push(sample(model, subject, &run, Some(used))?);
                if repeat < NEW_HOME_ROUNDS {
                    let run = plan(subject, work, calls, &format!("new-{repeat}"));
                    samples.push(sample(model, subject, &run, None)?);
                }
            }
        }
    }
    let summaries = subjects
        .iter()
        .flat_map(|subject| WORKS.map(|work| summary(subject.name, work, &samples, options)))
        .collect();
    Ok(Steps { floors: floor::run()?, summaries, samples })
}

fn plan(subject: &Subject, work: Work, calls: usize, which: &str) -> Plan {
    Plan { run: format!("{}-{work}-{calls}-{which}", subject.name), work, calls }
}

/// A home in which a long turn has been made: nothing is done for the first time any more, and what a program leaves to
/// its next start to tidy up is there.
fn used_home(model: &ModelProcess, subject: &Subject) -> Result<Place> {
    /// Enough to fill SQLite's write-ahead log to the size that it keeps.
    const CALLS: usize = 200;
    let place = Place::empty()?;
    let plan = plan(subject, Work::TwoKilobytes, CALLS, "first");
    let mut command = subject.turn(&place, &model.url(&plan))?;
    measure::run(&mut command, &place.file("out"), &place.file("err"))?;
    Ok(place)
}

fn sample(model: &ModelProcess, subject: &Subject, plan: &Plan, used: Option<&Place>) -> Result<Sample> {
    let place = used.map_or_else(Place::empty, Place::like)?;
    let (home, threads) = (place.home(), subject.threads(&place));
    let before = [stored_bytes(&home)?, stored_bytes(&threads)?];
    let mut command = subject.turn(&place, &model.url(plan))?;
    let cost = measure::run(&mut command, &place.file("out"), &place.file("err"))?;
    let exchanges = model.exchanges(&plan.run)?;
    ensure!(
        exchanges.len() == plan.calls + 1,
        "{} made {} requests in a turn of {} calls",
        subject.name,
        exchanges.len(),
        plan.calls
    );
    let first = exchanges.first().context("there was no request")?;
    Ok(Sample {
        subject: subject.name,
        work: plan.work,
        calls: plan.calls,
        home: if used.is_some() { Home::Used } else { Home::New },
        cost,
        first_request_ms: ms_between(cost.started_ns, first.first_byte_ns),
        stored_bytes: stored_bytes(&home)? as f64 - before[0] as f64,
        thread_bytes: stored_bytes(&threads)? as f64 - before[1] as f64,
    })
}

fn summary(subject: &'static str, work: Work, samples: &[Sample], options: &Options) -> Summary {
    let of_this = |home: Home| -> Vec<&Sample> {
        let fits = |one: &&Sample| one.subject == subject && one.work == work && one.home == home;
        samples.iter().filter(fits).collect()
    };
    let (used, new) = (of_this(Home::Used), of_this(Home::New));
    let size = |calls: usize| Size {
        calls,
        wall_ms: of_size(&used, calls, |one| one.cost.wall_ms),
        cpu_ms: of_size(&used, calls, |one| one.cost.cpu_ms),
        own_cpu_ms: of_size(&used, calls, |one| one.cost.own_cpu_ms),
        peak_mb: of_size(&used, calls, |one| one.cost.peak_mb()),
        stored_kb: of_size(&new, calls, |one| one.stored_bytes / 1e3),
    };
    let line = |of: &[&Sample], value: fn(&Sample) -> f64| -> Option<Line> {
        let points = options.calls.iter().map(|calls| (*calls as f64, of_size(of, *calls, value)));
        line_through(&points.collect::<Vec<_>>())
    };
    let first = |of: &[&Sample]| median(&of.iter().map(|one| one.first_request_ms).collect::<Vec<_>>());
    Summary {
        subject,
        work,
        sizes: options.calls.iter().map(|calls| size(*calls)).collect(),
        wall_ms: line(&used, |one| one.cost.wall_ms),
        cpu_ms: line(&used, |one| one.cost.cpu_ms),
        own_cpu_ms: line(&used, |one| one.cost.own_cpu_ms),
        stored_bytes: line(&new, |one| one.stored_bytes),
        thread_bytes: line(&new, |one| one.thread_bytes),
        wall_slopes_ms: slopes(&used, options),
        first_request_ms: first(&used),
        first_request_new_home_ms: first(&new),
    }
}

/// The median of the runs with so many calls.
fn of_size(samples: &[&Sample], calls: usize, value: fn(&Sample) -> f64) -> f64 {
    let fitting = samples.iter().filter(|one| one.calls == calls);
    median(&fitting.map(|one| value(one)).collect::<Vec<_>>())
}

/// The range of the slopes of single rounds. The samples of a size are in the order of the rounds.
fn slopes(samples: &[&Sample], options: &Options) -> (f64, f64) {
    let mut range = (f64::INFINITY, f64::NEG_INFINITY);
    for round in 0..options.repeats {
        let points: Vec<_> = options
            .calls
            .iter()
            .filter_map(|calls| {
                let sample = samples.iter().filter(|one| one.calls == *calls).nth(round)?;
                Some((*calls as f64, sample.cost.wall_ms))
            })
            .collect();
        if let Some(line) = line_through(&points) {
            range = (range.0.min(line.slope), range.1.max(line.slope));
        }
    }
    range
}

fn note(repeat: usize, of: usize) -> Result<()> {
    let mut err = std::io::stderr().lock();
    writeln!(err, "bench: round {} of {of}", repeat + 1)?;
    Ok(())
}
