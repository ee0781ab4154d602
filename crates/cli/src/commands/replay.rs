//! `everturn replay`: a recorded thread gone through again. Nothing runs and nothing is changed.

mod bisect;
mod journal_file;
mod stepping;
mod telling;

use super::look;
use crate::{
    args::{ReplayArgs, RunArgs},
    backend::Place,
    exit::{Exit, Failure},
    output,
};
use agent_core::{Commit, Obstacle, ThreadKey, TimeTravel, Verified};
use config::Environment;
use serde_json::json;

/// Replays a thread, or a journal that was saved.
pub(super) async fn replay(
    environment: &Environment,
    args: ReplayArgs,
    run: RunArgs,
) -> Result<Exit, Failure> {
    match &args.journal {
        Some(path) => {
            let (key, journal) = journal_file::read(path)?;
            work(key, journal, &args).await
        }
        None => {
            look(environment, run, async |host| {
                let place = host.find_or_last(args.thread.as_deref()).await?;
                let journal = place.commits().await?;
                work(place.key().clone(), journal, &args).await
            })
            .await
        }
    }
}

impl Place {
    /// All that the thread has committed.
    async fn commits(&self) -> Result<Vec<Commit>, Failure> {
        self.home().commits(self.key()).await
    }
}

async fn work(key: ThreadKey, journal: Vec<Commit>, args: &ReplayArgs) -> Result<Exit, Failure> {
    if let Some(path) = &args.save {
        journal_file::write(path, &key, &journal)?;
        output::remark(&format!("{} records are in {}", journal.len(), path.display()));
        return Ok(Exit::Done);
    }
    if let Some(other) = &args.bisect {
        return bisect::bisect(&key, journal, other, args.json).await;
    }
    let mut travel = TimeTravel::new(key, journal);
    if args.digests {
        let trail = travel.trail();
        output::result(&serde_json::to_string(&trail).unwrap_or_default());
        return Ok(Exit::Done);
    }
    if args.step {
        return stepping::step(travel);
    }
    if let Some(seq) = args.at {
        return at(&mut travel, seq, args.json);
    }
    if args.from.is_some() || args.to.is_some() {
        return range(&mut travel, args.from.unwrap_or(1), args.to.unwrap_or(u64::MAX), args.json);
    }
    verify(&mut travel, args.json)
}

/// Says whether this build decides as those that wrote the journal.
fn verify(travel: &mut TimeTravel, json: bool) -> Result<Exit, Failure> {
    let records = travel.len();
    match travel.verify().map_err(|obstacle| failed(&obstacle))? {
        Verified::Same { records, events } => {
            if json {
                let said = json!({ "verified": true, "records": records, "events": events });
                output::result(&said.to_string());
            } else {
                output::result(&format!(
                    "{records} records lead to the same {events} events as when they were written"
                ));
            }
            Ok(Exit::Done)
        }
        Verified::Different(again) => {
            if json {
                let mut said = telling::json(&again);
                said["verified"] = false.into();
                output::result(&said.to_string());
            } else {
                telling::lines(&again).iter().for_each(|line| output::result(line));
                let before = again.record().seq - 1;
                output::result(&format!(
                    "record {} of {records} is the first that this build decides differently; the {before} before it are \
                     the same",
                    again.record().seq
                ));
            }
            Ok(Exit::Failed)
        }
    }
}

/// Shows the thread as it was after a record.
fn at(travel: &mut TimeTravel, seq: u64, json: bool) -> Result<Exit, Failure> {
    if seq > travel.len() {
        return Err(beyond(seq, travel.len()));
    }
    let again = travel.go_to(seq).map_err(|obstacle| failed(&obstacle))?;
    let view = travel.thread().view();
    if json {
        output::result(&serde_json::to_string(&view).unwrap_or_default());
        return Ok(Exit::Done);
    }
    if let Some(again) = again {
        telling::lines(&again).iter().for_each(|line| output::result(line));
    }
    telling::state(&view).iter().for_each(|line| output::result(line));
    Ok(Exit::Done)
}

/// Shows some records.
fn range(travel: &mut TimeTravel, from: u64, to: u64, json: bool) -> Result<Exit, Failure> {
    if from > travel.len() {
        return Err(beyond(from, travel.len()));
    }
    if from > to {
        return Err(Failure::usage(format!("--from {from} is after --to {to}")));
    }
    let mut again = travel.go_to(from.max(1)).map_err(|obstacle| failed(&obstacle))?;
    while let Some(shown) = again {
        if json {
            output::result(&telling::json(&shown).to_string());
        } else {
            telling::lines(&shown).iter().for_each(|line| output::result(line));
        }
        if travel.at() >= to {
            break;
        }
        again = travel.forward().map_err(|obstacle| failed(&obstacle))?;
    }
    Ok(Exit::Done)
}

fn beyond(seq: u64, records: u64) -> Failure {
    Failure::usage(format!("there is no record {seq}: the journal has {records}"))
}

/// That a journal cannot be gone through is a result.
fn failed(obstacle: &Obstacle) -> Failure {
    Failure::new(Exit::Failed, obstacle.to_string())
}
