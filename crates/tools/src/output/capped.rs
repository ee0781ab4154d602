//! Output of any length, of which the beginning and the end are kept.

/// Keeps at most so many bytes, half of the beginning and half of the end, and says what is left out.
pub(super) struct Capped {
    head: String,
    /// Holds up to twice its share, so that it is not moved with every piece.
    tail: String,
    share_bytes: usize,
    omitted_bytes: usize,
    omitted_lines: usize,
}

impl Capped {
    pub(super) fn new(cap_bytes: usize) -> Self {
        let share_bytes = cap_bytes / 2;
        Self { head: String::new(), tail: String::new(), share_bytes, omitted_bytes: 0, omitted_lines: 0 }
    }

    pub(super) fn push(&mut self, text: &str) {
        let room = self.share_bytes - self.head.len().min(self.share_bytes);
        // Once something has gone to the tail, the head is complete.
        let fits = if self.tail.is_empty() { text.floor_char_boundary(room.min(text.len())) } else { 0 };
        let (head, tail) = text.split_at(fits);
        self.head.push_str(head);
        self.tail.push_str(tail);
        if self.tail.len() > 2 * self.share_bytes {
            self.trim();
        }
    }

    /// Leaves out what is too much of the tail.
    fn trim(&mut self) {
        let excess = self.tail.len().saturating_sub(self.share_bytes);
        let cut = self.tail.ceil_char_boundary(excess);
        self.omitted_bytes += cut;
        self.omitted_lines += self.tail.as_bytes()[..cut].iter().filter(|byte| **byte == b'\n').count();
        self.tail.drain(..cut);
    }

    /// What was kept; from now on it starts anew.
    pub(super) fn take(&mut self) -> String {
        let fresh = Self::new(2 * self.share_bytes);
        std::mem::replace(self, fresh).finish()
    }

    pub(super) fn finish(mut self) -> String {
        self.trim();
        if self.omitted_bytes == 0 {
            return self.head + &self.tail;
        }
        format!(
            "{}\n… {} bytes ({} lines) omitted: output is capped at {} bytes …\n{}",
            self.head,
            self.omitted_bytes,
            self.omitted_lines,
            2 * self.share_bytes,
            self.tail
        )
    }
}
