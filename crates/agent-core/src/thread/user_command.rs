//! What the user runs with `!command`: beside any turn, outside the sandbox, and never told to the model.

use super::{Effect, EffectKind, Thread, machine::Machine};
use crate::protocol::{
    Access, CallId, Class, Containment, EffectId, EventKind, Grant, ItemDetail, ItemId, OutputStatus,
    Payload, Preparation, Repeat, Subject, ToolAnswer, ToolCall, ToolOutput, ToolRequest, TurnId, TurnItem,
    Verdict,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// So many run at once.
pub(super) const MAX_USER_COMMANDS: usize = 8;
/// How long one may run, in milliseconds.
const TIMEOUT_MS: u64 = 3_600_000;
/// One that certainly did not run is started again, up to this attempt.
const MAX_START_ATTEMPTS: u32 = 8;
/// The tool that runs it.
const TOOL: &str = "exec_command";

/// A command of the user that runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct UserCommand {
    item: ItemId,
    command: String,
    cwd: String,
}

impl UserCommand {
    fn detail(&self, output: Option<ToolOutput>) -> TurnItem {
        let detail = ItemDetail::UserCommand { command: self.command.clone(), cwd: self.cwd.clone(), output };
        TurnItem { id: self.item.clone(), detail }
    }
}

impl Thread {
    /// The request that runs a command of the user.
    pub(super) fn user_command_request(&self, effect: &Effect, call: &CallId) -> Option<ToolRequest> {
        let UserCommand { item, command, cwd } = self.user_commands.get(&effect.id)?.clone();
        let arguments = json!({ "cmd": command, "timeout_ms": TIMEOUT_MS }).to_string();
        Some(ToolRequest {
            key: self.key.clone(),
            turn: TurnId(self.turns),
            effect: effect.id,
            attempt: effect.attempt,
            call: ToolCall {
                id: call.clone(),
                item,
                name: TOOL.into(),
                payload: Payload::Function { arguments },
            },
            preparation: Preparation {
                access: Access::Mutating,
                repeat: Repeat::Never,
                class: Class::Ordinary,
                verdict: Verdict::Silent,
                containment: Containment::Contained,
                subject: Subject::Command { command: vec![command], cwd: cwd.clone() },
                digest: String::new(),
                timeout_ms: TIMEOUT_MS,
                justification: None,
                amendment: None,
            },
            grant: Grant::Unconfined,
            cwd,
            sandbox: self.settings.sandbox.clone(),
            amendment: None,
            reply: None,
            traceparent: None,
        })
    }
}

impl Machine<'_> {
    pub(super) fn run_for_user(&mut self, command: &str) {
        let call = CallId::new(format!("user_{}", self.thread.input_seq));
        let item = ItemId::of_input(self.thread.input_seq, 0);
        let run = UserCommand { item, command: command.to_owned(), cwd: self.thread.settings.cwd.clone() };
        self.event(EventKind::ItemStarted { item: run.detail(None) });
        let effect = self.start(EffectKind::UserCommand { call });
        self.thread.user_commands.insert(effect, run);
    }

    pub(super) fn user_command_answered(&mut self, effect: &Effect, answer: &ToolAnswer) {
        let output = match answer {
            ToolAnswer::Finished { output } | ToolAnswer::Cancelled { output } => output.clone(),
            ToolAnswer::NotStarted if effect.attempt < MAX_START_ATTEMPTS => {
                return self.start_attempt(Effect { attempt: effect.attempt + 1, ..effect.clone() });
            }
            ToolAnswer::NotStarted => ToolOutput::text(OutputStatus::Failed, "It could not be started."),
            ToolAnswer::Unknown { note } => ToolOutput::text(OutputStatus::Unknown, unknown(note)),
            ToolAnswer::Fatal { message } => ToolOutput::text(OutputStatus::Failed, message),
            ToolAnswer::Asks { .. } => ToolOutput::text(OutputStatus::Failed, "It asked something."),
        };
        self.user_command_done(effect.id, output);
    }

    /// It was asked to stop before it had started.
    pub(super) fn user_command_stopped(&mut self, effect: EffectId) {
        self.user_command_done(effect, ToolOutput::text(OutputStatus::Cancelled, "Stopped. It did not run."));
    }

    fn user_command_done(&mut self, effect: EffectId, output: ToolOutput) {
        if let Some(run) = self.thread.user_commands.remove(&effect) {
            self.event(EventKind::ItemCompleted { item: run.detail(Some(output)) });
        }
        if self.thread.turn.is_none() {
            self.stop_waiting();
        }
    }

    /// The command died with its process.
    pub(super) fn user_command_lost(
        &mut self,
        effect: &Effect,
        cancelling: bool,
        evidence: Option<&ToolAnswer>,
    ) {
        match evidence {
            Some(ToolAnswer::NotStarted) if cancelling => self.user_command_stopped(effect.id),
            Some(answer) => self.user_command_answered(effect, answer),
            None => {
                let output =
                    ToolOutput::text(OutputStatus::Unknown, unknown("nothing is known of what it did"));
                self.user_command_done(effect.id, output);
            }
        }
    }
}

fn unknown(note: &str) -> String {
    format!("The process died while this command ran ({note}). It was not run again.")
}
