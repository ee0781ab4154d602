//! `everturn sandbox`: any command in the sandbox, as an agent's commands run in it.

use crate::{
    args::RunArgs,
    exit::{Exit, Failure},
    output,
    settings::Wishes,
    tooling,
};
use agent_core::{NetworkAccess, SandboxPolicy};
use clap::{Args, ValueEnum};
use config::{Environment, Home};
use std::{
    collections::VecDeque,
    io::{IsTerminal, Read, Write},
    path::{Path, PathBuf},
    process::{ChildStderr, ExitStatus, Stdio},
};
use tokio::signal::unix::{SignalKind, signal};
use tools::sandbox::{Confinement, Launch, Report, Support, denial};

/// So much of the end of what a command writes to standard error is looked at.
const LOOKED_AT_BYTES: usize = 16 * 1024;

/// What `--help` says below the options.
const ABOUT: &str = "\
Everything the system can refuse is refused to the command and to all that it starts: writing outside of the directory and of
--add-dir, writing to .git and .everturn inside of them, the network, other processes; and reading
the keys that `sandbox.unreadable` names. Variables with keys are left out as for an agent's commands. When it ends, nothing of it goes on.
Temporary files belong into $TMPDIR, which is the command's own. docs/security.md has the details.

Exits with the command's code; 126 where it could not be confined and did not run, 127 where there is no such program, 128 and
the signal's number where a signal ended it.

Examples:
  everturn sandbox -- cargo test
  everturn sandbox --sandbox read-only -- ./untrusted-script.sh
  everturn sandbox --network --add-dir ~/.cargo -- cargo fetch
  everturn sandbox -- bash                    look around in it";

/// What a command in the sandbox may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Confining {
    /// Nothing.
    ReadOnly,
    /// Files below the directory it runs in.
    WorkspaceWrite,
}

/// The options of `everturn sandbox`.
#[derive(Debug, Args)]
#[command(after_help = ABOUT)]
pub(crate) struct SandboxArgs {
    /// What may be changed.
    #[arg(long, short = 's', value_enum, default_value = "workspace-write")]
    sandbox: Confining,
    /// Let it reach the network.
    #[arg(long)]
    network: bool,
    /// Another directory that may be changed; may be given several times.
    #[arg(long, value_name = "DIR")]
    add_dir: Vec<PathBuf>,
    /// The directory to run in [default: the current one].
    #[arg(long, short = 'C', value_name = "DIR")]
    cd: Option<PathBuf>,
    /// The program and its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Runs the command. Returns only where it did not run.
pub(crate) async fn sandbox(environment: &Environment, args: SandboxArgs) -> Result<Exit, Failure> {
    if args.sandbox == Confining::ReadOnly && (args.network || !args.add_dir.is_empty()) {
        return Err(Failure::usage(
            "--network and --add-dir are for --sandbox workspace-write: the read-only sandbox changes nothing and reaches \
             nothing",
        ));
    }
    let home = Home::open(environment).map_err(|error| Failure::backend(&error))?;
    let loaded = Wishes::look(environment, home.root(), &RunArgs::default())
        .map_err(|error| Failure::usage(error.to_string()))?;
    let config = tooling::sandbox(&loaded.config, environment, (home.root(), home.root()));
    let surroundings = tooling::environment_of_programs(&loaded.config, environment);
    let policy = policy(&args)?;
    let cwd = directory(args.cd.as_deref().unwrap_or(Path::new(".")))?;
    let confinement =
        Confinement::of(&policy, &cwd, &config).map_err(|error| Failure::usage(error.to_string()))?;
    let refused = |error: std::io::Error| Failure::new(Exit::Failed, format!("not run: {error}"));
    let program = args.command.first().cloned().unwrap_or_default();
    let launch = Launch::confined(&confinement, &config.helper, &Support::detect(&config), args.command)
        .map_err(refused)?;
    let (mut command, report) = launch.into_command(&surroundings).map_err(refused)?;
    // A program that talks to a terminal has to have it; what others say of an error is read on its way.
    let stderr = if std::io::stderr().is_terminal() { Stdio::inherit() } else { Stdio::piped() };
    let mut child = command.current_dir(&cwd).stderr(stderr).spawn().map_err(refused)?;
    let reader = child.stderr.take().map(|stderr| std::thread::spawn(move || passed_on(stderr)));
    let status = wait(&mut child).await.map_err(refused)?;
    let said = reader.and_then(|reader| reader.join().ok());
    explain(
        &program,
        status,
        said.as_deref(),
        &report.map(|report| report.read()).unwrap_or_default(),
        &policy,
    );
    std::process::exit(code(status));
}

fn policy(args: &SandboxArgs) -> Result<SandboxPolicy, Failure> {
    Ok(match args.sandbox {
        Confining::ReadOnly => SandboxPolicy::ReadOnly,
        Confining::WorkspaceWrite => SandboxPolicy::WorkspaceWrite {
            writable_roots: args
                .add_dir
                .iter()
                .map(|path| Ok(directory(path)?.to_string_lossy().into_owned()))
                .collect::<Result<_, Failure>>()?,
            network: if args.network { NetworkAccess::On } else { NetworkAccess::Off },
        },
    })
}

fn directory(path: &Path) -> Result<PathBuf, Failure> {
    match path.canonicalize() {
        Ok(found) if found.is_dir() => Ok(found),
        Ok(_) => Err(Failure::usage(format!("{} is not a directory", path.display()))),
        Err(error) => Err(Failure::usage(format!("{} cannot be used: {error}", path.display()))),
    }
}

/// Waits for the child. What a terminal sends reaches it by itself; what somebody sends to this process, through this process.
async fn wait(child: &mut std::process::Child) -> std::io::Result<ExitStatus> {
    let mut ended = signal(SignalKind::child())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut quit = signal(SignalKind::quit())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let pid = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
    let forward = |signal| pid.map(|pid| rustix::process::kill_process(pid, signal));
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        tokio::select! {
            _ = ended.recv() => {}
            _ = interrupt.recv() => {}
            _ = quit.recv() => {}
            _ = terminate.recv() => { forward(rustix::process::Signal::TERM); }
            _ = hangup.recv() => { forward(rustix::process::Signal::HUP); }
        }
    }
}

/// Passes on what the command says to standard error, and returns the end of it.
fn passed_on(mut from: ChildStderr) -> String {
    let mut kept = VecDeque::new();
    let mut buffer = [0; 4 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let bytes = buffer.get(..count).unwrap_or_default();
        // Nobody may be there to read it.
        let _ = std::io::stderr().write_all(bytes);
        kept.extend(bytes);
        let old = kept.len().saturating_sub(LOOKED_AT_BYTES);
        kept.drain(..old);
    }
    String::from_utf8_lossy(kept.make_contiguous()).into_owned()
}

/// Says on standard error what the sandbox has to do with how the command ended.
fn explain(program: &str, status: ExitStatus, said: Option<&str>, report: &Report, policy: &SandboxPolicy) {
    if let Some(why) = report.not_run(program) {
        output::remark(&format!("sandbox: {why}"));
        return;
    }
    for remark in report.remarks() {
        output::remark(&format!("sandbox: {remark}"));
    }
    let looks_denied = said.and_then(|said| denial(said, status.code()));
    // What a terminal was told is not known here.
    let may_be_denied = !status.success() && said.is_none_or(|said| !said.trim().is_empty());
    if let Some(how) = looks_denied {
        output::remark(&format!("sandbox: it looks as if {how}"));
    }
    if may_be_denied {
        output::remark(&format!("sandbox: {}", told(policy)));
    }
}

/// A policy and how to widen it, on one line.
fn told(policy: &SandboxPolicy) -> String {
    match policy {
        SandboxPolicy::WorkspaceWrite { writable_roots, network } => {
            let more = if writable_roots.is_empty() {
                String::new()
            } else {
                format!(" and {}", writable_roots.join(", "))
            };
            let network = match network {
                NetworkAccess::Off => "the network was off (--network switches it on)",
                NetworkAccess::On => "the network was on",
            };
            format!(
                "writable was the directory{more} (--add-dir adds one), but for .git and .everturn; {network}"
            )
        }
        _ => "nothing was writable and the network was off (--sandbox workspace-write opens the directory)"
            .to_owned(),
    }
}

fn code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1)
}
