//! [`Backends`]: the backends of this process, and where among them a thread lives.
//!
//! Whoever names a thread or a question need not say where it lives. The local database is looked at first. Temporal is
//! looked at where it may have the thread: this data folder has used it, or a server is configured. It is opened when it
//! is first needed, so whoever never used it pays nothing for it.

use super::{Backend, Place};
use crate::{
    exit::{Exit, Failure},
    output,
};
use agent_core::{InteractionId, PendingInteraction, Tenant, ThreadFilter, ThreadSummary};
use config::Backend as Kind;
use futures::future::BoxFuture;
use std::{fs::DirBuilder, os::unix::fs::DirBuilderExt, path::PathBuf, sync::Arc};
use tokio::sync::OnceCell;

/// Opens the backend that is not always there.
pub(crate) type Open = Box<dyn Fn() -> BoxFuture<'static, Result<Arc<dyn Backend>, Failure>> + Send + Sync>;

/// The backends of this process.
pub(crate) struct Backends {
    pub(super) local: Arc<dyn Backend>,
    pub(super) temporal: OnceCell<Arc<dyn Backend>>,
    pub(super) open: Open,
    /// Where new threads begin.
    pub(super) new_threads: Kind,
    /// The only one that is looked at, where the command line names it.
    pub(super) only: Option<Kind>,
    /// Whether a Temporal server is configured.
    pub(super) is_configured: bool,
    /// A folder that is there once this data folder has used Temporal.
    pub(super) marker: PathBuf,
}

/// A thread in a list, and where it lives.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) thread: ThreadSummary,
    pub(crate) backend: Kind,
}

/// What a look at Temporal is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// Everything there may be.
    Wide,
    /// Only what whoever has this data folder works with.
    Own,
}

impl Backends {
    pub(crate) fn new(local: Arc<dyn Backend>, open: Open, new_threads: Kind, marker: PathBuf) -> Self {
        Self { local, temporal: OnceCell::new(), open, new_threads, only: None, is_configured: false, marker }
    }

    /// The same, looking at this one only, where one is named.
    pub(crate) fn only(self, only: Option<Kind>) -> Self {
        Self { only, ..self }
    }

    /// The same, with a Temporal server that may have threads which this data folder never heard of.
    pub(crate) fn configured(self, is_configured: bool) -> Self {
        Self { is_configured, ..self }
    }

    /// Where new threads begin.
    pub(crate) async fn for_new_threads(&self) -> Result<Arc<dyn Backend>, Failure> {
        match self.new_threads {
            Kind::Local => Ok(Arc::clone(&self.local)),
            Kind::Temporal => {
                let temporal = self.temporal().await?;
                self.mark();
                Ok(temporal)
            }
        }
    }

    /// The thread that an id means, or the beginning or end of one. Where the local backend has one that fits, no other is
    /// looked at.
    pub(crate) async fn find(&self, tenant: &Tenant, id: &str) -> Result<Place, Failure> {
        if self.looks_at_local()
            && let Some(place) = one(&self.local, tenant, id).await?
        {
            return Ok(place);
        }
        if self.looks_at_temporal(Look::Wide) {
            let looked = async { one(&self.temporal().await?, tenant, id).await };
            let but = format!("there is no thread {id} in the data folder");
            if let Some(place) = looked.await.map_err(|failure| self.besides(failure, &but))? {
                self.mark();
                return Ok(place);
            }
        }
        Err(self.nowhere(tenant, id).await)
    }

    /// That no thread is meant by an id, or that it has left.
    async fn nowhere(&self, tenant: &Tenant, id: &str) -> Failure {
        let local = self.local.local().filter(|_| self.looks_at_local());
        let moved = match local {
            Some(local) => local.database().moved_away(tenant).await.unwrap_or_default(),
            None => Vec::new(),
        };
        match moved.into_iter().find(|(key, _)| super::means(id, key)) {
            Some((key, away)) => Failure::usage(format!(
                "thread {} does not live in this data folder: {}; everturn move {} --to local brings it back",
                key.thread,
                away.in_words(),
                key.thread
            )),
            None => Failure::usage(format!("there is no thread {id}; everturn sessions lists what there is")),
        }
    }

    /// Both, local and Temporal, to move a thread from one to the other.
    pub(crate) async fn both(&self) -> Result<[Arc<dyn Backend>; 2], Failure> {
        let temporal = self.temporal().await?;
        self.mark();
        Ok([Arc::clone(&self.local), temporal])
    }

    /// The thread in which something happened last. A server that is only configured is not looked at.
    pub(crate) async fn last(&self, tenant: &Tenant) -> Result<Option<Place>, Failure> {
        let local = if self.looks_at_local() { self.local.last(tenant).await? } else { None };
        let temporal = if self.looks_at_temporal(Look::Own) {
            let looked = async { self.temporal().await?.last(tenant).await };
            looked.await.map_err(|failure| self.doubtful(failure))?
        } else {
            None
        };
        let updated = |thread: &Option<ThreadSummary>| thread.as_ref().map(|thread| thread.updated_ms);
        if updated(&temporal) > updated(&local)
            && let Some(thread) = temporal
        {
            return Ok(Some(Place::new(thread.key, self.temporal().await?)));
        }
        Ok(local.map(|thread| Place::new(thread.key, Arc::clone(&self.local))))
    }

    /// All threads that fit, those first that changed last. Those that cannot be looked at are told of as a warning.
    pub(crate) async fn list(&self, filter: &ThreadFilter) -> Result<Vec<Listed>, Failure> {
        let listed = |backend: Kind| move |thread: ThreadSummary| Listed { thread, backend };
        let local = if self.looks_at_local() { self.local.list(filter).await? } else { Vec::new() };
        let mut all: Vec<Listed> = local.into_iter().map(listed(Kind::Local)).collect();
        let temporal = async { self.temporal().await?.list(filter).await };
        let looked = self.looks_at_temporal(Look::Wide);
        let temporal = match if looked { temporal.await } else { Ok(Vec::new()) } {
            // An empty list would say that there are none.
            Err(failure) if all.is_empty() => {
                return Err(self.besides(failure, "no thread of the data folder is to be listed"));
            }
            told => self.as_far_as_it_goes(async { told }, "threads on Temporal are not listed").await?,
        };
        if !temporal.is_empty() {
            all.extend(temporal.into_iter().map(listed(Kind::Temporal)));
            all.sort_by_key(|listed| std::cmp::Reverse(listed.thread.updated_ms));
            all.truncate(usize::try_from(filter.limit).unwrap_or(usize::MAX));
        }
        Ok(all)
    }

    /// The questions that wait, of all threads. Those that cannot be looked at are told of as a warning.
    pub(crate) async fn pending(&self, tenant: &Tenant) -> Result<Vec<PendingInteraction>, Failure> {
        let mut all = if self.looks_at_local() { self.local.pending(tenant).await? } else { Vec::new() };
        let temporal = async { self.temporal().await?.pending(tenant).await };
        all.extend(self.as_far_as_it_goes(temporal, "questions on Temporal are not listed").await?);
        Ok(all)
    }

    /// A question that waits, and the thread that asks it.
    pub(crate) async fn question(
        &self,
        tenant: &Tenant,
        id: &InteractionId,
    ) -> Result<Option<(Place, PendingInteraction)>, Failure> {
        if self.looks_at_local()
            && let Some(question) = self.local.question(tenant, id).await?
        {
            return Ok(Some((Place::new(question.key.clone(), Arc::clone(&self.local)), question)));
        }
        if !self.looks_at_temporal(Look::Wide) {
            return Ok(None);
        }
        let looked = async {
            let temporal = self.temporal().await?;
            let question = temporal.question(tenant, id).await?;
            Ok(question.map(|question| (Place::new(question.key.clone(), temporal), question)))
        };
        let but = format!("no question {id} waits in the data folder");
        looked.await.map_err(|failure: Failure| self.besides(failure, &but))
    }

    /// Leaves at once.
    pub(crate) async fn abandon(&self) {
        if let Some(temporal) = self.temporal.get() {
            temporal.abandon().await;
        }
    }

    /// Leaves in good order. What fails is told as a warning: the command is done.
    pub(crate) async fn close(&self) {
        for backend in [Some(&self.local), self.temporal.get()].into_iter().flatten() {
            if let Err(failure) = backend.close().await {
                output::warn(&failure.message);
            }
        }
    }

    /// What Temporal has, where it is looked at. That it cannot be looked at fails only where it alone is.
    async fn as_far_as_it_goes<T>(
        &self,
        look: impl Future<Output = Result<Vec<T>, Failure>>,
        else_said: &str,
    ) -> Result<Vec<T>, Failure> {
        if !self.looks_at_temporal(Look::Wide) {
            return Ok(Vec::new());
        }
        match look.await {
            Ok(found) => Ok(found),
            Err(failure) if self.only.is_some() => Err(failure),
            Err(failure) => {
                output::warn(&format!("{else_said}: {}", failure.message));
                Ok(Vec::new())
            }
        }
    }

    /// That Temporal cannot be looked at, with what came of looking at the other one.
    fn besides(&self, failure: Failure, found: &str) -> Failure {
        self.in_both(failure, |why| format!("{found}, and Temporal cannot be looked at: {why}"))
    }

    /// The same where it decides which thread is meant.
    fn doubtful(&self, failure: Failure) -> Failure {
        self.in_both(failure, |why| {
            format!(
                "the thread that was used last may live on Temporal, which cannot be looked at: {why} (or name a thread, or \
                 add --backend local)"
            )
        })
    }

    /// A failure of Temporal, told otherwise where the other one was looked at too.
    fn in_both(&self, failure: Failure, told: impl FnOnce(&str) -> String) -> Failure {
        if self.only.is_some() || failure.exit != Exit::Backend {
            return failure;
        }
        Failure { message: told(&failure.message), ..failure }
    }

    fn looks_at_local(&self) -> bool {
        self.only != Some(Kind::Temporal)
    }

    fn looks_at_temporal(&self, look: Look) -> bool {
        match self.only {
            Some(only) => only == Kind::Temporal,
            None => {
                self.new_threads == Kind::Temporal
                    || look == Look::Wide && self.is_configured
                    || self.marker.is_dir()
            }
        }
    }

    async fn temporal(&self) -> Result<Arc<dyn Backend>, Failure> {
        self.temporal.get_or_try_init(|| (self.open)()).await.cloned()
    }

    /// From now on threads of this data folder are looked for on Temporal as well.
    fn mark(&self) {
        if let Err(error) = DirBuilder::new().recursive(true).mode(0o700).create(&self.marker) {
            output::warn(&format!(
                "{} cannot be made ({error}); say --backend temporal to find the thread again",
                self.marker.display()
            ));
        }
    }
}

/// The one thread that is meant.
async fn one(backend: &Arc<dyn Backend>, tenant: &Tenant, id: &str) -> Result<Option<Place>, Failure> {
    let mut found = backend.candidates(tenant, id).await?.into_iter();
    match (found.next(), found.next()) {
        (Some(_), Some(_)) => Err(Failure::usage(format!("several threads fit {id}; give more of the id"))),
        (key, _) => Ok(key.map(|key| Place::new(key, Arc::clone(backend)))),
    }
}
