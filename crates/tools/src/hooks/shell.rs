//! [`ShellHook`]: a program that is a hook. It gets the request as JSON on standard input and answers with its exit code: 0 goes
//! on, 2 blocks with standard error as the reason, anything else is a note.
//!
//! It runs outside of the sandbox, with the rights of the user: whoever may configure it may run programs anyway. Its
//! environment is what commands get, so no key reaches it.

use super::{
    HookAnswer, TurnHook,
    answer::shortened,
    process::{Ran, Run},
};
use agent_core::{HookPhase, HookRequest};
use async_trait::async_trait;
use globset::{Glob, GlobMatcher};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// The exit code that blocks.
const BLOCK: i32 = 2;
/// What reads a line.
const SHELL: &str = "/bin/sh";

/// What a hook runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookCommand {
    /// A program and its arguments.
    Argv(Vec<String>),
    /// A line for `/bin/sh`.
    Line(String),
}

/// A program that is a hook.
#[derive(Debug)]
pub struct ShellHook {
    /// How messages call it.
    pub name: String,
    /// When it runs.
    pub phase: HookPhase,
    /// What it runs, in the directory of the thread.
    pub command: HookCommand,
    /// The tools around whose calls it runs; `*` is any text. All where it is empty.
    pub tools: Vec<String>,
    /// It runs for threads that work below this folder only.
    pub cwd_prefix: Option<PathBuf>,
    /// How long it is waited for. Then it is killed with all that it started.
    pub timeout: Duration,
    /// All of its environment.
    pub environment: Arc<BTreeMap<String, String>>,
}

#[async_trait]
impl TurnHook for ShellHook {
    fn name(&self) -> &str {
        &self.name
    }

    fn fits(&self, request: &HookRequest) -> bool {
        let named = |tool: &str| self.tools.iter().any(|pattern| fits(pattern, tool));
        let is_tool = match &request.tool {
            Some(hooked) => self.tools.is_empty() || named(&hooked.call.name),
            None => true,
        };
        self.phase == request.phase && is_tool && self.is_below(Path::new(&request.cwd))
    }

    async fn run(&self, request: &HookRequest) -> HookAnswer {
        let input = match serde_json::to_vec(request) {
            Ok(input) => input,
            Err(error) => {
                return HookAnswer::note(format!("it was not asked: its request is no JSON: {error}"));
            }
        };
        let (program, arguments) = self.words();
        let run = Run {
            program,
            arguments,
            cwd: &request.cwd,
            environment: &self.environment,
            input,
            within: self.timeout,
        };
        let ms = self.timeout.as_millis();
        match run.run().await {
            Ran::NotStarted(error) => {
                HookAnswer::note(format!("{program:?} cannot be started: {error}; it was not asked"))
            }
            Ran::Hung { survivors } => {
                let left = match survivors {
                    0 => "was killed".to_owned(),
                    left => format!("was killed, and {left} of its processes do not end"),
                };
                HookAnswer::note(format!(
                    "it did not answer within {ms} ms and {left}; timeout_ms gives it longer"
                ))
            }
            Ran::Ended { code: Some(0), output: Some(output), .. } => HookAnswer::of_output(&output),
            Ran::Ended { code: Some(0), output: None, .. } => HookAnswer::note(
                "it wrote more to standard output than an answer may have, and that is ignored",
            ),
            Ran::Ended { code: Some(BLOCK), errors, .. } => HookAnswer::block(match errors.trim() {
                "" => "it gave no reason",
                reason => reason,
            }),
            Ran::Ended { code, errors, .. } => {
                let how = match code {
                    Some(code) => format!("it ended with code {code}"),
                    None => "it was ended by a signal".to_owned(),
                };
                let said = shortened(&errors);
                let said = if said.is_empty() { said } else { format!(": {said}") };
                HookAnswer::note(format!(
                    "{how}, which neither goes on (0) nor blocks ({BLOCK}), so it goes on{said}"
                ))
            }
        }
    }
}

impl ShellHook {
    fn words(&self) -> (&str, Vec<&str>) {
        match &self.command {
            HookCommand::Line(line) => (SHELL, vec!["-c", line]),
            HookCommand::Argv(words) => match words.split_first() {
                Some((program, arguments)) => (program, arguments.iter().map(String::as_str).collect()),
                None => ("", Vec::new()),
            },
        }
    }

    /// The folder may be written with a link in it.
    fn is_below(&self, cwd: &Path) -> bool {
        let Some(prefix) = &self.cwd_prefix else { return true };
        cwd.starts_with(prefix) || prefix.canonicalize().is_ok_and(|prefix| cwd.starts_with(prefix))
    }
}

/// Whether a name is one that a pattern stands for. What is no pattern is a name.
fn fits(pattern: &str, name: &str) -> bool {
    let matcher: Option<GlobMatcher> = Glob::new(pattern).ok().map(|glob| glob.compile_matcher());
    matcher.map_or(pattern == name, |matcher| matcher.is_match(name))
}

#[cfg(test)]
#[path = "shell_tests.rs"]
mod tests;
