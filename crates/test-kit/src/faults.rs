//! The faults of a provider, as [`Reply`]s. Each is one over every API.

use crate::{
    reply::{Content, Head, Reply},
    said::{Ending, Form, Said, Trouble},
};
use bytes::Bytes;
use std::time::SystemTime;

/// Faults instead of a response.
impl Reply {
    /// An HTTP error with a code of OpenAI's, in the shape of the server's dialect, over Anthropic's API with its own name.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::with(Some(status), Content::Trouble(coded(code, message)))
    }

    /// Status 429: too many requests. It says nothing of when to come again: add [`retry_after`](Self::retry_after),
    /// [`retry_after_ms`](Self::retry_after_ms) or [`retry_after_date`](Self::retry_after_date).
    pub fn rate_limited() -> Self {
        Self::error(
            429,
            "rate_limit_exceeded",
            "Rate limit reached for test-model on requests per min (RPM).",
        )
    }

    /// Status 429: the account has nothing left, and asking again does not help.
    pub fn out_of_quota() -> Self {
        let message = "You exceeded your current quota, please check your plan and billing details.";
        Self::error(429, "insufficient_quota", message)
    }

    /// Status 401: the key is wrong.
    pub fn unauthorized() -> Self {
        Self::error(401, "invalid_api_key", "Incorrect API key provided: sk-te**t.")
    }

    /// Status 403: the key may not do this.
    pub fn forbidden() -> Self {
        Self::error(403, "permission_denied", "You do not have access to this project.")
    }

    /// The provider has no model of this name: 404 or 400, in the words of the dialect.
    pub fn unknown_model(name: &str) -> Self {
        Self::with(None, Content::Trouble(Trouble::UnknownModel(name.to_owned())))
    }

    /// Status 400: the conversation is longer than the model's context, in the words of the dialect.
    pub fn context_overflow() -> Self {
        Self::with(None, Content::Trouble(Trouble::Overflow))
    }

    /// A page of HTML, as proxies and login portals send it; with status 200 it pretends to be an answer.
    pub fn html(status: u16) -> Self {
        let page = "<!DOCTYPE html>\n<html>\n<head><title>Bad Gateway</title></head>\n<body>\n\
                    <h1>Bad Gateway</h1>\n<hr>nginx\n</body>\n</html>\n";
        Self::with(Some(status), Content::Chunks(vec![Bytes::from_static(page.as_bytes())], "text/html"))
    }

    /// The connection ends before a byte of an answer.
    pub fn hang_up() -> Self {
        Self { head: Head::HungUp, ..Self::new() }
    }

    /// The request is taken, and nothing ever comes.
    pub fn silent() -> Self {
        Self { head: Head::Silent, ..Self::new() }
    }

    /// `Retry-After` in seconds.
    pub fn retry_after(self, seconds: u64) -> Self {
        self.header("retry-after", &seconds.to_string())
    }

    /// OpenAI's `retry-after-ms`.
    pub fn retry_after_ms(self, ms: u64) -> Self {
        self.header("retry-after-ms", &ms.to_string())
    }

    /// `Retry-After` as a date; it is cut to the second.
    pub fn retry_after_date(self, date: SystemTime) -> Self {
        self.header("retry-after", &httpdate::fmt_http_date(date))
    }
}

/// Faults within a response, which go where they are put.
impl Reply {
    /// An event and an output item of types that no client knows, unknown fields, and a comment line.
    pub fn unknown(self) -> Self {
        self.say(Said::Unknown)
    }

    /// An event whose data is not JSON.
    pub fn malformed_json(self) -> Self {
        self.say(Said::BrokenJson)
    }

    /// Lines that are not server-sent events; a client skips them.
    pub fn malformed_sse(self) -> Self {
        self.bytes("<html><body>502 Bad Gateway</body></html>\n\n")
    }

    /// Fields that the standard does not know, or that make no sense; a client skips them.
    pub fn malformed_fields(self) -> Self {
        self.bytes("nonsense\nweather: 21 degrees\nid\nretry: never\n:\ndata-: {}\n\n")
    }

    /// A harmless event whose data holds bytes that are not UTF-8.
    pub fn not_utf8(self) -> Self {
        self.say(Said::NotUtf8)
    }

    /// One line of this many bytes, which ends like any other and holds a harmless event.
    pub fn huge_line(self, bytes: usize) -> Self {
        self.say(Said::HugeLine(bytes))
    }

    /// A message of this many bytes in one delta: legal, and huge.
    pub fn huge_text(self, bytes: usize) -> Self {
        self.text(&"x".repeat(bytes))
    }
}

/// How a response ends badly. The last one said counts.
impl Reply {
    /// Half of the events come, then the connection ends within the body.
    pub fn cut(self) -> Self {
        self.end(Ending::Cut)
    }

    /// This many events come, then the connection ends within the body.
    pub fn cut_after(self, events: usize) -> Self {
        self.end(Ending::CutAfter(events))
    }

    /// Half of the events come, then the connection is reset (TCP's RST).
    pub fn reset(self) -> Self {
        self.end(Ending::Reset)
    }

    /// The body ends in good order, but the response does not: `response.completed` is missing, in chat the
    /// `finish_reason` and `[DONE]`, over Anthropic's API `message_delta` and `message_stop`.
    pub fn close_early(self) -> Self {
        self.end(Ending::Closed)
    }

    /// Everything but the response's ending comes, then nothing, for ever.
    pub fn silence(self) -> Self {
        self.end(Ending::Silence)
    }

    /// Everything but the response's ending comes, then one line that goes on for as long as the client reads it.
    pub fn endless_line(self) -> Self {
        self.end(Ending::Flood)
    }

    /// The response ends in `response.failed`; in chat with an error object in the stream, over Anthropic's API with an
    /// event `error`.
    pub fn failed(self, code: &str, message: &str) -> Self {
        self.end(Ending::Failed(coded(code, message)))
    }

    /// The response ends in an `error` event; in chat with an error object in the stream.
    pub fn error_event(self, code: &str, message: &str) -> Self {
        self.end(Ending::Error(coded(code, message)))
    }

    /// The response fails because the conversation is longer than the model's context.
    pub fn overflows(self) -> Self {
        self.end(Ending::Failed(Trouble::Overflow))
    }

    /// The response ends in `response.incomplete`; in chat with a `finish_reason`, which is `length` for
    /// `max_output_tokens`; over Anthropic's API with a `stop_reason`, which is `model_context_window_exceeded` for
    /// `max_output_tokens` and `refusal` for `content_filter`.
    pub fn incomplete(self, reason: &str) -> Self {
        self.end(Ending::Incomplete { reason: reason.to_owned() })
    }

    /// The stream lacks its last line `data: [DONE]`, as Perplexity's did (ppl-ai/api-discussion issue 209). Responses
    /// never sends it.
    pub fn without_done(self) -> Self {
        self.speech(|speech| speech.form = Form::StreamWithoutDone)
    }
}

fn coded(code: &str, message: &str) -> Trouble {
    Trouble::Coded { code: code.to_owned(), message: message.to_owned() }
}
