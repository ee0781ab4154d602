//! [`Speech`]: what a model says and how it ends, in the words of no API.

use agent_core::TokenUsage;
use bytes::Bytes;
use serde_json::Value;

/// A response that begins well.
#[derive(Clone, Debug)]
pub(crate) struct Speech {
    pub(crate) said: Vec<Said>,
    pub(crate) ending: Ending,
    pub(crate) usage: TokenUsage,
    pub(crate) form: Form,
}

/// One thing that is said, or happens, in the course of a response.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    Text(String),
    Refusal(String),
    /// Reasoning as the provider sums it up.
    Summary {
        sections: Vec<String>,
        encrypted: Option<String>,
    },
    /// Reasoning as it is.
    Thoughts(String),
    /// Reasoning that is not shown.
    Redacted(String),
    Call {
        name: String,
        arguments: String,
    },
    Freeform {
        name: String,
        input: String,
    },
    /// The provider searches the web.
    Search {
        query: String,
    },
    /// An event of the test's own.
    Event(Value),
    /// Bytes between two events.
    Bytes(Bytes),
    /// Things that no client knows yet.
    Unknown,
    BrokenJson,
    NotUtf8,
    /// A line of so many bytes with a harmless event.
    HugeLine(usize),
}

#[derive(Clone, Debug)]
pub(crate) enum Ending {
    Completed,
    Failed(Trouble),
    Incomplete {
        reason: String,
    },
    /// Responses has an event `error` beside `response.failed`; in chat the two are one.
    Error(Trouble),
    /// The body ends in good order, without an ending.
    Closed,
    /// So many events, then the connection breaks.
    CutAfter(usize),
    /// Half of the events, then the connection breaks.
    Cut,
    /// Half of the events, then the connection is reset.
    Reset,
    /// Everything but an ending, then nothing, for ever.
    Silence,
    /// Everything but an ending, then one line that goes on for as long as somebody reads it.
    Flood,
}

/// What a response is sent as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Stream,
    /// A stream that lacks the line `data: [DONE]`; it is the same over Responses, which has none.
    StreamWithoutDone,
    /// One JSON object.
    Object,
}

/// What is wrong.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// By OpenAI's code.
    Coded { code: String, message: String },
    /// The conversation is longer than the model's context.
    Overflow,
    /// No model has this name.
    UnknownModel(String),
}

/// A piece of a body.
#[derive(Clone, Debug)]
pub(crate) enum Frame {
    /// An event; they are what is counted.
    Event(Bytes),
    /// Bytes that come between two of them.
    Insert(Bytes),
}

/// A body before its ending, and the ending.
#[derive(Debug)]
pub(crate) struct Frames {
    pub(crate) body: Vec<Frame>,
    pub(crate) ending: Vec<Frame>,
}

/// A text in the pieces in which models say it: word by word.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(char::is_whitespace)
}
