//! Patches, in every way a model may send them.

use crate::world::{SECRET, World, finished, function};
use agent_core::{
    Access, Containment, FileChange, FileChangeKind, Grant, NetworkAccess, Operation, OutputStatus, Payload,
    Repeat, SandboxPolicy, Subject, ToolAnswer, ToolCallHandler,
};
use serde_json::{Value, json};

const PATCH: &str = "*** Begin Patch
*** Update File: a.txt
@@
 one
-two
+TWO
*** Add File: sub/b.txt
+new
*** Update File: c.txt
*** Move to: d.txt
*** Delete File: e.txt
*** End Patch";

fn world() -> World {
    let world = World::new();
    world.write("a.txt", "one\ntwo\n");
    world.write("c.txt", "c\n");
    world.write("e.txt", "e\n");
    world
}

fn change(path: &str, kind: FileChangeKind, moved_to: Option<&str>) -> FileChange {
    FileChange { path: path.into(), kind, moved_to: moved_to.map(str::to_owned), diff: String::new() }
}

fn expected() -> Vec<FileChange> {
    vec![
        change("a.txt", FileChangeKind::Update, None),
        change("sub/b.txt", FileChangeKind::Add, None),
        change("c.txt", FileChangeKind::Update, Some("d.txt")),
        change("e.txt", FileChangeKind::Delete, None),
    ]
}

/// The same, with what is asked of each file for whoever has to approve it.
fn asked() -> Vec<FileChange> {
    let diffs = ["@@\n one\n-two\n+TWO\n", "+new\n", "", ""];
    expected()
        .into_iter()
        .zip(diffs)
        .map(|(change, diff)| FileChange { diff: diff.into(), ..change })
        .collect()
}

fn ways() -> Vec<(&'static str, Payload)> {
    let script = format!("apply_patch <<'EOF'\n{PATCH}\nEOF\n");
    let payload = |arguments: Value| function(&arguments);
    vec![
        ("apply_patch", Payload::Freeform { input: PATCH.to_owned() }),
        ("apply_patch", payload(json!({ "input": PATCH }))),
        ("apply_patch", Payload::Function { arguments: PATCH.to_owned() }),
        ("exec_command", payload(json!({ "cmd": script }))),
        ("shell", payload(json!({ "command": ["bash", "-lc", script] }))),
        ("shell", payload(json!({ "command": ["apply_patch", PATCH] }))),
    ]
}

#[tokio::test]
async fn a_patch_is_a_patch_whichever_way_it_comes() {
    for (name, payload) in ways() {
        let world = world();
        let request = world.request_payload(name, payload).await;
        let preparation = &request.preparation;
        assert_eq!((preparation.access, preparation.repeat), (Access::Mutating, Repeat::Never));
        assert_eq!(preparation.containment, Containment::Contained, "{name}");
        assert_eq!(preparation.subject, Subject::Patch { changes: asked() }, "{name}");
        let output = finished(world.run(request).await);
        assert_eq!(output.status, OutputStatus::Ok, "{name}: {}", output.plain_text());
        assert!(output.plain_text().starts_with("Success."), "{name}");
        let mut changes = output.changes;
        assert!(changes[0].diff.contains("-two\n+TWO"), "{}", changes[0].diff);
        for change in &mut changes {
            change.diff.clear();
        }
        assert_eq!(changes, expected(), "{name}");
        assert_eq!((world.read("a.txt"), world.read("sub/b.txt")), ("one\nTWO\n".into(), "new\n".into()));
        assert!(
            world.path("d.txt").exists() && !world.path("c.txt").exists() && !world.path("e.txt").exists()
        );
    }
}

#[tokio::test]
async fn paths_start_from_the_workdir_and_are_told_from_the_working_directory() {
    let world = World::new();
    world.write("in/sub/x", "");
    let script =
        "cd sub && apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: n.txt\n+n\n*** End Patch\nEOF";
    let request = world.request("exec_command", json!({ "cmd": script, "workdir": "in" })).await;
    let added = FileChange { diff: "+n\n".into(), ..change("in/sub/n.txt", FileChangeKind::Add, None) };
    assert_eq!(request.preparation.subject, Subject::Patch { changes: vec![added] });
    let output = finished(world.run(request).await);
    assert_eq!(output.changes[0].path, "in/sub/n.txt");
    assert_eq!(world.read("in/sub/n.txt"), "n\n");
}

#[tokio::test]
async fn a_patch_that_does_not_fit_is_a_failed_output_and_changes_nothing() {
    let world = World::new();
    world.write("a.txt", "other\n");
    let patch =
        "*** Begin Patch\n*** Add File: n.txt\n+n\n*** Update File: a.txt\n@@\n-two\n+TWO\n*** End Patch";
    let output = world.call("apply_patch", json!({ "input": patch })).await;
    assert_eq!(output.status, OutputStatus::Failed);
    assert!(output.plain_text().contains("a.txt"), "{}", output.plain_text());
    assert!(!world.path("n.txt").exists());
    assert_eq!(world.ledger(), "");
}

#[tokio::test]
async fn something_after_the_patch_is_rejected_and_not_run() {
    let script =
        "apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: n.txt\n+n\n*** End Patch\nEOF\ntouch ran";
    let error = World::new().prepare("exec_command", json!({ "cmd": script })).await.unwrap_err();
    assert!(error.contains("nothing after the end of the here-document"), "{error}");
}

fn add(path: &str) -> Value {
    json!({ "input": format!("*** Begin Patch\n*** Add File: {path}\n+n\n*** End Patch") })
}

#[tokio::test]
async fn a_patch_out_of_its_bounds_says_so_before_it_runs() {
    let mut world = World::with(|config| config.protected.push("/protected".into()));
    let other = tempfile::tempdir().unwrap();
    let outside = other.path().join("n.txt").display().to_string();
    let escapes = async |world: &World, path: &str| match world
        .prepare("apply_patch", add(path))
        .await
        .unwrap()
        .containment
    {
        Containment::Contained => None,
        Containment::Escapes { reason } => Some(reason),
        other => panic!("{other:?}"),
    };
    assert_eq!(escapes(&world, "n.txt").await, None);
    assert!(escapes(&world, &outside).await.unwrap().contains("outside the writable directories"));
    assert!(escapes(&world, "../n.txt").await.is_some());
    world.sandbox = SandboxPolicy::WorkspaceWrite {
        writable_roots: vec![other.path().display().to_string()],
        network: NetworkAccess::Off,
    };
    assert_eq!(escapes(&world, &outside).await, None);
    world.sandbox =
        SandboxPolicy::WorkspaceWrite { writable_roots: vec!["/".into()], network: NetworkAccess::Off };
    assert!(escapes(&world, "/protected/n.txt").await.unwrap().contains("protected"));
    let home = world.home.path().join("n.txt").display().to_string();
    assert!(escapes(&world, &home).await.unwrap().contains("protected"));
    world.sandbox = SandboxPolicy::ReadOnly;
    assert_eq!(escapes(&world, "n.txt").await.unwrap(), "the sandbox is read-only");
    world.sandbox = SandboxPolicy::DangerFullAccess;
    assert_eq!(escapes(&world, &outside).await, None);
}

#[tokio::test]
async fn the_grant_limits_where_a_patch_writes() {
    let world = World::new();
    let other = tempfile::tempdir().unwrap();
    let path = other.path().join("n.txt");
    let request = world.request("apply_patch", add(path.to_str().unwrap())).await;
    let sandboxed = agent_core::ToolRequest { grant: Grant::Sandboxed, ..request.clone() };
    let output = finished(world.run(sandboxed).await);
    assert_eq!(output.status, OutputStatus::Failed);
    assert!(output.plain_text().contains("outside the writable roots"), "{}", output.plain_text());
    assert!(!path.exists());
    assert_eq!(finished(world.run(request).await).status, OutputStatus::Ok);
    assert!(path.exists());
}

#[tokio::test]
async fn a_patch_is_in_the_ledger_until_it_is_acknowledged() {
    let world = World::new();
    let input = json!({ "input": format!("*** Begin Patch\n*** Add File: n.txt\n+{SECRET}\n*** End Patch") });
    let request = world.request("apply_patch", input).await;
    let answer = world.run(request.clone()).await;
    let ledger = world.ledger();
    assert!(ledger.starts_with("3-1: {\"process\":{\"pid\":") && ledger.contains("{\"answer\":"), "{ledger}");
    assert!(ledger.contains("[redacted]") && !ledger.contains(SECRET), "{ledger}");
    assert_eq!(world.read("n.txt"), format!("{SECRET}\n"), "the file has what was asked for");
    assert_eq!(world.registry.recover(request.clone()).await, answer);
    assert_eq!(world.run(request.clone()).await, answer, "it is not applied twice");
    world.registry.acknowledge(&request.key, request.effect);
    assert_eq!(world.ledger(), "");
}

#[tokio::test]
async fn a_patch_stopped_before_it_began_changes_nothing() {
    let world = World::new();
    let Operation { answer, mut cancel } =
        world.registry.start(world.request("apply_patch", add("n.txt")).await);
    cancel.pull();
    let answer = answer.0.await.into_answer();
    assert!(matches!(answer, ToolAnswer::Cancelled { .. }), "{answer:?}");
    assert!(!world.path("n.txt").exists());
}

#[tokio::test]
async fn long_diffs_are_cut() {
    let world = World::new();
    let line = "+0123456789\n".repeat(40_000);
    let output = world
        .call(
            "apply_patch",
            json!({ "input": format!("*** Begin Patch\n*** Add File: n.txt\n{line}*** End Patch") }),
        )
        .await;
    let diff = &output.changes[0].diff;
    assert!(diff.len() < 257 * 1024 && diff.ends_with("bytes of this diff omitted …\n"), "{}", diff.len());
}
