//! `view_image`: an image for the model to look at.

use super::{Looked, PATH, Site, TIMEOUT_MS, looking, path_fault, path_of};
use crate::{
    arguments::{Arguments, Field, schema},
    image::{Image, ImageError},
    tool::{Host, Tool, failed},
};
use agent_core::{
    BlobRef, Content, OutputStatus, Preparation, PrepareRequest, Subject, ToolAnswer, ToolKind, ToolOutput,
    ToolRequest, ToolSpec,
};
use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

const NAME: &str = "view_image";
const ABOUT: &str =
    "Shows you an image of the workspace: PNG, JPEG, GIF or WebP, up to 10 MiB and 8000 pixels a side.";
const FIELDS: &[Field] = &[PATH];

/// The tool.
pub(crate) struct ViewImage;

#[async_trait]
impl Tool for ViewImage {
    fn spec(&self) -> ToolSpec {
        let kind = ToolKind::Function { parameters: schema(FIELDS) };
        ToolSpec::new(NAME, ABOUT, kind)
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
        let (image, shown) = match looking(host, request, stop, move |site| read(&arguments, site)).await {
            Looked::Done(Ok(read)) => read,
            Looked::Done(Err(message)) => return failed(format!("{NAME}: {message}")),
            Looked::Stopped(answer) => return answer,
        };
        let (bytes, width, height) = (image.bytes.len() as u64, image.width, image.height);
        match host.blobs.put(&request.key, image.bytes).await {
            Err(error) => failed(format!("{NAME}: the image cannot be kept: {error}")),
            Ok(id) => {
                let media_type = image.media_type.to_owned();
                let text = format!("{shown}: {media_type}, {width} x {height} pixels, {bytes} bytes");
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

/// The image and how the model knows it.
fn read(arguments: &Arguments, site: &Site) -> Result<(Image, String), String> {
    let path = site.path(arguments.required("path"));
    let shown = site.shown(&path);
    match site.open(&path).map_err(ImageError::from).and_then(Image::read) {
        Ok(image) => Ok((image, shown)),
        Err(ImageError::Unreadable(error)) => Err(path_fault(site, &path, &error)),
        Err(error @ ImageError::NoImage) => Err(format!("{shown}: {error}; use `read_file` for text")),
        Err(error) => Err(format!("{shown}: {error}")),
    }
}
