//! Many threads at once, with ops and deaths at random; then every run of them is replayed.

use super::{
    assert_recovers, events,
    fakes::{Model, Tools},
    replayed, scenes,
};
use crate::world::{QUEUE, TestThread, World};
use agent_core::{ApprovalDecision, Content, Event, Op, question};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use temporal_backend::{
    AgentWorkflow, Limits, TemporalWorker, WorkerOptions, failing_task,
    wire::{EventsAfter, Reading, RunOptions, workflow_id},
};
use temporalio_client::WorkflowQueryOptions;

const THREADS: u64 = 8;
/// Fewer than there are threads, so that they come and go.
const CACHED: usize = 3;
const SECONDS: u64 = 60;
/// An op that gets no answer within this time is forgotten; it may count all the same.
const OP_PATIENCE: Duration = Duration::from_secs(5);
const REST_PATIENCE: Duration = Duration::from_secs(60);

/// What a user says.
const SAYINGS: [&str; 8] = [
    "hello",
    "call read_file write read",
    "together read_a read_b read write",
    "together read read_b ask_write read_c",
    "call ask_write read_a",
    "break off",
    "call hang",
    "together write write read_a apply_patch unknown",
];

/// The same numbers for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    async fn pause(&mut self, at_most_ms: u64) {
        tokio::time::sleep(Duration::from_millis(self.below(at_most_ms))).await;
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Starts workers and has them die, until it is told to end. The last one is stopped in good order.
async fn deaths(
    address: String,
    services: temporal_backend::Services,
    tasks: std::path::PathBuf,
    mut dice: Dice,
    end: Arc<AtomicBool>,
) {
    while !end.load(Ordering::Relaxed) {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let options = WorkerOptions {
            limits: Limits { threads: CACHED, ..Limits::default() },
            ..WorkerOptions::new(QUEUE, &tasks)
        };
        let (address, services) = (address.clone(), services.clone());
        let started = runtime.spawn(async move {
            let client = crate::world::client(&address).await;
            TemporalWorker::start(&client, options, services).await.unwrap()
        });
        let worker = started.await.unwrap();
        let until = Instant::now() + Duration::from_millis(500 + dice.below(4_000));
        while Instant::now() < until && !end.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if dice.below(3) == 0 {
            runtime.spawn(worker.stop()).await.unwrap();
        } else {
            std::mem::forget(worker);
        }
        runtime.shutdown_background();
    }
}

/// A user who does this and that.
async fn user(thread: Arc<TestThread>, mut dice: Dice, until: Instant) {
    let mut count = 0;
    while Instant::now() < until {
        count += 1;
        let id = format!("op-{count}");
        let saying = SAYINGS[dice.below(SAYINGS.len() as u64) as usize];
        let say = || Op::UserInput { items: vec![Content::text(saying)] };
        let name = Op::SetThreadName { name: format!("name {count}") };
        let done = async {
            match dice.below(10) {
                0..=3 => drop(thread.try_submit(&id, say()).await),
                4 => thread.signal(&id, say()).await,
                5 => thread.signal(&id, Op::Interrupt).await,
                6 => drop(thread.try_submit(&id, Op::Interrupt).await),
                7 => thread.signal(&id, name).await,
                _ => drop(answer(&thread, &id).await),
            }
        };
        let _ = tokio::time::timeout(OP_PATIENCE, done).await;
        dice.pause(400).await;
    }
}

/// Answers the question that is open, if there is one.
async fn answer(thread: &TestThread, id: &str) -> Option<()> {
    let status =
        thread.workflow.query(AgentWorkflow::status, (), WorkflowQueryOptions::default()).await.ok()?;
    let asked = question(status.questions.first()?)?.clone();
    let op = Op::ExecApproval { id: asked, decision: ApprovalDecision::Approved };
    thread.try_submit(id, op).await.ok().map(drop)
}

/// Reads all the time.
async fn reader(thread: Arc<TestThread>, mut dice: Dice, end: Arc<AtomicBool>) {
    while !end.load(Ordering::Relaxed) {
        let _ = tokio::time::timeout(OP_PATIENCE, page(&thread, 0)).await;
        dice.pause(40).await;
    }
}

async fn page(thread: &TestThread, seq: u64) -> Option<Vec<Event>> {
    let after = EventsAfter { seq, digest: None };
    let page = thread.workflow.query(AgentWorkflow::events, after, WorkflowQueryOptions::default()).await;
    match page.ok()?.reading {
        Reading::Events { events, .. } => Some(events),
        _ => None,
    }
}

/// Stops what a thread does, and waits until it has stopped.
async fn rest(world: &World, thread: &TestThread) {
    let rested = async {
        for count in 0_u32.. {
            let _ =
                tokio::time::timeout(OP_PATIENCE, thread.try_submit(&format!("rest-{count}"), Op::Interrupt))
                    .await;
            let summary = thread.status().await.overview.summary(thread.key.clone(), 0, None);
            if !summary.status.is_active() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    if tokio::time::timeout(REST_PATIENCE, rested).await.is_err() {
        let why = failing_task(&world.client, &workflow_id(&thread.key)).await;
        panic!("{} does not come to rest: {why:?}", thread.key);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; EVERTURN_SEED and EVERTURN_SECONDS say which and how many"]
async fn threads_that_are_used_at_random_replay() {
    let seed = number("EVERTURN_SEED", 88_172_645_463_325_252);
    let dice = |which: u64| Dice(seed ^ (which + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut world = World::with(Arc::new(Model::default()), Arc::new(Tools::default())).await;
    world.stop_worker().await;
    let (end, over) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let address = world.server.address().to_owned();
    let tasks = world.home.path().join("tasks");
    let deaths = tokio::spawn(deaths(address, world.services.clone(), tasks, dice(1_000), Arc::clone(&end)));
    let until = Instant::now() + Duration::from_secs(number("EVERTURN_SECONDS", SECONDS));
    let mut threads = Vec::new();
    let mut users = Vec::new();
    for which in 0..THREADS {
        let records = (which % 2 == 1).then_some(20);
        let thread = world.start(RunOptions { records_per_run: records, ..RunOptions::default() }).await;
        let thread = Arc::new(thread);
        users.push(tokio::spawn(user(Arc::clone(&thread), dice(which), until)));
        tokio::spawn(reader(Arc::clone(&thread), dice(which + 100), Arc::clone(&over)));
        threads.push(thread);
    }
    for user in users {
        user.await.unwrap();
    }
    end.store(true, Ordering::Relaxed);
    deaths.await.unwrap();
    world.start_worker().await;
    for thread in &threads {
        rest(&world, thread).await;
    }
    over.store(true, Ordering::Relaxed);
    let mut records = 0;
    for thread in &threads {
        let runs = scenes::runs(&world, thread).await;
        let commits = replayed(&runs).await;
        let seen = page(thread, events(&commits).len().saturating_sub(100) as u64).await;
        let told = events(&commits);
        if let Some(seen) = seen {
            let told = &told[told.len() - seen.len()..];
            assert_eq!(seen, told, "{}", thread.key);
        }
        records += commits.len();
        assert_recovers(&thread.key, commits);
    }
    assert!(records > 100, "only {records} records");
    world.stop_worker().await;
}
