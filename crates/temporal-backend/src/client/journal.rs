//! A thread's journal: what forks and exports are made of. It is in the histories of the thread's runs.

use super::{
    TemporalBackend, TemporalError,
    line::{Line, Trouble},
    past::{self, Past, Told},
};
use crate::{
    AgentWorkflow,
    wire::{EventsAfter, Reading},
};
use agent_core::{Commit, Event, ForkPoint, Genesis, ThreadKey};
use std::collections::VecDeque;

/// Where somebody is who reads events a page at a time. Histories are replayed run by run, so what is read of them beyond
/// a page is kept for the next.
#[derive(Debug)]
pub(super) struct Bookmark {
    key: ThreadKey,
    /// The last event that was given out.
    seq: u64,
    past: Past,
    rest: VecDeque<Event>,
}

impl TemporalBackend {
    /// All that a thread has committed, from its beginning on. No worker is needed.
    ///
    /// # Errors
    /// [`TemporalError::PastGone`] where the server does not keep its first runs any more, [`TemporalError::History`] where
    /// this build makes something else of them.
    pub async fn commits(&self, key: &ThreadKey) -> Result<Vec<Commit>, TemporalError> {
        past::commits(&Line::new(&self.shared.client, key), &self.shared.blobs).await
    }

    /// What a fork of this thread begins with; [`TemporalBackend::start`] makes it a thread. The thread may be served
    /// meanwhile, by whomever. Where its first runs are gone it can be forked as it is now, if its worker is there.
    ///
    /// # Errors
    /// [`TemporalError::NoForkPoint`] where no moment between turns follows the turn.
    pub async fn fork(&self, key: &ThreadKey, at: ForkPoint) -> Result<Genesis, TemporalError> {
        let genesis = match self.commits(key).await {
            Ok(commits) => at.genesis(key, commits)?,
            Err(TemporalError::PastGone { .. }) if at == ForkPoint::Latest => {
                let line = Line::new(&self.shared.client, key);
                let found = self.found(&line).await?;
                self.left_by(&line, found.run_id(), found.task_queue()).await?.thread.fork()
            }
            Err(error) => return Err(error),
        };
        genesis.ok_or(TemporalError::NoForkPoint { turn: at.turn() })
    }

    /// Events with a number above `after`, in order, at most `limit`; none where there are no more. What the server keeps no
    /// more is left out.
    ///
    /// # Errors
    /// [`TemporalError::UnknownThread`] where there is no such thread.
    pub async fn events(
        &self,
        key: &ThreadKey,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Event>, TemporalError> {
        let line = Line::new(&self.shared.client, key);
        let mut bookmark = match self.bookmark(key, after) {
            Some(bookmark) => bookmark,
            None => {
                if let Some(mut events) = self.ask_events(&line, after).await? {
                    events.truncate(limit);
                    return Ok(events);
                }
                let past = Past::after(&line, &self.shared.blobs, after).await?;
                Bookmark { key: key.clone(), seq: after, past, rest: VecDeque::new() }
            }
        };
        while bookmark.rest.len() < limit {
            match bookmark.past.next().await? {
                Some(Told::Events(events)) => bookmark.rest.extend(events),
                Some(Told::Gone { .. }) => {}
                None => break,
            }
        }
        let count = limit.min(bookmark.rest.len());
        let events: Vec<Event> = bookmark.rest.drain(..count).collect();
        if let Some(last) = events.last() {
            bookmark.seq = last.seq;
            *self.bookmarks() = Some(bookmark);
        }
        Ok(events)
    }

    /// What the workflow holds after this event; nothing where it holds it no more, or where no worker answers.
    async fn ask_events(&self, line: &Line, after: u64) -> Result<Option<Vec<Event>>, TemporalError> {
        let found = self.found(line).await?;
        if !self.is_attended(found.task_queue()).await {
            return Ok(None);
        }
        let wanted = EventsAfter { seq: after, digest: None };
        match line.query(None, AgentWorkflow::events, wanted).await {
            Ok(page) => Ok(match page.reading {
                Reading::Events { events, .. } => Some(events),
                Reading::Older { .. } => None,
                // There are not so many.
                Reading::Diverged { .. } => Some(Vec::new()),
            }),
            Err(trouble @ (Trouble::Unknown | Trouble::Unreadable(_))) => Err(line.error(trouble)),
            Err(_) => Ok(None),
        }
    }

    /// Where the reading of a thread was left, if it was left there.
    fn bookmark(&self, key: &ThreadKey, after: u64) -> Option<Bookmark> {
        let mut bookmarks = self.bookmarks();
        let is_there = bookmarks.as_ref().is_some_and(|left| left.key == *key && left.seq == after);
        if is_there { bookmarks.take() } else { None }
    }

    fn bookmarks(&self) -> std::sync::MutexGuard<'_, Option<Bookmark>> {
        self.shared.bookmark.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
