//! `--bisect`: the first record that another build decides differently.
//!
//! The other build is given the journal as a file, so that it needs neither this data folder nor a server, and tells a digest
//! of its decisions for each record. A digest has all before it in it, so that the place where two trails part is found by
//! halving.

use super::{journal_file, telling};
use crate::{
    exit::{Exit, Failure},
    output,
};
use agent_core::{Commit, ThreadKey, TimeTravel, Trail, first_difference};
use serde_json::{Value, json};
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tempfile::TempDir;
use tokio::process::Command;

/// The other build may take so long to go through a journal.
const PATIENCE: Duration = Duration::from_secs(600);
/// So many characters of what it says are shown where it fails.
const SHOWN_CHARS: usize = 400;

/// Compares the decisions of two builds.
pub(super) async fn bisect(
    key: &ThreadKey,
    journal: Vec<Commit>,
    program: &Path,
    json: bool,
) -> Result<Exit, Failure> {
    let other = Other::new(program, key, &journal)?;
    let mut travel = TimeTravel::new(key.clone(), journal);
    let ours = travel.trail();
    let theirs: Trail = serde_json::from_str(&other.ask(["--digests"]).await?)
        .map_err(|error| other.failed(&format!("what it printed is no trail of digests ({error})")))?;
    let Some(seq) = first_difference(&ours, &theirs) else {
        let records = ours.digests.len();
        let end = ours.obstacle.as_deref().map_or_else(String::new, |why| format!("; both end there: {why}"));
        if json {
            output::result(
                &json!({ "same": true, "records": records, "obstacle": ours.obstacle }).to_string(),
            );
        } else {
            output::result(&format!("both builds decide all {records} records the same{end}"));
        }
        return Ok(Exit::Done);
    };
    let here = match travel.go_to(seq) {
        Ok(Some(again)) => Ok(again),
        Ok(None) => Err("its journal ends before".to_owned()),
        Err(obstacle) => Err(obstacle.to_string()),
    };
    let there = other.record(seq, &theirs).await?;
    if json {
        let here = here.map_or_else(|why| json!({ "obstacle": why }), |again| telling::json(&again));
        output::result(&json!({ "same": false, "record": seq, "this": here, "other": there }).to_string());
        return Ok(Exit::Failed);
    }
    output::result(&format!("record {seq} is the first that the two builds decide differently"));
    output::result("this build:");
    match &here {
        Ok(again) => telling::lines(again).iter().for_each(|line| output::result(line)),
        Err(why) => output::result(&format!("  {why}")),
    }
    output::result(&format!("{}:", program.display()));
    for (name, what) in [("events", &there["events"]), ("effects", &there["effects"])] {
        for value in what.as_array().into_iter().flatten() {
            output::result(&format!("  {name:<8} {}", telling::short(value)));
        }
    }
    if let Some(why) = there["obstacle"].as_str() {
        output::result(&format!("  {}", crate::view::clean_line(why)));
    }
    Ok(Exit::Failed)
}

/// Another build, and the journal it is given.
struct Other {
    program: PathBuf,
    journal: PathBuf,
    _folder: TempDir,
}

impl Other {
    fn new(program: &Path, key: &ThreadKey, journal: &[Commit]) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("everturn-replay-").tempdir();
        let folder = folder.map_err(|error| {
            Failure::new(Exit::Failed, format!("no temporary folder can be made for the journal: {error}"))
        })?;
        let path = folder.path().join("journal.jsonl");
        journal_file::write(&path, key, journal)?;
        // A bare name is looked up on the path; anything else is a file, wherever this process is.
        let program = if program.components().count() > 1 {
            std::path::absolute(program).unwrap_or_else(|_| program.to_owned())
        } else {
            program.to_owned()
        };
        Ok(Self { program, journal: path, _folder: folder })
    }

    /// What it prints of the journal.
    async fn ask(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<String, Failure> {
        let mut command = Command::new(&self.program);
        command.arg("replay").arg("--journal").arg(&self.journal).args(args);
        command.stdin(Stdio::null()).kill_on_drop(true);
        let ended = tokio::time::timeout(PATIENCE, command.output()).await;
        let ended =
            ended.map_err(|_| self.failed(&format!("it did not end within {} s", PATIENCE.as_secs())))?;
        let ended = ended.map_err(|error| self.failed(&format!("it cannot be started ({error})")))?;
        if !ended.status.success() {
            let said: String =
                String::from_utf8_lossy(&ended.stderr).trim().chars().take(SHOWN_CHARS).collect();
            let said = crate::view::clean_line(&said);
            return Err(self.failed(&format!("it ended with {} and said: {said}", ended.status)));
        }
        String::from_utf8(ended.stdout).map_err(|_| self.failed("what it printed is no text"))
    }

    /// What it makes of a record.
    async fn record(&self, seq: u64, trail: &Trail) -> Result<Value, Failure> {
        if seq > trail.digests.len() as u64 {
            let why = trail.obstacle.clone().unwrap_or_else(|| "its journal ends before".into());
            return Ok(json!({ "obstacle": why }));
        }
        let number = seq.to_string();
        let said = self.ask(["--from", number.as_str(), "--to", number.as_str(), "--json"]).await?;
        serde_json::from_str(said.trim()).map_err(|error| self.failed(&format!("record {seq}: {error}")))
    }

    fn failed(&self, why: &str) -> Failure {
        let program = self.program.display();
        Failure::new(
            Exit::Failed,
            format!(
                "{program} cannot be compared with: {why}; it has to be an everturn that has `replay --digests`"
            ),
        )
    }
}
