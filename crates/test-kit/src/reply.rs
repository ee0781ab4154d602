//! [`Reply`]: what the server does with one request.

use crate::said::{Ending, Form, Said, Speech, Trouble};
use agent_core::TokenUsage;
use bytes::Bytes;
use serde_json::Value;
use std::time::Duration;

/// What the server does with one request.
///
/// Begin with [`new`](Self::new) for a response that is streamed, add what the model says in its order, and let it
/// fail where it should; or with [`error`](Self::error), [`hang_up`](Self::hang_up), [`raw`](Self::raw). It is sent in
/// the shape of the API that the request speaks.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(crate) head: Head,
    pub(crate) delay: Duration,
    pub(crate) chunk_pause: Duration,
    pub(crate) content: Content,
}

/// What comes before the body.
#[derive(Clone, Debug)]
pub(crate) enum Head {
    /// A status, the trouble's own where there is none, and headers.
    Sent { status: Option<u16>, headers: Vec<(String, String)> },
    /// Nothing: the connection ends.
    HungUp,
    /// Nothing, for ever.
    Silent,
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// What a model says.
    Speech(Speech),
    /// An error object.
    Trouble(Trouble),
    /// A body of these chunks, with this content type.
    Chunks(Vec<Bytes>, &'static str),
}

impl Default for Reply {
    fn default() -> Self {
        Self::new()
    }
}

impl Reply {
    /// A streamed response, empty so far, which completes.
    pub fn new() -> Self {
        let usage = TokenUsage { input: 10, cached: 0, output: 5, reasoning: 0 };
        let speech = Speech { said: Vec::new(), ending: Ending::Completed, usage, form: Form::Stream };
        Self::with(Some(200), Content::Speech(speech))
    }

    /// A status with this body, as `application/json`.
    pub fn status(status: u16, body: &str) -> Self {
        let body = vec![Bytes::copy_from_slice(body.as_bytes())];
        Self::with(Some(status), Content::Chunks(body, "application/json"))
    }

    /// A stream of exactly these bytes, chunk by chunk.
    pub fn raw(chunks: impl IntoIterator<Item = impl Into<Bytes>>) -> Self {
        let chunks = chunks.into_iter().map(Into::into).collect();
        Self::with(Some(200), Content::Chunks(chunks, "text/event-stream"))
    }

    pub(crate) fn with(status: Option<u16>, content: Content) -> Self {
        Self {
            head: Head::Sent { status, headers: Vec::new() },
            delay: Duration::ZERO,
            chunk_pause: Duration::ZERO,
            content,
        }
    }

    /// A message; each word is a delta.
    pub fn text(self, text: &str) -> Self {
        self.say(Said::Text(text.to_owned()))
    }

    /// A message that refuses; each word is a delta.
    pub fn refusal(self, text: &str) -> Self {
        self.say(Said::Refusal(text.to_owned()))
    }

    /// Reasoning with a summary of one section; each word is a delta.
    pub fn reasoning(self, summary: &str) -> Self {
        self.say(Said::Summary { sections: vec![summary.to_owned()], encrypted: None })
    }

    /// Reasoning with a summary of some sections, sealed. Chat has no seals: only the summary is sent. Over Anthropic's
    /// API it is one block, and the seal its signature.
    pub fn encrypted_reasoning(self, summary: &[&str], encrypted: &str) -> Self {
        let sections = summary.iter().map(|&text| text.to_owned()).collect();
        self.say(Said::Summary { sections, encrypted: Some(encrypted.to_owned()) })
    }

    /// Reasoning as the model thinks it, without a summary, as open models show it; each word is a delta.
    pub fn thoughts(self, text: &str) -> Self {
        self.say(Said::Thoughts(text.to_owned()))
    }

    /// A call of a function.
    pub fn call(self, name: &str, arguments: Value) -> Self {
        self.call_with_text(name, &arguments.to_string())
    }

    /// A call of a function with arguments that need not be JSON.
    pub fn call_with_text(self, name: &str, arguments: &str) -> Self {
        self.say(Said::Call { name: name.to_owned(), arguments: arguments.to_owned() })
    }

    /// Thoughts that only the provider can read, over Anthropic's API; nothing is said over the others.
    pub fn redacted_thoughts(self, data: &str) -> Self {
        self.say(Said::Redacted(data.to_owned()))
    }

    /// A call of a freeform tool. Over chat, over Anthropic's API, and where the request offers the tool as a function, it is a call of a
    /// function with the text as its argument `input`.
    pub fn freeform(self, name: &str, input: &str) -> Self {
        self.say(Said::Freeform { name: name.to_owned(), input: input.to_owned() })
    }

    /// A search of the web by the provider. A request that does not offer its tool (`web_search`, over Anthropic's API
    /// `web_search_…`) is refused with status 400 and a message that says so, as is every one over chat, which has no such tool.
    pub fn search(self, query: &str) -> Self {
        self.say(Said::Search { query: query.to_owned() })
    }

    /// What it cost; 10 tokens in and 5 out if nothing is said.
    pub fn usage(self, usage: TokenUsage) -> Self {
        self.speech(|speech| speech.usage = usage)
    }

    /// An event of one's own, sent as it is but for the number that Responses gives to each.
    pub fn event(self, event: Value) -> Self {
        self.say(Said::Event(event))
    }

    /// Bytes between two events.
    pub fn bytes(self, bytes: impl Into<Bytes>) -> Self {
        self.say(Said::Bytes(bytes.into()))
    }

    /// The response in one JSON object, as by a server that does not know `stream: true`. Its ending does not matter.
    pub fn not_streamed(self) -> Self {
        self.speech(|speech| speech.form = Form::Object)
    }

    /// A header of the answer. A content type takes the place of the one that the answer would have.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Head::Sent { headers, .. } = &mut self.head {
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        self
    }

    /// A wait before the first byte.
    pub fn delay(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// A wait before each event.
    pub fn chunk_pause(self, chunk_pause: Duration) -> Self {
        Self { chunk_pause, ..self }
    }

    pub(crate) fn say(self, said: Said) -> Self {
        self.speech(|speech| speech.said.push(said))
    }

    /// Whether the provider searches the web in it.
    pub(crate) fn searches(&self) -> bool {
        let Content::Speech(speech) = &self.content else { return false };
        speech.said.iter().any(|said| matches!(said, Said::Search { .. }))
    }

    pub(crate) fn end(self, ending: Ending) -> Self {
        self.speech(|speech| speech.ending = ending)
    }

    /// Does nothing to a reply that says nothing, such as an error.
    pub(crate) fn speech(mut self, change: impl FnOnce(&mut Speech)) -> Self {
        if let Content::Speech(speech) = &mut self.content {
            change(speech);
        }
        self
    }
}
