//! What a workflow asks to be done outside: model calls, tool calls, and what an owner finds out, stops or keeps.
//!
//! An activity takes a reference or one call, never the conversation, and answers with what the thread is told, secrets
//! removed and large content as blobs, because what it answers is in the history for good. The names are in histories: they
//! stay.

mod archive;
mod beat;
mod guard;
mod model;
mod prompt;
mod running;
mod tasks;
mod tool;
mod unwanted;
mod workspace;

pub use running::RunningCalls;
pub use tasks::TaskFiles;

use crate::{
    blobs::FileBlobs,
    conversations::Conversations,
    wire::{ArchiveTask, ArchivedAs, KillTask, ModelTask},
};
use agent_core::{
    CollectRequest, Collected, HookRequest, Hooked, ModelAnswer, ModelStreamer, PrepareRequest, Prepared,
    Redactor, RestoreAnswer, RestoreRequest, SnapshotAnswer, SnapshotRequest, ToolAnswer, ToolCallHandler,
    ToolRequest, Workspace,
};
use sink::Bus;
use std::{fmt, sync::Arc};
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};

/// What the activities of a process work with.
#[derive(Clone)]
pub struct Services {
    /// Model calls.
    pub model: Arc<dyn ModelStreamer>,
    /// Tool calls.
    pub tools: Arc<dyn ToolCallHandler>,
    /// Snapshots and hooks, of the workspaces that this process owns.
    pub workspace: Arc<dyn Workspace>,
    /// Secrets that must not enter the history.
    pub redactor: Redactor,
    /// Carries pieces of items in the making.
    pub bus: Arc<dyn Bus>,
    /// Large content.
    pub blobs: Arc<FileBlobs>,
    /// What models are asked.
    pub conversations: Arc<Conversations>,
}

/// The activities of a worker.
#[derive(Clone)]
pub struct Activities {
    services: Services,
    running: Arc<RunningCalls>,
    tasks: Arc<TaskFiles>,
}

impl Activities {
    /// Activities that work with these services.
    pub fn new(services: Services, running: Arc<RunningCalls>, tasks: TaskFiles) -> Self {
        Self { services, running, tasks: Arc::new(tasks) }
    }
}

#[activities]
impl Activities {
    /// Asks the model.
    #[activity(name = "model_call")]
    pub async fn model(
        self: Arc<Self>,
        ctx: ActivityContext,
        task: ModelTask,
    ) -> Result<ModelAnswer, ActivityError> {
        guard::clean(&self.services.redactor, model::call(&self, &ctx, task)).await
    }

    /// Says which tools there are.
    #[activity(name = "collect_tools")]
    pub async fn collect(
        self: Arc<Self>,
        ctx: ActivityContext,
        request: CollectRequest,
    ) -> Result<Collected, ActivityError> {
        guard::clean(&self.services.redactor, tool::collect(&self, &ctx, request)).await
    }

    /// Says what a call is.
    #[activity(name = "prepare_call")]
    pub async fn prepare(
        self: Arc<Self>,
        _ctx: ActivityContext,
        request: PrepareRequest,
    ) -> Result<Prepared, ActivityError> {
        let looked = guard::caught(self.services.tools.prepare(request)).await;
        // It would fail again, and the thread would wait for ever.
        let prepared = looked.unwrap_or_else(|message| Prepared::Rejected {
            message: format!("The call could not be looked at, so it did not run: {message}"),
        });
        guard::clean(&self.services.redactor, async { tool::said(&self, prepared) }).await
    }

    /// Runs a call that only looks and is quick. Should it not be, it is stopped before it is done again as [`Self::tool`].
    #[activity(name = "look_call")]
    pub async fn look(
        self: Arc<Self>,
        ctx: ActivityContext,
        request: ToolRequest,
    ) -> Result<ToolAnswer, ActivityError> {
        guard::clean(&self.services.redactor, tool::look(&self, &ctx, request)).await
    }

    /// Runs a call to its end.
    #[activity(name = "tool_call")]
    pub async fn tool(
        self: Arc<Self>,
        ctx: ActivityContext,
        request: ToolRequest,
    ) -> Result<ToolAnswer, ActivityError> {
        guard::clean(&self.services.redactor, tool::run(&self, &ctx, request)).await
    }

    /// Stops a call that runs here. One that does not is as good as stopped.
    #[activity(name = "kill_call")]
    pub async fn kill(self: Arc<Self>, _ctx: ActivityContext, task: KillTask) -> Result<(), ActivityError> {
        self.running.stop(&task.key, task.effect);
        Ok(())
    }

    /// Says what became of a call whose worker was lost.
    #[activity(name = "recover_call")]
    pub async fn recover(
        self: Arc<Self>,
        ctx: ActivityContext,
        request: ToolRequest,
    ) -> Result<ToolAnswer, ActivityError> {
        guard::clean(&self.services.redactor, tool::recover(&self, &ctx, request)).await
    }

    /// Keeps the workspace as it is.
    #[activity(name = "take_snapshot")]
    pub async fn snapshot(
        self: Arc<Self>,
        ctx: ActivityContext,
        request: SnapshotRequest,
    ) -> Result<SnapshotAnswer, ActivityError> {
        guard::clean(&self.services.redactor, workspace::snapshot(&self, &ctx, request)).await
    }

    /// Takes back what turns made of the workspace.
    #[activity(name = "restore_files")]
    pub async fn restore(
        self: Arc<Self>,
        ctx: ActivityContext,
        request: RestoreRequest,
    ) -> Result<RestoreAnswer, ActivityError> {
        guard::clean(&self.services.redactor, workspace::restore(&self, &ctx, request)).await
    }

    /// Runs the hooks of a phase.
    #[activity(name = "run_hooks")]
    pub async fn hook(
        self: Arc<Self>,
        ctx: ActivityContext,
        request: HookRequest,
    ) -> Result<Hooked, ActivityError> {
        guard::clean(&self.services.redactor, workspace::hook(&self, &ctx, request)).await
    }

    /// Keeps items as a blob.
    #[activity(name = "archive_items")]
    pub async fn archive(
        self: Arc<Self>,
        ctx: ActivityContext,
        task: ArchiveTask,
    ) -> Result<ArchivedAs, ActivityError> {
        guard::clean(&self.services.redactor, archive::keep(&self, &ctx, task)).await
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services").field("bus", &self.bus).field("blobs", &self.blobs).finish_non_exhaustive()
    }
}

impl fmt::Debug for Activities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Activities").field("services", &self.services).finish_non_exhaustive()
    }
}
