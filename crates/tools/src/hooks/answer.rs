//! [`HookAnswer`]: what one hook said, and how the output of a program is read as that.

use agent_core::{Content, HookPatch};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The most entries of metadata in one answer, and the longest of them with its key, in bytes. They are kept with the thread,
/// which has the same bounds.
const MAX_METADATA: usize = 64;
const MAX_METADATA_BYTES: usize = 4_096;
/// How much of what is no answer is repeated, in letters.
const MAX_REPEATED_CHARS: usize = 200;

/// What one hook said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HookAnswer {
    /// Why it does not go on; `None` where it does.
    pub block: Option<String>,
    /// What changes.
    pub patch: HookPatch,
    /// What people should know.
    pub notes: Vec<String>,
}

impl HookAnswer {
    /// It goes on as it is.
    pub fn go_on() -> Self {
        Self::default()
    }

    /// It goes on with these changes.
    pub fn change(patch: HookPatch) -> Self {
        Self { patch, ..Self::default() }
    }

    /// It does not go on.
    pub fn block(reason: impl Into<String>) -> Self {
        Self { block: Some(reason.into()), ..Self::default() }
    }

    /// It goes on, and something is to be said.
    pub fn note(note: impl Into<String>) -> Self {
        Self { notes: vec![note.into()], ..Self::default() }
    }

    /// What a program that ended well wrote to standard output: nothing, or a JSON object. Anything else is a note.
    pub(super) fn of_output(output: &[u8]) -> Self {
        if output.iter().all(u8::is_ascii_whitespace) {
            return Self::go_on();
        }
        let Said { prompt, model, attachments, context, mut metadata, note } = match serde_json::from_slice(
            output,
        ) {
            Ok(said) => said,
            Err(error) => {
                return Self::note(format!(
                    "what it wrote to standard output is not the JSON object it should be, and is ignored: {error}; it wrote \
                     {:?}",
                    shortened(&String::from_utf8_lossy(output))
                ));
            }
        };
        let mut notes: Vec<String> = note.into_iter().collect();
        let before = metadata.len();
        metadata.retain(|key, value| key.len() + value.len() <= MAX_METADATA_BYTES);
        while metadata.len() > MAX_METADATA {
            metadata.pop_last();
        }
        if metadata.len() < before {
            notes.push(format!(
                "{} of {before} entries of its metadata are left out: {MAX_METADATA} of {MAX_METADATA_BYTES} bytes are the most",
                before - metadata.len()
            ));
        }
        let patch = HookPatch { prompt, model, attachments, context, metadata };
        Self { block: None, patch, notes }
    }
}

/// The object that a program may write. A key that nobody knows is a slip that its author should hear of.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Said {
    prompt: Option<String>,
    model: Option<String>,
    attachments: Vec<Content>,
    context: Option<String>,
    metadata: BTreeMap<String, String>,
    note: Option<String>,
}

/// The beginning of a text.
pub(super) fn shortened(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(MAX_REPEATED_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
