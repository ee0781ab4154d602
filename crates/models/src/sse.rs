//! An incremental parser of server-sent events: bytes in, events out.
//!
//! Follows the WHATWG HTML standard, section 9.2.6 "Interpreting an event stream", with two differences: an event is
//! bounded, and one that lacks only the blank line after it when the stream ends is still given out.

use std::mem;

/// The longest line, and the most data one event may hold, in bytes. Beyond it the stream is given up.
pub(crate) const MAX_EVENT_BYTES: usize = 16 * 1024 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SseEvent {
    /// Its name; empty where it has none.
    pub(crate) name: String,
    /// Its data lines, joined by newlines.
    pub(crate) data: String,
}

/// An event or a line that is longer than [`MAX_EVENT_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is longer than {MAX_EVENT_BYTES} bytes")]
pub(crate) struct TooLong;

/// The state between two chunks. How the bytes are cut into chunks makes no difference.
#[derive(Debug, Default)]
pub(crate) struct SseParser {
    /// The line so far, where a chunk ended within it.
    line: Vec<u8>,
    /// The last byte was a CR: a LF right after it belongs to it.
    after_cr: bool,
    /// The first line is complete, so that a byte order mark is no longer one.
    begun: bool,
    name: String,
    data: String,
    /// There was a data line, maybe an empty one.
    has_data: bool,
}

impl SseParser {
    /// Takes the next bytes; the events that they complete go to `events`.
    pub(crate) fn push(
        &mut self,
        mut bytes: &[u8],
        events: &mut impl Extend<SseEvent>,
    ) -> Result<(), TooLong> {
        if self.after_cr
            && let Some((first, rest)) = bytes.split_first()
        {
            self.after_cr = false;
            if *first == b'\n' {
                bytes = rest;
            }
        }
        while let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let next = match &bytes[end..] {
                [b'\r', b'\n', ..] => end + 2,
                [b'\r'] => {
                    self.after_cr = true;
                    end + 1
                }
                _ => end + 1,
            };
            if self.line.is_empty() {
                self.end_line(&bytes[..end], events)?;
            } else {
                self.extend_line(&bytes[..end])?;
                let line = mem::take(&mut self.line);
                self.end_line(&line, events)?;
                self.line = line;
                self.line.clear();
            }
            bytes = &bytes[next..];
        }
        self.extend_line(bytes)
    }

    /// The stream has ended: the event that only lacks its end, if there is one.
    pub(crate) fn finish(mut self) -> Result<Option<SseEvent>, TooLong> {
        let mut events = Vec::new();
        let line = mem::take(&mut self.line);
        self.end_line(&line, &mut events)?;
        self.end_line(b"", &mut events)?;
        Ok(events.pop())
    }

    fn extend_line(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        if self.line.len() + bytes.len() > MAX_EVENT_BYTES {
            return Err(TooLong);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self, line: &[u8], events: &mut impl Extend<SseEvent>) -> Result<(), TooLong> {
        if line.len() > MAX_EVENT_BYTES {
            return Err(TooLong);
        }
        let line = if self.begun { line } else { line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line) };
        self.begun = true;
        if line.is_empty() {
            let event = SseEvent { name: mem::take(&mut self.name), data: mem::take(&mut self.data) };
            if mem::take(&mut self.has_data) {
                events.extend([event]);
            }
            return Ok(());
        }
        let (field, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => {
                if self.data.len() + value.len() >= MAX_EVENT_BYTES {
                    return Err(TooLong);
                }
                if self.has_data {
                    self.data.push('\n');
                }
                self.data.push_str(&String::from_utf8_lossy(value));
                self.has_data = true;
            }
            // llama.cpp until September 2025 had its errors in a field of this name (its pull request 16109).
            b"error" if !self.has_data => {
                self.data.push_str(&String::from_utf8_lossy(value));
                self.name = "error".to_owned();
                self.has_data = true;
            }
            b"event" => self.name = String::from_utf8_lossy(value).into_owned(),
            // Comments have an empty field name; `id` and `retry` are for reconnecting, which nobody does here.
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<SseEvent>, TooLong> {
        let mut parser = SseParser::default();
        let mut events = Vec::new();
        for chunk in chunks {
            parser.push(chunk, &mut events)?;
        }
        events.extend(parser.finish()?);
        Ok(events)
    }

    fn event(name: &str, data: &str) -> SseEvent {
        SseEvent { name: name.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn streams_are_read_as_the_standard_says() {
        let table: &[(&str, &[SseEvent])] = &[
            ("", &[]),
            ("\n\n\n", &[]),
            ("data: a\n\n", &[event("", "a")]),
            ("data:a\r\rdata:  b\r\n\r\n", &[event("", "a"), event("", " b")]),
            ("event: x\ndata: a\ndata\ndata:b\n\n", &[event("x", "a\n\nb")]),
            ("event: gone\n\ndata: a\n\n", &[event("", "a")]),
            (": note\nid: 7\nretry: 9\nnonsense\ndata: a\n\n", &[event("", "a")]),
            ("data\n\n", &[event("", "")]),
            ("\u{FEFF}data: a\n\n\u{FEFF}data: b\n\n", &[event("", "a")]),
            ("data: a: b\n\n", &[event("", "a: b")]),
            ("data: whole but unended", &[event("", "whole but unended")]),
            ("data: a\n\nevent: x\n", &[event("", "a")]),
            ("<html>\n</html>\n\n", &[]),
            ("error: {}\n\ndata: a\n\n", &[event("error", "{}"), event("", "a")]),
        ];
        for (text, expected) in table {
            assert_eq!(&parse([text.as_bytes()]).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn bytes_that_are_not_text_are_replaced() {
        assert_eq!(parse([&b"data: a\xFFb\n\n"[..]]).unwrap(), [event("", "a\u{FFFD}b")]);
    }

    #[test]
    fn endless_line_is_an_error_and_not_memory() {
        let mut parser = SseParser::default();
        let mut events = Vec::new();
        let chunk = vec![b'x'; 1024 * 1024];
        let taken = (0..100).take_while(|_| parser.push(&chunk, &mut events).is_ok()).count();
        assert_eq!(taken, 16);
        assert!(parser.line.capacity() <= 2 * MAX_EVENT_BYTES);
    }

    #[test]
    fn endless_event_is_an_error_and_not_memory() {
        let mut parser = SseParser::default();
        let mut events = Vec::new();
        let line = [b"data: ".as_slice(), &[b'x'; 1024 * 1024], b"\n"].concat();
        let taken = (0..100).take_while(|_| parser.push(&line, &mut events).is_ok()).count();
        assert_eq!(taken, 15);
    }

    /// Streams made of what matters: line ends of all kinds, fields, comments, characters of several bytes.
    fn streams() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just("\n"),
            Just("\r"),
            Just("\r\n"),
            Just("\n\n"),
            Just("data: "),
            Just("data:"),
            Just("event: é"),
            Just(": note"),
            Just("id: 1"),
            Just("{\"a\":\"🦀\"}"),
            Just("\u{FEFF}"),
            Just("x"),
            Just(":"),
        ];
        proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes())
    }

    proptest! {
        #[test]
        fn chunk_borders_make_no_difference(
            stream in streams(),
            cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..20),
        ) {
            let whole = parse([stream.as_slice()]).unwrap();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let chunks = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]);
            prop_assert_eq!(&parse(chunks).unwrap(), &whole);
            prop_assert_eq!(parse(stream.chunks(1)).unwrap(), whole);
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let whole = parse([bytes.as_slice()]).unwrap();
            prop_assert_eq!(parse(bytes.chunks(3)).unwrap(), whole);
        }
    }
}
