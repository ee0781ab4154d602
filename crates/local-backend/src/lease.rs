//! The lease of a thread: a lock on a file, held by whoever serves the thread.
//!
//! The lock belongs to the open file (`flock`, as `std::fs::File::try_lock` takes it), so it goes with the process,
//! however that dies, and no stale lock is ever left. The generation in the database fences whoever lost the lock
//! without noticing.

use crate::{Database, LocalError, database::private_directory};
use agent_core::{BlobId, Server, ThreadKey};
use rustix::process::{Pid, test_kill_process};
use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

/// How long a lock without a living owner is waited for: its process is just dying, or somebody only looked.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often it is tried meanwhile.
const RETRY: Duration = Duration::from_millis(10);

/// Names longer than this are replaced by their digest.
const MAX_NAME_BYTES: usize = 100;

/// The right to serve a thread. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Lease {
    file: File,
    path: PathBuf,
}

impl Lease {
    /// Takes the lease, or says who has it.
    pub(crate) async fn take(database: &Database, key: &ThreadKey) -> Result<Self, LocalError> {
        let path = lock_path(database, key);
        if let Some(directory) = path.parent() {
            private_directory(directory)?;
        }
        let files = |source| LocalError::Files { path: path.clone(), source };
        let mut waited = Duration::ZERO;
        loop {
            match lock(&path).map_err(files)? {
                Attempt::Taken(file) => return Ok(Self { file, path }),
                Attempt::Held(pid) => {
                    let alive = pid.is_some_and(is_alive);
                    if alive || waited >= PATIENCE {
                        return Err(LocalError::Busy { id: key.thread.to_string(), pid });
                    }
                }
                Attempt::Replaced => {}
            }
            tokio::time::sleep(RETRY).await;
            waited += RETRY;
        }
    }

    /// Gives the lease of a thread that is no more back, and removes the file.
    pub(crate) fn remove(self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // An empty file says that nobody serves the thread, even while somebody looks or a child that is about to
        // exec still shares the open file. Failing here harms nobody: closing the file gives the lock back.
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
}

/// Who serves the thread now, if anybody.
pub(crate) fn server(database: &Database, key: &ThreadKey) -> Result<Option<Server>, LocalError> {
    let path = lock_path(database, key);
    let files = |source| LocalError::Files { path: path.clone(), source };
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(files(error)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(Server::Process { pid: read_pid(&mut file) })),
        Err(TryLockError::Error(error)) => Err(files(error)),
    }
}

enum Attempt {
    Taken(File),
    Held(Option<u32>),
    /// The file was removed while we took its lock.
    Replaced,
}

fn lock(path: &Path) -> io::Result<Attempt> {
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(Attempt::Held(read_pid(&mut file))),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let ours = file.metadata()?;
    let is_there =
        std::fs::metadata(path).is_ok_and(|there| there.ino() == ours.ino() && there.dev() == ours.dev());
    if !is_there {
        return Ok(Attempt::Replaced);
    }
    file.set_len(0)?;
    file.write_all(std::process::id().to_string().as_bytes())?;
    Ok(Attempt::Taken(file))
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn is_alive(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return false };
    !matches!(test_kill_process(pid), Err(rustix::io::Errno::SRCH))
}

fn lock_path(database: &Database, key: &ThreadKey) -> PathBuf {
    let mut path = database.locks();
    path.push(file_name(key.tenant.as_str()));
    path.push(file_name(key.thread.as_str()) + ".lock");
    path
}

/// The id where it can be a file's name, else its digest behind a character that no such id has.
fn file_name(id: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !id.is_empty() && id.len() <= MAX_NAME_BYTES && !id.starts_with('.') && id.chars().all(plain) {
        id.to_owned()
    } else {
        format!("~{}", BlobId::of(id.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn no_id_leaves_the_lock_directory() {
        assert_eq!(file_name("0199-abc_D.1"), "0199-abc_D.1");
        for id in ["", "..", ".hidden", "a/b", "ä", "~x", &"x".repeat(101)] {
            let name = file_name(id);
            assert!(name.starts_with('~') && name.len() == 65 && !name.contains('/'), "{id} became {name}");
        }
        assert_ne!(file_name("a/b"), file_name("a/c"));
    }
}
