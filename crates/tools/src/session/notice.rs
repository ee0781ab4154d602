//! Notices of open sessions, for whoever works on the thread after this process has died.
//!
//! The file `<home>/sessions/<tenant>/<thread>/<number>` is there before a session is told of, and goes when its end has been
//! told. Its first line says how to find the session's processes. It is locked as long as the process lives that has the
//! session. Who finds it unlocked stops what is left of the session and adds a second line: the session is lost.

use crate::ledger::{Child, Durability, Left, folder_of, stop};
use agent_core::ThreadKey;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// More than any notice has.
const MAX_FILE_BYTES: u64 = 64 * 1024;
/// Lost sessions of a thread that are remembered; of more, the oldest are forgotten.
const MAX_LOST: usize = 32;

/// The notice of a session of this process.
#[derive(Debug)]
pub(super) struct Notice {
    path: PathBuf,
    /// Holds the lock.
    _file: File,
}

/// A line of a notice.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    /// The session.
    Session { command: String, child: Child },
    /// It is lost, and this is what became of its processes.
    Lost(String),
}

/// A session that died with its process.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) command: String,
    pub(super) left: String,
}

impl Notice {
    /// Writes the notice of a session.
    pub(super) fn write(
        root: &Path,
        key: &ThreadKey,
        id: u64,
        command: &str,
        child: Child,
        durability: Durability,
    ) -> io::Result<Self> {
        let folder = folder_of(root, key);
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let path = folder.join(id.to_string());
        // One of the same number is of an earlier attempt that never told of it.
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        append(&mut file, &Line::Session { command: command.to_owned(), child })?;
        if durability == Durability::Power {
            file.sync_all()?;
            File::open(&folder)?.sync_all()?;
        }
        Ok(Self { path, _file: file })
    }

    /// The session's end has been told: nothing of it has to be remembered.
    pub(super) fn remove(self) {
        remove(&self.path);
    }
}

fn append(file: &mut File, line: &Line) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    file.write_all(&bytes)
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "the notice of a session stays behind");
    }
    // The last one takes the folder with it.
    if let Some(folder) = path.parent() {
        let _ = fs::remove_dir(folder);
    }
}

/// Whether there are notices of a thread other than these.
pub(super) fn has_others(root: &Path, key: &ThreadKey, own: &[u64]) -> bool {
    numbers(&folder_of(root, key)).iter().any(|id| !own.contains(id))
}

/// Stops what is left of the sessions of a thread that were lost with their processes. Blocks.
pub(super) fn take_over(root: &Path, key: &ThreadKey) {
    let folder = folder_of(root, key);
    let mut lost = Vec::new();
    for id in numbers(&folder) {
        let path = folder.join(id.to_string());
        match lose(&path) {
            Ok(Found::Lost) => lost.push(id),
            Ok(Found::Held) => {}
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "the notice of a session cannot be read");
            }
        }
    }
    lost.sort_unstable();
    let forgotten = lost.len().saturating_sub(MAX_LOST);
    for id in lost.into_iter().take(forgotten) {
        remove(&folder.join(id.to_string()));
    }
}

enum Found {
    /// A living process has it.
    Held,
    Lost,
}

fn lose(path: &Path) -> io::Result<Found> {
    let mut file = OpenOptions::new().read(true).append(true).open(path)?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Ok(Found::Held);
    }
    let lines = read(&mut file)?;
    if let [Some(Line::Session { child, .. })] = lines.as_slice() {
        let left = match stop(child) {
            Left::Restarted => "the machine was restarted since".to_owned(),
            Left::Nothing => "nothing of it runs any more".to_owned(),
            Left::Stopped => "its processes were stopped".to_owned(),
            Left::Surviving(count) => format!("{count} of its processes cannot be stopped"),
            Left::Unseen => "whether it still runs cannot be seen on this system".to_owned(),
        };
        append(&mut file, &Line::Lost(left))?;
    }
    Ok(Found::Lost)
}

/// The lost session of this number, if there is one.
pub(super) fn lost(root: &Path, key: &ThreadKey, id: u64) -> Option<Lost> {
    let path = folder_of(root, key).join(id.to_string());
    let mut file = File::open(path).ok()?;
    let lost = |command: String, left: &str| Lost { command, left: left.to_owned() };
    match read(&mut file).ok()?.as_slice() {
        [Some(Line::Session { command, .. }), Some(Line::Lost(left))] => Some(lost(command.clone(), left)),
        [Some(Line::Session { .. })] => None,
        _ => Some(lost("unknown".to_owned(), "its notice is damaged")),
    }
}

/// The loss of this session has been told.
pub(super) fn forget(root: &Path, key: &ThreadKey, id: u64) {
    remove(&folder_of(root, key).join(id.to_string()));
}

fn read(file: &mut File) -> io::Result<Vec<Option<Line>>> {
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    Ok(lines.map(|line| serde_json::from_slice(line.strip_suffix(b"\n")?).ok()).collect())
}

fn numbers(folder: &Path) -> Vec<u64> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn child() -> Child {
        Child { pid: 1, start: 0, boot: String::new(), mark: "m".into() }
    }

    #[test]
    fn a_notice_is_held_until_its_process_is_gone_then_lost_then_forgotten() {
        let home = tempfile::tempdir().unwrap();
        let (root, key) = (home.path(), ThreadKey::for_test("a/b"));
        let notice = Notice::write(root, &key, 7, "cat", child(), Durability::Power).unwrap();
        assert!(has_others(root, &key, &[]) && !has_others(root, &key, &[7]));
        take_over(root, &key);
        assert_eq!(lost(root, &key, 7), None, "its process lives");
        drop(notice);
        take_over(root, &key);
        let left = "whether it still runs cannot be seen on this system".to_owned();
        assert_eq!(lost(root, &key, 7), Some(Lost { command: "cat".into(), left }));
        forget(root, &key, 7);
        assert_eq!(lost(root, &key, 7), None);
        assert!(!folder_of(root, &key).exists());
    }

    #[test]
    fn a_damaged_notice_is_of_a_lost_session() {
        let home = tempfile::tempdir().unwrap();
        let (root, key) = (home.path(), ThreadKey::for_test("t"));
        drop(Notice::write(root, &key, 7, "cat", child(), Durability::Process).unwrap());
        fs::write(folder_of(root, &key).join("7"), "{\"ses").unwrap();
        take_over(root, &key);
        assert!(lost(root, &key, 7).is_some());
    }

    #[test]
    fn only_so_many_losses_are_remembered() {
        let home = tempfile::tempdir().unwrap();
        let (root, key) = (home.path(), ThreadKey::for_test("t"));
        for id in 0..40 {
            drop(Notice::write(root, &key, id, "cat", child(), Durability::Process).unwrap());
        }
        take_over(root, &key);
        let mut left = numbers(&folder_of(root, &key));
        left.sort_unstable();
        assert_eq!(left, (8..40).collect::<Vec<u64>>());
    }
}
