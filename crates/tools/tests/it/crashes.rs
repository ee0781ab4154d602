//! What the death of the harness leaves behind, at every point of a call. The harness is this test binary, started again.

use crate::world::{Blobs, World, config, eventually, number_in, runs};
use agent_core::testing::RecordingSink;
use agent_core::{Operation, ToolAnswer, ToolCallHandler, ToolRequest};
use serde_json::json;
use std::{
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};
use tools::ToolRegistry;

const HOME: &str = "TOOLS_TEST_HOME";
const REQUEST: &str = "TOOLS_TEST_REQUEST";

/// A harness in a process of its own, which starts one call.
struct Harness {
    child: Child,
    #[cfg(feature = "kill-points")]
    marker: std::path::PathBuf,
}

impl Harness {
    fn start(world: &World, request: &ToolRequest, point: &str) -> Self {
        let marker = world.home.path().join("marker");
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crashes::harness", "--ignored", "--nocapture"])
            .env(HOME, world.home.path())
            .env(REQUEST, serde_json::to_string(request).unwrap())
            .env("EVERTURN_KILL_POINT", point)
            .env("EVERTURN_KILL_MARKER", &marker)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            child,
            #[cfg(feature = "kill-points")]
            marker,
        }
    }

    /// As a power cut for the process: nothing of it runs on.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
#[ignore = "started by the other tests in a process of its own"]
async fn harness() {
    let Some(home) = std::env::var_os(HOME) else { return };
    let request: ToolRequest = serde_json::from_str(&std::env::var(REQUEST).unwrap()).unwrap();
    let sink = Arc::new(RecordingSink::default());
    let registry = ToolRegistry::new(config(Path::new(&home), sink, Arc::new(Blobs::default())));
    let Operation { answer, mut cancel } = registry.start(request);
    answer.0.await;
    cancel.disarm();
}

fn note(answer: &ToolAnswer) -> &str {
    match answer {
        ToolAnswer::Unknown { note } => note,
        other => panic!("expected unknown, got {other:?}"),
    }
}

#[tokio::test]
async fn a_tree_that_outlives_the_harness_is_killed_and_reported_unknown() {
    let world = World::new();
    let cmd = "setsid bash -c 'echo $$ > away; exec sleep 1000' & (trap '' TERM; sleep 1000) & echo $! > child; \
               trap '' TERM; echo $$ > main; echo x >> runs; while true; do sleep 1; done";
    let request = world.request("exec_command", json!({ "cmd": cmd })).await;
    let mut harness = Harness::start(&world, &request, "none");
    let mut pids = Vec::new();
    for name in ["main", "child", "away"] {
        pids.push(number_in(&world.path(name)).await);
    }
    harness.kill();
    assert!(pids.iter().all(|pid| runs(*pid)), "the command outlives the harness");
    let answer = world.registry.recover(request.clone()).await;
    assert!(note(&answer).contains("still running and was stopped"), "{answer:?}");
    for pid in pids {
        eventually("the tree is dead", || !runs(pid)).await;
    }
    assert_eq!(world.read("runs"), "x\n");
    world.registry.acknowledge(&request.key, request.effect);
    assert_eq!(world.ledger(), "");
}

#[tokio::test]
async fn a_command_that_ended_while_nobody_watched_is_unknown() {
    let world = World::new();
    let cmd = "touch ready; until test -e go; do sleep 0.01; done; echo $$ > ended";
    let request = world.request("exec_command", json!({ "cmd": cmd })).await;
    let mut harness = Harness::start(&world, &request, "none");
    eventually("the command runs", || world.path("ready").exists()).await;
    harness.kill();
    world.write("go", "");
    let pid = number_in(&world.path("ended")).await;
    eventually("the command has ended", || !runs(pid)).await;
    let answer = world.registry.recover(request).await;
    assert!(note(&answer).contains("had ended by itself"), "{answer:?}");
}

#[cfg(feature = "kill-points")]
mod at_points {
    //! Killed exactly there.

    use super::*;
    use crate::world::finished;
    use rstest::rstest;
    use serde_json::Value;

    /// What is found afterwards, and how often the call has run by then.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Left {
        NotStarted,
        Unknown { runs: usize },
        Finished,
    }

    async fn killed_at(world: &World, request: &ToolRequest, point: &str) -> ToolAnswer {
        let mut harness = Harness::start(world, request, point);
        eventually("the point is reached", || harness.marker.exists()).await;
        let marker = std::fs::read_to_string(&harness.marker).unwrap();
        assert_eq!(marker, format!("{point} 1 {}\n", harness.child.id()));
        harness.kill();
        world.registry.recover(request.clone()).await
    }

    fn left(answer: &ToolAnswer, runs: usize) -> Left {
        match answer {
            ToolAnswer::NotStarted => {
                assert_eq!(runs, 0, "it ran and is said not to have started");
                Left::NotStarted
            }
            ToolAnswer::Unknown { .. } => Left::Unknown { runs },
            ToolAnswer::Finished { .. } => Left::Finished,
            other => panic!("{other:?}"),
        }
    }

    fn runs_of(world: &World) -> usize {
        std::fs::read_to_string(world.path("runs")).unwrap_or_default().lines().count()
    }

    #[rstest]
    #[case("tool.before_ledger", Left::NotStarted)]
    #[case("tool.before_spawn", Left::NotStarted)]
    #[case("tool.before_finish", Left::Unknown { runs: 1 })]
    #[case("tool.after_finish", Left::Finished)]
    #[tokio::test]
    async fn a_command(#[case] point: &str, #[case] expected: Left) {
        let world = World::new();
        let request = world.request("exec_command", json!({ "cmd": "echo x >> runs; echo told" })).await;
        let answer = killed_at(&world, &request, point).await;
        assert_eq!(left(&answer, runs_of(&world)), expected);
        if expected == Left::Finished {
            assert_eq!(finished(answer).plain_text(), "told\n");
        } else if expected == Left::NotStarted {
            // As the driver goes on: the next attempt, with a page of its own.
            world.registry.acknowledge(&request.key, request.effect);
            let again = ToolRequest { attempt: 2, ..request.clone() };
            assert_eq!(finished(world.run(again).await).plain_text(), "told\n");
            assert_eq!(runs_of(&world), 1);
        }
        world.registry.acknowledge(&request.key, request.effect);
        assert_eq!(world.ledger(), "");
    }

    #[tokio::test]
    async fn a_running_command() {
        let world = World::new();
        let cmd = "trap '' TERM; echo x >> runs; echo $$ > main; while true; do sleep 1; done";
        let request = world.request("exec_command", json!({ "cmd": cmd })).await;
        let answer = killed_at(&world, &request, "tool.child_running").await;
        assert!(note(&answer).contains("still running and was stopped"), "{answer:?}");
        assert!(runs_of(&world) <= 1);
        if world.path("main").exists() {
            assert!(!runs(number_in(&world.path("main")).await));
        }
    }

    /// The child has written its entry, the harness is dead, and the program only starts afterwards.
    #[tokio::test]
    async fn a_held_child_is_never_taken_for_not_started() {
        let world = World::new();
        let request = world.request("exec_command", json!({ "cmd": "echo x >> runs; sleep 1000" })).await;
        let begun = std::time::Instant::now();
        let answer = killed_at(&world, &request, "tool.child_held").await;
        let waited = begun.elapsed().as_millis();
        assert!(waited > 1_500, "recovery did not wait for the child that still holds the page: {waited} ms");
        assert!(note(&answer).contains("still running and was stopped"), "{answer:?}");
        assert!(runs_of(&world) <= 1);
        let found = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
            let pid: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let directory = std::fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
            (directory == world.workspace.path() && runs(pid)).then_some(pid)
        });
        assert_eq!(found.collect::<Vec<_>>(), Vec::<i32>::new(), "processes are left in the workspace");
    }

    fn patch() -> Value {
        json!({ "input": "*** Begin Patch\n*** Add File: runs\n+x\n*** End Patch" })
    }

    #[rstest]
    #[case("tool.before_ledger", Left::NotStarted)]
    #[case("tool.before_spawn", Left::NotStarted)]
    #[case("tool.child_running", Left::Unknown { runs: 0 })]
    #[case("tool.before_finish", Left::Unknown { runs: 1 })]
    #[case("tool.after_finish", Left::Finished)]
    #[tokio::test]
    async fn a_patch(#[case] point: &str, #[case] expected: Left) {
        let world = World::new();
        let request = world.request("apply_patch", patch()).await;
        let answer = killed_at(&world, &request, point).await;
        assert_eq!(left(&answer, runs_of(&world)), expected);
    }
}
