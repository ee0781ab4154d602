//! [`Writer`]: puts files in place below a root: each at once or not at all, and never through a link.

use super::{
    SnapshotError,
    git::Objects,
    notes,
    plan::{Change, Plan},
    survey::Stamp,
    tree::{Entry, Kind},
};
use crate::kill_point::kill_point;
use rustix::{
    fs::{self, AtFlags, CWD, Dir, FileType, Mode, OFlags, RenameFlags},
    io::Errno,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStringExt,
    },
    path::{Component, Path, PathBuf},
};

/// Begins the name of every file that is not in its place yet.
pub(super) const TEMPORARY_PREFIX: &str = ".everturn-undo-";
/// What this process needs of a folder.
const NEW_FOLDER: Mode = Mode::RWXU;
/// The permissions of a folder of which no snapshot knows.
const DEFAULT_FOLDER: u32 = 0o755;

/// Puts files in place below a root.
pub(super) struct Writer<'a> {
    root: OwnedFd,
    at: PathBuf,
    objects: Objects,
    /// Files as they are known to be; anything else stops the work.
    stamps: BTreeMap<PathBuf, Stamp>,
    folders: &'a BTreeMap<PathBuf, u32>,
    /// Folders that were made; they get their permissions when all is in them.
    made: BTreeSet<PathBuf>,
    serial: u64,
}

impl<'a> Writer<'a> {
    /// `stamps` are the files as they were seen, `folders` the permissions of folders that have to be made.
    pub(super) fn new(
        root: &Path,
        objects: Objects,
        stamps: BTreeMap<PathBuf, Stamp>,
        folders: &'a BTreeMap<PathBuf, u32>,
    ) -> Result<Self, SnapshotError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = fs::openat(CWD, root, flags, Mode::empty());
        let fd = fd.map_err(|error| SnapshotError::io("open it", root)(error.into()))?;
        Ok(Self { root: fd, at: root.to_owned(), objects, stamps, folders, made: BTreeSet::new(), serial: 0 })
    }

    /// Carries out a plan. Where that fails, what was done is taken back.
    pub(super) fn carry_out(&mut self, plan: &Plan) -> Result<(), SnapshotError> {
        let mut done = Vec::new();
        let result = self.change_all(plan, &mut done);
        let Err(error) = result else { return self.settle_folders(plan) };
        let mut stuck = Vec::new();
        for change in done.iter().rev() {
            let back = Change { path: change.path.clone(), from: change.to.clone(), to: change.from.clone() };
            if let Err(error) = self.apply(&back) {
                tracing::warn!(path = %change.path.display(), %error, "a restored file could not be put back");
                stuck.push(notes::shown(&change.path));
            }
        }
        for folder in self.made.iter().rev() {
            let Ok((parent, name)) = open_parent(&self.root, folder) else { continue };
            let _ = fs::unlinkat(&parent, name, AtFlags::REMOVEDIR);
        }
        if stuck.is_empty() {
            return Err(match error {
                error @ SnapshotError::Io { .. } => SnapshotError::Unchanged(Box::new(error)),
                error => error,
            });
        }
        Err(SnapshotError::Stuck { why: error.to_string(), paths: stuck.join(", ") })
    }

    fn change_all(&mut self, plan: &Plan, done: &mut Vec<Change>) -> Result<(), SnapshotError> {
        let (come, go): (Vec<_>, Vec<_>) = plan.changes.iter().partition(|change| change.to.is_some());
        for change in go {
            self.apply(change)?;
            done.push(change.clone());
            kill_point("restore.changed");
        }
        self.drop_folders(plan);
        for change in come {
            self.apply(change)?;
            done.push(change.clone());
            kill_point("restore.changed");
        }
        Ok(())
    }

    fn settle_folders(&mut self, plan: &Plan) -> Result<(), SnapshotError> {
        self.drop_folders(plan);
        for folder in plan.make.keys() {
            // Where somebody put something else there, that stays.
            if let Err(error) = self.make_folders(folder) {
                tracing::debug!(folder = %folder.display(), %error, "an empty folder is not made again");
            }
        }
        for folder in self.made.iter().rev() {
            let mode = self.folders.get(folder).copied().unwrap_or(DEFAULT_FOLDER);
            let settled = open_folders(&self.root, folder)
                .and_then(|made| Ok(fs::fchmod(&made, Mode::from_raw_mode(mode))?));
            settled.map_err(SnapshotError::io("set the permissions of it", &self.at.join(folder)))?;
        }
        Ok(())
    }

    /// Those that are empty, children first.
    fn drop_folders(&self, plan: &Plan) {
        for folder in plan.drop.iter().rev() {
            let Ok((parent, name)) = open_parent(&self.root, folder) else { continue };
            let _ = fs::unlinkat(&parent, name, AtFlags::REMOVEDIR);
        }
    }

    /// Writes one file or link, or takes it away.
    pub(super) fn apply(&mut self, change: &Change) -> Result<(), SnapshotError> {
        let (parent, name) = match &change.to {
            Some(_) => self.make_parent(&change.path),
            None => open_parent(&self.root, &change.path),
        }
        .map_err(|error| self.failed(change, error))?;
        let temporary = match &change.to {
            Some(entry) => Some(self.stage(&parent, entry).map_err(|error| self.failed(change, error))?),
            None => None,
        };
        let placed = match (&change.from, &temporary) {
            (None, None) => Ok(Placed::Done),
            (None, Some(new)) => place_new(&parent, new, name),
            (Some(_), Some(new)) => self.replace(&parent, new, name, &change.path),
            (Some(_), None) => self.take_away(&parent, name, &change.path),
        };
        // After an error it may hold what somebody else wrote a moment ago.
        if let (Some(temporary), Ok(Placed::Raced)) = (&temporary, &placed) {
            let _ = fs::unlinkat(&parent, temporary, AtFlags::empty());
        }
        match placed.map_err(|error| self.failed(change, error))? {
            Placed::Raced => return Err(SnapshotError::Raced(self.at.join(&change.path))),
            Placed::Done => {}
        }
        match stamp_at(&parent, name) {
            Ok(Some(stamp)) if change.to.is_some() => self.stamps.insert(change.path.clone(), stamp),
            _ => self.stamps.remove(&change.path),
        };
        Ok(())
    }

    /// Takes away what a restore that was cut off left in these folders.
    pub(super) fn clean(&self, folders: &[PathBuf]) {
        for folder in folders {
            let Ok(folder) = open_folders(&self.root, folder) else { continue };
            let Ok(entries) = Dir::read_from(&folder) else { continue };
            for entry in entries.filter_map(Result::ok) {
                let name = entry.file_name().to_bytes();
                if !name.starts_with(TEMPORARY_PREFIX.as_bytes()) {
                    continue;
                }
                let how = match entry.file_type() {
                    FileType::Directory => AtFlags::REMOVEDIR,
                    _ => AtFlags::empty(),
                };
                let _ = fs::unlinkat(&folder, entry.file_name(), how);
            }
        }
    }

    fn failed(&self, change: &Change, error: io::Error) -> SnapshotError {
        SnapshotError::io("restore it", &self.at.join(&change.path))(error)
    }

    /// The new contents beside their place.
    fn stage(&mut self, parent: &OwnedFd, entry: &Entry) -> io::Result<OsString> {
        let bytes = self.objects.get(&entry.content)?;
        let name = self.temporary_name();
        match entry.kind {
            Kind::Link => fs::symlinkat(OsString::from_vec(bytes), parent, &name)?,
            Kind::File => {
                let flags =
                    OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let mut file = File::from(fs::openat(parent, &name, flags, Mode::RUSR | Mode::WUSR)?);
                let written = file.write_all(&bytes).and_then(|()| {
                    let mode = Mode::from_raw_mode(entry.permissions);
                    Ok(fs::fchmod(&file, mode)?)
                });
                if let Err(error) = written {
                    let _ = fs::unlinkat(parent, &name, AtFlags::empty());
                    return Err(error);
                }
            }
        }
        kill_point("restore.staged");
        Ok(name)
    }

    /// Changes places with what is there; if that is not what was seen, back again.
    fn replace(&self, parent: &OwnedFd, new: &OsStr, name: &OsStr, path: &Path) -> io::Result<Placed> {
        if !self.is_as_seen(parent, name, path)? {
            return Ok(Placed::Raced);
        }
        match fs::renameat_with(parent, new, parent, name, RenameFlags::EXCHANGE) {
            Ok(()) => {}
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                fs::renameat(parent, new, parent, name)?;
                return Ok(Placed::Done);
            }
            Err(error) => return Err(error.into()),
        }
        if self.is_as_seen(parent, new, path)? {
            fs::unlinkat(parent, new, AtFlags::empty())?;
            return Ok(Placed::Done);
        }
        fs::renameat_with(parent, new, parent, name, RenameFlags::EXCHANGE)?;
        Ok(Placed::Raced)
    }

    fn take_away(&mut self, parent: &OwnedFd, name: &OsStr, path: &Path) -> io::Result<Placed> {
        let aside = self.temporary_name();
        if !self.is_as_seen(parent, name, path)? {
            return Ok(Placed::Raced);
        }
        fs::renameat(parent, name, parent, &aside)?;
        if self.is_as_seen(parent, &aside, path)? {
            fs::unlinkat(parent, &aside, AtFlags::empty())?;
            return Ok(Placed::Done);
        }
        place_new(parent, &aside, name)?;
        Ok(Placed::Raced)
    }

    fn is_as_seen(&self, parent: &OwnedFd, name: &OsStr, path: &Path) -> io::Result<bool> {
        Ok(stamp_at(parent, name)?.as_ref() == self.stamps.get(path))
    }

    fn temporary_name(&mut self) -> OsString {
        self.serial += 1;
        format!("{TEMPORARY_PREFIX}{}-{}", std::process::id(), self.serial).into()
    }

    fn make_parent<'p>(&mut self, path: &'p Path) -> io::Result<(OwnedFd, &'p OsStr)> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        Ok((self.make_folders(path.parent().unwrap_or(Path::new("")))?, name))
    }

    /// Opens a folder below the root, making what is missing.
    fn make_folders(&mut self, path: &Path) -> io::Result<OwnedFd> {
        let mut folder = self.root.try_clone()?;
        let mut so_far = PathBuf::new();
        for part in path.components() {
            let Component::Normal(name) = part else { return Err(io::ErrorKind::InvalidInput.into()) };
            so_far.push(name);
            folder = match open_folder(&folder, name) {
                Err(Errno::NOENT) => {
                    self.make_folder(&folder, name, &so_far)?;
                    open_folder(&folder, name)?
                }
                opened => opened?,
            };
        }
        Ok(folder)
    }

    /// It gets its name with its permissions, so that one that is cut off is none.
    fn make_folder(&mut self, parent: &OwnedFd, name: &OsStr, path: &Path) -> io::Result<()> {
        let temporary = self.temporary_name();
        fs::mkdirat(parent, &temporary, NEW_FOLDER)?;
        let mode = self.folders.get(path).copied().unwrap_or(DEFAULT_FOLDER);
        // Until all is in it, it must be open to this process.
        let mode = Mode::from_raw_mode(mode) | NEW_FOLDER;
        fs::fchmod(open_folder(parent, &temporary)?, mode)?;
        match place_new(parent, &temporary, name)? {
            Placed::Done => drop(self.made.insert(path.to_owned())),
            Placed::Raced => fs::unlinkat(parent, &temporary, AtFlags::REMOVEDIR)?,
        }
        Ok(())
    }
}

/// Whether a file got its place.
enum Placed {
    Done,
    /// Somebody else was there first.
    Raced,
}

/// Opens a folder below another; fails when a part of the path is a link.
fn open_folders(root: &OwnedFd, path: &Path) -> io::Result<OwnedFd> {
    let mut folder = root.try_clone()?;
    for part in path.components() {
        let Component::Normal(name) = part else { return Err(io::ErrorKind::InvalidInput.into()) };
        folder = open_folder(&folder, name)?;
    }
    Ok(folder)
}

fn open_parent<'p>(root: &OwnedFd, path: &'p Path) -> io::Result<(OwnedFd, &'p OsStr)> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    Ok((open_folders(root, path.parent().unwrap_or(Path::new("")))?, name))
}

fn open_folder(at: &OwnedFd, name: &OsStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    fs::openat(at, name, flags, Mode::empty())
}

fn place_new(parent: &OwnedFd, new: &OsStr, name: &OsStr) -> io::Result<Placed> {
    match fs::renameat_with(parent, new, parent, name, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(Placed::Done),
        Err(Errno::EXIST) => Ok(Placed::Raced),
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => match stamp_at(parent, name)? {
            Some(_) => Ok(Placed::Raced),
            None => fs::renameat(parent, new, parent, name).map(|()| Placed::Done).map_err(Into::into),
        },
        Err(error) => Err(error.into()),
    }
}

/// What stands under a name, without following it.
fn stamp_at(parent: &OwnedFd, name: &OsStr) -> io::Result<Option<Stamp>> {
    match fs::statat(parent.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) => Ok(Some(Stamp::of_stat(&found))),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
