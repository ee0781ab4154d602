//! [`CodecError`]: why there are no keys. [`UnsealError`]: why a payload cannot be read. No message has a key in it.

use super::KeyId;
use config::KeyringError;
use std::{io, path::PathBuf};

/// The keys of the codec cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// There is no such file.
    #[error("the codec's keys are to be in {}, and there is no such file: everturn codec-key makes one", path.display())]
    NoFile {
        /// The file.
        path: PathBuf,
    },
    /// Others can read the file.
    #[error(
        "{} can be read by others (mode {mode:o}), so its keys are not used: make it yours alone with chmod 600, and add \
         a new key if somebody else uses this machine",
        path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
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
    /// The file cannot be written.
    #[error("{} cannot be written: {source}; nothing was changed", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The variable is not set.
    #[error("the codec's keys are to be in the environment variable {name}, which is not set")]
    NoVariable {
        /// Its name.
        name: String,
    },
    /// This program has no keyring.
    #[error(
        "the codec's keys are to be in the keyring, but this program was built without one: set temporal.codec.key_file \
         in place of temporal.codec.keyring, or build with --features keyring"
    )]
    NoKeyring,
    /// The keyring has no such entry.
    #[error("the codec's keys are to be in the entry {name:?} of the keyring, which is not there")]
    NoEntry {
        /// Its name.
        name: String,
    },
    /// The keyring did not do it.
    #[error("{0}; temporal.codec.key_file does without it")]
    Keyring(#[source] KeyringError),
    /// Nothing there is a key.
    #[error("{place} has no key: everturn codec-key makes one, as a line ID:KEY")]
    Empty {
        /// Where the keys were to be.
        place: String,
    },
    /// A line is not `ID:KEY`.
    #[error("{place}, line {line}: {why}")]
    Line {
        /// Where.
        place: String,
        /// Which line, from 1.
        line: usize,
        /// What is wrong, without the line.
        why: &'static str,
    },
    /// Two keys have the same id.
    #[error("{place}, line {line}: there is a key {id} already; give each key an id of its own")]
    Twice {
        /// Where.
        place: String,
        /// Which line, from 1.
        line: usize,
        /// The id.
        id: KeyId,
    },
    /// There is no such key.
    #[error("{place} has no key {id:?}; it has {}", known.join(", "))]
    NoSuchKey {
        /// Where.
        place: String,
        /// The id that was asked for.
        id: String,
        /// The ids there are.
        known: Vec<String>,
    },
    /// The operating system gives no randomness.
    #[error("the operating system gives no random bytes: {0}")]
    Random(getrandom::Error),
}

impl CodecError {
    /// Whether trying again may help without anybody doing something.
    pub fn retry(&self) -> bool {
        matches!(self, Self::Random(_))
    }

    /// A stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoFile { .. } | Self::NoVariable { .. } | Self::NoEntry { .. } | Self::Empty { .. } => {
                "codec_no_keys"
            }
            Self::Exposed { .. } => "codec_keys_exposed",
            Self::Unreadable { .. } | Self::Unwritable { .. } => "codec_key_file",
            Self::NoKeyring | Self::Keyring(_) => "codec_keyring",
            Self::Line { .. } | Self::Twice { .. } | Self::NoSuchKey { .. } => "codec_bad_keys",
            Self::Random(_) => "codec_random",
        }
    }
}

/// A payload cannot be encrypted or decrypted. This is what the SDK shows, with words of its own before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnsealError {
    /// Encrypted with a key that is not known here.
    #[error("payload is encrypted with key {id}, which is not in {place}; add it there as a line {id}:KEY")]
    UnknownKey {
        /// The key's id.
        id: KeyId,
        /// Where the known keys are.
        place: String,
    },
    /// Encrypted, and no keys are configured.
    #[error(
        "payload is encrypted with key {id}, and no keys are configured here: set temporal.codec.key_file to the file \
         that has it"
    )]
    Off {
        /// The key's id.
        id: KeyId,
    },
    /// The key is there and does not open it.
    #[error(
        "payload is encrypted with key {id}, which does not open it: the payload was changed, or {place} has another key \
         under this id"
    )]
    Changed {
        /// The key's id.
        id: KeyId,
        /// Where the known keys are.
        place: String,
    },
    /// It is not what this codec makes.
    #[error("payload says that it is encrypted by Everturn, but {what}")]
    Malformed {
        /// What is wrong with it.
        what: &'static str,
    },
    /// It could not be encrypted.
    #[error("payload could not be encrypted: {why}; nothing was sent")]
    NotSealed {
        /// Why.
        why: String,
    },
}
