//! What a provider wants back with the conversation, kept as sealed thoughts: [`ChatSeal`], [`AnthropicSeal`].
//!
//! Chat Completions has no sealed thoughts, yet some servers refuse a conversation without what they sent: DeepSeek and
//! Moonshot want the thoughts before a tool call again as `reasoning_content` (DeepSeek, "Thinking Mode", section
//! "Tool Calls": without it "the API will return a 400 error"), Gemini wants the `extra_content` of a call, its
//! `thought_signature` (Google, "Gemini thought signatures", section "OpenAI compatibility"), OpenRouter its
//! `reasoning_details`. The thread keeps all that where it keeps OpenAI's encrypted reasoning, and it goes back to the
//! same provider only.
//!
//! Anthropic has sealed thoughts, and takes them back only where nothing before them has changed: see [`AnthropicSeal`].

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// How the texts of these seals begin. OpenAI's are base64, so that none is taken for another.
const CHAT: &str = "chat:";
const ANTHROPIC: &str = "anthropic:";

/// Whether this text is one of these seals, and not OpenAI's.
pub(crate) fn is_ours(text: &str) -> bool {
    text.starts_with(CHAT) || text.starts_with(ANTHROPIC)
}

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
    /// The text that the thread keeps; `None` where there is nothing to be kept.
    pub(crate) fn write(&self) -> Option<String> {
        if *self == Self::default() {
            return None;
        }
        Some(format!("{CHAT}{}", serde_json::to_string(self).ok()?))
    }

    /// Reads what [`write`](Self::write) wrote.
    pub(crate) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text.strip_prefix(CHAT)?).ok()
    }
}

/// A `thinking` or `redacted_thinking` block of Anthropic's, and when it may go back.
///
/// Newer models take a block back only where nothing that was sent before it has changed, be it the system prompt, the
/// tools or a message, and refuse the request otherwise (Anthropic, "Preserved thinking"). A thread changes its tools
/// with its mode, and its model with its settings; so the block remembers what came before it and is left out where that
/// is another, instead of ending the thread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AnthropicSeal {
    /// The model that thought this: another one drops it unread.
    pub(crate) model: String,
    /// The fingerprint of what was sent before the response.
    pub(crate) prefix: u64,
    /// The fingerprint of the thoughts as they were shown, of what is sealed and of the calls. They go back word for word
    /// or not at all, and what the thread keeps of them may have lost what looks like a secret.
    pub(crate) content: u64,
    /// What the provider sealed.
    pub(crate) block: SealedBlock,
    /// The ids that the provider gave to the calls before it in the same response.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) calls: Vec<String>,
}

/// What the provider sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SealedBlock {
    /// Thoughts that are shown, in whole or in part, and their signature.
    Signature(String),
    /// Thoughts that are not shown.
    Redacted(String),
}

impl AnthropicSeal {
    /// The text that the thread keeps.
    pub(crate) fn write(&self) -> Option<String> {
        Some(format!("{ANTHROPIC}{}", serde_json::to_string(self).ok()?))
    }

    /// Reads what [`write`](Self::write) wrote.
    pub(crate) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text.strip_prefix(ANTHROPIC)?).ok()
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
        assert!(is_ours(&text));
        assert_eq!(AnthropicSeal::read(&text), None);
        assert_eq!(ChatSeal::read(&text), Some(seal));
        assert_eq!(ChatSeal::default().write(), None);
        assert_eq!(ChatSeal::read("gAAAAABo"), None);
    }

    #[test]
    fn block_reads_back_as_it_was_written() {
        for block in [SealedBlock::Signature("x".to_owned()), SealedBlock::Redacted("y".to_owned())] {
            let seal = AnthropicSeal {
                model: "m".to_owned(),
                prefix: u64::MAX,
                content: 7,
                block,
                calls: vec!["toolu_1".to_owned()],
            };
            let text = seal.write().unwrap();
            assert!(is_ours(&text));
            assert_eq!(ChatSeal::read(&text), None);
            assert_eq!(AnthropicSeal::read(&text), Some(seal));
        }
        assert!(!is_ours("gAAAAABo"));
        assert_eq!(AnthropicSeal::read("gAAAAABo"), None);
    }
}
