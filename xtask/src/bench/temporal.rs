//! `cargo xtask bench temporal`: what a thread on Temporal costs, against the targets.
//!
//! The program is the release binary; the server is the one that it starts by itself (`everturn dev-server`), each time
//! with an empty database; the worker is a process of its own (`everturn worker`), and so is its client (`everturn exec`).
//! The model is that of `bench local`. What the server holds is asked with the `temporal` program that is the server.
//!
//! * `site` is a data folder with its server, `worker` and `client` are the other processes, `history` is what the server
//!   holds; all of them end with their values.
//! * `turns`, `idle`, `deaths`, `take_up` and `latency` each measure one thing.
//! * `report` puts it together.

mod client;
mod deaths;
mod history;
mod idle;
mod latency;
mod options;
mod report;
mod site;
mod take_up;
mod turns;
mod worker;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};

use super::facts;
use super::model_process::ModelProcess;
pub(super) use options::USAGE;
use options::{Options, Part};
use report::Report;
use site::Programs;

/// Runs what was asked for.
pub(super) fn run(root: &Path, args: &[String]) -> Result<ExitCode> {
    /// The conventional exit code for a command line that cannot be understood.
    const USAGE_ERROR: u8 = 2;
    let options = match Options::parse(args) {
        Ok(options) => options,
        Err(why) => {
            write!(std::io::stderr(), "{why}\n\n{USAGE}")?;
            return Ok(ExitCode::from(USAGE_ERROR));
        }
    };
    let programs = Programs::find(root, options.bin.as_deref())?;
    let model = ModelProcess::start()?;
    // Nobody knows what a build of somebody's own was made from.
    let commit = options.bin.as_ref().map_or_else(|| facts::commit(root), |_| "an unknown commit".to_owned());
    let mut report = Report::new(facts::machine()?, commit, &programs, args);
    for part in options.parts() {
        match part {
            Part::Turns => report.turns = turns::run(&programs, &model, &options)?,
            Part::Idle => report.idle = Some(idle::run(&programs, &model, &options)?),
            Part::Deaths => report.deaths = deaths::run(&programs, &model, &options)?,
            Part::TakeUp => report.take_ups = take_up::run(&programs, &model, &options)?,
            Part::Latency => report.latency = Some(latency::run(&programs, &model, &options)?),
        }
        // What has been measured is not lost when the next part fails.
        report.finish(facts::machine()?.load);
        save(&report, &options)?;
    }
    report.print()?;
    Ok(if options.check && report.has_misses() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn save(report: &Report, options: &Options) -> Result<()> {
    let Some(out) = &options.json else { return Ok(()) };
    let json = serde_json::to_string_pretty(report)?;
    std::fs::write(out, json + "\n").with_context(|| format!("could not write {}", out.display()))
}

/// Says on standard error what is going on.
fn progress(what: std::fmt::Arguments<'_>) {
    // Nobody needs it.
    let _ = writeln!(std::io::stderr(), "bench temporal: {what}");
}
