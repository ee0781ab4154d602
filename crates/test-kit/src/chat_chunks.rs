//! The chunks of the Chat Completions API, as OpenAI documents them in its API reference under "Chat Completions",
//! "Streaming events", with the habits of each [`Dialect`].

use crate::{
    api::Asked,
    dialect::{Calls, Dialect, Habits, Index, Role, UsagePlace},
    said::{Ending, Form, Frame, Frames, Said, Speech, Trouble, words},
    trouble,
};
use agent_core::TokenUsage;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use std::mem;

const MODEL: &str = "test-model";

/// The stream of a completion.
pub(crate) fn frames(speech: &Speech, asked: &Asked) -> Frames {
    let mut chat = Chat::new(asked, asked.usage(speech.usage));
    chat.begin();
    let mut said = speech.said.iter().peekable();
    while let Some(next) = said.next() {
        let mut calls: Vec<(&str, String)> = call(next).into_iter().collect();
        if calls.is_empty() {
            chat.say(next);
            continue;
        }
        while let Some(more) = said.peek().copied().and_then(call) {
            calls.push(more);
            said.next();
        }
        chat.call(&calls);
    }
    let body = mem::take(&mut chat.frames);
    chat.end(&speech.ending, speech.form);
    Frames { body, ending: chat.frames }
}

/// The completion as one object.
pub(crate) fn object(speech: &Speech, asked: &Asked) -> Value {
    let habits = asked.dialect.habits();
    let text = |pick: fn(&Said) -> Option<&str>| speech.said.iter().filter_map(pick).collect::<String>();
    let content = text(|said| if let Said::Text(text) = said { Some(text) } else { None });
    let calls: Vec<Value> = speech
        .said
        .iter()
        .filter_map(call)
        .enumerate()
        .map(|(index, (name, arguments))| {
            let function = json!({ "name": name, "arguments": arguments });
            json!({ "id": format!("call_{}", index + 1), "type": "function", "function": function })
        })
        .collect();
    let mut message = json!({ "role": "assistant", "content": content });
    let thoughts = text(|said| if let Said::Thoughts(text) = said { Some(text) } else { None });
    if !thoughts.is_empty() {
        message[habits.reasoning] = json!(thoughts);
    }
    let reason = if calls.is_empty() { "stop" } else { "tool_calls" };
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    json!({
        "id": habits.id, "object": "chat.completion", "created": 1_700_000_000, "model": MODEL,
        "choices": [{ "index": 0, "message": message, "logprobs": null, "finish_reason": reason }],
        "usage": usage(asked.usage(speech.usage), asked.dialect),
    })
}

/// The name and the arguments, where this is a call. Chat has no freeform tools but OpenAI's own: their text is the
/// argument `input` of a function.
fn call(said: &Said) -> Option<(&str, String)> {
    match said {
        Said::Call { name, arguments } => Some((name, arguments.clone())),
        Said::Freeform { name, input } => Some((name, json!({ "input": input }).to_string())),
        _ => None,
    }
}

/// Chunks in the making.
struct Chat<'a> {
    asked: &'a Asked,
    habits: Habits,
    usage: Value,
    frames: Vec<Frame>,
    calls: usize,
}

impl<'a> Chat<'a> {
    fn new(asked: &'a Asked, tokens: TokenUsage) -> Self {
        let usage = usage(tokens, asked.dialect);
        Self { asked, habits: asked.dialect.habits(), usage, frames: Vec::new(), calls: 0 }
    }

    fn begin(&mut self) {
        if let Some(comment) = self.habits.comment {
            self.insert(comment);
        }
        match self.habits.role {
            Role::First => self.delta(json!({ "role": "assistant", "content": "" })),
            Role::FirstWithNull => self.delta(json!({ "role": "assistant", "content": null })),
            Role::Every => {}
        }
    }

    fn say(&mut self, said: &Said) {
        match said {
            Said::Text(text) => words(text).for_each(|word| self.delta(json!({ "content": word }))),
            Said::Refusal(text) => words(text).for_each(|word| self.delta(json!({ "refusal": word }))),
            Said::Summary { sections, .. } => sections.iter().for_each(|text| self.thoughts(text)),
            Said::Thoughts(text) => self.thoughts(text),
            // Calls come to `call`, together. A reply that searches is refused before it is said.
            Said::Call { .. } | Said::Freeform { .. } | Said::Search { .. } | Said::Redacted(_) => {}
            Said::Event(event) => self.push(event),
            Said::Bytes(bytes) => self.insert(bytes.clone()),
            Said::Unknown => self.unknown(),
            Said::BrokenJson => {
                self.insert(
                    "data: {\"id\":\"chatcmpl-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"del\n\n",
                );
            }
            Said::NotUtf8 => {
                self.insert(b"data: {\"object\":\"padding\",\"padding\":\"\xC3\x28\xFF\"}\n\n".as_slice());
            }
            Said::HugeLine(bytes) => {
                let (before, after) = ("data: {\"object\":\"padding\",\"padding\":\"", "\"}");
                let padding = "x".repeat(bytes.saturating_sub(before.len() + after.len()));
                self.insert(format!("{before}{padding}{after}\n\n"));
            }
        }
    }

    fn thoughts(&mut self, text: &str) {
        for word in words(text) {
            let mut delta = json!({ self.habits.reasoning: word });
            if self.asked.dialect == Dialect::OpenRouter {
                let format = "unknown";
                delta["reasoning_details"] =
                    json!([{ "type": "reasoning.text", "text": word, "format": format, "index": 0 }]);
            }
            self.delta(delta);
        }
    }

    /// A chunk of an unknown kind, unknown fields in a known one, a named event, and a comment.
    fn unknown(&mut self) {
        self.push(&json!({ "object": "weather.changed", "degrees": 21 }));
        let mut chunk = self.chunk(json!([self.choice(json!({ "telepathy": "…" }), None)]));
        chunk["weather"] = json!({ "degrees": 21 });
        self.push(&chunk);
        self.insert("event: ping\ndata: {\"type\": \"ping\"}\n\n");
        self.insert(": a comment, as proxies send them to keep a connection alive\n\n");
    }

    /// Calls that follow each other.
    fn call(&mut self, calls: &[(&str, String)]) {
        if self.habits.calls == Calls::Together {
            let whole: Vec<Value> =
                calls.iter().map(|(name, arguments)| self.whole_call(name, arguments)).collect();
            self.delta(json!({ "tool_calls": whole }));
            return;
        }
        for (name, arguments) in calls {
            match self.habits.calls {
                Calls::Pieces(most) => self.call_in_pieces(name, arguments, most),
                Calls::Whole | Calls::Together => {
                    let whole = self.whole_call(name, arguments);
                    self.delta(json!({ "tool_calls": [whole] }));
                }
            }
        }
    }

    fn call_in_pieces(&mut self, name: &str, arguments: &str, most: usize) {
        let index = self.calls;
        let first = self.whole_call(name, "");
        self.delta(json!({ "tool_calls": [first] }));
        for piece in pieces(arguments, most) {
            self.delta(json!({ "tool_calls": [{ "index": index, "function": { "arguments": piece } }] }));
        }
    }

    fn whole_call(&mut self, name: &str, arguments: &str) -> Value {
        let id = match self.asked.dialect {
            Dialect::LmStudio => format!("{}", 814_890_118 + self.calls),
            Dialect::Vllm => format!("chatcmpl-tool-{}", self.calls + 1),
            Dialect::Gemini => format!("function-call-{}", self.calls + 1),
            _ => format!("call_{}", self.calls + 1),
        };
        let mut call = json!({
            "id": id, "type": "function", "function": { "name": name, "arguments": arguments },
        });
        match self.habits.index {
            Index::Numbered => call["index"] = json!(self.calls),
            Index::Zero => call["index"] = json!(0),
            Index::Missing => {}
        }
        if self.asked.dialect == Dialect::Gemini {
            call["extra_content"] = json!({ "google": { "thought_signature": "c2VhbGVk" } });
        }
        self.calls += 1;
        call
    }

    fn end(&mut self, ending: &Ending, form: Form) {
        match ending {
            Ending::Completed => {
                let after_calls = self.habits.finish_after_calls;
                self.finish(if self.calls == 0 { "stop" } else { after_calls }, form);
            }
            Ending::Incomplete { reason } => {
                self.finish(if reason == "max_output_tokens" { "length" } else { reason }, form);
            }
            Ending::Failed(trouble) | Ending::Error(trouble) => self.fail(trouble),
            Ending::Closed
            | Ending::CutAfter(_)
            | Ending::Cut
            | Ending::Reset
            | Ending::Silence
            | Ending::Flood => {}
        }
    }

    fn finish(&mut self, reason: &str, form: Form) {
        let delta = match self.habits.role {
            Role::Every => json!({ "role": "assistant", "content": "" }),
            Role::First | Role::FirstWithNull => json!({}),
        };
        let mut last = self.chunk(json!([self.choice(delta.clone(), Some(reason))]));
        if self.habits.usage == UsagePlace::LastChoice {
            last["usage"] = self.usage.clone();
        }
        if self.asked.dialect == Dialect::LlamaCpp {
            last["timings"] =
                json!({ "prompt_n": 10, "prompt_ms": 203.4, "predicted_n": 5, "predicted_ms": 93.6 });
        }
        self.push(&last);
        let choices = match self.habits.usage {
            UsagePlace::OwnChunk | UsagePlace::OwnChunkAndNull if self.asked.include_usage => Some(json!([])),
            UsagePlace::EmptyDelta => Some(json!([self.choice(delta, None)])),
            _ => None,
        };
        if let Some(choices) = choices {
            let mut chunk = self.chunk(choices);
            chunk["usage"] = self.usage.clone();
            self.push(&chunk);
        }
        if form == Form::Stream {
            self.insert("data: [DONE]\n\n");
        }
    }

    fn fail(&mut self, trouble: &Trouble) {
        let error = trouble::object(trouble, trouble::status(trouble, self.asked), self.asked);
        match self.asked.dialect {
            Dialect::Ollama => self.delta(json!({})),
            Dialect::LlamaCpp => self.event(format!("error: {error}\n\ndata: [DONE]\n\n")),
            Dialect::LmStudio => self.event(format!("event: error\ndata: {}\n\n", json!({ "error": error }))),
            Dialect::OpenRouter => {
                let choice = self.choice(json!({ "content": "" }), Some("error"));
                let mut chunk = self.chunk(json!([choice]));
                chunk["error"] = error;
                self.push(&chunk);
            }
            Dialect::Vllm => {
                self.push(&json!({ "error": error }));
                self.insert("data: [DONE]\n\n");
            }
            _ => self.push(&json!({ "error": error })),
        }
    }

    fn delta(&mut self, delta: Value) {
        let chunk = self.chunk(json!([self.choice(delta, None)]));
        self.push(&chunk);
    }

    fn choice(&self, delta: Value, finish_reason: Option<&str>) -> Value {
        let mut delta = match delta {
            Value::Object(delta) => delta,
            _ => Map::new(),
        };
        if self.habits.role == Role::Every {
            delta.entry("role").or_insert(json!("assistant"));
            delta.entry("content").or_insert(json!(""));
        }
        let mut choice = json!({ "index": 0, "delta": delta, "finish_reason": finish_reason });
        match self.asked.dialect {
            Dialect::OpenAi | Dialect::Vllm | Dialect::LmStudio => choice["logprobs"] = Value::Null,
            Dialect::OpenRouter => choice["native_finish_reason"] = json!(finish_reason),
            _ => {}
        }
        choice
    }

    fn chunk(&self, choices: Value) -> Value {
        let mut chunk = json!({
            "id": self.habits.id, "object": "chat.completion.chunk", "created": 1_700_000_000, "model": MODEL,
            "choices": choices,
        });
        match self.habits.usage {
            UsagePlace::OwnChunkAndNull if self.asked.include_usage => chunk["usage"] = Value::Null,
            UsagePlace::EveryChunk => chunk["usage"] = self.usage.clone(),
            _ => {}
        }
        match self.asked.dialect {
            Dialect::Ollama => chunk["system_fingerprint"] = json!("fp_ollama"),
            Dialect::LlamaCpp => chunk["system_fingerprint"] = json!("b6097-9515c613"),
            Dialect::LmStudio => chunk["system_fingerprint"] = json!(MODEL),
            Dialect::OpenRouter => chunk["provider"] = json!("Test"),
            _ => {}
        }
        chunk
    }

    fn push(&mut self, chunk: &Value) {
        self.event(format!("data: {chunk}\n\n"));
    }

    fn event(&mut self, bytes: String) {
        self.frames.push(Frame::Event(Bytes::from(bytes)));
    }

    fn insert(&mut self, bytes: impl Into<Bytes>) {
        self.frames.push(Frame::Insert(bytes.into()));
    }
}

fn usage(tokens: TokenUsage, dialect: Dialect) -> Value {
    let mut usage = json!({
        "prompt_tokens": tokens.input, "completion_tokens": tokens.output, "total_tokens": tokens.total(),
    });
    match dialect {
        Dialect::OpenAi | Dialect::OpenRouter | Dialect::LiteLlm => {
            usage["prompt_tokens_details"] = json!({ "cached_tokens": tokens.cached, "audio_tokens": 0 });
            usage["completion_tokens_details"] = json!({ "reasoning_tokens": tokens.reasoning });
        }
        Dialect::DeepSeek => {
            usage["prompt_cache_hit_tokens"] = json!(tokens.cached);
            usage["prompt_cache_miss_tokens"] = json!(tokens.input.saturating_sub(tokens.cached));
            usage["completion_tokens_details"] = json!({ "reasoning_tokens": tokens.reasoning });
        }
        Dialect::Vllm => usage["prompt_tokens_details"] = Value::Null,
        _ => {}
    }
    if dialect == Dialect::OpenRouter {
        usage["cost"] = json!(0.000_171);
    }
    usage
}

/// The text in at most so many pieces, none of them empty.
fn pieces(text: &str, most: usize) -> Vec<&str> {
    let long = text.len().div_ceil(most.max(1)).max(1);
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, next) = rest.split_at(rest.ceil_char_boundary(long));
        pieces.push(piece);
        rest = next;
    }
    pieces
}
