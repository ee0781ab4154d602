//! [`ScenarioWorkspace`]: the snapshots and hooks of a scenario.

use super::Scenario;
use agent_core::{
    HookPhase, HookRequest, Hooked, RestoreAnswer, RestoreRequest, Snapshot, SnapshotAnswer, SnapshotRequest,
    Workspace,
};
use async_trait::async_trait;
use std::collections::BTreeMap;

/// Answers as the scenario says, the same on every host: snapshots are only named, and nothing is put back.
#[derive(Clone, Debug, Default)]
pub struct ScenarioWorkspace {
    hooks: BTreeMap<HookPhase, Hooked>,
    restored: Option<RestoreAnswer>,
}

impl ScenarioWorkspace {
    /// The workspace of this scenario.
    pub fn of(scenario: &Scenario) -> Self {
        Self { hooks: scenario.hooks.clone(), restored: scenario.restored.clone() }
    }
}

#[async_trait]
impl Workspace for ScenarioWorkspace {
    async fn snapshot(&self, request: SnapshotRequest) -> SnapshotAnswer {
        let id = format!("turn {} {:?}", request.turn, request.moment);
        SnapshotAnswer::Taken { snapshot: Snapshot { id, root: request.cwd, notes: Vec::new() } }
    }

    async fn restore(&self, request: RestoreRequest) -> RestoreAnswer {
        self.restored.clone().unwrap_or_else(|| RestoreAnswer::Restored {
            files: request.steps.iter().map(|step| step.before.id.clone()).collect(),
            notes: Vec::new(),
        })
    }

    async fn hook(&self, request: HookRequest) -> Hooked {
        self.hooks.get(&request.phase).cloned().unwrap_or_default()
    }
}
