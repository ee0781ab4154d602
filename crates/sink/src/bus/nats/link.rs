//! [`LinkState`]: whether the bus is there, told to all ears.

use crate::bus::{Standing, ear::Link};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    sync::{Mutex, PoisonError},
};
use tokio::sync::{Notify, watch};

/// The longest reason that is told, in characters. Some of it comes from the server.
const MAX_REASON_CHARS: usize = 300;

/// Tells every ear how the line stands. Once it is dropped nothing more will come.
#[derive(Debug)]
pub(super) struct LinkState {
    link: watch::Sender<Link>,
    /// The servers, for messages.
    shown: String,
    /// What the connection complained about last.
    complaint: Mutex<Option<String>>,
    /// Rung when the connection may have changed.
    pub(super) stir: Notify,
}

impl LinkState {
    /// Away, until something is known.
    pub(super) fn new(shown: String) -> Self {
        let why = format!("the bus {shown} is not connected yet").into();
        let link = watch::Sender::new(Link { changes: 0, standing: Standing::Away { why } });
        Self { link, shown, complaint: Mutex::default(), stir: Notify::new() }
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

    pub(super) fn complain(&self, complaint: String) {
        *self.complaint.lock().unwrap_or_else(PoisonError::into_inner) = Some(complaint);
        self.stir.notify_one();
    }

    pub(super) fn take_complaint(&self) -> Option<String> {
        self.complaint.lock().unwrap_or_else(PoisonError::into_inner).take()
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
