//! The events of the Responses API, as OpenAI documents them in its API reference under "Streaming events".

use crate::{
    api::Asked,
    said::{Ending, Frame, Frames, Said, Speech, Trouble, words},
    trouble,
};
use agent_core::TokenUsage;
use bytes::Bytes;
use serde_json::{Value, json};
use std::mem;

/// The stream of a response.
pub(crate) fn frames(speech: &Speech, asked: &Asked) -> Frames {
    let mut script = Script::new(asked);
    for said in &speech.said {
        script.say(said);
    }
    let body = mem::take(&mut script.frames);
    script.end(&speech.ending, asked.usage(speech.usage));
    Frames { body, ending: script.frames }
}

/// The response as one object, as it would have ended.
pub(crate) fn object(speech: &Speech, asked: &Asked) -> Value {
    let mut script = Script::new(asked);
    for said in &speech.said {
        script.say(said);
    }
    script.whole(asked.usage(speech.usage))
}

/// Output items and the events that announce them, in the making.
struct Script<'a> {
    asked: &'a Asked,
    frames: Vec<Frame>,
    /// Events so far; the frames before the ending may have been taken away.
    events: usize,
    output: Vec<Value>,
}

impl<'a> Script<'a> {
    fn new(asked: &'a Asked) -> Self {
        let mut script = Self { asked, frames: Vec::new(), events: 0, output: Vec::new() };
        let response = script.response("in_progress");
        script.push(json!({ "type": "response.created", "response": response }));
        script.push(json!({ "type": "response.in_progress", "response": response }));
        script
    }

    fn say(&mut self, said: &Said) {
        match said {
            Said::Text(text) => self.message(text),
            Said::Refusal(text) => self.refusal(text),
            Said::Summary { sections, encrypted } => self.reasoning(sections, encrypted.as_deref()),
            Said::Thoughts(text) => self.thoughts(text),
            Said::Call { name, arguments } => self.function_call(name, arguments),
            Said::Freeform { name, input } if self.asked.functions.contains(name) => {
                self.function_call(name, &json!({ "input": input }).to_string());
            }
            Said::Freeform { name, input } => self.custom_call(name, input),
            Said::Search { query } => self.search(query),
            Said::Redacted(_) => {}
            Said::Event(event) => self.push(event.clone()),
            Said::Bytes(bytes) => self.insert(bytes.clone()),
            Said::Unknown => {
                self.push(json!({ "type": "response.weather.changed", "degrees": 21 }));
                self.unknown_item();
                self.insert(": a comment, as proxies send them to keep a connection alive\n\n");
            }
            Said::BrokenJson => self
                .insert("event: response.output_text.delta\ndata: {\"type\":\"response.output_text.del\n\n"),
            Said::NotUtf8 => {
                self.insert(
                    b"data: {\"type\":\"response.padding\",\"padding\":\"\xC3\x28\xFF\"}\n\n".as_slice(),
                );
            }
            Said::HugeLine(bytes) => {
                let (before, after) = ("data: {\"type\":\"response.padding\",\"padding\":\"", "\"}");
                let padding = "x".repeat(bytes.saturating_sub(before.len() + after.len()));
                self.insert(format!("{before}{padding}{after}\n\n"));
            }
        }
    }

    fn end(&mut self, ending: &Ending, usage: TokenUsage) {
        match ending {
            Ending::Completed => self.completed(usage),
            Ending::Failed(trouble) => self.failed(trouble),
            Ending::Incomplete { reason } => self.incomplete(reason),
            Ending::Error(trouble) => self.error(trouble),
            Ending::Closed
            | Ending::CutAfter(_)
            | Ending::Cut
            | Ending::Reset
            | Ending::Silence
            | Ending::Flood => {}
        }
    }

    /// Adds an event and numbers it.
    fn push(&mut self, mut event: Value) {
        if let Value::Object(event) = &mut event {
            event.insert("sequence_number".to_owned(), json!(self.events));
        }
        self.events += 1;
        self.frames.push(Frame::Event(Bytes::from(framed(&event))));
    }

    fn insert(&mut self, bytes: impl Into<Bytes>) {
        self.frames.push(Frame::Insert(bytes.into()));
    }

    fn message(&mut self, text: &str) {
        let id = self.id("msg");
        let item = |status: &str, content: Value| json!({ "id": id, "type": "message", "status": status, "role": "assistant", "content": content });
        let part =
            |text: &str| json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] });
        self.added(item("in_progress", json!([])));
        self.of_item(&id, "response.content_part.added", json!({ "content_index": 0, "part": part("") }));
        for word in words(text) {
            let delta = json!({ "content_index": 0, "delta": word, "logprobs": [] });
            self.of_item(&id, "response.output_text.delta", delta);
        }
        self.of_item(&id, "response.output_text.done", json!({ "content_index": 0, "text": text }));
        self.of_item(&id, "response.content_part.done", json!({ "content_index": 0, "part": part(text) }));
        self.done(item("completed", json!([part(text)])));
    }

    fn refusal(&mut self, text: &str) {
        let id = self.id("msg");
        let item = |status: &str, content: Value| json!({ "id": id, "type": "message", "status": status, "role": "assistant", "content": content });
        let part = |text: &str| json!({ "type": "refusal", "refusal": text });
        self.added(item("in_progress", json!([])));
        self.of_item(&id, "response.content_part.added", json!({ "content_index": 0, "part": part("") }));
        for word in words(text) {
            self.of_item(&id, "response.refusal.delta", json!({ "content_index": 0, "delta": word }));
        }
        self.of_item(&id, "response.refusal.done", json!({ "content_index": 0, "refusal": text }));
        self.of_item(&id, "response.content_part.done", json!({ "content_index": 0, "part": part(text) }));
        self.done(item("completed", json!([part(text)])));
    }

    /// Open models think aloud: the item has a content and no summary.
    fn thoughts(&mut self, text: &str) {
        let id = self.id("rs");
        self.added(json!({ "id": id, "type": "reasoning", "summary": [], "content": [] }));
        for word in words(text) {
            let delta = json!({ "content_index": 0, "delta": word });
            self.of_item(&id, "response.reasoning_text.delta", delta);
        }
        self.of_item(&id, "response.reasoning_text.done", json!({ "content_index": 0, "text": text }));
        let content = json!([{ "type": "reasoning_text", "text": text }]);
        self.done(json!({ "id": id, "type": "reasoning", "summary": [], "content": content }));
    }

    fn reasoning(&mut self, summary: &[String], encrypted: Option<&str>) {
        let id = self.id("rs");
        self.added(json!({ "id": id, "type": "reasoning", "summary": [] }));
        for (index, text) in summary.iter().enumerate() {
            let part = |text: &str| json!({ "summary_index": index, "part": { "type": "summary_text", "text": text } });
            self.of_item(&id, "response.reasoning_summary_part.added", part(""));
            for word in words(text) {
                let delta = json!({ "summary_index": index, "delta": word });
                self.of_item(&id, "response.reasoning_summary_text.delta", delta);
            }
            let whole = json!({ "summary_index": index, "text": text });
            self.of_item(&id, "response.reasoning_summary_text.done", whole);
            self.of_item(&id, "response.reasoning_summary_part.done", part(text));
        }
        let summary: Vec<Value> =
            summary.iter().map(|text| json!({ "type": "summary_text", "text": text })).collect();
        let mut item = json!({ "id": id, "type": "reasoning", "summary": summary });
        if let Some(encrypted) = encrypted {
            item["encrypted_content"] = json!(encrypted);
        }
        self.done(item);
    }

    fn function_call(&mut self, name: &str, arguments: &str) {
        let (id, call_id) = (self.id("fc"), self.id("call"));
        let item = |status: &str, arguments: &str| {
            json!({
                "id": id, "type": "function_call", "status": status, "call_id": call_id, "name": name,
                "arguments": arguments,
            })
        };
        self.added(item("in_progress", ""));
        self.of_item(&id, "response.function_call_arguments.delta", json!({ "delta": arguments }));
        self.of_item(
            &id,
            "response.function_call_arguments.done",
            json!({ "arguments": arguments, "name": name }),
        );
        self.done(item("completed", arguments));
    }

    fn custom_call(&mut self, name: &str, input: &str) {
        let (id, call_id) = (self.id("ctc"), self.id("call"));
        let item = |status: &str, input: &str| {
            json!({
                "id": id, "type": "custom_tool_call", "status": status, "call_id": call_id, "name": name,
                "input": input,
            })
        };
        self.added(item("in_progress", ""));
        self.of_item(&id, "response.custom_tool_call_input.delta", json!({ "delta": input }));
        self.of_item(&id, "response.custom_tool_call_input.done", json!({ "input": input }));
        self.done(item("completed", input));
    }

    fn search(&mut self, query: &str) {
        let id = self.id("ws");
        self.added(json!({ "id": id, "type": "web_search_call", "status": "in_progress" }));
        for state in ["in_progress", "searching", "completed"] {
            self.of_item(&id, &format!("response.web_search_call.{state}"), json!({}));
        }
        let action = json!({ "type": "search", "query": query, "queries": [query] });
        self.done(json!({ "id": id, "type": "web_search_call", "status": "completed", "action": action }));
    }

    /// An output item of a type that no client knows yet.
    fn unknown_item(&mut self) {
        let id = self.id("new");
        self.added(json!({ "id": id, "type": "telepathy", "status": "in_progress" }));
        self.of_item(&id, "response.telepathy.delta", json!({ "delta": "…" }));
        self.done(json!({ "id": id, "type": "telepathy", "status": "completed" }));
    }

    fn completed(&mut self, usage: TokenUsage) {
        let response = self.whole(usage);
        self.push(json!({ "type": "response.completed", "response": response }));
    }

    fn whole(&self, usage: TokenUsage) -> Value {
        let mut response = self.response("completed");
        response["output"] = json!(self.output);
        response["usage"] = json!({
            "input_tokens": usage.input,
            "input_tokens_details": { "cached_tokens": usage.cached },
            "output_tokens": usage.output,
            "output_tokens_details": { "reasoning_tokens": usage.reasoning },
            "total_tokens": usage.total(),
        });
        response
    }

    fn failed(&mut self, trouble: &Trouble) {
        let error = self.trouble(trouble);
        let mut response = self.response("failed");
        response["error"] = json!({ "code": error["code"], "message": error["message"] });
        self.push(json!({ "type": "response.failed", "response": response }));
    }

    fn error(&mut self, trouble: &Trouble) {
        let error = self.trouble(trouble);
        self.push(
            json!({ "type": "error", "code": error["code"], "message": error["message"], "param": null }),
        );
    }

    fn trouble(&self, trouble: &Trouble) -> Value {
        trouble::object(trouble, trouble::status(trouble, self.asked), self.asked)
    }

    fn incomplete(&mut self, reason: &str) {
        let mut response = self.response("incomplete");
        response["incomplete_details"] = json!({ "reason": reason });
        self.push(json!({ "type": "response.incomplete", "response": response }));
    }

    fn added(&mut self, item: Value) {
        let output_index = self.output.len();
        self.push(
            json!({ "type": "response.output_item.added", "output_index": output_index, "item": item }),
        );
    }

    fn done(&mut self, item: Value) {
        let output_index = self.output.len();
        self.push(json!({ "type": "response.output_item.done", "output_index": output_index, "item": item }));
        self.output.push(item);
    }

    /// An event of the item that is in the making.
    fn of_item(&mut self, id: &str, kind: &str, mut fields: Value) {
        fields["type"] = json!(kind);
        fields["item_id"] = json!(id);
        fields["output_index"] = json!(self.output.len());
        self.push(fields);
    }

    fn response(&self, status: &str) -> Value {
        json!({
            "id": "resp_1", "object": "response", "created_at": 1_700_000_000, "status": status,
            "model": "test-model", "error": null, "incomplete_details": null, "output": [], "usage": null,
        })
    }

    fn id(&self, prefix: &str) -> String {
        format!("{prefix}_{}", self.output.len() + 1)
    }
}

/// An event as it travels.
fn framed(event: &Value) -> String {
    match event["type"].as_str() {
        Some(kind) => format!("event: {kind}\ndata: {event}\n\n"),
        None => format!("data: {event}\n\n"),
    }
}
