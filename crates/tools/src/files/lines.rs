//! Reading lines of any length, and showing them.

use agent_core::Redactor;
use std::io::{self, BufRead};

/// What is kept of one line while reading. More of it is never shown.
const KEPT_BYTES: usize = 16 * 1024;

/// One line as it was read.
pub(super) struct RawLine {
    bytes: Vec<u8>,
    /// Whether more of it was read than is kept.
    cut: bool,
}

/// Reads the next line, `None` at the end. However long a line is, only its beginning is held in memory.
pub(super) fn next_line(reader: &mut impl BufRead) -> io::Result<Option<RawLine>> {
    let mut line = RawLine { bytes: Vec::new(), cut: false };
    let mut any = false;
    loop {
        let buffer = match reader.fill_buf() {
            Ok(buffer) => buffer,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if buffer.is_empty() {
            return Ok(any.then_some(line));
        }
        any = true;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let part = &buffer[..end.unwrap_or(buffer.len())];
        let room = KEPT_BYTES.saturating_sub(line.bytes.len()).min(part.len());
        line.bytes.extend_from_slice(&part[..room]);
        line.cut |= room < part.len();
        let used = part.len() + usize::from(end.is_some());
        reader.consume(used);
        if end.is_some() {
            return Ok(Some(line));
        }
    }
}

impl RawLine {
    /// The line without its end and without secrets, at most so many characters of it.
    pub(super) fn shown(mut self, redactor: &Redactor, max_chars: usize) -> String {
        if self.cut {
            // A secret may have been cut in two.
            self.bytes.truncate(self.bytes.len().saturating_sub(redactor.holdback()));
        } else if self.bytes.last() == Some(&b'\r') {
            self.bytes.pop();
        }
        let mut shown = shorten(&redactor.scrub(&String::from_utf8_lossy(&self.bytes)), max_chars);
        if self.cut && !shown.ends_with('…') {
            shown.push('…');
        }
        shown
    }
}

/// At most so many characters, with a sign that there are more.
pub(super) fn shorten(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &[u8]) -> Vec<String> {
        let mut reader = io::BufReader::with_capacity(3, text);
        let mut lines = Vec::new();
        while let Some(line) = next_line(&mut reader).unwrap() {
            lines.push(line.shown(&Redactor::default(), 10));
        }
        lines
    }

    #[test]
    fn lines_are_split_whatever_the_buffer() {
        assert_eq!(all(b""), Vec::<String>::new());
        assert_eq!(all(b"\n"), [""]);
        assert_eq!(all(b"a\r\n\nabcd\nend"), ["a", "", "abcd", "end"]);
        assert_eq!(all("0123456789\n0123456789a\nä".as_bytes()), ["0123456789", "0123456789…", "ä"]);
    }

    #[test]
    fn a_secret_at_the_cut_is_not_shown_in_part() {
        let redactor = Redactor::new(["secret-123456".to_owned()]);
        let line = format!("{}secret-123456", "x".repeat(KEPT_BYTES - 6));
        let mut reader = io::BufReader::new(line.as_bytes());
        let shown = next_line(&mut reader).unwrap().unwrap().shown(&redactor, KEPT_BYTES);
        assert!(!shown.contains("sec") && shown.ends_with('…'));
    }
}
