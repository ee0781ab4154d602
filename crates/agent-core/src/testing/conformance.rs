//! The contracts of the traits as suites that an implementation runs in a few lines. They panic with what is wrong.

use crate::{
    BlobId, Event, Genesis, Input, ModelError, ModelEvent, ModelItem, Op, OpId, Outcome, Record, Settings,
    StorageBackend, StorageError, Submission, Tenant, Thread, ThreadId, ThreadKey, recover,
};

/// Checks a [`StorageBackend`]. `open` opens the same, at first empty, thread for writing, each time as the next
/// writer; its key is the one given.
///
/// # Panics
/// Where the contract is broken.
#[expect(clippy::panic, clippy::expect_used, reason = "a conformance suite fails like a test")]
pub async fn storage_conformance<S: StorageBackend>(key: ThreadKey, open: impl AsyncFn() -> S) {
    let storage = open().await;
    let empty = storage.load().await.expect("an empty thread can be loaded");
    assert!(empty.snapshot.is_none() && empty.tail.is_empty(), "a thread that was never written is empty");

    let mut thread = Thread::new(key.clone());
    let mut written = Vec::new();
    for input in inputs(&key.tenant) {
        let (record, outcome) = step(&mut thread, input);
        storage.append(&record, &outcome.events).await.expect("the next record can be appended");
        written.push((record, outcome.events));
    }

    // The same record again is nothing; another under its number, or a gap, is a conflict.
    let (last, events) = written.last().expect("something was written");
    storage.append(last, events).await.expect("appending the same record again is a no-op");
    let other = Record { at_ms: last.at_ms + 1, ..last.clone() };
    expect_conflict(storage.append(&other, events).await, "another record under a known number");
    let gap = Record { seq: last.seq + 2, ..last.clone() };
    expect_conflict(storage.append(&gap, events).await, "a gap");

    // What is loaded is what was written, with and without a snapshot.
    let stored = storage.load().await.expect("the thread can be loaded");
    assert_eq!(stored.tail.len(), written.len(), "every commit is loaded");
    assert_eq!(recover(key.clone(), stored).expect("the journal replays"), thread);
    storage.save_snapshot(&thread).await.expect("a snapshot can be kept");
    let (record, outcome) = step(&mut thread, turn(&key.tenant, "op-after-snapshot"));
    storage.append(&record, &outcome.events).await.expect("the journal goes on after a snapshot");
    let stored = storage.load().await.expect("the thread can be loaded");
    assert_eq!(stored.tail.len(), 1, "only what came after the snapshot is loaded with it");
    assert_eq!(recover(key.clone(), stored).expect("the journal replays"), thread);

    check_events(&storage, &thread, &written, &outcome.events).await;
    check_blobs(&storage).await;

    // The next writer fences this one, for records and snapshots.
    let next = open().await;
    let (record, outcome) = step(&mut thread, turn(&key.tenant, "op-next-writer"));
    match storage.append(&record, &outcome.events).await {
        Err(StorageError::Fenced) => {}
        other => panic!("an earlier writer must be fenced, but its append gave {other:?}"),
    }
    match storage.save_snapshot(&thread).await {
        Err(StorageError::Fenced) => {}
        other => panic!("an earlier writer must be fenced, but its snapshot gave {other:?}"),
    }
    next.append(&record, &outcome.events).await.expect("the next writer can append");
}

#[expect(clippy::expect_used, reason = "a conformance suite fails like a test")]
async fn check_events<S: StorageBackend>(
    storage: &S,
    thread: &Thread,
    written: &[(Record, Vec<Event>)],
    last: &[Event],
) {
    let all: Vec<Event> = written.iter().flat_map(|(_, events)| events).chain(last).cloned().collect();
    let read = storage.events(0, usize::MAX).await.expect("events can be read");
    assert_eq!(read, all, "events are read as they were written");
    let page = storage.events(1, 2).await.expect("events can be read from a cursor");
    assert_eq!(page, all[1..3], "a page begins after the cursor and has at most so many events");
    let none = storage.events(thread.event_seq(), 10).await.expect("the end can be read");
    assert!(none.is_empty(), "there is nothing after the last event");
}

#[expect(clippy::expect_used, reason = "a conformance suite fails like a test")]
async fn check_blobs<S: StorageBackend>(storage: &S) {
    let bytes = vec![7_u8; 100_000];
    let id = storage.put_blob(&bytes).await.expect("a blob can be kept");
    assert_eq!(id, BlobId::of(&bytes), "a blob is named by its digest");
    assert_eq!(storage.put_blob(&bytes).await.expect("a blob can be kept twice"), id);
    assert_eq!(storage.get_blob(&id).await.expect("a blob can be read"), Some(bytes));
    let missing = storage.get_blob(&BlobId::of(b"missing")).await.expect("a missing blob is no error");
    assert_eq!(missing, None);
}

/// Checks that the events of one response came as [`crate::ModelStreamer`] promises: deltas of an item before the
/// item, indices in order, `Completed` or an error last and once. Returns the items.
///
/// # Panics
/// Where the contract is broken.
pub fn check_response(events: &[Result<ModelEvent, ModelError>]) -> Vec<ModelItem> {
    let mut items = Vec::new();
    for (at, event) in events.iter().enumerate() {
        let last = at + 1 == events.len();
        match event {
            Ok(ModelEvent::Delta { index, .. }) => {
                assert!(*index >= items.len(), "a delta of item {index} came after the item");
                assert!(!last, "the stream ended within an item");
            }
            Ok(ModelEvent::Item(item)) => {
                assert!(!last, "the stream ended without `Completed`");
                items.push(item.clone());
            }
            Ok(ModelEvent::Completed(_)) | Err(_) => {
                assert!(last, "something followed the end of the response")
            }
        }
    }
    items
}

fn inputs(tenant: &Tenant) -> Vec<Input> {
    let genesis = Genesis {
        settings: Settings::new("/work", "model"),
        durability: "test".into(),
        ..Genesis::default()
    };
    let name = Op::SetThreadName { name: "näme \u{1F980} \0 \"quoted\"".into() };
    vec![
        Input::Opened(Box::new(genesis)),
        turn(tenant, "op-1"),
        submitted(tenant, "op-2", name),
        submitted(tenant, "op-3", Op::Interrupt),
    ]
}

fn turn(tenant: &Tenant, op: &str) -> Input {
    submitted(tenant, op, Op::UserInput { items: vec![crate::Content::text("hello")] })
}

fn submitted(tenant: &Tenant, op_id: &str, op: Op) -> Input {
    let submission = Submission::new(OpId::new(op_id), "test", op);
    Input::Submitted(Box::new(Submission { tenant: tenant.clone(), ..submission }))
}

#[expect(clippy::expect_used, reason = "a conformance suite fails like a test")]
fn step(thread: &mut Thread, input: Input) -> (Record, Outcome) {
    let record = thread.next_record(1_700_000_000_000 + thread.input_seq(), input);
    let outcome = thread.apply(&record).expect("the input can be applied");
    (record, outcome)
}

#[expect(clippy::panic, reason = "a conformance suite fails like a test")]
fn expect_conflict(result: Result<(), StorageError>, what: &str) {
    match result {
        Err(StorageError::Conflict { .. }) => {}
        other => panic!("{what} must be a conflict, but gave {other:?}"),
    }
}

/// A key for tests.
impl ThreadKey {
    /// A thread of the default tenant.
    pub fn for_test(id: &str) -> Self {
        Self { tenant: Tenant::default(), thread: ThreadId::new(id) }
    }
}
