//! [`Place`]: a thread and the backend it lives on.

use super::{Backend, RemoteSession, ServedSession};
use crate::exit::{Exit, Failure};
use agent_core::{
    Event, ExportFormat, ForkPoint, PendingInteraction, Settings, Snapshot, ThreadKey, ThreadSummary,
};
use std::{io::Write, sync::Arc};

/// Events that an export reads at once.
const PAGE: usize = 256;

/// A thread and the backend it lives on. How a command got it, by an id or as the last one, matters no more.
#[derive(Clone)]
pub(crate) struct Place {
    key: ThreadKey,
    backend: Arc<dyn Backend>,
}

impl Place {
    pub(crate) fn new(key: ThreadKey, backend: Arc<dyn Backend>) -> Self {
        Self { key, backend }
    }

    /// Which thread.
    pub(crate) fn key(&self) -> &ThreadKey {
        &self.key
    }

    /// The backend, as what has the thread's past.
    pub(crate) fn home(&self) -> &dyn super::Home {
        &*self.backend
    }

    /// Where it lives.
    pub(crate) fn backend(&self) -> config::Backend {
        self.backend.kind()
    }

    /// What is known of it.
    pub(crate) async fn summary(&self) -> Result<ThreadSummary, Failure> {
        self.backend.get(&self.key).await
    }

    /// What it runs under now, from what is stored: nothing of it is served until it is clear that it may go on.
    pub(crate) async fn settings(&self) -> Result<Settings, Failure> {
        self.backend.settings_of(&self.key).await
    }

    /// Its questions that wait, the oldest first.
    pub(crate) async fn questions(&self) -> Result<Vec<PendingInteraction>, Failure> {
        self.backend.questions(&self.key).await
    }

    /// Its first event, which says what it is.
    pub(crate) async fn first_event(&self) -> Result<Event, Failure> {
        let events = self.backend.events(&self.key, 0, 1).await?;
        let unknown = || Failure::usage(format!("there is no thread {}", self.key.thread));
        events.into_iter().next().ok_or_else(unknown)
    }

    /// The next events after this one, some at a time; none where there are no more.
    pub(crate) async fn events(&self, after: u64) -> Result<Vec<Event>, Failure> {
        self.backend.events(&self.key, after, PAGE).await
    }

    /// See [`Backend::attach`].
    pub(crate) async fn attach(&self) -> Result<Box<dyn RemoteSession>, Failure> {
        self.backend.attach(&self.key).await
    }

    /// See [`Backend::resume`].
    pub(crate) async fn resume(&self) -> Result<Box<dyn ServedSession>, Failure> {
        self.backend.resume(&self.key).await
    }

    /// See [`Backend::resume_unless_served`].
    pub(crate) async fn resume_unless_served(&self) -> Result<Option<Box<dyn ServedSession>>, Failure> {
        self.backend.resume_unless_served(&self.key).await
    }

    /// A new thread with its past, on the same backend.
    pub(crate) async fn fork(&self, at: ForkPoint) -> Result<Box<dyn ServedSession>, Failure> {
        self.backend.fork(&self.key, at).await
    }

    /// See [`Backend::snapshot_at`].
    pub(crate) async fn snapshot_at(&self, at: ForkPoint) -> Result<Option<Snapshot>, Failure> {
        self.backend.snapshot_at(&self.key, at).await
    }

    /// See [`Backend::delete`].
    pub(crate) async fn delete(&self) -> Result<(), Failure> {
        self.backend.delete(&self.key).await
    }

    /// Writes all there is of it, served or not.
    pub(crate) async fn export(
        &self,
        format: ExportFormat,
        out: &mut (dyn Write + Send),
    ) -> Result<(), Failure> {
        let failed = |why: &dyn std::fmt::Display| {
            Failure::new(Exit::Backend, format!("the export cannot be written: {why}"))
        };
        let summary = self.summary().await?;
        out.write_all(format.heading(&summary).as_bytes()).map_err(|error| failed(&error))?;
        let mut after = 0;
        loop {
            let events = self.events(after).await?;
            let Some(last) = events.last() else { break };
            after = last.seq;
            for event in &events {
                let text = format.event(event).map_err(|error| failed(&error))?;
                out.write_all(text.as_bytes()).map_err(|error| failed(&error))?;
            }
        }
        out.flush().map_err(|error| failed(&error))
    }
}
