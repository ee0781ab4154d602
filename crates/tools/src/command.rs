//! `exec_command` and `shell`: run a command.
//!
//! `exec_command` takes a line for the user's shell: `/bin/bash -c` where there is a bash, else `/bin/sh -c`. It is not a
//! login shell: profiles are not read, they would undo the environment policy. `shell` takes a list of arguments and starts
//! the program itself. Neither has a terminal; standard input is `/dev/null`. With `tty` or `yield_time_ms` a line becomes a
//! session, which may have a terminal and goes on after its call: see `session.rs`.
//!
//! A call of `apply_patch` with a here-document, which models like to write into a shell, is taken for what it is.

mod class;
pub(crate) mod dangerous;
mod escalation;
mod invocation;
mod process;
mod supervision;

use crate::{
    apply_patch,
    arguments::{Field, Need, Shape, schema},
    policy, session,
    tool::{Host, Tool, failed},
};
use agent_core::{
    Access, Class, Containment, Preparation, PrepareRequest, Repeat, SandboxPolicy, Subject, ToolAnswer,
    ToolKind, ToolRequest, ToolSpec, Verdict,
};
use async_trait::async_trait;
pub(crate) use class::{Assessment, assess, is_line_for_shell};
use invocation::Invocation;
pub(crate) use process::directory_fault;
use std::{path::Path, sync::Arc};
pub(crate) use supervision::signal_name;
use tokio_util::sync::CancellationToken;

/// How long a command may run when the call does not say.
pub const DEFAULT_TIMEOUT_MS: u64 = 120_000;
/// How long a command may run at most.
pub const MAX_TIMEOUT_MS: u64 = 3_600_000;

const WORKDIR: Field = Field {
    name: "workdir",
    about: "Where it runs. Relative to the working directory, which is the default.",
    shape: Shape::Text,
    need: Need::Optional,
};
const TIMEOUT: Field = Field {
    name: "timeout_ms",
    about: "When it is stopped, in milliseconds. 120000 by default, 3600000 at most.",
    shape: Shape::Whole { min: 1, max: MAX_TIMEOUT_MS },
    need: Need::Optional,
};

const EXEC_COMMAND: &str = "exec_command";
const EXEC_COMMAND_ABOUT: &str = "Runs a line in the shell (bash where there is one, no login shell, no terminal, no input) and \
     returns its output, standard output and error together. Long output is cut in the middle. The command and all its \
     processes are stopped at the time limit. With `tty` or `yield_time_ms` it may go on when the call is over, as a session \
     for `write_stdin`.";
const EXEC_COMMAND_FIELDS: &[Field] = &[
    Field {
        name: "cmd",
        about: "The line, for example `cargo test 2>&1 | tail -n 20`.",
        shape: Shape::Text,
        need: Need::Required,
    },
    WORKDIR,
    TIMEOUT,
    escalation::PERMISSIONS,
    escalation::JUSTIFICATION,
    session::TTY,
    session::YIELD,
    session::ROWS,
    session::COLS,
];

const SHELL: &str = "shell";
const SHELL_ABOUT: &str = "Runs a program with arguments, without a shell, a terminal or input, and returns its output, standard \
                           output and error together. For pipes, globs and variables use `exec_command`, or \
                           [\"bash\", \"-c\", \"…\"].";
const SHELL_FIELDS: &[Field] = &[
    Field {
        name: "command",
        about: "The program and its arguments, one string each.",
        shape: Shape::Texts,
        need: Need::Required,
    },
    WORKDIR,
    TIMEOUT,
    escalation::PERMISSIONS,
    escalation::JUSTIFICATION,
];

/// The tool that takes a line.
pub(crate) struct ExecCommand;

/// The tool that takes a list.
pub(crate) struct Shell;

#[async_trait]
impl Tool for ExecCommand {
    fn spec(&self) -> ToolSpec {
        spec(EXEC_COMMAND, EXEC_COMMAND_ABOUT, EXEC_COMMAND_FIELDS)
    }

    async fn prepare(&self, host: &Host, request: &PrepareRequest) -> Result<Preparation, String> {
        prepare(host, request, Invocation::of_line(request.call.payload.text(), &request.cwd)?).await
    }

    async fn run(&self, host: &Host, request: &ToolRequest, stop: &CancellationToken) -> ToolAnswer {
        run(host, request, stop, Invocation::of_line(request.call.payload.text(), &request.cwd)).await
    }
}

#[async_trait]
impl Tool for Shell {
    fn spec(&self) -> ToolSpec {
        spec(SHELL, SHELL_ABOUT, SHELL_FIELDS)
    }

    async fn prepare(&self, host: &Host, request: &PrepareRequest) -> Result<Preparation, String> {
        prepare(host, request, Invocation::of_list(request.call.payload.text(), &request.cwd)?).await
    }

    async fn run(&self, host: &Host, request: &ToolRequest, stop: &CancellationToken) -> ToolAnswer {
        run(host, request, stop, Invocation::of_list(request.call.payload.text(), &request.cwd)).await
    }
}

fn spec(name: &str, about: &str, fields: &[Field]) -> ToolSpec {
    let kind = ToolKind::Function { parameters: schema(fields) };
    ToolSpec::new(name, about, kind)
}

async fn prepare(
    host: &Host,
    request: &PrepareRequest,
    invocation: Invocation,
) -> Result<Preparation, String> {
    let (argv, cwd, timeout_ms, session, justification) = match invocation {
        Invocation::Patch { text, cwd } => return apply_patch::prepare(host, request, text, cwd).await,
        Invocation::Command { argv, cwd, timeout_ms, session, justification } => {
            (argv, cwd, timeout_ms, session, justification)
        }
    };
    host.ready_to_run(&request.key);
    let (assessment, verdict) = judged(host, request, &argv, &cwd, policy::judge).await?;
    let class = match (assessment.class, session) {
        // With a terminal it may start a pager, which starts anything.
        (Class::Safe, Some(opening)) if opening.stream != session::Stream::Pipe => Class::Ordinary,
        (class, _) => class,
    };
    let (access, repeat) = match class {
        Class::Safe if session.is_none() => (Access::ReadOnly, Repeat::Safe),
        _ => (Access::Mutating, Repeat::Never),
    };
    let containment = containment(host, request).await;
    // What was approved inside of the sandbox is not approved outside. No argument holds a zero, so no command looks like this.
    let escalated = justification.as_ref().map(|_| "\0escalated".to_owned());
    let named: Vec<String> = argv.iter().cloned().chain(escalated).collect();
    Ok(Preparation {
        access,
        repeat,
        class,
        amendment: policy::offer(&assessment, &verdict),
        verdict,
        containment,
        digest: host.digest(request, &named, &cwd),
        subject: Subject::Command { command: argv, cwd },
        // A session's call is over long before its command.
        timeout_ms: session.map_or(timeout_ms, |opening| opening.yield_ms),
        justification,
    })
}

/// What a command looks like, and what the rules say of it. Both read files.
async fn judged(
    host: &Host,
    request: &PrepareRequest,
    argv: &[String],
    cwd: &str,
    judge: fn(&policy::Policy, &Assessment) -> Verdict,
) -> Result<(Assessment, Verdict), String> {
    let (rules, argv) = (Arc::clone(&host.rules), argv.to_vec());
    let (root, cwd) = (request.cwd.clone(), cwd.to_owned());
    let judging = tokio::task::spawn_blocking(move || {
        let mut assessment = assess(&argv);
        assessment.settle(Path::new(&root), Path::new(&cwd));
        let verdict = judge(&rules.read(), &assessment);
        (assessment, verdict)
    });
    judging
        .await
        .map_err(|error| format!("What this command does cannot be looked up: {error}. It did not run."))
}

/// What is known of a line that is typed into a program, which may be a shell: whether it would be dangerous there, and what
/// the rules forbid or want asked of it. Nothing typed is known to be safe, and no rule allows it.
pub(crate) async fn typed_line(
    host: &Host,
    request: &PrepareRequest,
    line: &str,
) -> Result<(Class, Verdict), String> {
    let argv = ["/bin/sh".to_owned(), "-c".to_owned(), line.to_owned()];
    let (assessment, verdict) = judged(host, request, &argv, &request.cwd, policy::judge_certain).await?;
    let class = if assessment.class == Class::Dangerous { Class::Dangerous } else { Class::Ordinary };
    let verdict = if matches!(verdict, Verdict::Allow { .. }) { Verdict::Silent } else { verdict };
    Ok((class, verdict))
}

/// Whether the sandbox can hold a command to the policy here.
async fn containment(host: &Host, request: &PrepareRequest) -> Containment {
    if request.sandbox == SandboxPolicy::DangerFullAccess {
        return Containment::Contained;
    }
    let (sandbox, policy, root) = (Arc::clone(&host.sandbox), request.sandbox.clone(), request.cwd.clone());
    let refusal = tokio::task::spawn_blocking(move || sandbox.refusal(&policy, Path::new(&root))).await;
    match refusal.unwrap_or_else(|error| Some(format!("the sandbox cannot be looked at: {error}"))) {
        None => Containment::Contained,
        Some(reason) => Containment::Uncontained { reason },
    }
}

/// Whether a command that nobody was asked about would now find a repository that the agent may have made. All calls of a step are
/// prepared before the first of them runs, and sessions run meanwhile.
async fn distrusts_git(request: &ToolRequest, argv: &[String], cwd: &str) -> bool {
    let preparation = &request.preparation;
    if !matches!(preparation.verdict, Verdict::Allow { .. }) && preparation.class != Class::Safe {
        return false;
    }
    let (argv, root, cwd) = (argv.to_vec(), request.cwd.clone(), cwd.to_owned());
    let looking = tokio::task::spawn_blocking(move || {
        let mut assessment = assess(&argv);
        assessment.settle(Path::new(&root), Path::new(&cwd));
        assessment.trusts_git
    });
    !looking.await.unwrap_or(false)
}

async fn run(
    host: &Host,
    request: &ToolRequest,
    stop: &CancellationToken,
    invocation: Result<Invocation, String>,
) -> ToolAnswer {
    if let Ok(Invocation::Command { argv, cwd, .. }) = &invocation
        && distrusts_git(request, argv, cwd).await
    {
        return failed(format!(
            "The command did not run: what git finds in {cwd} is not the repository the thread works in; it was when the call was \
             prepared. Call it again, so that the user can be asked."
        ));
    }
    match invocation {
        Err(message) => failed(message),
        Ok(Invocation::Patch { text, cwd }) => apply_patch::run(host, request, stop, text, cwd).await,
        Ok(Invocation::Command { argv, cwd, session: Some(opening), .. }) => {
            session::open(host, request, stop, session::Command { argv, cwd, opening }).await
        }
        Ok(Invocation::Command { argv, cwd, .. }) => supervision::run(host, request, stop, argv, cwd).await,
    }
}
