//! A [`ModelRequest`] as the body of a Responses API request.

use super::{
    search_call,
    wire::{
        Body, CustomFormat, InputItem, Output, OutputFormat, Part, Reasoning, SummaryPart, TextFormat, Tool,
    },
};
use crate::{
    attachments::Attachments,
    catalogue::ModelInfo,
    content::{Joined, Piece, piece, told},
    effort::effort_name,
    freeform,
    output_schema::is_strict,
    seal,
};
use agent_core::{
    CallId, Effort, Item, ModelRequest, Payload, ServedBy, Shared, Summary, ToolCall, ToolKind, ToolOutput,
    ToolSpec,
};
use serde_json::{Map, Value};
use std::{borrow::Cow, collections::BTreeMap};

/// Asks for the sealed thoughts, which go back with the next request: `store: false` keeps nothing at the provider.
const ENCRYPTED_REASONING: &[&str] = &["reasoning.encrypted_content"];

/// The body, as bytes. `limit` is what the response may have in tokens, where the user says so; `search` are the options
/// of the provider's web search, where it may be used.
pub(super) fn body(
    request: &ModelRequest,
    info: &ModelInfo,
    limit: Option<u64>,
    attachments: &Attachments,
    search: Option<Map<String, Value>>,
) -> Result<Vec<u8>, serde_json::Error> {
    let reasons = info.reasoning && request.effort != Some(Effort::None);
    let own = request.tools.iter().filter_map(|spec| tool(spec, info));
    // OpenAI: "The following tools cannot be used with reasoning.effort 'minimal': web_search."
    let search = search.filter(|_| !reasons || request.effort != Some(Effort::Minimal));
    serde_json::to_vec(&Body {
        model: &request.model,
        instructions: &request.instructions,
        input: Translation { request, info, attachments, calls: BTreeMap::new() }.input(),
        tools: own.chain(search.map(Tool::WebSearch)).collect(),
        tool_choice: "auto",
        parallel_tool_calls: info.parallel_tool_calls,
        include: if reasons { ENCRYPTED_REASONING } else { &[] },
        reasoning: if reasons { reasoning(request.effort, request.summary) } else { None },
        text: request.output_schema.as_ref().map(|schema| TextFormat {
            format: OutputFormat::JsonSchema { name: "output", strict: is_strict(schema), schema },
        }),
        max_output_tokens: limit,
        prompt_cache_key: request.key.thread.as_str(),
        store: false,
        stream: true,
    })
}

fn reasoning(effort: Option<Effort>, summary: Option<Summary>) -> Option<Reasoning> {
    let effort = effort.and_then(effort_name);
    let summary = match summary {
        Some(Summary::Auto) => Some("auto"),
        Some(Summary::Concise) => Some("concise"),
        Some(Summary::Detailed) => Some("detailed"),
        _ => None,
    };
    (effort.is_some() || summary.is_some()).then_some(Reasoning { effort, summary })
}

/// A tool whose calls the thread answers; `None` for those of later versions.
fn tool<'a>(spec: &'a ToolSpec, info: &ModelInfo) -> Option<Tool<'a>> {
    let name = spec.name.as_str();
    if let ToolKind::Freeform { grammar } = &spec.kind
        && info.freeform_tools
        && spec.served_by != ServedBy::Provider
    {
        let format = match grammar {
            Some(definition) => CustomFormat::Grammar { syntax: "lark", definition },
            None => CustomFormat::Text,
        };
        return Some(Tool::Custom { name, description: &spec.description, format });
    }
    let (description, parameters) = freeform::as_function(spec)?;
    Some(Tool::Function { name, description, strict: false, parameters })
}

/// The conversation on its way into the request.
struct Translation<'a> {
    request: &'a ModelRequest,
    info: &'a ModelInfo,
    attachments: &'a Attachments,
    /// The calls that were told, and how: their outputs must have the same form.
    calls: BTreeMap<&'a CallId, CallForm>,
}

#[derive(Clone, Copy)]
enum CallForm {
    Function,
    Custom,
}

impl<'a> Translation<'a> {
    fn input(mut self) -> Vec<InputItem<'a>> {
        let items: Vec<&'a Shared<Item>> = self.request.conversation.told().collect();
        let mut input = Vec::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            input.extend(self.item(item, &items[at + 1..]));
        }
        input
    }

    /// `None` for what the provider is not told: thoughts that it cannot read back, items of later versions.
    fn item(&mut self, item: &'a Item, rest: &[&Shared<Item>]) -> Option<InputItem<'a>> {
        match item {
            Item::Context { text } => Some(InputItem::Message {
                role: "developer",
                content: vec![Part::InputText { text: Cow::Borrowed(text) }],
            }),
            Item::User { content } => {
                let pieces = content.iter().filter_map(|content| piece(content, self.attachments));
                let content: Vec<Part<'a>> = pieces.map(Part::from).collect();
                (!content.is_empty()).then_some(InputItem::Message { role: "user", content })
            }
            Item::Agent { text, .. } => (!text.is_empty())
                .then(|| InputItem::Message { role: "assistant", content: vec![Part::OutputText { text }] }),
            Item::Reasoning { provider_id, summary, encrypted, provider, .. } => {
                // A thought without what it led to is refused (OpenAI: "reasoning was provided without its required
                // following item"), as is one that another provider has sealed.
                let own = self.is_asked(provider.as_deref());
                let encrypted = encrypted.as_deref().filter(|sealed| !seal::is_ours(sealed))?;
                (own && self.lead_somewhere(rest)).then(|| InputItem::Reasoning {
                    id: provider_id.as_deref(),
                    summary: summary.iter().map(|text| SummaryPart::SummaryText { text }).collect(),
                    encrypted_content: encrypted,
                })
            }
            Item::WebSearch { .. } => self.search(item).map(InputItem::WebSearchCall),
            Item::Call(call) => self.call(call),
            Item::Output { call, output } => {
                let output = self.told(output);
                Some(match self.calls.get(call)? {
                    CallForm::Function => InputItem::FunctionCallOutput { call_id: call.as_str(), output },
                    CallForm::Custom => InputItem::CustomToolCallOutput { call_id: call.as_str(), output },
                })
            }
            _ => None,
        }
    }

    /// Whether what this provider alone can read is for the one that is asked.
    fn is_asked(&self, provider: Option<&str>) -> bool {
        provider.unwrap_or_default() == self.request.provider
    }

    /// A search as the provider is told it again; `None` where it was another's.
    fn search(&self, item: &Item) -> Option<Map<String, Value>> {
        let Item::WebSearch { sealed: Some(record), provider, .. } = item else { return None };
        self.is_asked(provider.as_deref()).then(|| search_call::fields(record))?
    }

    /// Whether the model said or did something right after its thoughts that the provider is told.
    fn lead_somewhere(&self, rest: &[&Shared<Item>]) -> bool {
        let told = |item: &Item| match item {
            Item::Reasoning { .. } => false,
            Item::WebSearch { .. } => self.search(item).is_some(),
            _ => true,
        };
        rest.iter().map(|item| &***item).find(|item| told(item)).is_some_and(|next| match next {
            Item::Call(_) | Item::WebSearch { .. } => true,
            Item::Agent { text, .. } => !text.is_empty(),
            _ => false,
        })
    }

    fn call(&mut self, call: &'a ToolCall) -> Option<InputItem<'a>> {
        let (call_id, name) = (call.id.as_str(), call.name.as_str());
        let (form, item) = match &call.payload {
            Payload::Freeform { input } if self.info.freeform_tools => {
                (CallForm::Custom, InputItem::CustomToolCall { call_id, name, input })
            }
            Payload::Freeform { input } => {
                let arguments = Cow::Owned(freeform::arguments(input));
                (CallForm::Function, InputItem::FunctionCall { call_id, name, arguments })
            }
            Payload::Function { arguments } => {
                let arguments = Cow::Borrowed(arguments.as_str());
                (CallForm::Function, InputItem::FunctionCall { call_id, name, arguments })
            }
            _ => return None,
        };
        self.calls.insert(&call.id, form);
        Some(item)
    }

    fn told(&self, output: &'a ToolOutput) -> Output<'a> {
        let pieces = told(output, self.attachments);
        if pieces.iter().all(|piece| matches!(piece, Piece::Text(_))) {
            let texts = pieces.into_iter().filter_map(Piece::text).collect();
            return Output::Text(Joined { texts, separator: "" });
        }
        Output::Parts(pieces.into_iter().map(Part::from).collect())
    }
}

impl<'a> From<Piece<'a>> for Part<'a> {
    fn from(piece: Piece<'a>) -> Self {
        match piece {
            Piece::Text(text) => Self::InputText { text },
            Piece::Image(image_url) => Self::InputImage { image_url, detail: "auto" },
        }
    }
}
