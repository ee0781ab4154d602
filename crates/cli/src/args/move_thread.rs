//! `everturn move`.

use super::{BackendName, Layers};
use clap::Args;

/// What `--help` says below.
const HELP: &str = "\
A thread moves between turns, with its past, its name and its id; only what was approved for the session stays behind. The old
home refuses it from then on. A move that was cut off is finished by the same command.

Examples:
  everturn move 0199ab --to temporal
  everturn move 0199ab --to local";

/// Options of `everturn move`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct MoveArgs {
    /// The thread's id, or the end or beginning of it [default: the thread that was used last].
    pub(crate) thread: Option<String>,
    /// Where it is to live.
    #[arg(long, value_enum)]
    pub(crate) to: BackendName,
    #[command(flatten)]
    pub(crate) layers: Layers,
}
