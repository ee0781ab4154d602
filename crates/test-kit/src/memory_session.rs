//! [`MemorySession`]: a whole thread in memory, with your model and your tools, as an `AgentSession`.

use agent_core::{
    Accepted, AgentSession, Cursor, EventSink, Genesis, Inbox, Live, ModelStreamer, OpId, Ports, Redactor,
    Refusal, SessionError, SinkError, StartUp, StorageBackend, Submission, Thread, ThreadKey,
    ToolCallHandler, Update, Workspace, run_thread,
    testing::{FakeEntropy, MemoryStorage},
};
use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};

/// So many submissions may wait.
const INBOX_CAPACITY: usize = 64;
/// Events read at once.
const PAGE: usize = 256;

type Replies = Arc<Mutex<BTreeMap<OpId, oneshot::Sender<Result<Accepted, Refusal>>>>>;

/// A thread that lives as long as this value, in a task of the current tokio runtime.
#[derive(Debug)]
pub struct MemorySession {
    key: ThreadKey,
    storage: MemoryStorage,
    submissions: mpsc::Sender<Submission>,
    replies: Replies,
    last_event: watch::Receiver<u64>,
    driver: JoinHandle<()>,
}

impl MemorySession {
    /// Starts a new thread whose host keeps no snapshots and has no hooks.
    pub fn start(
        key: ThreadKey,
        genesis: Genesis,
        model: Arc<dyn ModelStreamer>,
        tools: Arc<dyn ToolCallHandler>,
    ) -> Self {
        Self::start_in(key, genesis, model, tools, Arc::new(()))
    }

    /// Starts a new thread in this workspace.
    pub fn start_in(
        key: ThreadKey,
        genesis: Genesis,
        model: Arc<dyn ModelStreamer>,
        tools: Arc<dyn ToolCallHandler>,
        workspace: Arc<dyn Workspace>,
    ) -> Self {
        let (submissions, receiver) = mpsc::channel(INBOX_CAPACITY);
        let (published, last_event) = watch::channel(0);
        let storage = MemoryStorage::default();
        let replies = Replies::default();
        let inbox = Queue { receiver: tokio::sync::Mutex::new(receiver), replies: Arc::clone(&replies) };
        let (journal, mut thread) = (storage.clone(), Thread::new(key.clone()));
        let driver = tokio::spawn(async move {
            let (sink, entropy, redactor) =
                (Published(published), FakeEntropy::default(), Redactor::default());
            let ports = Ports {
                model: &*model,
                tools: &*tools,
                workspace: &*workspace,
                sink: &sink,
                storage: &journal,
                inbox: &inbox,
                entropy: &entropy,
                redactor: &redactor,
            };
            if let Err(error) = run_thread(&mut thread, StartUp::New(Box::new(genesis)), ports).await {
                tracing::error!(%error, "the thread in memory failed");
            }
        });
        Self { key, storage, submissions, replies, last_event, driver }
    }
}

impl Drop for MemorySession {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

#[async_trait]
impl AgentSession for MemorySession {
    fn key(&self) -> &ThreadKey {
        &self.key
    }

    async fn submit(&self, submission: Submission) -> Result<Accepted, SessionError> {
        let gone =
            || SessionError::Unavailable { message: "the thread in memory has ended".into(), source: None };
        let (reply, replied) = oneshot::channel();
        self.replies.lock().unwrap_or_else(PoisonError::into_inner).insert(submission.op_id.clone(), reply);
        self.submissions.send(submission).await.map_err(|_| gone())?;
        Ok(replied.await.map_err(|_| gone())??)
    }

    fn updates(&self, after: Cursor) -> BoxStream<'static, Result<Update, SessionError>> {
        let (storage, last_event) = (self.storage.clone(), self.last_event.clone());
        let pages =
            stream::unfold((storage, last_event, after.seq), async |(storage, mut last_event, seq)| {
                last_event.wait_for(|last| *last > seq).await.ok()?;
                let events = storage.events(seq, PAGE).await.ok()?;
                let seq = events.last().map_or(seq, |event| event.seq);
                Some((stream::iter(events), (storage, last_event, seq)))
            });
        pages.flatten().map(|event| Ok(Update::Event(event))).boxed()
    }
}

/// Wakes readers.
struct Published(watch::Sender<u64>);

#[async_trait]
impl EventSink for Published {
    async fn publish(&self, _key: &ThreadKey, events: &[agent_core::Event]) -> Result<(), SinkError> {
        if let Some(last) = events.last() {
            self.0.send_replace(last.seq);
        }
        Ok(())
    }

    fn live(&self, _key: &ThreadKey, _live: &Live) {}
}

struct Queue {
    receiver: tokio::sync::Mutex<mpsc::Receiver<Submission>>,
    replies: Replies,
}

#[async_trait]
impl Inbox for Queue {
    fn submissions<'a>(&'a self) -> BoxStream<'a, Submission> {
        stream::unfold(self, async |queue| Some((queue.receiver.lock().await.recv().await?, queue))).boxed()
    }

    async fn reply(&self, op: &OpId, reply: Result<Accepted, Refusal>) {
        let waiting = self.replies.lock().unwrap_or_else(PoisonError::into_inner).remove(op);
        if let Some(waiting) = waiting {
            // A client that went away does not want to know.
            let _ = waiting.send(reply);
        }
    }
}
