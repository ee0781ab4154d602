//! Finding lines in a file, from exact to loose (the order is documented in the module map).

use std::borrow::Cow;

use super::text::FileText;

/// How far two lines may differ and still count as the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strictness {
    Exact,
    TrailingSpace,
    SurroundingSpace,
    Typography,
}

impl Strictness {
    /// Strictest first.
    pub(super) const ORDER: [Strictness; 4] =
        [Strictness::Exact, Strictness::TrailingSpace, Strictness::SurroundingSpace, Strictness::Typography];

    /// The part of a line that is compared.
    pub(super) fn view(self, line: &str) -> Cow<'_, str> {
        match self {
            Strictness::Exact => Cow::Borrowed(line),
            Strictness::TrailingSpace => Cow::Borrowed(line.trim_end()),
            Strictness::SurroundingSpace => Cow::Borrowed(line.trim()),
            Strictness::Typography if line.is_ascii() => Cow::Borrowed(line.trim()),
            Strictness::Typography => Cow::Owned(line.trim().chars().map(plain).collect()),
        }
    }
}

/// A character as an ASCII keyboard would have it.
fn plain(c: char) -> char {
    match c {
        // Hyphens, dashes, the minus sign, small and full-width hyphens.
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' => '-',
        '\u{2018}'..='\u{201b}' => '\'',
        '\u{201c}'..='\u{201f}' => '"',
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => ' ',
        other => other,
    }
}

/// First line index at or after `from` where `wanted` stands, strictest way first. `wanted` must not be empty.
pub(super) fn find(file: &FileText<'_>, wanted: &[&str], from: usize) -> Option<usize> {
    Strictness::ORDER.into_iter().find_map(|strictness| scan(file, wanted, from, strictness))
}

/// The position at which `wanted` ends exactly with the file, if it stands there and not above `from`.
pub(super) fn find_at_end(file: &FileText<'_>, wanted: &[&str], from: usize) -> Option<usize> {
    let at = file.len().checked_sub(wanted.len()).filter(|at| *at >= from)?;
    let stands = |strictness: Strictness| {
        wanted.iter().enumerate().all(|(i, line)| strictness.view(line) == strictness.view(file.line(at + i)))
    };
    Strictness::ORDER.into_iter().any(stands).then_some(at)
}

/// Where a header line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Header {
    /// At this line index, not above the place reached.
    Below(usize),
    /// At this line index, above the place reached: it may enclose what comes.
    Above(usize),
}

/// Finds a header, in each of the two directions first as a whole line, then as the beginning of one. Searches down
/// from each of `starts`, and up from `above` when there is one.
pub(super) fn find_header(
    file: &FileText<'_>,
    header: &str,
    starts: &[usize],
    above: Option<usize>,
) -> Option<Header> {
    let limit = above.unwrap_or(0).min(file.len());
    let whole_below = || starts.iter().find_map(|from| find(file, &[header], *from)).map(Header::Below);
    let whole_above = || {
        let same = |strictness: Strictness| {
            let wanted = strictness.view(header);
            (0..limit).rev().find(|i| strictness.view(file.line(*i)) == wanted)
        };
        Strictness::ORDER.into_iter().find_map(same).map(Header::Above)
    };
    let wanted = Strictness::Typography.view(header);
    let begins = |i: &usize| begins_with_words(&Strictness::Typography.view(file.line(*i)), &wanted);
    let part_below = || starts.iter().find_map(|from| (*from..file.len()).find(begins)).map(Header::Below);
    let part_above = || (0..limit).rev().find(begins).map(Header::Above);
    whole_below().or_else(whole_above).or_else(part_below).or_else(part_above)
}

/// Whether `line` begins with `start` and no word is cut in two there.
fn begins_with_words(line: &str, start: &str) -> bool {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    line.strip_prefix(start).is_some_and(|rest| !(rest.starts_with(in_word) && start.ends_with(in_word)))
}

/// Knuth–Morris–Pratt over lines, so that a file of equal lines costs no more than any other.
fn scan(file: &FileText<'_>, wanted: &[&str], from: usize, strictness: Strictness) -> Option<usize> {
    if wanted.is_empty() || from.checked_add(wanted.len())? > file.len() {
        return None;
    }
    let pattern: Vec<Cow<'_, str>> = wanted.iter().map(|line| strictness.view(line)).collect();
    let fallback = fallbacks(&pattern);
    let mut matched = 0;
    for index in from..file.len() {
        let line = strictness.view(file.line(index));
        while matched > 0 && pattern[matched] != line {
            matched = fallback[matched - 1];
        }
        if pattern[matched] == line {
            matched += 1;
        }
        if matched == pattern.len() {
            return Some(index + 1 - matched);
        }
    }
    None
}

/// For each prefix of the pattern, the length of its longest proper prefix that is also its end.
fn fallbacks(pattern: &[Cow<'_, str>]) -> Vec<usize> {
    let mut table = vec![0; pattern.len()];
    let mut matched = 0;
    for i in 1..pattern.len() {
        while matched > 0 && pattern[matched] != pattern[i] {
            matched = table[matched - 1];
        }
        if pattern[matched] == pattern[i] {
            matched += 1;
        }
        table[i] = matched;
    }
    table
}
