//! What a command looks like from outside.
//!
//! Safe is only what is proved to change nothing: a plain line (`shell/plain.rs`) that both readers understand alike, each of its
//! commands of a short list, with options that are known to look only. Dangerous is what is known to destroy, found through
//! everything that the shell reader follows. Everything else is ordinary.
//!
//! Safe says nothing about what is read, and it trusts the user: their `PATH`, their shell's start-up files, the configuration
//! of their git.

mod git;
mod looking;

use super::dangerous;
use crate::shell::{Held, Inside, Plain, Script, plain, read_argv};
use agent_core::Class;
use std::path::{Path, PathBuf};

/// What is known of a command.
#[derive(Debug)]
pub(crate) struct Assessment {
    pub(crate) class: Class,
    /// Why it is dangerous.
    pub(crate) reason: Option<String>,
    /// All that was read.
    pub(crate) script: Script,
    /// The commands as given, where both readers understand them alike.
    pub(crate) plain: Option<Vec<Plain>>,
    /// Whether each of the plain commands is known to change nothing.
    pub(crate) looks: Vec<bool>,
    /// Whether git, where it is among the plain commands, works in the thread's own repository. What is safe or allowed must.
    pub(crate) trusts_git: bool,
    /// Where git looks for a repository, relative to where the command runs.
    repositories: Vec<PathBuf>,
}

/// Judges a command by its arguments.
pub(crate) fn assess(argv: &[String]) -> Assessment {
    let script = read_argv(argv);
    let plain = plain_commands(argv, &script);
    let (looks, repositories) = plain.as_deref().map(looking::all).unwrap_or_default();
    let mut reason = dangerous::reason(&script);
    if let (None, Some(_), [.., line]) = (&reason, &script.opaque, argv) {
        reason = dangerous::reason_by_words(line);
    }
    let safe = plain.is_some() && script.opaque.is_none() && looks.iter().all(|looks| *looks);
    let class = match (&reason, safe) {
        (Some(_), _) => Class::Dangerous,
        (None, true) => Class::Safe,
        (None, false) => Class::Ordinary,
    };
    Assessment { class, reason, script, plain, looks, trusts_git: repositories.is_empty(), repositories }
}

impl Assessment {
    /// Judges again with what is on the disk: git runs what a repository's configuration and hooks say, and a repository below the
    /// thread's directory may be one that the agent made. `root` is the thread's directory, `cwd` the command's.
    pub(crate) fn settle(&mut self, root: &Path, cwd: &Path) {
        self.trusts_git = self.repositories.iter().all(|place| is_trusted_repository(root, &cwd.join(place)));
        if !self.trusts_git && self.class == Class::Safe {
            self.class = Class::Ordinary;
            self.looks.fill(false);
        }
    }
}

/// Whether what git finds from here is the repository the thread works in, or nothing.
fn is_trusted_repository(root: &Path, from: &Path) -> bool {
    let (Ok(root), Ok(from)) = (root.canonicalize(), from.canonicalize()) else { return false };
    for folder in from.ancestors() {
        if folder.join(".git").symlink_metadata().is_ok() {
            return root.starts_with(folder);
        }
        // A bare repository is found too, and looks like any folder.
        if folder.join("HEAD").symlink_metadata().is_ok() && folder.join("objects").symlink_metadata().is_ok()
        {
            return false;
        }
    }
    true
}

/// The commands of a list of arguments, or of the line it gives to a shell.
fn plain_commands(argv: &[String], script: &Script) -> Option<Vec<Plain>> {
    match argv {
        [shell, flag, line] if is_line_for_shell(shell, flag) => {
            let commands = plain(line)?;
            agree(&commands, script).then_some(commands)
        }
        [program, ..] if !program.is_empty() => Some(vec![Plain::of(argv)]),
        _ => None,
    }
}

/// Whether the third argument is a line for a shell that this crate understands, and not for a program of the same name.
pub(crate) fn is_line_for_shell(shell: &str, flag: &str) -> bool {
    let name = ["/bin/", "/usr/bin/", "/usr/local/bin/", "/opt/homebrew/bin/"]
        .iter()
        .find_map(|folder| shell.strip_prefix(folder))
        .unwrap_or(shell);
    matches!(name, "bash" | "sh" | "dash") && matches!(flag, "-c" | "-lc" | "-cl")
}

/// Whether both readers saw the same commands, and redirections that write nothing.
fn agree(plain: &[Plain], script: &Script) -> bool {
    let line = Inside { command: 0, word: 2, held: Held::Line };
    let read: Vec<_> = script.commands.iter().filter(|command| command.inside == Some(line)).collect();
    let harmless = |target: &str| target == "/dev/null" || target.chars().all(|c| c.is_ascii_digit());
    read.len() == plain.len()
        && script.redirects.iter().all(|redirect| redirect.target.known().is_some_and(harmless))
        && read.iter().zip(plain).all(|(read, plain)| {
            read.sets.is_empty()
                && read.words.len() == plain.words.len()
                && read.words.iter().zip(&plain.words).all(|(read, plain)| read.known() == plain.text())
        })
}

#[cfg(test)]
#[path = "class_tests.rs"]
mod tests;
