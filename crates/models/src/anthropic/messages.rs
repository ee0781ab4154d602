//! The conversation as messages.
//!
//! * The user and the model take turns, and the user is first and last: what follows without the other in between is one
//!   message, and newer models refuse to go on with a message of their own.
//! * The model's blocks of one response are one message. The outputs of its calls are the first blocks of the message
//!   after it, all of them, in the order of the calls, whatever the user said meanwhile.
//! * What the harness tells is told in the user's place, so that the system prompt stays as it is for the cache.
//! * Thoughts go back as they were, with their signature, to the model that thought them, and only where all that was
//!   sent before them is the same: see [`AnthropicSeal`].

use super::{
    fingerprint::Fingerprint,
    ordered::Ordered,
    search::Record,
    wire::{Block, ImageSource, Message, ResultContent, Role},
};
use crate::{
    attachments::Attachments,
    content::{Joined, Piece, piece, told},
    seal::{AnthropicSeal, SealedBlock},
};
use agent_core::{CallId, Item, ModelRequest, OutputStatus, Payload, ToolCall, ToolOutput};
use serde_json::{Map, Value, json};
use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    mem,
};

/// What the user is told to have said where the model's turn would have to follow its own.
const GO_ON: &str = "Go on.";
/// The images that the API takes.
const IMAGES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/// Whether the model is to begin a response, or to go on with one that its provider paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    Anew,
    WhereItPaused,
}

/// The messages, and what of the request they depend on.
pub(super) struct Told<'a> {
    pub(super) messages: Vec<Message<'a>>,
    /// The fingerprint of all that is sent before the response.
    pub(super) prefix: u64,
    /// The tools that were called.
    pub(super) called: HashSet<&'a str>,
}

/// The messages. `before` is the fingerprint of the tools and the system prompt.
pub(super) fn messages<'a>(
    request: &'a ModelRequest,
    attachments: &'a Attachments,
    begin: Begin,
    before: Fingerprint,
) -> serde_json::Result<Told<'a>> {
    let items = || request.conversation.told();
    let outputs = items().filter_map(|item| match &**item {
        Item::Output { call, output } => Some((call, output)),
        _ => None,
    });
    let mut translation = Translation {
        request,
        attachments,
        outputs: outputs.collect(),
        messages: Vec::new(),
        prefix: before,
        heard: Vec::new(),
        said: Said::default(),
        called: HashSet::new(),
    };
    let last = items().count().checked_sub(1);
    for (at, item) in items().enumerate() {
        translation.item(item, Some(at) == last && begin == Begin::WhereItPaused)?;
    }
    translation.end(begin)
}

/// The conversation on its way into messages.
struct Translation<'a> {
    request: &'a ModelRequest,
    attachments: &'a Attachments,
    outputs: HashMap<&'a CallId, &'a ToolOutput>,
    messages: Vec<Message<'a>>,
    /// The fingerprint of everything before what is heard and said.
    prefix: Fingerprint,
    /// What the user said since the model last did, after what came of its calls.
    heard: Vec<Block<'a>>,
    /// What the model said and did since.
    said: Said<'a>,
    called: HashSet<&'a str>,
}

#[derive(Default)]
struct Said<'a> {
    blocks: Vec<Block<'a>>,
    calls: Vec<&'a ToolCall>,
    /// Thoughts of this response were left out, so that later ones must not go back either.
    left_out: bool,
}

impl<'a> Translation<'a> {
    fn item(&mut self, item: &'a Item, paused_here: bool) -> serde_json::Result<()> {
        match item {
            Item::Context { text } => self.hear([Piece::Text(Cow::Borrowed(text))])?,
            Item::User { content } => {
                let attachments = self.attachments;
                self.hear(content.iter().filter_map(|content| piece(content, attachments)))?;
            }
            Item::Agent { text, .. } if !text.trim().is_empty() => self.say(Block::text(text.as_str()))?,
            Item::Reasoning { .. } => self.think(item)?,
            Item::WebSearch { sealed: Some(record), provider, .. } if self.is_asked(provider.as_deref()) => {
                for block in
                    Record::read(record).and_then(|record| record.blocks(paused_here)).into_iter().flatten()
                {
                    self.say(Block::Providers(block))?;
                }
            }
            Item::Call(call) => self.call(call)?,
            // It was told with its call.
            Item::Output { .. } => self.end_said()?,
            _ => {}
        }
        Ok(())
    }

    fn hear(&mut self, pieces: impl IntoIterator<Item = Piece<'a>>) -> serde_json::Result<()> {
        for block in pieces.into_iter().filter_map(block) {
            self.end_said()?;
            self.heard.push(block);
        }
        Ok(())
    }

    fn say(&mut self, block: Block<'a>) -> serde_json::Result<()> {
        if self.said.blocks.is_empty() {
            if self.messages.is_empty() && self.heard.is_empty() {
                self.heard.push(Block::text(GO_ON));
            }
            self.end_heard()?;
        }
        self.said.blocks.push(block);
        Ok(())
    }

    fn think(&mut self, item: &'a Item) -> serde_json::Result<()> {
        let Item::Reasoning { summary, encrypted, provider, .. } = item else { return Ok(()) };
        let seal = encrypted.as_deref().filter(|_| self.is_asked(provider.as_deref()));
        let seal = seal.and_then(AnthropicSeal::read).filter(|seal| seal.model == self.request.model);
        let text = summary.concat();
        let Some(seal) = seal else {
            self.said.left_out = true;
            return Ok(());
        };
        let is_whole = seal.content == Fingerprint::of(&(&text, &seal.block, &seal.calls))?;
        if self.said.left_out || !is_whole || seal.prefix != self.before_response()? {
            self.said.left_out = true;
            return Ok(());
        }
        self.name_calls(&seal.calls);
        self.say(match seal.block {
            SealedBlock::Signature(signature) => Block::Thinking { thinking: text, signature },
            SealedBlock::Redacted(data) => Block::RedactedThinking { data },
        })
    }

    /// The fingerprint of all that is sent before the response that is being told.
    fn before_response(&self) -> serde_json::Result<u64> {
        let mut prefix = self.prefix.clone();
        if !self.heard.is_empty() {
            add(&mut prefix, Role::User, &self.heard)?;
        }
        Ok(prefix.value())
    }

    /// Gives the calls so far the ids that the provider gave them.
    fn name_calls(&mut self, ids: &[String]) {
        let calls = self.said.blocks.iter_mut().filter_map(|block| match block {
            Block::ToolUse { id, .. } => Some(id),
            _ => None,
        });
        for (call, id) in calls.zip(ids) {
            call.clone_from(id);
        }
    }

    fn call(&mut self, call: &'a ToolCall) -> serde_json::Result<()> {
        let input = match &call.payload {
            Payload::Function { arguments } => readable(arguments),
            Payload::Freeform { input } => Ordered::of_text("input", input),
            _ => return Ok(()),
        };
        self.called.insert(&call.name);
        self.say(Block::ToolUse { id: call.id.as_str().to_owned(), name: &call.name, input })?;
        self.said.calls.push(call);
        Ok(())
    }

    /// Whether what this provider alone can read is for the one that is asked.
    fn is_asked(&self, provider: Option<&str>) -> bool {
        provider.unwrap_or_default() == self.request.provider
    }

    fn end_heard(&mut self) -> serde_json::Result<()> {
        if self.heard.is_empty() {
            return Ok(());
        }
        let content = mem::take(&mut self.heard);
        self.push(Role::User, content)
    }

    /// The model's message is complete; what came of its calls begins the user's.
    fn end_said(&mut self) -> serde_json::Result<()> {
        let Said { blocks, calls, .. } = mem::take(&mut self.said);
        if blocks.is_empty() {
            return Ok(());
        }
        let ids = blocks.iter().filter_map(|block| match block {
            Block::ToolUse { id, .. } => Some(id.clone()),
            _ => None,
        });
        let results = ids.zip(calls).map(|(id, call)| self.result(id, self.outputs.get(&call.id).copied()));
        self.heard = results.collect();
        self.push(Role::Assistant, blocks)
    }

    fn push(&mut self, role: Role, content: Vec<Block<'a>>) -> serde_json::Result<()> {
        add(&mut self.prefix, role, &content)?;
        self.messages.push(Message { role, content });
        Ok(())
    }

    fn result(&self, tool_use_id: String, output: Option<&'a ToolOutput>) -> Block<'a> {
        let pieces = match output {
            Some(output) => told(output, self.attachments),
            None => vec![Piece::Text(Cow::Borrowed("There is no output of this call."))],
        };
        let failed = output.is_none_or(|output| output.status != OutputStatus::Ok);
        let mut blocks: Vec<Block<'a>> = pieces.into_iter().filter_map(block).collect();
        if blocks.is_empty() {
            blocks.push(Block::text("(no output)"));
        }
        if blocks.iter().any(|block| matches!(block, Block::Image { .. })) {
            // An error may have no images (Anthropic: "all content must be type text if is_error is true").
            let content = ResultContent::Blocks(blocks);
            return Block::ToolResult { tool_use_id, content, is_error: false, cache_control: None };
        }
        let texts = blocks.into_iter().filter_map(|block| match block {
            Block::Text { text, .. } => Some(text),
            _ => None,
        });
        let content = ResultContent::Text(Joined { texts: texts.collect(), separator: "" });
        Block::ToolResult { tool_use_id, content, is_error: failed, cache_control: None }
    }

    fn end(mut self, begin: Begin) -> serde_json::Result<Told<'a>> {
        let mut prefix = self.before_response()?;
        if begin == Begin::Anew || self.said.blocks.is_empty() {
            self.end_said()?;
            if self.heard.is_empty() {
                self.heard.push(Block::text(GO_ON));
            }
            prefix = self.before_response()?;
            self.end_heard()?;
        } else {
            self.messages.push(Message { role: Role::Assistant, content: self.said.blocks });
        }
        Ok(Told { messages: self.messages, prefix, called: self.called })
    }
}

/// Adds a message, which has no marks yet.
fn add(prefix: &mut Fingerprint, role: Role, content: &[Block<'_>]) -> serde_json::Result<()> {
    prefix.add(&role)?;
    prefix.add(&content)
}

/// A piece as a block; `None` for an empty text, which the API refuses.
fn block(piece: Piece<'_>) -> Option<Block<'_>> {
    match piece {
        Piece::Text(text) => (!text.trim().is_empty()).then_some(Block::Text { text, cache_control: None }),
        Piece::Image(url) => Some(image(url).unwrap_or_else(|kind| {
            Block::text(format!("[an image of the type {kind}, which this API does not take]"))
        })),
    }
}

/// The image in a `data:` url, or of which kind it is.
fn image(url: &str) -> Result<Block<'_>, &str> {
    let (media_type, data) =
        url.trim_start_matches("data:").split_once(";base64,").unwrap_or(("unknown", ""));
    if !IMAGES.contains(&media_type) {
        return Err(media_type);
    }
    Ok(Block::Image { source: ImageSource::Base64 { media_type, data }, cache_control: None })
}

/// Arguments as an object, as which the API wants them, also where the model once got them wrong.
fn readable(arguments: &str) -> Ordered {
    if arguments.trim().is_empty() {
        return Ordered::Object(Vec::new());
    }
    Ordered::object(arguments)
        .unwrap_or_else(|| Ordered::of_text("arguments_that_are_no_json_object", arguments))
}

/// A tool that was called and is no longer offered: without one the API refuses the calls.
pub(super) fn placeholder() -> Map<String, Value> {
    Map::from_iter([("type".to_owned(), json!("object"))])
}
