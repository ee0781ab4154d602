//! What is typed: text with named keys in it.
//!
//! `<enter>`, `<ctrl-c>`, `<up>` and so on stand for keys; everything else stands for itself, control characters too. A name
//! that is not known is text. `<lt>` is the character `<`, for text that looks like a key.

/// Names and what a terminal sends for them.
const KEYS: [(&str, &str); 31] = [
    ("lt", "<"),
    ("enter", "\r"),
    ("tab", "\t"),
    ("esc", "\u{1b}"),
    ("space", " "),
    ("backspace", "\u{7f}"),
    ("eof", "\u{4}"),
    ("ctrl-space", "\0"),
    ("ctrl-\\", "\u{1c}"),
    ("ctrl-]", "\u{1d}"),
    ("up", "\u{1b}[A"),
    ("down", "\u{1b}[B"),
    ("right", "\u{1b}[C"),
    ("left", "\u{1b}[D"),
    ("home", "\u{1b}[H"),
    ("end", "\u{1b}[F"),
    ("insert", "\u{1b}[2~"),
    ("delete", "\u{1b}[3~"),
    ("pageup", "\u{1b}[5~"),
    ("pagedown", "\u{1b}[6~"),
    ("f1", "\u{1b}OP"),
    ("f2", "\u{1b}OQ"),
    ("f3", "\u{1b}OR"),
    ("f4", "\u{1b}OS"),
    ("f5", "\u{1b}[15~"),
    ("f6", "\u{1b}[17~"),
    ("f7", "\u{1b}[18~"),
    ("f8", "\u{1b}[19~"),
    ("f9", "\u{1b}[20~"),
    ("f10", "\u{1b}[21~"),
    ("f12", "\u{1b}[24~"),
];
/// Longest name of a key.
const MAX_NAME_BYTES: usize = 10;

/// The bytes that a terminal sends for this.
pub(super) fn typed(chars: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(chars.len());
    let mut rest = chars;
    while let Some(at) = rest.find('<') {
        let (before, from) = rest.split_at(at);
        bytes.extend_from_slice(before.as_bytes());
        rest = match key(from) {
            Some((sent, after)) => {
                bytes.extend_from_slice(&sent);
                after
            }
            None => {
                bytes.push(b'<');
                from.get(1..).unwrap_or_default()
            }
        };
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

/// The key at the beginning, and what follows it.
fn key(from: &str) -> Option<(Vec<u8>, &str)> {
    let inner = from.strip_prefix('<')?;
    let end = inner.bytes().take(MAX_NAME_BYTES + 1).position(|byte| byte == b'>')?;
    let (name, after) = (inner.get(..end)?, inner.get(end + 1..)?);
    if let Some((_, sent)) = KEYS.iter().find(|(known, _)| *known == name) {
        return Some((sent.as_bytes().to_vec(), after));
    }
    match name.strip_prefix("ctrl-")?.as_bytes() {
        [letter @ b'a'..=b'z'] => Some((vec![letter - b'a' + 1], after)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("print(1)<enter>", b"print(1)\r")]
    #[case("<ctrl-c>", b"\x03")]
    #[case("<ctrl-z><ctrl-a>", b"\x1a\x01")]
    #[case("<esc>:wq<enter>", b"\x1b:wq\r")]
    #[case("<up><down>", b"\x1b[A\x1b[B")]
    #[case("<eof>", b"\x04")]
    #[case("\u{3}raw\n", b"\x03raw\n")]
    #[case("a < b << c", b"a < b << c")]
    #[case("<html><ctrl-1><CTRL-C>", b"<html><ctrl-1><CTRL-C>")]
    #[case("<lt>enter>", b"<enter>")]
    #[case("<", b"<")]
    #[case("<enter", b"<enter")]
    #[case("<\u{e4}\u{f6}\u{fc}\u{e4}\u{f6}\u{fc}>", "<\u{e4}\u{f6}\u{fc}\u{e4}\u{f6}\u{fc}>".as_bytes())]
    fn keys_are_sent_as_a_terminal_sends_them(#[case] chars: &str, #[case] bytes: &[u8]) {
        assert_eq!(typed(chars), bytes);
    }

    #[test]
    fn no_name_is_longer_than_what_is_looked_for() {
        assert!(KEYS.iter().all(|(name, _)| name.len() <= MAX_NAME_BYTES && !name.contains('>')));
    }
}
