//! Directories held open and the few calls made in them. No call here follows a link.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{self, Access, AtFlags, CWD, FileType, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;

use super::MAX_FILE_BYTES;

/// Opening a directory only to reach what is in it needs no right to list it, where the system can say so.
#[cfg(target_os = "linux")]
const REACH: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
const REACH: OFlags = OFlags::RDONLY;

/// An open directory.
pub(super) struct Dir {
    fd: OwnedFd,
}

/// What stands under a name.
#[derive(Debug, Clone)]
pub(super) enum Found {
    Absent,
    File {
        bytes: Arc<Vec<u8>>,
        stat: Stat,
    },
    Link {
        target: PathBuf,
        stat: Stat,
    },
    Directory,
    Special,
    /// A file of so many bytes, at least.
    TooLarge(usize),
}

impl Dir {
    /// Opens a real path from `/` on; fails when any part of it is a link.
    pub(super) fn open(real: &Path) -> io::Result<Self> {
        Self::walk(real, |dir, name, _| dir.child(name))
    }

    /// As [`Dir::open`], making directories that are not there. Pushes the path of each onto `made`.
    pub(super) fn open_or_create(real: &Path, made: &mut Vec<PathBuf>) -> io::Result<Self> {
        Self::walk(real, |dir, name, path| match dir.child(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                match fs::mkdirat(&dir.fd, name, Mode::from_raw_mode(0o777)) {
                    Ok(()) => made.push(path.to_owned()),
                    Err(Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
                dir.child(name)
            }
            other => other,
        })
    }

    fn walk(real: &Path, mut step: impl FnMut(&Self, &OsStr, &Path) -> io::Result<Self>) -> io::Result<Self> {
        let flags = REACH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut dir = Self { fd: fs::openat(CWD, "/", flags, Mode::empty())? };
        let mut path = PathBuf::from("/");
        for part in real.components() {
            match part {
                Component::RootDir => {}
                Component::Normal(name) => {
                    path.push(name);
                    dir = step(&dir, name, &path)?;
                }
                Component::Prefix(_) | Component::CurDir | Component::ParentDir => {
                    return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a real path"));
                }
            }
        }
        Ok(dir)
    }

    fn child(&self, name: &OsStr) -> io::Result<Self> {
        let flags = REACH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Self { fd: fs::openat(&self.fd, name, flags, Mode::empty())? })
    }

    /// What stands under the name, a file with its contents.
    pub(super) fn look(&self, name: &OsStr) -> io::Result<Found> {
        let Some(stat) = self.stat(name)? else { return Ok(Found::Absent) };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => self.read(name),
            FileType::Symlink => {
                let target = fs::readlinkat(&self.fd, name, Vec::new())?;
                let target: &OsStr = std::os::unix::ffi::OsStrExt::from_bytes(target.as_bytes());
                Ok(Found::Link { target: PathBuf::from(target), stat })
            }
            FileType::Directory => Ok(Found::Directory),
            _ => Ok(Found::Special),
        }
    }

    fn read(&self, name: &OsStr) -> io::Result<Found> {
        // Non-blocking, in case a pipe has taken the file's place.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let fd = fs::openat(&self.fd, name, flags, Mode::empty())?;
        let stat = fs::fstat(&fd)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Ok(Found::Special);
        }
        let file = File::from(fd);
        let size = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        if size > MAX_FILE_BYTES {
            return Ok(Found::TooLarge(size));
        }
        let mut bytes = Vec::with_capacity(size);
        file.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > MAX_FILE_BYTES {
            return Ok(Found::TooLarge(bytes.len()));
        }
        Ok(Found::File { bytes: Arc::new(bytes), stat })
    }

    pub(super) fn stat(&self, name: &OsStr) -> io::Result<Option<Stat>> {
        match fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the permission bits let this process write the file.
    pub(super) fn is_writable(&self, name: &OsStr) -> bool {
        fs::accessat(&self.fd, name, Access::WRITE_OK, AtFlags::empty()).is_ok()
    }

    /// A new, empty file; fails when the name is taken.
    pub(super) fn create(&self, name: &OsStr, mode: Mode) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(fs::openat(&self.fd, name, flags, mode)?))
    }

    /// A second name for a file; fails when it is taken.
    pub(super) fn link(&self, name: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(fs::linkat(&self.fd, name, &self.fd, to, AtFlags::empty())?)
    }

    /// Another name, replacing what has it.
    pub(super) fn rename(&self, name: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(fs::renameat(&self.fd, name, &self.fd, to)?)
    }

    /// Another name; fails when it is taken.
    pub(super) fn rename_new(&self, name: &OsStr, to: &OsStr) -> io::Result<()> {
        match fs::renameat_with(&self.fd, name, &self.fd, to, RenameFlags::NOREPLACE) {
            // Some file systems cannot do it in one step.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => match self.stat(to)? {
                None => self.rename(name, to),
                Some(_) => Err(Errno::EXIST.into()),
            },
            other => Ok(other?),
        }
    }

    /// Removes a file or link; its absence is no error.
    pub(super) fn remove(&self, name: &OsStr) -> io::Result<()> {
        match fs::unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a directory unless something is in it; its absence is no error.
    pub(super) fn remove_empty_dir(&self, name: &OsStr) -> io::Result<()> {
        match fs::unlinkat(&self.fd, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether two looks saw the same file.
pub(super) fn same_file(a: &Stat, b: &Stat) -> bool {
    a.st_dev == b.st_dev && a.st_ino == b.st_ino
}

/// The directory and the last name of a real path.
pub(super) fn split(real: &Path) -> io::Result<(&Path, &OsStr)> {
    match (real.parent(), real.file_name()) {
        (Some(parent), Some(name)) => Ok((parent, name)),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "not a path of a file")),
    }
}
