//! [`TaskFiles`]: the activities of this process on disk, so that the next one can tell the server that they died.
//!
//! Without it the server learns of it when the heartbeat is overdue, which takes seconds.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};
use temporalio_sdk::activities::ActivityInfo;

/// A folder with a file for each activity that runs.
#[derive(Debug)]
pub struct TaskFiles {
    folder: PathBuf,
    count: AtomicU64,
}

/// An activity that a process left behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftTask {
    /// Names the activity to the server, as base64.
    token: String,
    /// The workflow that waits for it.
    pub workflow: String,
}

/// Notes that an activity runs, until it is dropped.
#[derive(Debug)]
pub(super) struct TaskFile {
    path: Option<PathBuf>,
}

impl TaskFiles {
    /// Files in this folder, which no other process uses.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), count: AtomicU64::new(0) }
    }

    /// Notes an activity. Without the note its death is noticed later, so a failure stops nothing.
    pub(super) fn note(&self, info: &ActivityInfo) -> TaskFile {
        let task = LeftTask {
            token: STANDARD.encode(&info.task_token),
            workflow: info.workflow_id.clone().unwrap_or_default(),
        };
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join(format!("{}-{number}.json", std::process::id()));
        let written =
            serde_json::to_vec(&task).map_err(io::Error::from).and_then(|json| fs::write(&path, json));
        match written {
            Ok(()) => TaskFile { path: Some(path) },
            Err(error) => {
                tracing::warn!(%error, "an activity is not noted; should this process die, it is noticed late");
                TaskFile { path: None }
            }
        }
    }

    /// What another process left behind. Their files are gone then.
    pub fn take_left(&self) -> Vec<LeftTask> {
        if let Err(error) = fs::create_dir_all(&self.folder) {
            tracing::warn!(%error, folder = %self.folder.display(), "activities cannot be noted here");
        }
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        entries.filter_map(|entry| take(&entry.ok()?.path())).collect()
    }
}

fn take(path: &Path) -> Option<LeftTask> {
    let json = fs::read(path).ok()?;
    fs::remove_file(path).ok()?;
    serde_json::from_slice(&json).ok()
}

impl LeftTask {
    /// What names it to the server.
    pub fn token(&self) -> Vec<u8> {
        STANDARD.decode(&self.token).unwrap_or_default()
    }
}

impl Drop for TaskFile {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}
