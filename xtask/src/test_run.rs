//! `cargo xtask test`: every test of the workspace, with the runner's own summary as the last thing printed.
//!
//! Doc tests run first because cargo-nextest cannot run them and its summary has to come last. When they fail, the
//! other tests run all the same, and the exit code says so.

use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};

/// What runs the tests that are not doc tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runner {
    /// `cargo nextest run`.
    Nextest,
    /// `cargo test`, where cargo-nextest is not installed.
    CargoTest,
}

/// One invocation of cargo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// For messages.
    pub name: &'static str,
    /// What follows `cargo`.
    pub args: Vec<String>,
}

/// Runs all steps, the last one last even when an earlier one failed; the exit code is that of the first failure.
///
/// # Errors
/// Cargo could not be started. A failing test is not an error but an exit code.
pub fn run_tests(root: &Path, runner_args: &[String]) -> Result<ExitCode> {
    let mut failure = None;
    for step in steps(installed_runner(root), runner_args) {
        note(&format!("{}: cargo {}", step.name, step.args.join(" ")))?;
        let start = Instant::now();
        let status = cargo(root)
            .args(&step.args)
            .status()
            .with_context(|| format!("could not start cargo for the {}", step.name))?;
        // The last step prints its own time; a line after it would hide the summary.
        if step.name == DOC_TESTS {
            let verdict = if status.success() { "passed" } else { "FAILED (the exit code will say so)" };
            note(&format!("{DOC_TESTS}: {verdict} in {} s", start.elapsed().as_secs()))?;
        }
        if !status.success() && failure.is_none() {
            failure = Some(exit_code(status));
        }
    }
    Ok(failure.unwrap_or(ExitCode::SUCCESS))
}

const DOC_TESTS: &str = "doc tests";

/// The invocations of cargo which together run every test once.
pub fn steps(runner: Runner, runner_args: &[String]) -> Vec<Step> {
    let fixed: &[&str] = match runner {
        Runner::Nextest => &["nextest", "run", "--workspace"],
        // Without these four, cargo test would run the doc tests a second time.
        Runner::CargoTest => {
            &["test", "--workspace", "--no-fail-fast", "--lib", "--bins", "--tests", "--examples"]
        }
    };
    let words = |args: &[&str]| args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>();
    let mut args = words(fixed);
    args.extend_from_slice(runner_args);
    vec![
        Step { name: DOC_TESTS, args: words(&["test", "--workspace", "--no-fail-fast", "--doc"]) },
        Step { name: "tests", args },
    ]
}

fn installed_runner(root: &Path) -> Runner {
    let found = cargo(root)
        .args(["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if found { Runner::Nextest } else { Runner::CargoTest }
}

/// Cargo as the user would have started it. `cargo run` sets variables about the package xtask; build scripts which
/// watch them (ring's does) would make each `cargo xtask test` and each plain `cargo build` rebuild what the other built.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(describes_the_running_package) {
            command.env_remove(name);
        }
    }
    command
}

fn describes_the_running_package(variable: &str) -> bool {
    const EXACT: [&str; 7] = [
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_PATH",
        "CARGO_MANIFEST_LINKS",
        "CARGO_CRATE_NAME",
        "CARGO_BIN_NAME",
        "CARGO_PRIMARY_PACKAGE",
        "OUT_DIR",
    ];
    variable.starts_with("CARGO_PKG_") || EXACT.contains(&variable)
}

fn note(text: &str) -> Result<()> {
    let mut err = std::io::stderr().lock();
    writeln!(err, "xtask: {text}")?;
    Ok(err.flush()?)
}

fn exit_code(status: ExitStatus) -> ExitCode {
    // No code means a signal ended it.
    status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}
