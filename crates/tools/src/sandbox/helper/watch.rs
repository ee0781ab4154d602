//! What must not come to be and could not be prevented: it is moved aside, and told.

use super::Reporter;
use crate::sandbox::{Confinement, confinement::Link, report::Note, support::Means};
use rustix::{
    fs::{
        AtFlags, CWD, Mode, OFlags, RenameFlags, ResolveFlags, openat2, readlinkat, renameat_with, statat,
        symlinkat,
    },
    io::Errno,
};
use std::{
    ffi::{OsStr, OsString},
    io,
    os::{fd::OwnedFd, unix::ffi::OsStringExt},
    path::{Path, PathBuf},
    time::Duration,
};

/// What is appended to the name of what was moved aside.
const ASIDE: &str = "refused-by-everturn";
/// More than can be needed of one name.
const MAX_ASIDE: u32 = 1_000;
/// How often it is looked whether a command whose supervisor was killed goes on changing links.
const MAX_LOOKS: u32 = 20;
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// How a place has to be.
enum Expected {
    Absent,
    Link(PathBuf),
}

/// Places of one launch that are looked at while it runs, and at its end.
pub(super) struct Watch {
    places: Vec<(PathBuf, Expected)>,
}

impl Watch {
    pub(super) fn over(confinement: &Confinement, means: &Means) -> Self {
        let links =
            confinement.links.iter().map(|link| (link.path.clone(), Expected::Link(link.target.clone())));
        let absent = confinement.reserved.iter().filter(|_| *means == Means::Landlock);
        Self { places: links.chain(absent.map(|place| (place.clone(), Expected::Absent))).collect() }
    }

    /// Moves aside what is not as it has to be.
    pub(super) fn look(&mut self, reporter: &mut Reporter) {
        for (place, expected) in &self.places {
            let restored = match open_folder(place) {
                // Where there is no folder there is nothing in it either.
                Err(Errno::NOENT) if matches!(expected, Expected::Absent) => continue,
                Err(error) => Err(error.into()),
                Ok((folder, name)) if is_as(&folder, name, expected) => continue,
                Ok((folder, name)) => restore(&folder, name, expected),
            };
            let shown = place.display();
            reporter.note(&Note::Undone(match restored {
                Ok(Some(aside)) => format!(
                    "{shown} has to stay as it was in the sandbox, so what the command made there is now {}.",
                    place.with_file_name(aside).display()
                ),
                Ok(None) => format!("{shown} has to stay as it was in the sandbox; it was put back."),
                Err(error) => format!(
                    "{shown} has to stay as it was in the sandbox, but cannot be moved aside: {error}."
                ),
            }));
        }
    }
}

/// Puts links back that a command has changed whose supervisor was killed. It may take a moment until the last of its
/// processes has ended, so it is looked again until nothing changes.
pub(in crate::sandbox) fn put_back(links: &[Link]) {
    for _ in 0..MAX_LOOKS {
        let mut is_changed = false;
        for link in links {
            let expected = Expected::Link(link.target.clone());
            let Ok((folder, name)) = open_folder(&link.path) else { continue };
            if !is_as(&folder, name, &expected) {
                is_changed = true;
                if let Err(error) = restore(&folder, name, &expected) {
                    tracing::warn!(%error, link = %link.path.display(), "a link that a command has changed stays so");
                }
            }
        }
        if !is_changed {
            return;
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// The folder a place is in, and its name there. No link is followed: this process may do what the command may not, and must
/// not be led elsewhere by a link that the command puts on the way.
fn open_folder(place: &Path) -> Result<(OwnedFd, &OsStr), Errno> {
    let (Some(folder), Some(name)) = (place.parent(), place.file_name()) else { return Err(Errno::INVAL) };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok((openat2(CWD, folder, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS)?, name))
}

fn is_as(folder: &OwnedFd, name: &OsStr, expected: &Expected) -> bool {
    match expected {
        Expected::Absent => statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).is_err(),
        Expected::Link(target) => readlinkat(folder, name, Vec::new())
            .is_ok_and(|found| *target == Path::new(&OsString::from_vec(found.into_bytes()))),
    }
}

/// Makes the place as it has to be. The name that what was there has now.
fn restore(folder: &OwnedFd, name: &OsStr, expected: &Expected) -> io::Result<Option<OsString>> {
    let aside = move_aside(folder, name)?;
    if let Expected::Link(target) = expected {
        symlinkat(target, folder, name)?;
    }
    Ok(aside)
}

/// Gives what is under a name another name beside it, which means nothing to anybody.
fn move_aside(folder: &OwnedFd, name: &OsStr) -> io::Result<Option<OsString>> {
    for number in 1..=MAX_ASIDE {
        let mut aside = name.to_owned();
        aside.push(format!(".{ASIDE}-{number}"));
        match renameat_with(folder, name, folder, &aside, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(Some(aside)),
            Err(Errno::EXIST) => {}
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
    Err(io::Error::other("there are too many of them"))
}
