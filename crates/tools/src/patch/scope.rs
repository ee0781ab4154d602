//! Where a patch may write, and where a path really leads.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::error::{PatchError, Problem};
use crate::lexical::normal;

/// The folder no patch may touch, in any spelling a file system may take for it.
const GIT: &str = ".git";

/// Where a patch runs and what it may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Absolute. Relative paths of the patch start here.
    pub workdir: PathBuf,
    /// Absolute. `None` allows every place, an empty list none.
    pub writable_roots: Option<Vec<PathBuf>>,
    /// Absolute. These and everything in them stay as they are, also inside a root.
    pub protected: Vec<PathBuf>,
}

/// A path of the patch and the line that names it, for messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'p> {
    pub(super) line: usize,
    pub(super) path: &'p str,
}

impl Place<'_> {
    pub(super) fn refuse(self, problem: Problem) -> PatchError {
        PatchError::Target { line: self.line, path: self.path.to_owned(), problem }
    }

    pub(super) fn io(self, action: &'static str, source: io::Error) -> PatchError {
        PatchError::Io { path: self.path.to_owned(), action, source }
    }
}

/// A scope with its paths made real.
pub(super) struct Resolver {
    workdir: PathBuf,
    /// `workdir`, then the `cd` of the patch.
    base: PathBuf,
    roots: Option<Vec<PathBuf>>,
    protected: Vec<PathBuf>,
}

/// Where a path of the patch leads.
pub(super) struct Target {
    /// Relative to the working directory when inside it.
    pub(super) shown: String,
    /// The real directory and the last name, which may be a link.
    pub(super) entry: PathBuf,
    /// Where that link leads, when it is one.
    pub(super) link: Option<PathBuf>,
}

impl Resolver {
    pub(super) fn new(scope: &Scope, cd: Option<&str>) -> Result<Self, PatchError> {
        let shown = scope.workdir.to_string_lossy();
        let place = Place { line: 1, path: cd.unwrap_or(&shown) };
        let workdir =
            std::path::absolute(&scope.workdir).map_err(|e| place.io("find the working directory", e))?;
        let workdir = normal(&workdir);
        let base = normal(&workdir.join(cd.unwrap_or_default()));
        if !base.is_dir() {
            return Err(place.refuse(Problem::NoWorkdir));
        }
        let real = |path: &PathBuf| fs::canonicalize(path).unwrap_or_else(|_| normal(path));
        let roots = scope.writable_roots.as_ref().map(|roots| roots.iter().map(real).collect());
        // Both spellings count: a protected path that does not exist yet has only the one given.
        let protected = scope.protected.iter().flat_map(|path| [normal(path), real(path)]).collect();
        Ok(Self { workdir, base, roots, protected })
    }

    /// Follows every link on the way. The result has not been allowed yet.
    pub(super) fn resolve(&self, place: Place<'_>) -> Result<Target, PatchError> {
        let named = normal(&self.base.join(place.path));
        self.refuse_special_places(place, &named)?;
        let (Some(parent), Some(name)) = (named.parent(), named.file_name()) else {
            return Err(place.refuse(Problem::Directory));
        };
        if place.path.ends_with('/') {
            return Err(place.refuse(Problem::Directory));
        }
        let entry = real_directory(place, parent)?.join(name);
        let link = match fs::symlink_metadata(&entry) {
            Ok(found) if found.is_symlink() => Some(canonical(place, &entry)?),
            Ok(_) => None,
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(place.io("look at the path", error)),
        };
        let shown = named.strip_prefix(&self.workdir).unwrap_or(&named).to_string_lossy().into_owned();
        Ok(Target { shown, entry, link })
    }

    /// Whether the real place may be written.
    pub(super) fn allow(&self, place: Place<'_>, real: &Path) -> Result<(), PatchError> {
        self.refuse_special_places(place, real)?;
        match &self.roots {
            Some(roots) if !roots.iter().any(|root| real.starts_with(root)) => {
                Err(place.refuse(Problem::Outside(real.to_string_lossy().into_owned())))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn refuse_special_places(&self, place: Place<'_>, path: &Path) -> Result<(), PatchError> {
        if path.components().any(|part| part.as_os_str().eq_ignore_ascii_case(GIT)) {
            return Err(place.refuse(Problem::GitFolder));
        }
        if self.protected.iter().any(|protected| path.starts_with(protected)) {
            return Err(place.refuse(Problem::Protected));
        }
        Ok(())
    }
}

/// The real path of a directory that may not exist yet: its deepest existing ancestor made real, and the rest.
fn real_directory(place: Place<'_>, dir: &Path) -> Result<PathBuf, PatchError> {
    for ancestor in dir.ancestors() {
        match fs::symlink_metadata(ancestor) {
            Ok(_) => {
                let real = canonical(place, ancestor)?;
                if !real.is_dir() {
                    return Err(place.refuse(Problem::ParentNotDirectory));
                }
                let missing = dir.strip_prefix(ancestor).unwrap_or(Path::new(""));
                return Ok(missing.components().fold(real, |path, part| path.join(part)));
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(error) => return Err(broken(place, error)),
        }
    }
    Err(place.refuse(Problem::Missing))
}

fn canonical(place: Place<'_>, path: &Path) -> Result<PathBuf, PatchError> {
    fs::canonicalize(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => place.refuse(Problem::BrokenLink),
        _ => broken(place, error),
    })
}

fn broken(place: Place<'_>, error: io::Error) -> PatchError {
    if Errno::from_io_error(&error) == Some(Errno::LOOP) {
        return place.refuse(Problem::BrokenLink);
    }
    place.io("follow the path", error)
}
