//! The process dies before or after every commit of a busy turn; the trace and the world come out the same.

use crate::{
    driver::run_until_idle,
    scenario::{busy_world, genesis, says, thread},
};
use agent_core::{
    EventKind, RunError, StartUp, Thread, check_history, recover,
    testing::{CrashPoint, FakeInbox, World},
};

/// What happened, without what a crash may add.
fn trace(world: &World) -> Vec<String> {
    let commits = world.storage.commits();
    let kinds = commits.iter().flat_map(|commit| &commit.events).map(|event| &event.kind);
    kinds
        .filter(|kind| !matches!(kind, EventKind::ModelRetry { .. } | EventKind::ToolRetry { .. }))
        .map(|kind| serde_json::to_string(kind).unwrap())
        .collect()
}

/// Runs the busy turn; the process dies at `point` of record `seq`. True if it came to that.
fn run_with_crash(seq: u64, point: CrashPoint) -> (World, Thread, bool) {
    let world = busy_world();
    world.storage.crash_at(seq, point);
    let mut first = thread();
    let died =
        matches!(run_until_idle(&mut first, genesis(), world.ports()), Some(Err(RunError::Storage(_))));
    // A new process: the journal and what the tools did are all that is left; the client submits again.
    let storage = world.storage.reopen();
    let world = World { storage, inbox: FakeInbox::of([says("op-1", "do it")]), ..world };
    let stored = futures::executor::block_on(agent_core::StorageBackend::load(&world.storage)).unwrap();
    let mut second = recover(first.key.clone(), stored).unwrap();
    let start_up = if second.is_new() { genesis() } else { StartUp::Crash };
    assert!(run_until_idle(&mut second, start_up, world.ports()).is_none());
    (world, second, died)
}

#[test]
fn a_crash_at_any_commit_changes_nothing_but_the_retries() {
    let (whole, _, died) = run_with_crash(u64::MAX, CrashPoint::BeforeCommit);
    assert!(!died);
    let expected = trace(&whole);
    let commits = whole.storage.commits().len() as u64;
    let mut crashes = 0;
    for seq in 1..=commits {
        for point in [CrashPoint::BeforeCommit, CrashPoint::AfterCommit] {
            let (world, thread, died) = run_with_crash(seq, point);
            crashes += u32::from(died);
            assert_eq!(trace(&world), expected, "crash at {seq} {point:?}");
            assert_eq!(world.tools.runs().get("call_3"), Some(&1), "crash at {seq} {point:?}");
            assert_eq!(world.tools.runs().get("call_5"), Some(&1), "crash at {seq} {point:?}");
            assert_eq!(world.tools.runs().get("call_7"), Some(&1), "crash at {seq} {point:?}");
            check_history(&thread).unwrap();
        }
    }
    assert_eq!(u64::from(crashes), commits * 2, "every crash point was reached");
}
