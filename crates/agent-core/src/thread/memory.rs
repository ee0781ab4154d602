//! What a thread keeps of a conversation besides its items: what a summary is made with, and how large it all is.

use super::{Archived, Thread, Told, rules::CONVERSATIONS_ARE_SUMMARISED};
use crate::protocol::{Content, Item, ModelChoice, Payload, Shared, TokenUsage, ToolSpec};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// How many bytes a token is taken for where no provider has counted.
const BYTES_PER_TOKEN: u64 = 4;
/// What an image is taken for, in tokens.
const IMAGE_TOKENS: u64 = 1_000;
/// So many messages of the user are kept for a summary at most, and so many tokens.
const MAX_SAID: usize = 256;
/// See [`MAX_SAID`].
pub(super) const MAX_SAID_TOKENS: u64 = 20_000;
/// How items begin that a thread tells by itself.
const OWN: [&str; 9] = [
    "<environment",
    "<developer_instructions>",
    "<mode>",
    "<personality>",
    "<skill ",
    "<hook>",
    "<review>",
    "<files_restored>",
    "<summary>",
];
/// So many files are remembered as changed.
const MAX_TOUCHED: usize = 500;

/// What is kept of a conversation beside its items.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Memory {
    /// How it began: what the host told before anybody spoke.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) preamble: Vec<Shared<Item>>,
    /// What the user said last, the oldest first.
    #[serde(skip_serializing_if = "VecDeque::is_empty")]
    pub(super) said: VecDeque<Shared<Item>>,
    /// How often the user spoke.
    pub(super) said_ever: u64,
    /// The files that calls changed, in the order in which they first did.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) touched: Vec<String>,
    /// The tokens it had after it was summarised last.
    #[serde(skip_serializing_if = "crate::protocol::is_zero")]
    pub(super) settled_tokens: u64,
    /// How often the conversation was summarised.
    pub(super) compactions: u32,
    pub(super) size: ContextSize,
}

/// A conversation that waits while another one has its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Aside {
    pub(super) items: Vec<Shared<Item>>,
    pub(super) archived: Vec<Archived>,
    pub(super) told: Told,
    pub(super) memory: Memory,
    /// Whom its last request went to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) asked_last: Option<ModelChoice>,
}

/// How many tokens a conversation has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ContextSize {
    /// As the provider counted the last request and its answer; 0 where none did.
    counted: u64,
    /// What came since, guessed by its bytes.
    since: u64,
}

impl ContextSize {
    pub(super) fn of_estimate(tokens: u64) -> Self {
        Self { counted: 0, since: tokens }
    }

    pub(super) fn add(&mut self, item: &Item) {
        self.since = self.since.saturating_add(weight(item));
    }

    pub(super) fn count(&mut self, last: TokenUsage) {
        *self = Self { counted: last.total(), since: 0 };
    }

    /// With the system prompt and the tools, which providers count too.
    pub(super) fn tokens(self, instructions: &str, tools: &[ToolSpec]) -> u64 {
        match self.counted {
            0 => self.since.saturating_add(overhead(instructions, tools)),
            counted => counted.saturating_add(self.since),
        }
    }
}

impl Thread {
    /// Whether the thread keeps what summaries, budgets and going back need. Under earlier rules it does not, so that it is the same
    /// thread whether it comes from its snapshot or from its first record.
    pub(super) fn remembers(&self) -> bool {
        self.rules >= CONVERSATIONS_ARE_SUMMARISED
    }

    /// Looks up in the conversation what was not kept, because it began under earlier rules.
    pub(super) fn recall(&mut self) {
        let is_kept = self.memory.said_ever > 0 && !self.memory.preamble.is_empty();
        if is_kept || self.memory.compactions > 0 || self.is_reviewing() {
            return;
        }
        if self.memory.preamble.is_empty() && self.archived.is_empty() {
            // What the thread itself told is told again after a summary, where it still holds.
            let is_told = |item: &&Shared<Item>| match &***item {
                Item::Context { text } => !OWN.iter().any(|beginning| text.starts_with(beginning)),
                _ => false,
            };
            self.memory.preamble = self.items.iter().take_while(is_told).cloned().collect();
        }
        let said = self.items.iter().filter(|item| matches!(***item, Item::User { .. })).cloned();
        let said: Vec<_> = said.collect();
        if self.memory.said_ever < said.len() as u64 {
            self.memory.unhear(0);
            said.iter().for_each(|item| self.memory.hear(item));
        }
    }
}

impl Memory {
    pub(super) fn hear(&mut self, item: &Shared<Item>) {
        self.said.push_back(item.clone());
        self.said_ever += 1;
        let mut tokens: u64 = self.said.iter().map(|item| weight(item)).sum();
        while self.said.len() > 1 && (self.said.len() > MAX_SAID || tokens > MAX_SAID_TOKENS) {
            tokens -= self.said.pop_front().map_or(0, |item| weight(&item));
        }
    }

    /// Forgets what the user said after the first `ever` times.
    pub(super) fn unhear(&mut self, ever: u64) {
        let gone = usize::try_from(self.said_ever.saturating_sub(ever)).unwrap_or(usize::MAX);
        self.said.truncate(self.said.len().saturating_sub(gone));
        self.said_ever = self.said_ever.min(ever);
    }

    pub(super) fn touch(&mut self, path: &str) {
        if self.touched.len() < MAX_TOUCHED && !self.touched.iter().any(|known| known == path) {
            self.touched.push(path.to_owned());
        }
    }
}

/// What comes with every request.
pub(super) fn overhead(instructions: &str, tools: &[ToolSpec]) -> u64 {
    let of_tool = |tool: &ToolSpec| {
        let kind = serde_json::to_string(&tool.kind).map_or(0, |text| text.len());
        tool.name.len() + tool.description.len() + kind
    };
    let bytes = instructions.len() + tools.iter().map(of_tool).sum::<usize>();
    bytes as u64 / BYTES_PER_TOKEN
}

/// How many tokens an item is taken for.
pub(super) fn weight(item: &Item) -> u64 {
    let content = |parts: &[Content]| parts.iter().map(tokens_of).sum::<u64>();
    match item {
        Item::Context { text } | Item::Agent { text, .. } => tokens(text.len()),
        Item::User { content: parts } => content(parts),
        Item::Reasoning { summary, text, encrypted, .. } => {
            let told = summary.iter().map(String::len).sum::<usize>();
            tokens(told + text.as_deref().map_or(0, str::len) + encrypted.as_deref().map_or(0, str::len))
        }
        Item::Call(call) => {
            let (Payload::Function { arguments: text } | Payload::Freeform { input: text }) = &call.payload;
            tokens(call.name.len() + text.len())
        }
        Item::Output { output, .. } => content(&output.content),
        Item::WebSearch { query, sealed, .. } => tokens(query.len() + sealed.as_deref().map_or(0, str::len)),
        Item::Unknown(value) => tokens(value.to_string().len()),
    }
}

fn tokens_of(part: &Content) -> u64 {
    match part {
        Content::Text { text } => tokens(text.len()),
        Content::Blob { blob } if blob.media_type.starts_with("text/") => blob.bytes / BYTES_PER_TOKEN + 1,
        Content::Blob { .. } => IMAGE_TOKENS,
        Content::Mention { name, path } => tokens(name.len() + path.len()),
        Content::Skill { name } => tokens(name.len()),
    }
}

fn tokens(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(BYTES_PER_TOKEN)
}
