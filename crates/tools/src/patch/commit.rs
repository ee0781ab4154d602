//! Putting a plan on disk: verify, stage, switch; and undoing it when any of that fails.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, Stat, fchmod};

use super::disk::{Dir, Found, same_file, split};
use super::draft::Before;
use super::error::PatchError;

/// Begins the name of every temporary file and backup.
const TEMPORARY_PREFIX: &str = ".everturn-patch-";
/// Names that may be taken before the search for a free one stops.
const MAX_NAME_TRIES: usize = 1_000;
/// The bits that are carried over to a new file: not set-uid, set-gid and sticky.
const PERMISSION_BITS: Mode = Mode::RWXU.union(Mode::RWXG).union(Mode::RWXO);

/// What happens at one real path.
#[derive(Debug)]
pub(super) struct Effect {
    pub(super) shown: String,
    pub(super) real: PathBuf,
    /// What the plan saw there; anything else stops the commit.
    pub(super) before: Before,
    /// `None` removes it.
    pub(super) write: Option<NewFile>,
}

/// A file to be written.
#[derive(Debug)]
pub(super) struct NewFile {
    pub(super) bytes: Arc<Vec<u8>>,
    /// The file whose owner and permission bits it takes; `None` for the process defaults.
    pub(super) like: Option<Stat>,
}

/// Carries out all effects or none. Returns backups that could not be removed.
pub(super) fn commit(
    effects: &[Effect],
    before_switch: &mut dyn FnMut(usize),
) -> Result<Vec<String>, PatchError> {
    let mut transaction = Transaction::default();
    match transaction.run(effects, before_switch) {
        Ok(()) => Ok(transaction.drop_backups()),
        Err(cause) => Err(transaction.roll_back(cause)),
    }
}

/// What has been done so far.
#[derive(Default)]
struct Transaction {
    /// Parents before children.
    made_dirs: Vec<PathBuf>,
    /// Includes those that have been renamed since.
    temporary: Vec<PathBuf>,
    switched: Vec<Switched>,
    /// Number of the next temporary name.
    serial: usize,
}

enum Switched {
    /// A file stands where nothing stood.
    Created { real: PathBuf, stat: Stat },
    /// What stood here has this second, or now only, name.
    BackedUp { real: PathBuf, backup: PathBuf },
}

impl Transaction {
    fn run(&mut self, effects: &[Effect], before_switch: &mut dyn FnMut(usize)) -> Result<(), PatchError> {
        let mut seen = Vec::with_capacity(effects.len());
        for effect in effects {
            seen.push(effect.verify()?);
        }
        let mut staged = Vec::with_capacity(effects.len());
        for effect in effects {
            let stage = |new| self.stage(&effect.real, new);
            let temporary = effect.write.as_ref().map(stage).transpose();
            staged.push(temporary.map_err(|error| effect.io("write the new contents", error))?);
        }
        for (number, ((effect, seen), temporary)) in effects.iter().zip(&seen).zip(&staged).enumerate() {
            before_switch(number);
            self.switch(effect, seen.as_ref(), temporary.as_deref())?;
        }
        Ok(())
    }

    /// Writes a new file beside its place.
    fn stage(&mut self, real: &Path, new: &NewFile) -> io::Result<PathBuf> {
        let (parent, _) = split(real)?;
        let dir = Dir::open_or_create(parent, &mut self.made_dirs)?;
        let mode = if new.like.is_some() { 0o600 } else { 0o666 };
        let (name, mut file) = self.with_free_name(|name| dir.create(name, Mode::from_raw_mode(mode)))?;
        let temporary = parent.join(name);
        self.temporary.push(temporary.clone());
        file.write_all(&new.bytes)?;
        if let Some(like) = new.like {
            let own = file.metadata()?;
            if (own.uid(), own.gid()) != (like.st_uid, like.st_gid) {
                // Only root may give files away; a file that stays ours is what any editor would leave.
                let _ = fchown(&file, Some(like.st_uid), Some(like.st_gid));
            }
            fchmod(&file, Mode::from_raw_mode(like.st_mode) & PERMISSION_BITS)?;
        }
        file.sync_all()?;
        Ok(temporary)
    }

    /// Puts one effect in place.
    fn switch(
        &mut self,
        effect: &Effect,
        seen: Option<&Stat>,
        temporary: Option<&Path>,
    ) -> Result<(), PatchError> {
        let open = || split(&effect.real).and_then(|(parent, name)| Ok((Dir::open(parent)?, name)));
        let (dir, name) = open().map_err(|error| effect.unreachable(error))?;
        if let Some(seen) = seen {
            self.back_up(effect, &dir, seen, temporary.is_some())?;
        }
        let Some(temporary) = temporary else { return Ok(()) };
        let (_, staged) = split(temporary).map_err(|error| effect.io("name it", error))?;
        if seen.is_some() {
            return dir.rename(staged, name).map_err(|error| effect.io("replace it", error));
        }
        let stat = dir.stat(staged).map_err(|error| effect.io("look at its new contents", error))?;
        match dir.rename_new(staged, name) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(effect.stale()),
            Err(error) => return Err(effect.io("create it", error)),
        }
        self.switched.extend(stat.map(|stat| Switched::Created { real: effect.real.clone(), stat }));
        Ok(())
    }

    /// Gives what stands at the place another name, keeping the first one when it will be replaced.
    fn back_up(
        &mut self,
        effect: &Effect,
        dir: &Dir,
        seen: &Stat,
        keep_name: bool,
    ) -> Result<(), PatchError> {
        let fail = |error| effect.io("back it up", error);
        let (parent, name) = split(&effect.real).map_err(fail)?;
        let is_seen = |stat: Option<Stat>| stat.is_some_and(|stat| same_file(&stat, seen));
        if !is_seen(dir.stat(name).map_err(fail)?) {
            return Err(effect.stale());
        }
        // Not every file system has hard links; the file is then missing for an instant.
        let linked = if keep_name { self.with_free_name(|backup| dir.link(name, backup)).ok() } else { None };
        let (backup, ()) = match linked {
            Some(linked) => linked,
            None => self.with_free_name(|backup| dir.rename_new(name, backup)).map_err(fail)?,
        };
        let still_seen = dir.stat(&backup).map(is_seen);
        self.switched.push(Switched::BackedUp { real: effect.real.clone(), backup: parent.join(backup) });
        // Something else took the place in the last instant: it goes back, and the commit ends.
        if still_seen.map_err(fail)? { Ok(()) } else { Err(effect.stale()) }
    }

    fn with_free_name<T>(
        &mut self,
        mut use_name: impl FnMut(&OsString) -> io::Result<T>,
    ) -> io::Result<(OsString, T)> {
        for _ in 0..MAX_NAME_TRIES {
            let name = OsString::from(format!("{TEMPORARY_PREFIX}{}-{}", std::process::id(), self.serial));
            self.serial += 1;
            match use_name(&name) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                result => return result.map(|value| (name, value)),
            }
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, "no free name for a temporary file"))
    }

    fn drop_backups(self) -> Vec<String> {
        let backups = self.switched.into_iter().filter_map(|switched| match switched {
            Switched::BackedUp { backup, .. } => Some(backup),
            Switched::Created { .. } => None,
        });
        let failed =
            |backup: PathBuf| remove(&backup).err().map(|error| format!("{}: {error}", backup.display()));
        backups.filter_map(failed).collect()
    }

    /// Undoes everything in reverse order; the error to report.
    fn roll_back(self, cause: PatchError) -> PatchError {
        let mut left = Vec::new();
        for switched in self.switched.iter().rev() {
            let (path, undone) = match switched {
                Switched::Created { real, stat } => (real, remove_if_same(real, stat)),
                Switched::BackedUp { real, backup } => (real, restore(real, backup)),
            };
            if let Err(error) = undone {
                let kept = match switched {
                    Switched::BackedUp { backup, .. } => {
                        format!(", the old contents are in {}", backup.display())
                    }
                    Switched::Created { .. } => String::new(),
                };
                left.push(format!("{}: {error}{kept}", path.display()));
            }
        }
        for temporary in &self.temporary {
            if let Err(error) = remove(temporary) {
                left.push(format!("{}: {error}", temporary.display()));
            }
        }
        for dir in self.made_dirs.iter().rev() {
            if let Err(error) = in_directory(dir, |parent, name| parent.remove_empty_dir(name)) {
                left.push(format!("{}: {error}", dir.display()));
            }
        }
        if left.is_empty() { cause } else { PatchError::RollBack { cause: Box::new(cause), left } }
    }
}

impl Effect {
    /// The file as it is now, or `None` when there is none; an error when the plan saw something else.
    fn verify(&self) -> Result<Option<Stat>, PatchError> {
        let (parent, name) = split(&self.real).map_err(|error| self.io("name it", error))?;
        let dir = match (Dir::open(parent), &self.before) {
            (Ok(dir), _) => dir,
            (Err(error), Before::Absent) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            (Err(error), _) => return Err(self.unreachable(error)),
        };
        let found = dir.look(name).map_err(|error| self.io("read it", error))?;
        match (&self.before, found) {
            (Before::Absent, Found::Absent) => Ok(None),
            (Before::File { bytes: old, .. }, Found::File { bytes, stat }) if *old == bytes => Ok(Some(stat)),
            (Before::Link { target: old }, Found::Link { target, stat }) if *old == target => Ok(Some(stat)),
            _ => Err(self.stale()),
        }
    }

    fn stale(&self) -> PatchError {
        PatchError::Stale { path: self.shown.clone() }
    }

    fn io(&self, action: &'static str, source: io::Error) -> PatchError {
        PatchError::Io { path: self.shown.clone(), action, source }
    }

    /// Its directory could not be opened: gone, or a link now, or really not to be opened.
    fn unreachable(&self, error: io::Error) -> PatchError {
        let is_loop = rustix::io::Errno::from_io_error(&error) == Some(rustix::io::Errno::LOOP);
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => self.stale(),
            _ if is_loop => self.stale(),
            _ => self.io("open its directory", error),
        }
    }
}

/// Renames the backup over whatever stands there now.
fn restore(real: &Path, backup: &Path) -> io::Result<()> {
    let (_, from) = split(backup)?;
    in_directory(real, |dir, name| {
        dir.rename(from, name)?;
        // Renaming one name of a file to another name of the same file leaves both.
        dir.remove(from)
    })
}

fn remove_if_same(real: &Path, stat: &Stat) -> io::Result<()> {
    in_directory(real, |dir, name| match dir.stat(name)? {
        Some(now) if !same_file(&now, stat) => Err(io::Error::other("another file has taken this name")),
        Some(_) => dir.remove(name),
        None => Ok(()),
    })
}

fn remove(real: &Path) -> io::Result<()> {
    in_directory(real, |dir, name| dir.remove(name))
}

fn in_directory<T>(real: &Path, act: impl FnOnce(&Dir, &std::ffi::OsStr) -> io::Result<T>) -> io::Result<T> {
    let (parent, name) = split(real)?;
    act(&Dir::open(parent)?, name)
}
