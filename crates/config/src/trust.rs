//! [`Trust`]: whether what a project brings along may count. It is kept in the user's own file, so that no project can say
//! it of itself.

use crate::{
    CONFIG_FILE, ConfigError, KeyPath, Value,
    choice::{Choice, TrustLevel},
    origin::Lines,
    project::project_root,
    read::{File, read_file},
    settings::Settings,
};
use std::{
    fs::{self, File as Handle, OpenOptions, Permissions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};
use toml_edit::{DocumentMut, Item, Table, value};

/// Held while the file is changed. It stays: a lock on a file that is removed locks nothing.
const LOCK: &str = "config.toml.lock";
const NEW: &str = "config.toml.new";
/// A file that was not there is its owner's alone.
const MODE: u32 = 0o600;
const PROJECTS: &str = "projects";
const TRUST_LEVEL: &str = "trust_level";

/// Whether what a project brings along may count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// The user said yes.
    Trusted,
    /// The user said no.
    Untrusted,
    /// Nobody was asked yet. It counts as no.
    #[default]
    Unknown,
}

/// A project and what the user said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectTrust {
    /// Its root: the nearest folder with a `.git`, else the folder itself; without links.
    pub root: PathBuf,
    /// What the user said.
    pub trust: Trust,
}

/// What the user's file in `home` says of the project that `cwd` is in.
///
/// # Errors
/// Where the file cannot be read or is not TOML. Other mistakes in it do not matter here.
pub fn trust_of(home: &Path, cwd: &Path) -> Result<ProjectTrust, ConfigError> {
    let root = project_root(cwd);
    let path = home.join(CONFIG_FILE);
    let Some(text) = read_file(&path)? else { return Ok(ProjectTrust { root, trust: Trust::Unknown }) };
    let file = File::parse(&Lines::new(&path, &text), &path, None)?;
    let mut settings = Settings::default();
    for (path, setting) in file.top.settings {
        settings.put(path, setting);
    }
    let trust = trust_in(&settings, &root);
    Ok(ProjectTrust { root, trust })
}

/// What settings say of a project.
pub(crate) fn trust_in(settings: &Settings, root: &Path) -> Trust {
    let path = KeyPath::bare(PROJECTS).with(root.to_string_lossy()).with(TRUST_LEVEL);
    match settings.get(&path).map(|setting| &setting.value) {
        Some(Value::Text(word)) => match TrustLevel::of(word) {
            Some(TrustLevel::Trusted) => Trust::Trusted,
            Some(TrustLevel::Untrusted) => Trust::Untrusted,
            None => Trust::Unknown,
        },
        _ => Trust::Unknown,
    }
}

/// Why trust could not be written down.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The file cannot be read.
    #[error(transparent)]
    Unreadable(#[from] ConfigError),
    /// The file is written in a way that a table cannot be added to.
    #[error("{} {why}; add this by hand: [projects.\"{}\"] trust_level = \"{word}\"", file.display(), root.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What stands in the way.
        why: String,
        /// The project.
        root: PathBuf,
        /// What should be said of it.
        word: &'static str,
    },
    /// The file cannot be written.
    #[error("{} cannot be written: {source}", file.display())]
    Unwritable {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Writes down what the user says of the project that `cwd` is in, and returns its root. [`Trust::Unknown`] takes back what
/// was said. The rest of the file stays letter by letter what it was; others who change it at the same time wait.
///
/// # Errors
/// Where the file cannot be read, is not TOML, or cannot be written. Then it is what it was.
pub fn set_trust(home: &Path, cwd: &Path, trust: Trust) -> Result<PathBuf, TrustError> {
    let root = project_root(cwd);
    let file = home.join(CONFIG_FILE);
    let unwritable = |source| TrustError::Unwritable { file: file.clone(), source };
    let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(MODE).open(home.join(LOCK));
    let lock = lock.map_err(unwritable)?;
    hold(&lock).map_err(unwritable)?;
    // A link, as those have who keep their settings elsewhere, stays one.
    let target = file.canonicalize().unwrap_or_else(|_| file.clone());
    let text = read_file(&target)?.unwrap_or_default();
    let word = match trust {
        Trust::Trusted => Some("trusted"),
        Trust::Untrusted => Some("untrusted"),
        Trust::Unknown => None,
    };
    let changed = changed(&text, &root, word).map_err(|why| TrustError::Malformed {
        file: file.clone(),
        why,
        root: root.clone(),
        word: word.unwrap_or("untrusted"),
    })?;
    if changed != text {
        replace(&target, &changed).map_err(unwritable)?;
    }
    Ok(root)
}

/// The text with the word for a project, or why it cannot have it.
fn changed(text: &str, root: &Path, word: Option<&str>) -> Result<String, String> {
    let mut document: DocumentMut =
        text.parse().map_err(|error: toml_edit::TomlError| format!("is not TOML: {}", error.message()))?;
    let key = root.to_string_lossy();
    let fresh = || {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    };
    let Some(word) = word else {
        if let Some(projects) = document.get_mut(PROJECTS).and_then(Item::as_table_like_mut) {
            projects.remove(&key);
        }
        return Ok(document.to_string());
    };
    let projects = document.entry(PROJECTS).or_insert_with(fresh);
    let projects = projects.as_table_like_mut().ok_or("has a key `projects` that is no table")?;
    let project = projects.entry(&key).or_insert_with(|| Item::Table(Table::new()));
    let project = project
        .as_table_like_mut()
        .ok_or_else(|| format!("has a key `projects.\"{key}\"` that is no table"))?;
    project.insert(TRUST_LEVEL, value(word));
    Ok(document.to_string())
}

/// Writes a file whole or not at all, with the mode that it had.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mode = path.metadata().map_or(MODE, |found| found.permissions().mode() & 0o777);
    let new = path.with_file_name(NEW);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&new)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)
}

/// Waits for the lock. Its holder never waits for anybody, and it ends with its holder.
pub(crate) fn hold(lock: &Handle) -> io::Result<()> {
    loop {
        match lock.lock() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            held => return held,
        }
    }
}
