//! [`LocalInbox`]: the submissions of a thread that this process serves.

use crate::{
    ThreadStore,
    changes::Watch,
    database::apart,
    queue::{MAX_OP_BYTES, MAX_QUEUED, Put, Queue, Queued, Reply},
};
use agent_core::{Accepted, Inbox, OpId, Refusal, SessionError, StorageError, Submission, Tenant};
use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::{Notify, oneshot};

/// Ops read from the queue at once.
const PAGE: u32 = 64;

/// A queue in the database. In this process a submission wakes the driver at once; one from another process is found
/// within some 30 ms.
#[derive(Debug)]
pub struct LocalInbox {
    queue: Queue,
    tenant: Tenant,
    generation: i64,
    wake: Notify,
    closed: AtomicBool,
    waiters: Mutex<Waiters>,
    /// What was waiting when the thread was opened. It is there at once, so that it is heard before a cut-off turn goes on.
    left: Mutex<VecDeque<Queued>>,
}

/// Who waits for which answer; `None` once no more answers will come.
type Waiters = Option<BTreeMap<OpId, Vec<oneshot::Sender<Result<Accepted, Refusal>>>>>;

impl LocalInbox {
    /// The inbox of an opened thread.
    pub fn of(store: &ThreadStore) -> Self {
        let reader = store.reader();
        Self {
            queue: Queue { database: reader.database.clone(), thread: reader.thread },
            tenant: reader.key.tenant.clone(),
            generation: store.generation(),
            wake: Notify::new(),
            closed: AtomicBool::new(false),
            waiters: Mutex::new(Some(BTreeMap::new())),
            left: Mutex::default(),
        }
    }

    /// Reads what waits already, before anything is served.
    pub(crate) async fn read_ahead(&self) -> Result<(), StorageError> {
        let waiting = self.queue.waiting(0, PAGE).await?;
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = waiting.into();
        Ok(())
    }

    /// Puts an op in the queue and waits for its answer.
    ///
    /// # Errors
    /// As [`agent_core::AgentSession::submit`]; [`SessionError::Unavailable`] when the driver ends before it answers.
    pub async fn submit(&self, submission: Submission) -> Result<Accepted, SessionError> {
        let body = check(&self.tenant, &submission)?;
        let (sender, answer) = oneshot::channel();
        match &mut *self.waiters() {
            Some(waiters) => waiters.entry(submission.op_id.clone()).or_default().push(sender),
            None => return Err(gone()),
        }
        match self.queue.put(&submission.op_id, &body).await {
            Ok(Put::Queued | Put::Waiting) => {
                self.wake.notify_one();
                match answer.await {
                    Ok(reply) => Ok(reply?),
                    Err(_) => Err(gone()),
                }
            }
            other => {
                drop(answer);
                self.forget(&submission.op_id);
                match other.map_err(unavailable)? {
                    Put::Answered(reply) => Ok(reply.repeated()?),
                    Put::Queued | Put::Waiting | Put::Full => Err(full().into()),
                }
            }
        }
    }

    /// Ends the stream of submissions, and so the driver.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// The driver has ended: nobody waits any more.
    pub(crate) fn abandon(&self) {
        *self.waiters() = None;
    }

    fn waiters(&self) -> MutexGuard<'_, Waiters> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody waits for this answer any more, as far as it can be seen.
    fn forget(&self, op: &OpId) {
        if let Some(waiters) = &mut *self.waiters()
            && let Some(senders) = waiters.get_mut(op)
        {
            senders.retain(|sender| !sender.is_closed());
            if senders.is_empty() {
                waiters.remove(op);
            }
        }
    }

    /// Stores an answer and hands it to those who wait for it. That an op was accepted is true once it is committed,
    /// whether the answer could be stored or not; a refusal by a writer that was taken over is nobody's.
    async fn answer(&self, op: &OpId, reply: Reply) {
        // The stream answers too, for ops that cannot be read, and is not polled while the driver writes.
        let (queue, generation, id, body) = (self.queue.clone(), self.generation, op.clone(), reply.clone());
        let stored = apart(async move { queue.reply(generation, &id, &body).await }).await;
        let waiters = self.waiters().as_mut().and_then(|waiters| waiters.remove(op)).unwrap_or_default();
        match (stored, &reply) {
            (Ok(true), _) => {}
            (Ok(false), Reply::Accepted(_)) => tracing::warn!(%op, "another writer answers this op too"),
            (Ok(false), Reply::Refused(_)) => {
                tracing::warn!(%op, "not refused after all: another writer serves the thread");
                return;
            }
            (Err(error), _) => {
                tracing::warn!(%op, %error, "an answer is not stored; the op will be answered again")
            }
        }
        for waiter in waiters {
            // Whoever stopped waiting finds the answer in the queue.
            let _ = waiter.send(reply.clone().first());
        }
    }

    /// The next op of the stream; `None` when it is closed.
    async fn next(&self, place: &mut Place) -> Option<Submission> {
        loop {
            if self.closed.load(Ordering::Acquire) {
                return None;
            }
            if let Some(Queued { id, op, submission }) = place.read.pop_front() {
                place.after = id;
                match submission {
                    Ok(submission) if submission.op_id == op => return Some(submission),
                    Ok(_) => self.malformed(&op, "its id is another one inside").await,
                    Err(why) => self.malformed(&op, &why).await,
                }
                continue;
            }
            let (queue, after) = (self.queue.clone(), place.after);
            match apart(async move { queue.waiting(after, PAGE).await }).await {
                Ok(read) if !read.is_empty() => place.read = read.into(),
                Ok(_) => self.news(place).await,
                Err(error) => {
                    tracing::warn!(%error, "the inbox cannot be read; trying again");
                    self.news(place).await;
                }
            }
        }
    }

    /// Waits until there may be something new.
    async fn news(&self, place: &mut Place) {
        tokio::select! {
            () = self.wake.notified() => {}
            () = place.watch.changed() => {}
        }
    }

    async fn malformed(&self, op: &OpId, why: &str) {
        self.answer(op, Reply::Refused(Refusal::Malformed { why: why.to_owned() })).await;
    }
}

/// How far the stream of submissions has come.
struct Place {
    after: i64,
    read: VecDeque<Queued>,
    watch: Watch,
}

#[async_trait]
impl Inbox for LocalInbox {
    fn submissions<'a>(&'a self) -> BoxStream<'a, Submission> {
        let read = std::mem::take(&mut *self.left.lock().unwrap_or_else(PoisonError::into_inner));
        let place = Place { after: 0, read, watch: self.queue.database.watch() };
        stream::unfold(place, move |mut place| async move {
            let submission = self.next(&mut place).await?;
            Some((submission, place))
        })
        .boxed()
    }

    async fn reply(&self, op: &OpId, reply: Result<Accepted, Refusal>) {
        self.answer(op, reply.map_or_else(Reply::Refused, Reply::Accepted)).await;
    }
}

/// The op as it goes into the queue, if it may.
pub(crate) fn check(tenant: &Tenant, submission: &Submission) -> Result<String, SessionError> {
    if submission.tenant != *tenant {
        return Err(Refusal::WrongTenant.into());
    }
    let body =
        serde_json::to_string(submission).map_err(|error| Refusal::Malformed { why: error.to_string() })?;
    if body.len() > MAX_OP_BYTES {
        let why =
            format!("it has {} bytes, and {MAX_OP_BYTES} are allowed; attach large content", body.len());
        return Err(Refusal::Malformed { why }.into());
    }
    Ok(body)
}

pub(crate) fn full() -> Refusal {
    Refusal::Overloaded { what: "ops that wait for this thread".into(), limit: MAX_QUEUED.unsigned_abs() }
}

pub(crate) fn unavailable(error: StorageError) -> SessionError {
    SessionError::Unavailable { message: error.to_string(), source: Some(Box::new(error)) }
}

fn gone() -> SessionError {
    let message =
        "it is not served here any more; resume it, and an op that was queued is taken up".to_owned();
    SessionError::Unavailable { message, source: None }
}
