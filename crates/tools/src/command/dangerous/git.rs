//! What of git loses work or changes what others have.

use super::Words;

const OVERWRITES: &str = "it overwrites or removes what is on the other side";
const REWRITES: &str = "it rewrites history";
const LOSES: &str = "changes that are not committed are lost";

/// Why a call of git is dangerous, by its arguments.
pub(super) fn reason(words: &Words<'_>) -> Option<String> {
    let has = |options: &[&str]| words.has(options);
    let forces = has(&["--force"]) || words.has_letter("f") || words.has_beginning(&["--force"]);
    let pushes_over = || {
        let overwrites = |word: &&str| word.len() > 1 && (word.starts_with('+') || word.starts_with(':'));
        forces
            || words.0.iter().any(overwrites)
            || has(&["--force-with-lease", "--mirror", "--delete", "-d", "--prune"])
    };
    let why = match subcommand(words.0)? {
        "push" if pushes_over() => OVERWRITES,
        "reset" if has(&["--hard", "--merge", "--keep"]) || words.has_beginning(&["--hard"]) => LOSES,
        "clean" if forces => "it removes files that git does not know",
        "checkout" | "switch" if forces || has(&["--discard-changes"]) => LOSES,
        "checkout" | "restore" if has(&[".", "./", ":/"]) && !has(&["--staged", "-S"]) => LOSES,
        "filter-branch" | "filter-repo" => REWRITES,
        "reflog" if has(&["expire", "delete"]) => "it removes the way back",
        "gc" if has(&["--prune"]) => "it removes the way back",
        "update-ref" if has(&["-d"]) => "it removes a reference",
        "branch" if words.has_letter("D") || has(&["--delete"]) && forces => {
            "it removes a branch that may hold work"
        }
        "stash" if has(&["clear", "drop"]) => "it removes stashed work",
        "worktree" if has(&["remove"]) && forces => LOSES,
        _ => return None,
    };
    Some(why.to_owned())
}

/// The first word that is neither an option nor the value of one.
fn subcommand<'w>(words: &[&'w str]) -> Option<&'w str> {
    let mut rest = words;
    loop {
        rest = match rest {
            [
                "-c" | "-C" | "--git-dir" | "--work-tree" | "--exec-path" | "--namespace" | "--super-prefix"
                | "--config-env" | "--attr-source",
                _,
                rest @ ..,
            ] => rest,
            [word, rest @ ..] if word.starts_with('-') => rest,
            [word, ..] => return Some(word),
            [] => return None,
        };
    }
}
