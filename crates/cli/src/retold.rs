//! [`Retold`]: a state that follows events, and goes back with them where they are taken back.

use std::{
    collections::VecDeque,
    ops::{Deref, DerefMut},
};

/// So many earlier states are kept. Events are taken back by the few that one lost step of a server had told.
const KEPT_STATES: usize = 512;

/// What follows from the events so far.
pub(crate) struct Retold<T> {
    now: T,
    /// What it was before these events.
    before: VecDeque<(u64, T)>,
}

impl<T: Clone> Retold<T> {
    pub(crate) fn new(now: T) -> Self {
        Self { now, before: VecDeque::new() }
    }

    /// What is changed from now on follows from this event. Numbers of events only grow.
    pub(crate) fn event(&mut self, seq: u64) {
        if self.before.back().is_some_and(|(last, _)| *last >= seq) {
            return;
        }
        if self.before.len() == KEPT_STATES {
            self.before.pop_front();
        }
        self.before.push_back((seq, self.now.clone()));
    }

    /// The events after this one are void. Where so many are not known any more it goes back as far as it can.
    pub(crate) fn back_to(&mut self, to: u64) {
        while self.before.back().is_some_and(|(seq, _)| *seq > to) {
            if let Some((_, state)) = self.before.pop_back() {
                self.now = state;
            }
        }
    }
}

impl<T> Deref for Retold<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.now
    }
}

impl<T> DerefMut for Retold<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_followed_from_events_goes_with_them() {
        let mut sum = Retold::new(0);
        for seq in 1..=4 {
            sum.event(seq);
            *sum += seq;
        }
        assert_eq!(*sum, 10);
        sum.back_to(4);
        assert_eq!(*sum, 10);
        sum.back_to(2);
        assert_eq!(*sum, 3);
        sum.event(3);
        *sum += 100;
        assert_eq!(*sum, 103);
        sum.back_to(0);
        assert_eq!(*sum, 0);
    }

    #[test]
    fn no_more_is_kept_than_is_needed() {
        let mut last = Retold::new(0);
        let many = KEPT_STATES as u64 + 10;
        for seq in 1..=many {
            last.event(seq);
            *last = seq;
        }
        assert_eq!(last.before.len(), KEPT_STATES);
        last.back_to(0);
        assert_eq!(*last, 10);
    }
}
