//! [`RunArgs`]: how a thread runs.

use super::Layers;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// How a thread runs.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) layers: Layers,
    /// The model (config key `model`).
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
    /// Another directory that may be changed under --sandbox workspace-write; may be given several times.
    #[arg(long, value_name = "DIR")]
    pub(crate) add_dir: Vec<PathBuf>,
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
    /// These on top of others, which were given further left on the command line.
    pub(crate) fn over(self, below: Self) -> Self {
        Self {
            layers: self.layers.over(below.layers),
            model: self.model.or(below.model),
            script: self.script.or(below.script),
            sandbox: self.sandbox.or(below.sandbox),
            approval: self.approval.or(below.approval),
            cd: self.cd.or(below.cd),
            add_dir: [below.add_dir, self.add_dir].concat(),
            power_safe: self.power_safe || below.power_safe,
            max_tokens: self.max_tokens.or(below.max_tokens),
            max_tool_calls: self.max_tool_calls.or(below.max_tool_calls),
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
