//! [`Workspace`]: what the owner of a workspace does for a thread besides tool calls.

use crate::protocol::{HookRequest, Hooked, RestoreAnswer, RestoreRequest, SnapshotAnswer, SnapshotRequest};
use async_trait::async_trait;

/// Keeps a workspace's past and runs hooks.
///
/// Each method comes to an end within a bound of its own. Any of them may be dropped in the middle, or die with its process,
/// and is then asked again as another attempt: a snapshot is taken anew, a restore finds what was restored already, hooks
/// run again. The answers are recorded; replay asks nobody.
#[cfg_attr(feature = "test-util", mockall::automock)]
#[async_trait]
pub trait Workspace: Send + Sync {
    /// Keeps the workspace as it is. Nothing of the thread runs in it meanwhile but what only reads, and what the user runs.
    async fn snapshot(&self, _request: SnapshotRequest) -> SnapshotAnswer {
        SnapshotAnswer::Unavailable { why: "this host keeps no snapshots".into() }
    }

    /// Takes back what turns made of the workspace, all of it or nothing.
    async fn restore(&self, _request: RestoreRequest) -> RestoreAnswer {
        RestoreAnswer::Failed { message: "this host keeps no snapshots".into() }
    }

    /// Runs the hooks of a phase. A hook that fails is a note, not a failure.
    async fn hook(&self, _request: HookRequest) -> Hooked {
        Hooked::default()
    }
}

/// No snapshots and no hooks.
#[async_trait]
impl Workspace for () {}
