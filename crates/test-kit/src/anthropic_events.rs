//! The events of Anthropic's Messages API, as Anthropic documents them under "Streaming messages".

use crate::{
    api::Asked,
    said::{Ending, Frame, Frames, Said, Speech, Trouble, words},
    trouble,
};
use agent_core::TokenUsage;
use bytes::Bytes;
use serde_json::{Value, json};
use std::mem;

/// The signature of thoughts for which the test names none.
const SIGNATURE: &str = "c2lnbmVk";

/// The stream of a response.
pub(crate) fn frames(speech: &Speech, asked: &Asked) -> Frames {
    let mut script = Script::new(asked, speech.usage);
    script.begin();
    for said in &speech.said {
        script.say(said);
    }
    let body = mem::take(&mut script.frames);
    script.end(&speech.ending);
    Frames { body, ending: script.frames }
}

/// The response as one object, as it would have ended.
pub(crate) fn object(speech: &Speech, asked: &Asked) -> Value {
    let mut script = Script::new(asked, speech.usage);
    for said in &speech.said {
        script.say(said);
    }
    let mut message = message(script.usage);
    message["stop_reason"] = json!(script.stop_reason());
    message["content"] = json!(script.content);
    message
}

/// Blocks and the events that announce them, in the making.
struct Script<'a> {
    asked: &'a Asked,
    frames: Vec<Frame>,
    usage: Usage,
    content: Vec<Value>,
}

/// What a response costs, in the parts that the API tells.
#[derive(Clone, Copy)]
struct Usage {
    told: TokenUsage,
    written: u64,
}

impl<'a> Script<'a> {
    fn new(asked: &'a Asked, told: TokenUsage) -> Self {
        let written = asked.prompt.map_or(0, |prompt| prompt.written);
        let usage = Usage { told: asked.usage(told), written };
        Self { asked, frames: Vec::new(), usage, content: Vec::new() }
    }

    fn begin(&mut self) {
        self.push(&json!({ "type": "message_start", "message": message(self.usage) }));
        self.push(&json!({ "type": "ping" }));
    }

    fn say(&mut self, said: &Said) {
        match said {
            Said::Text(text) | Said::Refusal(text) => self.text(text),
            Said::Summary { sections, encrypted } => {
                self.thoughts(&sections.join("\n\n"), encrypted.as_deref().unwrap_or(SIGNATURE));
            }
            Said::Thoughts(text) => self.thoughts(text, SIGNATURE),
            Said::Redacted(data) => {
                self.block(json!({ "type": "redacted_thinking", "data": data }), Vec::new())
            }
            Said::Call { name, arguments } => self.call(name, arguments),
            Said::Freeform { name, input } => self.call(name, &json!({ "input": input }).to_string()),
            Said::Search { query } => self.search(query),
            Said::Event(event) => self.push(event),
            Said::Bytes(bytes) => self.insert(bytes.clone()),
            Said::Unknown => self.unknown(),
            Said::BrokenJson => self.insert(
                "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"te\n\n",
            ),
            Said::NotUtf8 => {
                self.insert(b"data: {\"type\":\"padding\",\"padding\":\"\xC3\x28\xFF\"}\n\n".as_slice());
            }
            Said::HugeLine(bytes) => {
                let (before, after) = ("data: {\"type\":\"padding\",\"padding\":\"", "\"}");
                let padding = "x".repeat(bytes.saturating_sub(before.len() + after.len()));
                self.insert(format!("{before}{padding}{after}\n\n"));
            }
        }
    }

    fn text(&mut self, text: &str) {
        let deltas = words(text).map(|word| json!({ "type": "text_delta", "text": word })).collect();
        self.block(json!({ "type": "text", "text": "" }), deltas);
        self.whole("text", json!(text));
    }

    fn thoughts(&mut self, text: &str, signature: &str) {
        let thought = |word: &str| json!({ "type": "thinking_delta", "thinking": word });
        let sealed = json!({ "type": "signature_delta", "signature": signature });
        let deltas = words(text).map(thought).chain([sealed]).collect();
        self.block(json!({ "type": "thinking", "thinking": "", "signature": "" }), deltas);
        self.whole("thinking", json!(text));
        self.whole("signature", json!(signature));
    }

    fn call(&mut self, name: &str, arguments: &str) {
        let id = format!("toolu_{}", self.content.len() + 1);
        // The first piece is always empty.
        let pieces = [""].into_iter().chain(arguments.split_inclusive(','));
        let deltas =
            pieces.map(|piece| json!({ "type": "input_json_delta", "partial_json": piece })).collect();
        self.block(json!({ "type": "tool_use", "id": id, "name": name, "input": {} }), deltas);
        self.whole("input", serde_json::from_str(arguments).unwrap_or_default());
    }

    fn search(&mut self, query: &str) {
        let id = format!("srvtoolu_{}", self.content.len() + 1);
        let input = json!({ "query": query });
        let delta = json!({ "type": "input_json_delta", "partial_json": input.to_string() });
        let block = json!({ "type": "server_tool_use", "id": id, "name": "web_search", "input": {} });
        self.block(block, vec![delta]);
        self.whole("input", input);
        let found = json!({
            "type": "web_search_result", "title": "A page", "url": "https://example.org/", "page_age": null,
            "encrypted_content": "c2VhbGVk",
        });
        let block = json!({ "type": "web_search_tool_result", "tool_use_id": id, "content": [found] });
        self.block(block, Vec::new());
    }

    /// An event and a block of types that no client knows yet, a delta of one in a known block, and a comment.
    fn unknown(&mut self) {
        self.push(&json!({ "type": "weather_changed", "degrees": 21 }));
        let delta = json!({ "type": "telepathy_delta", "telepathy": "…" });
        self.block(json!({ "type": "telepathy", "degrees": 21 }), vec![delta.clone()]);
        self.block(json!({ "type": "text", "text": "", "weather": {} }), vec![delta]);
        self.insert(": a comment, as proxies send them to keep a connection alive\n\n");
    }

    /// A block with its pieces.
    fn block(&mut self, block: Value, deltas: Vec<Value>) {
        let index = self.content.len();
        self.push(&json!({ "type": "content_block_start", "index": index, "content_block": block }));
        for delta in deltas {
            self.push(&json!({ "type": "content_block_delta", "index": index, "delta": delta }));
        }
        self.push(&json!({ "type": "content_block_stop", "index": index }));
        self.content.push(block);
    }

    /// What a field of the last block is once the block is whole.
    fn whole(&mut self, field: &str, value: Value) {
        if let Some(block) = self.content.last_mut() {
            block[field] = value;
        }
    }

    fn end(&mut self, ending: &Ending) {
        match ending {
            Ending::Completed => self.stop(self.stop_reason()),
            Ending::Incomplete { reason } => self.stop(match reason.as_str() {
                "max_output_tokens" => "model_context_window_exceeded",
                "content_filter" => "refusal",
                other => other,
            }),
            Ending::Failed(trouble) | Ending::Error(trouble) => self.fail(trouble),
            Ending::Closed
            | Ending::CutAfter(_)
            | Ending::Cut
            | Ending::Reset
            | Ending::Silence
            | Ending::Flood => {}
        }
    }

    fn stop_reason(&self) -> &'static str {
        let calls = self.content.iter().any(|block| block["type"] == "tool_use");
        if calls { "tool_use" } else { "end_turn" }
    }

    fn stop(&mut self, reason: &str) {
        let delta = json!({ "stop_reason": reason, "stop_sequence": null });
        self.push(&json!({ "type": "message_delta", "delta": delta, "usage": self.usage.at_the_end() }));
        self.push(&json!({ "type": "message_stop" }));
    }

    fn fail(&mut self, trouble: &Trouble) {
        let error = trouble::object(trouble, trouble::status(trouble, self.asked), self.asked);
        self.push(&json!({ "type": "error", "error": error }));
    }

    fn push(&mut self, event: &Value) {
        let kind = event["type"].as_str().unwrap_or("message");
        self.frames.push(Frame::Event(Bytes::from(format!("event: {kind}\ndata: {event}\n\n"))));
    }

    fn insert(&mut self, bytes: impl Into<Bytes>) {
        self.frames.push(Frame::Insert(bytes.into()));
    }
}

impl Usage {
    fn at_the_start(self) -> Value {
        let Self { told, written } = self;
        json!({
            "input_tokens": told.input.saturating_sub(told.cached + written), "cache_read_input_tokens": told.cached,
            "cache_creation_input_tokens": written, "output_tokens": 1, "service_tier": "standard",
        })
    }

    fn at_the_end(self) -> Value {
        let mut usage = json!({ "output_tokens": self.told.output });
        if self.told.reasoning > 0 {
            usage["output_tokens_details"] = json!({ "thinking_tokens": self.told.reasoning });
        }
        usage
    }
}

fn message(usage: Usage) -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "test-model", "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": usage.at_the_start(),
    })
}
