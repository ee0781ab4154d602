//! [`Notify`]: the program that is told when a turn has ended, as Codex tells it.
//!
//! Source: developers.openai.com/codex, "notify": one JSON object as the last argument, with `type`, `thread-id`, `turn-id`,
//! `cwd`, `input-messages` and `last-assistant-message`.

use agent_core::{Content, HookPhase, HookRequest, HookedEnd, TurnEnd};
use serde::Serialize;
use std::{collections::BTreeMap, io, path::Path, process::Stdio, sync::Arc};
use tokio::process::Command;

/// The longest of the texts, in bytes. One argument of a program has at most 128 KiB on Linux.
const MAX_LAST_BYTES: usize = 24 * 1024;
const MAX_INPUT_BYTES: usize = 4 * 1024;
/// The most messages of the user.
const MAX_INPUTS: usize = 4;

/// The program that is told.
#[derive(Clone, Debug)]
pub struct Notify {
    program: String,
    arguments: Vec<String>,
    environment: Arc<BTreeMap<String, String>>,
}

/// What it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TurnEnded {
    #[serde(rename = "type")]
    kind: &'static str,
    thread_id: String,
    turn_id: String,
    cwd: String,
    input_messages: Vec<String>,
    last_assistant_message: Option<String>,
}

impl Notify {
    /// A program and its arguments; `None` where there is none. Its environment is what commands get.
    pub fn new(argv: &[String], environment: Arc<BTreeMap<String, String>>) -> Option<Self> {
        let (program, arguments) = argv.split_first()?;
        let program = program.trim();
        (!program.is_empty()).then(|| Self {
            program: program.to_owned(),
            arguments: arguments.to_vec(),
            environment,
        })
    }

    /// Starts the program and does not wait for it. It goes on when this process ends.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn turn_ended(&self, ended: &TurnEnded) -> io::Result<()> {
        let json = serde_json::to_string(ended)?;
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .arg(json)
            .env_clear()
            .envs(&*self.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        if Path::new(&ended.cwd).is_dir() {
            command.current_dir(&ended.cwd).env("PWD", &ended.cwd);
        }
        // Dropped, it is reaped when it ends, by whoever is left to do it.
        command.spawn().map(drop)
    }
}

impl TurnEnded {
    /// What is told of the end of a turn; `None` of any other point, and of a turn that was stopped.
    pub fn of(request: &HookRequest) -> Option<Self> {
        let (HookPhase::PostTurn, Some(HookedEnd::Completed(end))) = (request.phase, &request.end) else {
            return None;
        };
        let text = |content: &Content| match content {
            Content::Text { text } => Some(cut(text, MAX_INPUT_BYTES)),
            _ => None,
        };
        let last = match end {
            TurnEnd::Final { message } => message.as_deref().map(|message| cut(message, MAX_LAST_BYTES)),
            _ => None,
        };
        Some(Self {
            kind: "agent-turn-complete",
            thread_id: request.key.thread.to_string(),
            turn_id: request.turn.to_string(),
            cwd: request.cwd.clone(),
            input_messages: request.prompt.iter().filter_map(text).take(MAX_INPUTS).collect(),
            last_assistant_message: last,
        })
    }
}

/// The beginning of a text. A NUL, which no argument can have, goes.
fn cut(text: &str, max_bytes: usize) -> String {
    let mut end = text.len().min(max_bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let more = if end < text.len() { "…" } else { "" };
    text.get(..end).unwrap_or_default().replace('\0', "") + more
}
