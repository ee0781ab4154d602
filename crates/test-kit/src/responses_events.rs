//! The events of the Responses API, as OpenAI documents them in its API reference under "Streaming events".

use agent_core::TokenUsage;
use serde_json::{Value, json};

/// Output items and the events that announce them, in the making.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    events: Vec<Value>,
    output: Vec<Value>,
}

impl Script {
    pub(crate) fn new() -> Self {
        let mut script = Self { events: Vec::new(), output: Vec::new() };
        let response = script.response("in_progress");
        script.push(json!({ "type": "response.created", "response": response }));
        script.push(json!({ "type": "response.in_progress", "response": response }));
        script
    }

    /// Adds an event and numbers it.
    pub(crate) fn push(&mut self, mut event: Value) {
        if let Value::Object(event) = &mut event {
            event.insert("sequence_number".to_owned(), json!(self.events.len()));
        }
        self.events.push(event);
    }

    pub(crate) fn events(&self) -> &[Value] {
        &self.events
    }

    pub(crate) fn message(&mut self, text: &str) {
        let id = self.id("msg");
        let item = |status: &str, content: Value| json!({ "id": id, "type": "message", "status": status, "role": "assistant", "content": content });
        let part =
            |text: &str| json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] });
        self.added(item("in_progress", json!([])));
        self.of_item(&id, "response.content_part.added", json!({ "content_index": 0, "part": part("") }));
        for word in text.split_inclusive(char::is_whitespace) {
            let delta = json!({ "content_index": 0, "delta": word, "logprobs": [] });
            self.of_item(&id, "response.output_text.delta", delta);
        }
        self.of_item(&id, "response.output_text.done", json!({ "content_index": 0, "text": text }));
        self.of_item(&id, "response.content_part.done", json!({ "content_index": 0, "part": part(text) }));
        self.done(item("completed", json!([part(text)])));
    }

    pub(crate) fn reasoning(&mut self, summary: &[&str], encrypted: Option<&str>) {
        let id = self.id("rs");
        self.added(json!({ "id": id, "type": "reasoning", "summary": [] }));
        for (index, text) in summary.iter().enumerate() {
            let part = |text: &str| json!({ "summary_index": index, "part": { "type": "summary_text", "text": text } });
            self.of_item(&id, "response.reasoning_summary_part.added", part(""));
            for word in text.split_inclusive(char::is_whitespace) {
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

    pub(crate) fn function_call(&mut self, name: &str, arguments: &str) {
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

    pub(crate) fn custom_call(&mut self, name: &str, input: &str) {
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

    /// An output item of a type that no client knows yet.
    pub(crate) fn unknown_item(&mut self) {
        let id = self.id("new");
        self.added(json!({ "id": id, "type": "telepathy", "status": "in_progress" }));
        self.of_item(&id, "response.telepathy.delta", json!({ "delta": "…" }));
        self.done(json!({ "id": id, "type": "telepathy", "status": "completed" }));
    }

    pub(crate) fn completed(&mut self, usage: TokenUsage) {
        let mut response = self.response("completed");
        response["output"] = json!(self.output);
        response["usage"] = json!({
            "input_tokens": usage.input,
            "input_tokens_details": { "cached_tokens": usage.cached },
            "output_tokens": usage.output,
            "output_tokens_details": { "reasoning_tokens": usage.reasoning },
            "total_tokens": usage.total(),
        });
        self.push(json!({ "type": "response.completed", "response": response }));
    }

    pub(crate) fn failed(&mut self, code: &str, message: &str) {
        let mut response = self.response("failed");
        response["error"] = json!({ "code": code, "message": message });
        self.push(json!({ "type": "response.failed", "response": response }));
    }

    pub(crate) fn incomplete(&mut self, reason: &str) {
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
pub(crate) fn framed(event: &Value) -> String {
    match event["type"].as_str() {
        Some(kind) => format!("event: {kind}\ndata: {event}\n\n"),
        None => format!("data: {event}\n\n"),
    }
}

/// The body of an HTTP error.
pub(crate) fn error_body(code: &str, message: &str) -> Value {
    let kind = if code == "insufficient_quota" { code } else { "invalid_request_error" };
    json!({ "error": { "message": message, "type": kind, "param": null, "code": code } })
}
