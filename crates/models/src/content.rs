//! What content and tool outputs are told as, before an API gives them its form.

use crate::attachments::{Attachment, Attachments};
use agent_core::{Content, OutputStatus, ToolOutput};
use serde::{Serialize, Serializer};
use std::{borrow::Cow, fmt};

/// A part of what is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Text(Cow<'a, str>),
    /// A `data:` url.
    Image(&'a str),
}

impl<'a> Piece<'a> {
    /// The text, where it is one.
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Image(_) => None,
        }
    }
}

/// A piece of content; `None` for what this build does not know.
pub(crate) fn piece<'a>(content: &'a Content, attachments: &'a Attachments) -> Option<Piece<'a>> {
    match content {
        Content::Text { text } => Some(Piece::Text(Cow::Borrowed(text))),
        Content::Blob { blob } => Some(match attachments.get(&blob.id)? {
            Attachment::Image(url) => Piece::Image(url),
            Attachment::Text(text) => Piece::Text(Cow::Borrowed(text)),
        }),
        Content::Mention { name, path } => {
            Some(Piece::Text(Cow::Owned(format!("@{name} (the file {path})"))))
        }
        Content::Skill { name } => Some(Piece::Text(Cow::Owned(format!("${name} (the skill {name})")))),
        _ => None,
    }
}

/// What the model is told of a tool's output: how it ended, then what it says. Never nothing.
pub(crate) fn told<'a>(output: &'a ToolOutput, attachments: &'a Attachments) -> Vec<Piece<'a>> {
    let mut pieces: Vec<Piece<'a>> = Vec::with_capacity(output.content.len() + 1);
    pieces.extend(output.headline().map(|text| Piece::Text(Cow::Owned(text))));
    pieces.extend(output.content.iter().filter_map(|content| piece(content, attachments)));
    if pieces.is_empty() {
        pieces.push(Piece::Text(Cow::Borrowed(silent(output.status))));
    }
    pieces
}

/// What stands for an output without a word.
fn silent(status: OutputStatus) -> &'static str {
    match status {
        OutputStatus::Ok => "(no output)",
        OutputStatus::Denied => "The call was not run: it was denied.",
        OutputStatus::Cancelled => "The call was stopped.",
        OutputStatus::Unknown => "It is unknown whether the call ran.",
        _ => "The call failed, without output.",
    }
}

/// Texts that are sent as one, without being copied into one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Joined<'a> {
    pub(crate) texts: Vec<Cow<'a, str>>,
    pub(crate) separator: &'static str,
}

impl fmt::Display for Joined<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, text) in self.texts.iter().enumerate() {
            if at > 0 {
                f.write_str(self.separator)?;
            }
            f.write_str(text)?;
        }
        Ok(())
    }
}

impl Serialize for Joined<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.texts.as_slice() {
            [text] => serializer.serialize_str(text),
            _ => serializer.collect_str(self),
        }
    }
}
