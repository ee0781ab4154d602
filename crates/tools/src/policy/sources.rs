//! Where rules come from. Files are looked at each time, and read again when they changed.

use super::{
    amend::{AmendError, Amended, amend_in},
    file::{MAX_FILE_BYTES, PolicyFault, Rule, parse},
};
use std::{
    collections::BTreeMap,
    fs, io,
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

/// The folder of rules in the everturn home.
pub const RULES_FOLDER: &str = "rules";
/// The file in it that approvals are written to.
pub const APPROVED_FILE: &str = "approved.toml";
/// How many files are read.
const MAX_FILES: usize = 64;
/// A file that changed so short ago may change again without its times telling.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// Where rules come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicySources {
    /// A folder whose `*.toml` are read in the order of their names. It need not be there.
    pub folder: Option<PathBuf>,
    /// Further files, from the configuration. They must be there.
    pub files: Vec<PathBuf>,
}

impl PolicySources {
    /// The rules of an everturn home, and these files.
    pub fn of_home(home: &Path, files: Vec<PathBuf>) -> Self {
        Self { folder: Some(home.join(RULES_FOLDER)), files }
    }
}

/// A file and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFile {
    /// The file.
    pub file: PathBuf,
    /// Its rules, or why none of them holds.
    pub rules: Result<Vec<Rule>, PolicyFault>,
}

/// All files with their rules, in the order they are read.
pub fn list(sources: &PolicySources) -> Vec<RuleFile> {
    let policy = PolicyStore::new(sources.clone()).read();
    policy.files.iter().map(|file| RuleFile::clone(file)).collect()
}

/// The rules as they are now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policy {
    files: Vec<Arc<RuleFile>>,
}

impl Policy {
    pub(super) fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.files.iter().flat_map(|file| file.rules.iter().flatten())
    }

    pub(super) fn faults(&self) -> impl Iterator<Item = &PolicyFault> {
        self.files.iter().filter_map(|file| file.rules.as_ref().err())
    }

    #[cfg(test)]
    pub(super) fn of(file: &str, text: &str) -> Self {
        let file = PathBuf::from(file);
        let rules = parse(&file, text);
        Self { files: vec![Arc::new(RuleFile { file, rules })] }
    }
}

/// Tells whether a file is still the one that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: (i64, i64),
    changed: (i64, i64),
    bytes: u64,
    inode: (u64, u64),
}

impl Stamp {
    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            bytes: metadata.len(),
            inode: (metadata.dev(), metadata.ino()),
        }
    }
}

/// Reads rules, and keeps those of files that did not change.
#[derive(Debug)]
pub(crate) struct PolicyStore {
    sources: PolicySources,
    kept: Mutex<BTreeMap<PathBuf, (Stamp, Arc<RuleFile>)>>,
}

impl PolicyStore {
    pub(crate) fn new(sources: PolicySources) -> Self {
        Self { sources, kept: Mutex::default() }
    }

    /// The rules as they are now.
    pub(crate) fn read(&self) -> Policy {
        let mut paths = Vec::new();
        let mut files = Vec::new();
        if let Some(folder) = &self.sources.folder {
            match files_of(folder) {
                Ok(found) => paths.extend(found),
                Err(error) => files.push(unreadable(folder, &error)),
            }
        }
        paths.extend(self.sources.files.iter().cloned());
        if paths.len() > MAX_FILES {
            let why = format!("there are {} policy files; {MAX_FILES} are the most", paths.len());
            files.push(unreadable(&paths[MAX_FILES], &io::Error::other(why)));
            paths.truncate(MAX_FILES);
        }
        files.extend(paths.iter().map(|path| self.file(path)));
        Policy { files }
    }

    /// Adds a rule that was [offered](super::offer) and approved.
    pub(crate) fn approve(&self, words: &str) -> Result<Amended, AmendError> {
        let unwritable = || AmendError::Unwritable { prefix: vec![words.to_owned()] };
        let prefix = shlex::split(words).ok_or_else(unwritable)?;
        amend_in(self.sources.folder.as_deref().ok_or_else(unwritable)?, &prefix)
    }

    fn file(&self, path: &Path) -> Arc<RuleFile> {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) => return unreadable(path, &error),
        };
        let stamp = Stamp::of(&metadata);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, file)) = kept.get(path).filter(|(known, _)| *known == stamp) {
            return Arc::clone(file);
        }
        let rules = read(path, &metadata).and_then(|text| parse(path, &text));
        let file = Arc::new(RuleFile { file: path.to_owned(), rules });
        let settled = metadata.modified().ok().and_then(|at| SystemTime::now().duration_since(at).ok());
        if settled.is_some_and(|age| age > SETTLED_AFTER) {
            kept.insert(path.to_owned(), (stamp, Arc::clone(&file)));
        } else {
            kept.remove(path);
        }
        file
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Arc<RuleFile> {
    let fault = PolicyFault::Unreadable { file: path.to_owned(), why: error.to_string() };
    Arc::new(RuleFile { file: path.to_owned(), rules: Err(fault) })
}

/// The files of rules in a folder, by name. No folder, no files.
fn files_of(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !is_hidden && path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

pub(super) fn read(path: &Path, metadata: &fs::Metadata) -> Result<String, PolicyFault> {
    let fault = |why: String| PolicyFault::Unreadable { file: path.to_owned(), why };
    if !metadata.is_file() {
        return Err(fault("it is not a file".to_owned()));
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|error| fault(error.to_string()))?;
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|error| fault(error.to_string()))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(fault(format!("it is larger than {MAX_FILE_BYTES} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| fault("it is not UTF-8".to_owned()))
}
