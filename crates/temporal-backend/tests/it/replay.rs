//! Histories that were written before replay as they were, and a loop that decides otherwise does not get through.

mod changed;
mod fakes;
mod recorded;
mod scenes;
mod unreadable;

use agent_core::Event;
use recorded::{NAMES, Recorded};
use scenes::SCENES;
use temporal_backend::{ReplayOptions, replay};

/// What the runs tell when they are replayed.
async fn replayed(recorded: &Recorded) -> Vec<Event> {
    let mut events = Vec::new();
    for (at, run) in recorded.runs.iter().enumerate() {
        let replayed = replay(run.clone(), ReplayOptions::default()).await;
        let replayed = replayed.unwrap_or_else(|failure| panic!("run {}: {failure}", at + 1));
        events.extend(replayed.events().cloned());
    }
    events
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn histories_replay_to_the_events_that_readers_saw() {
    assert_eq!(recorded::files(), recorded::file_names(), "a file is not replayed, or not there");
    for name in NAMES {
        let recorded = recorded::load(name);
        assert_eq!(replayed(&recorded).await, recorded.events, "{name}");
    }
}

/// How the committed histories are made: see the README beside them. `EVERTURN_SCENES` names those to be made again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "plays all scenes against servers and writes files"]
async fn record_histories() {
    let wanted = std::env::var("EVERTURN_SCENES").ok();
    let wanted: Option<Vec<&str>> = wanted.as_ref().map(|names| names.split(',').collect());
    for name in SCENES {
        if wanted.as_ref().is_none_or(|wanted| wanted.contains(&name)) {
            recorded::record(name).await;
        }
    }
}
