//! The place in a file that is most like lines that were not found, for the error message.

use std::borrow::Cow;
use std::collections::HashMap;

use super::error::{Difference, NearMatch};
use super::search::Strictness;
use super::text::FileText;

/// Lines of the file that are looked at.
const MAX_FILE_LINES: usize = 50_000;
/// Lines of the chunk that are looked at.
const MAX_WANTED_LINES: usize = 50;
/// Characters of a line that are compared.
const MAX_LINE_CHARS: usize = 400;
/// Share of equal letter pairs, in percent, from which a line counts as similar.
const MIN_ALIKE_PERCENT: usize = 50;

/// The best place, or `None` when nothing is alike enough to help.
pub(super) fn nearest<'a>(file: &FileText<'a>, wanted: &[&'a str]) -> Option<NearMatch> {
    let wanted = &wanted[..wanted.len().min(MAX_WANTED_LINES)];
    aligned(file, wanted).or_else(|| similar_line(file, wanted))
}

/// The position where most of the lines agree, if at least half of those that are not blank do.
fn aligned<'a>(file: &FileText<'a>, wanted: &[&'a str]) -> Option<NearMatch> {
    const BLANK: usize = 0;
    const ELSEWHERE: usize = usize::MAX;
    let mut ids = HashMap::from([(view(""), BLANK)]);
    let pattern: Vec<usize> = wanted
        .iter()
        .map(|line| {
            let next = ids.len();
            *ids.entry(view(line)).or_insert(next)
        })
        .collect();
    let lines: Vec<usize> = (0..file.len().min(MAX_FILE_LINES))
        .map(|i| ids.get(&view(file.line(i))).copied().unwrap_or(ELSEWHERE))
        .collect();
    let solid = pattern.iter().filter(|id| **id != BLANK).count();

    let agreeing = |at: usize| {
        pattern.iter().zip(&lines[at..]).filter(|(want, have)| want == have && **want != BLANK).count()
    };
    let mut best = (0, 0);
    for at in 0..lines.len() {
        let count = agreeing(at);
        if count > best.0 {
            best = (count, at);
        }
    }
    let (count, at) = best;
    if count == 0 || count * 2 < solid {
        return None;
    }
    let differs = (0..pattern.len()).find(|i| lines.get(at + i) != Some(&pattern[*i]));
    let difference = differs.map(|i| Difference {
        line: at + i + 1,
        in_file: (at + i < file.len()).then(|| file.line(at + i).to_owned()),
        in_patch: wanted[i].to_owned(),
    });
    Some(NearMatch::Block { line: at + 1, agreeing: count, of: solid, difference })
}

/// A line as the loosest search compares it.
fn view(line: &str) -> Cow<'_, str> {
    Strictness::Typography.view(line)
}

/// The line most like the first line that is not blank, by shared letter pairs.
fn similar_line(file: &FileText<'_>, wanted: &[&str]) -> Option<NearMatch> {
    let key = pairs(wanted.iter().find(|line| !line.trim().is_empty())?);
    let mut best = (MIN_ALIKE_PERCENT, None);
    for i in 0..file.len().min(MAX_FILE_LINES) {
        let percent = alike_percent(&key, &pairs(file.line(i)));
        if percent > best.0 {
            best = (percent, Some(i));
        }
    }
    let at = best.1?;
    Some(NearMatch::Line { line: at + 1, text: file.line(at).to_owned() })
}

fn pairs(line: &str) -> Vec<(char, char)> {
    let view = view(line);
    let chars = view.chars().take(MAX_LINE_CHARS);
    let mut pairs: Vec<_> = chars.clone().zip(chars.skip(1)).collect();
    pairs.sort_unstable();
    pairs
}

/// Dice's coefficient of two sorted lists, in percent.
fn alike_percent(a: &[(char, char)], b: &[(char, char)]) -> usize {
    let (mut i, mut j, mut shared) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                shared += 1;
                i += 1;
                j += 1;
            }
        }
    }
    200 * shared / (a.len() + b.len()).max(1)
}
