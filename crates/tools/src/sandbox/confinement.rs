//! [`Confinement`]: everything that one launch may touch.

use super::{Limits, SandboxConfig, TempSpace, git};
use agent_core::{NetworkAccess, SandboxPolicy};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Component, Path, PathBuf},
};

/// What is no place for files; nobody can mean to open it to a command.
const NOT_FOR_FILES: [&str; 3] = ["/proc", "/sys", "/dev"];
/// The mode of an empty folder that another launch keeps where nothing may come to be. Nobody else gives the sticky bit to a
/// folder that only its owner may write.
pub(super) const PLACEHOLDER_MODE: u32 = 0o1755;
/// More writable, protected or hidden places than anybody has.
const MAX_PLACES: usize = 512;
/// Links that lead on to links; the kernel follows as many.
const MAX_LINKS: usize = 40;

/// Everything that one launch may touch. All paths are absolute and real when it is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confinement {
    /// Directories with everything in them that may be changed. Nothing else may.
    pub writable: Vec<PathBuf>,
    /// What stays as it is although it is in one of them.
    pub protected: Vec<PathBuf>,
    /// What must not come to be in one of them.
    pub reserved: Vec<PathBuf>,
    /// Links in one of them that have to go on leading where they lead.
    pub links: Vec<Link>,
    /// What cannot be read.
    pub hidden: Vec<PathBuf>,
    /// Where temporary files go.
    pub temp: TempSpace,
    /// Whether the network can be reached.
    pub network: NetworkAccess,
    /// How much may be used.
    pub limits: Limits,
}

/// A symbolic link and where it leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The link.
    pub path: PathBuf,
    /// As the link says it.
    pub target: PathBuf,
}

/// Why a policy cannot be made a confinement.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfinementError {
    /// The policy confines nothing, or is newer than this version.
    #[error("the sandbox policy {0:?} is none that this version can hold a command to")]
    Policy(SandboxPolicy),
    /// A writable root that no sandbox could mean.
    #[error(
        "{0} cannot be a writable directory of the sandbox; name the directory that is worked in, or choose full access"
    )]
    Root(PathBuf),
    /// What is to be hidden holds what is to be worked in.
    #[error(
        "{hidden} is to be unreadable, but {root} in it is to be writable; move one of them or change the settings"
    )]
    HiddenRoot {
        /// To be unreadable.
        hidden: PathBuf,
        /// To be writable.
        root: PathBuf,
    },
    /// More places than there is room for.
    #[error(
        "the settings of the sandbox name {0} places, at most {MAX_PLACES} are possible; name their directories"
    )]
    TooMany(usize),
    /// A place could not be looked at.
    #[error("{path} cannot be looked at for the sandbox: {source}")]
    Io {
        /// The place.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Confinement {
    /// What a command may touch under a policy. `root` is the thread's working directory. Looks at the file system.
    ///
    /// # Errors
    /// The policy is no sandbox, or contradicts the settings of the host.
    pub fn of(policy: &SandboxPolicy, root: &Path, config: &SandboxConfig) -> Result<Self, ConfinementError> {
        let (roots, network): (Vec<PathBuf>, _) = match policy {
            SandboxPolicy::ReadOnly => (Vec::new(), NetworkAccess::Off),
            SandboxPolicy::WorkspaceWrite { writable_roots, network } => {
                let more = writable_roots.iter().map(PathBuf::from);
                (std::iter::once(root.to_owned()).chain(more).collect(), *network)
            }
            other => return Err(ConfinementError::Policy(other.clone())),
        };
        let mut made = Self {
            writable: Vec::new(),
            protected: Vec::new(),
            reserved: Vec::new(),
            links: Vec::new(),
            hidden: Vec::new(),
            temp: config.temp,
            network,
            limits: config.limits,
        };
        let shared = config.temp == TempSpace::Shared && !roots.is_empty();
        let mut open: Vec<PathBuf> = roots
            .iter()
            .cloned()
            .chain(shared.then(|| PathBuf::from("/tmp")))
            .map(|root| parent_made_real(&root))
            .collect::<Result<_, _>>()?;
        // The outermost first, for what is in it to be known as such.
        open.sort_by_key(|root| root.components().count());
        for root in open {
            made.open(&root)?;
        }
        for place in places(&config.protected, &roots) {
            made.protect(&place)?;
        }
        made.protect_from_above(config)?;
        let here = if roots.is_empty() { vec![root.to_owned()] } else { roots };
        for place in places(&config.hidden, &here) {
            made.hide(&place, root)?;
        }
        made.tidy()
    }

    /// What is there and has to stay as it is, in directories that may be changed.
    pub(super) fn first_protected(&self) -> Option<&Path> {
        self.protected.first().map(PathBuf::as_path)
    }

    fn open(&mut self, root: &Path) -> Result<(), ConfinementError> {
        // A command may have put a link in its place, which must not lead the next one out.
        if self.is_writable(root) {
            return Ok(());
        }
        let Some(root) = real(root)? else { return Ok(()) };
        let odd = NOT_FOR_FILES.iter().any(|place| root.starts_with(place));
        if root.parent().is_none() || odd || !root.is_dir() {
            return Err(ConfinementError::Root(root));
        }
        self.writable.push(root);
        Ok(())
    }

    fn is_writable(&self, path: &Path) -> bool {
        self.writable.iter().any(|root| path.starts_with(root))
    }

    /// The repository that a writable directory is in, further up, may have its hooks in that directory.
    fn protect_from_above(&mut self, config: &SandboxConfig) -> Result<(), ConfinementError> {
        for name in config.protected.iter().filter(|name| name.is_relative()) {
            for root in self.writable.clone() {
                let mut above = root.ancestors().skip(1).map(|folder| folder.join(name));
                if let Some(place) = above.find(|place| fs::symlink_metadata(place).is_ok()) {
                    self.protect(&place)?;
                }
            }
        }
        Ok(())
    }

    /// Keeps a place as it is, with what a repository there depends on, and what that depends on. Files may name each other
    /// in a circle, so each is looked at once.
    fn protect(&mut self, place: &Path) -> Result<(), ConfinementError> {
        let mut seen = BTreeSet::new();
        let mut open = vec![place.to_owned()];
        while let Some(place) = open.pop() {
            if !seen.insert(place.clone()) {
                continue;
            }
            if seen.len() > MAX_PLACES {
                return Err(ConfinementError::TooMany(seen.len()));
            }
            for dependency in self.protect_one(&place)? {
                // What does not exist yet must not come to be.
                if self.is_writable(&dependency) {
                    open.push(dependency);
                }
            }
        }
        Ok(())
    }

    /// Keeps one place as it is. What it depends on.
    fn protect_one(&mut self, place: &Path) -> Result<Vec<PathBuf>, ConfinementError> {
        self.keep_links(place)?;
        let named = parent_made_real(place)?;
        if self.is_writable(&named) {
            match fs::symlink_metadata(&named) {
                // It goes when that launch ends, so it is no more than a free place.
                Ok(found) if is_placeholder(&named, &found) => {
                    self.reserved.push(named);
                    return Ok(Vec::new());
                }
                Ok(_) => {}
                Err(_) => self.reserved.push(named.clone()),
            }
        }
        let Some(real) = real(place)? else {
            // Where a link leads to nothing, nothing may come to be.
            let link = self.links.iter().find(|link| link.path == named);
            let led = link.map(|link| named.parent().unwrap_or(&named).join(&link.target));
            return Ok(led.into_iter().collect());
        };
        let dependencies = git::dependencies(&real);
        if self.is_writable(&real) && !self.protected.contains(&real) {
            self.protected.push(real);
        }
        Ok(dependencies)
    }

    /// Keeps every link on the way to a place, and those they lead on to: any of them decides what is at the place.
    fn keep_links(&mut self, place: &Path) -> Result<(), ConfinementError> {
        let mut open = vec![place.to_owned()];
        let mut followed = 0;
        while let Some(path) = open.pop() {
            for part in path.ancestors().filter(|part| part.parent().is_some()) {
                let named = parent_made_real(part)?;
                let known = self.links.iter().any(|link| link.path == named);
                if known || !self.is_writable(&named) || followed > MAX_LINKS {
                    continue;
                }
                let Ok(target) = fs::read_link(&named) else { continue };
                followed += 1;
                // Not made plain by name: a `..` behind a link leads up from where the link leads.
                open.push(named.parent().unwrap_or(&named).join(&target));
                self.links.push(Link { path: named, target });
            }
        }
        Ok(())
    }

    fn hide(&mut self, place: &Path, cwd: &Path) -> Result<(), ConfinementError> {
        let Some(hidden) = real(place)? else { return Ok(()) };
        let cwd = real(cwd)?;
        if let Some(root) = self.writable.iter().chain(&cwd).find(|root| root.starts_with(&hidden)) {
            return Err(ConfinementError::HiddenRoot { hidden, root: root.clone() });
        }
        self.hidden.push(hidden);
        Ok(())
    }

    /// In a fixed order, without what is said twice or covered by something above it.
    fn tidy(mut self) -> Result<Self, ConfinementError> {
        for places in [&mut self.writable, &mut self.protected, &mut self.reserved, &mut self.hidden] {
            places.sort();
            places.dedup();
        }
        outermost(&mut self.hidden);
        self.links.sort_by(|a, b| a.path.cmp(&b.path));
        self.links.dedup();
        let places = self.writable.len() + self.protected.len() + self.reserved.len() + self.hidden.len();
        if places > MAX_PLACES {
            return Err(ConfinementError::TooMany(places));
        }
        Ok(self)
    }
}

fn is_placeholder(path: &Path, found: &fs::Metadata) -> bool {
    let is_marked = found.is_dir() && found.permissions().mode() & 0o7777 == PLACEHOLDER_MODE;
    is_marked && fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

/// The places that paths of the configuration mean: a relative one is one in every directory.
fn places(paths: &[PathBuf], directories: &[PathBuf]) -> Vec<PathBuf> {
    let mut places = Vec::new();
    for path in paths {
        if path.is_absolute() {
            places.push(path.clone());
        } else {
            places.extend(directories.iter().map(|directory| directory.join(path)));
        }
    }
    places
}

/// Leaves out what is inside of another one. Expects them sorted.
fn outermost(places: &mut Vec<PathBuf>) {
    let mut last: Option<PathBuf> = None;
    places.retain(|place| {
        let covered = last.as_ref().is_some_and(|above| place.starts_with(above));
        if !covered {
            last = Some(place.clone());
        }
        !covered
    });
}

/// The path with every link followed; `None` where nothing is there.
fn real(path: &Path) -> Result<Option<PathBuf>, ConfinementError> {
    match fs::canonicalize(path) {
        Ok(real) => Ok(Some(real)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(source) => Err(at(path, source)),
    }
}

/// The path with every link before its last part followed, as far as it exists.
fn parent_made_real(path: &Path) -> Result<PathBuf, ConfinementError> {
    let mut rest = PathBuf::new();
    for ancestor in path.ancestors() {
        if let Some(parent) = ancestor.parent()
            && let Some(name) = ancestor.components().next_back()
        {
            rest = match name {
                Component::Normal(name) => {
                    if rest.as_os_str().is_empty() {
                        PathBuf::from(name)
                    } else {
                        Path::new(name).join(&rest)
                    }
                }
                _ => break,
            };
            if let Some(found) = real(parent)? {
                return Ok(found.join(rest));
            }
        }
    }
    Ok(path.to_owned())
}

fn at(path: &Path, source: io::Error) -> ConfinementError {
    ConfinementError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
#[path = "confinement_tests.rs"]
mod tests;
