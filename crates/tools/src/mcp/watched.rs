//! [`Watched`]: what a server writes to its standard output, on its way to whoever reads the messages.
//!
//! A line that is too long is thrown away by the reader, and one that is no message is passed over. Then a call would wait
//! for its answer until its time is up. Here it is noticed at once.

use super::running::Running;
use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, ReadBuf};

/// The longest message that is taken. An image of the largest size that is shown fits.
pub(super) const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;
/// How much of the beginning and of the end of a line is kept, to see what it is.
const KEPT_BYTES: usize = 256;

/// A reader that looks at the lines that pass.
pub(super) struct Watched<R> {
    inner: R,
    line: Line,
    running: Arc<Running>,
}

/// What is known of the line that passes.
#[derive(Default)]
struct Line {
    bytes: usize,
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl<R> Watched<R> {
    pub(super) fn new(inner: R, running: Arc<Running>) -> Self {
        Self { inner, line: Line::default(), running }
    }

    fn look(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            self.line.push(text);
            if ends {
                let line = std::mem::take(&mut self.line);
                if line.bytes >= MAX_MESSAGE_BYTES {
                    self.running.too_long(line.bytes, line.request());
                } else if !line.may_be_message() {
                    self.running.no_message(&String::from_utf8_lossy(&line.head));
                }
            }
        }
    }
}

impl Line {
    fn push(&mut self, text: &[u8]) {
        self.bytes = self.bytes.saturating_add(text.len());
        let room = KEPT_BYTES.saturating_sub(self.head.len()).min(text.len());
        self.head.extend_from_slice(text.get(..room).unwrap_or_default());
        let last = text.get(text.len().saturating_sub(KEPT_BYTES)..).unwrap_or_default();
        self.tail.extend_from_slice(last);
        let excess = self.tail.len().saturating_sub(KEPT_BYTES);
        self.tail.drain(..excess);
    }

    fn may_be_message(&self) -> bool {
        let first = self.head.iter().find(|byte| !byte.is_ascii_whitespace());
        first.is_none_or(|byte| matches!(byte, b'{' | b'['))
    }

    /// The request that it answers, where that stands near an end of it.
    fn request(&self) -> Option<i64> {
        number_after(&self.head, "\"id\":").or_else(|| number_after(&self.tail, "\"id\":"))
    }
}

fn number_after(bytes: &[u8], key: &str) -> Option<i64> {
    let text = String::from_utf8_lossy(bytes);
    let rest = text.split(key).nth(1)?.trim_start();
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

impl<R: AsyncRead + Unpin> AsyncRead for Watched<R> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let polled = Pin::new(&mut this.inner).poll_read(cx, buf);
        if let Poll::Ready(Ok(())) = &polled {
            this.look(buf.filled().get(before..).unwrap_or_default());
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        let mut line = Line::default();
        for piece in text.as_bytes().chunks(100) {
            line.push(piece);
        }
        line
    }

    #[test]
    fn the_request_is_found_at_either_end() {
        let filling = "x".repeat(5_000);
        assert_eq!(line(&format!(r#"{{"jsonrpc":"2.0","id":7,"result":"{filling}"}}"#)).request(), Some(7));
        assert_eq!(
            line(&format!(r#"{{"result":"{filling}","jsonrpc":"2.0","id": 12}}"#)).request(),
            Some(12)
        );
        assert_eq!(line(&filling).request(), None);
    }

    #[test]
    fn what_begins_like_json_may_be_a_message() {
        for (text, expected) in [("  {\"a\":1}", true), ("[]", true), ("", true), ("Listening on 1", false)] {
            assert_eq!(line(text).may_be_message(), expected, "{text}");
        }
    }
}
