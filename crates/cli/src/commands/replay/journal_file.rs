//! A journal in a file: a heading, then one record with its events a line, as JSON.

use crate::exit::{Exit, Failure};
use agent_core::{Commit, ThreadKey};
use serde_json::{Value, json};
use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// The version of the file's form.
const FORM: u64 = 1;
/// No line may be longer: a record carries no content over 64 kB, but its beginning has all that a fork took along.
const MAX_LINE_BYTES: usize = 64 * 1024 * 1024;

/// Writes a journal. Only its owner can read it: it has everything that was said.
pub(super) fn write(path: &Path, key: &ThreadKey, journal: &[Commit]) -> Result<(), Failure> {
    let failed = |why: String| {
        Failure::new(Exit::Failed, format!("the journal cannot be written to {}: {why}", path.display()))
    };
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let mut file = BufWriter::new(file.map_err(|error| failed(error.to_string()))?);
    let heading = json!({ "everturn_journal": FORM, "key": key, "records": journal.len() });
    let lines = journal.iter().map(|commit| serde_json::to_string(commit).map_err(|error| error.to_string()));
    for line in [Ok(heading.to_string())].into_iter().chain(lines) {
        let line = line.map_err(&failed)?;
        writeln!(file, "{line}").map_err(|error| failed(error.to_string()))?;
    }
    file.flush().map_err(|error| failed(error.to_string()))
}

/// Reads a journal.
pub(super) fn read(path: &Path) -> Result<(ThreadKey, Vec<Commit>), Failure> {
    let failed = |why: String| {
        Failure::new(Exit::Failed, format!("{} is no journal that can be replayed: {why}", path.display()))
    };
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    let mut lines = BufReader::new(file).lines();
    let heading = match lines.next() {
        Some(line) => line.map_err(|error| failed(error.to_string()))?,
        None => return Err(failed("it is empty".into())),
    };
    let heading: Value = serde_json::from_str(&heading)
        .map_err(|_| failed("its first line is not the heading that everturn replay --save writes".into()))?;
    match heading["everturn_journal"].as_u64() {
        Some(FORM) => {}
        Some(form) => {
            return Err(failed(format!(
                "it has form {form}, and this version reads {FORM}; update Everturn"
            )));
        }
        None => return Err(failed("its first line is not the heading of a journal".into())),
    }
    let key: ThreadKey = serde_json::from_value(heading["key"].clone())
        .map_err(|_| failed("its heading names no thread".into()))?;
    let mut journal = Vec::new();
    for (number, line) in (2..).zip(lines) {
        let line = line.map_err(|error| failed(format!("line {number}: {error}")))?;
        if line.len() > MAX_LINE_BYTES {
            return Err(failed(format!(
                "line {number} has {} bytes, {MAX_LINE_BYTES} are allowed",
                line.len()
            )));
        }
        let commit = serde_json::from_str(&line)
            .map_err(|error| failed(format!("line {number} is no record, or a part of one: {error}")))?;
        journal.push(commit);
    }
    match heading["records"].as_u64() {
        Some(records) if records != journal.len() as u64 => {
            Err(failed(format!("it was cut: {} of its {records} records are there", journal.len())))
        }
        _ => Ok((key, journal)),
    }
}
