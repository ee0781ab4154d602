//! Sessions that are stopped, by whom and with what left.

use super::{Talk, said, started};
use crate::world::{World, eventually, runs};
use agent_core::{Operation, OutputStatus, ToolAnswer};
use serde_json::json;
use std::time::{Duration, Instant};

/// Does not end when asked, nor when its terminal goes, and has a child elsewhere.
const STUBBORN: &str = "trap '' INT TERM HUP; (setsid bash -c 'trap \"\" TERM HUP; echo $$ > away; \
                        while :; do sleep 1; done' &); echo $$ > main; echo ready; while :; do sleep 1; done";

async fn stubborn(talk: &mut Talk) -> (u64, [i32; 2]) {
    let (id, text) = talk.open(STUBBORN, 300, true).await;
    talk.until(id, &text, "ready").await;
    let pids = [talk.number("main").await, talk.number("away").await];
    assert!(pids.iter().all(|pid| runs(*pid)));
    (id, pids)
}

async fn gone(pids: [i32; 2]) {
    for pid in pids {
        eventually("the tree is dead", || !runs(pid)).await;
    }
}

#[tokio::test]
async fn closing_ends_a_program_that_does_not_listen_and_all_it_started() {
    let mut talk = Talk::new();
    let (id, pids) = stubborn(&mut talk).await;
    let output = talk.write(id, "<ctrl-c>").await;
    assert_eq!((output.status, said(&output).as_str()), (OutputStatus::Ok, "^C\n"));
    assert!(runs(pids[0]), "it ignores the key");
    let output = talk.call("write_stdin", json!({ "session_id": id, "close": true })).await;
    assert_eq!(output.status, OutputStatus::Ok);
    assert!(output.plain_text().contains("were stopped as you asked"), "{}", output.plain_text());
    gone(pids).await;
    assert_eq!(talk.notices(), Vec::<String>::new());
}

#[tokio::test]
async fn an_interrupt_stops_the_command_of_the_call_that_waits() {
    let mut took = Vec::new();
    for _ in 0..10 {
        let mut talk = Talk::new();
        let arguments =
            json!({ "cmd": "trap '' TERM; touch ready; while :; do sleep 0.02; done; : $$", "tty": true });
        let request = talk.request("exec_command", arguments).await;
        let ready = talk.world.path("ready");
        let Operation { answer, mut cancel } = started(&talk, request);
        let mut answer = answer.0;
        tokio::select! {
            answer = &mut answer => panic!("{answer:?}"),
            () = eventually("the command is ready", || ready.exists()) => {}
        }
        let begun = Instant::now();
        cancel.pull();
        let answer = answer.await.into_answer();
        took.push(begun.elapsed());
        assert!(
            matches!(&answer, ToolAnswer::Cancelled { output } if output.plain_text().contains("turn was interrupted")),
            "{answer:?}"
        );
        if took.last().is_some_and(|took| *took < Duration::from_millis(100)) {
            return;
        }
    }
    panic!("no answer within 100 ms: {took:?}");
}

#[tokio::test]
async fn an_interrupt_leaves_sessions_of_earlier_calls_alone() {
    let mut talk = Talk::new();
    let (id, _) = talk.open("exec cat", 200, true).await;
    let request = talk.request("write_stdin", json!({ "session_id": id, "yield_time_ms": 30_000 })).await;
    let answer = {
        let Operation { answer, mut cancel } = started(&talk, request);
        let mut answer = answer.0;
        tokio::select! {
            answer = &mut answer => panic!("{answer:?}"),
            () = tokio::time::sleep(Duration::from_millis(100)) => {}
        }
        cancel.pull();
        answer.await.into_answer()
    };
    assert!(
        matches!(&answer, ToolAnswer::Cancelled { output } if output.plain_text().contains("still runs")),
        "{answer:?}"
    );
    assert_eq!(said(&talk.write(id, "x<enter>").await), "x\nx\n");
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_any_more_takes_its_command_with_it() {
    let mut talk = Talk::new();
    let request = talk.request("exec_command", json!({ "cmd": STUBBORN, "tty": true })).await;
    let operation = started(&talk, request);
    let mut answer = operation.answer.0;
    let pids = tokio::select! {
        answer = &mut answer => panic!("{answer:?}"),
        pids = async { [talk.number("main").await, talk.number("away").await] } => pids,
    };
    drop(answer);
    gone(pids).await;
    assert_eq!(talk.notices(), Vec::<String>::new());
}

#[tokio::test]
async fn sessions_end_with_their_thread_and_with_the_registry() {
    let mut talk = Talk::new();
    let (id, pids) = stubborn(&mut talk).await;
    talk.world.registry.end_sessions(Some(&talk.key())).await;
    assert!(!runs(pids[0]) && !runs(pids[1]));
    let text = talk.look(id).await.plain_text();
    assert!(text.contains("was lost with the process that ran it"), "{text}");
    let (_, pids) = stubborn(&mut talk).await;
    let World { registry, .. } = talk.world;
    drop(registry);
    gone(pids).await;
}

#[tokio::test]
async fn a_time_limit_counts_from_the_start_of_the_command() {
    let mut talk = Talk::new();
    let arguments = json!({ "cmd": STUBBORN, "tty": true, "yield_time_ms": 300, "timeout_ms": 1200 });
    let output = talk.call("exec_command", arguments).await;
    assert!(output.plain_text().contains("It still runs"), "{}", output.plain_text());
    let id = talk.effect;
    let pids = [talk.number("main").await, talk.number("away").await];
    let output = talk.call("write_stdin", json!({ "session_id": id, "yield_time_ms": 30_000 })).await;
    assert_eq!(output.status, OutputStatus::Failed);
    assert!(output.plain_text().contains("after 1200 ms, its time limit"), "{}", output.plain_text());
    gone(pids).await;
}

#[tokio::test]
async fn a_background_process_does_not_hold_the_end_of_a_session() {
    let mut talk = Talk::new();
    let arguments =
        json!({ "cmd": "setsid sleep 30 & echo $! > pid; echo started", "yield_time_ms": 20_000 });
    let begun = Instant::now();
    let output = talk.call("exec_command", arguments).await;
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(output.plain_text().starts_with("started\n[The command left processes running"));
    let pid = rustix::process::Pid::from_raw(talk.number("pid").await).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}
