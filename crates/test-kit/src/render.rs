//! [`Outcome`]: a reply in the shape of the API that was asked, ready to be sent.

use crate::{
    anthropic_events,
    api::{Asked, SearchOffer, WireApi},
    chat_chunks,
    reply::{Content, Head, Reply},
    responses_events,
    said::{Ending, Form, Frame, Frames, Speech},
    trouble,
};
use bytes::Bytes;
use serde_json::Value;
use std::time::Duration;

/// What the server does.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) delay: Duration,
    pub(crate) deed: Deed,
}

#[derive(Debug)]
pub(crate) enum Deed {
    Answer(Answer),
    HangUp,
    StaySilent,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) chunks: Vec<Bytes>,
    pub(crate) chunk_pause: Duration,
    pub(crate) after: After,
}

/// What follows the last chunk of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    End,
    Break,
    Reset,
    Silence,
    Flood,
}

/// What a reply comes to for a request.
pub(crate) fn outcome(reply: &Reply, asked: &Asked) -> Outcome {
    if asked.search == SearchOffer::NotMade && reply.searches() {
        let message = "the reply searches the web, but the request does not offer the tool web_search";
        return outcome(&Reply::error(400, "test_kit", message), asked);
    }
    let deed = match &reply.head {
        Head::HungUp => Deed::HangUp,
        Head::Silent => Deed::StaySilent,
        Head::Sent { status, headers } => Deed::Answer(answer(reply, *status, headers, asked)),
    };
    Outcome { delay: reply.delay, deed }
}

impl Outcome {
    /// With its chunks put together, where nothing comes between or after them: it is cheaper to send.
    pub(crate) fn in_one_piece(mut self) -> Self {
        if let Deed::Answer(answer) = &mut self.deed
            && answer.chunk_pause.is_zero()
            && answer.after == After::End
        {
            answer.chunks = vec![Bytes::from(answer.chunks.concat())];
        }
        self
    }
}

fn answer(reply: &Reply, status: Option<u16>, headers: &[(String, String)], asked: &Asked) -> Answer {
    let (own_status, content_type, chunks, after) = match &reply.content {
        Content::Chunks(chunks, content_type) => (200, *content_type, chunks.clone(), After::End),
        Content::Trouble(trouble) => {
            let own = trouble::status(trouble, asked);
            let body = trouble::body(trouble, status.unwrap_or(own), asked);
            (own, "application/json", vec![Bytes::from(body.to_string())], After::End)
        }
        Content::Speech(speech) if speech.form == Form::Object => {
            let object = object(speech, asked).to_string();
            (200, "application/json", vec![Bytes::from(object)], After::End)
        }
        Content::Speech(speech) => {
            let (chunks, after) = stream(speech, asked);
            (200, "text/event-stream", chunks, after)
        }
    };
    let mut headers = headers.to_vec();
    if headers.iter().all(|(name, _)| name != "content-type") {
        headers.insert(0, ("content-type".to_owned(), content_type.to_owned()));
    }
    Answer { status: status.unwrap_or(own_status), headers, chunks, chunk_pause: reply.chunk_pause, after }
}

fn object(speech: &Speech, asked: &Asked) -> Value {
    match asked.api {
        WireApi::Responses => responses_events::object(speech, asked),
        WireApi::Chat => chat_chunks::object(speech, asked),
        WireApi::Anthropic => anthropic_events::object(speech, asked),
    }
}

fn stream(speech: &Speech, asked: &Asked) -> (Vec<Bytes>, After) {
    let Frames { mut body, ending } = match asked.api {
        WireApi::Responses => responses_events::frames(speech, asked),
        WireApi::Chat => chat_chunks::frames(speech, asked),
        WireApi::Anthropic => anthropic_events::frames(speech, asked),
    };
    let events = body.iter().filter(|frame| matches!(frame, Frame::Event(_))).count();
    let after = match speech.ending {
        Ending::Completed
        | Ending::Failed(_)
        | Ending::Incomplete { .. }
        | Ending::Error(_)
        | Ending::Closed => After::End,
        Ending::CutAfter(_) | Ending::Cut => After::Break,
        Ending::Reset => After::Reset,
        Ending::Silence => After::Silence,
        Ending::Flood => After::Flood,
    };
    match speech.ending {
        Ending::CutAfter(kept) => keep(&mut body, kept),
        Ending::Cut | Ending::Reset => keep(&mut body, events.div_ceil(2)),
        _ => {}
    }
    let frames = body.into_iter().chain(ending);
    (frames.map(|(Frame::Event(bytes) | Frame::Insert(bytes))| bytes).collect(), after)
}

/// Keeps so many events and what comes before the last of them.
fn keep(frames: &mut Vec<Frame>, events: usize) {
    let mut seen = 0;
    let end = frames.iter().position(|frame| {
        seen += usize::from(matches!(frame, Frame::Event(_)));
        seen > events
    });
    frames.truncate(end.unwrap_or(frames.len()));
}
