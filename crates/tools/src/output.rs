//! From the bytes a command writes to what is kept and shown of them: decoded, without secrets, capped.
//!
//! ```text
//! bytes ──Decoder──▶ text ─┬─Scrubber──▶ Capped      the answer
//!                          └─Scrubber──▶ LiveOutput  shown meanwhile
//! ```
//!
//! The answer waits until no secret can have begun in it; what is shown is not held back beyond the end of a line, or a
//! command that says little would seem to say nothing.

mod capped;
mod decoder;
mod live;
mod scrubber;

pub(crate) use live::{FLUSH_EVERY, LiveOutput};

use agent_core::Redactor;
use capped::Capped;
use decoder::Decoder;
use scrubber::{Delay, Scrubber};

/// The way of one command's output.
pub(crate) struct Transcript {
    decoder: Decoder,
    kept: Scrubber,
    capped: Capped,
    shown: Scrubber,
    /// Who watches.
    live: Option<LiveOutput>,
    span: Span,
}

/// How long a transcript lasts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Span {
    /// One call, which watches it from its beginning.
    Call,
    /// Several calls, which watch it one after another.
    Session,
}

impl Transcript {
    /// Keeps at most `cap_bytes` of the output.
    pub(crate) fn new(redactor: &Redactor, cap_bytes: usize, live: LiveOutput) -> Self {
        Self { live: Some(live), span: Span::Call, ..Self::of_session(redactor, cap_bytes) }
    }

    /// For output that is taken in parts, each of at most so many bytes.
    pub(crate) fn of_session(redactor: &Redactor, cap_bytes: usize) -> Self {
        Self {
            decoder: Decoder::default(),
            kept: Scrubber::new(redactor.clone(), Delay::Full),
            capped: Capped::new(cap_bytes),
            shown: Scrubber::new(redactor.clone(), Delay::Line),
            live: None,
            span: Span::Session,
        }
    }

    /// Takes what was read.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        let text = self.decoder.decode(bytes);
        self.capped.push(&self.kept.push(&text));
        let is_closed = self.live.as_ref().is_some_and(LiveOutput::is_closed);
        // Whoever watches next must not see the second half of a secret.
        if !is_closed || self.span == Span::Session {
            self.show(&text);
        }
    }

    fn show(&mut self, text: &str) {
        let text = self.shown.push(text);
        if let Some(live) = &mut self.live {
            live.push(&text);
        }
    }

    /// From now on what comes is shown there.
    pub(crate) fn watch(&mut self, live: LiveOutput) {
        self.live = Some(live);
    }

    /// From now on nobody watches.
    pub(crate) fn unwatch(&mut self) {
        self.flush();
        self.live = None;
    }

    /// Whether something waits to be shown.
    pub(crate) fn has_waiting(&self) -> bool {
        self.live.as_ref().is_some_and(LiveOutput::has_waiting)
    }

    /// Shows what waits to be shown.
    pub(crate) fn flush(&mut self) {
        if let Some(live) = &mut self.live {
            live.flush();
        }
    }

    /// What has come since this was asked last, except what may be the beginning of a secret.
    pub(crate) fn take_so_far(&mut self) -> String {
        self.capped.take()
    }

    /// The same when nothing more will come.
    pub(crate) fn take_rest(&mut self) -> String {
        self.end();
        self.capped.take()
    }

    /// The output as it is told.
    pub(crate) fn finish(mut self) -> String {
        self.end();
        self.capped.take()
    }

    /// Gives on what waited for more.
    fn end(&mut self) {
        let rest = self.decoder.finish();
        self.capped.push(&self.kept.push(&rest));
        self.capped.push(&self.kept.finish());
        self.show(&rest);
        let last = self.shown.finish();
        if let Some(live) = &mut self.live {
            live.push(&last);
            live.flush();
        }
    }
}

/// A text of at most so many bytes: where it has more, its beginning and its end, and how much is left out.
#[cfg(feature = "mcp")]
pub(crate) fn capped_text(text: &str, cap_bytes: usize) -> String {
    let mut capped = Capped::new(cap_bytes);
    capped.push(text);
    capped.take()
}

#[cfg(test)]
#[path = "output/output_tests.rs"]
mod tests;
