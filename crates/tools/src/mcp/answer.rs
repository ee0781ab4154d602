//! What a server returned, as the model is told it.

use crate::{
    image::{Image, ImageError, MAX_IMAGE_BYTES},
    output::capped_text,
    tool::Host,
};
use agent_core::{BlobRef, Content, OutputStatus, ThreadKey, ToolOutput};
use base64::{Engine, prelude::BASE64_STANDARD};
use rmcp::model::{CallToolResult, ContentBlock, ImageContent, ResourceContents};

/// An answer has so many images at most; more of them are only named.
const MAX_IMAGES: usize = 16;

/// An answer in the making.
struct Told<'a> {
    host: &'a Host,
    key: &'a ThreadKey,
    text: String,
    images: Vec<Content>,
}

/// What a call returned.
pub(super) async fn of_call(host: &Host, key: &ThreadKey, result: CallToolResult) -> ToolOutput {
    let mut told = Told { host, key, text: String::new(), images: Vec::new() };
    let mut has_text = false;
    for block in result.content {
        has_text |= matches!(block, ContentBlock::Text(_));
        told.block(block).await;
    }
    // A server that returns data repeats it as text, as the protocol asks. Where it does not, the data is told.
    if let Some(data) = result.structured_content.filter(|_| !has_text) {
        told.line(&data.to_string());
    }
    let is_error = result.is_error == Some(true);
    told.finish(if is_error { OutputStatus::Failed } else { OutputStatus::Ok })
}

/// What a resource has in it.
pub(super) async fn of_resource(host: &Host, key: &ThreadKey, contents: Vec<ResourceContents>) -> ToolOutput {
    let mut told = Told { host, key, text: String::new(), images: Vec::new() };
    for content in contents {
        told.resource(content).await;
    }
    told.finish(OutputStatus::Ok)
}

impl Told<'_> {
    async fn block(&mut self, block: ContentBlock) {
        match block {
            ContentBlock::Text(text) => self.line(&text.text),
            ContentBlock::Image(ImageContent { data, mime_type, .. }) => self.image(&data, &mime_type).await,
            ContentBlock::Audio(audio) => {
                self.line(&format!(
                    "[audio, {}, {} bytes in base64: it cannot be heard here]",
                    audio.mime_type,
                    audio.data.len()
                ));
            }
            ContentBlock::Resource(resource) => self.resource(resource.resource).await,
            ContentBlock::ResourceLink(link) => {
                let mut line = format!("[resource {}: {}", link.uri, link.name);
                if let Some(about) = &link.description {
                    line.push_str(&format!(" ({about})"));
                }
                self.line(&format!("{line}; `read_mcp_resource` reads it]"));
            }
            _ => self.line("[something of a kind that is not known here]"),
        }
    }

    async fn resource(&mut self, resource: ResourceContents) {
        match resource {
            ResourceContents::TextResourceContents { uri, text, .. } => {
                self.line(&format!("[resource {uri}]"));
                self.line(&text);
            }
            ResourceContents::BlobResourceContents { uri, mime_type, blob, .. } => {
                let media_type = mime_type.unwrap_or_else(|| "application/octet-stream".to_owned());
                self.line(&format!("[resource {uri}, {media_type}]"));
                if media_type.starts_with("image/") {
                    self.image(&blob, &media_type).await;
                } else {
                    self.line(&format!("[{} bytes in base64, not shown]", blob.len()));
                }
            }
            _ => self.line("[a resource of a kind that is not known here]"),
        }
    }

    /// An image is kept, so that the model sees it; where that cannot be, it is told why.
    async fn image(&mut self, base64: &str, media_type: &str) {
        match self.kept(base64).await {
            Ok(blob) => {
                self.line(&format!(
                    "[image {}: {}, {} bytes]",
                    self.images.len() + 1,
                    blob.media_type,
                    blob.bytes
                ));
                self.images.push(Content::Blob { blob });
            }
            Err(why) => self.line(&format!("[an image, {media_type}, that cannot be shown: {why}]")),
        }
    }

    async fn kept(&self, base64: &str) -> Result<BlobRef, String> {
        if self.images.len() == MAX_IMAGES {
            return Err(format!("there are more than {MAX_IMAGES}"));
        }
        let bytes = base64.len() as u64 / 4 * 3;
        if bytes > MAX_IMAGE_BYTES + 2 {
            return Err(ImageError::TooLarge { bytes }.to_string());
        }
        let bytes =
            BASE64_STANDARD.decode(base64.trim()).map_err(|error| format!("it is not base64: {error}"))?;
        let image = Image::of(bytes).map_err(|error| error.to_string())?;
        let media_type = image.media_type.to_owned();
        let bytes = image.bytes.len() as u64;
        let id = self.host.blobs.put(self.key, image.bytes).await;
        let id = id.map_err(|error| format!("it cannot be kept: {error}"))?;
        Ok(BlobRef { id, bytes, media_type })
    }

    fn line(&mut self, text: &str) {
        self.text.push_str(text);
        if !text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    fn finish(self, status: OutputStatus) -> ToolOutput {
        // Before anything is cut: a part of a secret is not recognised.
        let text = self.host.redactor.scrub(self.text.trim_end_matches('\n'));
        let text = capped_text(&text, self.host.output_bytes);
        let content = if text.is_empty() { Vec::new() } else { vec![Content::text(text)] };
        ToolOutput { content: [content, self.images].concat(), ..ToolOutput::text(status, "") }
    }
}
