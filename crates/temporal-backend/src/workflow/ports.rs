//! The traits of the loop, inside a workflow. The one file that knows how a workflow is polled.
//!
//! A workflow's context is `Rc`-based and must stay on its thread, while the traits are `Send`. One thread creates, polls and
//! drops a workflow, so a `SendWrapper` around the context and the futures made from it is sound.
//!
//! Nothing here wakes anybody: what waits is polled again after a change through `state_mut`, an answer from the server, or
//! because the driver polls everything it has in flight whenever it runs.

mod model;
mod tools;
mod workspace;

use super::{AgentWorkflow, Digest, Timing, book::Changed, state::Stage};
use crate::{
    activities::Activities,
    wire::{ArchiveTask, ArchivedAs, Frame, RunOptions},
};
use agent_core::{
    Accepted, BlobId, Entropy, Event, EventSink, Inbox, Item, Live, Op, OpId, Record, Refusal, Shared,
    SinkError, StorageBackend, StorageError, Stored, Submission, Thread, ThreadKey,
};
use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};
use send_wrapper::SendWrapper;
use sink::Signal;
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    time::{Duration, UNIX_EPOCH},
};
use temporalio_common::search_attributes::SearchAttributeKey;
use temporalio_sdk::{
    ActivityExecutionError, MemoValue, TimerOptions, WaitConditionOptions, WorkflowCancellationToken,
    WorkflowContext,
};

/// What the thread is doing, as a search attribute.
pub(crate) const STATUS: SearchAttributeKey<String> = SearchAttributeKey::keyword("EverturnStatus");
/// The thread's model, as a search attribute.
pub(crate) const MODEL: SearchAttributeKey<String> = SearchAttributeKey::keyword("EverturnModel");
/// Where a thread lives that has left, as a memo.
pub(crate) const DEPARTED: &str = "everturn-departed";
/// What lists show, as a memo.
pub(crate) const MEMO: &str = "everturn";

/// Everything outside the thread, as the driver sees it.
pub(super) struct Ports {
    inner: SendWrapper<Inner>,
}

struct Inner {
    ctx: WorkflowContext<AgentWorkflow>,
    key: ThreadKey,
    options: RunOptions,
    timing: Timing,
    /// How to stop the model call of an effect.
    model_calls: RefCell<BTreeMap<u64, WorkflowCancellationToken>>,
    conversation: RefCell<Chain>,
    cancel_heard: Cell<bool>,
    now_ms: Cell<u64>,
}

/// Digests of what a model was told last, so that only what is new is read again.
#[derive(Default)]
struct Chain {
    beginning: Beginning,
    items: usize,
    digest: Digest,
    frame: Option<(Frame, String)>,
}

/// What says which item of a thread is the first of a list: the epoch, how many items are left out, and how many parts are
/// archived.
type Beginning = (u32, u64, usize);

impl Chain {
    /// The digest of these items, which begin with those of last time where the beginning is the same.
    fn items(&mut self, beginning: Beginning, items: &[Shared<Item>]) -> Digest {
        if self.beginning != beginning || self.items > items.len() {
            *self = Self { beginning, frame: self.frame.take(), ..Self::default() };
        }
        self.digest = self.digest.and_all(&items[self.items..]);
        self.items = items.len();
        self.digest
    }

    fn frame(&mut self, frame: Frame) -> String {
        match &self.frame {
            Some((known, digest)) if *known == frame => digest.clone(),
            _ => {
                let digest = Digest::default().and(&frame).text();
                self.frame = Some((frame, digest.clone()));
                digest
            }
        }
    }
}

impl Ports {
    pub(super) fn new(ctx: &WorkflowContext<AgentWorkflow>, key: ThreadKey, options: RunOptions) -> Self {
        let inner = Inner {
            ctx: ctx.clone(),
            key,
            options,
            timing: Timing::default(),
            model_calls: RefCell::default(),
            conversation: RefCell::default(),
            cancel_heard: Cell::new(false),
            now_ms: Cell::new(0),
        };
        inner.look_at_clock();
        Self { inner: SendWrapper::new(inner) }
    }
}

impl Inner {
    /// Takes the time from the workflow. After a local activity its clock shows another time in a replay than it did at first,
    /// so it is looked at only after what has an event of its own in the history.
    fn look_at_clock(&self) {
        let now = self.ctx.workflow_time();
        let since = now.and_then(|now| now.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        self.now_ms.set(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
    }

    /// The next op. A cancellation of the workflow from outside is one too: an interrupt, so that the thread records it.
    async fn next_op(&self) -> Option<Submission> {
        let has_op = |workflow: &AgentWorkflow| {
            !workflow.state.inbox.is_empty() || workflow.state.is_asked_to_depart()
        };
        loop {
            let options = if self.cancel_heard.get() { detached() } else { WaitConditionOptions::default() };
            let waited = self.ctx.wait_condition_with_options(has_op, options).await;
            self.look_at_clock();
            if waited.is_err() {
                self.cancel_heard.set(true);
                let id = OpId::new(format!("cancel-{}", self.ctx.uuid4()));
                return Some(Submission {
                    tenant: self.key.tenant.clone(),
                    ..Submission::new(id, "temporal", Op::Interrupt)
                });
            }
            if let Some(op) = self.ctx.state_mut(|workflow| workflow.state.inbox.pop_front()) {
                return Some(op);
            }
            let now_ms = self.now_ms.get();
            if self.ctx.state_mut(|workflow| workflow.state.decide_departures(now_ms)) {
                return None;
            }
        }
    }

    /// Whether this run's history is as long as it should get.
    fn is_long(&self) -> bool {
        let Self { ctx, options, .. } = self;
        let (records, is_postponed) =
            ctx.state(|workflow| (workflow.state.records, workflow.state.is_postponed()));
        if is_postponed {
            return false;
        }
        ctx.continue_as_new_suggested()
            || ctx.state(|workflow| workflow.state.is_worn())
            || options.records_per_run.is_some_and(|limit| records >= limit)
    }

    /// Waits.
    async fn pause(&self, time: Duration) {
        within(&self.ctx, time).await;
    }

    /// Tells lists what has changed.
    fn tell_lists(&self) {
        let (overview, model) = self
            .ctx
            .state(|workflow| (workflow.state.overview().clone(), workflow.state.settings().model.clone()));
        let summary = overview.summary(self.key.clone(), 0, None);
        if self.options.search_attributes {
            let status = serde_json::to_value(summary.status).ok();
            let status = status.as_ref().and_then(|status| status.as_str()).unwrap_or_default().to_owned();
            self.ctx.upsert_search_attributes([STATUS.value_set(status), MODEL.value_set(model)]);
        }
        if let Err(error) = self.ctx.upsert_memo([(MEMO, Some(MemoValue::new(overview)))]) {
            tracing::warn!(thread = %self.key, %error, "lists are not told what has changed");
        }
    }
}

#[async_trait]
impl Inbox for Ports {
    fn submissions<'a>(&'a self) -> BoxStream<'a, Submission> {
        let next = move |()| async move { self.inner.next_op().await.map(|op| (op, ())) };
        SendWrapper::new(stream::unfold((), next)).boxed()
    }

    async fn reply(&self, op: &OpId, reply: Result<Accepted, Refusal>) {
        self.inner.ctx.state_mut(|workflow| workflow.state.answered(op, reply));
    }

    /// A thread that does not fit stays where it is: what is large in it is of the step that is not over.
    fn hand_over(&self) -> bool {
        self.inner.is_long() && !self.inner.ctx.state(|workflow| workflow.state.is_too_large)
    }
}

#[async_trait]
impl StorageBackend for Ports {
    /// The history has the record already: it follows from it.
    async fn append(&self, record: &Record, events: &[Event]) -> Result<(), StorageError> {
        if !self.inner.ctx.is_replaying() {
            ::tools::kill_point("task.commit");
        }
        let changed = self.inner.ctx.state_mut(|workflow| workflow.state.commit(record, events));
        if changed == Changed::Lists {
            self.inner.tell_lists();
        }
        Ok(())
    }

    fn committed(&self, thread: &Thread) {
        let is_long = self.inner.is_long();
        self.inner.ctx.state_mut(|workflow| {
            workflow.state.look_at(thread);
            if is_long {
                workflow.state.weigh(thread);
            }
        });
    }

    async fn load(&self) -> Result<Stored, StorageError> {
        Ok(Stored::default())
    }

    async fn save_snapshot(&self, thread: &Thread) -> Result<(), StorageError> {
        self.inner.ctx.state_mut(|workflow| workflow.state.keep(thread));
        Ok(())
    }

    async fn events(&self, _after: u64, _limit: usize) -> Result<Vec<Event>, StorageError> {
        Ok(Vec::new())
    }

    async fn put_blob(&self, bytes: &[u8]) -> Result<BlobId, StorageError> {
        Err(StorageError::Corrupt {
            message: format!(
                "{} bytes came into a workflow that should have been kept as a blob",
                bytes.len()
            ),
        })
    }

    async fn get_blob(&self, _id: &BlobId) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(None)
    }
}

#[async_trait]
impl EventSink for Ports {
    /// Wakes readers. They read the events themselves, and find them once the server has accepted this task.
    async fn publish(&self, key: &ThreadKey, events: &[Event]) -> Result<(), SinkError> {
        let Inner { ctx, .. } = &*self.inner;
        if let Some(last) = events.last()
            && !ctx.is_replaying()
        {
            let bus = ctx.state(|workflow| std::sync::Arc::clone(&workflow.state.surroundings.bus));
            bus.publish(key, Signal::Wake { seq: last.seq });
        }
        Ok(())
    }

    /// Pieces go from the activity to the bus, past the workflow.
    fn live(&self, _key: &ThreadKey, _live: &Live) {}
}

#[async_trait]
impl Entropy for Ports {
    fn now_ms(&self) -> u64 {
        self.inner.now_ms.get()
    }

    fn id(&self) -> String {
        self.inner.ctx.uuid4()
    }

    fn random(&self) -> u64 {
        self.inner.ctx.random()
    }

    async fn sleep_until(&self, due_ms: u64) {
        let wait = Duration::from_millis(due_ms.saturating_sub(self.now_ms()));
        SendWrapper::new(async {
            let guard = CancelOnDrop::new();
            let options = TimerOptions::builder(wait).cancellation_token(guard.token()).build();
            self.inner.ctx.timer(options).await;
            guard.disarm();
            self.inner.look_at_clock();
        })
        .await;
    }
}

/// A token that no cancellation of the workflow reaches: what the thread runs, the thread stops.
pub(super) struct CancelOnDrop {
    token: WorkflowCancellationToken,
    armed: Rc<Cell<bool>>,
}

impl CancelOnDrop {
    pub(super) fn new() -> Self {
        Self { token: WorkflowCancellationToken::new(), armed: Rc::new(Cell::new(true)) }
    }

    pub(super) fn token(&self) -> WorkflowCancellationToken {
        self.token.clone()
    }

    /// It has ended by itself.
    pub(super) fn disarm(&self) {
        self.armed.set(false);
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if self.armed.get() {
            self.token.cancel();
        }
    }
}

/// Waits that a cancellation of the workflow does not end.
pub(super) fn detached() -> WaitConditionOptions {
    WaitConditionOptions::builder().cancellation_token(WorkflowCancellationToken::new()).build()
}

/// Ready after this time.
pub(super) fn within(
    ctx: &WorkflowContext<AgentWorkflow>,
    time: Duration,
) -> impl Future<Output = ()> + use<> {
    let ctx = ctx.clone();
    async move {
        let guard = CancelOnDrop::new();
        ctx.timer(TimerOptions::builder(time).cancellation_token(guard.token()).build()).await;
        guard.disarm();
    }
}

/// Ready with whichever is ready first; the other is dropped.
pub(super) async fn first<A, B>(a: impl Future<Output = A>, b: impl Future<Output = B>) {
    let (mut a, mut b) = (std::pin::pin!(a), std::pin::pin!(b));
    std::future::poll_fn(|cx| {
        if a.as_mut().poll(cx).is_ready() || b.as_mut().poll(cx).is_ready() {
            return std::task::Poll::Ready(());
        }
        std::task::Poll::Pending
    })
    .await;
}

impl Ports {
    /// Has the owner keep items as a blob.
    pub(super) async fn archive(&self, task: ArchiveTask) -> Result<ArchivedAs, ActivityExecutionError> {
        let guard = CancelOnDrop::new();
        let options = self.inner.archiving(&guard);
        let kept = self.inner.ctx.execute_activity(Activities::archive, task, options).await;
        guard.disarm();
        kept
    }
}

impl Ports {
    /// Lets lists know that the thread has left.
    pub(super) fn tell_departed(&self) {
        let Inner { ctx, key, .. } = &*self.inner;
        let departed = ctx.state(|workflow| workflow.state.departed().cloned());
        if let Some(departed) = departed
            && let Err(error) = ctx.upsert_memo([(DEPARTED, Some(MemoValue::new(departed)))])
        {
            tracing::warn!(thread = %key, %error, "lists are not told that a thread has left");
        }
    }
}

/// Marks the run as closed to new ops.
pub(super) fn close(ctx: &WorkflowContext<AgentWorkflow>, stage: Stage) {
    ctx.state_mut(|workflow| workflow.state.stage = stage);
}
