//! [`Pieces`]: which pieces of items in the making still make sense to a reader.

use agent_core::{Event, EventKind, ItemId, Live, LiveKind, TurnId};
use std::collections::{BTreeMap, VecDeque};

/// So many items are remembered to be whole.
const WHOLE: usize = 256;

/// Knows the items that are whole, and the attempts that are void.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    /// The last items that were completed.
    whole: VecDeque<ItemId>,
    /// The newest attempt that was seen of items that are not.
    attempts: BTreeMap<ItemId, u32>,
    /// The attempt of the model call that runs, where it was made again.
    model: u32,
    /// The last turn that has ended.
    ended: Option<TurnId>,
}

impl Pieces {
    /// Takes an event into account.
    pub(super) fn follow(&mut self, event: &Event) {
        match &event.kind {
            EventKind::ItemCompleted { item } => {
                self.attempts.remove(&item.id);
                self.whole.push_back(item.id.clone());
                if self.whole.len() > WHOLE {
                    self.whole.pop_front();
                }
            }
            EventKind::ModelRetry { attempt, .. } => self.model = *attempt,
            EventKind::ItemStarted { item } => self.begun(&item.id, 1),
            EventKind::ToolRetry { item, attempt, .. } => self.begun(item, *attempt),
            // The model call is over.
            EventKind::TokenCount { .. } => self.model = 0,
            EventKind::TurnStarted => {
                self.model = 0;
                self.attempts.clear();
            }
            kind if kind.is_terminal() => self.ended = event.turn,
            _ => {}
        }
    }

    /// Whether the reader has what this piece is a piece of, as far as there is an event that begins it.
    pub(super) fn follows(&self, live: &Live) -> bool {
        !matches!(live.kind, LiveKind::Output(_)) || self.attempts.contains_key(&live.item)
    }

    /// Whether a piece is to be shown.
    pub(super) fn admit(&mut self, live: &Live) -> bool {
        let is_of_model = match live.kind {
            LiveKind::Message(_) | LiveKind::Reasoning(_) | LiveKind::RawReasoning(_) => true,
            LiveKind::Output(_) => false,
            _ => false,
        };
        let is_void = self.ended.is_some_and(|ended| live.turn <= ended)
            || self.whole.contains(&live.item)
            || is_of_model && live.attempt < self.model
            || self.attempts.get(&live.item).is_some_and(|newest| live.attempt < *newest);
        if !is_void {
            self.begun(&live.item, live.attempt);
        }
        !is_void
    }

    fn begun(&mut self, item: &ItemId, attempt: u32) {
        let newest = self.attempts.entry(item.clone()).or_default();
        *newest = (*newest).max(attempt);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::{AbortReason, ItemDetail, TokenUsage, TurnItem};

    fn piece(turn: u32, item: &str, attempt: u32, kind: fn(String) -> LiveKind) -> Live {
        Live { turn: TurnId(turn), item: ItemId::new(item), attempt, kind: kind("piece".into()) }
    }

    fn event(kind: EventKind) -> Event {
        Event { seq: 1, at_ms: 0, turn: Some(TurnId(1)), kind }
    }

    fn retry(attempt: u32) -> Event {
        event(EventKind::ModelRetry { attempt, retry: 1, of: 4, delay_ms: 0, reason: "cut".into() })
    }

    #[test]
    fn pieces_of_an_older_attempt_are_void() {
        let mut pieces = Pieces::default();
        assert!(pieces.admit(&piece(1, "a", 1, LiveKind::Message)));
        pieces.follow(&retry(2));
        assert!(!pieces.admit(&piece(1, "a", 1, LiveKind::Message)));
        assert!(!pieces.admit(&piece(1, "b", 1, LiveKind::Reasoning)));
        assert!(pieces.admit(&piece(1, "t", 1, LiveKind::Output)));
        assert!(pieces.admit(&piece(1, "a", 3, LiveKind::Message)));
        assert!(!pieces.admit(&piece(1, "a", 2, LiveKind::Message)));
        pieces.follow(&event(EventKind::ToolRetry {
            item: ItemId::new("t"),
            attempt: 2,
            reason: String::new(),
        }));
        assert!(!pieces.admit(&piece(1, "t", 1, LiveKind::Output)));
        let usage = TokenUsage::default();
        let counted = EventKind::TokenCount {
            last: usage,
            total: usage,
            cost_microusd: None,
            context_window: None,
            context_left: None,
            rate_limits: Vec::new(),
        };
        pieces.follow(&event(counted));
        assert!(pieces.admit(&piece(1, "c", 1, LiveKind::Message)));
    }

    #[test]
    fn pieces_of_what_is_whole_or_over_are_void() {
        let mut pieces = Pieces::default();
        let detail = ItemDetail::AgentMessage { text: "all of it".into(), cut: false };
        let item = TurnItem { id: ItemId::new("a"), detail };
        pieces.follow(&event(EventKind::ItemCompleted { item }));
        assert!(!pieces.admit(&piece(1, "a", 1, LiveKind::Message)));
        assert!(pieces.admit(&piece(1, "b", 1, LiveKind::Message)));
        pieces.follow(&event(EventKind::TurnAborted { reason: AbortReason::Interrupted }));
        assert!(!pieces.admit(&piece(1, "b", 1, LiveKind::Message)));
        assert!(pieces.admit(&piece(2, "c", 1, LiveKind::Message)));
    }
}
