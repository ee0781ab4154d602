//! A record and a state, as people and programs are shown them.

use crate::view::clean_line;
use agent_core::{Again, Answer, Command, Event, Input, ThreadView};
use serde::Serialize;
use serde_json::{Value, json};

/// Characters of JSON in one line; `--json` has all of it.
const SHOWN_CHARS: usize = 240;

/// Everything about a record.
pub(super) fn json(again: &Again) -> Value {
    let record = again.record();
    let mut said = json!({
        "record": record.seq,
        "at_ms": record.at_ms,
        "rules": record.rules,
        "input": record.input,
        "events": again.events,
        "effects": again.commands,
        "same": again.is_same(),
    });
    if !again.is_same() {
        said["recorded_events"] = json!(again.recorded.events);
    }
    said
}

/// A record, its events and effects.
pub(super) fn lines(again: &Again) -> Vec<String> {
    let record = again.record();
    let mut lines = vec![format!(
        "#{}  {}  (rules {}, at {} ms)",
        record.seq,
        name(&record.input),
        record.rules,
        record.at_ms
    )];
    lines.push(format!("  input    {}", short(&record.input)));
    let label = |first: bool, label: &'static str| if first { label } else { "" };
    if again.is_same() {
        for (index, event) in again.events.iter().enumerate() {
            lines.push(format!("  {:<8} {}", label(index == 0, "events"), event_line(event)));
        }
    } else {
        lines.extend(difference(again));
    }
    for (index, command) in again.commands.iter().enumerate() {
        lines.push(format!("  {:<8} {}", label(index == 0, "effects"), command_line(command)));
    }
    lines
}

/// Recorded and now, from the first event on that differs.
fn difference(again: &Again) -> Vec<String> {
    let Some((at, was, is)) = again.first_difference() else { return Vec::new() };
    let mut lines = Vec::new();
    if at > 0 {
        lines.push(format!("  events   the first {at} are the same"));
    }
    let none = || "nothing more".to_owned();
    lines.push(format!("  recorded {}", was.map_or_else(none, event_line)));
    lines.push(format!("  now      {}", is.map_or_else(none, event_line)));
    lines
}

/// The state after a record.
pub(super) fn state(view: &ThreadView) -> Vec<String> {
    let turn = match (view.turn, view.phase) {
        (Some(turn), Some(phase)) => format!("turn {turn} runs: {phase}"),
        _ => format!("no turn runs; {} so far", view.turns),
    };
    let cost = view.cost_microusd.filter(|cost| *cost > 0);
    let cost = cost.map_or_else(String::new, |cost| format!(", {:.4} USD", cost as f64 / 1e6));
    let mut lines = vec![
        format!(
            "after record {} and event {}: {}, rules {}",
            view.input_seq, view.event_seq, view.life, view.rules
        ),
        format!("  {turn}"),
        format!("  model    {}", clean_line(&view.model)),
        format!(
            "  tokens   {} in ({} cached), {} out{cost}; about {} in the context",
            view.usage.input, view.usage.cached, view.usage.output, view.context_tokens
        ),
    ];
    for running in &view.running {
        let stopping = if running.cancelling { ", asked to stop" } else { "" };
        lines.push(format!(
            "  running  effect {} (attempt {}{stopping}): {}",
            running.effect,
            running.attempt,
            short(&running.kind)
        ));
    }
    for call in &view.calls {
        lines.push(format!("  call     {} {}: {}", call.call, clean_line(&call.tool), call.stage));
    }
    for question in &view.pending {
        lines.push(format!("  pending  {question}"));
    }
    if view.queued > 0 {
        lines.push(format!("  queued   {} inputs", view.queued));
    }
    if view.archived_items > 0 {
        lines.push(format!("  items    {} are kept elsewhere", view.archived_items));
    }
    for (index, item) in view.items.iter().enumerate() {
        lines.push(format!("  item {index:>3} {}: {}", item.kind, clean_line(&item.text)));
    }
    lines
}

fn name(input: &Input) -> String {
    match input {
        Input::Opened(_) => "the thread begins".into(),
        Input::Resumed => "resumed".into(),
        Input::Moved { from, to } => format!("moved from {from} to {to}"),
        Input::Submitted(submission) => {
            format!("op {} by {}", submission.op.name(), clean_line(&submission.actor))
        }
        Input::Answered { effect, attempt, answer } => {
            format!("answer of effect {effect}, attempt {attempt}: {}", answer_name(answer))
        }
        Input::Lost { effect, attempt, .. } => format!("effect {effect}, attempt {attempt}, was lost"),
    }
}

fn answer_name(answer: &Answer) -> &'static str {
    match answer {
        Answer::Model { .. } => "model",
        Answer::Prepared { .. } => "preparation",
        Answer::Tool { .. } => "tool",
        Answer::Collected { .. } => "tools that there are",
        Answer::Snapshot { .. } => "snapshot",
        Answer::Restored { .. } => "restore",
        Answer::Hooked { .. } => "hooks",
        Answer::Due => "due",
        Answer::Cancelled => "cancelled",
        Answer::NotServed => "not served",
    }
}

fn event_line(event: &Event) -> String {
    format!("{} {}", event.seq, short(&event.kind))
}

fn command_line(command: &Command) -> String {
    match command {
        Command::Start(effect) => {
            format!("start {} (attempt {}): {}", effect.id, effect.attempt, short(&effect.kind))
        }
        Command::Cancel(effect) => format!("stop {effect}"),
    }
}

/// JSON on one line, its beginning.
pub(super) fn short(value: &impl Serialize) -> String {
    let text = serde_json::to_string(value).unwrap_or_default();
    let mut shown: String = text.chars().take(SHOWN_CHARS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    clean_line(&shown)
}
