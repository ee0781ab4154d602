//! [`TaskFiles`]: the activities of this process on disk, so that the next one can tell the server that they died.
//!
//! Without it the server learns of it when the heartbeat is overdue, which takes seconds. An activity that has answered may
//! die too: until the server has taken its answer. Nobody says when it has, so the notes of the last ones stay; telling the
//! server of one that it has heard of does nothing.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use std::{
    collections::VecDeque,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use temporalio_sdk::activities::ActivityInfo;

/// The notes of so many activities stay that have answered.
const MAX_ANSWERED: usize = 16;

/// A folder with a file for each activity that runs, and for the last that have answered.
#[derive(Debug)]
pub struct TaskFiles {
    folder: PathBuf,
    count: AtomicU64,
    answered: Mutex<VecDeque<PathBuf>>,
}

/// An activity that a process left behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftTask {
    /// Names the activity to the server, as base64.
    token: String,
    /// The workflow that waits for it.
    pub workflow: String,
}

/// Notes that an activity runs, until it is dropped and some more have been.
#[derive(Debug)]
pub(super) struct TaskFile<'a> {
    files: &'a TaskFiles,
    path: Option<PathBuf>,
}

impl TaskFiles {
    /// Files in this folder, which no other process uses.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), count: AtomicU64::new(0), answered: Mutex::default() }
    }

    /// Notes an activity. Without the note its death is noticed later, so a failure stops nothing.
    pub(super) fn note(&self, info: &ActivityInfo) -> TaskFile<'_> {
        let task = LeftTask {
            token: STANDARD.encode(&info.task_token),
            workflow: info.workflow_id.clone().unwrap_or_default(),
        };
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join(format!("{}-{number}.json", std::process::id()));
        let written =
            serde_json::to_vec(&task).map_err(io::Error::from).and_then(|json| fs::write(&path, json));
        match written {
            Ok(()) => TaskFile { files: self, path: Some(path) },
            Err(error) => {
                tracing::warn!(%error, "an activity is not noted; should this process die, it is noticed late");
                TaskFile { files: self, path: None }
            }
        }
    }

    /// Keeps the note of an activity that has answered, in place of the oldest.
    fn answered(&self, path: PathBuf) {
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        answered.push_back(path);
        if answered.len() > MAX_ANSWERED
            && let Some(oldest) = answered.pop_front()
        {
            let _ = fs::remove_file(oldest);
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

impl Drop for TaskFile<'_> {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            self.files.answered(path);
        }
    }
}

/// A process that ends in good order leaves nothing.
impl Drop for TaskFiles {
    fn drop(&mut self) {
        let answered = self.answered.get_mut().unwrap_or_else(PoisonError::into_inner);
        for path in answered.drain(..) {
            let _ = fs::remove_file(path);
        }
    }
}
