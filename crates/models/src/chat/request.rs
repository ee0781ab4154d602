//! A [`ModelRequest`] as the body of a Chat Completions request.

use super::{
    messages::messages,
    wire::{Body, Function, JsonSchema, ResponseFormat, StreamOptions, Tool},
};
use crate::{
    attachments::Attachments, catalogue::ModelInfo, effort::effort_name, endpoint::Dialect, freeform,
    output_schema::is_strict,
};
use agent_core::{ModelRequest, ToolSpec};
use serde_json::Value;

/// The body, as bytes. `limit` is what the response may have in tokens, where the user says so.
///
/// Only OpenAI itself gets fields that others may not know: some refuse a request for one unknown field.
pub(super) fn body(
    request: &ModelRequest,
    info: &ModelInfo,
    limit: Option<u64>,
    attachments: &Attachments,
    dialect: Dialect,
) -> Result<Vec<u8>, serde_json::Error> {
    let openai = dialect == Dialect::OpenAi;
    let tools: Vec<Tool<'_>> = request.tools.iter().filter_map(tool).collect();
    let has_tools = !tools.is_empty();
    let (enforced, wished) = match &request.output_schema {
        Some(schema) if enforces(dialect, has_tools) => (Some(schema), None),
        schema => (None, schema.as_ref()),
    };
    serde_json::to_vec(&Body {
        model: &request.model,
        messages: messages(request, attachments, dialect, wished),
        tools,
        // Without tools OpenAI refuses both.
        tool_choice: has_tools.then_some("auto"),
        parallel_tool_calls: has_tools.then_some(info.parallel_tool_calls),
        response_format: enforced.map(response_format),
        reasoning_effort: request.effort.filter(|_| info.reasoning).and_then(effort_name),
        // OpenAI's reasoning models refuse the old name, most other servers do not know the new one.
        max_tokens: limit.filter(|_| !openai),
        max_completion_tokens: limit.filter(|_| openai),
        prompt_cache_key: openai.then(|| request.key.thread.as_str()),
        stream: true,
        stream_options: StreamOptions { include_usage: true },
    })
}

/// Whether the provider may be asked to hold the model to an output schema.
///
/// Not where there are tools, except at OpenAI: vLLM and Ollama then let the model write nothing but that JSON, so
/// that it can call no tool (vllm-project/vllm issue 39929, ollama/ollama issue 8095). There the schema is told in
/// words, and the message is checked when it has come.
fn enforces(dialect: Dialect, has_tools: bool) -> bool {
    dialect == Dialect::OpenAi || !has_tools
}

fn response_format(schema: &Value) -> ResponseFormat<'_> {
    ResponseFormat::JsonSchema {
        json_schema: JsonSchema { name: "output", strict: is_strict(schema), schema },
    }
}

/// A function; freeform tools become one on every server, as next to none but OpenAI has anything else.
fn tool(spec: &ToolSpec) -> Option<Tool<'_>> {
    let (description, parameters) = freeform::as_function(spec)?;
    Some(Tool::Function { function: Function { name: &spec.name, description, parameters } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::{Conversation, EffectId, Item, Shared, Tenant, ThreadId, ThreadKey, ToolKind, TurnId};
    use serde_json::json;

    fn request() -> ModelRequest {
        let tool = ToolSpec::new("t", "d", ToolKind::Function { parameters: json!({}) });
        let hi = Item::User { content: vec![agent_core::Content::text("hi")] };
        ModelRequest {
            purpose: agent_core::Purpose::Answer,
            key: ThreadKey { tenant: Tenant::default(), thread: ThreadId::new("thread-1") },
            turn: TurnId(1),
            effect: EffectId(1),
            attempt: 1,
            provider: String::new(),
            model: "m".to_owned(),
            effort: None,
            summary: None,
            instructions: Shared::default(),
            tools: Shared::new(vec![tool]),
            conversation: Conversation::of(0, vec![Shared::new(hi)]),
            output_schema: Some(json!({ "type": "object" })),
            traceparent: None,
        }
    }

    fn sent(dialect: Dialect) -> Value {
        let info = crate::Catalogue::builtin().model("m");
        let body = body(&request(), &info, Some(100), &Attachments::default(), dialect).unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    #[test]
    fn openai_itself_gets_what_others_may_refuse() {
        let openai = sent(Dialect::OpenAi);
        assert_eq!(openai["prompt_cache_key"], "thread-1");
        assert_eq!(openai["max_completion_tokens"], 100);
        assert_eq!(openai["response_format"]["json_schema"]["strict"], false);
        assert_eq!(openai.get("max_tokens"), None);
        assert_eq!(openai["messages"].as_array().unwrap().len(), 1, "the schema is not told in words");

        let other = sent(Dialect::Usual);
        assert_eq!(other["max_tokens"], 100);
        for key in ["prompt_cache_key", "max_completion_tokens", "response_format"] {
            assert_eq!(other.get(key), None, "{key}");
        }
    }
}
