//! The command line of the chores: `cargo xtask tidy`, `cargo xtask test [-- ARGS]`, `cargo xtask gen`,
//! `cargo xtask bench local`, `cargo xtask bench temporal`.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use xtask::{CHECKS, Tree, generate, repository_root, run_bench, run_tests, stale, tidy};

const USAGE: &str = "\
usage: cargo xtask <command>

  tidy             check the rules of the repository; exit 1 when one is broken
  test [-- ARGS]   run every test of the workspace; ARGS go to the test runner
  gen [--check]    write what is made from code; --check only says what is stale and exits 1
  bench local      measure the program; `bench local --help` lists the options
  bench temporal   measure threads on Temporal; the same
";

/// The conventional exit code for a command line that cannot be understood.
const USAGE_ERROR: u8 = 2;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&args) {
        Ok(code) => code,
        Err(error) => {
            // Nothing is left to be done when stderr is closed.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &[String]) -> Result<ExitCode> {
    match args {
        [command] if command == "tidy" => run_tidy(),
        [command] if command == "test" => run_tests(&repository_root(), &[]),
        [command, dashes, rest @ ..] if command == "test" && dashes == "--" => {
            run_tests(&repository_root(), rest)
        }
        [command] if command == "gen" => {
            report("written", &generate(&repository_root())?)?;
            Ok(ExitCode::SUCCESS)
        }
        [command, flag] if command == "gen" && flag == "--check" => {
            let stale = stale(&repository_root())?;
            report("stale, run `cargo xtask gen`", &stale)?;
            Ok(if stale.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        [command, rest @ ..] if command == "bench" => run_bench(&repository_root(), rest),
        [flag] if matches!(flag.as_str(), "help" | "--help" | "-h") => {
            write!(std::io::stdout(), "{USAGE}")?;
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            write!(std::io::stderr(), "{USAGE}")?;
            Ok(ExitCode::from(USAGE_ERROR))
        }
    }
}

/// A line for each file.
fn report(what: &str, files: &[&str]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    files.iter().try_for_each(|file| writeln!(out, "{what}: {file}"))?;
    Ok(())
}

fn run_tidy() -> Result<ExitCode> {
    let tree = Tree::at(&repository_root())?;
    let findings = tidy(&tree)?;
    let mut out = std::io::stdout().lock();
    for finding in &findings {
        writeln!(out, "{finding}")?;
    }
    writeln!(out, "tidy: {} checks, {} files, {} findings", CHECKS.len(), tree.len(), findings.len())?;
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
