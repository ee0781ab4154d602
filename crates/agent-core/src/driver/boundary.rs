//! The border every input crosses before it is applied: secrets stay out, large content becomes a reference.

use super::RunError;
use crate::{
    ports::{BlobKeeper, StorageError},
    protocol::{BlobRef, Content, Op, ToolAnswer},
    redact::Redactor,
    thread::{Answer, BLOB_THRESHOLD_BYTES, Input},
};

/// Takes secrets out of an input and puts its large content into blobs. The driver does so with every input; a host whose
/// inputs are recorded before they reach the driver does it where they are made.
///
/// # Errors
/// When it cannot be done. The input must not be kept then.
pub async fn cross_boundary<K: BlobKeeper + ?Sized>(
    input: Input,
    redactor: &Redactor,
    blobs: &K,
) -> Result<Input, RunError> {
    let mut input = redactor.scrub_value(input)?;
    for content in contents(&mut input) {
        offload(content, blobs).await?;
    }
    Ok(input)
}

/// Every list of content that an input can carry.
fn contents(input: &mut Input) -> Vec<&mut Vec<Content>> {
    match input {
        Input::Submitted(submission) => match &mut submission.op {
            Op::UserTurn { items, .. } | Op::UserInput { items } => vec![items],
            Op::DynamicToolResponse { response, .. } => vec![&mut response.content],
            _ => Vec::new(),
        },
        Input::Answered { answer: Answer::Tool { answer }, .. }
        | Input::Lost { evidence: Some(answer), .. } => match answer {
            ToolAnswer::Finished { output } | ToolAnswer::Cancelled { output } => vec![&mut output.content],
            ToolAnswer::Asks { .. }
            | ToolAnswer::NotStarted
            | ToolAnswer::Unknown { .. }
            | ToolAnswer::Fatal { .. } => Vec::new(),
        },
        Input::Answered { answer: Answer::Hooked { hooked }, .. } => vec![&mut hooked.patch.attachments],
        Input::Opened(_)
        | Input::Resumed
        | Input::Moved { .. }
        | Input::Answered { .. }
        | Input::Lost { evidence: None, .. } => Vec::new(),
    }
}

async fn offload<K: BlobKeeper + ?Sized>(contents: &mut [Content], blobs: &K) -> Result<(), StorageError> {
    for content in contents {
        if let Content::Text { text } = content
            && text.len() > BLOB_THRESHOLD_BYTES
        {
            let id = blobs.keep(text.as_bytes()).await?;
            let blob = BlobRef { id, bytes: text.len() as u64, media_type: "text/plain".into() };
            *content = Content::Blob { blob };
        }
    }
    Ok(())
}
