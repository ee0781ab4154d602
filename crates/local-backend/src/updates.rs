//! What readers of a thread are told, from any cursor, without gaps or repeats.
//!
//! The database is the source. In the process that serves the thread, the channel brings each commit and the live
//! pieces at once; a reader that the channel does not serve, or that is behind, reads pages from the database.

use crate::{LocalError, ThreadReader, changes::Watch, database::apart, driver::Ending, inbox::unavailable};
use agent_core::{Cursor, Refusal, SessionError, Update};
use futures::stream::{self, BoxStream, StreamExt};
use sink::{Ear, Heard};
use std::collections::VecDeque;
use tokio::sync::watch;

/// Events read from the database at once.
const PAGE: usize = 256;

/// Updates of a thread served by this process.
pub(crate) fn served(
    reader: ThreadReader,
    ear: Ear,
    ending: watch::Receiver<Ending>,
    after: Cursor,
) -> BoxStream<'static, Result<Update, SessionError>> {
    let pages = Pages { reader, seq: after.seq, ready: VecDeque::new() };
    let follower = Follower { pages, ear, ending, phase: Phase::CatchingUp };
    stream::unfold(follower, |mut follower| async move { Some((follower.next().await?, follower)) }).boxed()
}

/// Updates of a thread served elsewhere, or not at all. There are no live pieces.
pub(crate) fn elsewhere(
    reader: ThreadReader,
    after: Cursor,
) -> BoxStream<'static, Result<Update, SessionError>> {
    let pages = Pages { reader, seq: after.seq, ready: VecDeque::new() };
    let poller = Poller { pages, watch: None, ended: false };
    stream::unfold(poller, |mut poller| async move { Some((poller.next().await?, poller)) }).boxed()
}

/// Events on their way from the database to a reader.
struct Pages {
    reader: ThreadReader,
    /// The last event that is ready or was given out.
    seq: u64,
    ready: VecDeque<Update>,
}

impl Pages {
    /// Reads a page; false where there is nothing more.
    async fn read(&mut self) -> Result<bool, SessionError> {
        let (reader, seq) = (self.reader.clone(), self.seq);
        let events = apart(async move { reader.events(seq, PAGE).await }).await.map_err(unavailable)?;
        let more = !events.is_empty();
        self.seq = events.last().map_or(self.seq, |event| event.seq);
        self.ready.extend(events.into_iter().map(Update::Event));
        Ok(more)
    }
}

enum Phase {
    /// Reading pages.
    CatchingUp,
    /// Everything stored was read; the channel brings what is new.
    Following,
    /// The driver has ended: the last pages, then its error.
    Ending,
    Over,
}

struct Follower {
    pages: Pages,
    ear: Ear,
    ending: watch::Receiver<Ending>,
    phase: Phase,
}

impl Follower {
    async fn next(&mut self) -> Option<Result<Update, SessionError>> {
        loop {
            if let Some(update) = self.pages.ready.pop_front() {
                return Some(Ok(update));
            }
            match self.phase {
                Phase::CatchingUp => match self.pages.read().await {
                    Ok(true) => {}
                    Ok(false) => self.phase = Phase::Following,
                    Err(error) => return Some(Err(self.fail(error))),
                },
                Phase::Following => self.follow().await,
                Phase::Ending => {
                    // A driver that is stopped closes its channel a moment before it says how it ended.
                    let _ = self.ending.wait_for(|ending| !ending.is_running()).await;
                    match self.pages.read().await {
                        Ok(true) => {}
                        Ok(false) => {
                            self.phase = Phase::Over;
                            return self.ending.borrow().error().map(Err);
                        }
                        Err(error) => return Some(Err(self.fail(error))),
                    }
                }
                Phase::Over => return None,
            }
        }
    }

    fn fail(&mut self, error: SessionError) -> SessionError {
        self.phase = Phase::Over;
        error
    }

    async fn follow(&mut self) {
        let heard = tokio::select! {
            biased;
            heard = self.ear.hear() => heard,
            _ = self.ending.wait_for(|ending| !ending.is_running()) => Heard::Closed,
        };
        match heard {
            Heard::Events(events) => {
                for event in &*events {
                    if event.seq <= self.pages.seq {
                        continue;
                    }
                    if event.seq > self.pages.seq + 1 {
                        self.phase = Phase::CatchingUp;
                        return;
                    }
                    self.pages.seq = event.seq;
                    self.pages.ready.push_back(Update::Event(event.clone()));
                }
            }
            // Before an event that was read from the database already: the item is known, the piece is void.
            Heard::Live { after, .. } if after < self.pages.seq => {}
            Heard::Live { live, .. } => self.pages.ready.push_back(Update::Live((*live).clone())),
            Heard::Lagged => self.phase = Phase::CatchingUp,
            _ => self.phase = Phase::Ending,
        }
    }
}

struct Poller {
    pages: Pages,
    /// Made with the first poll, which has a runtime around it.
    watch: Option<Watch>,
    ended: bool,
}

impl Poller {
    async fn next(&mut self) -> Option<Result<Update, SessionError>> {
        if self.ended {
            return None;
        }
        let watch = self.watch.get_or_insert_with(|| self.pages.reader.database.watch());
        loop {
            if let Some(update) = self.pages.ready.pop_front() {
                return Some(Ok(update));
            }
            let read = match self.pages.read().await {
                Ok(true) => continue,
                Ok(false) => ThreadReader::open(&self.pages.reader.database, self.pages.reader.key()).await,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            };
            let here = match read {
                Ok(reader) => reader.lives_here().await,
                Err(error) => Err(error),
            };
            if let Err(error) = here {
                self.ended = true;
                return Some(Err(session_error(error)));
            }
            watch.changed().await;
        }
    }
}

/// What a client of a session is told of an error of the backend.
pub(crate) fn session_error(error: LocalError) -> SessionError {
    match error {
        LocalError::UnknownThread { id } => SessionError::UnknownThread { id },
        moved @ (LocalError::MovedAway { .. } | LocalError::MoveCutOff { .. }) => {
            Refusal::Unavailable { why: moved.to_string() }.into()
        }
        error => SessionError::Unavailable { message: error.to_string(), source: Some(Box::new(error)) },
    }
}
