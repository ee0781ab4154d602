//! A [`ModelRequest`] as the body of a Messages request.

use super::{
    breakpoints,
    fingerprint::Fingerprint,
    messages::{Begin, Told, messages, placeholder},
    search,
    thinking::{self, Asked},
    wire::{Block, Body, InputSchema, Message, OutputConfig, OutputFormat, Role, Thinking, Tool, ToolChoice},
};
use crate::{
    attachments::Attachments,
    catalogue::ModelInfo,
    freeform::{self, Parameters},
    output_schema::is_strict,
};
use agent_core::{ModelRequest, ToolSpec};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// How much a model may answer where nobody knows how much it can: the API wants a number. In tokens.
const USUAL_OUTPUT_TOKENS: u64 = 16_000;
/// What no schema that the provider enforces may hold (Anthropic, "Structured outputs", section "JSON Schema
/// limitations"). A `$ref` may be recursive, which is refused too.
const NOT_ENFORCED: [&str; 14] = [
    "$ref",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
];
/// What the top of a tool's schema may not hold.
const NOT_AT_THE_TOP: [&str; 3] = ["oneOf", "anyOf", "allOf"];

/// A body, and what its response depends on.
pub(super) struct Made {
    pub(super) bytes: Vec<u8>,
    /// How many tokens the response may have.
    pub(super) max_tokens: u64,
    /// The fingerprint of all that is sent before the response.
    pub(super) prefix: u64,
    pub(super) beta: Option<&'static str>,
}

/// The body. `search` are the options of the provider's web search, where it may be used.
pub(super) fn body(
    request: &ModelRequest,
    info: &ModelInfo,
    attachments: &Attachments,
    search: Option<Map<String, Value>>,
    begin: Begin,
) -> serde_json::Result<Made> {
    // What is found is cited, and citations do not go with a schema.
    let enforced = request.output_schema.as_ref().filter(|schema| search.is_none() && enforces(schema));
    let wished = request.output_schema.as_ref().filter(|_| enforced.is_none());
    let mut tools: Vec<Tool<'_>> = request.tools.iter().filter_map(tool).collect();
    let own_tools = tools.len();
    tools.extend(search.map(|options| Tool::Providers(search::tool(options))));
    let system = system(request, wished);
    let mut before = Fingerprint::default();
    before.add(&tools)?;
    before.add(&system)?;
    let Told { messages, prefix, called } = messages(request, attachments, begin, before)?;
    let mut tool_choice = (own_tools > 0 && !info.parallel_tool_calls)
        .then_some(ToolChoice::Auto { disable_parallel_tool_use: true });
    if own_tools == 0 && !called.is_empty() {
        let mut called: Vec<&str> = called.into_iter().collect();
        called.sort_unstable();
        tools.extend(called.into_iter().map(no_longer_offered));
        tool_choice = Some(ToolChoice::None);
    }
    let max_tokens = info.max_output_tokens.unwrap_or(USUAL_OUTPUT_TOKENS);
    let Asked { mut thinking, effort, beta } =
        thinking::asked(info, request.effort, request.summary, max_tokens);
    if matches!(thinking, Some(Thinking::Enabled { .. })) && !begins_with_thoughts(&messages) {
        thinking = None;
    }
    let mut body = Body {
        model: &request.model,
        max_tokens,
        thinking,
        output_config: OutputConfig {
            effort,
            format: enforced.map(|schema| OutputFormat::JsonSchema { schema }),
        },
        tool_choice,
        stream: true,
        tools,
        system,
        messages,
    };
    breakpoints::set(&mut body);
    Ok(Made { bytes: serde_json::to_vec(&body)?, max_tokens, prefix, beta })
}

fn system<'a>(request: &'a ModelRequest, wished: Option<&Value>) -> Vec<Block<'a>> {
    let mut system = Vec::new();
    if !request.instructions.trim().is_empty() {
        system.push(Block::text(request.instructions.as_str()));
    }
    system.extend(wished.map(|schema| {
        Block::text(format!(
            "Your final message must be nothing but JSON, without a code fence, that fits this JSON schema:\n{schema}"
        ))
    }));
    system
}

/// A tool whose calls the thread answers; `None` for others.
fn tool(spec: &ToolSpec) -> Option<Tool<'_>> {
    let (description, parameters) = freeform::as_function(spec)?;
    let input_schema = match parameters {
        Parameters::Own(schema) => mended(schema).map_or(InputSchema::As(parameters), InputSchema::Mended),
        Parameters::StandIn => InputSchema::As(parameters),
    };
    Some(Tool::Own { name: &spec.name, description, input_schema, cache_control: None })
}

/// The schema as the API takes it; `None` where it does so as it stands. Servers of MCP have others.
fn mended(schema: &Value) -> Option<Map<String, Value>> {
    let Value::Object(schema) = schema else { return Some(placeholder()) };
    let is_object = schema.get("type").is_some_and(|kind| kind == "object");
    let is_plain = NOT_AT_THE_TOP.iter().all(|key| !schema.contains_key(*key));
    if is_object && is_plain {
        return None;
    }
    let kept = schema.iter().filter(|(key, _)| !NOT_AT_THE_TOP.contains(&key.as_str()));
    let mut mended: Map<String, Value> = kept.map(|(key, value)| (key.clone(), value.clone())).collect();
    mended.extend(placeholder());
    Some(mended)
}

fn no_longer_offered(name: &str) -> Tool<'_> {
    let input_schema = InputSchema::Mended(placeholder());
    Tool::Own { name, description: Cow::Borrowed(""), input_schema, cache_control: None }
}

/// Whether the provider can hold the model to this schema.
fn enforces(schema: &Value) -> bool {
    fn is_simple(schema: &Value) -> bool {
        match schema {
            Value::Array(schemas) => schemas.iter().all(is_simple),
            Value::Object(keys) => {
                NOT_ENFORCED.iter().all(|key| !keys.contains_key(*key)) && keys.values().all(is_simple)
            }
            _ => true,
        }
    }
    is_strict(schema) && is_simple(schema)
}

/// Whether the model's turn, as far as it has come, begins with its thoughts. Within a budget it has to ("Expected
/// `thinking` or `redacted_thinking`, but found `tool_use`"); else the turn is ended without them, as where another
/// provider began it.
fn begins_with_thoughts(messages: &[Message<'_>]) -> bool {
    let answers =
        |message: &Message<'_>| message.content.iter().any(|block| matches!(block, Block::ToolResult { .. }));
    let mut first = None;
    for pair in messages.rchunks(2) {
        match pair {
            [asked, answered] if asked.role == Role::Assistant && answers(answered) => {
                first = asked.content.first()
            }
            _ => break,
        }
    }
    matches!(first, None | Some(Block::Thinking { .. } | Block::RedactedThinking { .. }))
}
