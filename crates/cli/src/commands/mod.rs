//! The commands, one file each.

mod again;
mod answer;
mod budget;
mod chat;
#[cfg(feature = "temporal")]
mod codec_key;
mod config;
mod deliver;
mod demo;
#[cfg(feature = "temporal")]
mod dev_server;
mod doctor;
mod exec;
mod lists;
mod login;
#[cfg(feature = "mcp")]
mod mcp;
mod move_thread;
mod patch;
mod policy;
mod replay;
mod review;
mod sandbox;
mod sessions;
mod show;
mod signals;
mod taking_back;
mod trust;
mod watch;
#[cfg(feature = "temporal")]
mod worker;

pub(crate) use chat::is_command;
#[cfg(feature = "temporal")]
pub(crate) use codec_key::CodecKeyArgs;
pub(crate) use config::ConfigArgs;
#[cfg(feature = "temporal")]
pub(crate) use dev_server::DevServerArgs;
pub(crate) use doctor::DoctorArgs;
#[cfg(feature = "mcp")]
pub(crate) use mcp::McpArgs;
pub(crate) use patch::apply_patch;
pub(crate) use policy::PolicyArgs;
pub(crate) use sandbox::SandboxArgs;
#[cfg(feature = "temporal")]
pub(crate) use worker::WorkerArgs;

use crate::{
    args::{Cli, Command, ExecArgs, ExecResume, Layers, ListArgs, ResumeArgs, RunArgs},
    exit::{Exit, Failure},
    host::{Host, Keeping},
    output,
    settings::Purpose,
};
use ::config::Environment;
use again::Again;
use agent_core::Query;
use clap::CommandFactory;
use signals::until_told_to_end;
use tokio::sync::OnceCell;

/// Runs one command.
pub(crate) async fn run(cli: Cli, environment: Environment) -> Result<Exit, Failure> {
    let Cli { command, run } = cli;
    refuse_options(command.as_ref(), &run)?;
    let environment = &environment;
    let layered =
        |own: &Layers| RunArgs { layers: own.clone().over(run.layers.clone()), ..RunArgs::default() };
    match command {
        None => {
            trust::ask_once(environment, &run)?;
            serve(environment, run, async |host, again| chat::start(host, again).await).await
        }
        Some(Command::Exec(args)) => exec(environment, *args, run).await,
        Some(Command::Resume(args)) => {
            let ResumeArgs { thread, run: own } = *args;
            let run = own.over(run);
            serve(environment, run, async |host, again| chat::resume(host, &thread, again).await).await
        }
        Some(Command::Fork(args)) => {
            let run = layered(&args.layers);
            serve(environment, run, async |host, again| chat::fork(host, args, again).await).await
        }
        Some(Command::Send(args)) => {
            let run = layered(&args.layers);
            serve(environment, run, async |host, again| answer::send(host, args, again).await).await
        }
        Some(Command::Approve(args)) => {
            let run = layered(&args.layers);
            serve(environment, run, async |host, again| answer::approve(host, args, again).await).await
        }
        Some(Command::Deny(args)) => {
            let run = layered(&args.layers);
            serve(environment, run, async |host, again| answer::deny(host, args, again).await).await
        }
        Some(Command::Answer(args)) => {
            let run = layered(&args.layers);
            serve(environment, run, async |host, again| answer::answer(host, args, again).await).await
        }
        Some(Command::Interrupt(args)) => {
            let (run, thread) = (layered(&args.layers), args.thread.as_deref());
            serve(environment, run, async |host, again| answer::interrupt(host, thread, again).await).await
        }
        Some(Command::Review(mut args)) => {
            let run = std::mem::take(&mut args.run).over(run);
            serve(environment, run, async |host, again| review::review(host, *args, again).await).await
        }
        Some(Command::Undo(args)) => {
            let run = layered(&args.layers);
            serve(environment, run, async |host, again| taking_back::undo(host, &args, again).await).await
        }
        Some(Command::Rollback(args)) => {
            let run = layered(&args.layers);
            serve(environment, run, async |host, again| taking_back::rollback(host, &args, again).await).await
        }
        Some(Command::Compact(args)) => {
            let run = layered(&args.layers);
            serve(environment, run, async |host, again| taking_back::compact(host, &args, again).await).await
        }
        Some(Command::Trust(args)) => trust::trust(environment, &args),
        Some(Command::Features(args)) => {
            look(environment, layered(&args.layers), async |host| Ok(lists::features(host, &args))).await
        }
        Some(Command::History(args)) => {
            look(environment, layered(&args.layers), async |host| lists::history(host, &args)).await
        }
        Some(Command::Skills(args)) => list(environment, layered(&args.layers), Query::Skills, &args).await,
        Some(Command::Prompts(args)) => {
            list(environment, layered(&args.layers), Query::CustomPrompts, &args).await
        }
        Some(Command::Models(args)) => list(environment, layered(&args.layers), Query::Models, &args).await,
        Some(Command::Sessions(args)) => {
            let run = layered(&args.layers());
            if args.serves() {
                let work = async |host: &Host, _: &Again| sessions::sessions(host, args).await;
                return serve(environment, run, work).await;
            }
            look(environment, run, async |host| sessions::sessions(host, args).await).await
        }
        Some(Command::Attach(args)) => {
            let (run, thread) = (layered(&args.layers), args.thread.as_deref());
            look(environment, run, async |host| watch::attach(host, thread).await).await
        }
        Some(Command::Status(args)) => {
            let (run, thread) = (layered(&args.layers), args.thread.as_deref());
            look(environment, run, async |host| watch::status(host, thread).await).await
        }
        Some(Command::Approvals(args)) => {
            look(environment, layered(&args.layers), async |host| answer::approvals(host).await).await
        }
        Some(Command::Replay(args)) => {
            let run = layered(&args.layers);
            replay::replay(environment, *args, run).await
        }
        Some(Command::Move(args)) => {
            let run = layered(&args.layers);
            serve(environment, run, async |host, _| move_thread::move_thread(host, &args).await).await
        }
        Some(Command::Config(args)) => config::config(environment, args, run),
        Some(Command::Doctor(args)) => {
            let layers = layered(&args.layers).layers;
            doctor::doctor(environment, &args, layers).await
        }
        Some(Command::Login(args)) => login::login(environment, &args),
        Some(Command::Logout(args)) => login::logout(environment, &args),
        #[cfg(feature = "mcp")]
        Some(Command::Mcp(args)) => mcp::mcp(environment, *args).await,
        Some(Command::Demo(args)) => demo::demo(environment, args).await,
        Some(Command::Sandbox(args)) => sandbox::sandbox(environment, args).await,
        Some(Command::Policy(args)) => policy::policy(environment, args, &run),
        #[cfg(feature = "temporal")]
        Some(Command::Worker(args)) => {
            let host = Host::open(environment, layered(&args.layers), Keeping::Home).await?;
            let exit = worker::worker(&host, *args).await;
            host.close().await;
            exit
        }
        #[cfg(feature = "temporal")]
        Some(Command::DevServer(args)) => dev_server::dev_server(environment, args).await,
        #[cfg(feature = "temporal")]
        Some(Command::CodecKey(args)) => codec_key::codec_key(environment, args),
        Some(Command::ApplyPatch) => apply_patch(),
        Some(Command::Completion { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "everturn", &mut script);
            output::result(String::from_utf8_lossy(&script).trim_end());
            Ok(Exit::Done)
        }
    }
}

/// What is said before a command has to mean something to it.
fn refuse_options(command: Option<&Command>, run: &RunArgs) -> Result<(), Failure> {
    let taken = match command {
        None | Some(Command::Exec(_) | Command::Resume(_) | Command::Review(_) | Command::Config(_)) => {
            run.clone()
        }
        Some(
            Command::Fork(_)
            | Command::Send(_)
            | Command::Approve(_)
            | Command::Deny(_)
            | Command::Answer(_)
            | Command::Interrupt(_)
            | Command::Undo(_)
            | Command::Rollback(_)
            | Command::Compact(_)
            | Command::Features(_)
            | Command::History(_)
            | Command::Skills(_)
            | Command::Prompts(_)
            | Command::Models(_)
            | Command::Sessions(_)
            | Command::Attach(_)
            | Command::Status(_)
            | Command::Approvals(_)
            | Command::Doctor(_)
            | Command::Move(_)
            | Command::Replay(_)
            | Command::Policy(_),
        ) => RunArgs { layers: run.layers.clone(), ..RunArgs::default() },
        Some(_) => RunArgs::default(),
    };
    if taken == *run {
        return Ok(());
    }
    Err(Failure::usage(
        "the options before the command are for a conversation, exec, resume, review and config; the commands for threads that there \
         are, and doctor, take -c and --profile of them, and --backend and what belongs to it; the other commands none",
    ))
}

/// Does what may serve a thread in this process.
async fn serve(
    environment: &Environment,
    run: RunArgs,
    work: impl AsyncFnOnce(&Host, &Again) -> Result<Exit, Failure>,
) -> Result<Exit, Failure> {
    serve_kept(environment, run, Keeping::Home, work).await
}

async fn serve_kept(
    environment: &Environment,
    run: RunArgs,
    keeping: Keeping,
    work: impl AsyncFnOnce(&Host, &Again) -> Result<Exit, Failure>,
) -> Result<Exit, Failure> {
    let opened = OnceCell::new();
    let exit = until_told_to_end(async {
        let host = opened.get_or_try_init(|| Host::open(environment, run.clone(), keeping)).await?;
        let again = Again::new(&run, &host.wishes().loaded.provenance);
        let exit = work(host, &again).await;
        host.close().await;
        exit
    })
    .await;
    if let (Ok(Exit::Terminated | Exit::HungUp), Some(host)) = (&exit, opened.get()) {
        host.abandon().await;
    }
    exit
}

async fn list(
    environment: &Environment,
    run: RunArgs,
    query: Query,
    args: &ListArgs,
) -> Result<Exit, Failure> {
    look(environment, run, async |host| lists::list(host, query, args).await).await
}

/// Does what serves no thread. Signals keep their usual effect: nothing has to be stopped in good order, and what is written
/// may be waited for by a pager.
async fn look(
    environment: &Environment,
    run: RunArgs,
    work: impl AsyncFnOnce(&Host) -> Result<Exit, Failure>,
) -> Result<Exit, Failure> {
    let host = Host::open_for(Purpose::Look, environment, run, Keeping::Home).await?;
    let exit = work(&host).await;
    host.close().await;
    exit
}

async fn exec(environment: &Environment, args: ExecArgs, run: RunArgs) -> Result<Exit, Failure> {
    let ExecArgs { run: own, options, resume, prompt, stdin, ephemeral } = args;
    let run = own.over(run);
    match resume {
        None => {
            let keeping = if ephemeral { Keeping::Nowhere } else { Keeping::Home };
            let prompt = exec::prompt(prompt, stdin.is_some())?;
            serve_kept(environment, run, keeping, async |host, again| {
                exec::exec(host, prompt, &options, keeping, again).await
            })
            .await
        }
        Some(ExecResume::Resume(_)) if ephemeral => Err(Failure::usage(
            "an ephemeral thread is not kept, so there is none to resume; leave out --ephemeral",
        )),
        Some(ExecResume::Resume(resumed)) => {
            let run = resumed.run.clone().over(run);
            let options = resumed.options.clone().over(options);
            let (thread, prompt) = resumed.target();
            let prompt = prompt.map(|text| exec::prompt(Some(text.to_owned()), false)).transpose()?;
            serve(environment, run, async |host, again| {
                exec::resume(host, thread, prompt, &options, again).await
            })
            .await
        }
    }
}
