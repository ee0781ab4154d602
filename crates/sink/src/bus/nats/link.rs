//! [`LinkState`]: whether the bus is there, told to all ears.

use crate::bus::{Standing, ear::Link};
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::{Notify, watch};

/// The longest reason that is told, in characters. Some of it comes from the server.
const MAX_REASON_CHARS: usize = 300;

/// A complaint this old does not explain why the bus went away.
const COMPLAINT_AGE: Duration = Duration::from_secs(10);

/// Tells every ear how the line stands. Once it is dropped nothing more will come.
#[derive(Debug)]
pub(super) struct LinkState {
    link: watch::Sender<Link>,
    /// The servers, for messages.
    shown: String,
    /// What the connection complained about last.
    complaint: Mutex<Option<(Instant, String)>>,
    complaints_of_server: Rarely,
    /// Rung when the connection may have changed.
    pub(super) stir: Notify,
}

impl LinkState {
    /// Away, until something is known.
    pub(super) fn new(shown: String) -> Self {
        let why = format!("the bus {shown} is not connected yet").into();
        let link = watch::Sender::new(Link { changes: 0, standing: Standing::Away { why } });
        Self {
            link,
            shown,
            complaint: Mutex::default(),
            complaints_of_server: Rarely::default(),
            stir: Notify::new(),
        }
    }

    pub(super) fn watch(&self) -> watch::Receiver<Link> {
        self.link.subscribe()
    }

    pub(super) fn up(&self) {
        tracing::info!(bus = %self.shown, "the bus is there");
        self.change(|_| Some(Standing::Up));
    }

    /// `reason` may hold words of the server.
    pub(super) fn away(&self, reason: &str) {
        let reason = one_line(reason);
        let why = format!("the bus {} is away: {reason}", self.shown);
        self.change(|before| match before {
            Standing::Away { why: known } if **known == *why => None,
            Standing::Away { .. } | Standing::Up => {
                tracing::warn!(bus = %self.shown, reason, "the bus is away; trying again");
                Some(Standing::Away { why: why.as_str().into() })
            }
        });
    }

    /// Something may have been missed though the line is up.
    pub(super) fn missed(&self) {
        self.change(|before| Some(before.clone()));
    }

    /// What the server says is wrong, such as a subject that we may not use.
    pub(super) fn server_complains(&self, text: String) {
        if let Some(count) = self.complaints_of_server.count() {
            tracing::warn!(bus = %self.shown, says = one_line(&text), count, "the server of the bus complains");
        }
        self.complain(text);
    }

    pub(super) fn complain(&self, complaint: String) {
        *self.complaint.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), complaint));
        self.stir.notify_one();
    }

    /// The last complaint, if it is new.
    pub(super) fn take_complaint(&self) -> Option<String> {
        let (since, complaint) = self.complaint.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        (since.elapsed() < COMPLAINT_AGE).then_some(complaint)
    }

    fn change(&self, next: impl FnOnce(&Standing) -> Option<Standing>) {
        self.link.send_if_modified(|link| {
            let Some(standing) = next(&link.standing) else { return false };
            *link = Link { changes: link.changes + 1, standing };
            true
        });
    }
}

/// Words of others as they may be shown: one line, no control characters, no longer than a message should be.
pub(super) fn one_line(text: &str) -> String {
    let mut shown = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !shown.is_empty() {
            shown.push(' ');
        }
        shown.push_str(word);
    }
    match shown.char_indices().nth(MAX_REASON_CHARS) {
        Some((end, _)) => format!("{}…", &shown[..end]),
        None => shown,
    }
}

/// Counts what would otherwise fill a log, and speaks at the first time and then ever more rarely.
#[derive(Debug, Default)]
pub(super) struct Rarely(AtomicU64);

impl Rarely {
    /// Counts one; how many there were, where that is worth a line.
    pub(super) fn count(&self) -> Option<u64> {
        let count = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        count.is_power_of_two().then_some(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_others_are_one_short_line() {
        assert_eq!(one_line(" Permissions\r\n \u{1b}[31mViolation\u{7}"), "Permissions [31mViolation");
        assert_eq!(one_line(&"é".repeat(301)), format!("{}…", "é".repeat(300)));
        assert_eq!(one_line(&"é".repeat(300)), "é".repeat(300));
    }

    #[test]
    fn what_happens_often_is_told_rarely() {
        let rarely = Rarely::default();
        let told: Vec<u64> = (0..1_000).filter_map(|_| rarely.count()).collect();
        assert_eq!(told, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]);
    }

    #[test]
    fn the_same_reason_is_told_once() {
        let state = LinkState::new("nats://host".into());
        let link = state.watch();
        let changes = || (link.borrow().changes, link.borrow().standing.clone());
        let away = |why: &str| Standing::Away { why: why.into() };
        assert_eq!(changes(), (0, away("the bus nats://host is not connected yet")));
        state.away("gone");
        state.away("gone");
        assert_eq!(changes(), (1, away("the bus nats://host is away: gone")));
        state.up();
        state.missed();
        assert_eq!(changes(), (3, Standing::Up));
    }
}
