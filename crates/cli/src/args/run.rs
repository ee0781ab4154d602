//! [`RunArgs`]: how a thread runs.

use super::Layers;
use clap::{Args, ValueEnum};
use std::{path::PathBuf, str::FromStr};

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
    /// What commands and patches may touch.
    #[arg(long, short = 's', value_enum)]
    pub(crate) sandbox: Option<Sandbox>,
    /// When you are asked first [default: on-request in a conversation, never in exec].
    #[arg(long, short = 'a', value_enum, alias = "ask-for-approval")]
    pub(crate) approval: Option<Approval>,
    /// Work alone in the sandbox: short for --sandbox workspace-write with the usual approval policy.
    #[arg(long, conflicts_with_all = ["sandbox", "approval"])]
    pub(crate) full_auto: bool,
    /// No sandbox and no questions: short for --sandbox danger-full-access --approval never. Only where something else
    /// confines the agent, for example a container.
    #[arg(
        long = "dangerously-bypass-approvals-and-sandbox",
        alias = "yolo",
        conflicts_with_all = ["sandbox", "approval", "full_auto"]
    )]
    pub(crate) yolo: bool,
    /// Let commands reach the network under --sandbox workspace-write.
    #[arg(long)]
    pub(crate) network: bool,
    /// Let the model's provider search the web for it.
    #[arg(long)]
    pub(crate) search: bool,
    /// How long a question waits before its default counts, for example 90, 90s, 15m or 2h.
    #[arg(long, value_name = "TIME")]
    pub(crate) answer_timeout: Option<Wait>,
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
            full_auto: self.full_auto || below.full_auto,
            yolo: self.yolo || below.yolo,
            network: self.network || below.network,
            search: self.search || below.search,
            answer_timeout: self.answer_timeout.or(below.answer_timeout),
            cd: self.cd.or(below.cd),
            add_dir: [below.add_dir, self.add_dir].concat(),
            power_safe: self.power_safe || below.power_safe,
            max_tokens: self.max_tokens.or(below.max_tokens),
            max_tool_calls: self.max_tool_calls.or(below.max_tool_calls),
        }
    }
}

/// A time that is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) ms: i64,
}

impl FromStr for Wait {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no time; write seconds, or a number with s, m or h behind it");
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit_ms = match &text[digits.len()..] {
            "ms" => 1,
            "" | "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(wrong()),
        };
        let ms = digits.parse::<i64>().ok().and_then(|number| number.checked_mul(unit_ms));
        ms.filter(|ms| *ms > 0).map(|ms| Self { ms }).ok_or_else(wrong)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit_or_is_in_seconds() {
        let ms = |text: &str| Wait::from_str(text).map(|wait| wait.ms).map_err(|_| ());
        let good = [("90", 90_000), ("90s", 90_000), ("15m", 900_000), ("2h", 7_200_000), ("5ms", 5)];
        for (text, expected) in good {
            assert_eq!(ms(text), Ok(expected), "{text}");
        }
        for text in ["", "0", "-1", "m", "1d", "1.5h", "9223372036854775807h", "\u{660}s"] {
            assert_eq!(ms(text), Err(()), "{text}");
        }
    }
}
