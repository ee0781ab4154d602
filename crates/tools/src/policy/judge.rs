//! What the rules make of a command.

use super::{
    file::{Decision, Rule},
    matching::{Match, matches},
    sources::Policy,
};
use crate::{
    command::{Assessment, assess, dangerous, is_line_for_shell},
    shell::{Held, Script, Simple},
};
use agent_core::{Class, Verdict};

/// Programs that change how the command behind them runs, but not what it does. It counts in their stead.
const CARRIERS: [&str; 4] = ["nice", "nohup", "time", "timeout"];

/// What the rules say of a command, the strictest first: what one forbids is forbidden; what one wants asked, or may, is asked,
/// and so is everything where a file is broken; it is allowed where every command in it is allowed or known to be safe.
pub(crate) fn judge(policy: &Policy, assessment: &Assessment) -> Verdict {
    match judge_certain(policy, assessment) {
        Verdict::Silent => judge_possible(policy, assessment),
        certain => certain,
    }
}

/// The rule with this decision that speaks so surely of a command.
fn speaking<'p>(
    policy: &'p Policy,
    assessment: &Assessment,
    decision: Decision,
    sure: Match,
) -> Option<&'p Rule> {
    let commands: Vec<&Simple> = considered(&assessment.script).collect();
    let mut rules = policy.rules().filter(|rule| rule.decision == decision);
    rules.find(|rule| commands.iter().any(|command| matches(rule, command) >= sure))
}

/// What the rules forbid or want asked of what can be read in a line. Of a line that is typed into a program nobody knows
/// whether it is one for a shell, so what cannot be read counts for nothing.
pub(crate) fn judge_certain(policy: &Policy, assessment: &Assessment) -> Verdict {
    if let Some(rule) = speaking(policy, assessment, Decision::Forbid, Match::Yes) {
        return Verdict::Forbid { reason: rule.why() };
    }
    if let Some(fault) = policy.faults().next() {
        return Verdict::Ask {
            reason: format!("the exec policy is broken, so nothing runs unasked: {fault}"),
        };
    }
    speaking(policy, assessment, Decision::Ask, Match::Yes)
        .map_or(Verdict::Silent, |rule| Verdict::Ask { reason: rule.why() })
}

fn judge_possible(policy: &Policy, assessment: &Assessment) -> Verdict {
    let strict = policy.rules().find(|rule| rule.decision != Decision::Allow);
    if let (Some(rule), Some(why)) = (strict, &assessment.script.opaque) {
        return Verdict::Ask {
            reason: format!("it cannot be told whether rules like {rule} speak of this: {why}"),
        };
    }
    if let Some(rule) = speaking(policy, assessment, Decision::Forbid, Match::Maybe)
        .or_else(|| speaking(policy, assessment, Decision::Ask, Match::Maybe))
    {
        return Verdict::Ask {
            reason: format!("it may be what a rule speaks of once its variables are known: {}", rule.why()),
        };
    }
    allowed(policy, assessment).map_or(Verdict::Silent, |rule| Verdict::Allow { rule: rule.to_string() })
}

/// The commands that rules speak of. The shell around the line of a call is not one: it is how a line is given.
pub(super) fn considered(script: &Script) -> impl Iterator<Item = &Simple> {
    let skipped = usize::from(script.commands.first().is_some_and(is_shell_around_line));
    script.commands.iter().skip(skipped).filter(|command| !command.words.is_empty())
}

fn is_shell_around_line(command: &Simple) -> bool {
    matches!(command.words.as_slice(), [shell, flag, _] if is_line_for_shell(&shell.text, &flag.text))
}

/// The rule that allows a command, if all of it is allowed. Only what both readers understand can be.
fn allowed<'p>(policy: &'p Policy, assessment: &Assessment) -> Option<&'p Rule> {
    let plain = assessment.plain.as_ref()?;
    if assessment.script.opaque.is_some() || assessment.class == Class::Safe || !assessment.trusts_git {
        return None;
    }
    let commands = &assessment.script.commands;
    let outermost =
        usize::from(commands.first().is_some_and(is_shell_around_line) && plain.len() < commands.len());
    let mut first = None;
    let mut looks = assessment.looks.iter();
    // What covers each command: nothing, itself by a rule with so many words, or that it only looks.
    let mut covered: Vec<Option<usize>> = Vec::new();
    for (index, command) in commands.iter().enumerate() {
        let is_top = match command.inside {
            None => outermost == 0,
            Some(inside) => outermost == 1 && inside.command == 0 && inside.held == Held::Line,
        };
        if index < outermost {
            covered.push(Some(0));
            continue;
        }
        let only_looks = is_top && looks.next().copied().unwrap_or(false);
        let rule = policy.rules().find(|rule| {
            rule.decision == Decision::Allow
                && matches(rule, command) == Match::Yes
                && covers_danger(rule, command)
        });
        let by_outer = command
            .inside
            .filter(|inside| !is_top && matches!(inside.held, Held::Words | Held::Line))
            .is_some_and(|inside| {
                covered.get(inside.command).copied().flatten().is_some_and(|words| words > inside.word)
            });
        let carries = CARRIERS.contains(&command.words.first()?.text.as_str())
            && commands.iter().any(|inner| {
                inner.inside.is_some_and(|inside| {
                    inside.command == index
                        && inside.held == Held::Words
                        && writes_nothing(command, inside.word)
                })
            });
        covered.push(match rule {
            Some(rule) => {
                first = first.or(Some(rule));
                Some(rule.prefix.len())
            }
            None if only_looks || by_outer || carries => Some(0),
            None => return None,
        });
    }
    first
}

/// Whether a program that carries another one, which begins at this word, writes nothing itself: `time -o FILE -f TEXT` writes
/// any text to any file.
fn writes_nothing(carrier: &Simple, inner: usize) -> bool {
    carrier.words.first().is_none_or(|program| program.text != "time")
        || carrier.words.get(1..inner).unwrap_or_default().iter().all(|word| word.text == "-p")
}

/// Whether a rule that allows a command means what is dangerous in it: the rule for `git push` does not allow `--force`, the rule
/// for `git push --force` does.
fn covers_danger(rule: &Rule, command: &Simple) -> bool {
    let words = |words: &[String]| dangerous::reason(&assess(words).script).is_some();
    let command: Vec<String> = command.words.iter().map(|word| word.text.clone()).collect();
    if !words(&command) {
        return true;
    }
    let begins = command.get(..rule.prefix.len()).unwrap_or_default();
    words(begins)
}
