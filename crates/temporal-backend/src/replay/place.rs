//! [`Place`]: where a replay fails. The SDK names an event in some of its messages and none in others, so the tasks of the
//! workflow are searched for the first that fails.

use super::{ReplayFailure, ReplayOptions, RunHistory, attempt, history::Task};
use std::fmt;

/// A task of a workflow: what it did at one go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The number of its first event in the history.
    pub first: i64,
    /// The number of its last one.
    pub last: i64,
    /// The last record of the thread that was committed before it; 0 for none.
    pub record: u64,
    /// The build that wrote it, where the history names it.
    pub build: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, last, record, build } = self;
        write!(f, "in events {first} to {last} of the history")?;
        match record {
            0 => write!(f, ", before the first record of the thread")?,
            record => write!(f, ", after record {record} of the thread")?,
        }
        build.as_ref().map_or(Ok(()), |build| write!(f, ", written by {build}"))
    }
}

impl Place {
    /// Where the replay of this history fails, which it does.
    pub(super) async fn of(
        history: &RunHistory,
        options: &ReplayOptions,
    ) -> Result<Option<Self>, ReplayFailure> {
        let tasks = history.tasks();
        // Those before have been seen to replay, those from `failing` on to fail.
        let (mut good, mut failing) = (0, tasks.len());
        let mut record = 0;
        while good < failing {
            let middle = good.midpoint(failing);
            let (replayed, commits) = attempt(history.up_to(&tasks[middle]), options).await?;
            if replayed.is_ok() {
                good = middle + 1;
                record = commits.last().map_or(record, |commit| commit.record.seq);
            } else {
                failing = middle;
            }
        }
        // A task that was begun and not completed is none of those.
        Ok(tasks.into_iter().nth(failing).or_else(|| history.begun()).map(|task| {
            let Task { first, last, build, .. } = task;
            Self { first, last, record, build }
        }))
    }
}
