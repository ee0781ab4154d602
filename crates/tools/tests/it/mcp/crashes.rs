//! Servers that die, and processes that die while a server works.

use super::{everything, quirky, watched, world};
use crate::world::{eventually, runs};
use agent_core::{OutputStatus, ToolAnswer, ToolCallHandler};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_call_that_may_change_something_is_not_sent_twice() {
    let folder = tempfile::tempdir().unwrap();
    let calls = folder.path().join("calls");
    let world = world(vec![watched("quirky", &calls)]);
    let request = world.request("mcp__quirky__die", json!({})).await;
    let answer = world.run(request.clone()).await;
    let ToolAnswer::Unknown { note } = &answer else { panic!("{answer:?}") };
    assert_eq!(
        note,
        "its server went away before it answered: it ended (exit status: 7); it said: a last word"
    );
    assert_eq!(std::fs::read_to_string(&calls).unwrap(), "die\n");
    // Asked after a crash of this process, the ledger says the same.
    assert_eq!(world.registry.recover(request).await, answer);
    assert_eq!(world.told("mcp__quirky__data", json!({})).await, r#"{"degrees":21}"#);
}

#[tokio::test]
async fn a_call_that_only_looks_is_sent_again_to_the_new_server() {
    let folder = tempfile::tempdir().unwrap();
    let calls = folder.path().join("calls");
    let world = world(vec![watched("quirky", &calls)]);
    let output = world.call("mcp__quirky__die_once_looking", json!({})).await;
    assert_eq!(output.plain_text(), "die_once_looking was called");
    assert_eq!(std::fs::read_to_string(&calls).unwrap(), "die_once_looking\ndie_once_looking\n");
}

#[tokio::test]
async fn a_server_that_dies_again_and_again_rests() {
    let world = world(vec![quirky("quirky", &[])]);
    let output = world.call("mcp__quirky__die_looking", json!({})).await;
    assert_eq!(output.status, OutputStatus::Failed);
    assert!(output.plain_text().starts_with("The server went away twice"), "{}", output.plain_text());
    let output = world.call("mcp__quirky__data", json!({})).await;
    assert_eq!(output.status, OutputStatus::Failed);
    assert!(output.plain_text().contains("it is tried again in "), "{}", output.plain_text());
    tokio::time::sleep(Duration::from_millis(4_200)).await;
    assert_eq!(world.told("mcp__quirky__data", json!({})).await, r#"{"degrees":21}"#);
}

#[tokio::test]
async fn a_killed_server_is_started_again_at_its_next_use() {
    let world = world(vec![everything()]);
    world.collect("").await;
    let own = std::process::id().to_string();
    let pid = child_with(&own, "/");
    kill(pid);
    eventually("it is gone", || !runs(pid)).await;
    assert_eq!(world.told("mcp__everything__echo", json!({ "message": "again" })).await, "Echo: again");
}

#[tokio::test]
async fn closing_ends_the_servers_and_what_they_started() {
    let world = world(vec![everything(), quirky("quirky", &["slow-start"])]);
    let own = std::process::id().to_string();
    world.told("mcp__everything__echo", json!({ "message": "a" })).await;
    let pid = child_with(&own, "/");
    world.registry.close_servers().await;
    eventually("it is gone", || !runs(pid)).await;
}

#[tokio::test]
async fn dropping_the_registry_kills_the_servers() {
    let world = world(vec![everything()]);
    world.collect("").await;
    let own = std::process::id().to_string();
    let pid = child_with(&own, "/");
    drop(world);
    eventually("it is gone", || !runs(pid)).await;
}

#[tokio::test]
async fn what_a_dead_process_had_sent_is_unknown() {
    let world = world(vec![quirky("quirky", &[])]);
    let request = world.request("mcp__quirky__hang", json!({})).await;
    let operation = world.registry.start(request.clone());
    let mut answer = operation.answer.0;
    assert!(tokio::time::timeout(Duration::from_millis(500), &mut answer).await.is_err());
    drop(answer);
    let recovered = world.registry.recover(request).await;
    let ToolAnswer::Unknown { note } = recovered else { panic!("{recovered:?}") };
    assert_eq!(note, "its server had it, and may have done it wholly or in part");
}

/// The child of a process that works in this directory.
fn child_with(parent: &str, cwd: &str) -> i32 {
    let cwd = std::fs::canonicalize(cwd).unwrap();
    let entries = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let mut pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let is_it = |pid: &i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields = stat.rsplit(") ").next().unwrap_or_default();
        fields.split(' ').nth(1) == Some(parent)
            && std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|place| place == cwd)
    };
    pids.find(is_it).unwrap()
}

fn kill(pid: i32) {
    let done = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status();
    assert!(done.unwrap().success());
}
