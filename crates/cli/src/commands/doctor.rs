//! `everturn doctor`: is everything there that a thread needs? One line a subject, and what to do where something is not.

mod configuration;
mod finding;
mod long;
mod model;
mod report;
mod rules;
mod sandbox;
mod storage;
#[cfg(feature = "temporal")]
mod temporal;

use crate::{
    args::Layers,
    exit::{Exit, Failure},
};
use clap::Args;
use config::Environment;
use finding::Finding;
use report::Report;

/// What `--help` says below the options.
const ABOUT: &str = "\
It looks at the configuration, the data folder, hooks, Git for undo, skills, the sandbox, the model, its key and its provider; at Temporal where this data folder \
has used it, where it is configured, or where --backend temporal or --address asks for it. It starts no server, asks no \
model, shows no key, and goes on where something is broken: each line says how one thing is, and the line below it what to \
do about it.

Examples:
  everturn doctor                           how everything is
  everturn doctor -c model_provider=ollama  would this work?
  everturn doctor --address temporal:7233   the same for threads on this Temporal server
  everturn doctor --json | jq 'select(.verdict != \"ok\")'

Exit codes: 0 nothing is a problem (there may be warnings), 1 something is.";

/// The options of `everturn doctor`.
#[derive(Debug, Args)]
#[command(after_help = ABOUT)]
pub(crate) struct DoctorArgs {
    /// One JSON object a line: subject, verdict (ok, warning, problem), found, remedy.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub(crate) layers: Layers,
}

/// Runs the command. What is found is told as soon as it is: some of it takes seconds.
pub(crate) async fn doctor(
    environment: &Environment,
    args: &DoctorArgs,
    layers: Layers,
) -> Result<Exit, Failure> {
    let mut report = Report::new(args.json);
    let home = storage::home(environment)?;
    #[cfg(feature = "temporal")]
    let only = layers.whereabouts.backend.map(config::Backend::from);
    let (wishes, findings) = configuration::examine(environment, home.root(), layers)?;
    report.redactor.learn(wishes.config().secrets(environment));
    report.tell(findings);
    report.tell(home.examine(wishes.config().durability).await);
    report.tell(rules::examine(&wishes, home.root()));
    report.tell(long::examine(&wishes, home.root()));
    report.tell(vec![sandbox::examine(&wishes, home.root()).await]);
    report.tell(model::examine(&wishes, home.root(), &report.redactor).await);
    #[cfg(feature = "temporal")]
    report.tell(temporal::examine(&wishes, home.root(), only, &report.redactor).await);
    Ok(report.end())
}
