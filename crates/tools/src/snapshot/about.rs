//! [`About`]: what the tree of a snapshot cannot hold. It is the message of the snapshot's commit.

use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

/// The version that this build writes, and the only one it reads.
pub(super) const VERSION: u32 = 1;

/// What the tree of a snapshot cannot hold. Paths are written so that every name is text again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct About {
    pub(super) version: u32,
    /// The permissions of files, programs and folders that are not in `modes`.
    pub(super) usual: Usual,
    /// Other permissions.
    #[serde(default)]
    pub(super) modes: BTreeMap<String, u32>,
    /// Folders with nothing in them.
    #[serde(default)]
    pub(super) empty: Vec<String>,
    /// What is there and not kept.
    #[serde(default)]
    pub(super) left: BTreeMap<String, Left>,
}

/// The permissions that most have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Usual {
    pub(super) file: u32,
    pub(super) program: u32,
    pub(super) folder: u32,
}

impl Default for Usual {
    fn default() -> Self {
        Self { file: 0o644, program: 0o755, folder: 0o755 }
    }
}

/// Why something is not kept. A folder that is not kept stands for all that is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Left {
    /// The user's rules say so.
    Ignored,
    /// The file is larger than is kept.
    TooLarge,
    /// It is a repository of its own: a submodule, a worktree, a clone.
    Repository,
    /// This user may not read it.
    Unreadable,
    /// Neither a file, nor a folder, nor a link; or a link of a name that Git does not take.
    Special,
}

/// A path as text: bytes that are not plain ASCII, and `%`, as `%` and two hexadecimal digits.
pub(super) fn path_to_text(path: &Path) -> String {
    let mut text = String::with_capacity(path.as_os_str().len());
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'%' | 0..=0x1f | 0x7f.. => text.push_str(&format!("%{byte:02x}")),
            _ => text.push(char::from(*byte)),
        }
    }
    text
}

/// The path that became this text.
pub(super) fn text_to_path(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        rest = more;
        let escaped = (*first == b'%').then(|| more.get(..2)).flatten();
        let decoded = escaped.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match decoded {
            Some(byte) => {
                bytes.push(byte);
                rest = more.get(2..).unwrap_or_default();
            }
            None => bytes.push(*first),
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_path_survives_being_text(bytes in proptest::collection::vec(1_u8..=255, 0..40)) {
            let path = PathBuf::from(OsString::from_vec(bytes));
            let text = path_to_text(&path);
            prop_assert!(text.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{text}");
            prop_assert_eq!(text_to_path(&text).into_os_string(), path.into_os_string());
        }
    }
}
