//! The line ends of terminals.

/// Makes the line ends of a terminal, `\r\n`, plain ones.
#[derive(Default)]
pub(super) struct LineEnds {
    /// Carriage returns whose next character has not come yet.
    returns: usize,
}

impl LineEnds {
    pub(super) fn plain(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut plain = Vec::with_capacity(bytes.len() + self.returns);
        for byte in bytes {
            match byte {
                // More than one means the same.
                b'\r' => self.returns = 1,
                b'\n' => {
                    self.returns = 0;
                    plain.push(b'\n');
                }
                other => {
                    plain.extend(self.finish());
                    plain.push(*other);
                }
            }
        }
        plain
    }

    pub(super) fn finish(&mut self) -> Vec<u8> {
        vec![b'\r'; std::mem::take(&mut self.returns)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_are_plain_wherever_they_are_cut() {
        let text = b"a\r\nb\r\r\nc\rd\n\r\r";
        for cut in 0..=text.len() {
            let mut line_ends = LineEnds::default();
            let (before, after) = text.split_at(cut);
            let mut plain = line_ends.plain(before);
            plain.extend(line_ends.plain(after));
            plain.extend(line_ends.finish());
            assert_eq!(plain, b"a\nb\nc\rd\n\r", "cut at {cut}");
        }
    }
}
