//! One turn of 1,000 calls: what a step costs near its beginning, its middle and its end, and how much of that is the
//! request itself, which carries the whole conversation.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::clock::ms_between;
use super::home::{Place, stored_bytes};
use super::host::{self, BodyCost};
use super::measure;
use super::model_process::ModelProcess;
use super::options::Options;
use super::plan::{Plan, Work};
use super::server::Exchange;
use super::statistics::median;
use super::subject::Subject;

/// How often it is made, where it is not less for everything.
const MOST_ROUNDS: usize = 3;
/// How many calls the turn has.
const CALLS: usize = 1_000;
/// The steps that are shown, each as the median of those around it.
const SHOWN: [Shown; 3] = [
    Shown { step: 10, from: 5, to: 15 },
    Shown { step: 100, from: 90, to: 110 },
    Shown { step: 1_000, from: 980, to: 1_000 },
];

struct Shown {
    step: usize,
    from: usize,
    to: usize,
}

/// The long turns of one program; medians.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Length {
    pub(crate) subject: &'static str,
    pub(crate) peak_mb: f64,
    pub(crate) stored_kb: f64,
    pub(crate) steps: Vec<Step>,
}

/// A step of the long turn; medians of the steps around it.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Step {
    pub(crate) step: usize,
    /// From the first byte of its request to that of the next.
    pub(crate) wall_ms: f64,
    /// Of that, the model's time to read the request, during which the program still sends it.
    pub(crate) reading_ms: f64,
    pub(crate) body_kb: f64,
    /// What such a request takes without the thread around it.
    pub(crate) body_alone: Option<BodyCost>,
}

pub(crate) fn run(
    model: &ModelProcess,
    subjects: &[Subject],
    options: &Options,
    root: &Path,
) -> Result<Vec<Length>> {
    let mut turns: Vec<Vec<Turn>> = subjects.iter().map(|_| Vec::new()).collect();
    for round in 0..options.repeats.min(MOST_ROUNDS) {
        for (subject, turns) in subjects.iter().zip(&mut turns) {
            turns.push(long_turn(model, subject, round)?);
        }
    }
    subjects.iter().zip(&turns).map(|(subject, turns)| summary(model, subject, turns, root)).collect()
}

/// One long turn.
struct Turn {
    plan: Plan,
    exchanges: Vec<Exchange>,
    peak_mb: f64,
    stored_kb: f64,
}

fn long_turn(model: &ModelProcess, subject: &Subject, round: usize) -> Result<Turn> {
    let place = Place::empty()?;
    let plan = Plan { run: format!("{}-long-{round}", subject.name), work: Work::True, calls: CALLS };
    let mut command = subject.turn(&place, &model.url(&plan))?;
    let cost = measure::run(&mut command, &place.file("out"), &place.file("err"))?;
    let exchanges = model.exchanges(&plan.run)?;
    ensure!(
        exchanges.len() == CALLS + 1,
        "{} made {} requests in the long turn",
        subject.name,
        exchanges.len()
    );
    let stored_kb = stored_bytes(&place.home())? as f64 / 1e3;
    Ok(Turn { plan, exchanges, peak_mb: cost.peak_mb(), stored_kb })
}

fn summary(model: &ModelProcess, subject: &Subject, turns: &[Turn], root: &Path) -> Result<Length> {
    let mut steps = SHOWN.iter().map(|shown| step(turns, shown)).collect::<Result<Vec<_>>>()?;
    if let Some(turn) = turns.first().filter(|_| subject.is_ours()) {
        let place = Place::empty()?;
        let body = place.file("body");
        std::fs::write(&body, model.last_body(&turn.plan.run)?)?;
        let alone = host::bodies(model, root, &body, CALLS, &SHOWN.map(|shown| shown.step))?;
        for (step, alone) in steps.iter_mut().zip(alone) {
            step.body_alone = Some(alone);
        }
    }
    let middle = |value: fn(&Turn) -> f64| median(&turns.iter().map(value).collect::<Vec<_>>());
    Ok(Length {
        subject: subject.name,
        peak_mb: middle(|turn| turn.peak_mb),
        stored_kb: middle(|turn| turn.stored_kb),
        steps,
    })
}

/// A step is from one request to the next; the first is number 1.
fn step(turns: &[Turn], shown: &Shown) -> Result<Step> {
    let around = turns
        .iter()
        .map(|turn| turn.exchanges.get(shown.from - 1..=shown.to))
        .collect::<Option<Vec<_>>>()
        .with_context(|| format!("a long turn has no step {}", shown.to))?;
    let of = |value: fn(&Exchange, &Exchange) -> f64| {
        let pairs = around.iter().flat_map(|steps| steps.windows(2));
        median(&pairs.filter_map(|two| Some(value(two.first()?, two.get(1)?))).collect::<Vec<_>>())
    };
    Ok(Step {
        step: shown.step,
        wall_ms: of(|this, next| ms_between(this.first_byte_ns, next.first_byte_ns)),
        reading_ms: of(|this, _| ms_between(this.first_byte_ns, this.read_ns)),
        body_kb: of(|this, _| this.body_bytes as f64 / 1e3),
        body_alone: None,
    })
}
