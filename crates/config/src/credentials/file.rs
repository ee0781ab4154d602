//! [`AuthFile`]: the file with the keys.

use super::CredentialError;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, OpenOptions, Permissions},
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

const NAME: &str = "auth.json";
/// Held while the file is changed. It stays: a lock on a file that is removed locks nothing.
const LOCK: &str = "auth.json.lock";
const NEW: &str = "auth.json.new";
/// What its owner may do, and nobody else.
const MODE: u32 = 0o600;
/// Many times what keys ever take.
const MAX_BYTES: u64 = 1024 * 1024;

/// `auth.json`. It is always whole: a change is written to another file, which then takes its place.
#[derive(Debug)]
pub(super) struct AuthFile {
    path: PathBuf,
    lock: PathBuf,
    new: PathBuf,
}

/// What the file says. What a later version adds is kept.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Kept {
    /// The keys, by provider.
    keys: BTreeMap<String, String>,
    /// The providers whose keys are in the keyring.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    keyring: BTreeSet<String>,
    #[serde(flatten)]
    unknown: BTreeMap<String, serde_json::Value>,
}

impl AuthFile {
    pub(super) fn new(home: &Path) -> Self {
        Self { path: home.join(NAME), lock: home.join(LOCK), new: home.join(NEW) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the file away from everybody but its owner; what to tell the user if that was needed.
    pub(super) fn close_to_others(&self) -> Result<Option<String>, CredentialError> {
        let Ok(metadata) = self.path.metadata() else { return Ok(None) };
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 == 0 {
            return Ok(None);
        }
        let exposed = |source| CredentialError::Exposed { path: self.path.clone(), mode, source };
        fs::set_permissions(&self.path, Permissions::from_mode(MODE)).map_err(exposed)?;
        Ok(Some(format!(
            "{} could be read by others (mode {mode:o}) and is yours alone again (mode {MODE:o}); replace the keys in it \
             if somebody else uses this machine",
            self.path.display()
        )))
    }

    /// What the file says; a file that is not there says nothing.
    pub(super) fn read(&self) -> Result<Kept, CredentialError> {
        let unreadable = |source| CredentialError::Unreadable { path: self.path.clone(), source };
        let malformed = |why| CredentialError::Malformed { path: self.path.clone(), why };
        let mut bytes = Vec::new();
        match File::open(&self.path) {
            Ok(file) => file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Kept::default()),
            Err(error) => return Err(unreadable(error)),
        };
        if bytes.len() as u64 > MAX_BYTES {
            return Err(malformed(format!("it has more than {MAX_BYTES} bytes")));
        }
        // What the parser says of a value may be a key, so only the place is told.
        serde_json::from_slice(&bytes).map_err(|error| {
            malformed(format!("something is wrong at line {} column {}", error.line(), error.column()))
        })
    }

    /// Changes what the file says. Others who do so at the same time wait.
    pub(super) fn change(&self, change: impl FnOnce(&mut Kept)) -> Result<(), CredentialError> {
        let unwritable = |source| CredentialError::Unwritable { path: self.path.clone(), source };
        let lock = private().create(true).truncate(false).open(&self.lock).map_err(unwritable)?;
        hold(&lock).map_err(unwritable)?;
        let mut kept = self.read()?;
        change(&mut kept);
        let mut bytes = serde_json::to_vec_pretty(&kept).map_err(|error| unwritable(error.into()))?;
        bytes.push(b'\n');
        if bytes.len() as u64 > MAX_BYTES {
            let message = format!("it would have more than {MAX_BYTES} bytes");
            return Err(unwritable(io::Error::new(ErrorKind::FileTooLarge, message)));
        }
        self.replace(&bytes).map_err(unwritable)
    }

    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        // One that is there was left by a process that died; nobody else writes, since this one holds the lock.
        match fs::remove_file(&self.new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut new = private().create_new(true).open(&self.new)?;
        new.set_permissions(Permissions::from_mode(MODE))?;
        new.write_all(bytes)?;
        new.sync_all()?;
        fs::rename(&self.new, &self.path)?;
        // The name is on the disk once its folder is.
        match self.path.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    }
}

/// Waits for the lock. Its holder never waits for anybody, and it ends with its holder.
fn hold(lock: &File) -> io::Result<()> {
    loop {
        match lock.lock() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            held => return held,
        }
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(MODE);
    options
}

impl Kept {
    pub(super) fn key(&self, provider: &str) -> Option<SecretString> {
        self.keys.get(provider).map(|key| SecretString::from(key.as_str()))
    }

    pub(super) fn keys(&self) -> Vec<SecretString> {
        self.keys.values().map(|key| SecretString::from(key.as_str())).collect()
    }

    pub(super) fn is_in_keyring(&self, provider: &str) -> bool {
        self.keyring.contains(provider)
    }

    pub(super) fn filed_names(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }

    pub(super) fn keyring_names(&self) -> impl Iterator<Item = &str> {
        self.keyring.iter().map(String::as_str)
    }

    pub(super) fn put(&mut self, provider: &str, key: &SecretString) {
        self.keys.insert(provider.to_owned(), key.expose_secret().to_owned());
    }

    /// The key is in the keyring now, and no longer here.
    pub(super) fn put_in_keyring(&mut self, provider: &str) {
        self.keys.remove(provider);
        self.keyring.insert(provider.to_owned());
    }

    pub(super) fn remove(&mut self, provider: &str) {
        self.keys.remove(provider);
    }

    /// The key is no longer in the keyring.
    pub(super) fn remove_from_keyring(&mut self, provider: &str) {
        self.keyring.remove(provider);
    }
}
