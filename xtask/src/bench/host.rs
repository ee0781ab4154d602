//! What is measured inside a process of the library: the example `bench_host`.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::de::DeserializeOwned;

use super::build;
use super::clock::ms;
use super::model_process::ModelProcess;
use super::plan::{Plan, Work};
use super::statistics::{median, percentile};

/// How many deltas are watched.
const DELTAS: usize = 1_000;

/// The way of deltas from the model's socket to a reader of the thread.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Deltas {
    /// How many were sent.
    pub(crate) sent: usize,
    /// How many a reader was shown before the message was complete; the last ones may come with it.
    pub(crate) shown: usize,
    pub(crate) median_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) worst_ms: f64,
    samples_ns: Vec<u64>,
}

/// What a request costs without a thread around it; medians.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct BodyCost {
    pub(crate) body_bytes: u64,
    /// To write its body as JSON.
    pub(crate) json_ms: f64,
    /// To send it over a bare socket and read the answer.
    pub(crate) send_ms: f64,
    /// A model call of the library, from the conversation to the end of the answer.
    pub(crate) call_ms: f64,
}

/// Watches a message in many deltas.
pub(crate) fn deltas(model: &ModelProcess, root: &Path) -> Result<Deltas> {
    let plan = Plan { run: "deltas".to_owned(), work: Work::Deltas, calls: DELTAS };
    let samples_ns: Vec<u64> = ask(root, &["deltas", &model.url(&plan)])?;
    ensure!(samples_ns.len() > DELTAS / 2, "only {} of {DELTAS} deltas came", samples_ns.len());
    let samples: Vec<f64> = samples_ns.iter().map(|ns| ms(*ns)).collect();
    Ok(Deltas {
        sent: DELTAS,
        shown: samples.len(),
        median_ms: median(&samples),
        p99_ms: percentile(&samples, 0.99),
        worst_ms: percentile(&samples, 1.0),
        samples_ns,
    })
}

/// Makes and sends the request of each of these steps, out of the body that followed so many calls.
pub(crate) fn bodies(
    model: &ModelProcess,
    root: &Path,
    body: &Path,
    calls: usize,
    steps: &[usize],
) -> Result<Vec<BodyCost>> {
    let plan = Plan { run: "bodies".to_owned(), work: Work::True, calls: usize::MAX };
    let (url, calls) = (model.url(&plan), calls.to_string());
    let steps: Vec<String> = steps.iter().map(usize::to_string).collect();
    let mut args = vec!["bodies", url.as_str(), body.to_str().context("a path is not UTF-8")?, &calls];
    args.extend(steps.iter().map(String::as_str));
    ask(root, &args)
}

fn ask<T: DeserializeOwned>(root: &Path, args: &[&str]) -> Result<T> {
    let host = build::host(root)?;
    let output = Command::new(&host).args(args).output().context("could not start the host")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the host failed: {}", said.trim());
    serde_json::from_slice(&output.stdout).context("the host's answer cannot be read")
}
