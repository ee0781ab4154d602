//! `view_image`: an image for the model to look at.

use super::{Looked, PATH, Site, TIMEOUT_MS, looking, path_fault, path_of};
use crate::{
    arguments::{Arguments, Field, schema},
    tool::{Host, Tool, failed},
};
use agent_core::{
    BlobRef, Content, OutputStatus, Preparation, PrepareRequest, Subject, ToolAnswer, ToolKind, ToolOutput,
    ToolRequest, ToolSpec,
};
use async_trait::async_trait;
use std::{fs::File, io::Read};
use tokio_util::sync::CancellationToken;

const NAME: &str = "view_image";
const ABOUT: &str = "Shows you an image of the workspace: PNG, JPEG, GIF or WebP.";
const FIELDS: &[Field] = &[PATH];
/// Providers refuse larger ones.
const MAX_IMAGE_BYTES: u64 = 10 * 1024 * 1024;

/// The tool.
pub(crate) struct ViewImage;

/// An image that was read.
struct Image {
    bytes: Vec<u8>,
    media_type: &'static str,
    shown: String,
}

#[async_trait]
impl Tool for ViewImage {
    fn spec(&self) -> ToolSpec {
        let kind = ToolKind::Function { parameters: schema(FIELDS) };
        ToolSpec { name: NAME.to_owned(), description: ABOUT.to_owned(), kind }
    }

    async fn prepare(&self, host: &Host, request: &PrepareRequest) -> Result<Preparation, String> {
        let arguments = Arguments::read(NAME, FIELDS, request.call.payload.text())?;
        let summary = path_of(&arguments).map_err(|error| format!("{NAME}: {error}"))?;
        Ok(host.looking(request, Subject::Other { summary }, TIMEOUT_MS))
    }

    async fn run(&self, host: &Host, request: &ToolRequest, stop: &CancellationToken) -> ToolAnswer {
        let arguments = match Arguments::read(NAME, FIELDS, request.call.payload.text()) {
            Ok(arguments) => arguments,
            Err(message) => return failed(message),
        };
        let image = match looking(host, request, stop, move |site| read(&arguments, site)).await {
            Looked::Done(Ok(image)) => image,
            Looked::Done(Err(message)) => return failed(format!("{NAME}: {message}")),
            Looked::Stopped(answer) => return answer,
        };
        let bytes = image.bytes.len() as u64;
        match host.blobs.put(&request.key, image.bytes).await {
            Err(error) => failed(format!("{NAME}: the image cannot be kept: {error}")),
            Ok(id) => {
                let media_type = image.media_type.to_owned();
                let text = format!("{}: {media_type}, {bytes} bytes", image.shown);
                let blob = BlobRef { id, bytes, media_type };
                ToolAnswer::Finished {
                    output: ToolOutput {
                        content: vec![Content::text(text), Content::Blob { blob }],
                        ..ToolOutput::text(OutputStatus::Ok, "")
                    },
                }
            }
        }
    }
}

fn read(arguments: &Arguments, site: &Site) -> Result<Image, String> {
    let path = site.path(arguments.required("path"));
    let fault = |error| path_fault(site, &path, &error);
    let shown = site.shown(&path);
    let found = path.metadata().map_err(fault)?;
    if !found.is_file() {
        return Err(format!("{shown} is no regular file"));
    }
    let mut bytes = Vec::new();
    let file = File::open(&path).map_err(fault)?;
    // One byte more than allowed tells that there are too many, also where the file grows meanwhile.
    file.take(MAX_IMAGE_BYTES + 1).read_to_end(&mut bytes).map_err(fault)?;
    if bytes.len() as u64 > MAX_IMAGE_BYTES {
        return Err(format!(
            "{shown} has {} bytes, at most {MAX_IMAGE_BYTES} can be shown; make it smaller with a command",
            found.len()
        ));
    }
    match media_type(&bytes) {
        Some(media_type) => Ok(Image { bytes, media_type, shown }),
        None => Err(format!("{shown} is no PNG, JPEG, GIF or WebP image; use `read_file` for text")),
    }
}

/// By its first bytes; names lie.
fn media_type(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if bytes.starts_with(b"\xff\xd8\xff") {
        Some("image/jpeg")
    } else if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
        Some("image/gif")
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        Some("image/webp")
    } else {
        None
    }
}
