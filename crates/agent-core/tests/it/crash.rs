//! The process dies before or after every commit of a busy turn; the trace and the world come out the same.

use crate::{
    driver::run_until_idle,
    scenario::{busy_world, call, genesis, message, says, submission, thread},
};
use agent_core::{
    EventKind, Genesis, HookPatch, HookPhase, Hooked, Item, ModelRequest, Op, Purpose, ReviewRequest,
    RollbackFiles, RunError, SandboxPolicy, Settings, StartUp, Submission, Thread, Undo, check_history,
    recover,
    testing::{CrashPoint, FakeInbox, FakeModel, FakeWorkspace, World, response},
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

/// Everything that a thread does between turns and around them, one op after the other.
fn long_lived_ops() -> Vec<Submission> {
    let ops = [
        Op::Review { request: ReviewRequest::Uncommitted },
        Op::Compact,
        Op::Undo,
        Op::Rollback { turns: 1, files: RollbackFiles::Only },
        Op::Compact,
    ];
    let mut submissions = vec![says("op-a", "write this"), says("op-b", "write that")];
    submissions.extend(ops.into_iter().enumerate().map(|(at, op)| submission(&format!("op-{at}"), op)));
    // After the summary, so that there is a turn to take back; of the ones before only files go back.
    submissions.insert(4, says("op-c", "write more"));
    submissions
}

fn long_lived_genesis() -> StartUp {
    let hooks = [
        HookPhase::SessionStart,
        HookPhase::PreRun,
        HookPhase::PreTurn,
        HookPhase::PreToolUse,
        HookPhase::PostToolUse,
        HookPhase::PostTurn,
        HookPhase::PostRun,
    ];
    StartUp::New(Box::new(Genesis {
        settings: Settings {
            sandbox: SandboxPolicy::DangerFullAccess,
            undo: Undo::On,
            hooks: hooks.into(),
            ..Settings::new("/work", "model")
        },
        durability: "none: a test".into(),
        ..Genesis::default()
    }))
}

fn long_lived_world() -> World {
    let model = FakeModel::new(|request: &ModelRequest| {
        if request.purpose == Purpose::Summary {
            return response([message("Something was written.")]);
        }
        let told = &request.conversation.items;
        let last = told.iter().rposition(|item| matches!(**item, Item::User { .. })).unwrap_or(0);
        let has_acted = told[last..].iter().any(|item| matches!(**item, Item::Output { .. }));
        match has_acted {
            false => response([message("at it"), call("read_a", "1"), call("write", "2")]),
            true => response([message("done")]),
        }
    });
    let world = World::new(model, FakeInbox::default());
    let workspace = FakeWorkspace::default().hooked(|request| {
        let metadata = [("last".to_owned(), format!("{:?}", request.phase))].into();
        let context = (request.phase == HookPhase::PreTurn).then(|| "mind the gap".to_owned());
        Hooked { patch: HookPatch { metadata, context, ..HookPatch::default() }, ..Hooked::default() }
    });
    World { workspace, ..world }
}

/// Serves each op to its end; the process dies at `point` of record `seq`, and the next one goes on. True if it came to that.
fn live_with_crash(seq: u64, point: CrashPoint) -> (World, Thread, bool) {
    let mut world = long_lived_world();
    world.storage.crash_at(seq, point);
    let (mut thread, mut start_up, mut has_died) = (thread(), long_lived_genesis(), false);
    for op in long_lived_ops() {
        world.inbox.push(op.clone());
        if let Some(Err(RunError::Storage(_))) = run_until_idle(&mut thread, start_up, world.ports()) {
            has_died = true;
            let storage = world.storage.reopen();
            world = World { storage, inbox: FakeInbox::of([op]), ..world };
            let stored =
                futures::executor::block_on(agent_core::StorageBackend::load(&world.storage)).unwrap();
            thread = recover(thread.key.clone(), stored).unwrap();
            let again = if thread.is_new() { long_lived_genesis() } else { StartUp::Crash };
            assert!(run_until_idle(&mut thread, again, world.ports()).is_none());
        }
        start_up = StartUp::HandOver;
    }
    (world, thread, has_died)
}

/// The trace without the numbers of inputs, to which a crash adds.
fn numberless(world: &World) -> Vec<String> {
    let numberless = |text: String| {
        let mut parts = text.split("item_in");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| {
            text + "item_in" + part.trim_start_matches(|c: char| c.is_ascii_digit())
        })
    };
    trace(world).into_iter().map(numberless).collect()
}

#[test]
fn a_crash_in_the_midst_of_summaries_reviews_snapshots_hooks_and_going_back_changes_nothing() {
    let (whole, end, died) = live_with_crash(u64::MAX, CrashPoint::BeforeCommit);
    assert!(!died);
    let expected = numberless(&whole);
    for name in ["context_compacted", "exited_review_mode", "rolled_back", "files_restored"] {
        assert!(expected.iter().any(|event| event.contains(name)), "{name}: {expected:#?}");
    }
    let commits = whole.storage.commits().len() as u64;
    for seq in 1..=commits {
        for point in [CrashPoint::BeforeCommit, CrashPoint::AfterCommit] {
            let (world, thread, died) = live_with_crash(seq, point);
            assert!(died, "crash at {seq} {point:?}");
            assert_eq!(numberless(&world), expected, "crash at {seq} {point:?}");
            assert_eq!(thread.items(), end.items(), "crash at {seq} {point:?}");
            assert!(thread.is_at_rest());
            let writes: Vec<u32> = world.tools.runs().into_values().collect();
            assert!(
                writes.iter().all(|runs| *runs == 1),
                "crash at {seq} {point:?}: {:?}",
                world.tools.runs()
            );
            check_history(&thread).unwrap();
        }
    }
}
