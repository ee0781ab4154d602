//! [`BusEar`]: one reader's end of a bus.

use super::{
    Signal,
    listeners::{Seat, Sent},
};
use std::sync::Arc;
use tokio::sync::{
    broadcast::{self, error::RecvError},
    watch,
};

/// Hears the signals of one thread. Dropping it ends the subscription.
#[derive(Debug)]
pub struct BusEar {
    receiver: broadcast::Receiver<Sent>,
    /// The line to other machines; none on a bus that stays in the process.
    line: Option<Line>,
    /// Given up after the receiver, which stands before it.
    _seat: Seat,
}

/// What an ear hears.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BusHeard {
    /// A signal.
    Signal(Signal),
    /// Something may have been missed: read what is stored. The first ear of a process on a thread is told so by a bus
    /// between machines once it hears the others, for what they said while it was on its way.
    Lagged,
    /// Signals from other processes do not come until [`BusHeard::Back`]. Items come whole when they are done.
    Away {
        /// Which bus, and why.
        why: Arc<str>,
    },
    /// Signals come again. Some were missed: read what is stored.
    Back,
    /// Nothing more will come.
    Closed,
}

/// Whether signals travel.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// They do.
    Up,
    /// Only within this process, until the bus is back, which it tries by itself.
    Away {
        /// Which bus, and why.
        why: Arc<str>,
    },
}

/// How the line stands, and how often that has changed.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) changes: u64,
    pub(super) standing: Standing,
}

#[derive(Debug)]
struct Line {
    link: watch::Receiver<Link>,
    /// What the reader knows of it.
    told: Link,
}

impl BusEar {
    pub(super) fn new((receiver, seat): (broadcast::Receiver<Sent>, Seat)) -> Self {
        Self { receiver, line: None, _seat: seat }
    }

    /// The ear of a reader who takes the line to be up until told otherwise.
    #[cfg(feature = "nats")]
    pub(super) fn with_line(mut self, link: watch::Receiver<Link>) -> Self {
        let now = link.borrow().clone();
        let changes = match now.standing {
            Standing::Up => now.changes,
            Standing::Away { .. } => now.changes.saturating_sub(1),
        };
        self.line = Some(Line { link, told: Link { changes, standing: Standing::Up } });
        self
    }

    /// Waits for the next signal. Dropping the future loses nothing.
    pub async fn hear(&mut self) -> BusHeard {
        let Some(line) = &mut self.line else { return heard(self.receiver.recv().await) };
        loop {
            tokio::select! {
                biased;
                sent = self.receiver.recv() => return heard(sent),
                news = line.changed() => if let Some(news) = news {
                    return news;
                },
            }
        }
    }
}

impl Line {
    async fn changed(&mut self) -> Option<BusHeard> {
        let told = self.told.changes;
        let now = match self.link.wait_for(|link| link.changes != told).await {
            Ok(now) => now.clone(),
            Err(_) => return Some(BusHeard::Closed),
        };
        let news = news(&self.told.standing, &now.standing);
        self.told = now;
        news
    }
}

/// What to tell a reader who last knew `told`, when the line has changed once or more since.
fn news(told: &Standing, now: &Standing) -> Option<BusHeard> {
    match (told, now) {
        (Standing::Up, Standing::Up) => Some(BusHeard::Lagged),
        (Standing::Up, Standing::Away { why }) => Some(BusHeard::Away { why: why.clone() }),
        (Standing::Away { .. }, Standing::Up) => Some(BusHeard::Back),
        (Standing::Away { .. }, Standing::Away { .. }) => None,
    }
}

fn heard(sent: Result<Sent, RecvError>) -> BusHeard {
    match sent {
        Ok(Sent::Signal(signal)) => BusHeard::Signal(signal),
        Ok(Sent::Missed) | Err(RecvError::Lagged(_)) => BusHeard::Lagged,
        Err(RecvError::Closed) => BusHeard::Closed,
    }
}
