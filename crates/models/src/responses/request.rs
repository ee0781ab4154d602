//! A [`ModelRequest`] as the body of a Responses API request.

use super::attachments::{Attachment, Attachments};
use super::wire::{
    Body, CustomFormat, InputItem, Joined, Output, OutputFormat, Part, Reasoning, SummaryPart, TextFormat,
    Tool,
};
use agent_core::{
    CallId, Content, Effort, Item, ModelRequest, OutputStatus, Payload, Summary, ToolKind, ToolOutput,
    ToolSpec,
};
use serde_json::Value;
use std::{borrow::Cow, collections::BTreeSet};

/// Asks for the sealed thoughts, which go back with the next request: `store: false` keeps nothing at the provider.
const ENCRYPTED_REASONING: &[&str] = &["reasoning.encrypted_content"];

/// The body, as bytes.
pub(super) fn body(request: &ModelRequest, attachments: &Attachments) -> Result<Vec<u8>, serde_json::Error> {
    let reasoning = reasoning(request.effort, request.summary);
    serde_json::to_vec(&Body {
        model: &request.model,
        instructions: &request.instructions,
        input: input(request, attachments),
        tools: request.tools.iter().filter_map(tool).collect(),
        tool_choice: "auto",
        parallel_tool_calls: true,
        include: if reasoning.is_some() { ENCRYPTED_REASONING } else { &[] },
        reasoning,
        text: request.output_schema.as_ref().map(|schema| TextFormat {
            format: OutputFormat::JsonSchema { name: "output", strict: is_strict(schema), schema },
        }),
        prompt_cache_key: request.key.thread.as_str(),
        store: false,
        stream: true,
    })
}

fn reasoning(effort: Option<Effort>, summary: Option<Summary>) -> Option<Reasoning> {
    let effort = match effort {
        Some(Effort::None) => return None,
        Some(Effort::Minimal) => Some("minimal"),
        Some(Effort::Low) => Some("low"),
        Some(Effort::Medium) => Some("medium"),
        Some(Effort::High) => Some("high"),
        _ => None,
    };
    let summary = match summary {
        Some(Summary::Auto) => Some("auto"),
        Some(Summary::Concise) => Some("concise"),
        Some(Summary::Detailed) => Some("detailed"),
        _ => None,
    };
    (effort.is_some() || summary.is_some()).then_some(Reasoning { effort, summary })
}

fn tool(spec: &ToolSpec) -> Option<Tool<'_>> {
    let (name, description) = (spec.name.as_str(), spec.description.as_str());
    match &spec.kind {
        ToolKind::Function { parameters } => {
            Some(Tool::Function { name, description, strict: false, parameters })
        }
        ToolKind::Freeform { grammar } => {
            let format = match grammar {
                Some(definition) => CustomFormat::Grammar { syntax: "lark", definition },
                None => CustomFormat::Text,
            };
            Some(Tool::Custom { name, description, format })
        }
        _ => None,
    }
}

fn input<'a>(request: &'a ModelRequest, attachments: &'a Attachments) -> Vec<InputItem<'a>> {
    let mut freeform_calls = BTreeSet::new();
    let mut input = Vec::with_capacity(request.conversation.items.len());
    for item in &request.conversation.items {
        input.extend(input_item(item, attachments, &mut freeform_calls));
    }
    input
}

/// `None` for what the provider is not told: thoughts that it cannot read back, items of later versions.
fn input_item<'a>(
    item: &'a Item,
    attachments: &'a Attachments,
    freeform_calls: &mut BTreeSet<&'a CallId>,
) -> Option<InputItem<'a>> {
    match item {
        Item::Context { text } => {
            Some(InputItem::Message { role: "developer", content: vec![input_text(text)] })
        }
        Item::User { content } => {
            let content = content.iter().filter_map(|part| input_part(part, attachments)).collect();
            Some(InputItem::Message { role: "user", content })
        }
        Item::Agent { text, .. } => {
            Some(InputItem::Message { role: "assistant", content: vec![Part::OutputText { text }] })
        }
        Item::Reasoning { provider_id, summary, encrypted, .. } => Some(InputItem::Reasoning {
            id: provider_id.as_deref(),
            summary: summary.iter().map(|text| SummaryPart::SummaryText { text }).collect(),
            encrypted_content: encrypted.as_deref()?,
        }),
        Item::Call(call) => {
            let (call_id, name) = (call.id.as_str(), call.name.as_str());
            match &call.payload {
                Payload::Function { arguments } => Some(InputItem::FunctionCall { call_id, name, arguments }),
                Payload::Freeform { input } => {
                    freeform_calls.insert(&call.id);
                    Some(InputItem::CustomToolCall { call_id, name, input })
                }
                _ => None,
            }
        }
        Item::Output { call, output } => {
            let (call_id, output) = (call.as_str(), told(output, attachments));
            Some(if freeform_calls.contains(call) {
                InputItem::CustomToolCallOutput { call_id, output }
            } else {
                InputItem::FunctionCallOutput { call_id, output }
            })
        }
        _ => None,
    }
}

fn input_text(text: &str) -> Part<'_> {
    Part::InputText { text: Cow::Borrowed(text) }
}

fn input_part<'a>(part: &'a Content, attachments: &'a Attachments) -> Option<Part<'a>> {
    match part {
        Content::Text { text } => Some(input_text(text)),
        Content::Blob { blob } => Some(match attachments.get(&blob.id)? {
            Attachment::Image(image_url) => Part::InputImage { image_url, detail: "auto" },
            Attachment::Text(text) => input_text(text),
        }),
        Content::Mention { name, path } => {
            Some(Part::InputText { text: Cow::Owned(format!("@{name} (the file {path})")) })
        }
        Content::Skill { name } => {
            Some(Part::InputText { text: Cow::Owned(format!("${name} (the skill {name})")) })
        }
        _ => None,
    }
}

/// What the model is told of a tool's output: how it ended, then what it says.
fn told<'a>(output: &'a ToolOutput, attachments: &'a Attachments) -> Output<'a> {
    let mut parts: Vec<Part<'a>> = Vec::with_capacity(output.content.len() + 1);
    parts.extend(output.headline().map(|text| Part::InputText { text: Cow::Owned(text) }));
    parts.extend(output.content.iter().filter_map(|part| input_part(part, attachments)));
    if parts.is_empty() {
        parts.push(input_text(silent(output.status)));
    }
    if parts.iter().all(|part| matches!(part, Part::InputText { .. })) {
        let texts = parts.into_iter().filter_map(|part| match part {
            Part::InputText { text } => Some(text),
            _ => None,
        });
        return Output::Text(Joined(texts.collect()));
    }
    Output::Parts(parts)
}

/// What stands for an output without a word.
fn silent(status: OutputStatus) -> &'static str {
    match status {
        OutputStatus::Ok => "(no output)",
        OutputStatus::Denied => "The call was not run: it was denied.",
        OutputStatus::Cancelled => "The call was stopped.",
        OutputStatus::Unknown => "It is unknown whether the call ran.",
        _ => "The call failed, without output.",
    }
}

/// Whether a schema has the form that OpenAI's strict mode demands: in every object all properties are required and
/// no others allowed (OpenAI, "Structured outputs", section "Supported schemas"). Other schemas are sent as a wish,
/// and the thread checks the message itself.
fn is_strict(schema: &Value) -> bool {
    match schema {
        Value::Array(schemas) => schemas.iter().all(is_strict),
        Value::Object(keys) => {
            let closed = match keys.get("properties") {
                Some(Value::Object(properties)) => {
                    let required = keys.get("required").and_then(Value::as_array);
                    keys.get("additionalProperties") == Some(&Value::Bool(false))
                        && properties.keys().all(|name| {
                            required
                                .is_some_and(|required| required.iter().any(|known| known == name.as_str()))
                        })
                }
                _ => keys.get("type").is_none_or(|kind| kind != "object"),
            };
            closed && keys.values().all(is_strict)
        }
        _ => true,
    }
}
