//! [`Digest`]: names everything up to a point in a sequence, so that two who compare it know whether they saw the same.

use agent_core::Event;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::io;

/// So many bytes of a SHA-256 are kept: enough against accidents, which are all it is for.
const BYTES: usize = 16;

/// A chain over JSON values: equal where all values before are equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest([u8; BYTES]);

impl Digest {
    /// The digest with one more value.
    #[must_use]
    pub fn and(&self, value: &impl Serialize) -> Self {
        self.and_size(value).0
    }

    /// The same, and how many bytes the value has as JSON.
    #[must_use]
    pub fn and_size(&self, value: &impl Serialize) -> (Self, usize) {
        let mut writer = Writer { hash: Sha256::new_with_prefix(self.0), bytes: 0 };
        // A value that is no JSON counts as nothing, for everybody alike.
        let _ = serde_json::to_writer(&mut writer, value);
        let mut bytes = [0; BYTES];
        bytes.copy_from_slice(&writer.hash.finalize()[..BYTES]);
        (Self(bytes), writer.bytes)
    }

    /// The digest with one more event, and how many bytes it has as JSON. When it happened does not count: after a replay the
    /// time of an event that a local activity led to may be another, by as long as that took.
    #[must_use]
    pub fn and_event(&self, event: &Event) -> (Self, usize) {
        self.and_size(&(event.seq, event.turn, &event.kind))
    }

    /// The digest with all these values.
    #[must_use]
    pub fn and_all<T: Serialize>(&self, values: &[T]) -> Self {
        values.iter().fold(*self, |digest, value| digest.and(value))
    }

    /// As hex text; empty for the digest of nothing.
    pub fn text(&self) -> String {
        if *self == Self::default() {
            return String::new();
        }
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The digest with this text; the digest of nothing where the text is none.
    pub fn parse(text: &str) -> Self {
        let mut bytes = [0; BYTES];
        if text.len() == 2 * BYTES {
            for (at, byte) in bytes.iter_mut().enumerate() {
                *byte = text
                    .get(2 * at..2 * at + 2)
                    .and_then(|hex| u8::from_str_radix(hex, 16).ok())
                    .unwrap_or(0);
            }
        }
        Self(bytes)
    }
}

struct Writer {
    hash: Sha256,
    bytes: usize,
}

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hash.update(bytes);
        self.bytes += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_sequences_apart_and_survives_being_text() {
        let ab = Digest::default().and(&"a").and(&"b");
        assert_eq!(ab, Digest::default().and_all(&["a", "b"]));
        assert_ne!(ab, Digest::default().and(&"b").and(&"a"));
        assert_ne!(ab, Digest::default().and(&"ab"));
        assert_eq!(Digest::parse(&ab.text()), ab);
        assert_eq!((Digest::default().text(), Digest::parse("")), (String::new(), Digest::default()));
    }
}
