//! Takes secrets out of a text that comes in pieces.

use agent_core::Redactor;

/// Gives the text on with a delay of as many bytes as may be the beginning of a secret.
pub(super) struct Scrubber {
    redactor: Redactor,
    pending: String,
}

impl Scrubber {
    pub(super) fn new(redactor: Redactor) -> Self {
        Self { redactor, pending: String::new() }
    }

    /// What can be given on now that this piece has come.
    pub(super) fn push(&mut self, text: &str) -> String {
        let holdback = self.redactor.holdback();
        if holdback == 0 {
            return text.to_owned();
        }
        self.pending.push_str(text);
        let whole = self.redactor.scrub(&self.pending);
        let mut cut = self.pending.floor_char_boundary(self.pending.len().saturating_sub(holdback));
        // No cut within a secret: both sides have to give what the whole gives.
        while cut > 0 {
            let (before, after) = self.pending.split_at(cut);
            let clean = self.redactor.scrub(before);
            if whole.len() == self.pending.len() && whole == self.pending
                || whole.strip_prefix(&clean).is_some_and(|rest| rest == self.redactor.scrub(after))
            {
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
