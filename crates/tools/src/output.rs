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
    live: LiveOutput,
}

impl Transcript {
    /// Keeps at most `cap_bytes` of the output.
    pub(crate) fn new(redactor: &Redactor, cap_bytes: usize, live: LiveOutput) -> Self {
        Self {
            decoder: Decoder::default(),
            kept: Scrubber::new(redactor.clone(), Delay::Full),
            capped: Capped::new(cap_bytes),
            shown: Scrubber::new(redactor.clone(), Delay::Line),
            live,
        }
    }

    /// Takes what was read.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        let text = self.decoder.decode(bytes);
        self.capped.push(&self.kept.push(&text));
        if !self.live.is_closed() {
            self.live.push(&self.shown.push(&text));
        }
    }

    /// Whether something waits to be shown.
    pub(crate) fn has_waiting(&self) -> bool {
        self.live.has_waiting()
    }

    /// Shows what waits to be shown.
    pub(crate) fn flush(&mut self) {
        self.live.flush();
    }

    /// The output as it is told.
    pub(crate) fn finish(mut self) -> String {
        let rest = self.decoder.finish();
        self.capped.push(&self.kept.push(&rest));
        self.capped.push(&self.kept.finish());
        self.live.push(&self.shown.push(&rest));
        self.live.push(&self.shown.finish());
        self.live.flush();
        self.capped.finish()
    }
}

#[cfg(test)]
#[path = "output/output_tests.rs"]
mod tests;
