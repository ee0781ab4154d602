//! [`SandboxConfig`]: what a host decides about the sandbox, beside the policy of a thread.

use super::{Level, Limits};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What stays as it is in every writable root: what Git and Everturn run or obey later, outside of any sandbox.
const PROTECTED_NAMES: [&str; 2] = [".git", ".everturn"];
/// Where people keep what no command of an agent needs.
const SECRETS: [&str; 18] = [
    ".ssh",
    ".gnupg",
    ".aws",
    ".azure",
    ".config/gcloud",
    ".config/gh",
    ".config/op",
    ".kube",
    ".docker/config.json",
    ".netrc",
    ".npmrc",
    ".pypirc",
    ".git-credentials",
    ".config/git/credentials",
    ".cargo/credentials.toml",
    ".terraform.d/credentials.tfrc.json",
    ".vault-token",
    ".local/share/keyrings",
];

/// What a host decides about the sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxConfig {
    /// The program that confines a command before it starts.
    pub helper: Helper,
    /// What stays as it is although it is in a writable root. A relative path is one in every writable root; it cannot be
    /// made either where it does not exist.
    pub protected: Vec<PathBuf>,
    /// What cannot be read. A relative path is one in every writable root.
    pub hidden: Vec<PathBuf>,
    /// Where commands keep temporary files.
    pub temp: TempSpace,
    /// How much one command may use.
    pub limits: Limits,
    /// For tests: nothing better than this is used, whatever the system can do.
    pub at_most: Level,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            helper: Helper::CurrentExe,
            protected: PROTECTED_NAMES.map(PathBuf::from).to_vec(),
            hidden: Vec::new(),
            temp: TempSpace::default(),
            limits: Limits::default(),
            at_most: Level::Best,
        }
    }
}

impl SandboxConfig {
    /// The usual one of a host whose data are in `home`: they can be neither read nor changed.
    pub fn of_home(home: impl Into<PathBuf>) -> Self {
        let home = home.into();
        let mut config = Self { hidden: vec![home.clone()], ..Self::default() };
        config.protected.push(home);
        config
    }
}

/// The program that confines a command before it starts: one that calls [`serve_launch`](super::serve_launch).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Helper {
    /// The program of this process.
    CurrentExe,
    /// Another one.
    Program(PathBuf),
}

/// Where commands keep temporary files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TempSpace {
    /// In a space of each command's own, which `TMPDIR` names and which goes with it.
    #[default]
    Private,
    /// Also in `/tmp`, which all programs share. Only where the policy allows writing at all.
    Shared,
}

/// Where secrets usually are in a user's home: keys, cloud credentials, tokens. For [`SandboxConfig::hidden`].
pub fn usual_secrets(home: &Path) -> Vec<PathBuf> {
    SECRETS.iter().map(|path| home.join(path)).collect()
}
