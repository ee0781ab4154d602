//! A host of the loop in one file: its own model, tool, journal, inbox, clock and sink, none of Everturn's backends.
//!
//! `cargo run -p agent-core --example own_host`: the first run "dies" in mid-turn, the second goes on from the journal.

#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a host does what the loop must not")]

use agent_core::*;
use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};
use futures::{executor::block_on, lock::Mutex};
use std::sync::atomic::{AtomicU64, Ordering};

/// Adds when it is asked to, then says the sum.
struct Model;

impl ModelStreamer for Model {
    fn stream<'a>(&'a self, request: ModelRequest) -> BoxStream<'a, Result<ModelEvent, ModelError>> {
        let item = match request.conversation.items.last().map(|item| &**item) {
            Some(Item::Output { output, .. }) => {
                ModelItem::Message { text: format!("It is {}.", output.plain_text()) }
            }
            _ => ModelItem::Call {
                name: "add".into(),
                payload: Payload::Function { arguments: "[2,3]".into() },
            },
        };
        stream::iter([Ok(ModelEvent::Item(item)), Ok(ModelEvent::Completed(Completion::default()))]).boxed()
    }
}

/// One tool, which changes nothing.
struct Tools;

#[async_trait]
impl ToolCallHandler for Tools {
    async fn prepare(&self, request: PrepareRequest) -> Prepared {
        let summary = request.call.payload.text().to_owned();
        Prepared::Ready(Box::new(Preparation::reading(Subject::Other { summary }, 1_000)))
    }

    fn start<'a>(&'a self, request: ToolRequest) -> Operation<'a> {
        let numbers: Vec<i64> = serde_json::from_str(request.call.payload.text()).unwrap_or_default();
        let output = ToolOutput::text(OutputStatus::Ok, numbers.iter().sum::<i64>().to_string());
        Operation::new(async move { ToolAnswer::Finished { output } }, || {})
    }

    async fn recover(&self, _request: ToolRequest) -> ToolAnswer {
        ToolAnswer::NotStarted
    }
}

/// A journal in memory. `dies_after` is the record after which the process is gone.
struct Journal {
    commits: Mutex<Vec<Commit>>,
    dies_after: AtomicU64,
}

#[async_trait]
impl StorageBackend for Journal {
    async fn append(&self, record: &Record, events: &[Event]) -> Result<(), StorageError> {
        let commit = Commit { record: record.clone(), events: events.to_vec() };
        self.commits.lock().await.push(commit);
        let died = self.dies_after.load(Ordering::SeqCst) == record.seq;
        let error = StorageError::Io { message: "the process died".into(), source: None };
        if died { Err(error) } else { Ok(()) }
    }
    async fn load(&self) -> Result<Stored, StorageError> {
        Ok(Stored { snapshot: None, tail: self.commits.lock().await.clone() })
    }
    async fn save_snapshot(&self, _thread: &Thread) -> Result<(), StorageError> {
        Ok(())
    }
    async fn events(&self, _after: u64, _limit: usize) -> Result<Vec<Event>, StorageError> {
        Ok(Vec::new())
    }
    async fn put_blob(&self, bytes: &[u8]) -> Result<BlobId, StorageError> {
        Ok(BlobId::of(bytes))
    }
    async fn get_blob(&self, _id: &BlobId) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(None)
    }
}

/// Everything else a host brings: one question, the clock, standard output.
struct Desk;

#[async_trait]
impl Inbox for Desk {
    fn submissions<'a>(&'a self) -> BoxStream<'a, Submission> {
        let items = vec![Content::text("what is 2 + 3?")];
        let stop = Submission::new(OpId::new("op-2"), "me", Op::Shutdown { now: false });
        let both = [Submission::new(OpId::new("op-1"), "me", Op::UserInput { items }), stop];
        stream::iter(both).chain(stream::pending()).boxed()
    }
    async fn reply(&self, op: &OpId, reply: Result<Accepted, Refusal>) {
        println!("{op}: {}", if reply.is_ok() { "accepted" } else { "refused" });
    }
}

#[async_trait]
impl Entropy for Desk {
    fn now_ms(&self) -> u64 {
        std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_millis() as u64)
    }
    fn id(&self) -> String {
        self.now_ms().to_string()
    }
    fn random(&self) -> u64 {
        self.now_ms()
    }
    async fn sleep_until(&self, _due_ms: u64) {}
}

#[async_trait]
impl EventSink for Desk {
    async fn publish(&self, _key: &ThreadKey, events: &[Event]) -> Result<(), SinkError> {
        for Event { seq, kind, .. } in events {
            let json =
                serde_json::to_string(kind).map_err(|error| SinkError { message: error.to_string() })?;
            println!("{seq:>3} {json}");
        }
        Ok(())
    }
    fn live(&self, _key: &ThreadKey, _live: &Live) {}
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let journal = Journal { commits: Mutex::default(), dies_after: AtomicU64::new(5) };
    let (storage, desk, redactor) = (&journal, &Desk, &Redactor::default());
    let ports = Ports {
        model: &Model,
        tools: &Tools,
        workspace: &(),
        sink: desk,
        storage,
        inbox: desk,
        entropy: desk,
        redactor,
    };
    let key = ThreadKey { tenant: Tenant::default(), thread: ThreadId::new("sum") };
    let settings = Settings::new("/", "rules");
    let genesis =
        StartUp::New(Box::new(Genesis { settings, durability: "none".into(), ..Genesis::default() }));
    let first = block_on(run_thread(&mut Thread::new(key.clone()), genesis, ports));
    println!("-- {first:?}");
    journal.dies_after.store(0, Ordering::SeqCst);
    let mut thread = recover(key, block_on(journal.load())?)?;
    let second = block_on(run_thread(&mut thread, StartUp::Crash, ports))?;
    println!("-- {second:?}");
    Ok(())
}
