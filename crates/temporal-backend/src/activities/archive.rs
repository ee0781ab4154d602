//! Puts the older items of a thread on disk.

use super::{Activities, beat::while_beating, prompt::workflow};
use crate::{
    AgentWorkflow, Digest,
    wire::{ArchiveTask, ArchivedAs, ItemsWanted},
};
use agent_core::{Item, Shared};
use temporalio_client::WorkflowQueryOptions;
use temporalio_sdk::activities::{ActivityContext, ActivityError};

pub(super) async fn keep(
    activities: &Activities,
    ctx: &ActivityContext,
    task: ArchiveTask,
) -> Result<ArchivedAs, ActivityError> {
    let _file = activities.tasks.note(ctx.info());
    while_beating(ctx, keep_noted(activities, ctx, task)).await
}

async fn keep_noted(
    activities: &Activities,
    ctx: &ActivityContext,
    task: ArchiveTask,
) -> Result<ArchivedAs, ActivityError> {
    let items = fetch(ctx, &task).await?;
    let json = serde_json::to_vec(&items).map_err(|error| anyhow::anyhow!("{error}"))?;
    let services = &activities.services;
    let blob = services.blobs.archive(&task.key, &json).map_err(|error| anyhow::anyhow!("{error}"))?;
    services.conversations.keep_archived(&blob, items, json.len());
    if let Some(mut keep) = task.keep {
        keep.push(blob.clone());
        match services.blobs.keep_only(&task.key, &keep) {
            Ok(dropped) => services.conversations.forget_archived(&dropped),
            Err(error) => tracing::warn!(thread = %task.key, %error, "old archived items are not dropped"),
        }
    }
    Ok(ArchivedAs { blob })
}

/// The items that the workflow is about to let go of.
async fn fetch(ctx: &ActivityContext, task: &ArchiveTask) -> anyhow::Result<Vec<Shared<Item>>> {
    let workflow = workflow(ctx)?;
    let mut items = Vec::new();
    while (items.len() as u64) < task.items {
        let wanted = ItemsWanted { call: None, from: items.len() as u64 };
        let page =
            workflow.query(AgentWorkflow::conversation, wanted, WorkflowQueryOptions::default()).await?;
        let more = page.map(|page| page.items).unwrap_or_default();
        anyhow::ensure!(!more.is_empty(), "the workflow has {} items of {}", items.len(), task.items);
        items.extend(more);
    }
    items.truncate(usize::try_from(task.items).unwrap_or(usize::MAX));
    anyhow::ensure!(
        Digest::default().and_all(&items).text() == task.digest,
        "the workflow has other items by now"
    );
    Ok(items)
}
