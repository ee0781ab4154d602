//! [`ThreadView`]: what a thread is at one moment, for people who look into its past.

use super::{
    EffectKind, Life, Running, Thread,
    turn::{Phase, Stage},
};
use crate::protocol::{CallId, EffectId, InteractionId, Item, TokenUsage, TurnId};
use serde::Serialize;

/// An item's beginning is shown, so many characters of it.
const SHOWN_CHARS: usize = 120;

/// A thread at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ThreadView {
    /// The last input.
    pub input_seq: u64,
    /// The last event.
    pub event_seq: u64,
    /// The rules it keeps to.
    pub rules: u32,
    /// `new`, `open`, `closing` or `closed`.
    pub life: &'static str,
    /// The turn that runs.
    pub turn: Option<TurnId>,
    /// What that turn is at.
    pub phase: Option<&'static str>,
    /// The turns so far.
    pub turns: u32,
    /// What is in flight.
    pub running: Vec<RunningView>,
    /// The calls of the step.
    pub calls: Vec<CallView>,
    /// The questions that wait.
    pub pending: Vec<InteractionId>,
    /// What was said and waits for the turn, or the next one.
    pub queued: usize,
    /// The model.
    pub model: String,
    /// Spent so far.
    pub usage: TokenUsage,
    /// Money spent so far, in millionths of a US dollar, where the price is known.
    pub cost_microusd: Option<u64>,
    /// About how much of the window the conversation fills.
    pub context_tokens: u64,
    /// Changes whenever earlier items do.
    pub epoch: u32,
    /// Items that are kept elsewhere.
    pub archived_items: u64,
    /// The conversation, each item by its kind and beginning.
    pub items: Vec<ItemView>,
}

/// An effect in flight.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunningView {
    /// Which.
    pub effect: EffectId,
    /// Which attempt of it.
    pub attempt: u32,
    /// What.
    pub kind: EffectKind,
    /// Whether it was asked to stop.
    pub cancelling: bool,
}

/// A call of the step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CallView {
    /// Which.
    pub call: CallId,
    /// The tool.
    pub tool: String,
    /// How far it is.
    pub stage: &'static str,
}

/// An item, shortly.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ItemView {
    /// As in the conversation: `user`, `agent`, `call` …
    pub kind: String,
    /// The beginning of what it says.
    pub text: String,
}

impl Thread {
    /// What it is now.
    pub fn view(&self) -> ThreadView {
        let turn = self.turn.as_ref();
        let call = |call: &super::turn::Call| CallView {
            call: call.call.id.clone(),
            tool: call.call.name.clone(),
            stage: stage(&call.stage),
        };
        let running = |running: &Running| RunningView {
            effect: running.effect.id,
            attempt: running.effect.attempt,
            kind: running.effect.kind.clone(),
            cancelling: running.cancelling,
        };
        ThreadView {
            input_seq: self.input_seq,
            event_seq: self.event_seq,
            rules: self.rules,
            life: life(self.life),
            turn: self.current_turn(),
            phase: turn.map(|turn| phase(&turn.phase)),
            turns: self.turns,
            running: self.running.values().map(running).collect(),
            calls: self.calls().iter().map(call).collect(),
            pending: self.pending.keys().cloned().collect(),
            queued: self.queue.len(),
            model: self.settings.model.clone(),
            usage: self.usage,
            cost_microusd: self.cost_microusd(),
            context_tokens: self.context_tokens(),
            epoch: self.epoch,
            archived_items: self.archived.iter().map(|part| part.items).sum(),
            items: self.items.iter().map(|item| item_view(item)).collect(),
        }
    }
}

fn life(life: Life) -> &'static str {
    match life {
        Life::New => "new",
        Life::Open => "open",
        Life::Closing => "closing",
        Life::Closed => "closed",
    }
}

fn phase(phase: &Phase) -> &'static str {
    match phase {
        Phase::Between => "between steps",
        Phase::Sampling { .. } => "asking the model",
        Phase::BackingOff { .. } => "waiting to ask the model again",
        Phase::Summarising { .. } => "asking for a summary",
        Phase::Hooking { .. } => "running hooks",
        Phase::Collecting { .. } => "looking which tools there are",
        Phase::Acting { .. } => "working on calls",
    }
}

fn item_view(item: &Item) -> ItemView {
    let value = serde_json::to_value(item).unwrap_or_default();
    let kind = value.get("type").and_then(|kind| kind.as_str()).unwrap_or("item").to_owned();
    let rest = match value {
        serde_json::Value::Object(mut fields) => {
            fields.remove("type");
            // One text alone is shown as it is.
            match fields.get("text").and_then(|text| text.as_str()) {
                Some(text) => text.to_owned(),
                None => serde_json::Value::Object(fields).to_string(),
            }
        }
        other => other.to_string(),
    };
    let mut text: String = rest.chars().take(SHOWN_CHARS).collect();
    if text.len() < rest.len() {
        text.push('…');
    }
    ItemView { kind, text }
}

fn stage(stage: &Stage) -> &'static str {
    match stage {
        Stage::New => "waiting for its turn",
        Stage::Preparing { .. } => "being looked at",
        Stage::Asking { .. } => "asking you",
        Stage::Ready { .. } => "may run",
        Stage::Hooking { .. } => "hooks before it run",
        Stage::Running { .. } => "running",
        Stage::Ran { .. } => "hooks after it run",
        Stage::Done { .. } => "done",
    }
}
