//! The JSON of Chat Completions. What is sent borrows; what is read takes anything that is missing, null or new.

use crate::{content::Joined, freeform::Parameters};
use agent_core::TokenUsage;
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::borrow::Cow;

/// The body of `POST /chat/completions`.
#[derive(Serialize)]
pub(super) struct Body<'a> {
    pub(super) model: &'a str,
    pub(super) messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tools: Vec<Tool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_choice: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) response_format: Option<ResponseFormat<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning_effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_completion_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) prompt_cache_key: Option<&'a str>,
    pub(super) stream: bool,
    pub(super) stream_options: StreamOptions,
}

#[derive(Serialize)]
pub(super) struct StreamOptions {
    pub(super) include_usage: bool,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ResponseFormat<'a> {
    JsonSchema { json_schema: JsonSchema<'a> },
}

#[derive(Serialize)]
pub(super) struct JsonSchema<'a> {
    pub(super) name: &'static str,
    pub(super) strict: bool,
    pub(super) schema: &'a Value,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Tool<'a> {
    Function { function: Function<'a> },
}

#[derive(Serialize)]
pub(super) struct Function<'a> {
    pub(super) name: &'a str,
    pub(super) description: Cow<'a, str>,
    pub(super) parameters: Parameters<'a>,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub(super) enum Message<'a> {
    System {
        content: Joined<'a>,
    },
    User {
        content: UserContent<'a>,
    },
    Assistant {
        /// `null` beside calls alone, as OpenAI itself writes it.
        content: Option<Joined<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reasoning_content: Option<Joined<'a>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        reasoning_details: Vec<Value>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<ToolCall<'a>>,
    },
    Tool {
        tool_call_id: Cow<'a, str>,
        content: Joined<'a>,
    },
}

/// One text, or parts where there are images. Some servers take nothing but a text, so that is preferred.
#[derive(Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum UserContent<'a> {
    Text(Joined<'a>),
    Parts(Vec<Part<'a>>),
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Part<'a> {
    Text { text: Cow<'a, str> },
    ImageUrl { image_url: ImageUrl<'a> },
}

#[derive(Debug, PartialEq, Serialize)]
pub(super) struct ImageUrl<'a> {
    pub(super) url: &'a str,
}

#[derive(Debug, PartialEq, Serialize)]
pub(super) struct ToolCall<'a> {
    pub(super) id: Cow<'a, str>,
    pub(super) r#type: &'static str,
    pub(super) function: CalledFunction<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) extra_content: Option<Value>,
}

#[derive(Debug, PartialEq, Serialize)]
pub(super) struct CalledFunction<'a> {
    pub(super) name: &'a str,
    pub(super) arguments: Cow<'a, str>,
}

/// An event of the stream, or a whole response.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chunk {
    pub(super) object: Value,
    pub(super) choices: Option<Vec<Choice>>,
    pub(super) usage: Value,
    pub(super) error: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Choice {
    #[serde(deserialize_with = "lenient")]
    pub(super) index: Option<u64>,
    /// What is new; in a response that came whole, `message`, which is everything.
    #[serde(alias = "message")]
    pub(super) delta: Option<Delta>,
    #[serde(deserialize_with = "lenient")]
    pub(super) finish_reason: Option<String>,
    /// Moonshot counts here.
    pub(super) usage: Value,
    /// OpenRouter's, where the provider behind it failed.
    pub(super) error: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Delta {
    /// A text; of Mistral's reasoning models a list of parts.
    pub(super) content: Value,
    pub(super) refusal: Value,
    /// DeepSeek, Moonshot, llama.cpp, LM Studio, SGLang, vLLM before 0.12.
    pub(super) reasoning_content: Value,
    /// Ollama, OpenRouter, Groq, Cerebras, vLLM. Some send both, with the same text.
    pub(super) reasoning: Value,
    /// OpenRouter's, with the same text, and what of it is sealed.
    pub(super) reasoning_details: Option<Vec<Value>>,
    pub(super) tool_calls: Option<Vec<CallPiece>>,
    /// What calls were before there could be several.
    pub(super) function_call: Option<FunctionPiece>,
}

/// A piece of a tool call. Which call it belongs to is the question.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CallPiece {
    #[serde(deserialize_with = "lenient")]
    pub(super) index: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    pub(super) id: Option<String>,
    pub(super) function: Option<FunctionPiece>,
    pub(super) custom: Option<CustomPiece>,
    pub(super) extra_content: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FunctionPiece {
    #[serde(deserialize_with = "lenient")]
    pub(super) name: Option<String>,
    /// A text, as documented; some servers send the object itself.
    pub(super) arguments: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CustomPiece {
    pub(super) name: Option<String>,
    pub(super) input: Option<String>,
}

/// A field that counts as missing where it has another type, as with the index -1 of some servers.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    Value::deserialize(deserializer).map(|value| serde_json::from_value(value).ok())
}

/// What the response cost; `None` where this is no count.
pub(super) fn tokens(usage: &Value) -> Option<TokenUsage> {
    let count = |value: &Value| value.as_u64().unwrap_or_default();
    let input = count(&usage["prompt_tokens"]);
    let output = count(&usage["completion_tokens"]);
    let cached = [
        &usage["prompt_tokens_details"]["cached_tokens"],
        // DeepSeek, then Moonshot.
        &usage["prompt_cache_hit_tokens"],
        &usage["cached_tokens"],
    ];
    usage.is_object().then(|| TokenUsage {
        input,
        cached: cached.into_iter().find_map(Value::as_u64).unwrap_or_default(),
        // Gemini and xAI leave reasoning out of `completion_tokens`, and have it in the total.
        output: output.max(count(&usage["total_tokens"]).saturating_sub(input)),
        reasoning: count(&usage["completion_tokens_details"]["reasoning_tokens"]),
    })
}
