//! [`Reply`]: what the server does with one request; [`Replies`]: which one it does it with.

use crate::responses_events::{Script, error_body, framed};
use agent_core::TokenUsage;
use bytes::Bytes;
use serde_json::{Value, json};
use std::{collections::VecDeque, fmt, sync::Mutex, time::Duration};

/// What the server does with one request.
///
/// Begin with [`new`](Self::new) for a response that is streamed, add what the model says in its order, and let it
/// fail where it should; or with [`error`](Self::error), [`hang_up`](Self::hang_up), [`raw`](Self::raw).
#[derive(Clone, Debug)]
pub struct Reply {
    pub(crate) head: Head,
    pub(crate) delay: Duration,
    pub(crate) chunk_pause: Duration,
    parts: Parts,
    ending: Ending,
    usage: TokenUsage,
}

/// What comes before the body.
#[derive(Clone, Debug)]
pub(crate) enum Head {
    /// A status and headers.
    Sent { status: u16, headers: Vec<(String, String)> },
    /// Nothing: the connection ends.
    HungUp,
    /// Nothing, for ever.
    Silent,
}

#[derive(Clone, Debug)]
enum Parts {
    /// Events, and bytes that come between them.
    Stream { script: Script, inserts: Vec<(usize, Bytes)> },
    /// A body of these chunks.
    Chunks(Vec<Bytes>),
}

#[derive(Clone, Debug)]
enum Ending {
    Completed,
    Failed {
        code: String,
        message: String,
    },
    Incomplete {
        reason: String,
    },
    Error {
        code: String,
        message: String,
    },
    /// The body ends in good order, without an ending.
    Closed,
    /// So many events, then the connection breaks.
    CutAfter(usize),
    /// Half of the events, then the connection breaks.
    Cut,
    /// Everything but an ending, then nothing, for ever.
    Silence,
}

/// What follows the last chunk of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    End,
    Break,
    Silence,
}

impl Default for Reply {
    fn default() -> Self {
        Self::new()
    }
}

impl Reply {
    /// A streamed response, empty so far, which completes.
    pub fn new() -> Self {
        Self::with(Parts::Stream { script: Script::new(), inserts: Vec::new() }, 200, "text/event-stream")
    }

    /// An HTTP error with OpenAI's error body.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::status(status, &error_body(code, message).to_string())
    }

    /// A status with this body, as `application/json`.
    pub fn status(status: u16, body: &str) -> Self {
        Self::with(Parts::Chunks(vec![Bytes::copy_from_slice(body.as_bytes())]), status, "application/json")
    }

    /// A stream of exactly these bytes, chunk by chunk.
    pub fn raw(chunks: impl IntoIterator<Item = impl Into<Bytes>>) -> Self {
        Self::with(Parts::Chunks(chunks.into_iter().map(Into::into).collect()), 200, "text/event-stream")
    }

    /// The connection ends before a byte of an answer.
    pub fn hang_up() -> Self {
        Self { head: Head::HungUp, ..Self::new() }
    }

    /// The request is taken, and nothing ever comes.
    pub fn silent() -> Self {
        Self { head: Head::Silent, ..Self::new() }
    }

    fn with(parts: Parts, status: u16, content_type: &str) -> Self {
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        Self {
            head: Head::Sent { status, headers },
            delay: Duration::ZERO,
            chunk_pause: Duration::ZERO,
            parts,
            ending: Ending::Completed,
            usage: TokenUsage { input: 10, cached: 0, output: 5, reasoning: 0 },
        }
    }

    /// A message; each word is a delta.
    pub fn text(self, text: &str) -> Self {
        self.script(|script| script.message(text))
    }

    /// Reasoning with a summary of one section; each word is a delta.
    pub fn reasoning(self, summary: &str) -> Self {
        self.script(|script| script.reasoning(&[summary], None))
    }

    /// Reasoning with a summary of some sections, sealed.
    pub fn encrypted_reasoning(self, summary: &[&str], encrypted: &str) -> Self {
        self.script(|script| script.reasoning(summary, Some(encrypted)))
    }

    /// A call of a function.
    pub fn call(self, name: &str, arguments: Value) -> Self {
        self.call_with_text(name, &arguments.to_string())
    }

    /// A call of a function with arguments that need not be JSON.
    pub fn call_with_text(self, name: &str, arguments: &str) -> Self {
        self.script(|script| script.function_call(name, arguments))
    }

    /// A call of a freeform tool.
    pub fn freeform(self, name: &str, input: &str) -> Self {
        self.script(|script| script.custom_call(name, input))
    }

    /// What it cost; 10 tokens in and 5 out if nothing is said.
    pub fn usage(self, usage: TokenUsage) -> Self {
        Self { usage, ..self }
    }

    /// An event of one's own, sent as it is.
    pub fn event(self, event: Value) -> Self {
        self.script(|script| script.push(event))
    }

    /// Fault: an event and an output item of types that no client knows, and a comment line.
    pub fn unknown(self) -> Self {
        self.event(json!({ "type": "response.weather.changed", "degrees": 21 }))
            .script(Script::unknown_item)
            .bytes(": a comment, as proxies send them to keep a connection alive\n\n")
    }

    /// Fault: bytes between two events.
    pub fn bytes(mut self, bytes: impl Into<Bytes>) -> Self {
        if let Parts::Stream { script, inserts } = &mut self.parts {
            inserts.push((script.events().len(), bytes.into()));
        }
        self
    }

    /// Fault: an event whose data is not JSON.
    pub fn malformed_json(self) -> Self {
        self.bytes("event: response.output_text.delta\ndata: {\"type\":\"response.output_text.del\n\n")
    }

    /// Fault: lines that are not server-sent events; a client skips them.
    pub fn malformed_sse(self) -> Self {
        self.bytes("<html><body>502 Bad Gateway</body></html>\n\n")
    }

    /// Fault: one line of this many bytes, which ends like any other and holds a harmless event.
    pub fn huge_line(self, bytes: usize) -> Self {
        let (before, after) = ("data: {\"type\":\"response.padding\",\"padding\":\"", "\"}");
        let padding = "x".repeat(bytes.saturating_sub(before.len() + after.len()));
        self.bytes(format!("{before}{padding}{after}\n\n"))
    }

    /// Fault: half of the events come, then the connection breaks.
    pub fn cut(self) -> Self {
        Self { ending: Ending::Cut, ..self }
    }

    /// Fault: this many events come, then the connection breaks.
    pub fn cut_after(self, events: usize) -> Self {
        Self { ending: Ending::CutAfter(events), ..self }
    }

    /// Fault: the body ends in good order, but without `response.completed`.
    pub fn close_early(self) -> Self {
        Self { ending: Ending::Closed, ..self }
    }

    /// Fault: everything but `response.completed` comes, then nothing, for ever.
    pub fn silence(self) -> Self {
        Self { ending: Ending::Silence, ..self }
    }

    /// Fault: the response ends in `response.failed`.
    pub fn failed(self, code: &str, message: &str) -> Self {
        Self { ending: Ending::Failed { code: code.to_owned(), message: message.to_owned() }, ..self }
    }

    /// Fault: the response ends in an `error` event.
    pub fn error_event(self, code: &str, message: &str) -> Self {
        Self { ending: Ending::Error { code: code.to_owned(), message: message.to_owned() }, ..self }
    }

    /// Fault: the response ends in `response.incomplete`.
    pub fn incomplete(self, reason: &str) -> Self {
        Self { ending: Ending::Incomplete { reason: reason.to_owned() }, ..self }
    }

    /// A header of the answer.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Head::Sent { headers, .. } = &mut self.head {
            headers.push((name.to_owned(), value.to_owned()));
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

    fn script(mut self, write: impl FnOnce(&mut Script)) -> Self {
        if let Parts::Stream { script, .. } = &mut self.parts {
            write(script);
        }
        self
    }

    /// The body's chunks, and what follows them.
    pub(crate) fn body(self) -> (VecDeque<Bytes>, After) {
        let (mut script, inserts) = match self.parts {
            Parts::Chunks(chunks) => return (chunks.into(), After::End),
            Parts::Stream { script, inserts } => (script, inserts),
        };
        let mut keep = usize::MAX;
        let after = match self.ending {
            Ending::Completed => {
                script.completed(self.usage);
                After::End
            }
            Ending::Failed { code, message } => {
                script.failed(&code, &message);
                After::End
            }
            Ending::Incomplete { reason } => {
                script.incomplete(&reason);
                After::End
            }
            Ending::Error { code, message } => {
                script.push(json!({ "type": "error", "code": code, "message": message, "param": null }));
                After::End
            }
            Ending::Closed => After::End,
            Ending::Silence => After::Silence,
            Ending::CutAfter(events) => {
                keep = events;
                After::Break
            }
            Ending::Cut => {
                keep = script.events().len().div_ceil(2);
                After::Break
            }
        };
        let mut chunks = VecDeque::new();
        let mut inserts = inserts.into_iter().peekable();
        for (index, event) in script.events().iter().enumerate().take(keep) {
            while let Some((_, bytes)) = inserts.next_if(|(at, _)| *at <= index) {
                chunks.push_back(bytes);
            }
            chunks.push_back(Bytes::from(framed(event)));
        }
        if keep == usize::MAX {
            chunks.extend(inserts.map(|(_, bytes)| bytes));
        }
        (chunks, after)
    }
}

/// Which reply a request gets.
pub struct Replies(Source);

enum Source {
    Queue(Mutex<VecDeque<Reply>>),
    Function(Box<dyn Fn(&Value) -> Reply + Send + Sync>),
}

impl Replies {
    /// The first request gets the first reply, and so on. Once they are used up, requests are refused with status
    /// 400 and a message that says so.
    pub fn in_order(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self(Source::Queue(Mutex::new(replies.into_iter().collect())))
    }

    /// The reply is made from the request's JSON (`null` where it was none).
    pub fn by(reply: impl Fn(&Value) -> Reply + Send + Sync + 'static) -> Self {
        Self(Source::Function(Box::new(reply)))
    }

    /// Every request gets this reply.
    pub fn always(reply: Reply) -> Self {
        Self::by(move |_| reply.clone())
    }

    pub(crate) fn next(&self, body: &Value) -> Reply {
        match &self.0 {
            Source::Function(reply) => reply(body),
            Source::Queue(replies) => {
                let mut replies = replies.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                replies.pop_front().unwrap_or_else(|| {
                    Reply::error(400, "test_kit", "the model server has no reply left for this request")
                })
            }
        }
    }
}

impl From<Vec<Reply>> for Replies {
    fn from(replies: Vec<Reply>) -> Self {
        Self::in_order(replies)
    }
}

impl From<Reply> for Replies {
    fn from(reply: Reply) -> Self {
        Self::in_order([reply])
    }
}

impl fmt::Debug for Replies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Queue(replies) => f.debug_tuple("Replies").field(replies).finish(),
            Source::Function(_) => f.write_str("Replies(by a function)"),
        }
    }
}
