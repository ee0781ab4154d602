//! [`Document`]: one file of instructions, as much of it as there is room for.

use super::shown;
use std::{
    fs::File,
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
};

pub(super) struct Document {
    pub(super) path: PathBuf,
    pub(super) text: String,
    /// The whole file, in bytes.
    size: u64,
}

pub(super) enum Outcome {
    /// There is no such file, or it is empty.
    Nothing,
    /// Why it cannot be told, for the user.
    Unusable(String),
    /// It says something, and nothing more can be told.
    NoRoom,
    Read(Document),
}

/// Reads at most `room` bytes of a file. A link out of the boundary is not followed.
pub(super) fn read(path: &Path, boundary: Option<&Path>, room: u64) -> Outcome {
    let real = match path.canonicalize() {
        Ok(real) => real,
        Err(error) if is_missing(path, &error) => return Outcome::Nothing,
        Err(error) => return unreadable(&error),
    };
    if let Some(boundary) = boundary.filter(|boundary| !real.starts_with(boundary)) {
        return Outcome::Unusable(format!(
            "a link that leads out of {} is not followed; the agent is not told what it says",
            boundary.display()
        ));
    }
    match content(&real, room) {
        Ok(content) => document(path, &content, room),
        Err(error) => unreadable(&error),
    }
}

struct Content {
    bytes: Vec<u8>,
    size: u64,
}

fn content(path: &Path, room: u64) -> io::Result<Content> {
    // Before it is opened: opening a pipe would wait for a writer.
    if !path.metadata()?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a file"));
    }
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut bytes = Vec::new();
    file.take(room.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(Content { bytes, size })
}

fn document(path: &Path, content: &Content, room: u64) -> Outcome {
    let keep = usize::try_from(room).unwrap_or(usize::MAX).min(content.bytes.len());
    let (bytes, rest) = content.bytes.split_at(keep);
    let text = match str::from_utf8(bytes) {
        Ok(text) => text,
        // The last character was cut in two.
        Err(error) if error.error_len().is_none() && !rest.is_empty() => {
            str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(error) => {
            let at = error.valid_up_to();
            return Outcome::Unusable(format!(
                "it is not UTF-8 (byte {at}); the agent is not told what it says"
            ));
        }
    };
    let text = text.trim_start_matches('\u{feff}').trim_end();
    match (text.trim_start().is_empty(), rest.is_empty()) {
        (true, true) => Outcome::Nothing,
        (true, false) => Outcome::NoRoom,
        (false, whole) => {
            let size = if whole { text.len() as u64 } else { content.size };
            Outcome::Read(Document { path: path.to_owned(), text: text.to_owned(), size })
        }
    }
}

/// Not there. A link that leads nowhere is there, and its user should know.
fn is_missing(path: &Path, error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) && path.symlink_metadata().is_err()
}

fn unreadable(error: &io::Error) -> Outcome {
    Outcome::Unusable(format!("it cannot be read: {error}; the agent is not told what it says"))
}

impl Document {
    pub(super) fn is_cut(&self) -> bool {
        self.size > self.text.len() as u64
    }

    /// The file for the model. It cannot close the tag that it is in.
    pub(super) fn told(&self, tag: &str) -> String {
        let text = [tag, "file"]
            .iter()
            .fold(self.text.clone(), |text, tag| text.replace(&format!("</{tag}"), &format!("<\\/{tag}")));
        let cut = if self.is_cut() {
            format!("\n[cut here: {} of {} bytes are shown]", self.text.len(), self.size)
        } else {
            String::new()
        };
        format!("\n<file path=\"{}\">\n{text}{cut}\n</file>\n", shown(&self.path).replace('"', "'"))
    }
}
