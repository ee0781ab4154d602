//! Arguments of what long threads need: reviews, summaries, taking back, lists, history, trust, features.

use super::{CONFIGURED_AGAIN, Layers, RunArgs};
use clap::{Args, Subcommand};
use std::path::PathBuf;

const REVIEW_EXAMPLES: &str = "\
Examples:
  everturn review                             what is not committed
  everturn review --base main                 what a merge into main would bring
  everturn review --commit HEAD~1
  everturn review \"look for races in src/queue.rs\"
  everturn review --thread 0199 --uncommitted as a part of that thread, which then knows of it

Findings have a priority from P0, at once, to P3, some day. Exit codes are those of exec; findings alone are no failure.";

const UNDO_EXAMPLES: &str = "\
Examples:
  everturn undo             the last turn of the thread that was used last
  everturn undo 0199ab      that of another one; said again, the turn before it

Files that you changed since are named, and then nothing is taken back. docs/undo.md says what is kept.";

const ROLLBACK_EXAMPLES: &str = "\
Examples:
  everturn rollback 0199ab 3                 the last three turns, with their files
  everturn rollback 0199ab 3 --keep-files    what was said goes, the files stay as they are
  everturn rollback 0199ab 3 --files-only    the files go back, and the agent is told";

const COMPACT_EXAMPLES: &str = "\
Examples:
  everturn compact          the thread that was used last
  everturn compact 0199ab

It happens by itself when the conversation fills 80 % of the model's window (compact_at_percent).";

const HISTORY_EXAMPLES: &str = "\
Examples:
  everturn history -n 5     the last five prompts
  everturn history --json   with the thread and the time of each";

const TRUST_EXAMPLES: &str = "\
Examples:
  everturn trust            what the project of this directory brings counts: settings, hooks, skills, prompts
  everturn trust --show     whether it does
  everturn trust --no ../from-elsewhere";

const FEATURES_EXAMPLES: &str = "\
Examples:
  everturn features                         all, with their stage
  everturn features -c features.skills=false
  everturn exec --disable skills \"…\"       without one of them, this time";

#[derive(Debug, Args)]
#[command(after_help = REVIEW_EXAMPLES)]
pub(crate) struct ReviewArgs {
    #[command(flatten)]
    pub(crate) target: ReviewTarget,
    /// Review in this thread, in place of one of its own.
    #[arg(long, value_name = "THREAD")]
    pub(crate) thread: Option<String>,
    /// One JSON event a line on standard output; `review.exited` has the findings.
    #[arg(long)]
    pub(crate) json: bool,
    /// Also write the result to this file: as JSON where its name ends so, else in words.
    #[arg(long, short = 'o', value_name = "FILE")]
    pub(crate) output_last_message: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// What is reviewed [default: what is not committed].
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct ReviewTarget {
    /// What is not committed: staged, not staged, and new files.
    #[arg(long)]
    pub(crate) uncommitted: bool,
    /// What a merge into this branch would bring.
    #[arg(long, value_name = "BRANCH")]
    pub(crate) base: Option<String>,
    /// What this commit changed.
    #[arg(long, value_name = "SHA")]
    pub(crate) commit: Option<String>,
    /// What to review, in words; `-` reads it from standard input.
    pub(crate) instructions: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = format!("{UNDO_EXAMPLES}\n\n{CONFIGURED_AGAIN}"))]
pub(crate) struct UndoArgs {
    /// The thread's id, or the end or beginning of it [default: the thread that was used last].
    pub(crate) thread: Option<String>,
    /// The thread that was used last, which is what is meant without a name.
    #[arg(long, conflicts_with = "thread")]
    pub(crate) last: bool,
    #[command(flatten)]
    pub(crate) layers: Layers,
}

#[derive(Debug, Args)]
#[command(after_help = format!("{ROLLBACK_EXAMPLES}\n\n{CONFIGURED_AGAIN}"))]
pub(crate) struct RollbackArgs {
    /// The thread's id, or the end or beginning of it.
    pub(crate) thread: String,
    /// How many turns, from the last one back.
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) turns: u32,
    /// Take back only the conversation; files stay as they are.
    #[arg(long)]
    pub(crate) keep_files: bool,
    /// Take back only the files; the conversation goes on and the agent is told.
    #[arg(long, conflicts_with = "keep_files")]
    pub(crate) files_only: bool,
    #[command(flatten)]
    pub(crate) layers: Layers,
}

#[derive(Debug, Args)]
#[command(after_help = format!("{COMPACT_EXAMPLES}\n\n{CONFIGURED_AGAIN}"))]
pub(crate) struct CompactArgs {
    /// The thread's id, or the end or beginning of it [default: the thread that was used last].
    pub(crate) thread: Option<String>,
    #[command(flatten)]
    pub(crate) layers: Layers,
}

#[derive(Debug, Args)]
#[command(after_help = HISTORY_EXAMPLES)]
pub(crate) struct HistoryArgs {
    /// One JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
    /// The newest so many.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50)]
    pub(crate) limit: u64,
    #[command(flatten)]
    pub(crate) layers: Layers,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// One JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) layers: Layers,
}

/// Says whether a project is trusted: whether its settings, hooks, skills and prompts count.
#[derive(Debug, Args)]
#[command(after_help = TRUST_EXAMPLES)]
pub(crate) struct TrustArgs {
    /// A directory of the project [default: the current one].
    #[arg(default_value = ".")]
    pub(crate) dir: PathBuf,
    /// It is not; nobody asks again.
    #[arg(long)]
    pub(crate) no: bool,
    /// Take back what was said; it is asked about again.
    #[arg(long, conflicts_with = "no")]
    pub(crate) forget: bool,
    /// Only say how it is.
    #[arg(long, conflicts_with_all = ["no", "forget"])]
    pub(crate) show: bool,
}

#[derive(Debug, Args)]
#[command(after_help = FEATURES_EXAMPLES)]
pub(crate) struct FeaturesArgs {
    #[command(subcommand)]
    pub(crate) command: Option<FeaturesCommand>,
    /// One JSON object a line.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) layers: Layers,
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum FeaturesCommand {
    /// List all features with their stage and whether they are on.
    List,
}
