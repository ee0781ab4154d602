//! [`FakeWorkspace`]: snapshots that are only counted, hooks that are told beforehand.

use crate::{
    HookRequest, Hooked, RestoreAnswer, RestoreRequest, Snapshot, SnapshotAnswer, SnapshotRequest, Workspace,
};
use async_trait::async_trait;
use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

type Hook = dyn Fn(&HookRequest) -> Hooked + Send + Sync;
type Restore = dyn Fn(&RestoreRequest) -> RestoreAnswer + Send + Sync;

/// Snapshots are named after the turn, the moment and the attempt; restoring says that it was done.
pub struct FakeWorkspace {
    hook: Box<Hook>,
    restore: Box<Restore>,
    asked: Mutex<Vec<String>>,
}

impl Default for FakeWorkspace {
    fn default() -> Self {
        Self {
            hook: Box::new(|_| Hooked::default()),
            restore: Box::new(|request| RestoreAnswer::Restored {
                files: request.steps.iter().map(|step| step.before.id.clone()).collect(),
                notes: Vec::new(),
            }),
            asked: Mutex::default(),
        }
    }
}

impl FakeWorkspace {
    /// Hooks answer so; the answer should be a function of the request alone.
    pub fn hooked(self, hook: impl Fn(&HookRequest) -> Hooked + Send + Sync + 'static) -> Self {
        Self { hook: Box::new(hook), ..self }
    }

    /// Restoring answers so.
    pub fn restoring(
        self,
        restore: impl Fn(&RestoreRequest) -> RestoreAnswer + Send + Sync + 'static,
    ) -> Self {
        Self { restore: Box::new(restore), ..self }
    }

    /// What was asked, in order: `snapshot turn moment`, `restore count`, `hook phase`.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, what: String) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }
}

#[async_trait]
impl Workspace for FakeWorkspace {
    async fn snapshot(&self, request: SnapshotRequest) -> SnapshotAnswer {
        self.note(format!("snapshot {} {:?}", request.turn, request.moment));
        let id = format!("turn {} {:?}", request.turn, request.moment);
        SnapshotAnswer::Taken { snapshot: Snapshot { id, root: request.cwd, notes: Vec::new() } }
    }

    async fn restore(&self, request: RestoreRequest) -> RestoreAnswer {
        self.note(format!("restore {}", request.steps.len()));
        (self.restore)(&request)
    }

    async fn hook(&self, request: HookRequest) -> Hooked {
        self.note(format!("hook {:?}", request.phase));
        (self.hook)(&request)
    }
}

impl fmt::Debug for FakeWorkspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeWorkspace").field("asked", &self.asked()).finish_non_exhaustive()
    }
}
