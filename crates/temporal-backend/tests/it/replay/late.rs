//! Threads that are talked to before their first worker is there: all that came meanwhile is in one task.

use super::{
    replayed,
    scenes::{Stage, accepted, runs},
};
use crate::world::{TestThread, World};
use agent_core::{Content, Op};
use std::{sync::Arc, time::Duration};
use temporal_backend::{
    AgentWorkflow, Reply,
    wire::{Departure, RunOptions},
};
use temporalio_client::{WorkflowDescribeOptions, WorkflowExecuteUpdateOptions};

/// What waits for a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    Signal,
    Update,
    Departure,
    SignalAndUpdate,
    All,
}

async fn play(how: Waits, is_moved: bool) {
    let mut stage = Stage::new().await;
    stage.with_search_attributes().await;
    let options = RunOptions { search_attributes: true, ..RunOptions::default() };
    let thread = if is_moved {
        let (thread, moving) = stage.departed().await;
        stage.world.stop_worker().await;
        stage.backend_of(options).take_in(moving).await.unwrap();
        thread
    } else {
        stage.world.stop_worker().await;
        stage.world.start(options).await
    };
    let mut asked = Vec::new();
    if matches!(how, Waits::Departure | Waits::All) {
        let workflow = thread.workflow.clone();
        asked.push(tokio::spawn(async move {
            let departure = Departure { input_seq: 3, to: "elsewhere".into() };
            let _ = workflow
                .execute_update(AgentWorkflow::depart, departure, WorkflowExecuteUpdateOptions::default())
                .await;
        }));
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let turns = 1 + u32::from(is_moved);
    if matches!(how, Waits::Signal | Waits::SignalAndUpdate | Waits::All) {
        thread.signal("op-2", Op::UserInput { items: vec![Content::text("call read_a")] }).await;
    }
    if matches!(how, Waits::Update | Waits::SignalAndUpdate | Waits::All) {
        let workflow = thread.workflow.clone();
        let key = thread.key.clone();
        asked.push(tokio::spawn(async move {
            let thread = TestThread { key, workflow };
            let _ =
                thread.try_submit("op-2", Op::UserInput { items: vec![Content::text("call read_a")] }).await;
        }));
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    stage.world.start_worker().await;
    if how == Waits::Departure {
        accepted(&thread.say("op-2", "call read_a").await);
    }
    thread.until_turn_ends_somehow(turns).await;
    let runs = runs(&stage.world, &thread).await;
    let run = runs.last().unwrap();
    for event in run.events() {
        eprintln!("{how:?} {is_moved} {} {}", event.event_id, event.event_type().as_str_name());
    }
    replayed(&[run.clone()]).await;
    stage.world.stop_worker().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_moved_signal() {
    play(Waits::Signal, true).await;
}
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_moved_update() {
    play(Waits::Update, true).await;
}
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_moved_departure() {
    play(Waits::Departure, true).await;
}
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_moved_both() {
    play(Waits::SignalAndUpdate, true).await;
}
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_moved_all() {
    play(Waits::All, true).await;
}
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_new_both() {
    play(Waits::SignalAndUpdate, false).await;
}
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_new_signal() {
    play(Waits::Signal, false).await;
}
