//! The JSON of the Responses API. What is sent borrows; what is read takes anything that is missing or new.

use super::search_call;
use crate::{
    citations::{Citations, sources},
    content::Joined,
    freeform::Parameters,
};
use agent_core::{ModelItem, Payload, TokenUsage};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// The body of `POST /responses`.
#[derive(Serialize)]
pub(super) struct Body<'a> {
    pub(super) model: &'a str,
    pub(super) instructions: &'a str,
    pub(super) input: Vec<InputItem<'a>>,
    pub(super) tools: Vec<Tool<'a>>,
    pub(super) tool_choice: &'static str,
    pub(super) parallel_tool_calls: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning: Option<Reasoning>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<TextFormat<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) include: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_output_tokens: Option<u64>,
    pub(super) prompt_cache_key: &'a str,
    pub(super) store: bool,
    pub(super) stream: bool,
}

#[derive(Serialize)]
pub(super) struct Reasoning {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) summary: Option<&'static str>,
}

#[derive(Serialize)]
pub(super) struct TextFormat<'a> {
    pub(super) format: OutputFormat<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum OutputFormat<'a> {
    JsonSchema { name: &'static str, strict: bool, schema: &'a Value },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Tool<'a> {
    Function { name: &'a str, description: Cow<'a, str>, strict: bool, parameters: Parameters<'a> },
    Custom { name: &'a str, description: &'a str, format: CustomFormat<'a> },
    WebSearch(Map<String, Value>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum CustomFormat<'a> {
    Text,
    Grammar { syntax: &'static str, definition: &'a str },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum InputItem<'a> {
    Message {
        role: &'static str,
        content: Vec<Part<'a>>,
    },
    Reasoning {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        summary: Vec<SummaryPart<'a>>,
        encrypted_content: &'a str,
    },
    FunctionCall {
        call_id: &'a str,
        name: &'a str,
        arguments: Cow<'a, str>,
    },
    CustomToolCall {
        call_id: &'a str,
        name: &'a str,
        input: &'a str,
    },
    FunctionCallOutput {
        call_id: &'a str,
        output: Output<'a>,
    },
    CustomToolCallOutput {
        call_id: &'a str,
        output: Output<'a>,
    },
    WebSearchCall(Map<String, Value>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Part<'a> {
    InputText { text: Cow<'a, str> },
    InputImage { image_url: &'a str, detail: &'static str },
    OutputText { text: &'a str },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum SummaryPart<'a> {
    SummaryText { text: &'a str },
}

/// What a tool answered: one text, or parts where there are images.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Output<'a> {
    Text(Joined<'a>),
    Parts(Vec<Part<'a>>),
}

/// What any event may hold. Which of it does follows from its type.
#[derive(Debug, Deserialize)]
pub(super) struct Event {
    #[serde(default, rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) output_index: Option<u64>,
    #[serde(default)]
    pub(super) item_id: Option<String>,
    #[serde(default)]
    pub(super) summary_index: Option<u64>,
    /// Text, in the events of which this is read.
    #[serde(default)]
    pub(super) delta: Option<Value>,
    #[serde(default)]
    pub(super) item: Option<Value>,
    #[serde(default)]
    pub(super) response: Option<Response>,
    #[serde(default)]
    pub(super) error: Option<Value>,
}

/// The response object of the last event, without its output.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Response {
    usage: Value,
    pub(super) error: Option<Value>,
    incomplete_details: Value,
}

impl Response {
    /// What the response cost; `None` where the provider did not count.
    pub(super) fn tokens(&self) -> Option<TokenUsage> {
        let usage = &self.usage;
        let count = |value: &Value| value.as_u64().unwrap_or_default();
        usage.is_object().then(|| TokenUsage {
            input: count(&usage["input_tokens"]),
            cached: count(&usage["input_tokens_details"]["cached_tokens"]),
            output: count(&usage["output_tokens"]),
            reasoning: count(&usage["output_tokens_details"]["reasoning_tokens"]),
        })
    }

    /// Why the response ended early; empty where that is not said.
    pub(super) fn incomplete_reason(&self) -> &str {
        self.incomplete_details["reason"].as_str().unwrap_or_default()
    }
}

/// `response.completed` for the output alone, which is read only where the events before it left something out.
#[derive(Debug, Deserialize)]
pub(super) struct Completed {
    pub(super) response: CompletedOutput,
}

#[derive(Debug, Deserialize)]
pub(super) struct CompletedOutput {
    #[serde(default)]
    pub(super) output: Vec<Value>,
}

/// An item of the response, of any type.
#[derive(Debug)]
pub(super) struct OutputItem(Value);

impl OutputItem {
    pub(super) fn new(item: Value) -> Self {
        Self(item)
    }

    pub(super) fn id(&self) -> Option<&str> {
        self.0["id"].as_str()
    }

    /// Whether the item is of a type that becomes a [`ModelItem`].
    pub(super) fn is_known(&self) -> bool {
        matches!(
            self.kind(),
            "message" | "reasoning" | "function_call" | "custom_tool_call" | search_call::TYPE
        )
    }

    fn kind(&self) -> &str {
        self.0["type"].as_str().unwrap_or_default()
    }

    /// The item, where it is of a known type.
    pub(super) fn into_model_item(mut self, citations: Citations) -> Option<ModelItem> {
        match self.kind() {
            "message" => {
                let parts = &self.0["content"];
                let mut text = texts(parts).unwrap_or_default().concat();
                if citations == Citations::PutUnder {
                    text.push_str(&sources(parts, &text));
                }
                Some(ModelItem::Message { text })
            }
            search_call::TYPE => Some(search_call::model_item(self.0)),
            "reasoning" => Some(ModelItem::Reasoning {
                provider_id: self.text("id"),
                summary: texts(&self.0["summary"]).unwrap_or_default(),
                text: texts(&self.0["content"]).map(|texts| texts.concat()),
                encrypted: self.text("encrypted_content"),
            }),
            "function_call" => {
                // A string, as documented; some servers send the object itself.
                let arguments = match self.0["arguments"].take() {
                    Value::Null => String::new(),
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                Some(self.call(Payload::Function { arguments }))
            }
            "custom_tool_call" => {
                let input = self.text("input").unwrap_or_default();
                Some(self.call(Payload::Freeform { input }))
            }
            _ => None,
        }
    }

    fn call(&mut self, payload: Payload) -> ModelItem {
        ModelItem::Call { name: self.text("name").unwrap_or_default(), payload }
    }

    fn text(&mut self, field: &str) -> Option<String> {
        match self.0[field].take() {
            Value::String(text) => Some(text),
            _ => None,
        }
    }
}

/// The texts of a list of parts, a refusal's words among them; `None` where there is no part.
fn texts(parts: &Value) -> Option<Vec<String>> {
    let parts = parts.as_array().filter(|parts| !parts.is_empty())?;
    let text = |part: &Value| part["text"].as_str().or(part["refusal"].as_str()).map(str::to_owned);
    Some(parts.iter().filter_map(text).collect())
}
