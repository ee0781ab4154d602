//! Taking turns back, with what they changed.

use crate::{
    desk::{Desk, finished, is_prepare, is_tool, ready},
    scenario::{call, message},
};
use agent_core::{
    Answer, ApprovalPolicy, BlobId, EffectKind, EventKind, Genesis, Input, Item, ModelAnswer, Op,
    OutputStatus, Plan, PlanStep, PlanStepStatus, Preparation, Refusal, RestoreAnswer, RestoreStep,
    RollbackFiles, SandboxPolicy, Settings, Shared, Snapshot, SnapshotAnswer, SnapshotMoment,
    SnapshotRequest, Subject, ThreadKey, ToolAnswer, ToolOutput, TurnId, Undo, testing::preparation,
};

fn settings() -> Settings {
    let sandbox = SandboxPolicy::WorkspaceWrite { writable_roots: Vec::new(), network: Default::default() };
    Settings { undo: Undo::On, sandbox, ..Settings::new("/work", "model") }
}

fn desk() -> Desk {
    let told = Shared::new(Item::Context { text: "house rules".into() });
    Desk::of(Genesis { settings: settings(), items: vec![told], ..Genesis::default() })
}

fn is_snapshot(kind: &EffectKind) -> bool {
    matches!(kind, EffectKind::Snapshot { .. })
}

fn snapshot(id: &str) -> Snapshot {
    Snapshot { id: id.into(), root: "/work".into(), notes: Vec::new() }
}

fn keeps(desk: &mut Desk, id: &str) {
    let answer = SnapshotAnswer::Taken { snapshot: snapshot(id) };
    desk.answer(is_snapshot, Answer::Snapshot { answer });
}

fn lacks(desk: &mut Desk, why: &str) {
    let answer = SnapshotAnswer::Unavailable { why: why.into() };
    desk.answer(is_snapshot, Answer::Snapshot { answer });
}

fn asks_to_write(desk: &mut Desk, text: &str) {
    desk.says(text);
    desk.model([call("apply_patch", text)]);
    desk.answer(is_prepare, ready(preparation("apply_patch", text)));
}

/// A turn that says something and changes something, kept under `text` before and after.
fn writes(desk: &mut Desk, text: &str) {
    asks_to_write(desk, text);
    keeps(desk, &format!("before {text}"));
    desk.tool(finished("written"));
    desk.model([message("done")]);
    keeps(desk, &format!("after {text}"));
    assert!(desk.thread.is_at_rest());
}

fn talks(desk: &mut Desk, text: &str) {
    desk.says(text);
    desk.model([message("so")]);
}

fn step(text: &str) -> RestoreStep {
    RestoreStep { before: snapshot(&format!("before {text}")), after: snapshot(&format!("after {text}")) }
}

fn restoring(desk: &Desk) -> Vec<RestoreStep> {
    let running =
        desk.running(|kind| *kind == EffectKind::Restore).unwrap_or_else(|| panic!("nothing goes back"));
    desk.thread.restore_request(&running.effect).unwrap().steps
}

fn restored(desk: &mut Desk, answer: RestoreAnswer) {
    desk.answer(|kind| *kind == EffectKind::Restore, Answer::Restored { answer });
}

fn done(files: &[&str]) -> RestoreAnswer {
    RestoreAnswer::Restored {
        files: files.iter().map(|file| (*file).to_owned()).collect(),
        notes: Vec::new(),
    }
}

fn rollback(turns: u32, files: RollbackFiles) -> Op {
    Op::Rollback { turns, files }
}

fn why(refusal: Option<Refusal>) -> String {
    match refusal {
        Some(Refusal::NotRestorable { why }) => why,
        other => panic!("{other:?}"),
    }
}

fn notes(desk: &Desk) -> Vec<String> {
    let notes = desk.events.iter().filter_map(|kind| match kind {
        EventKind::BackgroundNote { message } | EventKind::Warning { message } => Some(message.clone()),
        _ => None,
    });
    notes.collect()
}

#[test]
fn the_workspace_is_kept_before_the_first_change_of_a_turn_and_at_its_end() {
    let mut desk = desk();
    desk.says("go");
    desk.model([call("read_a", "{}"), call("write_a", "{}"), call("write_b", "{}")]);
    for name in ["read_a", "write_a", "write_b"] {
        desk.answer(is_prepare, ready(preparation(name, name)));
    }
    assert_eq!(desk.request().call.name, "read_a", "what only reads needs no snapshot");
    desk.tool(finished("read"));
    assert!(desk.running(is_tool).is_none(), "the change waits for its snapshot");
    let effect = desk.running(is_snapshot).unwrap().effect;
    let request = SnapshotRequest {
        key: ThreadKey::for_test("thread-1"),
        turn: TurnId(1),
        effect: effect.id,
        attempt: 1,
        cwd: "/work".into(),
        sandbox: settings().sandbox,
        moment: SnapshotMoment::BeforeTurn,
    };
    assert_eq!(desk.thread.snapshot_request(&effect), Some(request.clone()));
    keeps(&mut desk, "before");
    desk.tool(finished("a"));
    assert_eq!(desk.request().call.name, "write_b", "one snapshot is enough for a turn");
    desk.tool(finished("b"));
    desk.model([message("done")]);
    let effect = desk.running(is_snapshot).unwrap().effect;
    let request = SnapshotRequest { effect: effect.id, moment: SnapshotMoment::AfterTurn, ..request };
    assert_eq!(desk.thread.snapshot_request(&effect), Some(request));
    assert!(!desk.events.iter().any(EventKind::is_terminal), "the end waits for it");
    keeps(&mut desk, "after");
    assert_eq!(
        desk.thread.snapshots_of(TurnId(1)),
        Some(RestoreStep { before: snapshot("before"), after: snapshot("after") })
    );
    talks(&mut desk, "so?");
    assert_eq!(desk.thread.snapshots_of(TurnId(2)), None);
}

#[test]
fn without_undo_nothing_is_kept_and_a_command_in_a_read_only_sandbox_needs_nothing() {
    let mut off = Desk::new(Settings { undo: Undo::Off, ..settings() });
    asks_to_write(&mut off, "go");
    off.tool(finished("written"));
    off.model([message("done")]);
    assert!(why(off.refusal(Op::Undo)).contains("no snapshots were taken (`undo` is off)"));
    let settings = Settings { sandbox: SandboxPolicy::ReadOnly, ..settings() };
    let held = Desk::with_calls(settings, [("exec_command", preparation("make", "a"))]);
    assert!(held.running(is_tool).is_some());
}

#[test]
fn undo_takes_the_last_turn_back_with_its_files() {
    let mut desk = desk();
    talks(&mut desk, "first");
    let told = desk.told();
    writes(&mut desk, "second");
    desk.op(Op::Undo);
    assert_eq!(restoring(&desk), [step("second")]);
    desk.says("meanwhile");
    assert!(desk.thread.current_turn().is_none(), "what is said meanwhile waits");
    let epoch = desk.thread.epoch();
    restored(&mut desk, done(&["a.txt"]));
    let back = EventKind::RolledBack { from: TurnId(2), files: vec!["a.txt".into()], notes: Vec::new() };
    assert!(desk.events.contains(&back));
    assert_eq!(desk.told(), [told, vec!["user: meanwhile".to_owned()]].concat());
    assert_eq!(desk.thread.epoch(), epoch + 1, "a host that caches the conversation sees that it changed");
    assert_eq!(desk.thread.current_turn(), Some(TurnId(3)), "turns are numbered without repeats");
}

#[test]
fn two_turns_go_back_the_newest_first_and_one_without_changes_has_no_step() {
    let mut desk = desk();
    writes(&mut desk, "first");
    talks(&mut desk, "second");
    writes(&mut desk, "third");
    desk.op(rollback(3, RollbackFiles::Restore));
    assert_eq!(restoring(&desk), [step("third"), step("first")]);
    restored(&mut desk, done(&["a.txt", "b.txt"]));
    assert_eq!(desk.told(), ["context: house rules"]);
    assert_eq!(desk.thread.undoable().count(), 0);
    assert_eq!(why(desk.refusal(Op::Undo)), "there is no turn to take back");
}

#[test]
fn a_turn_that_changed_nothing_goes_back_at_once() {
    let mut desk = desk();
    talks(&mut desk, "first");
    let from = desk.events.len();
    desk.op(Op::Undo);
    assert_eq!(desk.names(from), ["rolled_back"]);
    assert_eq!(desk.told(), ["context: house rules"]);
}

#[test]
fn where_somebody_else_changed_the_files_since_everything_stays() {
    let mut desk = desk();
    writes(&mut desk, "first");
    let told = desk.told();
    desk.op(Op::Undo);
    restored(&mut desk, RestoreAnswer::Conflicted { paths: vec!["a.txt".into()] });
    let reason = "these files were changed since by somebody else; nothing was taken back. Put them as the turn left them, or \
                  take back only the conversation";
    let refused =
        EventKind::RollbackRefused { from: TurnId(1), reason: reason.into(), paths: vec!["a.txt".into()] };
    assert_eq!(desk.events.last(), Some(&refused));
    assert_eq!(desk.told(), told);
    desk.op(Op::Undo);
    restored(&mut desk, RestoreAnswer::Failed { message: "the disk is full".into() });
    let refused =
        EventKind::RollbackRefused { from: TurnId(1), reason: "the disk is full".into(), paths: Vec::new() };
    assert_eq!(desk.events.last(), Some(&refused));
    desk.op(rollback(1, RollbackFiles::Keep));
    assert_eq!(desk.told(), ["context: house rules"], "the conversation alone always goes back");
}

#[test]
fn files_alone_go_back_and_the_model_is_told() {
    let mut desk = desk();
    writes(&mut desk, "first");
    let told = desk.told();
    desk.op(rollback(1, RollbackFiles::Only));
    restored(&mut desk, done(&["a.txt", "b.txt"]));
    let files = vec!["a.txt".to_owned(), "b.txt".to_owned()];
    assert_eq!(
        desk.events.last(),
        Some(&EventKind::FilesRestored { from: TurnId(1), files, notes: Vec::new() })
    );
    let news = "context: <files_restored>\nThe user put these files back to how they were before turn 1:\na.txt\nb.txt\n\
                </files_restored>";
    assert_eq!(desk.told(), [told, vec![news.to_owned()]].concat());
    desk.op(rollback(1, RollbackFiles::Only));
    let none = EventKind::FilesRestored {
        from: TurnId(1),
        files: Vec::new(),
        notes: vec!["no file was changed".into()],
    };
    assert_eq!(desk.events.last(), Some(&none), "they do not go back twice");
}

#[test]
fn after_a_summary_only_files_go_back() {
    let mut desk = desk();
    writes(&mut desk, "first");
    desk.op(Op::Compact);
    desk.summarised("Written.");
    let summarised = "turn 1 was summarised since; take back only its files, or fork the thread before it";
    assert_eq!(why(desk.refusal(Op::Undo)), summarised);
    assert_eq!(why(desk.refusal(rollback(1, RollbackFiles::Keep))), summarised);
    desk.op(rollback(1, RollbackFiles::Only));
    assert_eq!(restoring(&desk), [step("first")]);
    restored(&mut desk, done(&["a.txt"]));
    talks(&mut desk, "second");
    assert_eq!(desk.refusal(Op::Undo), None, "what comes after the summary does");
    desk.op(Op::Undo);
    assert!(desk.told().last().unwrap().starts_with("context: <files_restored>"), "{:?}", desk.told());
}

#[test]
fn a_turn_whose_changes_could_not_be_kept_says_so_once_and_keeps_its_files() {
    let mut desk = desk();
    for turn in ["first", "second"] {
        asks_to_write(&mut desk, turn);
        lacks(&mut desk, "there is no git");
        desk.tool(finished("written"));
        desk.model([message("done")]);
    }
    let lacks_words = "this turn's changes of files cannot be taken back: there is no git";
    assert_eq!(notes(&desk), [lacks_words], "the same of every turn would be noise");
    assert_eq!(
        why(desk.refusal(Op::Undo)),
        "turn 2 changed files, and they cannot be put back: there is no git; take back only the conversation, and the files \
         yourself"
    );
    desk.op(rollback(2, RollbackFiles::Keep));
    assert_eq!(desk.told(), ["context: house rules"]);
}

#[test]
fn what_a_snapshot_does_not_cover_is_said_once() {
    let mut desk = desk();
    for turn in ["first", "second"] {
        asks_to_write(&mut desk, turn);
        let notes = vec!["big.bin is too large".to_owned()];
        let answer = SnapshotAnswer::Taken { snapshot: Snapshot { notes, ..snapshot("s") } };
        desk.answer(is_snapshot, Answer::Snapshot { answer });
        desk.tool(finished("written"));
        desk.model([message("done")]);
        keeps(&mut desk, "t");
    }
    assert_eq!(notes(&desk), ["undo: big.bin is too large"]);
}

#[test]
fn what_cannot_be_taken_back_is_refused() {
    let mut desk = desk();
    assert_eq!(why(desk.refusal(Op::Undo)), "there is no turn to take back");
    talks(&mut desk, "first");
    assert_eq!(
        why(desk.refusal(rollback(2, RollbackFiles::Restore))),
        "only the last 1 can be taken back; a fork of the thread can begin at any turn"
    );
    assert!(matches!(desk.refusal(rollback(0, RollbackFiles::Keep)), Some(Refusal::Malformed { .. })));
    desk.says("second");
    for op in [Op::Undo, rollback(1, RollbackFiles::Keep), rollback(1, RollbackFiles::Only)] {
        assert_eq!(desk.refusal(op), Some(Refusal::TurnRunning));
    }
    desk.model([message("so")]);
    writes(&mut desk, "third");
    desk.op(Op::Undo);
    assert_eq!(desk.refusal(Op::Undo), Some(Refusal::TurnRunning), "one at a time");
}

#[test]
fn going_back_that_dies_with_its_process_is_tried_again_and_then_given_up() {
    let mut desk = desk();
    writes(&mut desk, "first");
    desk.op(Op::Undo);
    for attempt in 2..=8 {
        desk.crash(ToolAnswer::NotStarted);
        let running = desk.running(|kind| *kind == EffectKind::Restore).unwrap();
        assert_eq!(running.effect.attempt, attempt);
    }
    desk.crash(ToolAnswer::NotStarted);
    assert!(desk.thread.is_at_rest());
    let Some(EventKind::RollbackRefused { reason, .. }) = desk.events.last() else { panic!() };
    assert_eq!(
        reason,
        "the process died whenever the files were put back; some may be as they were before, others not"
    );
}

#[test]
fn a_snapshot_that_dies_with_its_process_four_times_is_done_without() {
    let mut desk = desk();
    asks_to_write(&mut desk, "first");
    for _ in 0..4 {
        desk.crash(ToolAnswer::NotStarted);
    }
    assert!(desk.running(is_tool).is_some());
    assert_eq!(
        notes(&desk),
        ["this turn's changes of files cannot be taken back: the process died whenever a snapshot was taken"]
    );
}

#[test]
fn a_turn_stopped_during_its_first_snapshot_has_changed_nothing() {
    let mut desk = desk();
    asks_to_write(&mut desk, "first");
    desk.op(Op::Interrupt);
    desk.answer(is_snapshot, Answer::Cancelled);
    assert!(desk.thread.is_at_rest());
    assert_eq!(desk.outputs()[0].0, OutputStatus::Cancelled);
    let from = desk.events.len();
    desk.op(Op::Undo);
    assert_eq!(desk.names(from), ["rolled_back"]);
}

#[test]
fn a_turn_stopped_in_the_midst_of_a_change_is_kept_all_the_same() {
    let mut desk = desk();
    asks_to_write(&mut desk, "first");
    keeps(&mut desk, "before first");
    desk.op(Op::Interrupt);
    let output = ToolOutput::text(OutputStatus::Cancelled, "stopped");
    desk.tool(ToolAnswer::Cancelled { output });
    keeps(&mut desk, "after first");
    desk.op(Op::Undo);
    assert_eq!(restoring(&desk), [step("first")]);
}

#[test]
fn the_last_snapshot_of_a_turn_is_not_stopped() {
    let mut desk = desk();
    asks_to_write(&mut desk, "first");
    keeps(&mut desk, "before first");
    desk.tool(finished("written"));
    desk.model([message("done")]);
    desk.op(Op::Interrupt);
    assert!(!desk.running(is_snapshot).unwrap().cancelling, "without it the turn could not be taken back");
    keeps(&mut desk, "after first");
    assert!(desk.thread.is_at_rest());
    desk.op(Op::Undo);
    assert_eq!(restoring(&desk), [step("first")]);
}

#[test]
fn a_host_without_snapshots_does_not_hold_a_turn_up() {
    let mut desk = desk();
    asks_to_write(&mut desk, "first");
    desk.answer(is_snapshot, Answer::NotServed);
    desk.tool(finished("written"));
    desk.model([message("done")]);
    assert!(desk.thread.is_at_rest());
    asks_to_write(&mut desk, "second");
    keeps(&mut desk, "before");
    desk.tool(finished("written"));
    desk.model([message("done")]);
    desk.answer(is_snapshot, Answer::NotServed);
    assert!(desk.thread.is_at_rest());
    assert!(why(desk.refusal(Op::Undo)).contains("this host keeps no snapshots"));
    talks(&mut desk, "third");
    desk.op(Op::RunUserShellCommand { command: "ls".into() });
    desk.answer(|kind| matches!(kind, EffectKind::UserCommand { .. }), Answer::NotServed);
    assert_eq!(desk.refusal(Op::Undo), None, "nor does a command of the user that it does not run");
}

#[test]
fn the_plan_goes_back_with_its_turn() {
    let mut desk = desk();
    let plan = |text: &str| {
        let steps = vec![PlanStep { step: text.into(), status: PlanStepStatus::Pending }];
        let plan = Plan { steps, ..Plan::default() };
        Preparation {
            subject: Subject::Plan { plan },
            ..Preparation::reading(Subject::Plan { plan: Plan::default() }, 1_000)
        }
    };
    for text in ["one", "two"] {
        desk.asks_for([("update_plan", plan(text))]);
        desk.tool(finished("noted"));
        desk.model([message("so")]);
    }
    let from = desk.events.len();
    desk.op(Op::Undo);
    assert_eq!(desk.names(from), ["plan_update", "rolled_back"], "clients see the plan that holds again");
    let plan = serde_json::to_value(&desk.thread).unwrap()["plan"].clone();
    assert_eq!(plan["steps"][0]["step"], "one");
}

#[test]
fn what_a_host_archived_goes_back_too() {
    let mut desk = desk();
    talks(&mut desk, "first");
    talks(&mut desk, "second");
    let length = desk.thread.items().len();
    assert!(desk.thread.archive(BlobId::of(b"one"), 1));
    assert!(desk.thread.archive(BlobId::of(b"two"), length - 1));
    talks(&mut desk, "third");
    assert!(desk.thread.archive(BlobId::of(b"three"), 2));
    desk.op(rollback(2, RollbackFiles::Keep));
    let archived: Vec<_> =
        desk.thread.archived().iter().map(|part| (part.items, part.blob.clone())).collect();
    // House rules, then environment, first and its answer; the blob has second and its answer besides.
    assert_eq!(archived, [(1, BlobId::of(b"one")), (3, BlobId::of(b"two"))]);
    assert_eq!(desk.told(), Vec::<String>::new());
    desk.says("again");
    assert_eq!(desk.told(), ["user: again"], "the environment is known");
}

#[test]
fn a_thread_that_is_shut_down_while_files_go_back_waits_for_them() {
    let mut desk = desk();
    writes(&mut desk, "first");
    desk.op(Op::Undo);
    desk.op(Op::Shutdown { now: true });
    assert!(!desk.thread.is_closed());
    assert!(
        !desk.running(|kind| *kind == EffectKind::Restore).unwrap().cancelling,
        "half a way back is none"
    );
    restored(&mut desk, done(&["a.txt"]));
    assert!(desk.thread.is_closed());
}

#[test]
fn a_call_that_was_approved_waits_for_its_snapshot() {
    let mut desk = Desk::new(Settings { approval: ApprovalPolicy::Untrusted, ..settings() });
    asks_to_write(&mut desk, "first");
    assert!(desk.running(is_snapshot).is_none(), "nobody has said yes");
    let decision = agent_core::ApprovalDecision::Approved;
    desk.op(Op::PatchApproval { id: desk.question(), decision });
    keeps(&mut desk, "before");
    assert!(desk.running(is_tool).is_some());
}

#[test]
fn only_so_many_turns_can_be_taken_back() {
    let mut desk = desk();
    for turn in 0..70 {
        talks(&mut desk, &format!("{turn}"));
    }
    assert_eq!(desk.thread.undoable().count(), 64);
    let answer = ModelAnswer::Cancelled { partial: String::new(), index: 0 };
    desk.says("stop");
    desk.op(Op::Interrupt);
    desk.answer(|kind| *kind == EffectKind::Model, Answer::Model { answer });
    desk.op(rollback(64, RollbackFiles::Restore));
    assert_eq!(desk.told().last().unwrap(), "agent: so");
    assert_eq!(desk.told().len(), 2 + 2 * 7);
    desk.feed(Input::Resumed);
}

#[test]
fn what_the_model_was_told_of_files_outlives_the_turns_that_go_back_after_it() {
    let mut desk = desk();
    writes(&mut desk, "first");
    writes(&mut desk, "second");
    let told = desk.told();
    desk.op(rollback(2, RollbackFiles::Only));
    restored(&mut desk, done(&["a.txt"]));
    desk.op(rollback(1, RollbackFiles::Keep));
    let news = "context: <files_restored>\nThe user put these files back to how they were before turn 1:\na.txt\n\
                </files_restored>";
    assert_eq!(desk.told(), [&told[..6], &[news.to_owned()]].concat(), "it is about the first turn too");
}

#[test]
fn a_turn_in_whose_midst_the_directory_changed_cannot_put_its_files_back() {
    let mut desk = desk();
    asks_to_write(&mut desk, "first");
    keeps(&mut desk, "before");
    desk.tool(finished("written"));
    desk.model([message("done")]);
    let elsewhere = Snapshot { root: "/elsewhere".into(), ..snapshot("after") };
    desk.answer(is_snapshot, Answer::Snapshot { answer: SnapshotAnswer::Taken { snapshot: elsewhere } });
    assert!(why(desk.refusal(Op::Undo)).contains("moved from /work to /elsewhere"));
}
