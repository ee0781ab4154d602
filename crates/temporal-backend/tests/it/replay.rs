//! Histories that were written before replay as they were, and a loop that decides otherwise does not get through.

mod changed;
mod fakes;
mod late;
mod long;
mod questions;
mod recorded;
mod scenes;
mod soak;
mod unreadable;

use crate::world::World;
use agent_core::{Commit, Event, EventKind, Stored, ThreadKey, recover};
use recorded::{RECORDED, Recorded};
use scenes::SCENES;
use temporal_backend::{ReplayOptions, Reply, RunHistory, replay, wire::RunOptions};

/// What the runs of a thread commit when they are replayed.
async fn replayed(runs: &[RunHistory]) -> Vec<Commit> {
    let mut commits = Vec::new();
    for (at, run) in runs.iter().enumerate() {
        let replayed = replay(run.clone(), ReplayOptions::default()).await;
        let replayed = replayed.unwrap_or_else(|failure| panic!("run {}: {failure}", at + 1));
        commits.extend(replayed.commits);
    }
    commits
}

fn events(commits: &[Commit]) -> Vec<Event> {
    commits.iter().flat_map(|commit| &commit.events).cloned().collect()
}

/// Applies the records of a thread from its first on to a fresh one; the events have to be the same.
fn assert_recovers(key: &ThreadKey, commits: Vec<Commit>) {
    let last = commits.len() as u64;
    let thread = recover(key.clone(), Stored { snapshot: None, tail: commits }).unwrap();
    assert_eq!(thread.input_seq(), last);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn histories_replay_to_the_events_that_readers_saw() {
    for (rules, names) in RECORDED {
        let (files, wanted) = (recorded::files(rules), recorded::file_names(names));
        assert_eq!(files, wanted, "rules {rules}: a file is not replayed, or not there");
        for name in names {
            let Recorded { runs, events: seen } = recorded::load(rules, name);
            let commits = replayed(&runs).await;
            assert_eq!(events(&commits), seen, "rules {rules}: {name}");
            if let EventKind::ThreadStarted { key, .. } = &seen[0].kind {
                assert_recovers(key, commits);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_archives_its_items_replays() {
    let mut world = World::new().await;
    let thread = world.start(RunOptions { records_per_run: Some(2), ..RunOptions::default() }).await;
    for turn in 1..=3 {
        let text = format!("{turn} {}", "long words ".repeat(4_000));
        assert!(matches!(thread.say(&format!("op-{turn}"), &text).await, Reply::Accepted(_)));
        thread.until_turn_ends_somehow(turn).await;
    }
    assert!(!thread.snapshot().await.thread.archived().is_empty());
    let runs = scenes::runs(&world, &thread).await;
    assert!(runs.len() > 2, "{} runs", runs.len());
    assert_recovers(&thread.key, replayed(&runs).await);
    world.stop_worker().await;
}

/// What is recorded next, without writing anything: `EVERTURN_SCENES` names those to be played.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "plays all scenes against servers"]
async fn scenes_replay_as_they_were_played() {
    for name in wanted_scenes() {
        let played = scenes::play(name).await;
        let commits = replayed(&played.runs).await;
        let records = commits.iter().map(|commit| serde_json::to_string(&commit.record).unwrap());
        let records: Vec<String> = records.map(|record| record.chars().take(200).collect()).collect();
        tracing::info!(name, "\n{}", records.join("\n"));
        let told = events(&commits);
        let first = told.first().map_or(1, |event| event.seq);
        let seen: Vec<Event> = played.events.into_iter().filter(|event| event.seq >= first).collect();
        let lines: Vec<String> = seen.iter().map(|event| serde_json::to_string(event).unwrap()).collect();
        tracing::warn!(name, runs = played.runs.len(), "\n{}", lines.join("\n"));
        assert_eq!(recorded::timeless(&seen), recorded::timeless(&told), "{name}");
    }
}

fn wanted_scenes() -> Vec<&'static str> {
    let wanted = std::env::var("EVERTURN_SCENES").ok();
    let wanted: Option<Vec<&str>> = wanted.as_ref().map(|names| names.split(',').collect());
    let is_wanted = |name: &&str| wanted.as_ref().is_none_or(|wanted| wanted.contains(name));
    SCENES.into_iter().filter(is_wanted).collect()
}

/// How the committed histories are made: see the README beside them. `EVERTURN_SCENES` names those to be made again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "plays all scenes against servers and writes files"]
async fn record_histories() {
    for name in wanted_scenes() {
        recorded::record(name).await;
    }
}
