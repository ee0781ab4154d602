//! [`KeySource`]: where the keys are.

use super::{CodecError, KeyRing};
use config::{CodecKeys, Environment, Keyring, system_keyring};
use secrecy::{ExposeSecret, SecretString};
use std::{
    fmt,
    fs::File,
    io::{ErrorKind, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Many times what keys ever take, in bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Where the keys are.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// In a file that only its owner can read.
    File(PathBuf),
    /// In an environment variable.
    Variable {
        /// Its name.
        name: String,
        /// What it is set to.
        value: Option<SecretString>,
    },
    /// In the keyring of the operating system.
    Keyring {
        /// The name of the entry.
        name: String,
        /// The keyring, if this program has one.
        keyring: Option<Arc<dyn Keyring>>,
    },
}

impl KeySource {
    /// What the configuration says.
    pub fn new(keys: &CodecKeys, environment: &Environment) -> Self {
        match keys {
            CodecKeys::File(path) => Self::File(path.clone()),
            CodecKeys::Variable(name) => {
                Self::Variable { name: name.clone(), value: environment.get(name).map(SecretString::from) }
            }
            CodecKeys::Keyring(name) => Self::Keyring { name: name.clone(), keyring: system_keyring() },
        }
    }

    /// Reads the keys.
    ///
    /// # Errors
    /// They are not there, not well-formed, or others can read them.
    pub fn read(&self) -> Result<KeyRing, CodecError> {
        let text = match self {
            Self::File(path) => read_key_file(path)?,
            Self::Variable { name, value } => {
                value.clone().ok_or_else(|| CodecError::NoVariable { name: name.clone() })?
            }
            Self::Keyring { name, keyring } => {
                let keyring = keyring.as_ref().ok_or(CodecError::NoKeyring)?;
                let kept = keyring.get(name).map_err(CodecError::Keyring)?;
                kept.ok_or_else(|| CodecError::NoEntry { name: name.clone() })?
            }
        };
        KeyRing::parse(text.expose_secret(), self.to_string())
    }
}

impl fmt::Display for KeySource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(out, "{}", path.display()),
            Self::Variable { name, .. } => write!(out, "the environment variable {name}"),
            Self::Keyring { name, .. } => write!(out, "the entry {name:?} of the keyring"),
        }
    }
}

/// The text of a file of keys that only its owner can read.
pub(super) fn read_key_file(path: &Path) -> Result<SecretString, CodecError> {
    let unreadable = |source| CodecError::Unreadable { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(CodecError::NoFile { path: path.to_owned() });
        }
        Err(error) => return Err(unreadable(error)),
    };
    // Of the file that is open, not of whatever has its name by now.
    let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(CodecError::Exposed { path: path.to_owned(), mode });
    }
    let mut text = String::new();
    file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        let message = format!("it has more than {MAX_FILE_BYTES} bytes");
        return Err(unreadable(std::io::Error::new(ErrorKind::FileTooLarge, message)));
    }
    Ok(SecretString::from(text))
}
