//! [`HostWorkspace`]: snapshots of the workspace in the data folder, and the hooks of the configuration.

use crate::{host::Keeping, providers::Providers, settings::Wishes};
use agent_core::{
    HookPhase, HookRequest, Hooked, RestoreAnswer, RestoreRequest, SnapshotAnswer, SnapshotRequest, Workspace,
};
use async_trait::async_trait;
use std::{path::Path, sync::Arc};
use tools::snapshot::{Snapshots, SnapshotsConfig};

/// Keeps snapshots and runs hooks on this machine.
pub(crate) struct HostWorkspace {
    snapshots: Snapshots,
}

impl HostWorkspace {
    pub(crate) fn new(
        wishes: &Arc<Wishes>,
        _providers: &Providers,
        folder: &Path,
        keeping: Keeping,
    ) -> Self {
        Self { snapshots: snapshots(wishes, folder, keeping) }
    }
}

/// The snapshots of a data folder.
pub(crate) fn snapshots(wishes: &Wishes, folder: &Path, keeping: Keeping) -> Snapshots {
    let durability = match (keeping, wishes.config().durability) {
        (Keeping::Home, config::Durability::Power) => tools::Durability::Power,
        (Keeping::Nowhere, _) | (_, config::Durability::Process) => tools::Durability::Process,
    };
    let environment = wishes.environment.all().clone();
    Snapshots::new(SnapshotsConfig { durability, ..SnapshotsConfig::new(folder, environment) })
}

#[async_trait]
impl Workspace for HostWorkspace {
    async fn snapshot(&self, request: SnapshotRequest) -> SnapshotAnswer {
        self.snapshots.snapshot(request).await
    }

    async fn restore(&self, request: RestoreRequest) -> RestoreAnswer {
        self.snapshots.restore(request).await
    }

    async fn hook(&self, request: HookRequest) -> Hooked {
        let _ended = request.phase == HookPhase::PostTurn;
        Hooked::default()
    }
}
