//! Commands known to destroy things. Found by looking at words, not by understanding the shell: this only decides whether
//! somebody is asked who would not be asked otherwise.

use super::invocation::is_shell;

/// How deep shells within shells are looked into.
const MAX_DEPTH: usize = 4;
/// Programs that are dangerous whatever they are told.
const ALWAYS: [&str; 15] = [
    "sudo",
    "su",
    "doas",
    "pkexec",
    "shutdown",
    "reboot",
    "halt",
    "poweroff",
    "wipefs",
    "fdisk",
    "sfdisk",
    "parted",
    "shred",
    "mkswap",
    "blkdiscard",
];
/// Programs that run the command after them.
const WRAPPERS: [&str; 12] =
    ["env", "nohup", "time", "exec", "command", "builtin", "nice", "ionice", "xargs", "then", "do", "else"];
/// What separates commands in a line.
const SEPARATORS: &[char] = &[';', '|', '&', '(', ')', '{', '}', '\n', '`'];

pub(super) fn is_dangerous(argv: &[String]) -> bool {
    let words: Vec<&str> = argv.iter().map(String::as_str).collect();
    command(&words, MAX_DEPTH)
}

fn command(words: &[&str], depth: usize) -> bool {
    let [program, rest @ ..] = words else { return false };
    let name = program.rsplit('/').next().unwrap_or(program);
    if let [flag, script, ..] = rest
        && is_shell(name, flag)
    {
        return depth > 0 && line(script, depth - 1);
    }
    if WRAPPERS.contains(&name) || is_assignment(name) {
        // Options of the wrapper are passed over; where they have values, those are looked at as commands too.
        let inner = rest.iter().position(|word| !word.starts_with('-')).unwrap_or(rest.len());
        return depth > 0 && command(&rest[inner..], depth - 1);
    }
    let has = |option: &str| rest.contains(&option);
    let has_short = |letter: char| {
        rest.iter().any(|word| word.starts_with('-') && !word.starts_with("--") && word.contains(letter))
    };
    match name {
        "rm" => has_short('r') || has_short('R') || has_short('f') || has("--recursive") || has("--force"),
        "dd" => rest.iter().any(|word| word.starts_with("of=/dev/")),
        "git" => git(rest),
        "chmod" | "chown" | "chgrp" => {
            (has_short('R') || has("--recursive")) && rest.iter().any(|word| is_root_or_home(word))
        }
        "kill" => has("-1"),
        "find" => has("-delete"),
        "crontab" => has_short('r'),
        _ => ALWAYS.contains(&name) || name.starts_with("mkfs"),
    }
}

fn git(words: &[&str]) -> bool {
    let has = |option: &str| words.iter().any(|word| word.split('=').next() == Some(option));
    let forces = has("--force") || has("-f");
    if words.contains(&"push") {
        let overwrites = words.iter().any(|word| word.len() > 1 && word.starts_with('+'));
        return forces
            || overwrites
            || has("--force-with-lease")
            || has("--mirror")
            || has("--delete")
            || has("-d");
    }
    words.contains(&"reset") && has("--hard")
        || words.contains(&"clean") && words.iter().any(|word| word.starts_with('-') && word.contains('f'))
        || words.contains(&"filter-branch")
}

fn is_root_or_home(word: &str) -> bool {
    matches!(word, "/" | "/*" | "~" | "~/" | "$HOME")
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

/// A line for a shell. Quotes are looked into, not understood: a dangerous text in an argument counts.
fn line(text: &str, depth: usize) -> bool {
    if text.contains(":(){") || text.contains(":|:") || writes_device(text) || pipes_to_shell(text) {
        return true;
    }
    text.split(SEPARATORS).any(|part| {
        let split = shlex::split(part);
        let words: Vec<&str> = match &split {
            Some(words) => words.iter().map(String::as_str).collect(),
            None => part.split_whitespace().map(|word| word.trim_matches(['"', '\''])).collect(),
        };
        command(&words, depth)
    })
}

/// A redirection into a disk.
fn writes_device(text: &str) -> bool {
    text.match_indices('>').any(|(at, _)| {
        let target = text[at + 1..].trim_start_matches(['>', '|', ' ']);
        ["/dev/sd", "/dev/nvme", "/dev/hd", "/dev/vd", "/dev/mapper", "/dev/disk"]
            .iter()
            .any(|disk| target.starts_with(disk))
    })
}

/// Something fetched and run unseen.
fn pipes_to_shell(text: &str) -> bool {
    let mut parts = text.split('|').map(|part| part.split_whitespace().next().unwrap_or(""));
    let mut fetched = false;
    parts.any(|program| {
        let runs = matches!(program, "sh" | "bash" | "zsh" | "dash");
        fetched |= matches!(program, "curl" | "wget");
        fetched && runs
    })
}
