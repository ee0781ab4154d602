//! What a home remembers of its server, `server.json`. Whether the server lives is not in it: the lock of the database says
//! that, and cannot be out of date.

use super::{DevServerError, shared::Stay};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Written and read under the start lock.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct State {
    /// Where the server listens or listened. The next one listens there too, so that clients of the old find the new.
    pub(super) port: Option<u16>,
    /// Where its pages are or were; only while it runs or has died.
    pub(super) ui_port: Option<u16>,
    /// What becomes of it when its last user leaves.
    pub(super) stay: Stay,
    /// How far it has come.
    pub(super) phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    /// There is none, but for one that was orphaned before this was written.
    #[default]
    Stopped,
    Running,
    /// It was told to stop. It may still answer for a moment, and is nobody's server any more.
    Stopping,
}

impl State {
    /// Reads it. What cannot be read is as good as nothing: a port is only a preference.
    pub(super) fn read(path: &Path) -> Self {
        let Ok(text) = std::fs::read(path) else { return Self::default() };
        serde_json::from_slice(&text).unwrap_or_else(|error| {
            tracing::warn!(path = %path.display(), %error, "what is remembered of the Temporal server cannot be read");
            Self::default()
        })
    }

    /// Writes it in one step: a reader finds the old or the new.
    pub(super) fn write(&self, path: &Path) -> Result<(), DevServerError> {
        let text = serde_json::to_vec(self).unwrap_or_default();
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        let new = PathBuf::from(name);
        std::fs::write(&new, text)
            .and_then(|()| std::fs::rename(&new, path))
            .map_err(DevServerError::files(path))
    }

    /// What is left of it when the server is stopped.
    pub(super) fn stopped(&self) -> Self {
        Self { port: self.port, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_survives_and_what_is_broken_counts_as_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.json");
        assert_eq!(State::read(&path), State::default());
        let state = State { port: Some(7), ui_port: Some(8), stay: Stay::AfterUsers, phase: Phase::Stopping };
        state.write(&path).unwrap();
        assert_eq!(State::read(&path), state);
        assert_eq!(state.stopped(), State { port: Some(7), ..State::default() });
        std::fs::write(&path, "{\"port\":").unwrap();
        assert_eq!(State::read(&path), State::default());
    }
}
