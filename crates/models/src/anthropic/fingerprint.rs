//! [`Fingerprint`]: whether what is sent is what was sent before.

use serde::Serialize;
use std::io;

/// The start and the factor of FNV-1a with 64 bits (draft-eastlake-fnv, section 5). Nobody gains by a collision, and the
/// number has to be the same in every build.
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

/// A running number that depends on all that was added, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint(u64);

impl Default for Fingerprint {
    fn default() -> Self {
        Self(OFFSET)
    }
}

impl Fingerprint {
    /// The fingerprint of a value alone.
    pub(super) fn of(value: &impl Serialize) -> serde_json::Result<u64> {
        let mut print = Self::default();
        print.add(value)?;
        Ok(print.0)
    }

    /// Adds a value as the JSON that is sent.
    pub(super) fn add(&mut self, value: &impl Serialize) -> serde_json::Result<()> {
        serde_json::to_writer(&mut *self, value)?;
        // No JSON has this byte, so that two values are not one.
        self.take(&[0]);
        Ok(())
    }

    pub(super) fn value(&self) -> u64 {
        self.0
    }

    fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(PRIME);
        }
    }
}

impl io::Write for Fingerprint {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.take(bytes);
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
    fn known_values_of_fnv_1a() {
        let of = |text: &str| {
            let mut print = Fingerprint::default();
            print.take(text.as_bytes());
            print.value()
        };
        assert_eq!(of(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(of("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(of("foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn values_are_told_apart_by_their_borders_and_their_order() {
        let of = |values: &[&str]| {
            let mut print = Fingerprint::default();
            values.iter().for_each(|value| print.add(value).unwrap());
            print.value()
        };
        assert_eq!(of(&["a", "b"]), of(&["a", "b"]));
        assert_ne!(of(&["a", "b"]), of(&["b", "a"]));
        assert_ne!(of(&["a", "b"]), of(&["ab"]));
    }
}
