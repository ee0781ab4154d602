//! What became of a call whose process died: from its ledger file and from what still runs of it.

use super::{
    Ledger,
    line::{Account, Child, End, read},
};
use crate::sys::{Root, Stopped, Tree, boot_id};
use agent_core::{Access, Subject, ToolAnswer, ToolRequest};
use rustix::fs::{FlockOperation, flock};
use std::{
    fs::File,
    io::{self, Read},
    time::{Duration, Instant},
};

/// How long the process tree of a lost call may take to end by itself once asked to.
const GRACE: Duration = Duration::from_millis(50);
/// How long a child that has not become its program yet, or a patch that is being written, is waited for.
const LOCK_WAIT: Duration = Duration::from_secs(5);
const LOCK_POLL: Duration = Duration::from_millis(10);
/// More than any answer has.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Whether somebody still works on the call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lock {
    Free,
    Held,
}

impl Ledger {
    /// Stops what still runs of a call, then says what became of it. Blocks.
    pub(crate) fn recover(&self, request: &ToolRequest) -> ToolAnswer {
        let path = self.path(request);
        let looked = File::open(&path).and_then(|mut file| {
            let lock = wait_for_lock(&file);
            let mut bytes = Vec::new();
            Read::by_ref(&mut file).take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
            Ok((lock, read(&bytes)))
        });
        match looked {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !self.is_lost(request) => {
                ToolAnswer::NotStarted
            }
            Err(error) => {
                unknown(format!("its ledger file {} is not there to be read: {error}", path.display()))
            }
            Ok((lock, account)) => judge(request, lock, account),
        }
    }

    /// Whether the ledger is gone that would tell of this call. One that only looks has none.
    fn is_lost(&self, request: &ToolRequest) -> bool {
        request.preparation.access == Access::Mutating && !self.folder(&request.key).is_dir()
    }
}

fn wait_for_lock(file: &File) -> Lock {
    let begun = Instant::now();
    while flock(file, FlockOperation::NonBlockingLockExclusive).is_err() {
        if begun.elapsed() > LOCK_WAIT {
            return Lock::Held;
        }
        std::thread::sleep(LOCK_POLL);
    }
    Lock::Free
}

fn judge(request: &ToolRequest, lock: Lock, account: Account) -> ToolAnswer {
    match account {
        Account::Blank if lock == Lock::Held => unknown("a process still holds it back"),
        Account::Blank => ToolAnswer::NotStarted,
        Account::TornBeginning => unknown("it was about to start, its ledger entry is damaged"),
        Account::Child { child, end } => {
            let left = stop(&child);
            match end {
                End::Answered(answer) => *answer,
                End::Torn => unknown("it had ended, its output is lost"),
                End::Open => unknown(left.to_string()),
            }
        }
        Account::Process { end: End::Answered(answer) } => *answer,
        Account::Process { end: End::Torn } => unknown("it had ended, its result is lost"),
        Account::Process { end: End::Open } if lock == Lock::Held => unknown("a process still works on it"),
        Account::Process { end: End::Open } => match &request.preparation.subject {
            Subject::Mcp { .. } => unknown("its server had it, and may have done it wholly or in part"),
            Subject::Patch { .. } => {
                unknown("it was writing files; each of them is whole, as before or as after")
            }
            _ => unknown("it was under way in a process that died, and may have been done in part"),
        },
    }
}

fn unknown(note: impl Into<String>) -> ToolAnswer {
    ToolAnswer::Unknown { note: note.into() }
}

/// What was left of a call's processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// Another boot: nothing.
    Restarted,
    /// Nothing any more.
    Nothing,
    /// Something, which is stopped now.
    Stopped,
    /// Something that would not stop.
    Surviving(usize),
    /// This system cannot tell.
    Unseen,
}

impl std::fmt::Display for Left {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Restarted => f.write_str("the machine was restarted while it ran"),
            Self::Nothing => f.write_str("it had ended by itself, how is not known"),
            Self::Stopped => f.write_str("it was still running and was stopped now"),
            Self::Surviving(count) => {
                write!(f, "it was still running, and {count} of its processes cannot be stopped")
            }
            Self::Unseen => f.write_str("whether it still runs cannot be seen on this system"),
        }
    }
}

/// Stops what still runs of a child that somebody else started. Blocks.
pub(crate) fn stop(child: &Child) -> Left {
    let boot = boot_id();
    if boot.is_empty() || child.boot.is_empty() || child.start == 0 {
        return Left::Unseen;
    }
    if boot != child.boot {
        return Left::Restarted;
    }
    let tree = Tree { root: child.pid, start: child.start, mark: child.mark.clone() };
    match tree.stop(Root::Lost, GRACE) {
        Stopped { found: false, .. } => Left::Nothing,
        Stopped { survivors: 0, .. } => Left::Stopped,
        Stopped { survivors, .. } => Left::Surviving(survivors),
    }
}
