//! [`ChatSeal`]: what a server of Chat Completions wants back with the conversation, kept as sealed thoughts.
//!
//! Chat Completions has no sealed thoughts, yet some servers refuse a conversation without what they sent: DeepSeek and
//! Moonshot want the thoughts before a tool call again as `reasoning_content` (DeepSeek, "Thinking Mode", section
//! "Tool Calls": without it "the API will return a 400 error"), Gemini wants the `extra_content` of a call, its
//! `thought_signature` (Google, "Gemini thought signatures", section "OpenAI compatibility"), OpenRouter its
//! `reasoning_details`. The thread keeps all that where it keeps OpenAI's encrypted reasoning, and it goes back to the
//! same provider only.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// How the text of a seal begins. OpenAI's are base64, so that neither is taken for the other.
const MARK: &str = "chat:";

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ChatSeal {
    /// What the server calls its thoughts, where it may demand them under this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) thoughts: Option<ThoughtsField>,
    /// OpenRouter's `reasoning_details`, where something in them is sealed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) details: Vec<Detail>,
    /// The model that sealed these: another one behind the same gateway cannot read them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) model: String,
    /// The `extra_content` of the response's calls, by their number in it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) extra_content: BTreeMap<usize, Value>,
}

/// A field that a server knows in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ThoughtsField {
    /// DeepSeek's, which many took over.
    ReasoningContent,
    /// OpenRouter's, beside `reasoning`. It knows the other name too, for models that demand it.
    ReasoningDetails,
}

/// One of OpenRouter's `reasoning_details`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Detail {
    /// The number of the call in the response that its `id` names; `None` where that is no call's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) call: Option<usize>,
    pub(crate) detail: Value,
}

impl ChatSeal {
    /// Whether this text is such a seal, and not a provider's.
    pub(crate) fn is_one(text: &str) -> bool {
        text.starts_with(MARK)
    }

    /// The text that the thread keeps; `None` where there is nothing to be kept.
    pub(crate) fn write(&self) -> Option<String> {
        if *self == Self::default() {
            return None;
        }
        Some(format!("{MARK}{}", serde_json::to_string(self).ok()?))
    }

    /// Reads what [`write`](Self::write) wrote.
    pub(crate) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text.strip_prefix(MARK)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seal_reads_back_as_it_was_written() {
        let extra_content =
            BTreeMap::from([(1, serde_json::json!({ "google": { "thought_signature": "x" } }))]);
        let seal = ChatSeal {
            thoughts: Some(ThoughtsField::ReasoningContent),
            details: vec![Detail { call: Some(0), detail: serde_json::json!({ "data": "x" }) }],
            model: "m".to_owned(),
            extra_content,
        };
        let text = seal.write().unwrap();
        assert!(ChatSeal::is_one(&text));
        assert_eq!(ChatSeal::read(&text), Some(seal));
        assert_eq!(ChatSeal::default().write(), None);
        assert_eq!(ChatSeal::read("gAAAAABo"), None);
    }
}
