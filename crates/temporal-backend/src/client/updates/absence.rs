//! [`Absence`]: who does not answer, and what a reader is told of it: once when they go, once when they come back.

use agent_core::{Notice, Update};
use std::time::Duration;
use tokio::time::Instant;

/// A reader is told that the server is away after so many requests in a row came to nothing: a connection that broke is
/// no absence.
const TELL_AFTER: u32 = 2;
/// A worker that has not come to the thread for so long fails on it.
const READY_WITHIN: Duration = Duration::from_secs(3);

/// Who may be away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// The Temporal server.
    Server,
    /// The worker that serves the thread.
    Worker,
}

/// Who is away, as far as the reader was told.
#[derive(Debug, Default)]
pub(super) struct Absence {
    failures: u32,
    told: Option<Who>,
    not_ready_since: Option<Instant>,
    bus_is_away: bool,
}

impl Absence {
    /// Whether the worker is known to be away.
    pub(super) fn is_of_worker(&self) -> bool {
        self.told == Some(Who::Worker)
    }

    /// The worker has not come to the thread yet. `true` once it has had time enough.
    pub(super) fn is_not_ready(&mut self) -> bool {
        self.not_ready_since.get_or_insert_with(Instant::now).elapsed() >= READY_WITHIN
    }

    /// Somebody did not answer.
    pub(super) fn miss(&mut self, who: Who, message: String) -> Option<Update> {
        self.failures += 1;
        if self.told == Some(who) || who == Who::Server && self.failures < TELL_AFTER {
            return None;
        }
        self.told = Some(who);
        Some(Update::Notice(match who {
            Who::Server => Notice::ServerAway { message },
            Who::Worker => Notice::WorkerAway { message },
        }))
    }

    /// The server answered, or a worker did.
    pub(super) fn answer(&mut self, who: Who) -> Option<Update> {
        self.failures = 0;
        if who == Who::Worker {
            self.not_ready_since = None;
        }
        if who == Who::Server && self.told == Some(Who::Worker) {
            return None;
        }
        let message = match self.told.take()? {
            Who::Server => "the Temporal server answers again",
            Who::Worker => "a worker serves the thread again",
        };
        Some(Update::Notice(Notice::Back { message: message.into() }))
    }

    /// The bus went away.
    pub(super) fn bus_away(&mut self, why: &str) -> Option<Update> {
        let is_news = !std::mem::replace(&mut self.bus_is_away, true);
        is_news.then(|| Update::Notice(Notice::BusAway { message: why.to_owned() }))
    }

    /// The bus came back.
    pub(super) fn bus_back(&mut self) -> Option<Update> {
        let message = "the bus is back";
        std::mem::take(&mut self.bus_is_away)
            .then(|| Update::Notice(Notice::Back { message: message.into() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn away(who: Who) -> Option<Update> {
        let message = String::from("why");
        Some(Update::Notice(match who {
            Who::Server => Notice::ServerAway { message },
            Who::Worker => Notice::WorkerAway { message },
        }))
    }

    fn back(message: &str) -> Option<Update> {
        Some(Update::Notice(Notice::Back { message: message.into() }))
    }

    #[test]
    fn each_change_is_told_once() {
        let mut absence = Absence::default();
        let miss = |absence: &mut Absence, who| absence.miss(who, "why".into());
        assert_eq!(absence.answer(Who::Worker), None);
        assert_eq!(miss(&mut absence, Who::Server), None);
        assert_eq!(miss(&mut absence, Who::Server), away(Who::Server));
        assert_eq!(miss(&mut absence, Who::Server), None);
        assert_eq!(miss(&mut absence, Who::Worker), away(Who::Worker));
        assert_eq!(absence.answer(Who::Server), None);
        assert_eq!(absence.answer(Who::Worker), back("a worker serves the thread again"));
        assert_eq!(absence.answer(Who::Worker), None);
        assert_eq!(miss(&mut absence, Who::Worker), away(Who::Worker));
        assert_eq!(absence.bus_back(), None);
        assert!(absence.bus_away("why").is_some() && absence.bus_away("why").is_none());
        assert_eq!(absence.bus_back(), back("the bus is back"));
    }
}
