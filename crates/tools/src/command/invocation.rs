//! From arguments to what is really to be run.

use super::{
    DEFAULT_TIMEOUT_MS, EXEC_COMMAND, EXEC_COMMAND_FIELDS, SHELL, SHELL_FIELDS, escalation::justification,
};
use crate::{arguments::Arguments, session::Opening};
use std::path::Path;

const BASH: &str = "/bin/bash";
const SH: &str = "/bin/sh";

/// What a call asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Invocation {
    /// A program.
    Command {
        argv: Vec<String>,
        cwd: String,
        timeout_ms: u64,
        session: Option<Opening>,
        /// Why it wants to run outside of the sandbox, where it does.
        justification: Option<String>,
    },
    /// A patch, written as a command.
    Patch { text: String, cwd: String },
}

impl Invocation {
    /// Of the arguments of `exec_command`.
    pub(super) fn of_line(arguments: &str, cwd: &str) -> Result<Self, String> {
        let arguments = Arguments::read(EXEC_COMMAND, EXEC_COMMAND_FIELDS, arguments)?;
        let line = arguments.required("cmd");
        if line.trim().is_empty() {
            return Err(format!("{EXEC_COMMAND}: `cmd` is empty. Expected a line for the shell."));
        }
        let cwd = workdir(&arguments, cwd);
        if is_patch_script(line) {
            return Ok(Self::Patch { text: line.to_owned(), cwd });
        }
        let shell = if Path::new(BASH).exists() { BASH } else { SH };
        let argv = vec![shell.to_owned(), "-c".to_owned(), line.to_owned()];
        let (session, justification) = (Opening::of(&arguments), justification(EXEC_COMMAND, &arguments)?);
        Ok(Self::Command { argv, cwd, timeout_ms: timeout(&arguments), session, justification })
    }

    /// Of the arguments of `shell`.
    pub(super) fn of_list(arguments: &str, cwd: &str) -> Result<Self, String> {
        let arguments = Arguments::read(SHELL, SHELL_FIELDS, arguments)?;
        let argv = arguments.texts("command");
        let cwd = workdir(&arguments, cwd);
        match argv.as_slice() {
            [program, ..] if program.is_empty() => {
                Err(format!("{SHELL}: the first string of `command`, the program, is empty."))
            }
            [program, text] if is_patch_command(program) => Ok(Self::Patch { text: text.clone(), cwd }),
            [shell, flag, script] if is_shell(shell, flag) && is_patch_script(script) => {
                Ok(Self::Patch { text: script.clone(), cwd })
            }
            _ => {
                let justification = justification(SHELL, &arguments)?;
                Ok(Self::Command { argv, cwd, timeout_ms: timeout(&arguments), session: None, justification })
            }
        }
    }
}

/// Whether these are the first two arguments of a shell that runs the third.
pub(super) fn is_shell(program: &str, flag: &str) -> bool {
    let name = program.rsplit('/').next().unwrap_or(program);
    matches!(name, "bash" | "sh" | "zsh" | "dash") && matches!(flag, "-c" | "-lc" | "-cl")
}

fn is_patch_command(word: &str) -> bool {
    matches!(word, "apply_patch" | "applypatch")
}

/// Whether a script is nothing but `apply_patch` with a here-document, perhaps after `cd dir &&`. What follows the first
/// line is for the patch engine to judge: in a shell, which has no such command, it could only fail.
fn is_patch_script(script: &str) -> bool {
    let Some(words) = script.trim_start().lines().next().and_then(shlex::split) else { return false };
    let words = match words.as_slice() {
        [cd, _, and, rest @ ..] if cd == "cd" && and == "&&" => rest,
        all => all,
    };
    matches!(words, [command, redirect, ..] if is_patch_command(command) && redirect.starts_with("<<"))
}

/// Where the call works.
fn workdir(arguments: &Arguments, cwd: &str) -> String {
    match arguments.text("workdir") {
        None | Some("") => cwd.to_owned(),
        Some(workdir) => Path::new(cwd).join(workdir).to_string_lossy().into_owned(),
    }
}

fn timeout(arguments: &Arguments) -> u64 {
    arguments.whole("timeout_ms").unwrap_or(DEFAULT_TIMEOUT_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("apply_patch <<'EOF'\n*** Begin Patch\n", true)]
    #[case("\n  apply_patch << EOF\n", true)]
    #[case("cd 'a b' && applypatch <<\"EOF\"\n", true)]
    #[case("apply_patch < file", false)]
    #[case("apply_patch 'text'", false)]
    #[case("echo apply_patch <<'EOF'\n", false)]
    #[case("ls; apply_patch <<'EOF'\n", false)]
    #[case("apply_patch <<'EOF", false)]
    fn patch_scripts_are_known_by_their_first_line(#[case] script: &str, #[case] expected: bool) {
        assert_eq!(is_patch_script(script), expected);
    }

    #[test]
    fn a_line_becomes_an_argument_of_the_shell() {
        let invocation = Invocation::of_line(r#"{"cmd":"ls | wc","workdir":"sub","timeout_ms":5}"#, "/base");
        let argv = vec![BASH.to_owned(), "-c".to_owned(), "ls | wc".to_owned()];
        let expected = Invocation::Command {
            argv,
            cwd: "/base/sub".into(),
            timeout_ms: 5,
            session: None,
            justification: None,
        };
        assert_eq!(invocation, Ok(expected));
    }

    #[test]
    fn a_list_stays_a_list() {
        let invocation = Invocation::of_list(r#"{"command":["ls","a b"],"workdir":"/abs"}"#, "/base");
        let argv = vec!["ls".to_owned(), "a b".to_owned()];
        let timeout_ms = DEFAULT_TIMEOUT_MS;
        let expected =
            Invocation::Command { argv, cwd: "/abs".into(), timeout_ms, session: None, justification: None };
        assert_eq!(invocation, Ok(expected));
    }

    #[rstest]
    #[case(r#"{"command":["apply_patch","*** Begin Patch"]}"#, "*** Begin Patch")]
    #[case(r#"{"command":["/bin/bash","-lc","apply_patch <<'E'\nx\nE"]}"#, "apply_patch <<'E'\nx\nE")]
    fn patches_in_lists_are_found(#[case] arguments: &str, #[case] text: &str) {
        let patch = Invocation::Patch { text: text.to_owned(), cwd: "/base".into() };
        assert_eq!(Invocation::of_list(arguments, "/base"), Ok(patch));
    }
}
