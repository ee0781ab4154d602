//! What the server holds of a thread.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::site::{LOOK, PATIENCE, Site};

/// The histories of a thread's runs together.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub(super) struct History {
    pub(super) runs: usize,
    pub(super) events: u64,
    pub(super) bytes: u64,
    /// Of the run that is open.
    pub(super) last_events: u64,
}

/// What a thread waited for when its worker died.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Waiting {
    /// A model call.
    Model,
    /// A command.
    Tool,
    /// A workflow task that the worker had taken.
    Task,
    /// A workflow task that it was to take.
    Between,
}

/// The workflow of a thread.
pub(super) fn workflow(thread: &str) -> String {
    format!("everturn/default/{thread}")
}

/// Adds up the histories of a thread's runs.
pub(super) fn of_thread(site: &Site, thread: &str) -> Result<History> {
    let id = workflow(thread);
    let query = format!("WorkflowId='{id}'");
    let last = site.ask(&["workflow", "describe", "-w", &id])?;
    let last_run = text(&last["workflowExecutionInfo"]["execution"]["runId"]);
    let begun = std::time::Instant::now();
    // Lists are made a moment later.
    let runs = loop {
        let list = site.ask(&["workflow", "list", "--limit", "1000", "--query", &query])?;
        let runs: Vec<String> =
            list.as_array().into_iter().flatten().map(|run| text(&run["execution"]["runId"])).collect();
        if runs.contains(&last_run) {
            break runs;
        }
        ensure!(begun.elapsed() < PATIENCE, "the server does not list run {last_run}");
        std::thread::sleep(LOOK);
    };
    let mut history = History { runs: runs.len(), events: 0, bytes: 0, last_events: 0 };
    for run in &runs {
        let found = site.ask(&["workflow", "describe", "-w", &id, "-r", run])?;
        let info = &found["workflowExecutionInfo"];
        let events = number(&info["historyLength"])?;
        history.events += events;
        history.bytes += number(&info["historySizeBytes"])?;
        if *run == last_run {
            history.last_events = events;
        }
    }
    Ok(history)
}

/// What a thread waits for.
pub(super) fn waiting(site: &Site, thread: &str) -> Result<Waiting> {
    let found = site.ask(&["workflow", "describe", "-w", &workflow(thread)])?;
    let task = text(&found["pendingWorkflowTask"]["state"]);
    if task.ends_with("STARTED") {
        return Ok(Waiting::Task);
    }
    let activity = text(&found["pendingActivities"][0]["activityType"]["name"]);
    Ok(match activity.as_str() {
        "model_call" => Waiting::Model,
        "" => Waiting::Between,
        _ => Waiting::Tool,
    })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// 64-bit numbers are text in the server's JSON.
fn number(value: &Value) -> Result<u64> {
    value
        .as_str()
        .and_then(|text| text.parse().ok())
        .or_else(|| value.as_u64())
        .context("the server gives no number")
}
