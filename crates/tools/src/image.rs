//! [`Image`]: an image that a model can be shown.

use std::{fs::File, io, io::Read, path::Path};

/// Providers refuse larger ones.
pub const MAX_IMAGE_BYTES: u64 = 10 * 1024 * 1024;

/// An image in a format that model providers take: PNG, JPEG, GIF or WebP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The file as it is.
    pub bytes: Vec<u8>,
    /// For example `image/png`.
    pub media_type: &'static str,
}

/// Why a file is no image that could be shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] io::Error),
    /// A folder or the like.
    #[error("it is no regular file")]
    NoFile,
    /// Larger than [`MAX_IMAGE_BYTES`].
    #[error("it has {bytes} bytes, at most {MAX_IMAGE_BYTES} can be shown; make it smaller")]
    TooLarge {
        /// Its size.
        bytes: u64,
    },
    /// Something else, or a format that providers do not take.
    #[error("it is no PNG, JPEG, GIF or WebP image")]
    NoImage,
}

impl Image {
    /// Reads an image. What it is, its first bytes tell: names lie.
    ///
    /// # Errors
    /// It cannot be read, is too large, or is no image of these formats.
    pub fn open(path: &Path) -> Result<Self, ImageError> {
        let found = path.metadata()?;
        if !found.is_file() {
            return Err(ImageError::NoFile);
        }
        let mut bytes = Vec::new();
        // One byte more than allowed tells that there are too many, also where the file grows meanwhile.
        File::open(path)?.take(MAX_IMAGE_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_IMAGE_BYTES {
            return Err(ImageError::TooLarge { bytes: found.len() });
        }
        let media_type = media_type(&bytes).ok_or(ImageError::NoImage)?;
        Ok(Self { bytes, media_type })
    }
}

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
