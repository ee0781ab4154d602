//! [`HookEntry`]: a program that runs at a point of a turn, as it is configured. `tools::hooks` runs it.

use crate::Layer;
use agent_core::HookPhase;
use std::path::{Path, PathBuf};

/// The longest name that is made of a command, in letters.
const MAX_NAME_CHARS: usize = 40;

/// One hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookEntry {
    /// How messages call it: `name`, else what it runs.
    pub name: String,
    /// When it runs.
    pub phase: HookPhase,
    /// What is run.
    pub command: HookCommand,
    /// The tools around whose calls it runs, by name or with `*`; all where it is empty. Other phases have no tools.
    pub tools: Vec<String>,
    /// It runs for threads that work below this folder only; absolute.
    pub cwd_prefix: Option<PathBuf>,
    /// How long it is waited for, in milliseconds.
    pub timeout_ms: u64,
    /// Which layer it is from.
    pub layer: Layer,
}

/// What a hook runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookCommand {
    /// A program and its arguments.
    Argv(Vec<String>),
    /// A line for `/bin/sh`.
    Line(String),
}

impl HookCommand {
    /// A name for a hook that has none.
    pub(crate) fn name(&self) -> String {
        let text = match self {
            Self::Argv(words) => {
                let program = words.first().map(String::as_str).unwrap_or_default();
                let file = Path::new(program).file_name().map(|name| name.to_string_lossy().into_owned());
                file.unwrap_or_else(|| program.to_owned())
            }
            Self::Line(line) => line.lines().next().unwrap_or_default().to_owned(),
        };
        match text.char_indices().nth(MAX_NAME_CHARS) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    }
}
