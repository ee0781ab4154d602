//! What a turn changed, from its start to now: one unified diff a file, however often the file was patched.
//!
//! Start reading at [`TurnDiff::add`]. A file's change is an edit script with gaps where the text is not known
//! (`script.rs`); the scripts of two changes, one made after the other, become one. What cannot be joined so, for example a
//! binary file or a diff against a text that something else changed in between, is kept as it came, after what was there.

mod file;
mod script;
mod shortest;
mod stat;
mod unified;

pub use stat::FileStat;

use crate::protocol::FileChange;
use file::{FileDiff, Part};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// Most bytes of lines kept, over all files of a turn. A file that would lead beyond it is listed with the numbers of its
/// added and removed lines, without its hunks.
pub const MAX_TURN_DIFF_BYTES: usize = 256 * 1024;
/// Most bytes of file names kept. A change to another file that would lead beyond it is only counted.
pub const MAX_TURN_DIFF_NAME_BYTES: usize = 64 * 1024;

/// What a turn changed so far. It is part of a thread's snapshot; a snapshot that has a plain text in its place is read as
/// that text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct TurnDiff {
    /// Diffs one after another, as the rules of earlier versions kept them.
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<FileDiff>,
    /// Changes beyond [`MAX_TURN_DIFF_NAME_BYTES`].
    #[serde(skip_serializing_if = "is_zero")]
    unlisted: u32,
}

/// The forms a snapshot may have.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Text(String),
    Files {
        #[serde(default)]
        text: String,
        #[serde(default)]
        files: Vec<FileDiff>,
        #[serde(default)]
        unlisted: u32,
    },
}

impl TurnDiff {
    /// Takes in a change that was made after all those before it. It never fails: see the module.
    pub fn add(&mut self, change: &FileChange) {
        let part = Part::of(change);
        if part.is_nothing() {
            return;
        }
        let index = self.find(&part).unwrap_or_else(|| {
            self.files.push(FileDiff::default());
            self.files.len() - 1
        });
        self.files[index].push(part);
        let index = self.reunite(index);
        if self.files[index].is_nothing() {
            self.files.remove(index);
        } else {
            self.keep_to_bounds(index);
        }
    }

    /// Takes in a diff as text, after what is there, as turns of earlier rules kept all of them. What leads beyond
    /// [`MAX_TURN_DIFF_BYTES`] is left out.
    pub fn append(&mut self, diff: &str) {
        if self.text.len() + diff.len() <= MAX_TURN_DIFF_BYTES {
            self.text.push_str(diff);
        }
    }

    /// Whether nothing differs from the turn's start.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty() && self.files.is_empty() && self.unlisted == 0
    }

    /// The whole as `git diff` would show it, files in the order of their names; empty if nothing changed. The modes of
    /// files are not known and told as 100644.
    pub fn unified(&self) -> String {
        let mut all = self.text.clone();
        for file in self.sorted() {
            file.write(&mut all);
        }
        if self.unlisted > 0 {
            let _ = writeln!(all, "# {} more changes are not listed: too many files changed", self.unlisted);
        }
        all
    }

    /// The changed files in the order of [`TurnDiff::unified`], with the numbers of their changed lines.
    pub fn stat(&self) -> Vec<FileStat> {
        let mut all = FileStat::of_diff(&self.text);
        all.extend(self.sorted().into_iter().filter_map(FileDiff::stat));
        all
    }

    fn sorted(&self) -> Vec<&FileDiff> {
        let mut files: Vec<&FileDiff> = self.files.iter().collect();
        // Who applies it needs a name free before another file takes it.
        files.sort_by_key(|file| (file.name(), file.after().is_some()));
        files
    }

    /// The file that the change goes on from: the one that has its name now, else one that was deleted under this name.
    fn find(&self, part: &Part) -> Option<usize> {
        let name = part.before.as_deref().or(part.after.as_deref());
        let now = self.files.iter().rposition(|file| file.after() == name);
        now.or_else(|| {
            self.files.iter().rposition(|file| file.after().is_none() && file.deleted_as() == name)
        })
    }

    /// A file that went and another one that is new under its name are one that changed. Returns where it is now.
    fn reunite(&mut self, index: usize) -> usize {
        let file = &self.files[index];
        let twin = |other: &FileDiff| match (file.before(), file.after()) {
            (None, Some(name)) => other.after().is_none() && other.before() == Some(name),
            (Some(name), None) => other.before().is_none() && other.after() == Some(name),
            _ => false,
        };
        let Some(other) = self.files.iter().position(twin) else { return index };
        let (gone, new) = if file.after().is_none() { (index, other) } else { (other, index) };
        let new_file = self.files.remove(new);
        let gone = if new < gone { gone - 1 } else { gone };
        self.files[gone].extend(new_file);
        gone
    }

    /// Only the file that just grew can have led beyond a bound.
    fn keep_to_bounds(&mut self, index: usize) {
        if self.files.iter().map(FileDiff::line_bytes).sum::<usize>() > MAX_TURN_DIFF_BYTES {
            self.files[index].cut();
        }
        let name_bytes = |files: &[FileDiff]| files.iter().map(FileDiff::name_bytes).sum::<usize>();
        if name_bytes(&self.files) > MAX_TURN_DIFF_NAME_BYTES {
            self.files[index].cut();
            if name_bytes(&self.files) > MAX_TURN_DIFF_NAME_BYTES {
                self.files.remove(index);
                self.unlisted += 1;
            }
        }
    }
}

impl From<Stored> for TurnDiff {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Text(text) => Self { text, ..Self::default() },
            Stored::Files { text, files, unlisted } => Self { text, files, unlisted },
        }
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}
