//! What this process brings to its threads besides models and tools: snapshots and hooks of the workspace, skills, and what
//! clients look up.

mod library;
#[cfg(feature = "mcp")]
mod mcp_servers;
mod skills;
mod sweeping;
mod workspace;

pub(crate) use library::custom_prompts;
pub(crate) use skills::{SkillSource, WithSkills};
pub(crate) use sweeping::Sweeping;

use crate::{
    backend::Place,
    exit::{Exit, Failure},
    host::Keeping,
    providers::Providers,
    settings::Wishes,
};
use agent_core::{
    EffectId, ForkPoint, Library, Snapshot, SnapshotAnswer, SnapshotMoment, SnapshotRequest, ThreadKey,
    ToolCallHandler, TurnId, Workspace,
};
use config::CustomPrompts;
use library::HostLibrary;
use std::{path::Path, sync::Arc};
use tools::snapshot::Snapshots;
use workspace::{HostWorkspace, snapshots};

/// What this process brings.
#[derive(Clone)]
pub(crate) struct Owner {
    pub(crate) workspace: Arc<dyn Workspace>,
    pub(crate) library: Arc<dyn Library>,
    pub(crate) skills: Arc<SkillSource>,
    snapshots: Snapshots,
    sweeping: Sweeping,
    wishes: Arc<Wishes>,
    redactor: agent_core::Redactor,
}

impl Owner {
    /// `root` is the data folder, `folder` the one of these threads, which is another where they are not kept.
    pub(crate) fn new(
        wishes: &Arc<Wishes>,
        providers: &Arc<Providers>,
        (root, folder): (&Path, &Path),
        keeping: Keeping,
    ) -> Self {
        let skills = Arc::new(SkillSource::new(wishes, root));
        let snapshots = snapshots(wishes, folder, keeping);
        Self {
            workspace: Arc::new(HostWorkspace::new(wishes, snapshots.clone())),
            sweeping: Sweeping::new(snapshots.clone(), folder),
            snapshots,
            wishes: Arc::clone(wishes),
            library: Arc::new(HostLibrary::new(wishes, providers, &skills, root)),
            skills,
            redactor: providers.redactor.clone(),
        }
    }

    /// The prompts of the user's own.
    pub(crate) fn custom_prompts(&self) -> CustomPrompts {
        custom_prompts(&self.wishes, self.wishes.home())
    }

    /// What drops old snapshots.
    pub(crate) fn sweeping(&self) -> Sweeping {
        self.sweeping.clone()
    }

    /// Drops the snapshots of a thread that is gone. Those that stay behind go with their age.
    pub(crate) async fn forget(&self, key: &ThreadKey) {
        match self.snapshots.forget(key).await {
            Ok(swept) if swept.busy == 0 => {}
            Ok(_) => crate::output::remark(
                "somebody works in the workspace, so the snapshots of its files are dropped when they are old",
            ),
            Err(error) => crate::output::warn(&format!(
                "the snapshots of its files could not be dropped, and are when they are old: {error}"
            )),
        }
    }

    /// Writes the files as they were when a turn of the thread had ended into a new directory: a worktree where they are in a
    /// repository. How many there are.
    pub(crate) async fn write_worktree(
        &self,
        place: &Place,
        at: ForkPoint,
        folder: &Path,
    ) -> Result<usize, Failure> {
        let snapshot = match place.snapshot_at(at).await? {
            Some(snapshot) => snapshot,
            // Nothing was changed by the turns that are left out, so what is there now is what was there then.
            None => self.snapshot_now(place).await?,
        };
        self.snapshots.worktree(&snapshot, folder).await.map_err(|error| Failure::backend(&error))
    }

    async fn snapshot_now(&self, place: &Place) -> Result<Snapshot, Failure> {
        let settings = place.settings().await?;
        let request = SnapshotRequest {
            key: place.key().clone(),
            turn: TurnId(place.summary().await?.turns),
            effect: EffectId(0),
            attempt: 1,
            cwd: settings.cwd,
            sandbox: settings.sandbox,
            moment: SnapshotMoment::AfterTurn,
        };
        match self.workspace.snapshot(request).await {
            SnapshotAnswer::Taken { snapshot } => Ok(snapshot),
            SnapshotAnswer::Unavailable { why } => Err(Failure::new(Exit::Failed, why)),
        }
    }

    /// The tools, which now know the skills that a user names.
    pub(crate) fn with_skills<T: ToolCallHandler + 'static>(
        &self,
        tools: Arc<T>,
    ) -> Arc<dyn ToolCallHandler> {
        Arc::new(WithSkills::new(tools, Arc::clone(&self.skills), self.redactor.clone()))
    }
}
