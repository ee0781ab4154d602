//! The changes of one file: one part, or several where they could not be joined.

use super::{
    FileStat,
    script::{End, Script, compose},
    unified,
};
use crate::protocol::{FileChange, FileChangeKind};
use serde::{Deserialize, Serialize};

/// What a part costs besides its names, about, as it is stored.
const PART_BYTES: usize = 64;

/// A file, from the turn's start to now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct FileDiff {
    /// One after another; not empty once a change was taken in.
    parts: Vec<Part>,
}

/// A change of a file from one point to a later one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Part {
    /// Its name before; none where it was not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) before: Option<String>,
    /// Its name after; none where it is not there any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<String>,
    body: Body,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Body {
    Lines(Script),
    /// A diff that was not understood, as it came.
    Text(String),
    /// Left out to keep to the bounds.
    Cut {
        added: u32,
        removed: u32,
    },
}

impl FileDiff {
    /// Takes in a later change.
    pub(super) fn push(&mut self, part: Part) {
        let joined = self.parts.last().and_then(|last| last.then(&part));
        if joined.is_some() {
            self.parts.pop();
        }
        self.parts.extend(Some(joined.unwrap_or(part)).filter(|part| !part.is_nothing()));
    }

    /// Takes in all later changes.
    pub(super) fn extend(&mut self, later: Self) {
        for part in later.parts {
            self.push(part);
        }
    }

    /// Whether the file is as it was: the same, or neither there nor here.
    pub(super) fn is_nothing(&self) -> bool {
        self.before().is_none() && self.after().is_none()
    }

    pub(super) fn before(&self) -> Option<&str> {
        self.parts.first()?.before.as_deref()
    }

    pub(super) fn after(&self) -> Option<&str> {
        self.parts.last()?.after.as_deref()
    }

    /// The name it had when it was last there.
    pub(super) fn deleted_as(&self) -> Option<&str> {
        self.parts.last()?.before.as_deref()
    }

    /// The name it is listed under.
    pub(super) fn name(&self) -> Option<&str> {
        self.after().or(self.before())
    }

    pub(super) fn line_bytes(&self) -> usize {
        let bytes = |part: &Part| match &part.body {
            Body::Lines(script) => script.bytes(),
            Body::Text(text) => text.len(),
            Body::Cut { .. } => 0,
        };
        self.parts.iter().map(bytes).sum()
    }

    pub(super) fn name_bytes(&self) -> usize {
        let length = |name: &Option<String>| name.as_ref().map_or(0, String::len);
        self.parts.iter().map(|part| length(&part.before) + length(&part.after) + PART_BYTES).sum()
    }

    /// Forgets the lines and keeps their numbers.
    pub(super) fn cut(&mut self) {
        let (added, removed) = self.counts();
        let (before, after) = (self.before().map(str::to_owned), self.after().map(str::to_owned));
        self.parts = vec![Part { before, after, body: Body::Cut { added, removed } }];
    }

    pub(super) fn stat(&self) -> Option<FileStat> {
        let (added, removed) = self.counts();
        FileStat::new(self.before(), self.after(), added, removed)
    }

    pub(super) fn write(&self, out: &mut String) {
        for part in &self.parts {
            let names = unified::Names { before: part.before.as_deref(), after: part.after.as_deref() };
            match &part.body {
                Body::Lines(script) => unified::write_file(out, names, script),
                Body::Text(text) => unified::write_text(out, names, text),
                Body::Cut { added, removed } => unified::write_cut(out, names, *added, *removed),
            }
        }
    }

    fn counts(&self) -> (u32, u32) {
        self.parts.iter().map(Part::counts).fold((0, 0), |(added, removed), counts| {
            (added.saturating_add(counts.0), removed.saturating_add(counts.1))
        })
    }
}

impl Part {
    /// A change as a tool tells it.
    pub(super) fn of(change: &FileChange) -> Self {
        let path = Some(change.path.clone());
        let (before, after) = match change.kind {
            FileChangeKind::Add => (None, path),
            FileChangeKind::Delete => (path, None),
            FileChangeKind::Update => (path.clone(), change.moved_to.clone().or(path)),
        };
        let body = match unified::parse(&change.diff, change.kind) {
            Some(script) => Body::Lines(script),
            None => Body::Text(change.diff.clone()),
        };
        Self { before, after, body }
    }

    /// Whether it changes nothing.
    pub(super) fn is_nothing(&self) -> bool {
        self.before == self.after && matches!(&self.body, Body::Lines(script) if script.is_empty())
    }

    /// This change and a later one as one, where both are understood and fit each other.
    fn then(&self, next: &Self) -> Option<Self> {
        let body = match (&self.body, &next.body) {
            // What was left out stays left out.
            (Body::Cut { added, removed }, _) => {
                let (more, less) = next.counts();
                Body::Cut { added: added.saturating_add(more), removed: removed.saturating_add(less) }
            }
            (Body::Lines(first), Body::Lines(second)) if self.after == next.before => {
                Body::Lines(compose((first, self.end()), (second, next.end()))?)
            }
            _ => return None,
        };
        Some(Self { before: self.before.clone(), after: next.after.clone(), body })
    }

    /// A file that comes or goes is in its script from the first line to the last.
    fn end(&self) -> End {
        if self.before.is_some() && self.after.is_some() { End::Open } else { End::Closed }
    }

    fn counts(&self) -> (u32, u32) {
        match &self.body {
            Body::Lines(script) => script.counts(),
            Body::Text(text) => FileStat::of_diff(text).iter().fold((0, 0), |(added, removed), file| {
                (added.saturating_add(file.added), removed.saturating_add(file.removed))
            }),
            Body::Cut { added, removed } => (*added, *removed),
        }
    }
}
