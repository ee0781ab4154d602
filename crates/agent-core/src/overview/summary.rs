//! [`ThreadSummary`]: a thread in a list, and [`ThreadFilter`], which says which ones are wanted.

use super::ThreadStatus;
use crate::protocol::{Source, Tenant, ThreadKey};
use serde::{Deserialize, Serialize};
use std::{cmp::Reverse, fmt};

/// A thread in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadSummary {
    /// Which.
    #[serde(flatten)]
    pub key: ThreadKey,
    /// When it began, in milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// When something happened last.
    pub updated_ms: u64,
    /// The name it was given.
    pub name: Option<String>,
    /// The beginning of what the user said first.
    pub title: Option<String>,
    /// Its working directory.
    pub cwd: String,
    /// Its model.
    pub model: String,
    /// Where it came from.
    pub source: Source,
    /// What it is doing.
    pub status: ThreadStatus,
    /// Who serves it at the moment, if anybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served_by: Option<Server>,
    /// Its turns.
    pub turns: u32,
    /// The number of its last event.
    pub last_event: u64,
    /// How often it was opened for writing.
    pub generation: u64,
    /// The thread and turn it was forked from, as `thread/turn`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forked_from: Option<String>,
}

/// Who serves a thread: takes its ops, asks its model, runs its tools.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Server {
    /// A process of this machine, which alone has the thread.
    Process {
        /// Its id, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pid: Option<u32>,
    },
    /// Whoever works for a task queue at the moment; another worker may take over at any time.
    Worker {
        /// The queue.
        queue: String,
    },
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process { pid: Some(pid) } => write!(f, "process {pid}"),
            Self::Process { pid: None } => f.write_str("another process"),
            Self::Worker { queue } => write!(f, "a worker on the queue {queue}"),
        }
    }
}

/// Which threads to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadFilter {
    /// Whose.
    pub tenant: Tenant,
    /// Only those that are doing this.
    pub status: Option<ThreadStatus>,
    /// Only those of this working directory.
    pub cwd: Option<String>,
    /// Only those whose name, title or id has this in it; `A` to `Z` are as good as `a` to `z`.
    pub text: Option<String>,
    /// At most so many, those first that changed last.
    pub limit: u32,
}

impl ThreadFilter {
    /// All threads of a tenant.
    pub fn of(tenant: Tenant) -> Self {
        Self { tenant, status: None, cwd: None, text: None, limit: u32::MAX }
    }

    /// Whether a thread is wanted, its place in the list apart.
    pub fn fits(&self, thread: &ThreadSummary) -> bool {
        thread.key.tenant == self.tenant
            && self.status.is_none_or(|status| status == thread.status)
            && self.cwd.as_ref().is_none_or(|cwd| *cwd == thread.cwd)
            && self.text.as_ref().is_none_or(|text| thread.says(text))
    }

    /// The list: those that fit, in their order, not too many.
    pub fn choose(&self, threads: impl IntoIterator<Item = ThreadSummary>) -> Vec<ThreadSummary> {
        let mut chosen: Vec<_> = threads.into_iter().filter(|thread| self.fits(thread)).collect();
        // Of two that changed in the same millisecond the younger comes first, as its id tells.
        chosen.sort_by(|a, b| {
            let place = |thread: &ThreadSummary| (Reverse(thread.updated_ms), Reverse(thread.created_ms));
            place(a).cmp(&place(b)).then_with(|| b.key.thread.cmp(&a.key.thread))
        });
        chosen.truncate(usize::try_from(self.limit).unwrap_or(usize::MAX));
        chosen
    }
}

impl ThreadSummary {
    /// What people call it: the name it was given, or else the beginning of what the user said first.
    pub fn called(&self) -> Option<&str> {
        self.name.as_deref().or(self.title.as_deref())
    }

    fn says(&self, text: &str) -> bool {
        let shown = |part: &Option<String>| part.as_deref().unwrap_or_default().to_ascii_lowercase();
        let all = format!("{}\n{}\n{}", shown(&self.name), shown(&self.title), self.key.thread);
        all.contains(&text.to_ascii_lowercase())
    }
}
