//! The histories in `tests/histories`: which there are, how they are read, and how they are written.

use super::{
    events, replayed,
    scenes::{self, SCENES},
};
use agent_core::{Event, RULES};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};
use temporal_backend::RunHistory;

/// Nobody wants to have large files in a repository.
const MAX_BYTES: usize = 90 * 1000;
/// A scene is played so often until readers saw what the history tells.
const TRIES: usize = 8;
/// How many runs a scene has, where it is not one.
const RUNS: [(&str, usize); 2] = [("handed_over_in_mid_turn", 4), ("summarised_and_handed_over", 3)];
/// Stands where a history names the process that worked on it.
const IDENTITY: &str = "worker";

/// The scenes that were recorded under rules 2: the first ones of those of now.
const OF_RULES_2: usize = 24;

/// And under rules 3.
const OF_RULES_3: usize = 33;

/// The scenes whose histories are kept, by the version of the rules that wrote them.
pub(super) const RECORDED: [(u32, &[&str]); 3] =
    [(2, SCENES.split_at(OF_RULES_2).0), (3, SCENES.split_at(OF_RULES_3).0), (4, &SCENES)];

/// What a thread left.
#[derive(Clone, Debug)]
pub(super) struct Recorded {
    /// The histories of its runs, the first one first.
    pub(super) runs: Vec<RunHistory>,
    /// What its readers saw while it ran.
    pub(super) events: Vec<Event>,
}

fn folder(rules: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/histories/rules_{rules}"))
}

fn runs(name: &str) -> usize {
    RUNS.iter().find(|(of, _)| *of == name).map_or(1, |(_, runs)| *runs)
}

fn run_file(name: &str, run: usize) -> String {
    format!("{name}.{run}.json")
}

fn events_file(name: &str) -> String {
    format!("{name}.events.jsonl")
}

/// The files that there are to be.
pub(super) fn file_names(names: &[&str]) -> BTreeSet<String> {
    let of = |name: &&str| {
        let runs = (1..=runs(name)).map(|run| run_file(name, run));
        runs.chain([events_file(name)]).collect::<Vec<_>>()
    };
    names.iter().flat_map(of).collect()
}

/// The files that there are.
pub(super) fn files(rules: u32) -> BTreeSet<String> {
    let entries = fs::read_dir(folder(rules)).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// What was recorded of a scene.
pub(super) fn load(rules: u32, name: &str) -> Recorded {
    let read = |file: String| fs::read(folder(rules).join(file)).unwrap();
    let runs = (1..=runs(name)).map(|run| RunHistory::from_json(&read(run_file(name, run))).unwrap());
    let events = String::from_utf8(read(events_file(name))).unwrap();
    let events = events.lines().map(|line| serde_json::from_str(line).unwrap());
    Recorded { runs: runs.collect(), events: events.collect() }
}

/// Plays a scene and writes down what came of it.
pub(super) async fn record(name: &'static str) {
    for attempt in 1..=TRIES {
        let played = match tokio::spawn(scenes::play(name)).await {
            Ok(played) => played,
            Err(error) => {
                tracing::warn!(name, attempt, %error, "a scene was not played to its end");
                continue;
            }
        };
        // A thread that was forked or resumed has a past that is not in its runs.
        let replayed = events(&replayed(&played.runs).await);
        let first = replayed.first().map_or(1, |event| event.seq);
        let seen: Vec<Event> = played.events.into_iter().filter(|event| event.seq >= first).collect();
        // A worker that goes on after another one may date what followed a local activity by as much later as that took.
        if timeless(&seen) == timeless(&replayed) {
            write(name, played.runs, &replayed);
            return;
        }
        tracing::warn!(name, attempt, "readers saw other events than the history tells");
    }
    panic!("{name} does not come out right");
}

pub(super) fn timeless(events: &[Event]) -> Vec<Event> {
    events.iter().cloned().map(|event| Event { at_ms: 0, ..event }).collect()
}

fn write(name: &str, histories: Vec<RunHistory>, events: &[Event]) {
    assert_eq!(histories.len(), runs(name), "{name} has other runs than it is to have");
    fs::create_dir_all(folder(RULES)).unwrap();
    for (at, history) in histories.into_iter().enumerate() {
        let json = anonymous(String::from_utf8(history.to_json().unwrap()).unwrap());
        assert!(json.len() <= MAX_BYTES, "{name} has {} bytes", json.len());
        fs::write(folder(RULES).join(run_file(name, at + 1)), json + "\n").unwrap();
    }
    let lines = events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n");
    fs::write(folder(RULES).join(events_file(name)), lines.collect::<String>()).unwrap();
}

/// The history without the names of the processes that worked on it.
fn anonymous(json: String) -> String {
    let mut identities = BTreeSet::new();
    collect(&serde_json::from_str(&json).unwrap(), &mut identities);
    identities.iter().fold(json, |json, identity| json.replace(identity, IDENTITY))
}

fn collect(value: &Value, identities: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(identity)) = fields.get("identity")
                && !identity.is_empty()
            {
                identities.insert(identity.clone());
            }
            fields.values().for_each(|value| collect(value, identities));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, identities)),
        _ => {}
    }
}
