//! `cargo xtask bench local`: what a step costs, beside a peer if wanted, against the targets. `cargo xtask bench temporal`
//! is in `temporal.rs`.
//!
//! The model is [`Server`], in a process of its own, so that its work is nobody's cost here: it answers every request at
//! once with the next call of the plan that the url names. A run is one process of the measured program from its start to
//! its end ([`measure`]). The runs of all programs and sizes take turns, so that a slow minute of the machine hits all of
//! them. What is measured inside a process, such as the way of a delta from the socket to a reader, is measured by the
//! example `bench_host` of the crate `local-backend`, which is a host of the library.
//!
//! Start reading at [`run_bench`], then `steps.rs`.

mod build;
mod clock;
mod facts;
mod floor;
mod home;
mod host;
mod interrupt;
mod length;
mod measure;
mod model_process;
mod options;
mod plan;
mod report;
mod server;
mod statistics;
mod steps;
mod subject;
mod table;
mod targets;
mod temporal;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};

pub use options::{Options, Part, UsageError};
pub use plan::{Plan, Work};
pub use report::Report;
pub use server::{Exchange, Server};
pub use statistics::{Line, line_through, median, percentile};
pub use table::Table;
pub use targets::{Target, Verdict, judge};

use model_process::ModelProcess;

/// Runs what `cargo xtask bench` was asked for.
///
/// # Errors
/// A program could not be built, started or understood; what it measured so far is lost then.
pub fn run_bench(root: &Path, args: &[String]) -> Result<ExitCode> {
    match args {
        [command] if command == model_process::SERVE => {
            model_process::serve()?;
            Ok(ExitCode::SUCCESS)
        }
        [command, .., flag] if command == "temporal" && matches!(flag.as_str(), "--help" | "-h") => {
            write!(std::io::stdout(), "{}", temporal::USAGE)?;
            Ok(ExitCode::SUCCESS)
        }
        [.., flag] if matches!(flag.as_str(), "--help" | "-h") => {
            write!(std::io::stdout(), "{}", options::USAGE)?;
            Ok(ExitCode::SUCCESS)
        }
        [command, rest @ ..] if command == "local" => match Options::parse(rest) {
            Ok(options) => local(root, &options),
            Err(error) => usage(&error),
        },
        [command, rest @ ..] if command == "temporal" => temporal::run(root, rest),
        _ => {
            usage(&UsageError::new("bench needs to know what to measure: `bench local` or `bench temporal`"))
        }
    }
}

fn usage(error: &UsageError) -> Result<ExitCode> {
    /// The conventional exit code for a command line that cannot be understood.
    const USAGE_ERROR: u8 = 2;
    write!(std::io::stderr(), "{error}")?;
    Ok(ExitCode::from(USAGE_ERROR))
}

fn local(root: &Path, options: &Options) -> Result<ExitCode> {
    let subjects = subject::subjects(root, options)?;
    let model = ModelProcess::start()?;
    let mut report = Report::new(facts::machine()?, facts::commit(root), options, &subjects);
    if options.wants(Part::Steps) {
        report.steps = Some(steps::run(&model, &subjects, options)?);
    }
    let subjects: Vec<_> = subjects.into_iter().filter(|subject| !subject.is_sandboxed()).collect();
    if options.wants(Part::Length) {
        report.length = Some(length::run(&model, &subjects, options, root)?);
    }
    if options.wants(Part::Delta) {
        report.delta = Some(host::deltas(&model, root)?);
    }
    if options.wants(Part::Interrupt) {
        report.interrupts = interrupt::run(&model, &subjects, options)?;
    }
    report.judge();
    table::print(&report)?;
    if let Some(out) = &options.out {
        let json = serde_json::to_string_pretty(&report)?;
        std::fs::write(out, json + "\n").with_context(|| format!("could not write {}", out.display()))?;
    }
    Ok(if options.check && report.has_misses() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
