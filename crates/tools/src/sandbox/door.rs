//! The door for what this process does itself on behalf of a call: writing by patches, reading by the file tools.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

/// Why work could not be done behind the door.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DoorError {
    /// There is no thread for it.
    #[error("no thread can be started for it: {0}")]
    Thread(#[from] io::Error),
    /// It panicked.
    #[error("the harness failed while doing it")]
    Panicked,
}

/// Runs work on a thread of its own that can write only below these places, as far as the kernel can refuse it. Blocks.
///
/// Where the kernel has no Landlock, the work runs all the same: it has to check by itself what it writes, and this is a
/// second lock on the same door.
///
/// # Errors
/// The thread cannot be started, or the work panicked.
pub fn confined_thread<T: Send + 'static>(
    writable: Vec<PathBuf>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, DoorError> {
    let thread = std::thread::Builder::new().name("confined".to_owned()).spawn(move || {
        #[cfg(target_os = "linux")]
        if let Err(why) = super::helper::restrict_writing(&writable) {
            tracing::debug!(%why, "a thread is not confined by the kernel");
        }
        #[cfg(not(target_os = "linux"))]
        drop(writable);
        work()
    })?;
    thread.join().map_err(|_| DoorError::Panicked)
}

/// What work on behalf of a call may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Whatever this process may.
    All,
    /// Not these real places, and nothing of other processes or this one.
    Except(Vec<PathBuf>),
}

impl Sight {
    /// Whether a real path is out of sight.
    pub(crate) fn hides(&self, place: &Path) -> bool {
        match self {
            Self::All => false,
            Self::Except(hidden) => {
                hidden.iter().any(|hidden| place.starts_with(hidden)) || is_of_a_process(place)
            }
        }
    }
}

/// Whether it is in the folder of a process: its environment and memory are as secret as any file.
fn is_of_a_process(place: &Path) -> bool {
    let Ok(inside) = place.strip_prefix("/proc") else { return false };
    let first = inside.components().next().map(|part| part.as_os_str().as_encoded_bytes());
    first.is_some_and(|name| name.iter().all(u8::is_ascii_digit))
}

/// Opens a file or folder for reading unless it is hidden. What counts is where the open file really is, so it makes no
/// difference what became of the path meanwhile.
pub(crate) fn open_seen(path: &Path, sight: &Sight) -> io::Result<File> {
    use rustix::fs::{CWD, Mode, OFlags};
    // Without waiting for a writer, in case a pipe is there.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    let file = File::from(rustix::fs::openat(CWD, path, flags, Mode::empty())?);
    if *sight == Sight::All {
        return Ok(file);
    }
    match place_of(&file, path) {
        Ok(place) if !sight.hides(&place) => Ok(file),
        Ok(_) => Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is hidden by the sandbox")),
        Err(error) => Err(error),
    }
}

#[cfg(target_os = "linux")]
fn place_of(file: &File, _path: &Path) -> io::Result<PathBuf> {
    use std::os::fd::AsRawFd;
    std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// Where the system does not tell it of an open file, the path is looked at again, and has to lead to the same file.
#[cfg(not(target_os = "linux"))]
fn place_of(file: &File, path: &Path) -> io::Result<PathBuf> {
    use std::os::unix::fs::MetadataExt;
    let place = std::fs::canonicalize(path)?;
    let (open, named) = (file.metadata()?, std::fs::symlink_metadata(&place)?);
    if (open.dev(), open.ino()) == (named.dev(), named.ino()) {
        Ok(place)
    } else {
        Err(io::Error::other("it was replaced while it was opened"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink};

    #[test]
    fn a_link_into_a_hidden_place_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir(root.join("secret")).unwrap();
        fs::write(root.join("secret/key"), "key").unwrap();
        fs::write(root.join("plain"), "plain").unwrap();
        symlink("secret/key", root.join("link")).unwrap();
        let sight = Sight::Except(vec![root.join("secret")]);
        for path in ["secret", "secret/key", "link", "secret/../secret/key", "/proc/self/environ", "/proc/1"]
        {
            let error = open_seen(&root.join(path), &sight).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{path}");
        }
        assert!(open_seen(&root.join("plain"), &sight).is_ok());
        assert!(open_seen(Path::new("/proc/meminfo"), &sight).is_ok());
        assert!(open_seen(&root.join("link"), &Sight::All).is_ok());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_confined_thread_writes_only_below_its_places() {
        let folder = tempfile::tempdir().unwrap();
        let (inside, outside) = (folder.path().join("in"), folder.path().join("out"));
        fs::create_dir(&inside).unwrap();
        let (mine, other) = (inside.join("a"), outside.clone());
        let work =
            move || (fs::write(mine, "a").is_ok(), fs::write(other, "b").map_err(|error| error.kind()));
        let done = confined_thread(vec![inside], work).unwrap();
        assert_eq!(done, (true, Err(io::ErrorKind::PermissionDenied)));
        assert!(!outside.exists());
        // Only that thread is restricted.
        fs::write(&outside, "b").unwrap();
    }
}
