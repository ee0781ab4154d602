//! What our code adds to the SDK's own replay of a run.
//!
//! A turn with many tool calls runs once against a server of its own. Its history is then replayed again and again, in
//! turns by `AgentWorkflow` and by a workflow that decides nothing: it issues the same commands, reads the same answers as
//! the same types, and drops them.
//!
//! ```text
//! cargo run --release -p temporal-backend --example replay_cost -- [CALLS [ROUNDS [HISTORY.json [agent|stub]]]]
//! ```
//!
//! With a file the history is kept there, and taken from there where it is; with `agent` or `stub` only that one is replayed, for a
//! profiler.
#![expect(clippy::print_stdout, reason = "it prints a table")]

mod record;
mod stub;

use anyhow::{Context, Result};
use sink::LocalBus;
use std::{path::PathBuf, sync::Arc, time::Instant};
use stub::{Script, Stub};
use temporal_backend::{AgentWorkflow, Conversations, FileBlobs, RunHistory, Surroundings};
use temporalio_client::WorkflowHistory;
use temporalio_sdk::workflow_replayer::{WorkflowReplayer, WorkflowReplayerOptions};

/// A turn of these fits one run.
const CALLS: usize = 200;
/// Of each workflow. The first is not counted.
const ROUNDS: usize = 15;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let calls = arguments.next().map_or(Ok(CALLS), |calls| calls.parse())?;
    let rounds = arguments.next().map_or(Ok(ROUNDS), |rounds| rounds.parse())?;
    let file = arguments.next().map(PathBuf::from);
    let only = arguments.next();
    let history = match &file {
        Some(file) if file.exists() => RunHistory::from_json(&std::fs::read(file)?)?,
        _ => record::turn(calls).await?,
    };
    if let Some(file) = &file {
        std::fs::write(file, history.to_json()?)?;
    }
    let script = Arc::new(Script::of(&history)?);
    let local = tokio::task::spawn_blocking(move || {
        tokio::runtime::Handle::current().block_on(measure(history, script, rounds, only.as_deref()))
    });
    local.await?
}

async fn measure(history: RunHistory, script: Arc<Script>, rounds: usize, only: Option<&str>) -> Result<()> {
    let (mut agent, mut stub) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        for (name, times) in [("stub", &mut stub), ("agent", &mut agent)] {
            if only.is_some_and(|only| only != name) {
                continue;
            }
            let replayer = if name == "agent" { agent_replayer()? } else { stub_replayer(&script)? };
            let history = WorkflowHistory::from(history.clone());
            let begun = Instant::now();
            replayer.replay_workflow(history).await.with_context(|| format!("the {name} does not replay"))?;
            if round > 0 {
                times.push(begun.elapsed().as_secs_f64() * 1e3);
            }
        }
    }
    println!("{} events, {} calls, medians of {rounds} rounds", history.len(), script.calls());
    for (name, times) in
        [("stub", &stub), ("agent", &agent)].into_iter().filter(|(_, times)| !times.is_empty())
    {
        let (least, middle, most) = spread(times);
        println!("{name:6} {middle:7.1} ms ({least:.1} to {most:.1})");
    }
    if only.is_none() {
        let ratios: Vec<f64> = agent.iter().zip(&stub).map(|(agent, stub)| agent / stub).collect();
        let (least, middle, most) = spread(&ratios);
        println!(
            "agent / stub {:.3} of the medians, {middle:.3} of the rounds ({least:.3} to {most:.3})",
            spread(&agent).1 / spread(&stub).1
        );
    }
    Ok(())
}

fn agent_replayer() -> Result<WorkflowReplayer> {
    let surroundings = Arc::new(Surroundings {
        conversations: Arc::new(Conversations::default()),
        bus: Arc::new(LocalBus::default()),
        blobs: Arc::new(FileBlobs::new(PathBuf::new())),
        acknowledged: Box::new(|_, _| {}),
        chronicle: None,
    });
    let options = WorkflowReplayerOptions::new()
        .register_workflow_with_factory(move || AgentWorkflow::within(Arc::clone(&surroundings)))?;
    Ok(WorkflowReplayer::new(options.build())?)
}

fn stub_replayer(script: &Arc<Script>) -> Result<WorkflowReplayer> {
    let script = Arc::clone(script);
    let options = WorkflowReplayerOptions::new()
        .register_workflow_with_factory(move || Stub::of(Arc::clone(&script)))?;
    Ok(WorkflowReplayer::new(options.build())?)
}

/// The least, the median and the most.
fn spread(times: &[f64]) -> (f64, f64, f64) {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |at: usize| sorted.get(at).copied().unwrap_or(f64::NAN);
    (at(0), at(sorted.len() / 2), at(sorted.len().saturating_sub(1)))
}
