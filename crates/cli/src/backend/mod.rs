//! [`Backend`]: where threads live, as the commands see it; the backends there are; and which of them has a thread.
//!
//! Architecture invariant: a command names no backend. What it needs of one is a method here, and each method's doc says
//! what every backend promises.

mod backends;
mod home;
mod local;
#[cfg(feature = "temporal")]
mod moving;
#[cfg(not(feature = "temporal"))]
mod no_temporal;
mod place;
#[cfg(feature = "temporal")]
mod temporal;
#[cfg(test)]
mod tests;

#[cfg(feature = "temporal")]
pub(crate) use crate::temporal_site::with_temporal_blobs;
pub(crate) use backends::{Backends, Listed};
pub(crate) use home::Home;
pub(crate) use local::LocalStore;
#[cfg(feature = "temporal")]
pub(crate) use moving::{Moved, move_to_local, move_to_temporal};
#[cfg(not(feature = "temporal"))]
pub(crate) use no_temporal::{Temporal, marker, with_temporal_blobs};
pub(crate) use place::Place;
#[cfg(feature = "temporal")]
pub(crate) use temporal::{Temporal, marker};

use crate::exit::{Exit, Failure};
use agent_core::{
    AgentSession, BlobId, Entropy, Event, ForkPoint, Genesis, InteractionId, KeptFiles, OpId,
    PendingInteraction, SessionError, Settings, Snapshot, Submission, Tenant, Thread, ThreadFilter,
    ThreadKey, ThreadSummary, Undoable,
};
use async_trait::async_trait;

/// Threads, wherever they live.
///
/// A failure says what to do about it. After one of a method that writes it is unknown whether it came about, except where
/// the failure says so.
#[async_trait]
pub(crate) trait Backend: Home + Send + Sync {
    /// How the configuration calls it.
    fn kind(&self) -> config::Backend;

    /// Starts a thread. `Ok` means that it exists, as durable as its first event states, and is served: by this process as
    /// long as the session is kept (local), or by whatever worker polls its queue, for which this process starts one where
    /// there is none (Temporal).
    async fn start(&self, tenant: Tenant, genesis: Genesis) -> Result<Box<dyn ServedSession>, Failure>;

    /// Sees to it that a thread is served, as after [`Backend::start`]. A turn that was cut off goes on, and a thread that
    /// was shut down is opened again. While another process serves the thread this fails where only one may (local), and is
    /// no more than a session where any may (Temporal).
    async fn resume(&self, key: &ThreadKey) -> Result<Box<dyn ServedSession>, Failure>;

    /// The same where nobody serves the thread; `None` where somebody does by now.
    async fn resume_unless_served(&self, key: &ThreadKey) -> Result<Option<Box<dyn ServedSession>>, Failure>;

    /// Starts a thread with the past of another, which is not disturbed.
    async fn fork(&self, key: &ThreadKey, at: ForkPoint) -> Result<Box<dyn ServedSession>, Failure>;

    /// A session for a thread as it is, served or not. It serves nothing and changes nothing, but what is submitted.
    async fn attach(&self, key: &ThreadKey) -> Result<Box<dyn RemoteSession>, Failure>;

    /// What is known of a thread; a failure of usage where there is none.
    async fn get(&self, key: &ThreadKey) -> Result<ThreadSummary, Failure>;

    /// The threads that fit, those first that changed last. Where lists lag behind (Temporal), a thread of the last moment
    /// may be missing.
    async fn list(&self, filter: &ThreadFilter) -> Result<Vec<ThreadSummary>, Failure>;

    /// The threads that an id means, which may be the beginning or end of one: [`means`]. A whole id is found however new its
    /// thread is.
    async fn candidates(&self, tenant: &Tenant, id: &str) -> Result<Vec<ThreadKey>, Failure> {
        let all = self.list(&ThreadFilter::of(tenant.clone())).await?;
        Ok(all.into_iter().map(|thread| thread.key).filter(|key| means(id, key)).collect())
    }

    /// The thread in which something happened last, however new it is.
    async fn last(&self, tenant: &Tenant) -> Result<Option<ThreadSummary>, Failure> {
        let filter = ThreadFilter { limit: 1, ..ThreadFilter::of(tenant.clone()) };
        Ok(self.list(&filter).await?.into_iter().next())
    }

    /// Deletes a thread with all that is stored of it, for good; fails while somebody serves it, except where the backend
    /// can stop that first.
    async fn delete(&self, key: &ThreadKey) -> Result<(), Failure>;

    /// Events with a number above `after`, in order, at most `limit`; none means that there are no more.
    async fn events(&self, key: &ThreadKey, after: u64, limit: usize) -> Result<Vec<Event>, Failure>;

    /// The questions of a tenant's threads that wait, whether the threads are served or not; the oldest of a thread first.
    async fn pending(&self, tenant: &Tenant) -> Result<Vec<PendingInteraction>, Failure>;

    /// The questions of one thread that wait, the oldest first.
    async fn questions(&self, key: &ThreadKey) -> Result<Vec<PendingInteraction>, Failure>;

    /// The question with this id, where it waits.
    async fn question(
        &self,
        tenant: &Tenant,
        id: &InteractionId,
    ) -> Result<Option<PendingInteraction>, Failure> {
        Ok(self.pending(tenant).await?.into_iter().find(|question| question.id == *id))
    }

    /// What a thread runs under now. Nobody need serve it.
    async fn settings_of(&self, key: &ThreadKey) -> Result<Settings, Failure>;

    /// The workspace as it was when a turn had ended, as far as that is kept; `None` where no turn after it changed anything.
    async fn snapshot_at(&self, key: &ThreadKey, at: ForkPoint) -> Result<Option<Snapshot>, Failure>;

    /// Leaves at once, as well as that goes: the process has been told to end. What only this process served is as after its
    /// end.
    async fn abandon(&self) {}

    /// Leaves in good order, once no session is used any more. Threads are kept; what only this process served is as after
    /// its end. A second call does nothing.
    async fn close(&self) -> Result<(), Failure>;
}

/// A thread that is served: what [`Backend::start`], [`Backend::resume`] and [`Backend::fork`] give. Dropping it ends the
/// serving where this process alone serves the thread.
#[async_trait]
pub(crate) trait ServedSession: AgentSession {
    /// What the thread ran under when the session began.
    fn first_settings(&self) -> &Settings;

    /// Keeps bytes that a submission is going to refer to, for example an image. They are durable on return.
    async fn put_blob(&self, bytes: &[u8]) -> Result<BlobId, Failure>;
}

/// A thread as it is: what [`Backend::attach`] gives.
#[async_trait]
pub(crate) trait RemoteSession: AgentSession {
    /// Submits an op, and waits for what becomes of it as long as somebody serves the thread. The same op again counts once.
    async fn submit_or_queue(&self, submission: Submission) -> Result<SubmitOutcome, SessionError>;
}

/// What became of an op that was submitted from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SubmitOutcome {
    /// It was applied, now or when it came first.
    Accepted,
    /// Nobody serves the thread. The op is kept, and taken up when somebody does.
    Queued,
}

/// The workspace as it was when a turn had ended, told by what is kept of that turn, else of the next one that changed it.
pub(crate) fn snapshot_in(thread: &Thread, at: ForkPoint) -> Result<Option<Snapshot>, Failure> {
    let ForkPoint::Turn(at) = at else { return Ok(None) };
    // Before any file is written for a fork that cannot be made.
    if at.0 > thread.turns() || thread.current_turn() == Some(at) {
        return Err(Failure::usage(format!("turn {at} is not finished; fork at an earlier turn")));
    }
    if let Some(step) = thread.snapshots_of(at) {
        return Ok(Some(step.after));
    }
    let mut later: Vec<Undoable> = thread.undoable().filter(|undoable| undoable.turn > at).collect();
    later.reverse();
    for Undoable { turn, files, .. } in later {
        match files {
            KeptFiles::Unchanged => {}
            KeptFiles::Kept => return Ok(thread.snapshots_of(turn).map(|step| step.before)),
            KeptFiles::Lost { why } => {
                return Err(Failure::new(
                    Exit::Failed,
                    format!(
                        "the files as they were after turn {at} are not kept: {why}; fork without --worktree"
                    ),
                ));
            }
        }
    }
    Ok(None)
}

/// At least so many characters of an id say which one is meant.
const MIN_ID_CHARS: usize = 4;

/// Whether what was typed means this thread: its id, or enough of the beginning or end of it.
pub(crate) fn means(typed: &str, key: &ThreadKey) -> bool {
    let id = key.thread.as_str();
    id == typed || typed.len() >= MIN_ID_CHARS && (id.starts_with(typed) || id.ends_with(typed))
}

/// A fresh id for a submission.
pub(crate) fn fresh_op_id() -> OpId {
    OpId::new(local_backend::SystemEntropy.id())
}
