//! The exec policy: rules of the user about commands, in TOML files. `docs/exec-policy.md` says what they may say.
//!
//! [`PolicyStore`] reads the files whenever a command is prepared and keeps what did not change. [`judge`] says what the rules
//! make of a command; [`amend`] adds a rule that the user approved; [`proposal`] is the rule to offer.
//!
//! What a rule forbids or wants asked is looked for in everything the shell reader finds, also where it can only guess. What a
//! rule allows must be understood whole. A file that is broken allows nothing and lets nothing run unasked.

mod amend;
mod breadth;
mod file;
mod judge;
mod matching;
mod proposal;
mod sources;

pub use amend::{AmendError, Amended, amend};
pub use file::{Decision, PolicyFault, Rule};
pub use proposal::proposal;
pub use sources::{APPROVED_FILE, PolicySources, RULES_FOLDER, RuleFile, list};

pub(crate) use judge::{judge, judge_certain};
pub(crate) use proposal::offer;
pub(crate) use sources::{Policy, PolicyStore};

use crate::command::assess;
use agent_core::{Class, Verdict};

/// What is known of a command before it is decided upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// What it looks like.
    pub class: Class,
    /// Why it is dangerous, where it is; else what could not be read, where something could not.
    pub reason: Option<String>,
    /// What the rules say.
    pub verdict: Verdict,
    /// The rule that an approval would offer to add.
    pub proposal: Option<Vec<String>>,
}

/// Says of a command what a thread would be told of it, with the thread's directory as the command's.
pub fn check(argv: &[String], sources: &PolicySources, cwd: &std::path::Path) -> Checked {
    let policy = PolicyStore::new(sources.clone()).read();
    let mut assessment = assess(argv);
    assessment.settle(cwd, cwd);
    let verdict = judge(&policy, &assessment);
    Checked {
        class: assessment.class,
        proposal: proposal::of(&assessment).filter(|_| verdict == Verdict::Silent),
        reason: assessment.reason.or(assessment.script.opaque),
        verdict,
    }
}

#[cfg(test)]
mod tests;
