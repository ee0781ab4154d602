//! From the bytes a command writes to what is kept and shown of them: decoded, without secrets, capped.
//!
//! ```text
//! bytes ──Decoder──▶ text ──Scrubber──▶ clean text ──┬─▶ Capped     (the answer)
//!                                                    └─▶ LiveOutput (shown meanwhile)
//! ```

mod capped;
mod decoder;
mod live;
mod scrubber;

pub(crate) use live::{FLUSH_EVERY, LiveOutput};

use agent_core::Redactor;
use capped::Capped;
use decoder::Decoder;
use scrubber::Scrubber;

/// The way of one command's output.
pub(crate) struct Transcript {
    decoder: Decoder,
    scrubber: Scrubber,
    capped: Capped,
    live: LiveOutput,
}

impl Transcript {
    /// Keeps at most `cap_bytes` of the output.
    pub(crate) fn new(redactor: Redactor, cap_bytes: usize, live: LiveOutput) -> Self {
        Self {
            decoder: Decoder::default(),
            scrubber: Scrubber::new(redactor),
            capped: Capped::new(cap_bytes),
            live,
        }
    }

    /// Takes what was read.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        let text = self.decoder.decode(bytes);
        let clean = self.scrubber.push(&text);
        self.pass_on(&clean);
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
        let mut clean = self.scrubber.push(&rest);
        clean.push_str(&self.scrubber.finish());
        self.pass_on(&clean);
        self.live.flush();
        self.capped.finish()
    }

    fn pass_on(&mut self, clean: &str) {
        self.capped.push(clean);
        self.live.push(clean);
    }
}

#[cfg(test)]
#[path = "output/output_tests.rs"]
mod tests;
