//! Empty folders where nothing may come to be while a command runs: something can be mounted over them.
//!
//! A folder of ours is empty and has the sticky bit, which nobody else gives a folder that only its owner may write. It is
//! shared by all commands that run in the same directory: each holds a lock on it, and the last takes it away. What is put
//! into one from outside of the sandbox, by a user who makes a repository meanwhile, stays.

use crate::sandbox::confinement::PLACEHOLDER_MODE;
use rustix::{
    fs::{AtFlags, CWD, FlockOperation, Mode, OFlags, flock, fstat, mkdirat, openat, stat, unlinkat},
    io::Errno,
};
use std::{
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    time::Duration,
};

const MODE: Mode = Mode::from_raw_mode(PLACEHOLDER_MODE);
/// How often a folder may vanish between being made and being locked, or be locked by another process.
const MAX_TRIES: u32 = 64;
const TRY_AGAIN: Duration = Duration::from_millis(2);

/// The placeholders of one launch.
#[derive(Default)]
pub(super) struct Placeholders {
    held: Vec<(PathBuf, OwnedFd)>,
    /// Folders above them that were made too, the outermost first.
    above: Vec<PathBuf>,
    /// Where there can be none, and nothing else either.
    impossible: Vec<PathBuf>,
}

impl Placeholders {
    /// Puts a placeholder everywhere. Where nobody can put one, the command cannot either.
    pub(super) fn put(places: &[PathBuf]) -> io::Result<Self> {
        let mut made = Self::default();
        for place in places {
            match made.put_one(place) {
                Ok(()) => {}
                Err(Errno::ROFS | Errno::PERM) => made.impossible.push(place.clone()),
                // Whose folder it is could allow it while the command runs.
                Err(Errno::ACCESS) if !is_in_own_folder(place) => made.impossible.push(place.clone()),
                Err(error) => {
                    made.take_away();
                    return Err(error.into());
                }
            }
        }
        Ok(made)
    }

    /// Whether there can be nothing at this place, because this user can make nothing there.
    pub(super) fn is_impossible(&self, place: &Path) -> bool {
        self.impossible.iter().any(|impossible| impossible == place)
    }

    fn put_one(&mut self, place: &Path) -> Result<(), Errno> {
        for folder in place.ancestors().skip(1).collect::<Vec<_>>().into_iter().rev() {
            match mkdirat(CWD, folder, Mode::from_raw_mode(0o755)) {
                Ok(()) => self.above.push(folder.to_owned()),
                Err(Errno::EXIST) => {}
                // The folders at the top exist, even where they may not be written.
                Err(_) if folder.is_dir() => {}
                Err(error) => return Err(error),
            }
        }
        for _ in 0..MAX_TRIES {
            match mkdirat(CWD, place, MODE) {
                // The mode at birth is cut by the umask. A file system without modes has no sign for it either.
                Ok(()) => drop(rustix::fs::chmod(place, MODE)),
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error),
            }
            let folder = match open(place) {
                Ok(folder) => folder,
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(error),
            };
            match flock(&folder, FlockOperation::NonBlockingLockShared) {
                Ok(()) => {}
                // Somebody takes it away, or is nobody that this command should wait for.
                Err(Errno::WOULDBLOCK) => {
                    std::thread::sleep(TRY_AGAIN);
                    continue;
                }
                Err(error) => return Err(error),
            }
            // Somebody may have taken it away before it was locked.
            if stat(place).is_ok_and(|found| fstat(&folder).is_ok_and(|held| held.st_ino == found.st_ino)) {
                self.held.push((place.to_owned(), folder));
                return Ok(());
            }
        }
        Err(Errno::AGAIN)
    }

    /// Takes them away, unless another command needs them or something is in them.
    pub(super) fn take_away(self) {
        for (place, folder) in self.held {
            take_away(&place, &folder);
        }
        for folder in self.above.iter().rev() {
            let _ = unlinkat(CWD, folder, AtFlags::REMOVEDIR);
        }
    }
}

/// Whether the nearest folder that is there belongs to this user.
fn is_in_own_folder(place: &Path) -> bool {
    let found = place.ancestors().skip(1).find_map(|folder| stat(folder).ok());
    found.is_none_or(|found| found.st_uid == rustix::process::geteuid().as_raw())
}

/// Takes away what a supervisor that was killed has left.
pub(in crate::sandbox) fn sweep(places: &[PathBuf]) {
    for place in places {
        if let Ok(folder) = open(place) {
            take_away(place, &folder);
        }
    }
}

fn open(place: &Path) -> Result<OwnedFd, Errno> {
    openat(CWD, place, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

fn take_away(place: &Path, folder: &OwnedFd) {
    let is_ours = fstat(folder).is_ok_and(|found| found.st_mode & 0o7777 == MODE.as_raw_mode());
    // Its own share is given back first: of two that end at once, each would find the other's.
    let _ = flock(folder, FlockOperation::Unlock);
    if is_ours && flock(folder, FlockOperation::NonBlockingLockExclusive).is_ok() {
        let _ = unlinkat(CWD, place, AtFlags::REMOVEDIR);
    }
}
