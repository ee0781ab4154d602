//! [`Assembly`]: puts a response together from its events.
//!
//! An output item is announced, comes in pieces, and is done. Each has a place in the response (`output_index`). The
//! n-th item that becomes a [`ModelItem`] is given out as the n-th, and its pieces carry n; items of types that this
//! build does not know have no number. Servers that leave out places, ids or announcements are understood too.

use super::wire::{Completed, Event, OutputItem, Response};
use crate::fault::{ProviderFault, try_again_ms};
use agent_core::{LiveKind, ModelError, ModelErrorKind, ModelEvent, ModelItem, ModelUsage, RateLimit};
use serde_json::Value;
use std::collections::VecDeque;

/// How many items a response may have.
const MAX_OUTPUT_ITEMS: usize = 1000;

#[derive(Debug)]
pub(super) struct Assembly {
    slots: Vec<Slot>,
    /// Slots before this one are given out or skipped.
    given_out: usize,
    rate_limits: Vec<RateLimit>,
}

/// One output item.
#[derive(Debug)]
struct Slot {
    /// Its place among those that were opened.
    number: usize,
    output_index: Option<u64>,
    id: Option<String>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// More is to come.
    Open,
    /// Whole; taken when those before it are.
    Done(Option<ModelItem>),
    /// Of a type that is not known.
    Skipped,
}

impl Slot {
    fn fill(&mut self, item: OutputItem) {
        if matches!(self.state, State::Open) {
            self.state = match item.into_model_item() {
                Some(item) => State::Done(Some(item)),
                None => State::Skipped,
            };
        }
    }
}

impl Assembly {
    pub(super) fn new(rate_limits: Vec<RateLimit>) -> Self {
        Self { slots: Vec::new(), given_out: 0, rate_limits }
    }

    /// Takes the data of one event. `Completed` comes last; after an error nothing more is to be taken.
    pub(super) fn take(&mut self, data: &str, events: &mut VecDeque<ModelEvent>) -> Result<(), ModelError> {
        // Not part of this API, but sent by proxies that translate Chat Completions.
        if data == "[DONE]" {
            return Ok(());
        }
        let event: Event = serde_json::from_str(data)
            .map_err(|error| stream_error(format!("the response has an event that is not JSON: {error}")))?;
        match event.kind.as_str() {
            "response.output_item.added" => self.added(event),
            "response.output_item.done" => self.done(event, events),
            "response.output_text.delta" | "response.refusal.delta" => {
                self.delta(event, LiveKind::Message, events)
            }
            "response.reasoning_summary_text.delta" => self.delta(event, LiveKind::Reasoning, events),
            "response.reasoning_text.delta" => self.delta(event, LiveKind::RawReasoning, events),
            // A further section of the summary: an empty line keeps it apart.
            "response.reasoning_summary_part.added" if event.summary_index.is_some_and(|index| index > 0) => {
                self.delta(Event { delta: Some("\n\n".into()), ..event }, LiveKind::Reasoning, events)
            }
            "response.completed" => self.completed(data, event.response, events),
            "response.incomplete" => Err(incomplete(&event.response.unwrap_or_default())),
            "response.failed" => Err(failed(event.response.and_then(|response| response.error), data)),
            "error" => Err(failed(event.error, data)),
            // Some servers send an error object without a type.
            "" if event.error.is_some() => Err(failed(event.error, data)),
            _ => Ok(()),
        }
    }

    fn added(&mut self, event: Event) -> Result<(), ModelError> {
        let Some(item) = event.item.map(OutputItem::new) else { return Ok(()) };
        let slot = match self.find(event.output_index, item.id()) {
            Some(slot) => slot,
            None => self.open(event.output_index, item.id())?,
        };
        if matches!(slot.state, State::Open) && !item.is_known() {
            slot.state = State::Skipped;
        }
        Ok(())
    }

    fn delta(
        &mut self,
        event: Event,
        kind: fn(String) -> LiveKind,
        events: &mut VecDeque<ModelEvent>,
    ) -> Result<(), ModelError> {
        let Some(Value::String(text)) = event.delta else { return Ok(()) };
        let number = self.slot(event.output_index, event.item_id.as_deref())?.number;
        let (before, slot) = self.slots.split_at(number);
        if matches!(slot, [Slot { state: State::Open, .. }, ..]) && !text.is_empty() {
            let index = before.iter().filter(|slot| !matches!(slot.state, State::Skipped)).count();
            events.push_back(ModelEvent::Delta { index, kind: kind(text) });
        }
        Ok(())
    }

    fn done(&mut self, event: Event, events: &mut VecDeque<ModelEvent>) -> Result<(), ModelError> {
        let Some(item) = event.item.map(OutputItem::new) else { return Ok(()) };
        self.slot(event.output_index, item.id())?.fill(item);
        self.give_out(events);
        Ok(())
    }

    fn completed(
        &mut self,
        data: &str,
        response: Option<Response>,
        events: &mut VecDeque<ModelEvent>,
    ) -> Result<(), ModelError> {
        if self.slots.is_empty() || self.slots.iter().any(|slot| matches!(slot.state, State::Open)) {
            self.fill_from_output(data)?;
        }
        self.give_out(events);
        let tokens = response.and_then(|response| response.tokens());
        let rate_limits = std::mem::take(&mut self.rate_limits);
        events.push_back(ModelEvent::Completed(ModelUsage { tokens, rate_limits }));
        Ok(())
    }

    /// The last event repeats all items: from there come those that were never announced or never done.
    fn fill_from_output(&mut self, data: &str) -> Result<(), ModelError> {
        let output = serde_json::from_str::<Completed>(data).map(|completed| completed.response.output);
        let output = output.unwrap_or_default().into_iter().map(OutputItem::new);
        if self.slots.is_empty() {
            for item in output {
                self.open(None, None)?.fill(item);
            }
            return Ok(());
        }
        for (index, item) in (0..).zip(output) {
            if let Some(slot) = self.find(Some(index), item.id()) {
                slot.fill(item);
            }
        }
        if self.slots.iter().any(|slot| matches!(slot.state, State::Open)) {
            return Err(stream_error("the response was completed, but one of its items was not".to_owned()));
        }
        Ok(())
    }

    /// The slot of this place, else of this id.
    fn find(&mut self, output_index: Option<u64>, id: Option<&str>) -> Option<&mut Slot> {
        let by_place = |slot: &Slot| output_index.is_some() && slot.output_index == output_index;
        let by_id = |slot: &Slot| {
            let elsewhere = output_index.is_some() && slot.output_index.is_some();
            id.is_some() && slot.id.as_deref() == id && !elsewhere
        };
        let found = self.slots.iter().position(by_place).or_else(|| self.slots.iter().position(by_id))?;
        self.slots.get_mut(found)
    }

    /// The slot of this place or this id; else one that is open and of which neither is known to differ, as servers
    /// leave them out; else a new one.
    fn slot(&mut self, output_index: Option<u64>, id: Option<&str>) -> Result<&mut Slot, ModelError> {
        if let Some(number) = self.find(output_index, id).map(|slot| slot.number) {
            return Ok(&mut self.slots[number]);
        }
        let may_be = |slot: &Slot| {
            matches!(slot.state, State::Open)
                && (slot.output_index.is_none() || output_index.is_none())
                && (slot.id.is_none() || id.is_none())
        };
        match self.slots.iter().position(may_be) {
            Some(number) => Ok(&mut self.slots[number]),
            None => self.open(output_index, id),
        }
    }

    fn open(&mut self, output_index: Option<u64>, id: Option<&str>) -> Result<&mut Slot, ModelError> {
        let number = self.slots.len();
        if number == MAX_OUTPUT_ITEMS {
            return Err(stream_error(format!("the response has more than {MAX_OUTPUT_ITEMS} items")));
        }
        self.slots.push(Slot { number, output_index, id: id.map(str::to_owned), state: State::Open });
        Ok(&mut self.slots[number])
    }

    fn give_out(&mut self, events: &mut VecDeque<ModelEvent>) {
        while let Some(slot) = self.slots.get_mut(self.given_out) {
            match &mut slot.state {
                State::Open => return,
                State::Done(item) => events.extend(item.take().map(ModelEvent::Item)),
                State::Skipped => {}
            }
            self.given_out += 1;
        }
    }
}

/// The provider gave up. The `error` event has its fields beside its type or, as servers differ, in an object.
fn failed(fault: Option<Value>, data: &str) -> ModelError {
    let fault = match fault {
        Some(fault) => ProviderFault::of_value(fault),
        None => {
            let beside = serde_json::from_str(data).map(ProviderFault::of_value).unwrap_or_default();
            ProviderFault { kind: String::new(), ..beside }
        }
    };
    let kind = fault.verdict().unwrap_or(ModelErrorKind::Stream);
    let words = fault.words();
    let message = match kind {
        ModelErrorKind::ContextWindowExceeded => {
            format!("the conversation does not fit the model's window: {words}")
        }
        _ => format!("the provider gave up on the response: {words}"),
    };
    let mut error = ModelError::new(kind, message);
    error.retry_after_ms = try_again_ms(&fault.message);
    error
}

fn incomplete(response: &Response) -> ModelError {
    match response.incomplete_reason() {
        // No limit is sent, so it is the model's own: its window is full (OpenAI, "Reasoning models", section
        // "Allocating space for reasoning").
        "max_output_tokens" => ModelError::new(
            ModelErrorKind::ContextWindowExceeded,
            "the model's window was full before the response was complete (max_output_tokens)",
        ),
        "content_filter" => ModelError::new(
            ModelErrorKind::InvalidRequest,
            "the provider's content filter stopped the response; say it differently",
        ),
        "" => stream_error("the provider ended the response early and gave no reason".to_owned()),
        reason => stream_error(format!("the provider ended the response early: {reason}")),
    }
}

fn stream_error(message: String) -> ModelError {
    ModelError::new(ModelErrorKind::Stream, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// Events of any server, in any order, with places and ids or without.
    fn events() -> impl Strategy<Value = Vec<Value>> {
        let kind = prop_oneof![
            Just("response.output_item.added"),
            Just("response.output_item.done"),
            Just("response.output_text.delta"),
            Just("response.reasoning_summary_part.added"),
            Just("response.completed"),
        ];
        let item = prop_oneof![Just("message"), Just("function_call"), Just("telepathy")];
        let place = proptest::option::of(0_u64..4);
        let id = proptest::option::of(prop_oneof![Just("a"), Just("b")]);
        let event = (kind, item, place, id).prop_map(|(kind, item, place, id)| {
            let mut event = json!({
                "type": kind, "delta": "x", "summary_index": 1, "item": { "type": item },
                "response": { "output": [{ "type": item }, { "type": "message", "id": "b" }] },
            });
            if let Some(place) = place {
                event["output_index"] = json!(place);
            }
            if let Some(id) = id {
                event["item_id"] = json!(id);
                event["item"]["id"] = json!(id);
            }
            event
        });
        proptest::collection::vec(event, 0..30)
    }

    proptest! {
        #[test]
        fn pieces_never_come_after_their_item(sent in events()) {
            let mut assembly = Assembly::new(Vec::new());
            let mut out = VecDeque::new();
            let mut items = 0;
            for event in sent {
                let last = event["type"] == "response.completed";
                let taken = assembly.take(&event.to_string(), &mut out);
                for event in out.drain(..) {
                    match event {
                        ModelEvent::Delta { index, .. } => prop_assert!(index >= items),
                        ModelEvent::Item(_) => items += 1,
                        _ => prop_assert!(last && taken.is_ok()),
                    }
                }
                if last || taken.is_err() {
                    break;
                }
            }
        }
    }

    #[test]
    fn number_of_items_is_bounded() {
        let mut assembly = Assembly::new(Vec::new());
        let mut out = VecDeque::new();
        let take = |place: usize| {
            let event = json!({ "type": "response.output_item.added", "output_index": place, "item": {} });
            assembly.take(&event.to_string(), &mut out)
        };
        let error = (0..2000).map(take).find_map(Result::err);
        assert_eq!(error.map(|error| error.kind), Some(ModelErrorKind::Stream));
    }
}
