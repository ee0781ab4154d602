//! [`Past`]: what a thread's newest run holds no more, by replaying the histories of its runs. No worker is needed.
//!
//! `runs` finds the runs, newest first; `replay` makes a run's commits of its history; `elsewhere` reads what a thread
//! committed before it came here.

mod elsewhere;
mod replay;
mod runs;

use super::{TemporalError, line::Line};
use crate::{FileBlobs, wire::PastPart};
use agent_core::{Commit, Event};
use runs::{Began, Run};
use std::{collections::VecDeque, sync::Arc};

/// The events of a thread from some number on, a run at a time.
#[derive(Debug)]
pub(super) struct Past {
    line: Line,
    blobs: Arc<FileBlobs>,
    /// What was committed elsewhere and is still to be told, oldest first.
    parts: VecDeque<PastPart>,
    /// Those that are still to be told, oldest first.
    runs: VecDeque<Run>,
    /// Events that are about to be told.
    waiting: Vec<Event>,
    /// The next event that is wanted.
    next: u64,
}

/// What is told of the past.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Told {
    /// Events in order, the next ones.
    Events(Vec<Event>),
    /// Events that the server keeps no more.
    Gone {
        /// The first of them.
        from: u64,
        /// The last.
        to: u64,
    },
}

impl Past {
    /// The events after this one.
    pub(super) async fn after(line: &Line, blobs: &Arc<FileBlobs>, seq: u64) -> Result<Self, TemporalError> {
        let mut runs = runs::back_to(line, seq).await?;
        let mut parts = runs.first_mut().map(|run| std::mem::take(&mut run.past)).unwrap_or_default();
        parts.retain(|part| part.last_event > seq);
        Ok(Self {
            line: line.clone(),
            blobs: Arc::clone(blobs),
            parts: parts.into(),
            runs: runs.into(),
            waiting: Vec::new(),
            next: seq + 1,
        })
    }

    /// What comes next; nothing at the end of what the server has accepted.
    pub(super) async fn next(&mut self) -> Result<Option<Told>, TemporalError> {
        loop {
            if let Some(told) = self.tell() {
                return Ok(Some(told));
            }
            if let Some(part) = self.parts.pop_front() {
                match elsewhere::commits(&self.line, &self.blobs, &part).await {
                    Ok(commits) => {
                        self.waiting = commits.into_iter().flat_map(|commit| commit.events).collect()
                    }
                    Err(error @ TemporalError::ServerAway { .. }) => return Err(error),
                    // What comes after it is told, and that this is missing.
                    Err(error) => {
                        tracing::warn!(thread = %self.line.key, %error, "a part of the past is gone")
                    }
                }
                continue;
            }
            // The end of the run before comes first. It is there also where that run is gone.
            if let Some(run) = self.runs.front_mut()
                && !run.carried.is_empty()
            {
                self.waiting = std::mem::take(&mut run.carried);
                continue;
            }
            let Some(run) = self.runs.pop_front() else { return Ok(None) };
            let commits = replay::commits(&self.line, &run.id).await?;
            self.waiting = commits.into_iter().flat_map(|commit| commit.events).collect();
        }
    }

    /// The events that wait, as far as they are wanted; before them what is missing.
    fn tell(&mut self) -> Option<Told> {
        let next = self.next;
        self.waiting.retain(|event| event.seq >= next);
        let (first, last) = (self.waiting.first()?.seq, self.waiting.last()?.seq);
        if first > next {
            self.next = first;
            return Some(Told::Gone { from: next, to: first - 1 });
        }
        self.next = last + 1;
        Some(Told::Events(std::mem::take(&mut self.waiting)))
    }
}

/// All commits of a thread, from its first on.
///
/// # Errors
/// [`TemporalError::PastGone`] where its first runs are gone.
pub(super) async fn commits(line: &Line, blobs: &FileBlobs) -> Result<Vec<Commit>, TemporalError> {
    let runs = runs::back_to(line, 0).await?;
    let mut all: Vec<Commit> = Vec::new();
    match runs.first() {
        Some(Run { began: Began::Anew, .. }) => {}
        Some(Run { began: Began::Moved, past, .. }) => {
            for part in past {
                all.extend(elsewhere::commits(line, blobs, part).await?);
            }
        }
        first => {
            let to = first.map_or(0, |run| run.after);
            return Err(TemporalError::PastGone { id: line.key.thread.to_string(), to });
        }
    }
    for run in runs {
        for commit in replay::commits(line, &run.id).await? {
            let expected = all.len() as u64 + 1;
            if commit.record.seq != expected {
                let message =
                    format!("it tells record {} where record {expected} is next", commit.record.seq);
                return Err(TemporalError::History { run: run.id, message });
            }
            all.push(commit);
        }
    }
    Ok(all)
}

/// The ids of all runs that are kept, newest first.
pub(super) async fn runs(line: &Line) -> Result<Vec<String>, TemporalError> {
    runs::ids(line).await
}

/// The newest run: what it began with, and its commits so far.
pub(super) async fn newest(line: &Line) -> Result<(crate::wire::RunFrom, Vec<Commit>), TemporalError> {
    let (run, from) = runs::newest(line).await?;
    Ok((from, replay::commits(line, &run).await?))
}

/// What the newest run began with.
pub(super) async fn beginning(line: &Line) -> Result<crate::wire::RunFrom, TemporalError> {
    Ok(runs::newest(line).await?.1)
}
