//! [`Attendance`]: whether anybody works for a queue.
//!
//! The server remembers for minutes who polled, and a worker that is killed does not say good-bye. So somebody who polled
//! within the last minute or so may be gone: that nobody answers is found out by asking, and what is known of the queue
//! goes into the message. Of the queue of one's own data folder more is known: whoever serves it holds a lock.

use super::line::SERVER_DEADLINE;
use crate::{
    connect::{Pollers, pollers},
    shift,
};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant, SystemTime},
};
use temporalio_client::Client;

/// An answer is good for so long: lists ask about the same queue for every thread.
const KEPT: Duration = Duration::from_secs(1);
/// What is known of so many queues is kept.
const MAX_QUEUES: usize = 64;

/// Knows who works for which queue.
#[derive(Debug)]
pub(super) struct Attendance {
    client: Client,
    known: Mutex<BTreeMap<String, (Instant, Attended)>>,
    own: OnceLock<OwnQueue>,
}

/// A queue that is served by processes of this data folder alone.
#[derive(Debug)]
pub(super) struct OwnQueue {
    pub(super) queue: String,
    /// The lock of whoever serves it.
    pub(super) lock: PathBuf,
}

/// Whether somebody works for a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Attended {
    /// Somebody polled it lately, so long ago.
    Lately(Duration),
    /// Nobody did.
    Nobody,
    /// The server does not say.
    Unknown(String),
}

impl Attendance {
    pub(super) fn new(client: Client) -> Self {
        Self { client, known: Mutex::default(), own: OnceLock::new() }
    }

    /// Learns how to tell whether this queue is served. The first such lesson counts.
    pub(super) fn learn(&self, own: OwnQueue) {
        let _ = self.own.set(own);
    }

    /// Whether somebody works for this queue, as of a moment ago.
    pub(super) async fn of(&self, queue: &str) -> Attended {
        if self.own.get().is_some_and(|own| own.queue == queue && own.is_left()) {
            return Attended::Nobody;
        }
        if let Some((at, attended)) = self.known().get(queue)
            && at.elapsed() < KEPT
        {
            return attended.clone();
        }
        let attended = match tokio::time::timeout(SERVER_DEADLINE, pollers(&self.client, queue)).await {
            Ok(Ok(pollers)) => attended(&pollers, SystemTime::now()),
            Ok(Err(error)) => Attended::Unknown(error.to_string()),
            Err(_) => {
                Attended::Unknown(format!("it has not answered within {} s", SERVER_DEADLINE.as_secs()))
            }
        };
        let mut known = self.known();
        known.retain(|_, (at, _)| at.elapsed() < KEPT);
        if known.len() < MAX_QUEUES {
            known.insert(queue.to_owned(), (Instant::now(), attended.clone()));
        }
        attended
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, (Instant, Attended)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OwnQueue {
    /// Whether nobody serves it. A lock that cannot be looked at says nothing.
    fn is_left(&self) -> bool {
        shift::is_taken(&self.lock).is_ok_and(|is_taken| !is_taken)
    }
}

fn attended(pollers: &Pollers, now: SystemTime) -> Attended {
    if !pollers.is_served(now) {
        return Attended::Nobody;
    }
    let seen = pollers.workflows.iter().filter_map(|poller| poller.last_seen).max();
    Attended::Lately(seen.and_then(|seen| now.duration_since(seen).ok()).unwrap_or_default())
}

/// What to tell of a queue whose worker does not answer.
pub(super) fn no_worker(queue: &str, attended: &Attended) -> String {
    let advice = "start one with everturn worker on the machine that has the thread's files";
    match attended {
        Attended::Lately(ago) => format!(
            "the worker of the queue {queue} does not answer (it was last heard of {} s ago); if it has ended, {advice}",
            ago.as_secs()
        ),
        Attended::Nobody | Attended::Unknown(_) => format!("no worker polls the queue {queue}; {advice}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::Poller;

    #[test]
    fn the_own_queue_is_left_once_its_lock_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let own = OwnQueue { queue: "own".into(), lock: folder.path().join("own.lock") };
        assert!(own.is_left(), "nobody has come yet");
        let server = std::fs::File::create(&own.lock).unwrap();
        server.try_lock().unwrap();
        assert!(!own.is_left());
        drop(server);
        assert!(own.is_left());
    }

    #[test]
    fn a_queue_is_attended_by_whoever_polled_it_lately() {
        let now = SystemTime::now();
        let seen = |ago: u64| Poller {
            identity: "somebody".into(),
            last_seen: now.checked_sub(Duration::from_secs(ago)),
        };
        let queue = |ago: &[u64]| Pollers {
            workflows: ago.iter().copied().map(seen).collect(),
            activities: Vec::new(),
        };
        assert_eq!(attended(&queue(&[]), now), Attended::Nobody);
        assert_eq!(attended(&queue(&[200]), now), Attended::Nobody);
        assert_eq!(attended(&queue(&[200, 12, 20]), now), Attended::Lately(Duration::from_secs(12)));
    }
}
