//! What a thread committed before it came here: blobs on the owner's disk, which its worker hands out too.

use crate::{
    AgentWorkflow, FileBlobs,
    client::{
        TemporalError,
        line::{Line, Trouble},
    },
    wire::{BlobWanted, PastPart},
};
use agent_core::{BlobId, Commit};
use base64::{Engine, engine::general_purpose::STANDARD};

/// The commits of a part.
pub(super) async fn commits(
    line: &Line,
    blobs: &FileBlobs,
    part: &PastPart,
) -> Result<Vec<Commit>, TemporalError> {
    let bytes = match blobs.read(&part.blob) {
        Ok(Some(bytes)) => bytes,
        Ok(None) | Err(_) => fetch(line, &part.blob).await?,
    };
    serde_json::from_slice(&bytes).map_err(|error| unreadable(format!("{}: {error}", part.blob)))
}

async fn fetch(line: &Line, blob: &BlobId) -> Result<Vec<u8>, TemporalError> {
    let mut bytes = Vec::new();
    loop {
        let wanted = BlobWanted { blob: blob.clone(), from: bytes.len() as u64 };
        let part = match line.query(None, AgentWorkflow::blob, wanted).await {
            Ok(Some(part)) => part,
            Ok(None) => {
                let message =
                    format!("the blob {blob} is not on the disk of the worker that owns the workspace");
                return Err(unreadable(message));
            }
            Err(trouble @ Trouble::Unknown) => return Err(line.error(trouble)),
            Err(trouble) => return Err(trouble.into()),
        };
        let more = STANDARD.decode(part.text).map_err(|error| unreadable(error.to_string()))?;
        let ended = more.is_empty() || (bytes.len() + more.len()) as u64 >= part.total;
        bytes.extend(more);
        if ended && BlobId::of(&bytes) != *blob {
            return Err(unreadable(format!("the blob {blob} came with other bytes than it should")));
        }
        if ended {
            return Ok(bytes);
        }
    }
}

fn unreadable(message: String) -> TemporalError {
    TemporalError::Unreadable { message }
}
