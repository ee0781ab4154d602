//! [`Book`]: the last events of a thread, for readers, and what lists show of it.

use super::Digest;
use crate::wire::{BookCarry, EventsAfter, EventsPage, PAGE_BYTES, Reading, RunFrom, Status};
use agent_core::{Commit, Event, EventKind, InteractionId, Overview, Record, Settings, question};
use std::collections::{BTreeMap, VecDeque};

/// So many events are held; what is older comes from replaying the thread's runs.
const MAX_EVENTS: usize = 512;
/// And so many bytes of them.
const MAX_BYTES: usize = 2 * 1024 * 1024;
/// The last events that a run leaves to the next have so many bytes at most: enough for readers who are about to come.
const CARRIED_BYTES: usize = 48 * 1024;

/// The end of a thread's events.
#[derive(Debug, Default)]
pub(super) struct Book {
    base: u64,
    base_digest: Digest,
    entries: VecDeque<Entry>,
    /// Of all entries.
    bytes: usize,
    questions: BTreeMap<InteractionId, Event>,
    overview: Overview,
    settings: Settings,
    first: Option<Event>,
}

#[derive(Debug)]
struct Entry {
    event: Event,
    bytes: usize,
    /// Up to and with this event.
    digest: Digest,
}

/// What a thread is doing after these commits of a run that began so.
pub(crate) fn status_after(from: RunFrom, commits: &[Commit]) -> Status {
    let (mut book, runs) = match from {
        RunFrom::New { .. } => (Book::default(), 1),
        RunFrom::Carried { carry } | RunFrom::Moved { carry } => (Book::carried(carry.book), carry.runs),
    };
    for Commit { record, events } in commits {
        book.commit(record, events);
    }
    book.status(runs, false)
}

/// What a thread's first run here begins with after these commits elsewhere.
pub(crate) fn book_of(commits: &[Commit]) -> BookCarry {
    let mut book = Book::default();
    for Commit { record, events } in commits {
        book.commit(record, events);
    }
    book.carry()
}

/// What a commit changed of what lists show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Changed {
    Nothing,
    Lists,
}

impl Book {
    pub(super) fn carried(carry: BookCarry) -> Self {
        let BookCarry { base, base_digest, events, questions, overview, settings, first } = carry;
        let base_digest = Digest::parse(&base_digest);
        let id = |event: Event| Some((question(&event)?.clone(), event));
        let mut book = Self {
            base,
            base_digest,
            entries: VecDeque::new(),
            bytes: 0,
            questions: questions.into_iter().filter_map(id).collect(),
            overview,
            settings,
            first,
        };
        for event in events {
            book.push(event);
        }
        book
    }

    /// What the next run begins with.
    pub(super) fn carry(&self) -> BookCarry {
        let mut bytes = 0;
        let fits = |entry: &&Entry| {
            bytes += entry.bytes;
            bytes <= CARRIED_BYTES
        };
        let kept = self.entries.iter().rev().take_while(fits).count();
        let left = self.entries.len() - kept;
        BookCarry {
            base: self.base + left as u64,
            base_digest: self.digest_at(left).text(),
            events: self.entries.iter().skip(left).map(|entry| entry.event.clone()).collect(),
            questions: self.questions(),
            overview: self.overview.clone(),
            settings: self.settings.clone(),
            first: self.first.clone(),
        }
    }

    /// Takes a commit in.
    pub(super) fn commit(&mut self, record: &Record, events: &[Event]) -> Changed {
        self.overview.follow(record, events);
        let mut changed = Changed::Nothing;
        for event in events {
            self.follow(event, &mut changed);
            self.push(event.clone());
        }
        changed
    }

    fn follow(&mut self, event: &Event, changed: &mut Changed) {
        if let Some(id) = question(event) {
            self.questions.insert(id.clone(), event.clone());
            *changed = Changed::Lists;
        }
        match &event.kind {
            EventKind::ThreadStarted { settings, .. } => {
                self.settings = (**settings).clone();
                self.first = Some(event.clone());
                *changed = Changed::Lists;
            }
            EventKind::SettingsChanged { settings } => {
                self.settings = (**settings).clone();
                *changed = Changed::Lists;
            }
            EventKind::InteractionResolved { id, .. } => {
                self.questions.remove(id);
                *changed = Changed::Lists;
            }
            EventKind::TurnStarted
            | EventKind::ThreadNamed { .. }
            | EventKind::ShutdownComplete
            | EventKind::Resumed => *changed = Changed::Lists,
            kind if kind.is_terminal() => *changed = Changed::Lists,
            _ => {}
        }
    }

    fn push(&mut self, event: Event) {
        let (digest, bytes) = self.digest().and_event(&event);
        self.entries.push_back(Entry { event, bytes, digest });
        self.bytes += bytes;
        let is_over =
            |book: &Self| book.entries.len() > MAX_EVENTS || book.bytes > MAX_BYTES && book.entries.len() > 1;
        while is_over(self)
            && let Some(oldest) = self.entries.pop_front()
        {
            self.base = oldest.event.seq;
            self.base_digest = oldest.digest;
            self.bytes -= oldest.bytes;
        }
    }

    /// The number of the last event.
    pub(super) fn last(&self) -> u64 {
        self.base + self.entries.len() as u64
    }

    fn digest(&self) -> Digest {
        self.digest_at(self.entries.len())
    }

    /// The digest up to the first `held` of the events that are held.
    fn digest_at(&self, held: usize) -> Digest {
        match held.checked_sub(1) {
            None => self.base_digest,
            Some(at) => self.entries.get(at).map_or(self.base_digest, |entry| entry.digest),
        }
    }

    pub(super) fn page(&self, after: &EventsAfter, over: bool) -> EventsPage {
        EventsPage { last: self.last(), reading: self.reading(after), over }
    }

    fn reading(&self, after: &EventsAfter) -> Reading {
        if after.seq < self.base {
            return Reading::Older { base: self.base, digest: self.base_digest.text() };
        }
        let held = usize::try_from(after.seq - self.base).unwrap_or(usize::MAX);
        let differs = after.digest.as_ref().is_some_and(|digest| *digest != self.digest_at(held).text());
        if held > self.entries.len() || differs {
            let known = self.entries.iter().map(|entry| (entry.event.seq, entry.digest.text()));
            return Reading::Diverged {
                known: [(self.base, self.base_digest.text())].into_iter().chain(known).collect(),
            };
        }
        let mut bytes = 0;
        let mut events = Vec::new();
        for entry in self.entries.iter().skip(held) {
            bytes += entry.bytes;
            if bytes > PAGE_BYTES && !events.is_empty() {
                break;
            }
            events.push(entry.event.clone());
        }
        let digest = self.digest_at(held + events.len()).text();
        Reading::Events { events, digest }
    }

    /// The open questions, the oldest first.
    fn questions(&self) -> Vec<Event> {
        let mut questions: Vec<Event> = self.questions.values().cloned().collect();
        questions.sort_by_key(|event| event.seq);
        questions
    }

    pub(super) fn overview(&self) -> &Overview {
        &self.overview
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) fn status(&self, runs: u32, over: bool) -> Status {
        Status {
            overview: self.overview.clone(),
            settings: self.settings.clone(),
            questions: self.questions(),
            first: self.first.clone(),
            runs,
            over,
        }
    }
}
