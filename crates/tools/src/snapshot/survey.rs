//! [`Survey`]: a look at a workspace: what a snapshot of it covers, and what not.

use super::{
    SnapshotError, SnapshotsConfig,
    about::{About, Left, Usual, VERSION, path_to_text},
    root::Root,
    tree::PERMISSIONS,
    watch::Watch,
    write::TEMPORARY_PREFIX,
};
use rustix::fs::{Access, AtFlags, CWD, Stat};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs::{self, Metadata},
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

/// After so many entries the clock is looked at.
const ENTRIES_A_LOOK: usize = 256;
/// Whoever may read it.
const ANYBODY_READS: u32 = 0o444;

/// What a snapshot of a workspace covers, and what not. Paths are relative to its root.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Files and links that are covered.
    pub(super) files: BTreeMap<PathBuf, Stamp>,
    /// Folders that were looked into, with their permissions.
    folders: BTreeMap<PathBuf, u32>,
    empty: BTreeSet<PathBuf>,
    pub(super) left: BTreeMap<PathBuf, Left>,
    bytes: u64,
}

/// What tells that a file is still the one that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    pub(super) mode: u32,
}

impl Stamp {
    pub(super) fn of(found: &Metadata) -> Self {
        Self {
            device: found.dev(),
            inode: found.ino(),
            bytes: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
            mode: found.mode(),
        }
    }

    /// The same, of what a system call says.
    pub(super) fn of_stat(found: &Stat) -> Self {
        Self {
            device: found.st_dev,
            inode: found.st_ino,
            bytes: u64::try_from(found.st_size).unwrap_or(0),
            modified: (found.st_mtime, i64::try_from(found.st_mtime_nsec).unwrap_or(0)),
            mode: found.st_mode,
        }
    }
}

/// What the rules of the workspace say, from Git.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// Files and folders that are ignored.
    pub(super) ignored: BTreeSet<PathBuf>,
    /// Files that are covered all the same: the last snapshot has them, or the user's repository tracks them.
    pub(super) known: BTreeSet<PathBuf>,
}

/// A look that is under way.
struct Look<'a> {
    root: &'a Root,
    config: &'a SnapshotsConfig,
    watch: &'a Watch,
    store: PathBuf,
    entries: usize,
    survey: Survey,
}

impl Survey {
    /// Looks at everything that is not ignored.
    pub(super) fn take(
        root: &Root,
        rules: &Rules,
        config: &SnapshotsConfig,
        watch: &Watch,
    ) -> Result<Self, SnapshotError> {
        let store = config.store();
        let mut look = Look { root, config, watch, store, entries: 0, survey: Self::default() };
        look.walk(rules)?;
        look.add_known(rules)?;
        Ok(look.survey)
    }

    /// What the commit has to say of it.
    pub(super) fn about(&self) -> About {
        let regular = |stamp: &&Stamp| !is_link(stamp.mode);
        let modes = |program: bool| {
            let files =
                self.files.values().filter(regular).filter(move |stamp| is_program(stamp.mode) == program);
            files.map(|stamp| stamp.mode & PERMISSIONS)
        };
        let default = Usual::default();
        let usual = Usual {
            file: most_common(modes(false)).unwrap_or(default.file),
            program: most_common(modes(true)).unwrap_or(default.program),
            folder: most_common(self.folders.values().copied()).unwrap_or(default.folder),
        };
        let files = self.files.iter().filter(|(_, stamp)| regular(stamp)).map(|(path, stamp)| {
            let usual = if is_program(stamp.mode) { usual.program } else { usual.file };
            (path, stamp.mode & PERMISSIONS, usual)
        });
        let folders = self.folders.iter().map(|(path, mode)| (path, *mode, usual.folder));
        let odd = files.chain(folders).filter(|(_, mode, usual)| mode != usual);
        About {
            version: VERSION,
            usual,
            modes: odd.map(|(path, mode, _)| (path_to_text(path), mode)).collect(),
            empty: self.empty.iter().map(|path| path_to_text(path)).collect(),
            left: self.left.iter().map(|(path, why)| (path_to_text(path), *why)).collect(),
        }
    }
}

impl Look<'_> {
    fn walk(&mut self, rules: &Rules) -> Result<(), SnapshotError> {
        let mut open = vec![PathBuf::new()];
        while let Some(folder) = open.pop() {
            let real = self.root.path.join(&folder);
            let entries = match fs::read_dir(&real) {
                Ok(entries) => entries,
                Err(error) if folder.as_os_str().is_empty() => {
                    return Err(SnapshotError::io("list it", &real)(error));
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(_) => {
                    self.survey.left.insert(folder, Left::Unreadable);
                    continue;
                }
            };
            let mut any = false;
            for entry in entries {
                any = true;
                self.count()?;
                let Ok(entry) = entry else { continue };
                let path = folder.join(entry.file_name());
                // What has gone meanwhile was never there.
                let Ok(found) = entry.metadata() else { continue };
                if rules.ignored.contains(&path) {
                    self.survey.left.insert(path, Left::Ignored);
                } else if found.is_dir() {
                    self.add_folder(path, &found, &mut open);
                } else {
                    self.add(path, &found)?;
                }
            }
            if !any && !folder.as_os_str().is_empty() {
                self.survey.empty.insert(folder);
            }
        }
        Ok(())
    }

    fn add_folder(&mut self, path: PathBuf, found: &Metadata, open: &mut Vec<PathBuf>) {
        let real = self.root.path.join(&path);
        let temporary =
            path.file_name().is_some_and(|name| name.as_bytes().starts_with(TEMPORARY_PREFIX.as_bytes()));
        if temporary || is_git(&path) || real == self.store || self.store.parent() == Some(&real) {
            // The repository itself, Everturn's own data, what a restore left that was cut off: nothing to tell.
        } else if real.join(".git").symlink_metadata().is_ok() {
            self.survey.left.insert(path, Left::Repository);
        } else {
            self.survey.folders.insert(path.clone(), found.mode() & PERMISSIONS);
            open.push(path);
        }
    }

    /// A file, a link, or something else.
    fn add(&mut self, path: PathBuf, found: &Metadata) -> Result<(), SnapshotError> {
        let name = path.file_name().unwrap_or_default().as_bytes();
        if is_git(&path) || name.starts_with(TEMPORARY_PREFIX.as_bytes()) {
            return Ok(());
        }
        let left = if found.is_symlink() {
            // Git takes no such link.
            (name == b".gitmodules").then_some(Left::Special)
        } else if !found.is_file() {
            Some(Left::Special)
        } else if found.len() > self.config.max_file_bytes {
            Some(Left::TooLarge)
        } else if found.mode() & ANYBODY_READS != ANYBODY_READS && !self.is_readable(&path) {
            Some(Left::Unreadable)
        } else {
            None
        };
        if let Some(left) = left {
            self.survey.left.insert(path, left);
            return Ok(());
        }
        self.survey.files.insert(path, Stamp::of(found));
        self.survey.bytes += found.len();
        self.within("files", self.survey.files.len() as u64, self.config.max_files)?;
        self.within("bytes", self.survey.bytes, self.config.max_tree_bytes)
    }

    /// What is covered although the rules ignore it by now.
    fn add_known(&mut self, rules: &Rules) -> Result<(), SnapshotError> {
        let mut folders = HashMap::new();
        for path in &rules.known {
            self.count()?;
            if self.survey.files.contains_key(path) || path.components().any(|part| is_git(Path::new(&part)))
            {
                continue;
            }
            if self.survey.left.get(path).is_some_and(|why| *why != Left::Ignored) {
                continue;
            }
            let parents = path.ancestors().skip(1).take_while(|parent| !parent.as_os_str().is_empty());
            let mut reachable = true;
            for parent in parents {
                let known = folders.entry(parent).or_insert_with(|| {
                    let found = self.root.path.join(parent).symlink_metadata().ok();
                    found.filter(Metadata::is_dir).map(|found| found.mode() & PERMISSIONS)
                });
                let Some(mode) = known else {
                    reachable = false;
                    break;
                };
                self.survey.folders.entry(parent.to_owned()).or_insert(*mode);
            }
            let found = self.root.path.join(path).symlink_metadata();
            if let Ok(found) = found
                && reachable
                && !found.is_dir()
            {
                self.survey.left.remove(path);
                self.add(path.clone(), &found)?;
            }
        }
        Ok(())
    }

    fn is_readable(&self, path: &Path) -> bool {
        rustix::fs::accessat(CWD, self.root.path.join(path), Access::READ_OK, AtFlags::empty()).is_ok()
    }

    fn within(&self, unit: &'static str, count: u64, limit: u64) -> Result<(), SnapshotError> {
        if count <= limit {
            return Ok(());
        }
        Err(SnapshotError::TooLarge { root: self.root.path.clone(), limit, unit })
    }

    fn count(&mut self) -> Result<(), SnapshotError> {
        self.entries += 1;
        if self.entries.is_multiple_of(ENTRIES_A_LOOK) { self.watch.check() } else { Ok(()) }
    }
}

/// Whether the last name is the one that Git keeps for itself, in any spelling a file system may take for it.
fn is_git(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.eq_ignore_ascii_case(".git"))
}

pub(super) fn is_link(mode: u32) -> bool {
    mode & 0o170_000 == 0o120_000
}

/// Git goes by the owner's bit.
pub(super) fn is_program(mode: u32) -> bool {
    mode & 0o100 != 0
}

fn most_common(modes: impl Iterator<Item = u32>) -> Option<u32> {
    let mut counts = BTreeMap::new();
    for mode in modes {
        *counts.entry(mode).or_insert(0_u64) += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(mode, _)| mode)
}
