//! [`ChatAssembly`]: puts a response together from its chunks.
//!
//! A chunk says what is new of the message: thoughts, words, pieces of calls. Each run of thoughts or words becomes an
//! item when something else begins, the calls become items at the end. The n-th item is given out as the n-th, and
//! its pieces carry n.

use super::{
    calls::{CallDraft, Place, place},
    details::Details,
    wire::{CallPiece, Choice, Chunk, Delta, tokens},
};
use crate::{
    fault::ProviderFault,
    freeform::FreeformTools,
    reading::{Assembly, Trouble},
    seal::{ChatSeal, ThoughtsField},
    sse::{MAX_EVENT_BYTES, SseEvent},
};
use agent_core::{Completion, LiveKind, ModelErrorKind, ModelEvent, ModelItem, RateLimit, TokenUsage};
use serde_json::Value;
use std::{collections::VecDeque, mem};

/// How many items a response may have.
const MAX_OUTPUT_ITEMS: usize = 1000;
/// How long a response may be, in bytes.
const MAX_RESPONSE_BYTES: usize = MAX_EVENT_BYTES;

#[derive(Debug)]
pub(super) struct ChatAssembly {
    slots: Vec<Slot>,
    /// Slots before this one are given out.
    given_out: usize,
    /// White space that may begin a message, or be nothing but a pause before a call.
    pause: String,
    bytes: usize,
    finished: bool,
    tokens: Option<TokenUsage>,
    rate_limits: Vec<RateLimit>,
    details: Details,
    /// The model that was asked.
    model: String,
    freeform: FreeformTools,
    /// How many tokens the response may have, where the request says so.
    limit: Option<u64>,
}

/// An item in the making.
#[derive(Debug)]
enum Slot {
    Thoughts { text: String, field: Option<ThoughtsField> },
    Message { text: String },
    Call(CallDraft),
}

impl Assembly for ChatAssembly {
    fn take(&mut self, event: &SseEvent, events: &mut VecDeque<ModelEvent>) -> Result<(), Trouble> {
        let data = event.data.trim();
        if data.is_empty() {
            return Ok(());
        }
        if data == "[DONE]" {
            // Proxies that forget the reason still say that this was all.
            self.finished |= !self.slots.is_empty();
            return self.end(events);
        }
        let chunk = parse(data)?;
        if event.name == "error" || chunk.object == "error" {
            let fault = serde_json::from_str(data).unwrap_or(Value::Null);
            return Err(Trouble::Fault(
                ProviderFault::of_event(fault.clone()).unwrap_or_else(|| ProviderFault::of_value(fault)),
            ));
        }
        self.chunk(chunk, events)
    }

    fn take_whole(&mut self, body: &str, events: &mut VecDeque<ModelEvent>) -> Option<Result<(), Trouble>> {
        let chunk: Chunk = serde_json::from_str(body).ok()?;
        chunk.choices.as_ref()?;
        Some(self.chunk(chunk, events).and_then(|()| {
            self.finished = true;
            self.end(events)
        }))
    }

    fn may_end(&self) -> bool {
        self.finished
    }

    fn end(&mut self, events: &mut VecDeque<ModelEvent>) -> Result<(), Trouble> {
        if !self.finished {
            return Err(Trouble::nonsense("the response ended without a word"));
        }
        let seal = self.seal();
        let end = self.slots.len();
        self.give_out(end, events);
        if let Some(sealed) = seal.write() {
            let (provider_id, summary, text) = (None, Vec::new(), None);
            let sealed = ModelItem::Reasoning { provider_id, summary, text, encrypted: Some(sealed) };
            events.push_back(ModelEvent::Item(sealed));
        }
        let rate_limits = mem::take(&mut self.rate_limits);
        events.push_back(ModelEvent::Completed(Completion {
            tokens: self.tokens,
            rate_limits,
            misfit: None,
        }));
        Ok(())
    }
}

fn parse(data: &str) -> Result<Chunk, Trouble> {
    serde_json::from_str(data).map_err(|error| {
        Trouble::nonsense(if error.is_data() {
            format!("the response has an event of another form: {error}")
        } else {
            format!("the response has an event that is not JSON: {error}")
        })
    })
}

impl ChatAssembly {
    pub(super) fn new(
        rate_limits: Vec<RateLimit>,
        model: String,
        freeform: FreeformTools,
        limit: Option<u64>,
    ) -> Self {
        Self {
            slots: Vec::new(),
            given_out: 0,
            pause: String::new(),
            bytes: 0,
            finished: false,
            tokens: None,
            rate_limits,
            details: Details::default(),
            model,
            freeform,
            limit,
        }
    }

    /// What has to go back with the response, apart from its thoughts.
    fn seal(&self) -> ChatSeal {
        let numbered = |id: &str| self.calls().find(|(_, call)| call.id.as_deref() == Some(id));
        let details = self.details.sealed(|id| numbered(id).map(|(number, _)| number));
        let extra = self.calls().filter_map(|(number, call)| Some((number, call.extra_content.clone()?)));
        ChatSeal {
            thoughts: None,
            model: if details.is_empty() { String::new() } else { self.model.clone() },
            details,
            extra_content: extra.collect(),
        }
    }

    fn chunk(&mut self, chunk: Chunk, events: &mut VecDeque<ModelEvent>) -> Result<(), Trouble> {
        if !chunk.error.is_null() {
            return Err(Trouble::Fault(ProviderFault::of_value(chunk.error)));
        }
        self.tokens = tokens(&chunk.usage).or(self.tokens);
        // One answer was asked for.
        let first = |choice: &Choice| choice.index.is_none_or(|index| index == 0);
        let Some(choice) = chunk.choices.into_iter().flatten().find(first) else { return Ok(()) };
        if !choice.error.is_null() {
            return Err(Trouble::Fault(ProviderFault::of_value(choice.error)));
        }
        self.tokens = tokens(&choice.usage).or(self.tokens);
        if let Some(delta) = choice.delta {
            self.delta(delta, events)?;
        }
        self.finish(choice.finish_reason.as_deref().unwrap_or_default())
    }

    fn delta(&mut self, delta: Delta, events: &mut VecDeque<ModelEvent>) -> Result<(), Trouble> {
        for detail in delta.reasoning_details.into_iter().flatten() {
            let grown = self.details.take(detail);
            self.grow(grown)?;
        }
        match (delta.reasoning_content, delta.reasoning) {
            (Value::String(text), _) if !text.is_empty() => {
                self.think(&text, Some(ThoughtsField::ReasoningContent), events)?;
            }
            (_, Value::String(text)) => {
                let field = (!self.details.is_empty()).then_some(ThoughtsField::ReasoningDetails);
                self.think(&text, field, events)?;
            }
            _ => {}
        }
        match delta.content {
            Value::String(text) => self.say(&text, events)?,
            Value::Array(parts) => self.parts(&parts, events)?,
            _ => {}
        }
        if let Value::String(text) = delta.refusal {
            self.say(&text, events)?;
        }
        let called = delta.function_call.map(CallPiece::of_function);
        for piece in delta.tool_calls.into_iter().flatten().chain(called) {
            self.call(piece, events)?;
        }
        Ok(())
    }

    /// Content as Mistral's reasoning models send it: `[{"type": "thinking", "thinking": [{"text"}]}, {"text"}]`.
    fn parts(&mut self, parts: &[Value], events: &mut VecDeque<ModelEvent>) -> Result<(), Trouble> {
        for part in parts {
            for thought in part["thinking"].as_array().into_iter().flatten() {
                self.think(thought["text"].as_str().unwrap_or_default(), None, events)?;
            }
            self.say(part["text"].as_str().unwrap_or_default(), events)?;
        }
        Ok(())
    }

    fn think(
        &mut self,
        more: &str,
        name: Option<ThoughtsField>,
        events: &mut VecDeque<ModelEvent>,
    ) -> Result<(), Trouble> {
        if more.is_empty() {
            return Ok(());
        }
        self.grow(more.len())?;
        if !matches!(self.slots.last(), Some(Slot::Thoughts { .. })) {
            self.open(Slot::Thoughts { text: String::new(), field: name }, events)?;
        }
        let index = self.slots.len() - 1;
        if let Some(Slot::Thoughts { text, .. }) = self.slots.last_mut() {
            text.push_str(more);
        }
        events.push_back(ModelEvent::Delta { index, kind: LiveKind::RawReasoning(more.to_owned()) });
        Ok(())
    }

    fn say(&mut self, more: &str, events: &mut VecDeque<ModelEvent>) -> Result<(), Trouble> {
        self.grow(more.len())?;
        let piece = if matches!(self.slots.last(), Some(Slot::Message { .. })) {
            more.to_owned()
        } else {
            self.pause.push_str(more);
            if self.pause.trim().is_empty() {
                return Ok(());
            }
            let piece = mem::take(&mut self.pause);
            self.open(Slot::Message { text: String::new() }, events)?;
            piece
        };
        let index = self.slots.len() - 1;
        if let Some(Slot::Message { text }) = self.slots.last_mut()
            && !piece.is_empty()
        {
            text.push_str(&piece);
            events.push_back(ModelEvent::Delta { index, kind: LiveKind::Message(piece) });
        }
        Ok(())
    }

    fn call(&mut self, piece: CallPiece, events: &mut VecDeque<ModelEvent>) -> Result<(), Trouble> {
        let calls: Vec<&CallDraft> = self.calls().map(|(_, call)| call).collect();
        let number = match place(&piece, &calls) {
            Place::At(number) => number,
            Place::New => {
                let number = calls.len();
                self.open(Slot::Call(CallDraft::of(&piece)), events)?;
                number
            }
            Place::Nowhere => return Ok(()),
        };
        let mut drafts = self.slots.iter_mut().filter_map(|slot| match slot {
            Slot::Call(call) => Some(call),
            _ => None,
        });
        let grown = drafts.nth(number).map_or(0, |call| call.take(piece));
        self.grow(grown)
    }

    /// The calls so far, numbered.
    fn calls(&self) -> impl Iterator<Item = (usize, &CallDraft)> {
        self.slots
            .iter()
            .filter_map(|slot| match slot {
                Slot::Call(call) => Some(call),
                _ => None,
            })
            .enumerate()
    }

    /// Opens an item. Thoughts and messages before it are complete; calls may go on until the end.
    fn open(&mut self, slot: Slot, events: &mut VecDeque<ModelEvent>) -> Result<(), Trouble> {
        if self.slots.len() == MAX_OUTPUT_ITEMS {
            return Err(Trouble::nonsense(format!("the response has more than {MAX_OUTPUT_ITEMS} items")));
        }
        self.pause.clear();
        let first_call = self.slots.iter().position(|slot| matches!(slot, Slot::Call(_)));
        self.give_out(first_call.unwrap_or(self.slots.len()), events);
        self.slots.push(slot);
        Ok(())
    }

    /// Gives out the slots before this one.
    fn give_out(&mut self, end: usize, events: &mut VecDeque<ModelEvent>) {
        for slot in self.slots.iter_mut().take(end).skip(self.given_out) {
            // The slot stays, empty, to keep its place.
            let item = match mem::replace(slot, Slot::Message { text: String::new() }) {
                Slot::Message { text } => ModelItem::Message { text },
                Slot::Call(call) => call.into_item(&self.freeform),
                Slot::Thoughts { text, field } => ModelItem::Reasoning {
                    provider_id: None,
                    summary: Vec::new(),
                    text: Some(text),
                    encrypted: ChatSeal { thoughts: field, ..ChatSeal::default() }.write(),
                },
            };
            events.push_back(ModelEvent::Item(item));
        }
        self.given_out = self.given_out.max(end);
    }

    fn grow(&mut self, bytes: usize) -> Result<(), Trouble> {
        self.bytes += bytes;
        if self.bytes > MAX_RESPONSE_BYTES {
            return Err(Trouble::nonsense(format!("the response is longer than {MAX_RESPONSE_BYTES} bytes")));
        }
        Ok(())
    }

    fn finish(&mut self, reason: &str) -> Result<(), Trouble> {
        match (reason, self.limit) {
            ("", _) => return Ok(()),
            ("length" | "model_length" | "max_tokens", Some(limit)) => {
                let message = format!(
                    "the response needs more than the {limit} tokens of max_output_tokens: raise that limit"
                );
                return Err(Trouble::Wrong(ModelErrorKind::InvalidRequest, message));
            }
            // No limit is sent, so it is the window that is full.
            ("length" | "model_length" | "max_tokens", None) => {
                let message =
                    format!("the model's window was full before the response was complete ({reason})");
                return Err(Trouble::Wrong(ModelErrorKind::ContextWindowExceeded, message));
            }
            ("content_filter" | "sensitive", _) => {
                let message =
                    "the provider's content filter stopped the response; say it differently".to_owned();
                return Err(Trouble::Wrong(ModelErrorKind::InvalidRequest, message));
            }
            // OpenRouter; vLLM and SGLang; DeepSeek; Z.ai; Gemini, of a call that it could not read itself.
            ("error" | "abort" | "insufficient_system_resource" | "network_error", _) => {
                return Err(Trouble::nonsense(format!("the provider ended the response early: {reason}")));
            }
            (filtered, _) if filtered.starts_with("function_call_filter") => {
                return Err(Trouble::nonsense(format!("the provider ended the response early: {filtered}")));
            }
            // `stop`, also beside calls, `tool_calls`, `function_call`, and whatever else servers call an end.
            _ => self.finished = true,
        }
        Ok(())
    }
}
