//! [`HostWorkspace`]: snapshots of the workspace in the data folder, and the hooks of the configuration.

use crate::{host::Keeping, settings::Wishes, tooling};
use agent_core::{
    HookNote, HookRequest, Hooked, RestoreAnswer, RestoreRequest, SnapshotAnswer, SnapshotRequest, Workspace,
};
use async_trait::async_trait;
use config::HookEntry;
use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};
use tools::{
    hooks::{HookCommand, HookRunner, Notify, ShellHook, TurnEnded, TurnHook},
    snapshot::{Snapshots, SnapshotsConfig},
};

/// Keeps snapshots and runs hooks on this machine.
pub(crate) struct HostWorkspace {
    snapshots: Snapshots,
    hooks: HookRunner,
    notify: Option<Notify>,
}

impl HostWorkspace {
    pub(super) fn new(wishes: &Wishes, snapshots: Snapshots) -> Self {
        let config = wishes.config();
        // What commands get, so no keys.
        let environment = Arc::new(tooling::environment_of_programs(config, &wishes.environment));
        let hooks = config.hooks.iter().map(|entry| hook(entry, &environment));
        Self {
            snapshots,
            hooks: HookRunner::new(hooks),
            notify: Notify::new(&config.notify, Arc::clone(&environment)),
        }
    }

    /// Tells the program of the configuration of a turn's end. That it cannot be told is a note.
    fn notified(&self, request: &HookRequest) -> Option<HookNote> {
        let (notify, ended) = (self.notify.as_ref()?, TurnEnded::of(request)?);
        let error = notify.turn_ended(&ended).err()?;
        Some(HookNote { hook: "notify".to_owned(), message: format!("it cannot be started: {error}") })
    }
}

fn hook(entry: &HookEntry, environment: &Arc<BTreeMap<String, String>>) -> Arc<dyn TurnHook> {
    Arc::new(ShellHook {
        name: entry.name.clone(),
        phase: entry.phase,
        command: match &entry.command {
            config::HookCommand::Argv(argv) => HookCommand::Argv(argv.clone()),
            config::HookCommand::Line(line) => HookCommand::Line(line.clone()),
        },
        tools: entry.tools.clone(),
        cwd_prefix: entry.cwd_prefix.clone(),
        timeout: Duration::from_millis(entry.timeout_ms),
        environment: Arc::clone(environment),
    })
}

/// The snapshots of a data folder.
pub(super) fn snapshots(wishes: &Wishes, folder: &Path, keeping: Keeping) -> Snapshots {
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
        let note = self.notified(&request);
        let mut hooked = self.hooks.run(request).await;
        hooked.notes.extend(note);
        hooked
    }
}
