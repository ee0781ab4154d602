//! `exec_command` and `shell`: run a command.
//!
//! `exec_command` takes a line for the user's shell: `/bin/bash -c` where there is a bash, else `/bin/sh -c`. It is not a
//! login shell: profiles are not read, they would undo the environment policy. `shell` takes a list of arguments and starts
//! the program itself. Neither has a terminal; standard input is `/dev/null`.
//!
//! A call of `apply_patch` with a here-document, which models like to write into a shell, is taken for what it is.

mod class;
mod dangerous;
mod invocation;
mod process;
mod supervision;

use crate::{
    apply_patch,
    arguments::{Field, Need, Shape, schema},
    tool::{Host, Tool, failed},
};
use agent_core::{
    Access, Class, Containment, Preparation, PrepareRequest, Repeat, SandboxPolicy, Subject, ToolAnswer,
    ToolKind, ToolRequest, ToolSpec, Verdict,
};
use async_trait::async_trait;
use class::classify;
use invocation::Invocation;
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
     processes are stopped at the time limit.";
const EXEC_COMMAND_FIELDS: &[Field] = &[
    Field {
        name: "cmd",
        about: "The line, for example `cargo test 2>&1 | tail -n 20`.",
        shape: Shape::Text,
        need: Need::Required,
    },
    WORKDIR,
    TIMEOUT,
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
    ToolSpec { name: name.to_owned(), description: about.to_owned(), kind }
}

async fn prepare(
    host: &Host,
    request: &PrepareRequest,
    invocation: Invocation,
) -> Result<Preparation, String> {
    let (argv, cwd, timeout_ms) = match invocation {
        Invocation::Patch { text, cwd } => return apply_patch::prepare(host, request, text, cwd).await,
        Invocation::Command { argv, cwd, timeout_ms } => (argv, cwd, timeout_ms),
    };
    host.ready_to_run(&request.key);
    let class = classify(&argv);
    let (access, repeat) = match class {
        Class::Safe => (Access::ReadOnly, Repeat::Safe),
        _ => (Access::Mutating, Repeat::Never),
    };
    // Nothing holds a command yet, so it needs full access or a yes, even where it looks safe.
    let containment = match &request.sandbox {
        SandboxPolicy::DangerFullAccess => Containment::Contained,
        _ => Containment::Uncontained { reason: "this build has no sandbox for commands yet".to_owned() },
    };
    Ok(Preparation {
        access,
        repeat,
        class,
        verdict: Verdict::Silent,
        containment,
        digest: host.digest(request, &argv, &cwd),
        subject: Subject::Command { command: argv, cwd },
        timeout_ms,
        justification: None,
    })
}

async fn run(
    host: &Host,
    request: &ToolRequest,
    stop: &CancellationToken,
    invocation: Result<Invocation, String>,
) -> ToolAnswer {
    match invocation {
        Err(message) => failed(message),
        Ok(Invocation::Patch { text, cwd }) => apply_patch::run(host, request, stop, text, cwd).await,
        Ok(Invocation::Command { argv, cwd, .. }) => supervision::run(host, request, stop, argv, cwd).await,
    }
}
