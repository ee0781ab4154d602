//! `everturn replay`.

use super::Layers;
use clap::Args;
use std::path::PathBuf;

/// What `--help` says below.
const HELP: &str = "\
Nothing runs: no model is asked and no command started, so a replay costs nothing and changes nothing.

Examples:
  everturn replay 0199ab             does this build decide as the one that wrote the thread?
  everturn replay 0199ab --at 40     the thread as it was after record 40
  everturn replay 0199ab --step      go through it, forwards and backwards
  everturn replay 0199ab --bisect ./old/everturn
                                     the first record that the other build decides differently";

/// Options of `everturn replay`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct ReplayArgs {
    /// The thread's id, or the end or beginning of it [default: the thread that was used last].
    pub(crate) thread: Option<String>,
    /// Replay a journal that was saved, instead of a thread.
    #[arg(long, value_name = "FILE", conflicts_with = "thread")]
    pub(crate) journal: Option<PathBuf>,
    /// Save the journal, one record with its events a line, and do nothing else.
    #[arg(long, value_name = "FILE")]
    pub(crate) save: Option<PathBuf>,
    /// Go through it record by record: next, prev, goto N, state, quit.
    #[arg(long, conflicts_with_all = ["save", "at", "from", "to", "digests", "bisect", "json"])]
    pub(crate) step: bool,
    /// Show the thread as it was after record N.
    #[arg(long, value_name = "N", conflicts_with_all = ["save", "from", "to", "digests", "bisect"])]
    pub(crate) at: Option<u64>,
    /// Show the records from this one on.
    #[arg(long, value_name = "N", conflicts_with_all = ["save", "digests", "bisect"])]
    pub(crate) from: Option<u64>,
    /// Show the records up to this one.
    #[arg(long, value_name = "N", conflicts_with_all = ["save", "digests", "bisect"])]
    pub(crate) to: Option<u64>,
    /// Print a digest of this build's decisions for each record, as JSON. What `--bisect` asks the other build for.
    #[arg(long, conflicts_with_all = ["save", "bisect"])]
    pub(crate) digests: bool,
    /// Find the first record that this other everturn decides differently.
    #[arg(long, value_name = "PROGRAM", conflicts_with = "save")]
    pub(crate) bisect: Option<PathBuf>,
    /// JSON instead of text.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) layers: Layers,
}
