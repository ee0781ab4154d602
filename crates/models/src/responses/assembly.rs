//! [`ResponsesAssembly`]: puts a response together from its events.
//!
//! An output item is announced, comes in pieces, and is done. Each has a place in the response (`output_index`). The
//! n-th item that becomes a [`ModelItem`] is given out as the n-th, and its pieces carry n; items of types that this
//! build does not know have no number. Servers that leave out places, ids or announcements are understood too.

use super::wire::{Completed, Event, OutputItem, Response};
use crate::{
    citations::Citations,
    fault::ProviderFault,
    freeform::FreeformTools,
    reading::{Assembly, Trouble},
    sse::SseEvent,
};
use agent_core::{Completion, LiveKind, ModelErrorKind, ModelEvent, ModelItem, RateLimit};
use serde_json::Value;
use std::collections::VecDeque;

/// How many items a response may have.
const MAX_OUTPUT_ITEMS: usize = 1000;

#[derive(Debug)]
pub(super) struct ResponsesAssembly {
    slots: Vec<Slot>,
    /// Slots before this one are given out or skipped.
    given_out: usize,
    rate_limits: Vec<RateLimit>,
    freeform: FreeformTools,
    /// How many tokens the response may have, where the request says so.
    limit: Option<u64>,
    citations: Citations,
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
    fn fill(&mut self, item: OutputItem, citations: Citations) {
        if matches!(self.state, State::Open) {
            self.state = match item.into_model_item(citations) {
                Some(item) => State::Done(Some(item)),
                None => State::Skipped,
            };
        }
    }
}

impl Assembly for ResponsesAssembly {
    fn take(&mut self, event: &SseEvent, events: &mut VecDeque<ModelEvent>) -> Result<(), Trouble> {
        self.take_data(&event.data, events)
    }

    /// Every server of this API streams.
    fn take_whole(&mut self, _: &str, _: &mut VecDeque<ModelEvent>) -> Option<Result<(), Trouble>> {
        None
    }

    /// The API has an event for the end.
    fn may_end(&self) -> bool {
        false
    }

    fn end(&mut self, _: &mut VecDeque<ModelEvent>) -> Result<(), Trouble> {
        Err(Trouble::nonsense("the response ended before it was completed"))
    }
}

impl ResponsesAssembly {
    pub(super) fn new(
        rate_limits: Vec<RateLimit>,
        freeform: FreeformTools,
        limit: Option<u64>,
        citations: Citations,
    ) -> Self {
        Self { slots: Vec::new(), given_out: 0, rate_limits, freeform, limit, citations }
    }

    fn take_data(&mut self, data: &str, events: &mut VecDeque<ModelEvent>) -> Result<(), Trouble> {
        // Not part of this API, but sent by proxies that translate Chat Completions.
        if data == "[DONE]" {
            return Ok(());
        }
        let event: Event = serde_json::from_str(data).map_err(|error| {
            Trouble::nonsense(format!("the response has an event that is not JSON: {error}"))
        })?;
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
            "response.incomplete" => Err(self.incomplete(&event.response.unwrap_or_default())),
            "response.failed" => Err(failed(event.response.and_then(|response| response.error), data)),
            "error" => Err(failed(event.error, data)),
            // Some servers send an error object without a type.
            "" if event.error.is_some() => Err(failed(event.error, data)),
            _ => Ok(()),
        }
    }

    fn added(&mut self, event: Event) -> Result<(), Trouble> {
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
    ) -> Result<(), Trouble> {
        let Some(Value::String(text)) = event.delta else { return Ok(()) };
        let number = self.slot(event.output_index, event.item_id.as_deref())?.number;
        let (before, slot) = self.slots.split_at(number);
        if matches!(slot, [Slot { state: State::Open, .. }, ..]) && !text.is_empty() {
            let index = before.iter().filter(|slot| !matches!(slot.state, State::Skipped)).count();
            events.push_back(ModelEvent::Delta { index, kind: kind(text) });
        }
        Ok(())
    }

    fn done(&mut self, event: Event, events: &mut VecDeque<ModelEvent>) -> Result<(), Trouble> {
        let Some(item) = event.item.map(OutputItem::new) else { return Ok(()) };
        let citations = self.citations;
        self.slot(event.output_index, item.id())?.fill(item, citations);
        self.give_out(events);
        Ok(())
    }

    fn completed(
        &mut self,
        data: &str,
        response: Option<Response>,
        events: &mut VecDeque<ModelEvent>,
    ) -> Result<(), Trouble> {
        if self.slots.is_empty() || self.slots.iter().any(|slot| matches!(slot.state, State::Open)) {
            self.fill_from_output(data)?;
        }
        self.give_out(events);
        let tokens = response.and_then(|response| response.tokens());
        let rate_limits = std::mem::take(&mut self.rate_limits);
        events.push_back(ModelEvent::Completed(Completion { tokens, rate_limits, misfit: None }));
        Ok(())
    }

    /// The last event repeats all items: from there come those that were never announced or never done.
    fn fill_from_output(&mut self, data: &str) -> Result<(), Trouble> {
        let output = serde_json::from_str::<Completed>(data).map(|completed| completed.response.output);
        let output = output.unwrap_or_default().into_iter().map(OutputItem::new);
        let citations = self.citations;
        if self.slots.is_empty() {
            for item in output {
                self.open(None, None)?.fill(item, citations);
            }
            return Ok(());
        }
        for (index, item) in (0..).zip(output) {
            if let Some(slot) = self.find(Some(index), item.id()) {
                slot.fill(item, citations);
            }
        }
        if self.slots.iter().any(|slot| matches!(slot.state, State::Open)) {
            return Err(Trouble::nonsense("the response was completed, but one of its items was not"));
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
    fn slot(&mut self, output_index: Option<u64>, id: Option<&str>) -> Result<&mut Slot, Trouble> {
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

    fn open(&mut self, output_index: Option<u64>, id: Option<&str>) -> Result<&mut Slot, Trouble> {
        let number = self.slots.len();
        if number == MAX_OUTPUT_ITEMS {
            return Err(Trouble::nonsense(format!("the response has more than {MAX_OUTPUT_ITEMS} items")));
        }
        self.slots.push(Slot { number, output_index, id: id.map(str::to_owned), state: State::Open });
        Ok(&mut self.slots[number])
    }

    fn incomplete(&self, response: &Response) -> Trouble {
        match (response.incomplete_reason(), self.limit) {
            ("max_output_tokens", Some(limit)) => Trouble::Wrong(
                ModelErrorKind::InvalidRequest,
                format!(
                    "the response needs more than the {limit} tokens of max_output_tokens: raise that limit"
                ),
            ),
            // No limit is sent, so it is the model's own: its window is full (OpenAI, "Reasoning models", section
            // "Allocating space for reasoning").
            ("max_output_tokens", None) => Trouble::Wrong(
                ModelErrorKind::ContextWindowExceeded,
                "the model's window was full before the response was complete (max_output_tokens)".to_owned(),
            ),
            ("content_filter", _) => Trouble::Wrong(
                ModelErrorKind::InvalidRequest,
                "the provider's content filter stopped the response; say it differently".to_owned(),
            ),
            ("", _) => Trouble::nonsense("the provider ended the response early and gave no reason"),
            (reason, _) => Trouble::nonsense(format!("the provider ended the response early: {reason}")),
        }
    }

    fn give_out(&mut self, events: &mut VecDeque<ModelEvent>) {
        while let Some(slot) = self.slots.get_mut(self.given_out) {
            match &mut slot.state {
                State::Open => return,
                State::Done(item) => {
                    let item = item.take().map(|item| self.freeform.restore(item));
                    events.extend(item.map(ModelEvent::Item));
                }
                State::Skipped => {}
            }
            self.given_out += 1;
        }
    }
}

/// The provider gave up. The `error` event has its fields beside its type or, as servers differ, in an object.
fn failed(fault: Option<Value>, data: &str) -> Trouble {
    let fault = match fault {
        Some(fault) => ProviderFault::of_value(fault),
        None => serde_json::from_str(data).ok().and_then(ProviderFault::of_event).unwrap_or_default(),
    };
    Trouble::Fault(fault)
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
        let item =
            prop_oneof![Just("message"), Just("function_call"), Just("web_search_call"), Just("telepathy")];
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
            let mut assembly = ResponsesAssembly::new(Vec::new(), FreeformTools::default(), None, Citations::PutUnder);
            let mut out = VecDeque::new();
            let mut items = 0;
            for event in sent {
                let last = event["type"] == "response.completed";
                let taken = assembly.take_data(&event.to_string(), &mut out);
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
        let mut assembly =
            ResponsesAssembly::new(Vec::new(), FreeformTools::default(), None, Citations::PutUnder);
        let mut out = VecDeque::new();
        let take = |place: usize| {
            let event = json!({ "type": "response.output_item.added", "output_index": place, "item": {} });
            assembly.take_data(&event.to_string(), &mut out)
        };
        let error = (0..2000).map(take).find_map(Result::err);
        assert!(matches!(error, Some(Trouble::Wrong(ModelErrorKind::Stream, _))), "{error:?}");
    }
}
