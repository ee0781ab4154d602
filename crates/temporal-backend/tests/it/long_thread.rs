//! A thread of very many steps, whose conversation is summarised again and again and which goes through many runs.

use crate::world::{TestThread, World, genesis};
use agent_core::{
    CompactAt, Completion, Item, ModelError, ModelEvent, ModelItem, ModelRequest, Operation, OutputStatus,
    Payload, PrepareRequest, Prepared, Purpose, Tenant, ThreadId, ThreadKey, TokenUsage, ToolAnswer,
    ToolCallHandler, ToolOutput, ToolRequest,
    testing::{FakeModel, FakeTools},
};
use async_trait::async_trait;
use std::{
    fs,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use temporal_backend::{
    AgentWorkflow, Reply,
    wire::{RunFrom, RunOptions, workflow_id},
};
use temporalio_client::{
    WorkflowDescribeOptions, WorkflowExecutionInfo, WorkflowFetchHistoryOptions, WorkflowHandle,
};
use temporalio_common::protos::temporal::api::history::v1::history_event::Attributes;

/// A step: one model call, and one tool call that answers with so many bytes.
const OUTPUT_BYTES: usize = 2_000;
const BYTES_PER_TOKEN: u64 = 4;
/// What a step adds to the conversation, about.
const STEP_TOKENS: u64 = 600;
/// The conversation is to be summarised about so often.
const SUMMARIES: u64 = 15;
const TURNS: usize = 10;
/// Said in the first turn, and to be known in the last.
const SAID: &str = "the harbour office closes at 17:40";
/// Decided in the first turn, and to be known in the last.
const DECIDED: &str = "decision: keep the old parser";
/// A step may add so much to the histories, beside what each run begins with.
const MAX_HISTORY_BYTES_PER_STEP: u64 = 8_000;
/// What a run begins with: its thread, and its last events.
const MAX_START_BYTES: u64 = 192 * 1024;
/// What a process may grow by between a third of the steps and the end: the SDK's caches, and what an allocator keeps.
const MAX_GROWTH_KB: u64 = 32 * 1024;
/// What is kept of the conversation on disk has so many bytes at most, whatever the thread's length.
const MAX_STORED_BYTES: u64 = 8 * 1024 * 1024;

#[derive(Default)]
struct Script {
    left: AtomicUsize,
    summaries: AtomicUsize,
    largest: AtomicUsize,
    last_prompt: Mutex<String>,
}

impl Script {
    fn answer(&self, request: &ModelRequest) -> Vec<Result<ModelEvent, ModelError>> {
        let told: Vec<String> =
            request.conversation.told().map(|item| serde_json::to_string(item).unwrap()).collect();
        let bytes: usize = told.iter().map(String::len).sum();
        self.largest.fetch_max(bytes, Ordering::Relaxed);
        let item = if request.purpose == Purpose::Summary {
            self.summaries.fetch_add(1, Ordering::Relaxed);
            let text = told.join(" ");
            let decided = if text.contains(DECIDED) { DECIDED } else { "nothing was decided" };
            ModelItem::Message { text: format!("So far files were read. {decided}") }
        } else {
            *self.last_prompt.lock().unwrap() = told.join("\n");
            match self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)) {
                Ok(left) => ModelItem::Call {
                    name: "read_page".into(),
                    payload: Payload::Function { arguments: format!("{{\"page\":{left}}}") },
                },
                Err(_) => ModelItem::Message { text: format!("read. {DECIDED}") },
            }
        };
        let tokens =
            TokenUsage { input: bytes as u64 / BYTES_PER_TOKEN, output: 10, ..TokenUsage::default() };
        let completion = Completion { tokens: Some(tokens), ..Completion::default() };
        vec![Ok(ModelEvent::Item(item)), Ok(ModelEvent::Completed(completion))]
    }
}

/// Answers with much.
#[derive(Default)]
struct Pages(FakeTools);

#[async_trait]
impl ToolCallHandler for Pages {
    async fn prepare(&self, request: PrepareRequest) -> Prepared {
        self.0.prepare(request).await
    }

    fn start<'a>(&'a self, request: ToolRequest) -> Operation<'a> {
        let text = format!("{} {}", request.call.payload.text(), "words ".repeat(OUTPUT_BYTES / 6));
        let answer = ToolAnswer::Finished { output: ToolOutput::text(OutputStatus::Ok, text) };
        Operation::new(async move { answer }, || {})
    }

    async fn recover(&self, request: ToolRequest) -> ToolAnswer {
        self.0.recover(request).await
    }
}

fn resident_kb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn stored_bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let sizes = entries.map(|entry| {
        let entry = entry.unwrap();
        let about = entry.metadata().unwrap();
        if about.is_dir() { stored_bytes(&entry.path()) } else { about.len() }
    });
    sizes.sum()
}

fn steps() -> usize {
    std::env::var("EVERTURN_STEPS").ok().and_then(|steps| steps.parse().ok()).unwrap_or(150)
}

/// `EVERTURN_STEPS=3000 cargo nextest run -p temporal-backend --no-capture a_long_thread`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_thread_stays_small_and_knows_how_it_began() {
    let steps = steps();
    let script = Arc::new(Script::default());
    let model = Arc::clone(&script);
    let mut world = World::with(
        Arc::new(FakeModel::new(move |request| model.answer(request))),
        Arc::new(Pages::default()),
    )
    .await;
    let mut genesis = genesis();
    let limit = (steps as u64 * STEP_TOKENS / SUMMARIES).max(5_000);
    genesis.settings.context_window = Some(limit * 10 / 8);
    genesis.settings.compact_at = CompactAt::Percent(80);
    let key = ThreadKey { tenant: Tenant::default(), thread: ThreadId::new("long") };
    // A short thread is cut into runs as a long one is by its server.
    let records = (steps < 1_000).then_some(100);
    let options = RunOptions { records_per_run: records, ..RunOptions::default() };
    let thread = world.begin(key, RunFrom::New { genesis: Box::new(genesis) }, options).await;
    let begun = Instant::now();
    let mut memory_kb = Vec::new();
    for turn in 0..TURNS {
        script.left.store(steps / TURNS, Ordering::Relaxed);
        let text = if turn == 0 { SAID.to_owned() } else { format!("go on, part {turn}") };
        let reply = thread.say(&format!("op-{turn}"), &text).await;
        assert!(matches!(reply, Reply::Accepted(_)), "{reply:?}");
        patiently(&thread, turn as u32 + 1, steps).await;
        memory_kb.push(resident_kb());
    }
    let seconds = begun.elapsed().as_secs_f64();
    let (runs, bytes) = histories(&world, &thread).await;
    let summaries = script.summaries.load(Ordering::Relaxed);
    let stored = stored_bytes(&world.home.path().join("blobs"));
    // The conversation is small after a summary and large before: the largest of several turns counts.
    let [early_kb, late_kb] =
        [&memory_kb[1..4], &memory_kb[7..]].map(|some| some.iter().max().copied().unwrap_or_default());
    let per_step = bytes / steps as u64;
    println!(
        "{steps} steps in {:.0} s, {summaries} summaries, {runs} runs, {per_step} B of history a step, largest prompt {} kB, \
         {stored} B of archived items, memory of this process by turn {memory_kb:?} kB",
        seconds,
        script.largest.load(Ordering::Relaxed) / 1_000,
    );
    let prompt = script.last_prompt.lock().unwrap().clone();
    assert!(prompt.contains(SAID), "what the user said first is gone");
    assert!(prompt.contains(DECIDED), "what was decided first is gone");
    assert!(summaries >= 10, "{summaries} summaries");
    assert!(runs > 2, "{runs} runs");
    let limit_bytes = MAX_HISTORY_BYTES_PER_STEP * steps as u64 + runs * MAX_START_BYTES;
    assert!(bytes < limit_bytes, "{bytes} B of history in {runs} runs");
    assert!(late_kb < early_kb + MAX_GROWTH_KB, "from {early_kb} kB to {late_kb} kB");
    assert!(stored < MAX_STORED_BYTES, "{stored} B are stored");
    let tokens = limit * 10 / 8 * BYTES_PER_TOKEN;
    assert!((script.largest.load(Ordering::Relaxed) as u64) < tokens, "a prompt is larger than the window");
    let held = thread.snapshot().await.thread;
    assert!(
        held.items()
            .iter()
            .any(|item| matches!(&**item, Item::Context { text } if text.starts_with("<summary>")))
            || !held.archived().is_empty()
    );
    world.stop_worker().await;
}

/// Waits for the end of a turn, however many steps it has.
async fn patiently(thread: &TestThread, turn: u32, steps: usize) {
    let ended = async {
        loop {
            let summary = thread.status().await.overview.summary(thread.key.clone(), 0, None);
            if summary.turns == turn && !summary.status.is_active() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let patience = Duration::from_secs(60) + Duration::from_millis(500) * u32::try_from(steps).unwrap();
    assert!(tokio::time::timeout(patience, ended).await.is_ok(), "turn {turn} does not end");
}

/// How many runs there are, and how many bytes their histories have.
async fn histories(world: &World, thread: &TestThread) -> (u64, u64) {
    let runs = u64::from(thread.status().await.runs);
    let newest = thread.workflow.describe(WorkflowDescribeOptions::default()).await.unwrap();
    let mut next = Some(newest.run_id().to_owned());
    let mut bytes = 0;
    while let Some(run) = next.take() {
        let info = WorkflowExecutionInfo::builder()
            .namespace("default")
            .workflow_id(workflow_id(&thread.key))
            .run_id(run)
            .build();
        let handle: WorkflowHandle<_, AgentWorkflow> = WorkflowHandle::new(world.client.clone(), info);
        let found = handle.describe(WorkflowDescribeOptions::default()).await.unwrap();
        let info = found.raw().workflow_execution_info.clone().unwrap_or_default();
        bytes += u64::try_from(info.history_size_bytes).unwrap();
        let events =
            handle.fetch_history(WorkflowFetchHistoryOptions::default()).into_events().await.unwrap();
        if let Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) = &events[0].attributes {
            next = Some(started.continued_execution_run_id.clone()).filter(|id| !id.is_empty());
        }
    }
    (runs, bytes)
}
