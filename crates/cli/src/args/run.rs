//! [`RunArgs`]: how a thread runs.

use super::Layers;
use agent_core::Mode;
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
    /// How the agent works: plan changes nothing and proposes a plan, code does the work, pair does it in small steps with
    /// you, execute carries out a plan without questions.
    #[arg(long, value_enum)]
    pub(crate) mode: Option<ModeName>,
    /// How the agent speaks: friendly, pragmatic, or none for the model's own manner.
    #[arg(long, value_name = "NAME")]
    pub(crate) personality: Option<String>,
    /// Switch a feature on; `everturn features` lists them. May be given several times.
    #[arg(long, value_name = "FEATURE")]
    pub(crate) enable: Vec<String>,
    /// Switch a feature off.
    #[arg(long, value_name = "FEATURE")]
    pub(crate) disable: Vec<String>,
    #[command(flatten)]
    pub(crate) budget: BudgetArgs,
}

/// What a thread may spend. A later command can raise it.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub(crate) struct BudgetArgs {
    /// Stop the thread after so many tokens.
    #[arg(long, value_name = "N")]
    pub(crate) max_tokens: Option<u64>,
    /// Stop the thread after it has cost so many dollars, by the price that is known of the model.
    #[arg(long, value_name = "USD", value_parser = dollars)]
    pub(crate) max_cost: Option<f64>,
    /// Stop the thread after so many tool calls.
    #[arg(long, value_name = "N")]
    pub(crate) max_tool_calls: Option<u64>,
    /// Stop a turn after this time, for example 90s or 10m.
    #[arg(long, value_name = "TIME")]
    pub(crate) max_time: Option<Wait>,
    /// Stop the thread after so much work, for example 90s or 2h. Waiting for an answer does not count.
    #[arg(long, value_name = "TIME")]
    pub(crate) max_work: Option<Wait>,
}

impl BudgetArgs {
    fn over(self, below: Self) -> Self {
        Self {
            max_tokens: self.max_tokens.or(below.max_tokens),
            max_cost: self.max_cost.or(below.max_cost),
            max_tool_calls: self.max_tool_calls.or(below.max_tool_calls),
            max_time: self.max_time.or(below.max_time),
            max_work: self.max_work.or(below.max_work),
        }
    }
}

/// An amount of dollars that can be spent.
fn dollars(text: &str) -> Result<f64, String> {
    let amount = text.strip_prefix('$').unwrap_or(text).parse::<f64>().ok();
    let amount = amount.filter(|amount| amount.is_finite() && *amount >= 0.0);
    amount.ok_or_else(|| format!("{text:?} is no amount of dollars; write for example 0.50"))
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
            mode: self.mode.or(below.mode),
            personality: self.personality.or(below.personality),
            enable: [below.enable, self.enable].concat(),
            disable: [below.disable, self.disable].concat(),
            budget: self.budget.over(below.budget),
        }
    }
}

/// A time that is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) ms: i64,
}

impl Wait {
    /// In minutes as the configuration counts them, begun ones as whole.
    pub(crate) fn minutes(self) -> i64 {
        self.ms.saturating_add(59_999) / 60_000
    }
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

/// How the agent works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModeName {
    /// Reads and plans, changes nothing.
    Plan,
    /// Does the work.
    Code,
    /// Does it in small steps, together with you.
    Pair,
    /// Carries out a plan without questions.
    Execute,
}

impl ModeName {
    /// How it is written.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Code => "code",
            Self::Pair => "pair",
            Self::Execute => "execute",
        }
    }
}

impl From<ModeName> for Mode {
    fn from(mode: ModeName) -> Self {
        match mode {
            ModeName::Plan => Self::Plan,
            ModeName::Code => Self::Code,
            ModeName::Pair => Self::Pair,
            ModeName::Execute => Self::Execute,
        }
    }
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

    #[test]
    fn work_is_told_in_begun_minutes_and_money_in_dollars() {
        let minutes = |text: &str| Wait::from_str(text).map(Wait::minutes);
        assert_eq!((minutes("2h"), minutes("90s"), minutes("1")), (Ok(120), Ok(2), Ok(1)));
        assert_eq!((dollars("0.50"), dollars("$2"), dollars("0")), (Ok(0.5), Ok(2.0), Ok(0.0)));
        for text in ["", "-1", "nan", "inf", "ten"] {
            assert!(dollars(text).is_err(), "{text}");
        }
    }
}
