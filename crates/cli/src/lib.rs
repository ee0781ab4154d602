//! The command line of Everturn: arguments, commands, and what people and programs see.
//!
//! Not here: the loop, models, tools, storage; `host.rs` and `backend` put them together for the commands. It is a library so that
//! tests can build the same program with its kill points armed. Start reading at `main`, then `commands/exec.rs` and
//! `follow.rs`.

mod answering;
mod args;
mod audit;
mod backend;
mod commands;
mod exit;
mod follow;
mod host;
mod items;
mod lines;
#[cfg(feature = "mcp")]
mod mcp;
mod output;
mod owner;
mod providers;
mod retold;
mod router;
mod settings;
#[cfg(feature = "temporal")]
mod temporal_site;
mod tooling;
mod view;

use args::Cli;
use clap::Parser;
use exit::Exit;
use std::{process::ExitCode, time::Duration};

/// Tasks have so long to stop what they run when the process ends.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(2);

/// Runs the program and returns its exit code.
pub fn main() -> ExitCode {
    // This program again, in place of a command that it confines. Nothing may have started before.
    tools::sandbox::serve_launch();
    tools::hear_of_children();
    if called_as("apply_patch") {
        return output::report(commands::apply_patch());
    }
    let cli = Cli::parse();
    let environment = config::Environment::new(std::env::vars_os());
    // The terminal has this thread; what is served, one more. A second one would only hand work back and forth.
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output::report(Err(exit::Failure::new(Exit::Failed, error.to_string()))),
    };
    let result = runtime.block_on(commands::run(cli, environment));
    // A task that was dropped stops its command when it is its turn; that has to have happened.
    runtime.shutdown_timeout(SHUTDOWN_PATIENCE);
    output::report(result)
}

fn called_as(name: &str) -> bool {
    let program = std::env::args_os().next().unwrap_or_default();
    std::path::Path::new(&program).file_stem().is_some_and(|stem| stem == name)
}
