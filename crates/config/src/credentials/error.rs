//! [`CredentialError`]: why a key cannot be read or kept. No message has a key in it.

use super::KeyringError;
use std::{io, path::PathBuf};

/// A key cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The setting asks for a keyring, and this program has none.
    #[error(
        "cli_auth_credentials_store is \"keyring\", but this program was built without one: set it to \"file\", or \
         build with --features keyring"
    )]
    NoKeyring,
    /// The keyring did not do it.
    #[error("{0}; set cli_auth_credentials_store = \"file\" to do without the keyring")]
    Keyring(#[source] KeyringError),
    /// Others can read the file.
    #[error(
        "{} can be read by others (mode {mode:o}) and could not be corrected: {source}; make it yours alone with chmod \
         600, and replace the keys in it",
        path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
        /// Why they stay.
        #[source]
        source: io::Error,
    },
    /// The file cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is not what this program writes.
    #[error("{} is not as everturn login writes it: {why}; correct it, or move it away and log in again", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, without anything that the file says.
        why: String,
    },
    /// The file cannot be written.
    #[error("{} cannot be written: {source}; nothing was changed", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}
