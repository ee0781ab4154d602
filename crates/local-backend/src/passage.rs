//! Passages: long strings that an input of the thread has, so that nothing else needs to keep them again.
//!
//! What a tool printed stands in the input that brought it, in the event that tells of it, and in every snapshot.
//! Only the input keeps it. Elsewhere a mark stands in its place: a control character, which JSON text never
//! contains, around numbers that say where the string is. Text without marks is plain JSON.

use sha2::{Digest, Sha256};
use std::{collections::HashMap, ops::Range};

/// Shorter string literals, quotes included, are kept where they are.
const MIN_BYTES: usize = 64;

/// So many passages are remembered; later ones are kept in the snapshot itself.
const MAX_PASSAGES: usize = 200_000;

const MARK: char = '\u{1}';

/// Where in the inputs of a thread a string literal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Passage {
    /// Which input.
    pub(crate) seq: u64,
    /// The literal's first byte in it.
    pub(crate) at: usize,
    /// Its length in bytes.
    pub(crate) len: usize,
}

impl Passage {
    /// The literal.
    pub(crate) fn of(self, input: &str) -> Option<&str> {
        input.get(self.at..self.at.checked_add(self.len)?)
    }
}

/// The passages of a thread's inputs, by digest.
#[derive(Debug, Default)]
pub(crate) struct Passages {
    known: HashMap<[u8; 16], Passage>,
}

impl Passages {
    /// Takes note of an input.
    pub(crate) fn learn(&mut self, seq: u64, input: &str) {
        for range in literals(input) {
            if self.known.len() >= MAX_PASSAGES {
                return;
            }
            let passage = Passage { seq, at: range.start, len: range.len() };
            self.known.entry(digest(&input[range])).or_insert(passage);
        }
    }

    /// Takes note of one passage of an input.
    pub(crate) fn learn_one(&mut self, input: &str, passage: Passage) {
        if let Some(literal) = passage.of(input)
            && self.known.len() < MAX_PASSAGES
        {
            self.known.entry(digest(literal)).or_insert(passage);
        }
    }

    /// The text of a snapshot with marks where these passages stand. The others are forgotten: what the thread does not
    /// have any more does not come back, so that what is remembered follows the conversation and not its past.
    pub(crate) fn mark_and_keep(&mut self, json: &str) -> String {
        let mut kept = HashMap::new();
        let marked = mark(json, |literal| {
            let digest = digest(literal);
            let passage = self.known.get(&digest).copied()?;
            kept.insert(digest, passage);
            Some(passage)
        });
        self.known = kept;
        marked
    }
}

/// The events of a commit with marks where its own input has the same.
pub(crate) fn mark_from(seq: u64, input: &str, json: &str) -> String {
    mark(json, |literal| {
        let at = input.find(literal)?;
        Some(Passage { seq, at, len: literal.len() })
    })
}

/// All marks of a text, in order; `None` where one makes no sense.
pub(crate) fn marks(text: &str) -> Option<Vec<Passage>> {
    text.split(MARK).skip(1).step_by(2).map(parse).collect()
}

/// The text with each mark replaced by what `passage` gives for it, in order; `None` where it gives nothing.
pub(crate) fn unmark<'a>(text: &str, mut passage: impl FnMut(Passage) -> Option<&'a str>) -> Option<String> {
    let mut whole = String::with_capacity(text.len());
    for (index, piece) in text.split(MARK).enumerate() {
        if index % 2 == 0 {
            whole.push_str(piece);
        } else {
            whole.push_str(passage(parse(piece)?)?);
        }
    }
    Some(whole)
}

fn mark(json: &str, mut find: impl FnMut(&str) -> Option<Passage>) -> String {
    let mut marked = String::with_capacity(json.len());
    let mut copied = 0;
    for range in literals(json) {
        if let Some(Passage { seq, at, len }) = find(&json[range.clone()]) {
            marked.push_str(&json[copied..range.start]);
            marked.push_str(&format!("{MARK}{seq},{at},{len}{MARK}"));
            copied = range.end;
        }
    }
    marked.push_str(&json[copied..]);
    marked
}

fn parse(mark: &str) -> Option<Passage> {
    let mut numbers = mark.splitn(3, ',');
    Some(Passage {
        seq: numbers.next()?.parse().ok()?,
        at: numbers.next()?.parse().ok()?,
        len: numbers.next()?.parse().ok()?,
    })
}

fn digest(literal: &str) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&Sha256::digest(literal)[..16]);
    half
}

/// Where the long string literals of a JSON text stand, quotes included.
fn literals(json: &str) -> impl Iterator<Item = Range<usize>> {
    let bytes = json.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at + bytes.get(at..)?.iter().position(|byte| *byte == b'"')?;
            let mut end = start + 1;
            while *bytes.get(end)? != b'"' {
                end += if bytes[end] == b'\\' { 2 } else { 1 };
            }
            at = end + 1;
            if at - start >= MIN_BYTES {
                return Some(start..at);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long(text: &str) -> String {
        serde_json::to_string(&text.repeat(20)).unwrap()
    }

    #[test]
    fn marked_text_is_short_and_comes_back_as_it_was() {
        let input = format!("{{\"output\":{},\"n\":1}}", long("ab\"\\ü\u{1}\n"));
        let events =
            format!("[{},{},\"short\",{}]", long("ab\"\\ü\u{1}\n"), long("other"), long("ab\"\\ü\u{1}\n"));
        let marked = mark_from(3, &input, &events);
        assert!(marked.len() < long("other").len() + 60, "{marked}");
        assert_eq!(unmark(&marked, |passage| passage.of(&input)).unwrap(), events);

        let mut passages = Passages::default();
        passages.learn(3, &input);
        passages.learn(4, &long("forgotten, for no snapshot has it"));
        assert_eq!(passages.mark_and_keep(&events), marked);
        assert_eq!(passages.known.len(), 1);
        assert_eq!(passages.mark_and_keep(&events), marked);
        assert_eq!(
            marks(&marked).unwrap(),
            [Passage { seq: 3, at: 10, len: long("ab\"\\ü\u{1}\n").len() }; 2]
        );
    }

    #[test]
    fn text_without_known_passages_stays_as_it_is() {
        for json in ["", "[]", "\"", "\"\\", &long("x"), "{\"a\":\"b\"}"] {
            assert_eq!(mark_from(1, "\"unrelated\"", json), json);
            assert_eq!(unmark(json, |_| None).unwrap(), json);
        }
    }

    #[test]
    fn a_mark_that_makes_no_sense_is_noticed() {
        for text in ["\u{1}x\u{1}", "\u{1}1,2\u{1}", "\u{1}1,0,99\u{1}"] {
            assert_eq!(unmark(text, |passage| passage.of("short")), None, "{text:?}");
        }
        assert_eq!(Passage { seq: 1, at: usize::MAX, len: 2 }.of("short"), None);
    }
}
