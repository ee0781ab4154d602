//! Commands that are stopped, by their time limit, by an interrupt, or because nobody waits for them any more.

use crate::world::{World, eventually, finished, number_in, runs};
use agent_core::{Operation, OutputStatus, ToolAnswer, ToolCallHandler};
use serde_json::json;
use std::time::{Duration, Instant};

/// Starts children in every way that makes them hard to find, tells their numbers, and goes on for ever.
const FAMILY: &str = "
trap '' TERM
echo $$ > main
(trap '' TERM; while true; do sleep 1; done) & echo $! > child
setsid bash -c 'trap \"\" TERM; echo $$ > session; while true; do sleep 1; done' &
(setsid bash -c 'trap \"\" TERM; echo $$ > orphan; while true; do sleep 1; done' &) &
(setsid bash -c 'setsid bash -c \"echo \\$\\$ > daemon; exec sleep 1000\" & exit' &) &
wait
while true; do sleep 1; done";
const MEMBERS: [&str; 5] = ["main", "child", "session", "orphan", "daemon"];

async fn members(world: &World) -> Vec<i32> {
    let mut pids = Vec::new();
    for name in MEMBERS {
        pids.push(number_in(&world.path(name)).await);
    }
    pids
}

#[tokio::test]
async fn the_time_limit_stops_everything_however_hidden() {
    let world = World::new();
    let output = world.call("exec_command", json!({ "cmd": FAMILY, "timeout_ms": 1000 })).await;
    assert_eq!((output.status, output.exit_code), (OutputStatus::Failed, None));
    let text = output.plain_text();
    assert!(
        text.ends_with("[The command and all its processes that could be found were stopped after 1000 ms, its time limit.]\n"),
        "{text}"
    );
    for (pid, name) in members(&world).await.into_iter().zip(MEMBERS) {
        assert!(!runs(pid), "{name} still runs");
    }
    assert!(output.duration_ms.is_some_and(|ms| (1_000..3_000).contains(&ms)));
}

#[tokio::test]
async fn output_before_the_time_limit_is_kept() {
    let world = World::new();
    let output =
        world.call("exec_command", json!({ "cmd": "printf abc; sleep 60", "timeout_ms": 300 })).await;
    assert_eq!(
        output.plain_text(),
        "abc\n[The command and all its processes that could be found were stopped after 300 ms, its time limit.]\n"
    );
}

/// How long the answer takes once the handle is pulled.
async fn interrupted(world: &World, cmd: &str, ready: &str) -> (ToolAnswer, Duration) {
    let request = world.request("exec_command", json!({ "cmd": cmd })).await;
    let Operation { answer, mut cancel } = world.registry.start(request);
    let mut answer = answer.0;
    tokio::select! {
        answer = &mut answer => panic!("{answer:?}"),
        () = eventually("the command is ready", || world.path(ready).exists()) => {}
    }
    let begun = Instant::now();
    cancel.pull();
    let answer = answer.await.into_answer();
    (answer, begun.elapsed())
}

fn cancelled_text(answer: &ToolAnswer) -> String {
    match answer {
        ToolAnswer::Cancelled { output } => {
            assert_eq!(output.status, OutputStatus::Cancelled);
            output.plain_text()
        }
        other => panic!("{other:?}"),
    }
}

/// Interrupts the same command until one answer comes in time: on a busy machine some come late through no fault of ours.
async fn interrupted_in_time(cmd: &str) -> (World, String) {
    let mut took = Vec::new();
    for _ in 0..10 {
        let world = World::new();
        let (answer, this) = interrupted(&world, cmd, "ready").await;
        let text = cancelled_text(&answer);
        if this < Duration::from_millis(100) {
            return (world, text);
        }
        took.push(this);
    }
    panic!("no answer within 100 ms: {took:?}");
}

#[tokio::test]
async fn an_interrupt_answers_within_a_hundred_milliseconds() {
    let (_, text) = interrupted_in_time("echo partial; touch ready; exec sleep 60").await;
    assert!(
        text.starts_with(
            "partial\n[The command and all its processes that could be found were stopped because"
        ),
        "{text}"
    );
}

#[tokio::test]
async fn an_interrupt_takes_no_longer_for_who_does_not_listen() {
    interrupted_in_time("trap '' TERM; touch ready; while true; do sleep 0.01; done").await;
}

#[tokio::test]
async fn an_interrupt_comes_through_a_flood_of_output() {
    let (_, text) = interrupted_in_time("touch ready; trap '' TERM; yes").await;
    assert!(text.contains("turn was interrupted"), "{}", text.len());
}

#[tokio::test]
async fn an_interrupt_stops_the_whole_family() {
    let world = World::new();
    let (answer, _) = interrupted(&world, FAMILY, "daemon").await;
    cancelled_text(&answer);
    for name in MEMBERS {
        let path = world.path(name);
        if path.exists() {
            assert!(!runs(number_in(&path).await), "{name} still runs");
        }
    }
}

#[tokio::test]
async fn who_ends_in_time_when_asked_may_clean_up() {
    let cmd = "trap 'echo bye; touch cleaned; exit 0' TERM; touch ready; while true; do sleep 0.005; done";
    for _ in 0..10 {
        let (world, text) = interrupted_in_time(cmd).await;
        if world.path("cleaned").exists() {
            assert!(text.contains("bye\n"), "{text}");
            return;
        }
    }
    panic!("it was never given the time to clean up");
}

#[tokio::test]
async fn stopped_before_it_began_it_does_not_run() {
    let world = World::new();
    let request = world.request("exec_command", json!({ "cmd": "touch ran" })).await;
    let Operation { answer, mut cancel } = world.registry.start(request);
    cancel.pull();
    assert!(cancelled_text(&answer.0.await.into_answer()).contains("did not run"));
    assert!(!world.path("ran").exists());
    assert_eq!(world.ledger(), "");
}

#[tokio::test]
async fn an_abandoned_command_is_killed() {
    let world = World::new();
    let request = world.request("exec_command", json!({ "cmd": FAMILY })).await;
    let operation = world.registry.start(request.clone());
    let mut answer = operation.answer.0;
    let pids = tokio::select! {
        answer = &mut answer => panic!("{answer:?}"),
        pids = members(&world) => pids,
    };
    assert!(pids.iter().all(|pid| runs(*pid)));
    drop(answer);
    for (pid, name) in pids.into_iter().zip(MEMBERS) {
        eventually(&format!("{name} is killed"), || !runs(pid)).await;
    }
    let answer = world.registry.recover(request).await;
    assert!(matches!(&answer, ToolAnswer::Unknown { note } if note.contains("had ended")), "{answer:?}");
}

#[tokio::test]
async fn a_grandchild_that_holds_the_output_open_does_not_hold_the_answer() {
    let world = World::new();
    let begun = Instant::now();
    let request =
        world.request("exec_command", json!({ "cmd": "(setsid sleep 30 &) ; echo $$; exit 0" })).await;
    let output = finished(world.run(request.clone()).await);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert!(output.plain_text().contains("left processes running"));
    // What recovery finds of it after an answer is cleared away.
    world.registry.recover(request).await;
}
