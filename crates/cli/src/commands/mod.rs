//! The commands, one file each.

mod answer;
mod chat;
mod demo;
mod exec;
mod patch;
mod sessions;
mod watch;

pub(crate) use patch::apply_patch;

use crate::{
    args::{Cli, Command},
    exit::{Exit, Failure},
    host::Host,
    output,
};
use clap::CommandFactory;
use config::Environment;

/// Runs one command.
pub(crate) async fn run(cli: Cli, environment: Environment) -> Result<Exit, Failure> {
    let run = cli.run;
    let serve = |power_safe| Host::open(&environment, power_safe);
    let host = || serve(false);
    match cli.command {
        None => chat::start(serve(run.power_safe).await?, &run).await,
        Some(Command::Exec(args)) => exec::exec(serve(args.power_safe()).await?, args).await,
        Some(Command::Resume(args)) => chat::resume(serve(args.run.power_safe).await?, &args).await,
        Some(Command::Fork(args)) => chat::fork(host().await?, args).await,
        Some(Command::Sessions(args)) => sessions::sessions(host().await?, args).await,
        Some(Command::Attach(args)) => watch::attach(host().await?, args.thread.as_deref()).await,
        Some(Command::Status(args)) => watch::status(host().await?, args.thread.as_deref()).await,
        Some(Command::Send(args)) => answer::send(host().await?, args).await,
        Some(Command::Approvals) => answer::approvals(host().await?).await,
        Some(Command::Approve(args)) => answer::approve(host().await?, args).await,
        Some(Command::Deny(args)) => answer::deny(host().await?, args).await,
        Some(Command::Interrupt(args)) => answer::interrupt(host().await?, args.thread.as_deref()).await,
        Some(Command::Demo(args)) => demo::demo(&environment, args).await,
        Some(Command::ApplyPatch) => apply_patch(),
        Some(Command::Completion { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "everturn", &mut script);
            output::result(String::from_utf8_lossy(&script).trim_end());
            Ok(Exit::Done)
        }
    }
}
