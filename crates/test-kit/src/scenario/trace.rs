//! [`Trace`]: what happened, without what differs from run to run.

use super::play::number;
use agent_core::{
    CallDecision, Content, Event, EventKind, InteractionOutcome, ItemDetail, ItemId, ReviewOutcome, TurnItem,
};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// What happened, comparable between backends and between runs with and without a crash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Trace {
    /// What is no item, in order.
    pub thread: Vec<String>,
    /// Each item and what became of it, in the order of the conversation.
    pub items: Vec<String>,
    /// What was decided of each call: whether it runs, who says so, how far it may go. In the order of the calls, and of one
    /// call in the order of the decisions.
    pub decisions: Vec<String>,
}

impl Trace {
    /// The trace of a thread's events. Retries and token counts are left out: a crash may add to them.
    pub fn of(events: &[Event]) -> Self {
        let mut trace = Self::default();
        let mut items = BTreeMap::new();
        let mut decisions = Vec::new();
        for event in events {
            match &event.kind {
                EventKind::ThreadStarted { .. }
                | EventKind::ItemStarted { .. }
                | EventKind::TokenCount { .. }
                | EventKind::ModelRetry { .. }
                | EventKind::ToolRetry { .. } => {}
                EventKind::CallDecided(decision) => {
                    decisions.push((number(&decision.call), decided(decision)))
                }
                EventKind::ItemCompleted { item } => {
                    items.insert(order(&item.id), describe(item));
                }
                kind => trace.thread.push(name(kind)),
            }
        }
        trace.items = items.into_values().collect();
        decisions.sort_by_key(|(call, _)| *call);
        trace.decisions = decisions.into_iter().map(|(_, decision)| decision).collect();
        trace
    }
}

/// For example `allowed by policy, sandboxed`.
fn decided(decision: &CallDecision) -> String {
    let CallDecision { ruling, by, grant, .. } = decision;
    let word =
        |value: serde_json::Result<Value>| value.unwrap_or_default().as_str().unwrap_or_default().to_owned();
    let grant = grant.map(|grant| format!(", {}", word(serde_json::to_value(grant)))).unwrap_or_default();
    format!("{} by {by}{grant}", word(serde_json::to_value(ruling)))
}

/// The name of an event, with how the turn ended if it did.
pub(super) fn name(kind: &EventKind) -> String {
    let value = serde_json::to_value(kind).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let name = text(&value["event"]);
    match kind {
        EventKind::TurnCompleted { .. } => format!("{name}: {}", text(&value["end"]["type"])),
        EventKind::ContextCompacted { .. } => format!("{name}: {}", text(&value["trigger"])),
        EventKind::ExitedReviewMode { .. } => format!("{name}: {}", text(&value["outcome"]["type"])),
        EventKind::TurnAborted { .. } => format!("{name}: {}", text(&value["reason"])),
        EventKind::InteractionResolved { outcome, .. } => {
            let how = &value["outcome"];
            let how = how.as_str().or_else(|| how.as_object()?.keys().next().map(String::as_str));
            match outcome {
                InteractionOutcome::Answered(_) => name,
                _ => format!("{name}: {}", how.unwrap_or_default()),
            }
        }
        _ => name,
    }
}

/// The numbers in an item's id: they order the items of effects by effect and place, and those of inputs by input. What comes
/// with an item has its numbers and a name of its own.
fn order(id: &ItemId) -> (bool, Vec<u64>, String) {
    let from_effect = !id.as_str().contains("in");
    let numbers = id.as_str().split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok());
    let name = id.as_str().trim_start_matches("item").chars().filter(|c| c.is_ascii_alphabetic());
    (from_effect, numbers.collect(), name.collect())
}

fn describe(item: &TurnItem) -> String {
    let value = serde_json::to_value(&item.detail).unwrap_or_default();
    let status = value["output"]["status"].as_str().unwrap_or_default();
    let text = |content: &[Content]| {
        content
            .iter()
            .filter_map(|part| match part {
                Content::Text { text } => Some(text.as_str()),
                _ => None,
            })
            .collect::<String>()
    };
    match &item.detail {
        ItemDetail::UserMessage { content } => format!("user_message: {}", text(content)),
        ItemDetail::AgentMessage { text, cut: false } => format!("agent_message: {text}"),
        ItemDetail::AgentMessage { text, cut: true } => format!("agent_message: {text} (cut)"),
        ItemDetail::Reasoning { .. } => "reasoning".into(),
        ItemDetail::Compaction { summary } if summary.is_empty() => "compaction: none".into(),
        ItemDetail::Compaction { .. } => "compaction: done".into(),
        ItemDetail::ProposedPlan { text } => format!("proposed_plan: {text}"),
        ItemDetail::Review { outcome: ReviewOutcome::Completed { review } } => {
            format!("review: {} findings, {}", review.findings.len(), review.overall_correctness)
        }
        ItemDetail::Review { .. } => "review: interrupted".into(),
        _ => format!("{}: {status}", value["type"].as_str().unwrap_or_default()),
    }
}
