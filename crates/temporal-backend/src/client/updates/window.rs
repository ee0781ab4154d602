//! [`Window`]: where a reader is, and how it finds back where events were taken back.

use crate::{Digest, wire::EventsAfter};
use agent_core::{Cursor, Event};
use std::collections::VecDeque;

/// So many events a reader can be told to have been taken back one by one; beyond them more are told anew than need be.
const KNOWN: usize = 1024;

/// The last event that a reader was given, and the digests up to those before it.
#[derive(Debug, Default)]
pub(super) struct Window {
    seq: u64,
    /// Each event with the digest up to it, oldest first. The last is `seq`, where its digest is known.
    known: VecDeque<(u64, Digest)>,
}

impl Window {
    pub(super) fn at(cursor: &Cursor) -> Self {
        let mut window = Self { seq: cursor.seq, known: VecDeque::new() };
        match &cursor.digest {
            Some(digest) => window.known.push_back((cursor.seq, Digest::parse(digest))),
            None if cursor.seq == 0 => window.known.push_back((0, Digest::default())),
            None => {}
        }
        window
    }

    /// The last event that the reader has.
    pub(super) fn seq(&self) -> u64 {
        self.seq
    }

    /// What to ask for.
    pub(super) fn wanted(&self) -> EventsAfter {
        EventsAfter { seq: self.seq, digest: self.digest().map(|digest| digest.text()) }
    }

    /// The digest up to the last event, where it is known.
    fn digest(&self) -> Option<Digest> {
        self.known.back().filter(|(seq, _)| *seq == self.seq).map(|(_, digest)| *digest)
    }

    /// The reader was given this event.
    pub(super) fn take(&mut self, event: &Event) {
        let digest =
            self.digest().filter(|_| event.seq == self.seq + 1).map(|digest| digest.and_event(event).0);
        self.seq = event.seq;
        match digest {
            Some(digest) => self.know(digest),
            None => self.known.clear(),
        }
    }

    /// The reader was told that there is nothing to be had up to this event.
    pub(super) fn skip(&mut self, to: u64) {
        self.seq = to;
        self.known.clear();
    }

    /// What the thread says of the digest up to the last event. `false` where it was thought to be another.
    pub(super) fn settle(&mut self, digest: &str) -> bool {
        match self.digest() {
            Some(known) if known.text() == digest => true,
            Some(_) => {
                self.known.clear();
                self.know(Digest::parse(digest));
                false
            }
            None => {
                self.know(Digest::parse(digest));
                true
            }
        }
    }

    fn know(&mut self, digest: Digest) {
        self.known.push_back((self.seq, digest));
        if self.known.len() > KNOWN {
            self.known.pop_front();
        }
    }

    /// Goes back to the last event that the reader and the thread have in common, as far as both know. Where they know
    /// nothing in common, to before everything that the thread knows.
    pub(super) fn rewind(&mut self, thread: &[(u64, String)]) -> u64 {
        let holds = |(seq, digest): &(u64, Digest)| {
            let at = thread.binary_search_by_key(seq, |(seq, _)| *seq);
            at.is_ok_and(|at| thread.get(at).is_some_and(|(_, known)| *known == digest.text()))
        };
        while self.known.back().is_some_and(|place| !holds(place)) {
            self.known.pop_back();
        }
        if let Some((seq, _)) = self.known.back() {
            self.seq = *seq;
        } else if let Some((seq, digest)) = thread.first() {
            self.seq = self.seq.min(*seq);
            if self.seq == *seq {
                self.know(Digest::parse(digest));
            }
        }
        self.seq
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::EventKind;

    fn event(seq: u64, message: &str) -> Event {
        Event { seq, at_ms: 0, turn: None, kind: EventKind::Warning { message: message.into() } }
    }

    /// The digests of a thread with these events, from the event before the first of them.
    fn digests(messages: &[&str]) -> Vec<(u64, String)> {
        let mut digest = Digest::default();
        let mut all = vec![(0, digest.text())];
        for (seq, message) in (1..).zip(messages) {
            digest = digest.and_event(&event(seq, message)).0;
            all.push((seq, digest.text()));
        }
        all
    }

    fn window(messages: &[&str]) -> Window {
        let mut window = Window::at(&Cursor::default());
        for (seq, message) in (1..).zip(messages) {
            window.take(&event(seq, message));
        }
        window
    }

    #[test]
    fn a_reader_asks_with_the_digest_of_what_it_has() {
        let asked = |window: &Window| (window.wanted().seq, window.wanted().digest);
        let (seq, digest) = digests(&["a", "b"])[2].clone();
        assert_eq!(asked(&window(&["a", "b"])), (seq, Some(digest.clone())));
        assert_eq!(
            asked(&Window::at(&Cursor { seq, digest: Some(digest.clone()) })),
            (seq, Some(digest.clone()))
        );
        let mut unsure = Window::at(&Cursor::after(1));
        assert_eq!(asked(&unsure), (1, None));
        unsure.take(&event(2, "b"));
        assert_eq!(asked(&unsure), (2, None));
        assert!(unsure.settle(&digest));
        assert_eq!(asked(&unsure), (2, Some(digest)));
    }

    #[test]
    fn it_finds_back_to_the_last_event_in_common() {
        let table: [(&[&str], &[&str], u64); 4] = [
            (&["a", "b", "c"], &["a", "b", "x", "y"], 2),
            (&["a", "b", "c"], &["a"], 1),
            (&["a", "b"], &["a", "b"], 2),
            (&["a"], &["x"], 0),
        ];
        for (reader, thread, common) in table {
            let mut window = window(reader);
            assert_eq!(window.rewind(&digests(thread)), common, "{reader:?} {thread:?}");
            let (seq, digest) = digests(thread)[usize::try_from(common).unwrap()].clone();
            assert_eq!(window.wanted(), EventsAfter { seq, digest: Some(digest) });
        }
    }

    #[test]
    fn with_nothing_in_common_it_goes_back_to_what_the_thread_knows() {
        let mut wrong = Window::at(&Cursor { seq: 5, digest: Some("beef".into()) });
        let known = &digests(&["a", "b", "c", "d", "e", "f"])[3..];
        assert_eq!(wrong.rewind(known), 3);
        assert_eq!(wrong.wanted(), EventsAfter { seq: 3, digest: Some(known[0].1.clone()) });
        let mut unsure = Window::at(&Cursor::after(9));
        assert_eq!(unsure.rewind(known), 3);
    }

    #[test]
    fn a_thread_that_counts_another_way_is_believed() {
        let mut window = window(&["a"]);
        let other = Digest::default().and(&"other").text();
        assert!(!window.settle(&other));
        assert_eq!(window.wanted(), EventsAfter { seq: 1, digest: Some(other) });
    }

    #[test]
    fn no_more_than_it_needs_is_remembered() {
        let mut window = Window::at(&Cursor::default());
        for seq in 1..=2 * KNOWN as u64 {
            window.take(&event(seq, ""));
        }
        assert_eq!(window.known.len(), KNOWN);
    }
}
