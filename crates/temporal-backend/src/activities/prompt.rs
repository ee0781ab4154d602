//! From the name of a conversation to the conversation: from this process, or from the workflow that waits for the answer.

use super::Services;
use crate::{
    AgentWorkflow, Digest,
    conversations::Known,
    wire::{BlobWanted, Frame, Items, ItemsWanted, ModelTask, Part},
};
use agent_core::{BlobId, Conversation, Item, ModelRequest, Shared};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{sync::Arc, time::Duration};
use temporalio_client::{Client, WorkflowHandle, WorkflowQueryOptions};
use temporalio_sdk::activities::ActivityContext;

/// A conversation that cannot be had is asked for again so often, with growing pauses.
const TRIES: u32 = 8;
/// The first pause.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// What a model is to be asked.
pub(super) async fn find(
    services: &Services,
    ctx: &ActivityContext,
    task: &ModelTask,
) -> anyhow::Result<ModelRequest> {
    let (frame, items) = match services.conversations.find(&task.key, &task.prompt) {
        Known::Whole { frame, items } => (frame, items),
        Known::Beginning { items } => {
            let (frame, items) = fetch(ctx, task, items).await?;
            services.conversations.keep(&task.key, task.prompt.clone(), frame.clone(), items.clone());
            (frame, items)
        }
    };
    let mut all = Vec::new();
    for part in &task.prompt.archived {
        let items = archived(services, ctx, &part.blob).await?;
        let count = usize::try_from(part.items).unwrap_or(usize::MAX);
        let Some(items) = items.get(..count) else {
            anyhow::bail!("the archived items in {} are {}, of {count}", part.blob, items.len());
        };
        all.extend_from_slice(items);
    }
    all.extend(items);
    let Frame { instructions, tools, output_schema, tail } = frame;
    let conversation =
        Conversation { skipped: task.prompt.skipped, tail, ..Conversation::of(task.prompt.epoch, all) };
    Ok(ModelRequest {
        purpose: task.purpose,
        key: task.key.clone(),
        turn: task.turn,
        effect: task.effect,
        attempt: task.attempt,
        provider: task.provider.clone(),
        model: task.model.clone(),
        effort: task.effort,
        summary: task.summary,
        instructions,
        tools,
        conversation,
        output_schema,
        traceparent: task.traceparent.clone(),
    })
}

/// Fetches the conversation. Items that are known already are taken as they are; where that turns out wrong, all are
/// fetched.
async fn fetch(
    ctx: &ActivityContext,
    task: &ModelTask,
    known: Vec<Shared<Item>>,
) -> anyhow::Result<(Frame, Vec<Shared<Item>>)> {
    let mut pause = FIRST_PAUSE;
    let mut known = known;
    let mut last = String::new();
    for _ in 0..TRIES {
        match fetch_once(ctx, task, std::mem::take(&mut known)).await {
            Ok(Some((frame, items))) if fits(task, &frame, &items) => return Ok((frame, items)),
            Ok(Some(_)) => last = "it is another conversation by now".into(),
            // The call is not the thread's any more, so its answer is nobody's.
            Ok(None) => last = "the thread does not ask this any more".into(),
            Err(error) => last = error.to_string(),
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    anyhow::bail!("the conversation cannot be had: {last}")
}

fn fits(task: &ModelTask, frame: &Frame, items: &[Shared<Item>]) -> bool {
    Digest::default().and_all(items).text() == task.prompt.digest
        && Digest::default().and(frame).text() == task.prompt.frame
}

async fn fetch_once(
    ctx: &ActivityContext,
    task: &ModelTask,
    mut items: Vec<Shared<Item>>,
) -> anyhow::Result<Option<(Frame, Vec<Shared<Item>>)>> {
    let workflow = workflow(ctx)?;
    loop {
        let wanted = ItemsWanted { call: Some((task.effect, task.attempt)), from: items.len() as u64 };
        let answer =
            workflow.query(AgentWorkflow::conversation, wanted, WorkflowQueryOptions::default()).await?;
        let Some(Items { items: more, frame: Some(frame) }) = answer else { return Ok(None) };
        let ended = more.is_empty() || (items.len() + more.len()) as u64 >= task.prompt.items;
        items.extend(more);
        if ended {
            return Ok(Some((frame, items)));
        }
    }
}

/// The workflow that waits for this activity.
pub(super) fn workflow(ctx: &ActivityContext) -> anyhow::Result<WorkflowHandle<Client, AgentWorkflow>> {
    ctx.workflow_handle::<AgentWorkflow>()
        .ok_or_else(|| anyhow::anyhow!("this activity belongs to no workflow"))
}

/// Archived items: from memory, from this disk, or from the worker whose disk has them.
async fn archived(
    services: &Services,
    ctx: &ActivityContext,
    blob: &BlobId,
) -> anyhow::Result<Arc<Vec<Shared<Item>>>> {
    if let Some(items) = services.conversations.archived(blob) {
        return Ok(items);
    }
    let bytes = match services.blobs.read(blob) {
        Ok(Some(bytes)) => bytes,
        _ => fetch_blob(ctx, blob).await?,
    };
    let items = serde_json::from_slice(&bytes)
        .map_err(|error| anyhow::anyhow!("archived items in {blob} cannot be read: {error}"))?;
    Ok(services.conversations.keep_archived(blob, items, bytes.len()))
}

/// A blob of the worker that serves the thread.
pub(super) async fn fetch_blob(ctx: &ActivityContext, blob: &BlobId) -> anyhow::Result<Vec<u8>> {
    let workflow = workflow(ctx)?;
    let mut bytes = Vec::new();
    loop {
        let wanted = BlobWanted { blob: blob.clone(), from: bytes.len() as u64 };
        let part = workflow.query(AgentWorkflow::blob, wanted, WorkflowQueryOptions::default()).await?;
        let Some(Part { total, text, .. }) = part else {
            anyhow::bail!("the blob {blob} is not on the disk of the worker that owns the workspace");
        };
        let more = STANDARD.decode(text)?;
        let ended = more.is_empty() || (bytes.len() + more.len()) as u64 >= total;
        bytes.extend(more);
        if ended {
            anyhow::ensure!(
                BlobId::of(&bytes) == *blob,
                "the blob {blob} came with other bytes than it should"
            );
            return Ok(bytes);
        }
    }
}
