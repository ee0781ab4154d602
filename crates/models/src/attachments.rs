//! [`Attachments`]: the blobs of a conversation as a request carries them.

use crate::catalogue::ModelInfo;
use agent_core::{BlobId, BlobRef, BlobSource, Content, Conversation, Item, ModelError, ModelErrorKind};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::collections::BTreeMap;

/// The blobs of a conversation, read once, whatever the number of items that refer to them.
#[derive(Debug, Default)]
pub(crate) struct Attachments(BTreeMap<BlobId, Attachment>);

#[derive(Debug)]
pub(crate) enum Attachment {
    /// A `data:` url.
    Image(String),
    /// The text itself, or a note that stands for what cannot be sent.
    Text(String),
}

impl Attachments {
    pub(crate) async fn of(
        conversation: &Conversation,
        source: Option<&dyn BlobSource>,
        model: &ModelInfo,
    ) -> Result<Self, ModelError> {
        let mut attachments = BTreeMap::new();
        for blob in conversation.told().flat_map(|item| blobs(item)) {
            if !attachments.contains_key(&blob.id) {
                attachments.insert(blob.id.clone(), read(blob, source, model).await?);
            }
        }
        Ok(Self(attachments))
    }

    pub(crate) fn get(&self, id: &BlobId) -> Option<&Attachment> {
        self.0.get(id)
    }
}

async fn read(
    blob: &BlobRef,
    source: Option<&dyn BlobSource>,
    model: &ModelInfo,
) -> Result<Attachment, ModelError> {
    let media_type = blob.media_type.as_str();
    let note = |why: &str| Attachment::Text(format!("[{media_type} of {} bytes: {why}]", blob.bytes));
    let (is_image, is_text) = (media_type.starts_with("image/"), media_type.starts_with("text/"));
    if !is_image && !is_text {
        return Ok(note("cannot be shown"));
    }
    if is_image && !model.images {
        return Ok(note("left out, because this model sees no images"));
    }
    let Some(source) = source else { return Ok(note("is not available")) };
    let bytes = source.blob(&blob.id).await.map_err(|error| {
        let message = format!("an attachment of the conversation cannot be read: {error}");
        ModelError::new(ModelErrorKind::Unavailable, message)
    })?;
    Ok(match bytes {
        // Without its image the conversation can still go on; with an error it never could again.
        None => note("is lost"),
        Some(bytes) if is_text => Attachment::Text(String::from_utf8_lossy(&bytes).into_owned()),
        Some(bytes) => Attachment::Image(format!("data:{media_type};base64,{}", STANDARD.encode(bytes))),
    })
}

fn blobs(item: &Item) -> impl Iterator<Item = &BlobRef> {
    let content = match item {
        Item::User { content } => content.as_slice(),
        Item::Output { output, .. } => output.content.as_slice(),
        _ => &[],
    };
    content.iter().filter_map(|part| match part {
        Content::Blob { blob } => Some(blob),
        _ => None,
    })
}
