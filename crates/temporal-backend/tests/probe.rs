//! Probe.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests")]
#![allow(dead_code, unused_imports, clippy::allow_attributes_without_reason)]
#[path = "it/world.rs"]
mod world;
use agent_core::*;
use std::time::{Duration, Instant};
use temporal_backend::{wire::*, *};
use temporalio_client::*;
use world::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probe() {
    let mut world = World::new().await;
    let t3 = world.start(RunOptions { records_per_run: Some(2), ..RunOptions::default() }).await;
    println!("say {:?}", t3.try_submit("o1", Op::UserInput { items: vec![Content::text("x")] }).await);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let events =
        t3.workflow.fetch_history(WorkflowFetchHistoryOptions::default()).into_events().await.unwrap();
    for e in events {
        let s = format!("{:?}", e);
        println!("{} {}", e.event_id, &s[..s.len().min(1500)]);
    }
    println!(
        "{}",
        std::fs::read_to_string(world.server.log())
            .unwrap()
            .lines()
            .filter(|l| !l.contains("INFO"))
            .take(5)
            .collect::<Vec<_>>()
            .join("\n")
    );
    world.stop_worker().await;
}
