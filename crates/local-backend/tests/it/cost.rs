//! What a step costs, in bytes and in time, however long the thread is.

use crate::world::{World, genesis, open};
use agent_core::{
    Answer, Commit, Completion, EffectKind, Input, ModelAnswer, ModelItem, Op, OpId, OutputStatus, Payload,
    Prepared, Record, StorageBackend, Submission, Thread, ThreadKey, TokenUsage, ToolAnswer, ToolOutput,
    recover, testing::preparation,
};
use local_backend::ThreadStore;
use std::time::{Duration, Instant};

/// Two kilobytes that no compression makes smaller.
fn noise(seed: usize) -> String {
    let mut state = seed as u64 + 1;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + u8::try_from(state >> 33 & 15).unwrap())
    })
    .take(2048)
    .collect()
}

/// Answers whatever the thread waits for; the model asks for another command, `steps` times.
fn answer(thread: &Thread, step: usize, steps: usize) -> Input {
    let running = thread.running().next().expect("something runs").effect.clone();
    let answer = match running.kind {
        EffectKind::Model => {
            let item = if step < steps {
                let arguments = format!("{{\"command\":[\"bash\",\"-lc\",\"cat src/file_{step}.rs\"]}}");
                ModelItem::Call { name: "exec_command".into(), payload: Payload::Function { arguments } }
            } else {
                ModelItem::Message { text: "done".into() }
            };
            let tokens = TokenUsage { input: 20_000, cached: 18_000, output: 50, reasoning: 0 };
            let completion = Completion { tokens: Some(tokens), ..Completion::default() };
            Answer::Model { answer: ModelAnswer::Completed { items: vec![item], completion } }
        }
        EffectKind::Prepare { .. } => {
            let preparation = preparation("read", "0123456789abcdef".repeat(4));
            Answer::Prepared { prepared: Prepared::Ready(Box::new(preparation)) }
        }
        EffectKind::Tool { .. } => {
            let output = ToolOutput {
                exit_code: Some(0),
                duration_ms: Some(12),
                ..ToolOutput::text(OutputStatus::Ok, noise(step))
            };
            Answer::Tool { answer: ToolAnswer::Finished { output } }
        }
        other => panic!("{other:?}"),
    };
    Input::Answered { effect: running.id, attempt: running.attempt, answer }
}

/// All commits of a thread with one turn of so many calls.
fn long_turn(key: &ThreadKey, steps: usize) -> (Thread, Vec<Commit>) {
    let mut thread = Thread::new(key.clone());
    let mut commits = Vec::new();
    let mut apply = |thread: &mut Thread, input| {
        let record: Record = thread.next_record(1_700_000_000_000 + commits.len() as u64 * 3, input);
        let events = thread.apply(&record).unwrap().events;
        commits.push(Commit { record, events });
    };
    apply(&mut thread, Input::Opened(Box::new(genesis())));
    let op = Op::UserInput { items: vec![agent_core::Content::text("read everything")] };
    apply(&mut thread, Input::Submitted(Box::new(Submission::new(OpId::new("op-1"), "test", op))));
    let mut step = 0;
    while thread.current_turn().is_some() {
        let input = answer(&thread, step, steps);
        step += usize::from(matches!(input, Input::Answered { answer: Answer::Tool { .. }, .. }));
        apply(&mut thread, input);
    }
    (thread, commits)
}

#[tokio::test]
async fn a_call_costs_the_same_whether_it_is_the_first_or_the_thousandth() {
    const STEPS: usize = 1_000;
    let home = tempfile::tempdir().unwrap();
    let database = open(home.path()).await;
    let key = ThreadKey::for_test("t-1");
    let store = ThreadStore::create(&database, &key, 1).await.unwrap();
    let (thread, commits) = long_turn(&key, STEPS);
    let mut took = Vec::new();
    for commit in &commits {
        let begun = Instant::now();
        store.append(&commit.record, &commit.events).await.unwrap();
        took.push(begun.elapsed());
    }
    store.save_snapshot(&thread).await.unwrap();

    let begun = Instant::now();
    let stored = store.load().await.unwrap();
    assert!(stored.tail.is_empty());
    assert_eq!(*stored.snapshot.unwrap(), thread);
    let loading = begun.elapsed();
    let all = store.events(0, usize::MAX).await.unwrap();
    assert_eq!(all, commits.iter().flat_map(|commit| commit.events.clone()).collect::<Vec<_>>());
    drop(store);
    database.close().await.unwrap();

    let bytes = std::fs::metadata(home.path().join("everturn.db")).unwrap().len();
    let per_call = bytes / STEPS as u64;
    let quarter = took.len() / 4;
    let median = |part: &mut [Duration]| {
        part.sort();
        part[part.len() / 2]
    };
    let first = median(&mut took[..quarter]);
    let last = median(&mut took[3 * quarter..]);
    println!(
        "{per_call} bytes a call; an append takes {first:?} at first, {last:?} at last; loading {loading:?}"
    );
    assert!(per_call <= 5_000, "{per_call} bytes a call");
    assert!(last < first * 3 + Duration::from_millis(1), "from {first:?} to {last:?}");
}

#[tokio::test]
async fn a_journal_without_its_snapshot_replays_to_the_same_thread() {
    let world = World::new().await;
    let key = ThreadKey::for_test("t-1");
    let (thread, commits) = long_turn(&key, 50);
    let store = ThreadStore::create(world.database(), &key, 1).await.unwrap();
    for (n, commit) in commits.iter().enumerate() {
        store.append(&commit.record, &commit.events).await.unwrap();
        if n == 60 {
            let stored = store.load().await.unwrap();
            let middle = recover(key.clone(), stored).unwrap();
            store.save_snapshot(&middle).await.unwrap();
        }
    }
    let stored = store.load().await.unwrap();
    assert_eq!(stored.snapshot.as_ref().unwrap().input_seq(), 61);
    assert_eq!(stored.tail, commits[61..]);
    assert_eq!(recover(key, stored).unwrap(), thread);
}

#[tokio::test]
async fn a_turn_of_three_hundred_calls_runs_through_a_session() {
    let world = World::new().await;
    let session = world.start().await;
    let calls = format!("call{}", " read".repeat(300));
    let begun = Instant::now();
    let end = crate::world::turn(&session, "op-1", &calls).await;
    println!("{:?} a step", begun.elapsed() / 300);
    assert_eq!(crate::world::said(&end), "done");
    assert_eq!(world.tools.runs().len(), 300);
}
