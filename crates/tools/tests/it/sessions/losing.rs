//! Sessions whose process dies.

use super::Talk;
use crate::world::{Blobs, config, eventually, runs};
use agent_core::testing::RecordingSink;
use agent_core::{Operation, OutputStatus, ToolAnswer, ToolCallHandler, ToolRequest};
use serde_json::json;
use std::{
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};
use tools::ToolRegistry;

const HOME: &str = "TOOLS_TEST_SESSION_HOME";
const REQUEST: &str = "TOOLS_TEST_SESSION_REQUEST";
/// Where the answer goes, below the home.
const ANSWER: &str = "answer.json";

/// Outlives its terminal.
const STUBBORN: &str = "trap '' HUP TERM INT; (setsid bash -c 'trap \"\" TERM HUP; echo $$ > away; \
                        while :; do sleep 1; done' &); echo $$ > main; while :; do sleep 1; done";

/// A harness in a process of its own, which makes one call and then waits.
struct Harness(Child);

impl Harness {
    fn start(talk: &Talk, request: &ToolRequest) -> Self {
        Self::start_until(talk, request, "none")
    }

    /// Stops at a kill point.
    fn start_until(talk: &Talk, request: &ToolRequest, point: &str) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "sessions::losing::harness", "--ignored", "--nocapture"])
            .env(HOME, talk.world.home.path())
            .env(REQUEST, serde_json::to_string(request).unwrap())
            .env("EVERTURN_KILL_POINT", point)
            .env("EVERTURN_KILL_MARKER", talk.world.home.path().join("marker"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
#[ignore = "started by the other tests in a process of its own"]
async fn harness() {
    let Some(home) = std::env::var_os(HOME) else { return };
    let home = Path::new(&home);
    let request: ToolRequest = serde_json::from_str(&std::env::var(REQUEST).unwrap()).unwrap();
    let sink = Arc::new(RecordingSink::default());
    let registry = ToolRegistry::new(config(home, sink, Arc::new(Blobs::default())));
    let Operation { answer, mut cancel } = registry.start(request);
    let answer = answer.0.await.into_answer();
    cancel.disarm();
    std::fs::write(home.join("draft"), serde_json::to_vec(&answer).unwrap()).unwrap();
    std::fs::rename(home.join("draft"), home.join(ANSWER)).unwrap();
    std::future::pending::<()>().await;
}

/// A session whose process is killed after it has told of it; its number and what still runs of it.
async fn lost(talk: &mut Talk, tty: bool) -> (ToolRequest, ToolAnswer, [i32; 2]) {
    let arguments = json!({ "cmd": STUBBORN, "tty": tty, "yield_time_ms": 300 });
    let request = talk.request("exec_command", arguments).await;
    let mut harness = Harness::start(talk, &request);
    let path = talk.world.home.path().join(ANSWER);
    eventually("the session is told of", || path.exists()).await;
    let answer = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let pids = [talk.number("main").await, talk.number("away").await];
    harness.kill();
    assert!(pids.iter().all(|pid| runs(*pid)), "they outlive the harness");
    (request, answer, pids)
}

#[tokio::test]
async fn a_lost_session_is_stopped_at_the_next_call_and_told_as_lost() {
    for tty in [true, false] {
        let mut talk = Talk::new();
        let (request, answer, pids) = lost(&mut talk, tty).await;
        assert!(
            matches!(&answer, ToolAnswer::Finished { output } if output.plain_text().contains("still runs"))
        );
        talk.world.registry.acknowledge(&request.key, request.effect);
        assert_eq!(talk.notices(), [request.effect.to_string()]);
        // Any call of the thread does.
        talk.call("list_dir", json!({})).await;
        for pid in pids {
            eventually("what was left is stopped", || !runs(pid)).await;
        }
        let id = request.effect.0;
        let output = talk.write(id, "x<enter>").await;
        assert_eq!(output.status, OutputStatus::Failed);
        let text = output.plain_text();
        assert!(text.starts_with(&format!("Session {id} (`trap '' HUP TERM INT;")), "{text}");
        let told = "was lost with the process that ran it; its processes were stopped. Start it again if it is needed.";
        assert!(text.ends_with(told), "{text}");
        let text = talk.look(id).await.plain_text();
        assert!(text.contains(&format!("there is no session {id}.")), "{text}");
        assert_eq!(talk.notices(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn what_was_told_of_a_lost_session_is_told_again_and_nothing_of_it_runs() {
    let mut talk = Talk::new();
    let (request, answer, pids) = lost(&mut talk, true).await;
    assert_eq!(talk.world.registry.recover(request.clone()).await, answer);
    for pid in pids {
        eventually("what was left is stopped", || !runs(pid)).await;
    }
    let text = talk.look(request.effect.0).await.plain_text();
    assert!(text.contains("was lost with the process that ran it; nothing of it runs any more"), "{text}");
}

#[tokio::test]
async fn a_session_of_a_living_process_is_left_to_it() {
    let mut talk = Talk::new();
    let (id, _) = talk.open("echo $$ > main; exec cat", 200, true).await;
    let pid = talk.number("main").await;
    let other = ToolRegistry::new(config(
        talk.world.home.path(),
        Arc::new(RecordingSink::default()),
        Arc::new(Blobs::default()),
    ));
    let request = talk.request("write_stdin", json!({ "session_id": id })).await;
    let Operation { answer, mut cancel } = other.start(request);
    let answer = answer.0.await.into_answer();
    cancel.disarm();
    assert!(
        matches!(&answer, ToolAnswer::Finished { output } if output.plain_text().contains("there is no session")),
        "{answer:?}"
    );
    assert!(runs(pid));
}

#[cfg(feature = "kill-points")]
#[tokio::test]
async fn a_session_that_nobody_was_told_of_is_stopped_too() {
    for (point, noticed) in [("tool.child_running", false), ("tool.before_finish", true)] {
        let mut talk = Talk::new();
        let arguments = json!({ "cmd": STUBBORN, "tty": true, "yield_time_ms": 300 });
        let request = talk.request("exec_command", arguments).await;
        let mut harness = Harness::start_until(&talk, &request, point);
        let marker = talk.world.home.path().join("marker");
        eventually("the point is reached", || marker.exists()).await;
        let pids = [talk.number("main").await, talk.number("away").await];
        assert_eq!(talk.notices(), if noticed { vec![request.effect.to_string()] } else { Vec::new() });
        harness.kill();
        let answer = talk.world.registry.recover(request.clone()).await;
        assert!(
            matches!(&answer, ToolAnswer::Unknown { note } if note.contains("still running and was stopped")),
            "{answer:?}"
        );
        for pid in pids {
            eventually("the tree is dead", || !runs(pid)).await;
        }
        let text = talk.look(request.effect.0).await.plain_text();
        let said = if noticed { "nothing of it runs any more" } else { "there is no session" };
        assert!(text.contains(said), "{text}");
    }
}
