//! What a server remembers of its requests.

use serde_json::Value;
use std::time::Instant;

/// What is kept of each request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recording {
    /// All of it.
    #[default]
    Everything,
    /// That it came. For long runs: the bodies of a conversation grow with the square of its length.
    Count,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct RecordedRequest {
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

    /// The conversation as it was sent: the body's `input`.
    pub fn input(&self) -> &[Value] {
        self.body["input"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The texts of the tool outputs in the conversation, in order; of a list of parts, its texts.
    pub fn tool_outputs(&self) -> Vec<String> {
        self.input()
            .iter()
            .filter(|item| item["type"].as_str().is_some_and(|kind| kind.ends_with("_call_output")))
            .map(|item| match &item["output"] {
                Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
                output => output.as_str().unwrap_or_default().to_owned(),
            })
            .collect()
    }
}
