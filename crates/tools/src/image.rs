//! [`Image`]: an image that a model can be shown.

use imagesize::blob_size;
use std::{fs::File, io, io::Read, path::Path};

/// Providers refuse larger ones.
pub const MAX_IMAGE_BYTES: u64 = 10 * 1024 * 1024;

/// The longest side that is shown, in pixels. Providers scale down what is larger than about 2,000, and refuse more than this.
pub const MAX_IMAGE_SIDE_PIXELS: usize = 8_000;
/// The most pixels that are shown.
pub const MAX_IMAGE_PIXELS: usize = 50_000_000;

/// An image in a format that model providers take: PNG, JPEG, GIF or WebP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The file as it is.
    pub bytes: Vec<u8>,
    /// For example `image/png`.
    pub media_type: &'static str,
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
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
    /// It begins like one, but does not say how large it is. Providers would refuse the whole conversation.
    #[error("its beginning is damaged: it begins like {media_type} but does not tell its size")]
    Damaged {
        /// What it begins like.
        media_type: &'static str,
    },
    /// More than [`MAX_IMAGE_SIDE_PIXELS`] or [`MAX_IMAGE_PIXELS`].
    #[error(
        "it has {width} x {height} pixels, at most {MAX_IMAGE_SIDE_PIXELS} a side and {MAX_IMAGE_PIXELS} in all can be shown; \
         make it smaller"
    )]
    TooManyPixels {
        /// Its width.
        width: usize,
        /// Its height.
        height: usize,
    },
}

impl Image {
    /// Reads an image. What it is, its first bytes tell: names lie.
    ///
    /// # Errors
    /// It cannot be read, is too large in bytes or pixels, is damaged, or is no image of these formats.
    pub fn open(path: &Path) -> Result<Self, ImageError> {
        // Waiting for a pipe to be written to would be waiting for nothing.
        if !path.metadata()?.is_file() {
            return Err(ImageError::NoFile);
        }
        Self::read(File::open(path)?)
    }

    /// Reads an image from an open file.
    ///
    /// # Errors
    /// As those of [`Image::open`].
    pub fn read(file: File) -> Result<Self, ImageError> {
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(ImageError::NoFile);
        }
        let mut bytes = Vec::new();
        // One byte more than allowed tells that there are too many, also where the file grows meanwhile.
        file.take(MAX_IMAGE_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_IMAGE_BYTES {
            return Err(ImageError::TooLarge { bytes: found.len() });
        }
        Self::of(bytes)
    }

    /// The image that these bytes are.
    ///
    /// # Errors
    /// They are too many, or no image of these formats.
    pub fn of(bytes: Vec<u8>) -> Result<Self, ImageError> {
        if bytes.len() as u64 > MAX_IMAGE_BYTES {
            return Err(ImageError::TooLarge { bytes: bytes.len() as u64 });
        }
        let media_type = media_type(&bytes).ok_or(ImageError::NoImage)?;
        let size = blob_size(&bytes).map_err(|_| ImageError::Damaged { media_type })?;
        let (width, height) = (size.width, size.height);
        if width == 0 || height == 0 {
            return Err(ImageError::Damaged { media_type });
        }
        if width.max(height) > MAX_IMAGE_SIDE_PIXELS || width.saturating_mul(height) > MAX_IMAGE_PIXELS {
            return Err(ImageError::TooManyPixels { width, height });
        }
        Ok(Self { bytes, media_type, width, height })
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
