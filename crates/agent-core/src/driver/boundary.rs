//! The border every input crosses before it is applied: secrets stay out, large content becomes a reference.

use super::RunError;
use crate::{
    ports::{Ports, StorageError},
    protocol::{BlobRef, Content, Op, ToolAnswer},
    thread::{Answer, BLOB_THRESHOLD_BYTES, Input},
};

pub(super) async fn cross(input: Input, ports: Ports<'_>) -> Result<Input, RunError> {
    let mut input = ports.redactor.scrub_value(input)?;
    for content in contents(&mut input) {
        offload(content, ports).await?;
    }
    Ok(input)
}

/// Every list of content that an input can carry.
fn contents(input: &mut Input) -> Vec<&mut Vec<Content>> {
    match input {
        Input::Submitted(submission) => match &mut submission.op {
            Op::UserTurn { items, .. } | Op::UserInput { items } => vec![items],
            _ => Vec::new(),
        },
        Input::Answered { answer: Answer::Tool { answer }, .. }
        | Input::Lost { evidence: Some(answer), .. } => match answer {
            ToolAnswer::Finished { output } | ToolAnswer::Cancelled { output } => vec![&mut output.content],
            ToolAnswer::NotStarted | ToolAnswer::Unknown { .. } | ToolAnswer::Fatal { .. } => Vec::new(),
        },
        Input::Opened(_) | Input::Resumed | Input::Answered { .. } | Input::Lost { evidence: None, .. } => {
            Vec::new()
        }
    }
}

async fn offload(contents: &mut [Content], ports: Ports<'_>) -> Result<(), StorageError> {
    for content in contents {
        if let Content::Text { text } = content
            && text.len() > BLOB_THRESHOLD_BYTES
        {
            let id = ports.storage.put_blob(text.as_bytes()).await?;
            let blob = BlobRef { id, bytes: text.len() as u64, media_type: "text/plain".into() };
            *content = Content::Blob { blob };
        }
    }
    Ok(())
}
