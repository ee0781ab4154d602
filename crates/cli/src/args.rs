//! The command line: what can be typed, and what `--help` teaches.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// A coding agent that survives the death of its process.
///
/// Without a command, `everturn` is a conversation about the current directory. Threads are kept in ~/.everturn and can
/// be resumed after any crash.
#[derive(Debug, Parser)]
#[command(
    name = "everturn",
    version,
    max_term_width = 100,
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

const EXAMPLES: &str = "\
Examples:
  everturn demo                          watch it work, without a key
  everturn exec \"why does the build fail?\"
  everturn exec --sandbox danger-full-access \"run the tests and fix what fails\"
  git diff | everturn exec \"review this\" -
  everturn resume --last

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 waiting for an answer, 4 budget spent, 5 storage or backend failed,
130 interrupted.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Do one task without a conversation, then exit.
    Exec(ExecArgs),
    /// Go on with a thread, in a conversation. A turn that was running goes on first.
    Resume(ResumeArgs),
    /// Start a new thread from the past of another one.
    Fork(ForkArgs),
    /// List, rename, delete or export threads.
    Sessions(SessionsArgs),
    /// Watch a thread, running or resting, from this terminal.
    Attach(ThreadArg),
    /// Say something to a thread.
    Send(SendArgs),
    /// List the questions that wait for an answer.
    Approvals,
    /// Say yes to a question.
    Approve(ApproveArgs),
    /// Say no to a question; the turn goes on.
    Deny(DenyArgs),
    /// Stop the turn a thread is running.
    Interrupt(ThreadArg),
    /// What a thread is doing.
    Status(ThreadArg),
    /// Watch the agent fix a small broken project; only the model's words are scripted.
    Demo(DemoArgs),
    /// Apply a patch from standard input in the current directory.
    ApplyPatch,
    /// Print a completion script for a shell.
    Completion {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// How a thread runs.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct RunArgs {
    /// The model [default: EVERTURN_MODEL, else gpt-5].
    #[arg(long, short = 'm')]
    pub(crate) model: Option<String>,
    /// Answers come from this TOML file instead of a model.
    #[arg(long, value_name = "FILE", conflicts_with = "model")]
    pub(crate) script: Option<PathBuf>,
    /// What may be touched. Commands have no sandbox yet: they run with danger-full-access or after an approval.
    #[arg(long, short = 's', value_enum)]
    pub(crate) sandbox: Option<Sandbox>,
    /// When you are asked first [default: on-request in a conversation, never in exec].
    #[arg(long, short = 'a', value_enum)]
    pub(crate) approval: Option<Approval>,
    /// The directory to work in [default: the current one].
    #[arg(long, short = 'C', value_name = "DIR")]
    pub(crate) cd: Option<PathBuf>,
    /// Also survive power loss, not only the death of the process; every step waits for the disk.
    #[arg(long)]
    pub(crate) power_safe: bool,
    /// Stop the thread after so many tokens.
    #[arg(long, value_name = "N")]
    pub(crate) max_tokens: Option<u64>,
    /// Stop the thread after so many tool calls.
    #[arg(long, value_name = "N")]
    pub(crate) max_tool_calls: Option<u64>,
}

impl RunArgs {
    /// These, and where they say nothing, the others.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            model: self.model.or(other.model),
            script: self.script.or(other.script),
            sandbox: self.sandbox.or(other.sandbox),
            approval: self.approval.or(other.approval),
            cd: self.cd.or(other.cd),
            power_safe: self.power_safe || other.power_safe,
            max_tokens: self.max_tokens.or(other.max_tokens),
            max_tool_calls: self.max_tool_calls.or(other.max_tool_calls),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sandbox {
    /// Nothing may be changed.
    ReadOnly,
    /// Files below the working directory may be changed.
    WorkspaceWrite,
    /// Everything you may touch, commands included.
    DangerFullAccess,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Approval {
    /// Ask for everything not known to be safe.
    Untrusted,
    /// Ask when something fails in the sandbox.
    OnFailure,
    /// Ask for what the sandbox does not allow.
    OnRequest,
    /// Never ask; refuse instead.
    Never,
}

#[derive(Debug, Args)]
pub(crate) struct ExecArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(subcommand)]
    pub(crate) resume: Option<ExecResume>,
    /// What to do. `-`, or nothing while standard input is not a terminal, reads it from there; given both, the input is
    /// added to the prompt.
    pub(crate) prompt: Option<String>,
    /// Read more of the prompt from standard input.
    #[arg(value_name = "-", value_parser = ["-"])]
    pub(crate) stdin: Option<String>,
    /// One JSON event a line on standard output.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ExecResume {
    /// Go on with a thread: first the turn that was running, then a new prompt, if any.
    Resume {
        #[command(flatten)]
        thread: WhichThread,
        #[command(flatten)]
        run: Box<RunArgs>,
        /// What to do next. While the thread waits for an answer, it is heard after that.
        #[arg(long, short = 'p')]
        prompt: Option<String>,
    },
}

/// A thread, or the last one.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct WhichThread {
    /// The thread's id, or the end or beginning of it.
    #[arg(value_name = "THREAD")]
    pub(crate) id: Option<String>,
    /// The thread that was used last.
    #[arg(long)]
    pub(crate) last: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    pub(crate) thread: WhichThread,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ForkArgs {
    #[command(flatten)]
    pub(crate) thread: WhichThread,
    /// Fork after this turn [default: the last one that ended].
    #[arg(long, value_name = "N")]
    pub(crate) turn: Option<u32>,
    /// Only make the fork and print its id.
    #[arg(long)]
    pub(crate) no_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ThreadArg {
    /// The thread's id, or the end or beginning of it [default: the thread that was used last].
    pub(crate) thread: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    /// The thread's id, or the end or beginning of it.
    pub(crate) thread: String,
    /// What to say.
    pub(crate) text: String,
    /// Do not serve the thread here when nobody else does; it hears it when it is resumed.
    #[arg(long)]
    pub(crate) no_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ApproveArgs {
    /// The question's id, as `everturn approvals` prints it.
    pub(crate) id: String,
    /// Also allow the very same call for the rest of the thread.
    #[arg(long)]
    pub(crate) session: bool,
    /// Do not go on with the turn here when nobody else serves the thread.
    #[arg(long)]
    pub(crate) no_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DenyArgs {
    /// The question's id, as `everturn approvals` prints it.
    pub(crate) id: String,
    /// Stop the turn as well.
    #[arg(long)]
    pub(crate) abort: bool,
    /// Do not go on with the turn here when nobody else serves the thread.
    #[arg(long)]
    pub(crate) no_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SessionsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<SessionsCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SessionsCommand {
    /// List threads, the last used first.
    List {
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Delete a thread and all that is stored of it.
    Delete {
        /// The thread's id, or the end or beginning of it.
        thread: String,
    },
    /// Give a thread a name.
    Rename {
        /// The thread's id, or the end or beginning of it.
        thread: String,
        /// The name.
        name: String,
    },
    /// Print a whole thread.
    Export {
        /// The thread's id, or the end or beginning of it.
        thread: String,
        /// How.
        #[arg(long, value_enum, default_value = "markdown")]
        format: ExportFormat,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ExportFormat {
    /// Every record and event, one JSON object a line.
    Jsonl,
    /// The conversation, to read.
    Markdown,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Kill the process with SIGKILL while a command runs, then resume and finish.
    #[arg(long)]
    pub(crate) crash: bool,
    /// Keep the temporary folder.
    #[arg(long)]
    pub(crate) keep: bool,
    /// The part of `--crash` that is killed.
    #[arg(long, hide = true, value_name = "FOLDER")]
    pub(crate) victim: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
