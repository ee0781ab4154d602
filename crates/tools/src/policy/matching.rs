//! Whether a rule speaks of a command.
//!
//! To allow, the program must be written as the rule writes it: a rule for `git` allows neither `./git` nor `/tmp/git`. To ask or
//! to forbid, the last part of a path is enough, and options between a program and its subcommand are passed over.

use super::file::{Decision, Rule};
use crate::shell::{Form, Simple, Word};

/// How sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Match {
    No,
    /// It depends on what words become when the command runs.
    Maybe,
    Yes,
}

/// Whether a rule speaks of a command.
pub(super) fn matches(rule: &Rule, command: &Simple) -> Match {
    if rule.decision == Decision::Allow {
        return match allows(rule, command) {
            true => Match::Yes,
            false => Match::No,
        };
    }
    let Some(program) = command.words.first() else { return Match::No };
    if program.form == Form::Literal
        && !rule.prefix.first().is_some_and(|named| named.iter().any(|named| is_program(named, program)))
    {
        return Match::No;
    }
    let direct = words_match(rule, &command.words);
    if direct == Match::Yes {
        return direct;
    }
    direct.max(words_match(rule, &without_leading_options(&command.words)))
}

/// Whether an allow rule covers the words as they are written.
fn allows(rule: &Rule, command: &Simple) -> bool {
    command.sets.is_empty()
        && command.words.len() >= rule.prefix.len()
        && rule.prefix.iter().zip(&command.words).all(|(alternatives, word)| {
            word.known().is_some_and(|word| alternatives.iter().any(|alternative| alternative == word))
        })
}

fn words_match(rule: &Rule, words: &[Word]) -> Match {
    for (at, alternatives) in rule.prefix.iter().enumerate() {
        let Some(word) = words.get(at) else { return Match::No };
        if word.form == Form::Unknown {
            // It may become any words, and so may what follows.
            return Match::Maybe;
        }
        let fits = |named: &String| *named == word.text || at == 0 && is_program(named, word);
        if !alternatives.iter().any(fits) {
            return Match::No;
        }
    }
    Match::Yes
}

/// Whether a word is the program that a rule names, or a path to it where the rule names none.
fn is_program(named: &str, word: &Word) -> bool {
    named == word.text || !named.contains('/') && word.text.rsplit('/').next() == Some(named)
}

/// `git -C x push` as `git push`, `cargo +nightly publish` as `cargo publish`.
fn without_leading_options(words: &[Word]) -> Vec<Word> {
    let Some((program, mut rest)) = words.split_first() else { return Vec::new() };
    let is_git = program.text.rsplit('/').next() == Some("git");
    while let Some(word) =
        rest.first().filter(|word| word.text.len() > 1 && word.text.starts_with(['-', '+']))
    {
        let valued = is_git
            && matches!(
                word.text.as_str(),
                "-c" | "-C"
                    | "--git-dir"
                    | "--work-tree"
                    | "--exec-path"
                    | "--namespace"
                    | "--config-env"
                    | "--super-prefix"
                    | "--attr-source"
            );
        rest = rest.get(1 + usize::from(valued)..).unwrap_or_default();
    }
    std::iter::once(program).chain(rest).cloned().collect()
}
