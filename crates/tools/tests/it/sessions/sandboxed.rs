//! Sessions in the sandbox.

use super::{Talk, said};
use crate::world::finished;
use crate::world::{World, eventually, runs};
use agent_core::{Containment, Grant, OutputStatus, ToolOutput, ToolRequest};
use serde_json::{Value, json};
use tools::sandbox::Helper;

const HELPER: &str = env!("CARGO_BIN_EXE_everturn-sandbox");

fn talk() -> Talk {
    Talk::of(World::with(|config| config.sandbox.helper = Helper::Program(HELPER.into())))
}

/// Runs a call as one that nobody was asked about.
async fn confined(talk: &mut Talk, name: &str, arguments: Value) -> ToolOutput {
    let request = talk.request(name, arguments).await;
    finished(talk.world.run(ToolRequest { grant: Grant::Sandboxed, ..request }).await)
}

#[tokio::test]
async fn a_shell_in_the_sandbox_has_its_terminal_and_cannot_get_out() {
    let mut talk = talk();
    let outside = tempfile::tempdir().unwrap();
    let shell = json!({ "cmd": "PS1='$ ' bash --norc --noediting -i", "tty": true, "yield_time_ms": 600 });
    let text = said(&confined(&mut talk, "exec_command", shell).await);
    let id = talk.effect;
    talk.until(id, &text, "$ ").await;
    let preparation =
        talk.world.prepare("write_stdin", json!({ "session_id": id, "chars": "x" })).await.unwrap();
    assert_eq!(preparation.containment, Containment::Contained);
    let file = outside.path().join("file");
    let line = format!("echo in > inside; echo out > {}; tty -s && echo has one<enter>", file.display());
    let typing = json!({ "session_id": id, "chars": line, "yield_time_ms": 5000 });
    let text = said(&confined(&mut talk, "write_stdin", typing).await);
    talk.until(id, &text, "\nhas one\n").await;
    assert_eq!(talk.world.read("inside"), "in\n");
    assert!(!file.exists());
    let typing = json!({ "session_id": id, "chars": "sleep 1000<enter>", "yield_time_ms": 500 });
    confined(&mut talk, "write_stdin", typing).await;
    let typing = json!({ "session_id": id, "chars": "<ctrl-c>", "yield_time_ms": 5000 });
    let text = said(&confined(&mut talk, "write_stdin", typing).await);
    talk.until(id, &text, "$ ").await;
    let typing = json!({ "session_id": id, "chars": "exit 7<enter>", "yield_time_ms": 10_000 });
    let output = confined(&mut talk, "write_stdin", typing).await;
    assert_eq!((output.status, output.exit_code), (OutputStatus::Failed, Some(7)), "{}", output.plain_text());
    assert_eq!(output.denial, None, "it cannot be done again elsewhere");
}

#[tokio::test]
async fn nothing_is_typed_into_an_unconfined_session_without_a_yes() {
    let mut talk = talk();
    let (id, _) = talk.open("exec cat", 300, true).await;
    let typing = json!({ "session_id": id, "chars": "x<enter>", "yield_time_ms": 500 });
    let output = confined(&mut talk, "write_stdin", typing).await;
    assert_eq!(output.status, OutputStatus::Failed);
    assert!(output.plain_text().contains("nothing was typed: the session runs outside the sandbox"));
    assert_eq!(said(&talk.look(id).await), "");
    assert_eq!(said(&talk.write(id, "y<enter>").await), "y\ny\n");
}

#[tokio::test]
async fn a_session_in_the_sandbox_is_stopped_whole() {
    let mut talk = talk();
    let cmd = "trap '' TERM HUP INT; (setsid sleep 1000 &); echo $PPID > parent; echo ready; while :; do sleep 1; done";
    let arguments = json!({ "cmd": cmd, "tty": true, "yield_time_ms": 600 });
    let text = said(&confined(&mut talk, "exec_command", arguments).await);
    let id = talk.effect;
    talk.until(id, &text, "ready").await;
    let workspace = talk.world.workspace.path().to_owned();
    let here = || {
        std::fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(|pid: &i32| {
                std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == workspace) && runs(*pid)
            })
            .count()
    };
    assert!(here() >= 2);
    let output = talk.call("write_stdin", json!({ "session_id": id, "close": true })).await;
    assert_eq!(output.status, OutputStatus::Ok, "{}", output.plain_text());
    eventually("nothing of it runs", || here() == 0).await;
}

#[tokio::test]
async fn a_command_that_is_denied_in_time_says_so() {
    let mut talk = talk();
    let arguments = json!({ "cmd": "touch /usr/not-here", "yield_time_ms": 10_000 });
    let output = confined(&mut talk, "exec_command", arguments).await;
    assert_eq!(output.status, OutputStatus::Failed);
    assert!(output.denial.is_some(), "{}", output.plain_text());
}
