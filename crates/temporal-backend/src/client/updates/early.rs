//! [`Early`]: pieces that came before the events they follow. The bus is quicker than a query.

use agent_core::Live;
use std::{collections::VecDeque, sync::Arc};

/// So many pieces wait at most; the oldest are dropped, which loses nothing.
const MAX: usize = 4_096;

/// Pieces that wait until the reader has the events before them, or has looked for them once.
#[derive(Debug, Default)]
pub(super) struct Early {
    waiting: VecDeque<Waiting>,
    looks: u64,
}

#[derive(Debug)]
struct Waiting {
    after: u64,
    /// How often the reader had looked when it came.
    looks: u64,
    live: Arc<Live>,
}

impl Early {
    /// A piece came that follows this event.
    pub(super) fn hold(&mut self, after: u64, live: Arc<Live>) {
        if self.waiting.len() == MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back(Waiting { after, looks: self.looks, live });
    }

    /// The reader has looked for events.
    pub(super) fn looked(&mut self) {
        self.looks += 1;
    }

    /// The next piece that need not wait, for a reader that has the events up to this one. They keep their order.
    pub(super) fn next(&mut self, seq: u64) -> Option<Arc<Live>> {
        let looks = self.looks;
        let is_due = |first: &mut Waiting| first.after <= seq || first.looks < looks;
        self.waiting.pop_front_if(is_due).map(|first| first.live)
    }

    /// Whether any waits.
    pub(super) fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::{ItemId, LiveKind, TurnId};

    fn piece(text: &str) -> Arc<Live> {
        let kind = LiveKind::Message(text.into());
        Arc::new(Live { turn: TurnId(1), item: ItemId::new("item"), attempt: 1, kind })
    }

    #[test]
    fn a_piece_waits_for_the_event_before_it_and_those_behind_it_too() {
        let mut early = Early::default();
        early.hold(7, piece("a"));
        early.hold(3, piece("b"));
        assert_eq!((early.next(6), early.waits()), (None, true));
        assert_eq!((early.next(7), early.next(7)), (Some(piece("a")), Some(piece("b"))));
        assert!(!early.waits());
    }

    #[test]
    fn a_piece_waits_for_no_more_than_one_look() {
        let mut early = Early::default();
        early.hold(u64::MAX, piece("a"));
        assert_eq!(early.next(9), None);
        early.looked();
        assert_eq!(early.next(9), Some(piece("a")));
    }
}
