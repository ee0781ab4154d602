//! The commands, one file each.

mod answer;
mod chat;
mod config;
mod demo;
mod exec;
mod login;
mod patch;
mod sessions;
mod watch;

pub(crate) use config::ConfigArgs;
pub(crate) use patch::apply_patch;

use crate::{
    args::{Cli, Command, ExecArgs, ExecResume, RunArgs},
    exit::{Exit, Failure},
    host::{Host, Keeping},
    output,
};
use ::config::Environment;
use clap::CommandFactory;

/// Runs one command.
pub(crate) async fn run(cli: Cli, environment: Environment) -> Result<Exit, Failure> {
    let Cli { command, run } = cli;
    let takes_all =
        matches!(command, None | Some(Command::Exec(_) | Command::Resume(_) | Command::Config(_)));
    if !takes_all && run != RunArgs::default() {
        return Err(Failure::usage(
            "the options before the command are for a conversation, exec, resume and config; this command takes none of \
             them",
        ));
    }
    let serve = |run| Host::open(&environment, run, Keeping::Home);
    let host = || serve(RunArgs::default());
    match command {
        None => chat::start(serve(run).await?).await,
        Some(Command::Exec(args)) => exec(&environment, *args, run).await,
        Some(Command::Resume(args)) => chat::resume(serve(args.run.over(run)).await?, &args.thread).await,
        Some(Command::Config(args)) => config::config(&environment, args, run),
        Some(Command::Fork(args)) => chat::fork(host().await?, args).await,
        Some(Command::Sessions(args)) => sessions::sessions(host().await?, args).await,
        Some(Command::Attach(args)) => watch::attach(host().await?, args.thread.as_deref()).await,
        Some(Command::Status(args)) => watch::status(host().await?, args.thread.as_deref()).await,
        Some(Command::Send(args)) => answer::send(host().await?, args).await,
        Some(Command::Approvals) => answer::approvals(host().await?).await,
        Some(Command::Approve(args)) => answer::approve(host().await?, args).await,
        Some(Command::Deny(args)) => answer::deny(host().await?, args).await,
        Some(Command::Interrupt(args)) => answer::interrupt(host().await?, args.thread.as_deref()).await,
        Some(Command::Login(args)) => login::login(&environment, &args),
        Some(Command::Logout(args)) => login::logout(&environment, &args),
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

async fn exec(environment: &Environment, args: ExecArgs, run: RunArgs) -> Result<Exit, Failure> {
    let ExecArgs { run: own, options, resume, prompt, stdin, ephemeral } = args;
    let run = own.over(run);
    match resume {
        None => {
            let keeping = if ephemeral { Keeping::Nowhere } else { Keeping::Home };
            let prompt = exec::prompt(prompt, stdin.is_some())?;
            exec::exec(Host::open(environment, run, keeping).await?, prompt, &options).await
        }
        Some(ExecResume::Resume(_)) if ephemeral => Err(Failure::usage(
            "an ephemeral thread is not kept, so there is none to resume; leave out --ephemeral",
        )),
        Some(ExecResume::Resume(resumed)) => {
            let run = resumed.run.clone().over(run);
            let options = resumed.options.clone().over(options);
            exec::resume(Host::open(environment, run, Keeping::Home).await?, &resumed, &options).await
        }
    }
}
