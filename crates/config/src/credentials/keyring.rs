//! [`Keyring`]: the keyring of the operating system, or one that stands in for it.

use secrecy::SecretString;
use std::{fmt, sync::Arc};

/// Keeps secrets by name. Calls block, and may ask the user to unlock the keyring.
pub trait Keyring: fmt::Debug + Send + Sync {
    /// The secret of this name.
    ///
    /// # Errors
    /// The keyring cannot be reached or does not open. That there is no such secret is no error.
    fn get(&self, name: &str) -> Result<Option<SecretString>, KeyringError>;

    /// Keeps a secret in place of the one of this name.
    ///
    /// # Errors
    /// The keyring cannot be reached, does not open, or does not take it. Nothing is kept then.
    fn put(&self, name: &str, secret: &SecretString) -> Result<(), KeyringError>;

    /// Forgets a secret; whether there was one.
    ///
    /// # Errors
    /// The keyring cannot be reached or does not open.
    fn remove(&self, name: &str) -> Result<bool, KeyringError>;
}

/// The keyring did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the keyring of this system does not work: {why}")]
pub struct KeyringError {
    /// What it says, without the secret.
    pub why: String,
}

/// The keyring of this system; `None` where the program was built without (cargo feature `keyring`). It is not touched
/// before it is used.
pub fn system_keyring() -> Option<Arc<dyn Keyring>> {
    #[cfg(feature = "keyring")]
    return Some(Arc::new(of_this_system::SystemKeyring));
    #[cfg(not(feature = "keyring"))]
    None
}

#[cfg(feature = "keyring")]
mod of_this_system {
    use super::{Keyring, KeyringError};
    use keyring::{Entry, Error};
    use secrecy::{ExposeSecret, SecretString};

    /// What the entries of this program are found by.
    const SERVICE: &str = "everturn";

    /// The Secret Service on Linux, the Keychain on macOS. It is reached when it is first used.
    #[derive(Debug)]
    pub(super) struct SystemKeyring;

    impl Keyring for SystemKeyring {
        fn get(&self, name: &str) -> Result<Option<SecretString>, KeyringError> {
            match entry(name)?.get_password() {
                Ok(secret) => Ok(Some(SecretString::from(secret))),
                Err(Error::NoEntry) => Ok(None),
                Err(error) => Err(failed(&error)),
            }
        }

        fn put(&self, name: &str, secret: &SecretString) -> Result<(), KeyringError> {
            entry(name)?.set_password(secret.expose_secret()).map_err(|error| failed(&error))
        }

        fn remove(&self, name: &str) -> Result<bool, KeyringError> {
            match entry(name)?.delete_credential() {
                Ok(()) => Ok(true),
                Err(Error::NoEntry) => Ok(false),
                Err(error) => Err(failed(&error)),
            }
        }
    }

    fn entry(name: &str) -> Result<Entry, KeyringError> {
        if let Err(error) = Entry::store_status() {
            return Err(failed(error));
        }
        Entry::new(SERVICE, name).map_err(|error| failed(&error))
    }

    fn failed(error: &Error) -> KeyringError {
        let why = match error {
            // Both have the secret in them.
            Error::BadEncoding(_) => "the secret is not text".to_owned(),
            Error::BadDataFormat(..) => "the secret is not as the keyring writes it".to_owned(),
            other => other.to_string(),
        };
        KeyringError { why }
    }
}
