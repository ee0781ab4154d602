//! [`CredentialStore`]: the keys that `everturn login` keeps, in a file or in the keyring of the operating system.

mod error;
mod file;
mod keyring;

pub use error::CredentialError;
pub use keyring::{Keyring, KeyringError, system_keyring};

use crate::CredentialsStore;
use file::AuthFile;
use secrecy::SecretString;
use std::{
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The keys of model providers, by the names of the providers.
///
/// * `File` keeps them in `auth.json` in the data folder. Only its owner can read it; a file that others can read is
///   corrected when the store is opened, and [`warnings`](Self::warnings) says so.
/// * `Keyring` keeps them in the keyring of the operating system. The file has the names only.
/// * `Auto` writes to the keyring where there is one, else to the file, and reads whichever has the key.
///
/// The keyring is not touched before a key is read from it or written to it, because it may ask the user and takes its
/// time; with `File` never. Its calls block. Several processes may write at once: each changes its own entry only. What
/// is written is on the disk when a call returns.
///
/// Whoever reads keys from here hands them to the redactor, [`filed`](Self::filed) at the start and others as they are
/// read, so that no key comes into the journal.
#[derive(Debug)]
pub struct CredentialStore {
    file: AuthFile,
    /// Where `None`, only the file is used.
    keyring: Option<Arc<dyn Keyring>>,
    mode: CredentialsStore,
    warnings: Vec<String>,
}

/// Where a key is kept now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialPlace {
    /// A file.
    File(PathBuf),
    /// The keyring of the operating system.
    Keyring,
}

impl fmt::Display for CredentialPlace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(out, "{}", path.display()),
            Self::Keyring => out.write_str("the keyring"),
        }
    }
}

impl CredentialStore {
    /// The store in a data folder, with the keyring of this system. This program can be built without one (it is by
    /// default: cargo feature `keyring`); then `Auto` is the file, and `Keyring` an error.
    ///
    /// # Errors
    /// There is no keyring and nothing else is wanted; others can read the file, and this cannot be corrected.
    pub fn open(home: &Path, mode: CredentialsStore) -> Result<Self, CredentialError> {
        Self::opened(home, mode, system_keyring())
    }

    /// The store in a data folder, with a keyring of the host's own.
    ///
    /// # Errors
    /// Others can read the file, and this cannot be corrected.
    pub fn with_keyring(
        home: &Path,
        mode: CredentialsStore,
        keyring: Arc<dyn Keyring>,
    ) -> Result<Self, CredentialError> {
        Self::opened(home, mode, Some(keyring))
    }

    fn opened(
        home: &Path,
        mode: CredentialsStore,
        keyring: Option<Arc<dyn Keyring>>,
    ) -> Result<Self, CredentialError> {
        let keyring = match (mode, keyring) {
            (CredentialsStore::File, _) => None,
            (CredentialsStore::Keyring, None) => return Err(CredentialError::NoKeyring),
            (CredentialsStore::Keyring | CredentialsStore::Auto, keyring) => keyring,
        };
        let file = AuthFile::new(home);
        let warnings = file.close_to_others()?.into_iter().collect();
        Ok(Self { file, keyring, mode, warnings })
    }

    /// What the user should know.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The key of a provider.
    ///
    /// # Errors
    /// The file or the keyring cannot be read.
    pub fn get(&self, provider: &str) -> Result<Option<SecretString>, CredentialError> {
        let ask = |keyring: &Arc<dyn Keyring>| keyring.get(provider).map_err(CredentialError::Keyring);
        match (self.mode, &self.keyring) {
            (CredentialsStore::Keyring, Some(keyring)) => ask(keyring),
            (_, keyring) => {
                let kept = self.file.read()?;
                match (kept.key(provider), keyring) {
                    (Some(key), _) => Ok(Some(key)),
                    (None, Some(keyring)) if kept.is_in_keyring(provider) => ask(keyring),
                    (None, _) => Ok(None),
                }
            }
        }
    }

    /// Keeps a key in place of the one that there was, and says where.
    ///
    /// # Errors
    /// The file or the keyring cannot be written. With `Auto` a keyring that does not work is no error: the file has the
    /// key then.
    pub fn put(&self, provider: &str, key: &SecretString) -> Result<CredentialPlace, CredentialError> {
        if let Some(keyring) = &self.keyring {
            match (keyring.put(provider, key), self.mode) {
                (Ok(()), _) => {
                    self.file.change(|kept| kept.put_in_keyring(provider))?;
                    return Ok(CredentialPlace::Keyring);
                }
                (Err(_), CredentialsStore::Auto) => {}
                (Err(error), _) => return Err(CredentialError::Keyring(error)),
            }
        }
        self.file.change(|kept| kept.put(provider, key))?;
        Ok(CredentialPlace::File(self.file.path().to_owned()))
    }

    /// Forgets a key, wherever this store keeps it; whether there was one. With `File`, a key that an earlier setting put
    /// into the keyring stays there.
    ///
    /// # Errors
    /// The file or the keyring cannot be written.
    pub fn remove(&self, provider: &str) -> Result<bool, CredentialError> {
        let kept = self.file.read()?;
        let was_filed = kept.key(provider).is_some();
        if was_filed {
            self.file.change(|kept| kept.remove(provider))?;
        }
        let is_listed = kept.is_in_keyring(provider);
        match &self.keyring {
            Some(keyring) if is_listed || self.mode == CredentialsStore::Keyring => {
                let was_in_keyring = keyring.remove(provider).map_err(CredentialError::Keyring)?;
                if is_listed {
                    self.file.change(|kept| kept.remove_from_keyring(provider))?;
                }
                Ok(was_filed || was_in_keyring)
            }
            _ => Ok(was_filed),
        }
    }

    /// The providers whose keys are kept. The keyring is not asked.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn list(&self) -> Result<BTreeSet<String>, CredentialError> {
        let kept = self.file.read()?;
        let mut names = BTreeSet::new();
        if self.mode != CredentialsStore::Keyring {
            names.extend(kept.filed_names().map(str::to_owned));
        }
        if self.keyring.is_some() {
            names.extend(kept.keyring_names().map(str::to_owned));
        }
        Ok(names)
    }

    /// Every key in the file, whatever the setting, for the redactor. A file that cannot be read has none: whoever wants
    /// a key of it is told why.
    pub fn filed(&self) -> Vec<SecretString> {
        self.file.read().map(|kept| kept.keys()).unwrap_or_default()
    }
}
