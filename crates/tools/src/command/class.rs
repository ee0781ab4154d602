//! What a command looks like from outside.
//!
//! Safe is only what is written in the plainest way: no quotes, no variables, no operators, a program of a short list and
//! none of its few options that write or start something. Everything else is ordinary, unless it is known to destroy.

use super::{dangerous::is_dangerous, invocation::is_shell};
use agent_core::Class;

/// Programs that only look, whatever their options.
const ONLY_LOOKING: [&str; 16] = [
    "basename", "cat", "dirname", "echo", "false", "grep", "head", "id", "ls", "nl", "pwd", "stat", "tail",
    "true", "uname", "wc",
];
/// Subcommands of git that look.
const GIT_LOOKING: [&str; 4] = ["diff", "log", "show", "status"];
/// Their options that write or start something. Git also takes any unambiguous beginning of a name.
const GIT_ACTING: [&str; 5] = ["--output", "--ext-diff", "--textconv", "--show-signature", "--exec"];

/// Judges a command by its arguments.
pub(super) fn classify(argv: &[String]) -> Class {
    if is_dangerous(argv) {
        return Class::Dangerous;
    }
    let safe = match argv {
        [shell, flag, line] if is_shell(shell, flag) => {
            plain_words(line).is_some_and(|words| is_safe(&words))
        }
        _ => is_safe(&argv.iter().map(String::as_str).collect::<Vec<_>>()),
    };
    if safe { Class::Safe } else { Class::Ordinary }
}

/// The words of a line in which the shell finds nothing to do but split it.
fn plain_words(line: &str) -> Option<Vec<&str>> {
    let plain = |c: char| c.is_ascii_alphanumeric() || " _-./,:+@=^%".contains(c);
    if !line.chars().all(plain) {
        return None;
    }
    let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
    // `NAME=value program` sets a variable.
    words.first().is_some_and(|program| !program.contains('=')).then_some(words)
}

fn is_safe(words: &[&str]) -> bool {
    // What reads from a device may wait for ever, or do something.
    if words.iter().any(|word| word.contains("/dev/")) {
        return false;
    }
    match words {
        ["git", subcommand, options @ ..] => {
            GIT_LOOKING.contains(subcommand) && !options.iter().any(|option| is_acting(option))
        }
        [program, ..] => ONLY_LOOKING.contains(program),
        [] => false,
    }
}

fn is_acting(option: &str) -> bool {
    let name = option.split('=').next().unwrap_or(option);
    // Long options have two dashes; the short ones of these subcommands only look, but `-o` means a file elsewhere.
    name == "-o"
        || name.len() > 2
            && GIT_ACTING.iter().any(|acting| acting.starts_with(name) || name.starts_with(acting))
}

#[cfg(test)]
#[path = "class_tests.rs"]
mod tests;
