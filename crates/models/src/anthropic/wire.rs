//! The JSON of the Messages API. What is sent borrows; what is read takes anything that is missing, null or new.

use super::ordered::Ordered;
use crate::{content::Joined, freeform::Parameters};
use agent_core::TokenUsage;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// The body of `POST /messages`.
#[derive(Serialize)]
pub(super) struct Body<'a> {
    pub(super) model: &'a str,
    pub(super) max_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thinking: Option<Thinking>,
    #[serde(skip_serializing_if = "OutputConfig::says_nothing")]
    pub(super) output_config: OutputConfig<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_choice: Option<ToolChoice>,
    pub(super) stream: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tools: Vec<Tool<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) system: Vec<Block<'a>>,
    pub(super) messages: Vec<Message<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Thinking {
    Adaptive { display: &'static str },
    Enabled { budget_tokens: u64 },
    Disabled,
    BetweenTools,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct OutputConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) format: Option<OutputFormat<'a>>,
}

impl OutputConfig<'_> {
    fn says_nothing(&self) -> bool {
        self.effort.is_none() && self.format.is_none()
    }
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum OutputFormat<'a> {
    JsonSchema { schema: &'a Value },
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ToolChoice {
    Auto { disable_parallel_tool_use: bool },
    None,
}

/// A mark that the prompt up to here may be cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum CacheControl {
    Ephemeral,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Tool<'a> {
    Own {
        name: &'a str,
        #[serde(skip_serializing_if = "str::is_empty")]
        description: Cow<'a, str>,
        input_schema: InputSchema<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl>,
    },
    /// One of the provider's.
    Providers(Map<String, Value>),
}

/// What a tool takes. It has to be the schema of an object.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum InputSchema<'a> {
    As(Parameters<'a>),
    Mended(Map<String, Value>),
}

#[derive(Debug, Serialize)]
pub(super) struct Message<'a> {
    pub(super) role: Role,
    pub(super) content: Vec<Block<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Role {
    User,
    Assistant,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block<'a> {
    Text {
        text: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl>,
    },
    Image {
        source: ImageSource<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl>,
    },
    Thinking {
        thinking: String,
        signature: String,
    },
    RedactedThinking {
        data: String,
    },
    ToolUse {
        id: String,
        name: &'a str,
        input: Ordered,
    },
    ToolResult {
        tool_use_id: String,
        content: ResultContent<'a>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl>,
    },
    /// A search of the provider's, as it was.
    #[serde(untagged)]
    Providers(Map<String, Value>),
}

impl<'a> Block<'a> {
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text { text: text.into(), cache_control: None }
    }
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ImageSource<'a> {
    Base64 { media_type: &'a str, data: &'a str },
}

/// What a tool answered: one text, or blocks where there are images.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum ResultContent<'a> {
    Text(Joined<'a>),
    Blocks(Vec<Block<'a>>),
}

/// What any event may hold. Which of it does follows from its type.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Event {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) index: Option<u64>,
    /// Of `message_start`.
    pub(super) message: Value,
    /// Of `content_block_start`.
    pub(super) content_block: Value,
    /// Of `content_block_delta` and `message_delta`.
    pub(super) delta: Value,
    /// Of `message_delta`; it counts from the start of the response.
    pub(super) usage: Value,
}

/// What the response cost, as far as it was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Sent, and neither read from the cache nor written to it.
    input: Option<u64>,
    written: Option<u64>,
    read: Option<u64>,
    output: Option<u64>,
    thought: Option<u64>,
}

impl Usage {
    /// Takes the newer figures of a `usage` object.
    pub(super) fn take(&mut self, usage: &Value) {
        let newer = |value: &Value, old: Option<u64>| value.as_u64().or(old);
        self.input = newer(&usage["input_tokens"], self.input);
        self.written = newer(&usage["cache_creation_input_tokens"], self.written);
        self.read = newer(&usage["cache_read_input_tokens"], self.read);
        self.output = newer(&usage["output_tokens"], self.output);
        self.thought = newer(&usage["output_tokens_details"]["thinking_tokens"], self.thought);
    }

    /// `None` where the provider did not count.
    pub(super) fn tokens(self) -> Option<TokenUsage> {
        let (input, output) = (self.input, self.output);
        (input.is_some() || output.is_some()).then(|| {
            let cached = self.read.unwrap_or_default();
            TokenUsage {
                input: input.unwrap_or_default() + self.written.unwrap_or_default() + cached,
                cached,
                output: output.unwrap_or_default(),
                reasoning: self.thought.unwrap_or_default(),
            }
        })
    }
}
