//! [`Report`]: everything a run of the benchmark found.

use std::time::{SystemTime, UNIX_EPOCH};

use super::facts::Machine;
use super::host::Deltas;
use super::interrupt::Interrupts;
use super::length::Length;
use super::options::Options;
use super::plan::Work;
use super::statistics::Line;
use super::steps::{Steps, Summary};
use super::subject::{SANDBOXED, Subject};
use super::targets::{Verdict, judge};

/// The shape of the JSON; a reader can tell by it what to expect.
const FORMAT: u32 = 1;

/// Everything a run of the benchmark found.
#[derive(Debug, serde::Serialize)]
pub struct Report {
    format: u32,
    /// Seconds since 1970.
    at_s: u64,
    /// The checked out commit, with `+` where files differ from it.
    commit: String,
    pub(crate) machine: Machine,
    pub(crate) subjects: Vec<Subject>,
    pub(crate) repeats: usize,
    pub(crate) steps: Option<Steps>,
    pub(crate) length: Option<Vec<Length>>,
    pub(crate) delta: Option<Deltas>,
    pub(crate) interrupts: Vec<Interrupts>,
    pub(crate) verdicts: Vec<Verdict>,
}

impl Report {
    pub(crate) fn new(machine: Machine, commit: String, options: &Options, subjects: &[Subject]) -> Self {
        Self {
            format: FORMAT,
            at_s: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            commit,
            machine,
            subjects: subjects.to_vec(),
            repeats: options.repeats,
            steps: None,
            length: None,
            delta: None,
            interrupts: Vec::new(),
            verdicts: Vec::new(),
        }
    }

    /// The commit that was measured.
    pub(crate) fn commit(&self) -> &str {
        &self.commit
    }

    /// Our name among the subjects.
    pub(crate) fn ours(&self) -> &'static str {
        self.subjects.iter().find(|subject| subject.is_ours()).map_or("", |subject| subject.name)
    }

    /// Whether a target was missed.
    pub fn has_misses(&self) -> bool {
        self.verdicts.iter().any(|verdict| !verdict.met)
    }

    /// Compares what was measured of our program with the targets.
    pub(crate) fn judge(&mut self) {
        let ours = self.ours();
        let mut found: Vec<(&str, f64)> = Vec::new();
        let summaries = self.steps.iter().flat_map(|steps| &steps.summaries);
        let own: Vec<&Summary> = summaries.filter(|summary| summary.subject == ours).collect();
        found.extend(own.iter().flat_map(|summary| figures(summary)));
        if !own.is_empty() {
            let sizes = own.iter().flat_map(|summary| &summary.sizes);
            found.push(("peak memory", sizes.map(|size| size.peak_mb).fold(0.0, f64::max)));
        }
        let summaries = self.steps.iter().flat_map(|steps| &steps.summaries);
        let of = |name: &str| summaries.clone().find(|one| one.subject == name && one.work == Work::True);
        if let (Some(plain), Some(sandboxed)) = (of(ours), of(SANDBOXED)) {
            found.extend([
                ("wall time of a sandboxed step", slope(sandboxed.wall_ms)),
                ("the sandbox, of a step", slope(sandboxed.wall_ms) - slope(plain.wall_ms)),
            ]);
        }
        if let Some(delta) = &self.delta {
            found.extend([("delta, median", delta.median_ms), ("delta, p99", delta.p99_ms)]);
        }
        for one in self.interrupts.iter().filter(|one| one.subject == ours) {
            let names = match one.work {
                Work::StubbornSleep => {
                    ["interrupt of a deaf command, median", "interrupt of a deaf command, p99"]
                }
                _ => ["interrupt, median", "interrupt, p99"],
            };
            found.extend(names.into_iter().zip([one.median_ms, one.p99_ms]));
        }
        self.verdicts = found.into_iter().filter_map(|(what, value)| judge(what, value)).collect();
    }
}

fn slope(line: Option<Line>) -> f64 {
    line.map_or(f64::INFINITY, |line| line.slope)
}

/// The figures of our program that have targets.
fn figures(summary: &Summary) -> Vec<(&'static str, f64)> {
    match summary.work {
        Work::True => vec![
            ("wall time of a step", slope(summary.wall_ms)),
            ("processor time of a step", slope(summary.cpu_ms)),
            ("start to first request", summary.first_request_ms),
        ],
        Work::TwoKilobytes => vec![("stored per call of 2 kB", slope(summary.stored_bytes) / 1e3)],
        _ => Vec::new(),
    }
}
