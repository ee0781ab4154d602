//! What must not come to be and could not be prevented: it is moved aside, and told.

use super::Reporter;
use crate::sandbox::{Confinement, report::Note, support::Means};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// What is appended to the name of what was moved aside.
const ASIDE: &str = "refused-by-everturn";
/// More than can be needed of one name.
const MAX_ASIDE: u32 = 1_000;

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
            let is_so = match expected {
                Expected::Absent => fs::symlink_metadata(place).is_err(),
                Expected::Link(target) => fs::read_link(place).is_ok_and(|found| found == *target),
            };
            if is_so {
                continue;
            }
            let moved = move_aside(place);
            if let Expected::Link(target) = expected {
                let _ = std::os::unix::fs::symlink(target, place);
            }
            let shown = place.display();
            reporter.note(&Note::Undone(match moved {
                Ok(Some(aside)) => format!(
                    "{shown} has to stay as it was in the sandbox, so what the command made there is now {}.",
                    aside.display()
                ),
                Ok(None) => format!("{shown} has to stay as it was in the sandbox; it was put back."),
                Err(error) => format!(
                    "{shown} has to stay as it was in the sandbox, but cannot be moved aside: {error}."
                ),
            }));
        }
    }
}

/// Gives what is at a place another name beside it, which means nothing to anybody.
fn move_aside(place: &Path) -> io::Result<Option<PathBuf>> {
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    for number in 1..=MAX_ASIDE {
        let aside = place.with_file_name(format!("{name}.{ASIDE}-{number}"));
        match rustix::fs::renameat_with(
            rustix::fs::CWD,
            place,
            rustix::fs::CWD,
            &aside,
            rustix::fs::RenameFlags::NOREPLACE,
        ) {
            Ok(()) => return Ok(Some(aside)),
            Err(rustix::io::Errno::EXIST) => {}
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
    Err(io::Error::other("there are too many of them"))
}
