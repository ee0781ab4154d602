//! What a server remembers of its requests.

use crate::api::WireApi;
use serde_json::Value;
use std::time::Instant;

/// What is kept of each request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recording {
    /// All of it.
    #[default]
    Everything,
    /// That it came. For long runs, in which the bodies of a conversation grow with the square of its length, and for
    /// benchmarks: bodies are read and dropped without a look, unless [`Replies::by`](crate::Replies::by) wants to see
    /// them. Answers are then what they are for a request that wants usage and offers freeform tools as such.
    Count,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct RecordedRequest {
    /// Which API it speaks.
    pub api: WireApi,
    /// The path, without the query.
    pub path: String,
    /// The query, without the question mark; empty where there is none.
    pub query: String,
    /// Names in lower case, values as they came.
    pub headers: Vec<(String, String)>,
    /// The body; `null` where it was no JSON.
    pub body: Value,
    /// When it had come completely.
    pub at: Instant,
}

impl RecordedRequest {
    /// The first header of this name, given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The conversation as it was sent: the body's `input`, in chat and over Anthropic's API its `messages`.
    pub fn input(&self) -> &[Value] {
        let conversation = match self.api {
            WireApi::Responses => &self.body["input"],
            WireApi::Chat | WireApi::Anthropic => &self.body["messages"],
        };
        conversation.as_array().map_or(&[], Vec::as_slice)
    }

    /// The texts of the tool outputs in the conversation, in order; of a list of parts, its texts.
    pub fn tool_outputs(&self) -> Vec<String> {
        let output = |item: &Value| match self.api {
            WireApi::Responses => {
                let is_output = item["type"].as_str().is_some_and(|kind| kind.ends_with("_call_output"));
                is_output.then(|| text(&item["output"])).into_iter().collect()
            }
            WireApi::Chat => (item["role"] == "tool").then(|| text(&item["content"])).into_iter().collect(),
            WireApi::Anthropic => {
                let blocks = item["content"].as_array().map(Vec::as_slice).unwrap_or_default();
                let results = blocks.iter().filter(|block| block["type"] == "tool_result");
                results.map(|block| text(&block["content"])).collect::<Vec<String>>()
            }
        };
        self.input().iter().flat_map(output).collect()
    }
}

fn text(content: &Value) -> String {
    match content {
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        content => content.as_str().unwrap_or_default().to_owned(),
    }
}
