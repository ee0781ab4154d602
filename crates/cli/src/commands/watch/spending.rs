//! What a thread runs under, what is left of the model's window, and what was spent of its budget.

use crate::{
    backend::Place,
    exit::Failure,
    view::{clean_line, dollars_exactly, number, percent},
};
use agent_core::{Budget, EventKind, Mode, Settings, TokenUsage, Undo};

/// So many events are looked through at once for the last count, from the end.
const PAGE: u64 = 200;

/// What the last model call told.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    total: TokenUsage,
    /// Tokens left of the window, and the window.
    context: Option<(u64, u64)>,
    cost_microusd: Option<u64>,
}

/// The last count before this event; none where no model was asked yet.
pub(super) async fn last_count(place: &Place, last_event: u64) -> Result<Option<Count>, Failure> {
    let mut to = last_event;
    while to > 0 {
        let from = to.saturating_sub(PAGE);
        let mut found = None;
        for event in place.events(from).await?.iter().take_while(|event| event.seq <= to) {
            if let EventKind::TokenCount { total, context_window, context_left, cost_microusd, .. } =
                &event.kind
            {
                let context = context_left.zip(*context_window);
                found = Some(Count { total: *total, context, cost_microusd: *cost_microusd });
            }
        }
        if found.is_some() {
            return Ok(found);
        }
        to = from;
    }
    Ok(None)
}

/// All of it, a line each.
pub(super) fn lines(settings: &Settings, count: Option<Count>) -> Vec<(&'static str, String)> {
    let mut lines = vec![("mode", mode(settings.mode).to_owned())];
    if let Some(name) = &settings.personality {
        lines.push(("manner", clean_line(name)));
    }
    if settings.undo == Undo::Off {
        lines.push(("undo", "off: turns cannot be taken back with their files".to_owned()));
    }
    let count = count.unwrap_or_default();
    match (count.context, settings.context_window) {
        (Some((left, window)), _) if window > 0 => {
            let left_percent = percent(left, window);
            lines.push((
                "context",
                format!("{left_percent} % left ({} of {} tokens)", number(left), number(window)),
            ));
        }
        (_, Some(window)) => lines.push(("context", format!("all of {} tokens left", number(window)))),
        _ => lines.push(("context", "the model's window is not known".to_owned())),
    }
    let TokenUsage { input, cached, output, .. } = count.total;
    let cached = if cached > 0 { format!(" ({} % cached)", percent(cached, input)) } else { String::new() };
    lines.push(("tokens", format!("{} in{cached}, {} out", number(input), number(output))));
    if let Some(cost) = count.cost_microusd.filter(|cost| *cost > 0) {
        lines.push(("cost", dollars_exactly(cost)));
    }
    let limits = limits(settings.budget);
    if !limits.is_empty() {
        lines.push(("budget", limits.join(", ")));
    }
    lines
}

fn limits(budget: Budget) -> Vec<String> {
    let Budget { tokens, tool_calls, turn_ms, cost_microusd, work_ms } = budget;
    let time = |ms: u64| {
        if ms.is_multiple_of(60_000) { format!("{} min", ms / 60_000) } else { format!("{} s", ms / 1_000) }
    };
    [
        tokens.map(|limit| format!("{} tokens", number(limit))),
        cost_microusd.map(dollars_exactly),
        tool_calls.map(|limit| format!("{limit} tool calls")),
        turn_ms.map(|limit| format!("{} s a turn", limit / 1_000)),
        work_ms.map(|limit| format!("{} of work", time(limit))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Plan => "plan: nothing is changed",
        Mode::Code => "code",
        Mode::Pair => "pair",
        Mode::Execute => "execute",
        _ => "one of a later version",
    }
}
