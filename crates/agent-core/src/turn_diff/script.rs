//! Edit scripts over lines, with gaps, and how two of them become one.

use super::{
    shortest::{Step, shortest},
    unified,
};
use serde::{Deserialize, Serialize};
use std::mem;

/// Unchanged lines kept around a change.
const CONTEXT_LINES: usize = 3;
/// What a gap costs, about, as it is stored: the header of the next hunk.
const GAP_BYTES: usize = 32;

/// How one text becomes another. Each line has its line end; only the last line of a text may lack one. Stored as the
/// hunks of a unified diff.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Script {
    edits: Vec<Edit>,
}

/// A piece of a script, in the order of the lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Edit {
    /// So many lines stay; what they say is not known.
    Gap(usize),
    /// A line stays.
    Keep(String),
    /// A line goes.
    Delete(String),
    /// A line comes.
    Insert(String),
}

/// What follows the last edit of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Any number of lines that stay.
    Open,
    /// Nothing.
    Closed,
}

impl Script {
    /// A script of these edits; none where a line without a line end is followed by another one of the same text.
    pub(super) fn new(edits: Vec<Edit>) -> Option<Self> {
        let (mut old_ended, mut new_ended) = (false, false);
        for edit in &edits {
            let (old, new, line) = match edit {
                Edit::Gap(_) => (true, true, None),
                Edit::Keep(line) => (true, true, Some(line)),
                Edit::Delete(line) => (true, false, Some(line)),
                Edit::Insert(line) => (false, true, Some(line)),
            };
            if (old && old_ended) || (new && new_ended) {
                return None;
            }
            let last = line.is_some_and(|line| !line.ends_with('\n'));
            old_ended |= old && last;
            new_ended |= new && last;
        }
        Some(Self { edits: tidy(edits) })
    }

    pub(super) fn edits(&self) -> &[Edit] {
        &self.edits
    }

    /// Whether it changes nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// Lines added and removed.
    pub(super) fn counts(&self) -> (u32, u32) {
        self.edits.iter().fold((0, 0), |(added, removed), edit| match edit {
            Edit::Insert(_) => (added + 1, removed),
            Edit::Delete(_) => (added, removed + 1),
            Edit::Gap(_) | Edit::Keep(_) => (added, removed),
        })
    }

    pub(super) fn bytes(&self) -> usize {
        let bytes = |edit: &Edit| match edit {
            Edit::Gap(_) => GAP_BYTES,
            Edit::Keep(line) | Edit::Delete(line) | Edit::Insert(line) => line.len() + 1,
        };
        GAP_BYTES + self.edits.iter().map(bytes).sum::<usize>()
    }
}

impl From<Script> for String {
    fn from(script: Script) -> Self {
        unified::hunks(&script)
    }
}

impl TryFrom<String> for Script {
    type Error = &'static str;

    fn try_from(hunks: String) -> Result<Self, Self::Error> {
        let edits = unified::parse_hunks(&hunks)
            .ok_or("the hunks of a turn's diff are not those of a unified diff")?;
        // As it was: a snapshot must lead to what the thread itself would have led to.
        Ok(Self { edits })
    }
}

/// One script that does what two do one after the other; none where the second is not about the text that the first
/// leads to.
pub(super) fn compose(first: (&Script, End), second: (&Script, End)) -> Option<Script> {
    let (mut first, mut second) = (Reader::new(first), Reader::new(second));
    let mut edits = Vec::new();
    loop {
        let (taken, edit) = match (first.next(), second.next()) {
            // A line that only one of them sees.
            (Next::Delete(line), _) => {
                first.take(1);
                edits.push(Edit::Delete(line.to_owned()));
                continue;
            }
            (_, Next::Insert(line)) => {
                second.take(1);
                edits.push(Edit::Insert(line.to_owned()));
                continue;
            }
            // A line of the text between them.
            (Next::Insert(one), Next::Keep(other)) if one == other => (1, Some(Edit::Insert(one.to_owned()))),
            (Next::Insert(one), Next::Delete(other)) if one == other => (1, None),
            (Next::Insert(line), Next::Gap(_) | Next::Rest) => (1, Some(Edit::Insert(line.to_owned()))),
            (Next::Keep(one), Next::Keep(other)) if one == other => (1, Some(Edit::Keep(one.to_owned()))),
            (Next::Keep(one), Next::Delete(other)) if one == other => (1, Some(Edit::Delete(one.to_owned()))),
            (Next::Keep(line), Next::Gap(_) | Next::Rest) | (Next::Gap(_) | Next::Rest, Next::Keep(line)) => {
                (1, Some(Edit::Keep(line.to_owned())))
            }
            (Next::Gap(_) | Next::Rest, Next::Delete(line)) => (1, Some(Edit::Delete(line.to_owned()))),
            (Next::Gap(one), Next::Gap(other)) => (one.min(other), Some(Edit::Gap(one.min(other)))),
            (Next::Gap(lines), Next::Rest) | (Next::Rest, Next::Gap(lines)) => {
                (lines, Some(Edit::Gap(lines)))
            }
            (Next::Rest | Next::Over, Next::Rest | Next::Over) => return Script::new(edits),
            (Next::Insert(_) | Next::Keep(_), Next::Keep(_) | Next::Delete(_))
            | (Next::Insert(_) | Next::Keep(_) | Next::Gap(_), Next::Over)
            | (Next::Over, Next::Keep(_) | Next::Delete(_) | Next::Gap(_)) => return None,
        };
        first.take(taken);
        second.take(taken);
        edits.extend(edit);
    }
}

/// A script as it is read, gaps in pieces.
struct Reader<'a> {
    edits: &'a [Edit],
    end: End,
    /// Lines of the gap in front that were read already.
    taken: usize,
}

enum Next<'a> {
    Gap(usize),
    Keep(&'a str),
    Delete(&'a str),
    Insert(&'a str),
    Rest,
    Over,
}

impl<'a> Reader<'a> {
    fn new((script, end): (&'a Script, End)) -> Self {
        Self { edits: &script.edits, end, taken: 0 }
    }

    fn next(&self) -> Next<'a> {
        match (self.edits.first(), self.end) {
            (Some(Edit::Gap(lines)), _) => Next::Gap(lines - self.taken),
            (Some(Edit::Keep(line)), _) => Next::Keep(line),
            (Some(Edit::Delete(line)), _) => Next::Delete(line),
            (Some(Edit::Insert(line)), _) => Next::Insert(line),
            (None, End::Open) => Next::Rest,
            (None, End::Closed) => Next::Over,
        }
    }

    fn take(&mut self, lines: usize) {
        if let Some(Edit::Gap(length)) = self.edits.first() {
            self.taken += lines;
            if self.taken < *length {
                return;
            }
        }
        self.taken = 0;
        self.edits = self.edits.get(1..).unwrap_or_default();
    }
}

/// The same with as few changes as the known lines allow, and without known lines that are far from any change.
fn tidy(edits: Vec<Edit>) -> Vec<Edit> {
    let mut all = Vec::with_capacity(edits.len());
    let mut region = Vec::new();
    for edit in edits {
        if let Edit::Gap(lines) = edit {
            tidy_region(mem::take(&mut region), &mut all);
            gap(&mut all, lines);
        } else {
            region.push(edit);
        }
    }
    tidy_region(region, &mut all);
    if let Some(Edit::Gap(_)) = all.last() {
        all.pop();
    }
    all
}

/// A region: edits without a gap.
fn tidy_region(region: Vec<Edit>, all: &mut Vec<Edit>) {
    let (mut kept, mut inserted) = (Vec::new(), Vec::new());
    let mut after_change = 0;
    for edit in fewest(region) {
        if let Edit::Keep(_) = edit {
            all.append(&mut inserted);
            kept.push(edit);
            continue;
        }
        let after = mem::replace(&mut after_change, CONTEXT_LINES);
        context(mem::take(&mut kept), after, CONTEXT_LINES, all);
        // What goes is told before what comes in its place.
        if let Edit::Insert(_) = edit {
            inserted.push(edit);
        } else {
            all.push(edit);
        }
    }
    all.append(&mut inserted);
    context(kept, after_change, 0, all);
}

/// Kept lines between two changes: some after the one, some before the other, a gap where more are left.
fn context(kept: Vec<Edit>, after: usize, before: usize, all: &mut Vec<Edit>) {
    let hidden = kept.len().saturating_sub(after + before);
    let tail = (after + hidden).min(kept.len());
    for (index, edit) in kept.into_iter().enumerate() {
        if index < after || index >= tail {
            all.push(edit);
        } else if index == after {
            gap(all, hidden);
        }
    }
}

fn gap(all: &mut Vec<Edit>, lines: usize) {
    match all.last_mut() {
        Some(Edit::Gap(before)) => *before += lines,
        _ if lines > 0 => all.push(Edit::Gap(lines)),
        _ => {}
    }
}

/// The region with fewer changes, where there is a way. Lines before its first change and after its last one stay where
/// they are: a change that slides to the edge of what is known would have no context.
fn fewest(region: Vec<Edit>) -> Vec<Edit> {
    let changes = |edit: &Edit| !matches!(edit, Edit::Keep(_));
    let (Some(first), Some(last)) = (region.iter().position(changes), region.iter().rposition(changes))
    else {
        return region;
    };
    let span = &region[first..=last];
    let old: Vec<&str> = span.iter().filter_map(old_line).collect();
    let new: Vec<&str> = span.iter().filter_map(new_line).collect();
    let now = span.iter().filter(|edit| changes(edit)).count();
    let Some(steps) = shortest(&old, &new, now) else { return region };
    let (mut old, mut new) = (old.into_iter(), new.into_iter());
    let edits = steps.into_iter().filter_map(|step| match step {
        Step::Keep => {
            new.next();
            old.next().map(|line| Edit::Keep(line.to_owned()))
        }
        Step::Delete => old.next().map(|line| Edit::Delete(line.to_owned())),
        Step::Insert => new.next().map(|line| Edit::Insert(line.to_owned())),
    });
    region[..first].iter().cloned().chain(edits).chain(region[last + 1..].iter().cloned()).collect()
}

fn old_line(edit: &Edit) -> Option<&str> {
    match edit {
        Edit::Keep(line) | Edit::Delete(line) => Some(line),
        Edit::Gap(_) | Edit::Insert(_) => None,
    }
}

fn new_line(edit: &Edit) -> Option<&str> {
    match edit {
        Edit::Keep(line) | Edit::Insert(line) => Some(line),
        Edit::Gap(_) | Edit::Delete(_) => None,
    }
}
