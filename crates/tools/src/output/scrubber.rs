//! Takes secrets out of a text that comes in pieces.

use agent_core::Redactor;

/// How long text waits for what may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delay {
    /// As long as its end may be the beginning of a secret.
    Full,
    /// Not beyond the end of its line. Of a secret of several lines that is not known line by line too, lines get through.
    Line,
}

/// Gives the text on as soon as no secret can begin in it any more.
pub(super) struct Scrubber {
    redactor: Redactor,
    delay: Delay,
    pending: String,
}

impl Scrubber {
    pub(super) fn new(redactor: Redactor, delay: Delay) -> Self {
        Self { redactor, delay, pending: String::new() }
    }

    /// What can be given on now that this piece has come.
    pub(super) fn push(&mut self, text: &str) -> String {
        if self.redactor.holdback() == 0 {
            return text.to_owned();
        }
        self.pending.push_str(text);
        let lines = match self.delay {
            Delay::Full => 0,
            Delay::Line => self.pending.rfind('\n').map_or(0, |at| at + 1),
        };
        let certain = self.pending.len() - self.redactor.unsure(&self.pending);
        let whole = self.redactor.scrub(&self.pending);
        let mut cut = certain.max(lines);
        if whole == self.pending {
            return self.pending.drain(..cut).collect();
        }
        // No cut within a secret: both sides have to give what the whole gives.
        while cut > 0 {
            let (before, after) = self.pending.split_at(cut);
            let clean = self.redactor.scrub(before);
            let rest = whole.strip_prefix(&clean);
            if rest.is_some_and(|rest| rest == self.redactor.scrub(after)) {
                self.pending.drain(..cut);
                return clean;
            }
            cut = self.pending.floor_char_boundary(cut - 1);
        }
        String::new()
    }

    /// The rest.
    pub(super) fn finish(&mut self) -> String {
        self.redactor.scrub(&std::mem::take(&mut self.pending))
    }
}
