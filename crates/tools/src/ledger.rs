//! The effect ledger: for each call that may change the world a file that tells, whatever dies when, whether the call
//! may have run, what is left of it, and how it ended.
//!
//! The file `<home>/effects/<tenant>/<thread>/<effect>-<attempt>` has at most two lines. The first is written by the child
//! itself between fork and exec (see [`crate::sys::launch`]), or before the first change by a call that runs in this
//! process; the second by this process, with the whole answer, before anybody else is told it. So an empty file, or none,
//! means that the call did not run; a first line, that it may have; a second, how it ended. The thread's folder is made
//! before any call is decided upon: if it is gone, nobody knows.
//!
//! While a call is under way its file is locked. The child shares the lock until it becomes its program, so whoever gets
//! the lock later knows that no first line is still to come.

mod line;
mod recovery;

use agent_core::{BlobId, EffectId, ThreadKey, ToolAnswer, ToolRequest};
use line::Line;

pub(crate) use line::Child;
pub(crate) use recovery::{Left, stop};
use rustix::fs::{FlockOperation, flock};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::{
    kill_point::{held_child, kill_point},
    sys::{Input, Recording},
};

/// What a ledger entry survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The death of any process.
    #[default]
    Process,
    /// The loss of power too; each call waits for the disk twice.
    Power,
}

/// The ledger of all threads under one home.
#[derive(Debug)]
pub(crate) struct Ledger {
    effects: PathBuf,
    durability: Durability,
}

/// A page was asked for.
pub(crate) enum Opened {
    /// It is new; the call may run.
    Fresh(Page),
    /// There is one already: the call was begun before, and what became of it is for [`Ledger::recover`] to say.
    Known,
}

/// One call's file, open and locked.
#[derive(Debug)]
pub(crate) struct Page {
    file: File,
    path: PathBuf,
    mark: String,
    durability: Durability,
}

impl Ledger {
    pub(crate) fn new(home: &Path, durability: Durability) -> Self {
        Self { effects: home.join("effects"), durability }
    }

    /// Makes the folder of a thread, when a call is prepared. From then on a missing folder means that it was lost.
    pub(crate) fn make_folder(&self, key: &ThreadKey) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(self.folder(key))
    }

    /// Opens the page of a call that is about to run.
    pub(crate) fn open(&self, request: &ToolRequest) -> io::Result<Opened> {
        kill_point("tool.before_ledger");
        let path = self.path(request);
        let folder = self.folder(&request.key);
        self.make_folder(&request.key)?;
        let options = OpenOptions::new().append(true).create_new(true).mode(0o600).clone();
        let file = match options.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(Opened::Known),
            opened => opened?,
        };
        flock(&file, FlockOperation::LockExclusive)?;
        if self.durability == Durability::Power {
            for directory in folder.ancestors().take_while(|directory| directory.starts_with(&self.effects)) {
                File::open(directory)?.sync_all()?;
            }
        }
        kill_point("tool.before_spawn");
        Ok(Opened::Fresh(Page { file, mark: mark(&path), path, durability: self.durability }))
    }

    /// Forgets a call whose answer is safe elsewhere. The files of runs that are under way stay.
    pub(crate) fn acknowledge(&self, key: &ThreadKey, effect: EffectId) {
        let Ok(entries) = fs::read_dir(self.folder(key)) else { return };
        let prefix = format!("{effect}-");
        for entry in entries.filter_map(Result::ok) {
            if entry.file_name().to_str().is_none_or(|name| !name.starts_with(&prefix)) {
                continue;
            }
            let unused = File::open(entry.path())
                .is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok());
            if unused && let Err(error) = fs::remove_file(entry.path()) {
                tracing::warn!(path = %entry.path().display(), %error, "a settled ledger file stays behind");
            }
        }
    }

    fn folder(&self, key: &ThreadKey) -> PathBuf {
        folder_of(&self.effects, key)
    }

    fn path(&self, request: &ToolRequest) -> PathBuf {
        self.folder(&request.key).join(format!("{}-{}", request.effect, request.attempt))
    }
}

impl Page {
    /// What marks the processes of this call, in all ledgers of this machine.
    pub(crate) fn mark(&self) -> &str {
        &self.mark
    }

    /// What the child has to write.
    pub(crate) fn recording(&self) -> io::Result<Recording> {
        let [before, between, after] = line::child_entry(crate::sys::boot_id(), &self.mark);
        let ledger = self.file.try_clone()?;
        Ok(Recording {
            ledger,
            before,
            between,
            after,
            durability: self.durability,
            held: held_child(),
            input: Input::Plain,
        })
    }

    /// Notes that the call begins in this process. Without this line it must not.
    pub(crate) fn begin_here(&mut self) -> io::Result<()> {
        let pid = i32::try_from(std::process::id()).unwrap_or(0);
        let start = crate::sys::start_of(pid).unwrap_or(0);
        self.append(&Line::process(pid, start, crate::sys::boot_id().to_owned()))
    }

    /// Whether the call may have begun.
    pub(crate) fn is_begun(&self) -> bool {
        // What cannot be looked at may have.
        self.file.metadata().map_or(true, |file| file.len() > 0)
    }

    /// Keeps the answer, so that it can be given after this process has died. Where that fails, the answer still
    /// counts; only a crash before it is committed makes it unknown.
    pub(crate) fn finish(mut self, answer: &ToolAnswer) {
        kill_point("tool.before_finish");
        if let Err(error) = self.append(&Line::Answer(answer.clone())) {
            tracing::warn!(path = %self.path.display(), %error, "the answer of a call is not in the ledger");
        }
        kill_point("tool.after_finish");
    }

    /// The call certainly did not run: it leaves no trace.
    pub(crate) fn discard(self) {
        let _ = fs::remove_file(&self.path);
    }

    fn append(&mut self, line: &Line) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        self.file.write_all(&bytes)?;
        match self.durability {
            Durability::Process => Ok(()),
            Durability::Power => self.file.sync_data(),
        }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // Closing would do, but children of other calls may hold a copy of the file for an instant.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

/// The folder of a thread below another.
pub(crate) fn folder_of(root: &Path, key: &ThreadKey) -> PathBuf {
    root.join(file_name(key.tenant.as_str())).join(file_name(key.thread.as_str()))
}

/// What marks the processes of the call that this file is about. It comes from the one name that the file has, however its
/// home was named.
fn mark(path: &Path) -> String {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    BlobId::of(path.as_os_str().as_encoded_bytes()).as_str()[..32].to_owned()
}

/// An id as a file name: letters, digits, `-`, `_`; everything else as `%` and two hexadecimal digits.
fn file_name(id: &str) -> String {
    let mut name = String::with_capacity(id.len());
    for byte in id.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(byte)),
            _ => name.push_str(&format!("%{byte:02x}")),
        }
    }
    if name.is_empty() { "%".to_owned() } else { name }
}

#[cfg(test)]
#[path = "ledger/ledger_tests.rs"]
mod tests;
