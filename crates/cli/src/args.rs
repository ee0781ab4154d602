//! The command line: what can be typed, and what `--help` teaches.

mod answer;
mod exec;
mod files;
mod layers;
mod long;
mod move_thread;
mod replay;
mod run;

pub(crate) use answer::AnswerArgs;
pub(crate) use exec::{ExecArgs, ExecOptions, ExecResume};
pub(crate) use files::read_text;
pub(crate) use layers::{BackendName, Layers, Whereabouts};
pub(crate) use long::{
    CompactArgs, FeaturesArgs, HistoryArgs, ListArgs, ReviewArgs, ReviewTarget, RollbackArgs, TrustArgs,
    UndoArgs,
};
pub(crate) use move_thread::MoveArgs;
pub(crate) use replay::ReplayArgs;
pub(crate) use run::{Approval, BudgetArgs, RunArgs, Sandbox, Wait};

use crate::commands::ConfigArgs;
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
  everturn exec --output-schema schema.json -o answer.json \"list the public functions\"
  everturn review --base main
  everturn resume --last
  everturn undo                          take back the last turn, with its changes of files
  everturn config                        every setting and where it came from
  everturn doctor                        is anything missing, and what to do about it

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 waiting for an answer, 4 budget spent, 5 storage or backend failed,
130 interrupted, 143 and 129 ended by SIGTERM and SIGHUP.";

/// Said of the commands that may come to serve a thread which another command line began.
const CONFIGURED_AGAIN: &str = "\
A thread keeps its own settings. Model providers and the environment of its commands are the process's: repeat the -c and
--profile that it was begun with.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Do one task without a conversation, then exit.
    Exec(Box<ExecArgs>),
    /// Go on with a thread, in a conversation. A turn that was running goes on first.
    Resume(Box<ResumeArgs>),
    /// Start a new thread from the past of another one.
    Fork(ForkArgs),
    /// Have a change reviewed: findings with places and priorities.
    Review(Box<ReviewArgs>),
    /// Take back the last turn of a thread, with the files that it changed.
    Undo(UndoArgs),
    /// Take back the last turns of a thread, with the files that they changed.
    Rollback(RollbackArgs),
    /// Summarise what was said in a thread so far, to make room.
    Compact(CompactArgs),
    /// List, rename, delete or export threads.
    Sessions(SessionsArgs),
    /// Watch a thread, running or resting, from this terminal.
    Attach(ThreadArg),
    /// Say something to a thread.
    Send(SendArgs),
    /// List the questions that wait for an answer.
    Approvals(ApprovalsArgs),
    /// Say yes to a question.
    Approve(ApproveArgs),
    /// Say no to a question; the turn goes on.
    Deny(DenyArgs),
    /// Answer a question of the agent or of an MCP server, or say what a client's tool returned.
    Answer(AnswerArgs),
    /// Stop the turn a thread is running.
    Interrupt(InterruptArgs),
    /// What a thread is doing.
    Status(ThreadArg),
    /// Take a thread to another backend, with its past.
    Move(MoveArgs),
    /// Go through a recorded thread again: verify it, look at any moment of it, compare two builds.
    Replay(Box<ReplayArgs>),
    /// Show every setting with its value and where it came from; import Codex's.
    Config(ConfigArgs),
    /// Say whether a project is trusted: whether its settings, hooks, skills and prompts count.
    Trust(TrustArgs),
    /// List the features that can be switched on and off.
    Features(FeaturesArgs),
    /// List the prompts that were said in conversations.
    History(HistoryArgs),
    /// List the skills that a prompt can name as $NAME.
    Skills(ListArgs),
    /// List the prompts of your own.
    Prompts(ListArgs),
    /// List the models that are known.
    Models(ListArgs),
    /// Check that everything is there that a thread needs, and say what to do where something is not.
    Doctor(Box<crate::commands::DoctorArgs>),
    /// Keep a model provider's key.
    Login(LoginArgs),
    /// Forget a model provider's key.
    Logout(LogoutArgs),
    /// Add, list and remove MCP servers, and log in to them.
    #[cfg(feature = "mcp")]
    Mcp(Box<crate::commands::McpArgs>),
    /// Watch the agent fix a small broken project; only the model's words are scripted.
    Demo(DemoArgs),
    /// Serve threads on Temporal until told to stop.
    #[cfg(feature = "temporal")]
    Worker(Box<crate::commands::WorkerArgs>),
    /// A Temporal server for this machine.
    #[cfg(feature = "temporal")]
    DevServer(crate::commands::DevServerArgs),
    /// Make and rotate the keys that encrypt what reaches a Temporal server.
    #[cfg(feature = "temporal")]
    CodecKey(crate::commands::CodecKeyArgs),
    /// Run a command in the sandbox that an agent's commands run in.
    Sandbox(crate::commands::SandboxArgs),
    /// List the rules about commands; say what they make of one.
    Policy(crate::commands::PolicyArgs),
    /// Apply a patch from standard input in the current directory.
    ApplyPatch,
    /// Print a completion script for a shell.
    Completion {
        /// Which shell.
        shell: clap_complete::Shell,
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
#[command(after_help = CONFIGURED_AGAIN)]
pub(crate) struct ForkArgs {
    #[command(flatten)]
    pub(crate) thread: WhichThread,
    /// Fork after this turn [default: the last one that ended].
    #[arg(long, visible_alias = "at", value_name = "N")]
    pub(crate) turn: Option<u32>,
    /// Take the files along, as they were then: into a new worktree of the repository, or a plain folder where there is none.
    #[arg(long, value_name = "DIR")]
    pub(crate) worktree: Option<PathBuf>,
    /// Only make the fork and print its id.
    #[arg(long)]
    pub(crate) no_run: bool,
    #[command(flatten)]
    pub(crate) layers: Layers,
}

#[derive(Debug, Args)]
pub(crate) struct ThreadArg {
    /// The thread's id, or the end or beginning of it [default: the thread that was used last].
    pub(crate) thread: Option<String>,
    #[command(flatten)]
    pub(crate) layers: Layers,
}

#[derive(Debug, Args)]
pub(crate) struct ApprovalsArgs {
    #[command(flatten)]
    pub(crate) layers: Layers,
}

#[derive(Debug, Args)]
#[command(after_help = CONFIGURED_AGAIN)]
pub(crate) struct InterruptArgs {
    /// The thread's id, or the end or beginning of it [default: the thread that was used last].
    pub(crate) thread: Option<String>,
    #[command(flatten)]
    pub(crate) layers: Layers,
}

#[derive(Debug, Args)]
#[command(after_help = CONFIGURED_AGAIN)]
pub(crate) struct SendArgs {
    /// The thread's id, or the end or beginning of it.
    pub(crate) thread: String,
    /// What to say.
    pub(crate) text: String,
    /// Do not serve the thread here when nobody else does; it hears it when it is resumed.
    #[arg(long)]
    pub(crate) no_run: bool,
    #[command(flatten)]
    pub(crate) layers: Layers,
}

#[derive(Debug, Args)]
#[command(after_help = CONFIGURED_AGAIN)]
pub(crate) struct ApproveArgs {
    /// The question's id, as `everturn approvals` prints it.
    pub(crate) id: String,
    /// Also allow the very same call for the rest of the thread.
    #[arg(long)]
    pub(crate) session: bool,
    /// Also allow all commands that begin with these words, from now on and everywhere: a rule is written down [default:
    /// the words that the question proposes].
    #[arg(long, value_name = "WORDS", num_args = 0..=1, conflicts_with = "session")]
    pub(crate) rule: Option<Option<String>>,
    /// Do not go on with the turn here when nobody else serves the thread.
    #[arg(long)]
    pub(crate) no_run: bool,
    #[command(flatten)]
    pub(crate) layers: Layers,
}

#[derive(Debug, Args)]
#[command(after_help = CONFIGURED_AGAIN)]
pub(crate) struct DenyArgs {
    /// The question's id, as `everturn approvals` prints it.
    pub(crate) id: String,
    /// Stop the turn as well.
    #[arg(long)]
    pub(crate) abort: bool,
    /// Do not go on with the turn here when nobody else serves the thread.
    #[arg(long)]
    pub(crate) no_run: bool,
    #[command(flatten)]
    pub(crate) layers: Layers,
}

#[derive(Debug, Args)]
pub(crate) struct SessionsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<SessionsCommand>,
    #[command(flatten)]
    pub(crate) layers: Layers,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SessionsCommand {
    /// List threads, the last used first.
    List {
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        layers: Layers,
    },
    /// Print a thread as it went: what was said, done and changed.
    Show {
        /// The thread's id, or the end or beginning of it.
        thread: String,
        /// Every decision instead: what was asked or not, who decided, why, by which rule; with the answers, the changes of
        /// the settings and the commands of the user.
        #[arg(long)]
        audit: bool,
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        layers: Layers,
    },
    /// Delete a thread and all that is stored of it.
    Delete {
        /// The thread's id, or the end or beginning of it.
        thread: String,
        #[command(flatten)]
        layers: Layers,
    },
    /// Give a thread a name.
    Rename {
        /// The thread's id, or the end or beginning of it.
        thread: String,
        /// The name.
        name: String,
        #[command(flatten)]
        layers: Layers,
    },
    /// Print a whole thread.
    Export {
        /// The thread's id, or the end or beginning of it.
        thread: String,
        /// How.
        #[arg(long, value_enum, default_value = "markdown")]
        format: ExportFormat,
        #[command(flatten)]
        layers: Layers,
    },
}

impl SessionsArgs {
    /// Whether a thread may come to be served: one that rests hears its new name so.
    pub(crate) fn serves(&self) -> bool {
        matches!(self.command, Some(SessionsCommand::Rename { .. }))
    }

    /// What the command line says of the configuration, left and right of the subcommand.
    pub(crate) fn layers(&self) -> Layers {
        let own = match &self.command {
            None => Layers::default(),
            Some(
                SessionsCommand::List { layers, .. }
                | SessionsCommand::Show { layers, .. }
                | SessionsCommand::Delete { layers, .. }
                | SessionsCommand::Rename { layers, .. }
                | SessionsCommand::Export { layers, .. },
            ) => layers.clone(),
        };
        own.over(self.layers.clone())
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ExportFormat {
    /// Every record and event, one JSON object a line.
    Jsonl,
    /// The conversation, to read.
    Markdown,
}

#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    /// The provider of the key, as the configuration names it.
    #[arg(long, default_value = "openai")]
    pub(crate) provider: String,
    /// Only say for which providers there is a key, and where it comes from.
    #[arg(long)]
    pub(crate) status: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LogoutArgs {
    /// The provider whose key is forgotten.
    #[arg(long, default_value = "openai")]
    pub(crate) provider: String,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Where the thread lives.
    #[arg(long, value_enum, default_value = "local")]
    pub(crate) backend: BackendName,
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

    #[test]
    fn sessions_hears_what_is_said_on_both_sides_of_its_subcommand() {
        let layers = |line: &str| {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            let Some(Command::Sessions(args)) = cli.command else { panic!("no sessions") };
            args.layers()
        };
        let temporal = layers("everturn sessions --backend temporal --address a:1 list -c b=2 --address c:3");
        assert_eq!(temporal.whereabouts.backend, Some(BackendName::Temporal));
        assert_eq!(temporal.whereabouts.address.as_deref(), Some("c:3"));
        assert_eq!(temporal.config, ["b=2"]);
        assert_eq!(layers("everturn sessions"), Layers::default());
    }
}
