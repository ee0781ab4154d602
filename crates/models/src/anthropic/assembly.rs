//! [`AnthropicAssembly`]: puts a response together from its events.
//!
//! A block is announced, comes in pieces, and is done; it is named by its place. Each becomes an item, but for texts that
//! follow each other, which the provider cuts where it cites something: they become one message. The n-th item is given
//! out as the n-th, and its pieces carry n.

use super::{
    fingerprint::Fingerprint,
    search::{NAME, Search},
    wire::{Event, Usage},
};
use crate::{
    citations::{Citations, sources},
    fault::ProviderFault,
    freeform::FreeformTools,
    reading::{Assembly, Trouble},
    seal::{AnthropicSeal, SealedBlock},
    sse::{MAX_EVENT_BYTES, SseEvent},
};
use agent_core::{Completion, LiveKind, ModelErrorKind, ModelEvent, ModelItem, Payload, RateLimit};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, VecDeque},
    mem,
};

/// How many items a response may have, and how many blocks.
const MAX_OUTPUT_ITEMS: usize = 1000;
/// How long a response may be, in bytes.
const MAX_RESPONSE_BYTES: usize = MAX_EVENT_BYTES;

/// What a response has to be read with.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) model: String,
    /// The fingerprint of all that was sent.
    pub(super) prefix: u64,
    pub(super) max_tokens: u64,
    pub(super) freeform: FreeformTools,
    pub(super) citations: Citations,
}

#[derive(Debug)]
pub(super) struct AnthropicAssembly {
    asked: Asked,
    rate_limits: Vec<RateLimit>,
    slots: Vec<Slot>,
    /// Slots before this one are given out.
    given_out: usize,
    /// What the blocks are that were announced, by their place.
    blocks: BTreeMap<u64, Part>,
    /// White space that may begin a message, or be nothing but a pause.
    pause: String,
    bytes: usize,
    usage: Usage,
    /// The ids of the calls so far.
    calls: Vec<String>,
    /// All so far can be sent again as it was, so that what is thought next can be too.
    is_faithful: bool,
    finished: bool,
    paused: bool,
}

/// An item in the making.
#[derive(Debug)]
struct Slot {
    state: State,
    is_done: bool,
}

#[derive(Debug)]
enum State {
    Thoughts { text: String, signature: String },
    Redacted(String),
    Message { text: String, cited: Vec<Value> },
    Call { name: String, arguments: String },
    Search(Search),
    GivenOut,
}

/// What a block is a part of.
#[derive(Clone, Copy, Debug)]
enum Part {
    /// This item's pieces.
    Of(usize),
    /// A message, which begins with its first word.
    Message,
    /// Nothing that is known.
    Nothing,
}

impl Assembly for AnthropicAssembly {
    fn take(&mut self, event: &SseEvent, events: &mut VecDeque<ModelEvent>) -> Result<(), Trouble> {
        let data = event.data.trim();
        if data.is_empty() || data == "[DONE]" {
            return Ok(());
        }
        let parsed: Event = serde_json::from_str(data).map_err(|error| {
            Trouble::nonsense(format!("the response has an event that is not JSON: {error}"))
        })?;
        let kind = if parsed.kind.is_empty() { event.name.as_str() } else { parsed.kind.as_str() };
        match kind {
            "message_start" => self.usage.take(&parsed.message["usage"]),
            "content_block_start" => self.start(parsed.index, parsed.content_block, events)?,
            "content_block_delta" => self.delta(parsed.index, &parsed.delta, events)?,
            "content_block_stop" => self.stop(parsed.index, events),
            "message_delta" => {
                self.usage.take(&parsed.usage);
                self.finish(&parsed.delta)?;
            }
            "message_stop" => {
                self.finished |= !self.slots.is_empty();
                return self.end(events);
            }
            "error" => return Err(Trouble::Fault(fault(data))),
            // Some servers send an error object without a type.
            "" => {
                if let Some(fault) = serde_json::from_str(data).ok().and_then(ProviderFault::of_event) {
                    return Err(Trouble::Fault(fault));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn take_whole(&mut self, body: &str, events: &mut VecDeque<ModelEvent>) -> Option<Result<(), Trouble>> {
        let mut message: Value = serde_json::from_str(body).ok()?;
        let Value::Array(content) = message["content"].take() else { return None };
        Some(self.whole(content, &message, events))
    }

    fn may_end(&self) -> bool {
        self.finished
    }

    fn end(&mut self, events: &mut VecDeque<ModelEvent>) -> Result<(), Trouble> {
        if !self.finished {
            return Err(Trouble::nonsense("the response ended without a word"));
        }
        self.paused &= self.calls.is_empty();
        self.slots.iter_mut().for_each(|slot| slot.is_done = true);
        self.give_out(events);
        let rate_limits = mem::take(&mut self.rate_limits);
        let tokens = self.usage.tokens();
        events.push_back(ModelEvent::Completed(Completion { tokens, rate_limits, misfit: None }));
        Ok(())
    }
}

fn fault(data: &str) -> ProviderFault {
    serde_json::from_str(data).ok().and_then(ProviderFault::of_event).unwrap_or_default()
}

impl AnthropicAssembly {
    pub(super) fn new(rate_limits: Vec<RateLimit>, asked: Asked) -> Self {
        Self {
            asked,
            rate_limits,
            slots: Vec::new(),
            given_out: 0,
            blocks: BTreeMap::new(),
            pause: String::new(),
            bytes: 0,
            usage: Usage::default(),
            calls: Vec::new(),
            is_faithful: true,
            finished: false,
            paused: false,
        }
    }

    /// Whether the provider waits to be sent what it said, to go on.
    pub(super) fn has_paused(&self) -> bool {
        self.paused
    }

    fn whole(
        &mut self,
        content: Vec<Value>,
        message: &Value,
        events: &mut VecDeque<ModelEvent>,
    ) -> Result<(), Trouble> {
        self.usage.take(&message["usage"]);
        for (index, block) in (0..).zip(content) {
            self.start(Some(index), block, events)?;
            self.stop(Some(index), events);
        }
        self.finish(message)?;
        self.finished = true;
        self.end(events)
    }

    fn start(
        &mut self,
        index: Option<u64>,
        mut block: Value,
        events: &mut VecDeque<ModelEvent>,
    ) -> Result<(), Trouble> {
        let text = |field: &str| block[field].as_str().unwrap_or_default().to_owned();
        let first = match block["type"].as_str().unwrap_or_default() {
            "text" => {
                self.announce(index, Part::Message)?;
                // It goes back as one text with that before it.
                self.is_faithful &= !self.is_in_message();
                let cited = block["citations"].as_array().cloned().unwrap_or_default();
                self.say(&text("text"), events)?;
                cited.iter().for_each(|citation| self.cite(citation));
                return Ok(());
            }
            "thinking" => {
                let state = State::Thoughts { text: String::new(), signature: text("signature") };
                let first = text("thinking");
                let slot = self.open(state, events)?;
                self.announce(index, Part::Of(slot))?;
                return self.think(slot, &first, events);
            }
            "redacted_thinking" => State::Redacted(text("data")),
            "tool_use" => {
                self.calls.push(text("id"));
                State::Call { name: text("name"), arguments: whole_input(&block["input"]) }
            }
            "server_tool_use" if block["name"] == NAME => {
                State::Search(Search { id: text("id"), input: whole_input(&block["input"]), found: None })
            }
            "web_search_tool_result" => {
                self.announce(index, Part::Nothing)?;
                self.found(block.take());
                self.give_out(events);
                return Ok(());
            }
            _ => {
                self.is_faithful = false;
                return self.announce(index, Part::Nothing);
            }
        };
        let slot = self.open(first, events)?;
        self.announce(index, Part::Of(slot))
    }

    fn announce(&mut self, index: Option<u64>, part: Part) -> Result<(), Trouble> {
        // Servers that leave the place out send one block after the other.
        let index = index.unwrap_or(self.blocks.len() as u64);
        if self.blocks.len() == MAX_OUTPUT_ITEMS {
            return Err(Trouble::nonsense(format!("the response has more than {MAX_OUTPUT_ITEMS} blocks")));
        }
        self.blocks.insert(index, part);
        Ok(())
    }

    fn part(&self, index: Option<u64>) -> Part {
        let named = match index {
            Some(index) => self.blocks.get(&index),
            None => self.blocks.values().next_back(),
        };
        named.copied().unwrap_or(Part::Nothing)
    }

    fn delta(
        &mut self,
        index: Option<u64>,
        delta: &Value,
        events: &mut VecDeque<ModelEvent>,
    ) -> Result<(), Trouble> {
        let text = |field: &str| delta[field].as_str().unwrap_or_default();
        match (delta["type"].as_str().unwrap_or_default(), self.part(index)) {
            ("text_delta", Part::Message) => self.say(text("text"), events),
            ("citations_delta", Part::Message) => {
                self.cite(&delta["citation"]);
                Ok(())
            }
            ("thinking_delta", Part::Of(slot)) => self.think(slot, text("thinking"), events),
            ("signature_delta", Part::Of(slot)) => {
                self.grow(text("signature").len())?;
                if let Some(Slot { state: State::Thoughts { signature, .. }, .. }) = self.slots.get_mut(slot)
                {
                    signature.push_str(text("signature"));
                }
                Ok(())
            }
            ("input_json_delta", Part::Of(slot)) => {
                let more = text("partial_json");
                self.grow(more.len())?;
                match self.slots.get_mut(slot).map(|slot| &mut slot.state) {
                    Some(State::Call { arguments, .. }) => arguments.push_str(more),
                    Some(State::Search(search)) => search.input.push_str(more),
                    _ => {}
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn think(&mut self, slot: usize, more: &str, events: &mut VecDeque<ModelEvent>) -> Result<(), Trouble> {
        self.grow(more.len())?;
        if let Some(Slot { state: State::Thoughts { text, .. }, is_done: false }) = self.slots.get_mut(slot)
            && !more.is_empty()
        {
            text.push_str(more);
            events.push_back(ModelEvent::Delta { index: slot, kind: LiveKind::Reasoning(more.to_owned()) });
        }
        Ok(())
    }

    /// Whether a message may go on.
    fn is_in_message(&self) -> bool {
        matches!(self.slots.last(), Some(Slot { state: State::Message { .. }, is_done: false }))
    }

    fn say(&mut self, more: &str, events: &mut VecDeque<ModelEvent>) -> Result<(), Trouble> {
        self.grow(more.len())?;
        let piece = if self.is_in_message() {
            more.to_owned()
        } else {
            self.pause.push_str(more);
            if self.pause.trim().is_empty() {
                return Ok(());
            }
            let piece = mem::take(&mut self.pause);
            self.open(State::Message { text: String::new(), cited: Vec::new() }, events)?;
            piece
        };
        let index = self.slots.len() - 1;
        if let Some(Slot { state: State::Message { text, .. }, .. }) = self.slots.last_mut()
            && !piece.is_empty()
        {
            text.push_str(&piece);
            events.push_back(ModelEvent::Delta { index, kind: LiveKind::Message(piece) });
        }
        Ok(())
    }

    /// Remembers what the message cites; the API's references go back to nobody.
    fn cite(&mut self, citation: &Value) {
        self.is_faithful = false;
        if let Some(Slot { state: State::Message { cited, .. }, .. }) = self.slots.last_mut()
            && cited.len() < MAX_OUTPUT_ITEMS
        {
            let (url, title) = (&citation["url"], &citation["title"]);
            cited.push(json!({ "type": "url_citation", "url": url, "title": title }));
        }
    }

    fn found(&mut self, result: Value) {
        let Value::Object(result) = result else { return };
        let id = result.get("tool_use_id").cloned().unwrap_or_default();
        let search = self.slots.iter_mut().find(|slot| match &slot.state {
            State::Search(search) => search.found.is_none() && id == *search.id,
            _ => false,
        });
        if let Some(slot) = search {
            slot.is_done = true;
            if let State::Search(search) = &mut slot.state {
                search.found = Some(result);
            }
        }
    }

    fn stop(&mut self, index: Option<u64>, events: &mut VecDeque<ModelEvent>) {
        if let Part::Of(slot) = self.part(index)
            && let Some(slot) = self.slots.get_mut(slot)
            // A search is done when something was found.
            && !matches!(slot.state, State::Search(_))
        {
            slot.is_done = true;
        }
        self.give_out(events);
    }

    /// Opens an item. A message before it is complete.
    fn open(&mut self, state: State, events: &mut VecDeque<ModelEvent>) -> Result<usize, Trouble> {
        if self.slots.len() == MAX_OUTPUT_ITEMS {
            return Err(Trouble::nonsense(format!("the response has more than {MAX_OUTPUT_ITEMS} items")));
        }
        // A text of nothing but white space is not sent again.
        self.is_faithful &= mem::take(&mut self.pause).is_empty();
        if let Some(Slot { state: State::Message { .. }, is_done }) = self.slots.last_mut() {
            *is_done = true;
        }
        self.give_out(events);
        self.slots.push(Slot { state, is_done: false });
        Ok(self.slots.len() - 1)
    }

    fn give_out(&mut self, events: &mut VecDeque<ModelEvent>) {
        while self.slots.get(self.given_out).is_some_and(|slot| slot.is_done) {
            // The slot stays, empty, to keep its place.
            let state = mem::replace(&mut self.slots[self.given_out].state, State::GivenOut);
            self.given_out += 1;
            events.extend(self.item(state).map(ModelEvent::Item));
        }
    }

    fn item(&mut self, state: State) -> Option<ModelItem> {
        Some(match state {
            State::Thoughts { text, signature } => {
                let encrypted = self.seal(&text, SealedBlock::Signature(signature));
                let summary = if text.is_empty() { Vec::new() } else { vec![text] };
                ModelItem::Reasoning { provider_id: None, summary, text: None, encrypted }
            }
            State::Redacted(data) => {
                let encrypted = self.seal("", SealedBlock::Redacted(data));
                ModelItem::Reasoning { provider_id: None, summary: Vec::new(), text: None, encrypted }
            }
            State::Message { mut text, cited } => {
                if self.asked.citations == Citations::PutUnder && !cited.is_empty() {
                    text.push_str(&sources(&json!([{ "annotations": cited }]), &text));
                }
                ModelItem::Message { text }
            }
            State::Call { name, arguments } => {
                let arguments = if arguments.trim().is_empty() { "{}".to_owned() } else { arguments };
                self.asked
                    .freeform
                    .restore(ModelItem::Call { name, payload: Payload::Function { arguments } })
            }
            State::Search(search) => {
                let (item, is_kept) = search.into_item();
                self.is_faithful &= is_kept;
                item
            }
            State::GivenOut => return None,
        })
    }

    fn seal(&self, text: &str, block: SealedBlock) -> Option<String> {
        let calls = self.calls.clone();
        let content = Fingerprint::of(&(text, &block, &calls)).ok()?;
        let (model, prefix) = (self.asked.model.clone(), self.asked.prefix);
        let seal = AnthropicSeal { model, prefix, content, block, calls };
        seal.write().filter(|_| self.is_faithful)
    }

    fn grow(&mut self, bytes: usize) -> Result<(), Trouble> {
        self.bytes += bytes;
        if self.bytes > MAX_RESPONSE_BYTES {
            return Err(Trouble::nonsense(format!("the response is longer than {MAX_RESPONSE_BYTES} bytes")));
        }
        Ok(())
    }

    /// Why the response ended (Anthropic, "Stop reasons").
    fn finish(&mut self, delta: &Value) -> Result<(), Trouble> {
        match delta["stop_reason"].as_str().unwrap_or_default() {
            "" => {}
            "max_tokens" => {
                let message = format!(
                    "the response needs more than the {} tokens that it may have: ask for less at once, or raise \
                     models.\"{}\".max_output_tokens as far as the model allows",
                    self.asked.max_tokens, self.asked.model
                );
                return Err(Trouble::Wrong(ModelErrorKind::InvalidRequest, message));
            }
            "model_context_window_exceeded" => {
                let message = "the model's window was full before the response was complete".to_owned();
                return Err(Trouble::Wrong(ModelErrorKind::ContextWindowExceeded, message));
            }
            "refusal" => {
                let why = &delta["stop_details"]["category"];
                let why = why.as_str().map(|category| format!(" ({category})")).unwrap_or_default();
                let message =
                    format!("the provider's content filter stopped the response{why}; say it differently");
                return Err(Trouble::Wrong(ModelErrorKind::InvalidRequest, message));
            }
            "pause_turn" => (self.finished, self.paused) = (true, true),
            _ => self.finished = true,
        }
        Ok(())
    }
}

/// The input of a block that was sent at once; empty where it comes in pieces.
fn whole_input(input: &Value) -> String {
    match input.as_object() {
        Some(fields) if !fields.is_empty() => input.to_string(),
        _ => String::new(),
    }
}
