//! The conversation as messages, in an order that every server takes.
//!
//! * One system message, at the beginning: the chat templates of Qwen and others refuse a later one ("System message
//!   must be at the beginning"), so what the harness tells in between is told in the user's place.
//! * The user and the model take turns: what follows without the other in between becomes one message.
//! * The model's words and calls of one response are one message, and each call is answered right after it, whatever
//!   the user said meanwhile.
//! * Answers are text. An image in one goes into a message of the user after the answers.
//! * Ids of calls are nine letters and digits, as Mistral demands, and its models hear the user only after they have
//!   said something to an answer.

use super::wire::{CalledFunction, ImageUrl, Message, Part, ToolCall, UserContent};
use crate::{
    attachments::Attachments,
    content::{Joined, Piece, piece, told},
    endpoint::Dialect,
    freeform,
    seal::{ChatSeal, Detail, ThoughtsField},
};
use agent_core::{CallId, Item, ModelRequest, Payload, ToolOutput};
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
};

/// Stands between texts that were told one after the other.
const PARAGRAPH: &str = "\n\n";

/// Names of Mistral's models, in which no user may follow an answer ("Unexpected role 'user' after role 'tool'").
const MISTRAL: [&str; 7] =
    ["mistral", "devstral", "codestral", "magistral", "ministral", "mixtral", "pixtral"];
/// What they are told to have said in between.
const BRIDGE: &str = "I see.";

/// The messages; `wished` is the output schema that the model is told in words.
pub(super) fn messages<'a>(
    request: &'a ModelRequest,
    attachments: &'a Attachments,
    dialect: Dialect,
    wished: Option<&Value>,
) -> Vec<Message<'a>> {
    let items = || request.conversation.told();
    let outputs = items().filter_map(|item| match &**item {
        Item::Output { call, output } => Some((call, output)),
        _ => None,
    });
    let mut translation = Translation {
        attachments,
        request,
        outputs: outputs.collect(),
        wants_thoughts: dialect == Dialect::WantsThoughts,
        is_mistral: MISTRAL.iter().any(|name| request.model.contains(name)),
        messages: Vec::with_capacity(request.conversation.items.len() + 1),
        heard: Vec::new(),
        said: Said::default(),
    };
    translation.wants_thoughts |= items().any(|item| translation.shows_that_thoughts_are_wanted(item));
    translation.messages.extend(system(request, wished));
    for item in items() {
        translation.item(item);
    }
    translation.end_said();
    translation.end_heard();
    translation.messages
}

fn system<'a>(request: &'a ModelRequest, wished: Option<&Value>) -> Option<Message<'a>> {
    let mut texts = Vec::new();
    if !request.instructions.is_empty() {
        texts.push(Cow::Borrowed(request.instructions.as_str()));
    }
    if let Some(schema) = wished {
        texts.push(Cow::Owned(format!(
            "Your final message must be nothing but JSON, without a code fence, that fits this JSON schema:\n{schema}"
        )));
    }
    (!texts.is_empty()).then_some(Message::System { content: Joined { texts, separator: PARAGRAPH } })
}

/// The conversation on its way into messages.
struct Translation<'a> {
    attachments: &'a Attachments,
    request: &'a ModelRequest,
    outputs: HashMap<&'a CallId, &'a ToolOutput>,
    /// The server refuses calls without the thoughts before them.
    wants_thoughts: bool,
    is_mistral: bool,
    messages: Vec<Message<'a>>,
    /// What the user said since the model last did.
    heard: Vec<Piece<'a>>,
    /// What the model said and did since the user last spoke or a call was answered.
    said: Said<'a>,
}

#[derive(Default)]
struct Said<'a> {
    texts: Vec<Cow<'a, str>>,
    thoughts: Vec<Cow<'a, str>>,
    calls: Vec<ToolCall<'a>>,
    outputs: Vec<Option<&'a ToolOutput>>,
    /// What goes back with the calls, by their number.
    extra_content: BTreeMap<usize, Value>,
    details: Vec<Detail>,
}

impl<'a> Translation<'a> {
    fn item(&mut self, item: &'a Item) {
        match item {
            Item::Context { text } => self.hear([Piece::Text(Cow::Borrowed(text))]),
            Item::User { content } => {
                let attachments = self.attachments;
                self.hear(content.iter().filter_map(|content| piece(content, attachments)));
            }
            Item::Agent { text, .. } if !text.is_empty() => {
                self.end_heard();
                self.said.texts.push(Cow::Borrowed(text));
            }
            Item::Reasoning { text, .. } => self.think(item, text.as_deref()),
            Item::Call(call) => {
                let arguments = match &call.payload {
                    Payload::Function { arguments } => readable(arguments),
                    Payload::Freeform { input } => Cow::Owned(freeform::arguments(input)),
                    _ => return,
                };
                self.end_heard();
                self.said.outputs.push(self.outputs.get(&call.id).copied());
                self.said.calls.push(ToolCall {
                    id: plain_id(&call.id),
                    r#type: "function",
                    function: CalledFunction { name: &call.name, arguments },
                    extra_content: None,
                });
            }
            // It was told with its call.
            Item::Output { .. } => self.end_said(),
            // Among the rest are searches of the web by a provider: this API has no place for them, and what they
            // found is in what the model said.
            _ => {}
        }
    }

    fn hear(&mut self, pieces: impl IntoIterator<Item = Piece<'a>>) {
        // An empty text says nothing, and some servers refuse it.
        for piece in pieces.into_iter().filter(|piece| !matches!(piece, Piece::Text(text) if text.is_empty()))
        {
            self.end_said();
            self.heard.push(piece);
        }
    }

    /// Thoughts are told to nobody but a server that demands its own again.
    fn think(&mut self, item: &Item, text: Option<&'a str>) {
        let Some(seal) = self.seal(item) else { return };
        if seal.thoughts.is_some() {
            self.said.thoughts.extend(text.map(Cow::Borrowed));
        }
        self.said.extra_content.extend(seal.extra_content);
        if seal.model == self.request.model {
            self.said.details.extend(seal.details);
        }
    }

    /// The seal of this provider on an item.
    fn seal(&self, item: &Item) -> Option<ChatSeal> {
        let Item::Reasoning { encrypted: Some(encrypted), provider, .. } = item else { return None };
        let own = provider.as_deref().unwrap_or_default() == self.request.provider;
        own.then(|| ChatSeal::read(encrypted))?
    }

    /// Whether the server refuses calls without the thoughts before them, as far as this item tells.
    fn shows_that_thoughts_are_wanted(&self, item: &Item) -> bool {
        match self.seal(item).and_then(|seal| seal.thoughts) {
            Some(ThoughtsField::ReasoningContent) => true,
            // Behind OpenRouter it depends on the model (UKGovernmentBEIS/inspect_ai issue 4079).
            Some(ThoughtsField::ReasoningDetails) => {
                ["deepseek", "moonshot", "kimi"].iter().any(|maker| self.request.model.contains(maker))
            }
            None => false,
        }
    }

    fn end_heard(&mut self) {
        if self.heard.is_empty() {
            return;
        }
        let heard = std::mem::take(&mut self.heard);
        let content = if heard.iter().all(|piece| matches!(piece, Piece::Text(_))) {
            let texts = heard.into_iter().filter_map(Piece::text).collect();
            UserContent::Text(Joined { texts, separator: PARAGRAPH })
        } else {
            UserContent::Parts(heard.into_iter().map(Part::from).collect())
        };
        if self.is_mistral && matches!(self.messages.last(), Some(Message::Tool { .. })) {
            let content = Joined { texts: vec![Cow::Borrowed(BRIDGE)], separator: "" };
            self.messages.push(Message::Assistant {
                content: Some(content),
                reasoning_content: None,
                reasoning_details: Vec::new(),
                tool_calls: Vec::new(),
            });
        }
        self.messages.push(Message::User { content });
    }

    fn end_said(&mut self) {
        let Said { texts, thoughts, mut calls, outputs, extra_content, details } =
            std::mem::take(&mut self.said);
        if texts.is_empty() && calls.is_empty() {
            return;
        }
        for (number, extra) in extra_content {
            if let Some(call) = calls.get_mut(number) {
                call.extra_content = Some(extra);
            }
        }
        let ids: Vec<Cow<'a, str>> = calls.iter().map(|call| call.id.clone()).collect();
        let wanted = self.wants_thoughts && !calls.is_empty();
        self.messages.push(Message::Assistant {
            content: (!texts.is_empty()).then_some(Joined { texts, separator: PARAGRAPH }),
            reasoning_content: wanted.then_some(Joined { texts: thoughts, separator: "" }),
            reasoning_details: details.into_iter().map(|detail| renamed(detail, &ids)).collect(),
            tool_calls: calls,
        });
        for (id, output) in ids.into_iter().zip(outputs) {
            self.answer(id, output);
        }
    }

    fn answer(&mut self, tool_call_id: Cow<'a, str>, output: Option<&'a ToolOutput>) {
        let pieces = match output {
            Some(output) => told(output, self.attachments),
            None => vec![Piece::Text(Cow::Borrowed("There is no output of this call."))],
        };
        let (mut texts, mut images) = (Vec::with_capacity(pieces.len()), Vec::new());
        for piece in pieces {
            match piece {
                Piece::Text(text) => texts.push(text),
                Piece::Image(_) => {
                    texts.push(Cow::Borrowed("[an image: see the message after the outputs]"));
                    images.push(piece);
                }
            }
        }
        if texts.iter().all(|text| text.is_empty()) {
            texts = vec![Cow::Borrowed("(no output)")];
        }
        if !images.is_empty() {
            let what = format!("The image in the output of the call {tool_call_id}:");
            self.heard.push(Piece::Text(Cow::Owned(what)));
            self.heard.append(&mut images);
        }
        self.messages.push(Message::Tool { tool_call_id, content: Joined { texts, separator: "" } });
    }
}

impl<'a> From<Piece<'a>> for Part<'a> {
    fn from(piece: Piece<'a>) -> Self {
        match piece {
            Piece::Text(text) => Self::Text { text },
            Piece::Image(url) => Self::ImageUrl { image_url: ImageUrl { url } },
        }
    }
}

/// The thread's id of a call, `call_` and a number, as nine letters and digits: Mistral's servers and templates refuse
/// any other ("must be a-z, A-Z, 0-9, with a length of 9").
fn plain_id(id: &CallId) -> Cow<'_, str> {
    match id.as_str().strip_prefix("call_").and_then(|number| number.parse::<u64>().ok()) {
        Some(number) if number < 100_000 => Cow::Owned(format!("call{number:05}")),
        Some(number) => Cow::Owned(format!("c{number:08}")),
        None => Cow::Borrowed(id.as_str()),
    }
}

/// A detail with the id under which the call that it names is told.
fn renamed(Detail { call, mut detail }: Detail, ids: &[Cow<'_, str>]) -> Value {
    if let Some(id) = call.and_then(|number| ids.get(number)) {
        detail["id"] = json!(id);
    }
    detail
}

/// Arguments that every server can read. vLLM, llama.cpp and Ollama parse those of the whole history and refuse a
/// request for a call that the model once got wrong, which would end the conversation for good.
fn readable(arguments: &str) -> Cow<'_, str> {
    let is_object =
        arguments.trim_start().starts_with('{') && serde_json::from_str::<IgnoredAny>(arguments).is_ok();
    if is_object {
        return Cow::Borrowed(arguments);
    }
    if arguments.trim().is_empty() {
        return Cow::Borrowed("{}");
    }
    let wrong = Map::from_iter([("arguments_that_are_no_json_object".to_owned(), json!(arguments))]);
    Cow::Owned(Value::Object(wrong).to_string())
}
