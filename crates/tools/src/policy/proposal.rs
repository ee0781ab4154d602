//! The rule to offer with a question: as narrow as it can be and still worth a yes for good.

use super::breadth::{too_broad, words_needed};
use crate::{
    command::{Assessment, assess},
    shell::Arg,
};
use agent_core::{Class, Verdict};

/// How many words an exact rule may have.
const MAX_EXACT_WORDS: usize = 8;
/// How long the words of a rule may be together, in bytes.
const MAX_BYTES: usize = 200;
/// Programs without subcommands for which their name is enough: they check and build what the workspace says.
const BY_NAME: [&str; 26] = [
    "ansible-lint",
    "biome",
    "black",
    "clang-format",
    "ctest",
    "eslint",
    "flake8",
    "gofmt",
    "golangci-lint",
    "hadolint",
    "isort",
    "jest",
    "mocha",
    "mypy",
    "ninja",
    "nox",
    "phpunit",
    "prettier",
    "pyright",
    "pytest",
    "rspec",
    "ruff",
    "rustfmt",
    "shellcheck",
    "tsc",
    "vitest",
];
/// Programs that fetch, move or change what their words name: a rule with some of their words would allow any further ones.
const NAMED_THINGS: [&str; 32] = [
    "chgrp", "chmod", "chown", "cp", "cpio", "curl", "ed", "gzip", "install", "kill", "killall", "ln",
    "mkdir", "mkfifo", "mktemp", "mount", "mv", "mysql", "patch", "pkill", "psql", "rmdir", "rsync", "split",
    "sqlite3", "tar", "tee", "touch", "truncate", "unzip", "wget", "zip",
];

/// The prefix offered to the user for a command, `None` where it is not understood whole, where more than one of its commands
/// would need a rule, where it is dangerous, or where a rule would allow too much. Nothing is looked up on the disk.
pub fn proposal(argv: &[String]) -> Option<Vec<String>> {
    let mut assessment = assess(argv);
    assessment.trusts_git = true;
    of(&assessment)
}

pub(crate) fn of(assessment: &Assessment) -> Option<Vec<String>> {
    if assessment.class != Class::Ordinary || assessment.script.opaque.is_some() || !assessment.trusts_git {
        return None;
    }
    let plain = assessment.plain.as_ref()?;
    let mut open =
        plain.iter().zip(&assessment.looks).filter(|(_, looks)| !**looks).map(|(command, _)| command);
    let (Some(command), None) = (open.next(), open.next()) else { return None };
    let exact: Option<Vec<String>> =
        command.words.iter().map(|word| word.text().map(str::to_owned)).collect();
    let known = command.words.iter().map_while(Arg::text).map(str::to_owned);
    let known: Vec<String> = known.collect();
    let program = known.first()?.as_str();
    let words = match words_needed(&known) {
        Some(needed) => known.get(..needed)?.to_vec(),
        None if BY_NAME.contains(&program) => vec![program.to_owned()],
        None if known.get(1).is_some_and(|word| word == "-m") => known.get(..3)?.to_vec(),
        None if NAMED_THINGS.contains(&program) => return None,
        None => exact.filter(|words| words.len() <= MAX_EXACT_WORDS)?,
    };
    let bytes: usize = words.iter().map(String::len).sum();
    let plain_words = words.iter().all(|word| !word.is_empty() && !word.contains(char::is_control));
    (bytes <= MAX_BYTES && plain_words && too_broad(&words).is_none()).then_some(words)
}

/// The proposal as one text, for a question. None where a rule speaks already: another would change nothing.
pub(crate) fn offer(assessment: &Assessment, verdict: &Verdict) -> Option<String> {
    let words = of(assessment).filter(|_| *verdict == Verdict::Silent)?;
    shlex::try_join(words.iter().map(String::as_str)).ok()
}
