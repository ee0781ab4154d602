//! How much of each file changed.

use super::unified::{Header, parse_cut, unquoted};
use crate::protocol::FileChangeKind;
use serde::{Deserialize, Serialize};

/// A changed file and how many of its lines changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStat {
    /// The file; where it was moved, its name before.
    pub path: String,
    /// What became of it.
    pub kind: FileChangeKind,
    /// Its name after, where it was moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<String>,
    /// Lines that came.
    pub added: u32,
    /// Lines that went.
    pub removed: u32,
}

impl FileStat {
    /// Of a file that has these names; none where it is neither there before nor after.
    pub(super) fn new(before: Option<&str>, after: Option<&str>, added: u32, removed: u32) -> Option<Self> {
        let (path, kind) = match (before, after) {
            (None, None) => return None,
            (None, Some(after)) => (after, FileChangeKind::Add),
            (Some(before), None) => (before, FileChangeKind::Delete),
            (Some(before), Some(_)) => (before, FileChangeKind::Update),
        };
        let moved_to = after.filter(|after| *after != path).map(str::to_owned);
        Some(Self { path: path.to_owned(), kind, moved_to, added, removed })
    }

    /// The files of a unified diff, in its order; one that comes several times is counted once. Text that is no diff is
    /// passed over. Paths are those of the diff, without `a/` and `b/`.
    pub fn of_diff(diff: &str) -> Vec<Self> {
        let mut reader = Reader::default();
        for line in diff.split_inclusive('\n') {
            reader.line(line);
        }
        reader.close();
        reader.files
    }

    /// The same file, changed further. A file that came and went is still told.
    fn go_on(&mut self, next: Self) {
        self.added = self.added.saturating_add(next.added);
        self.removed = self.removed.saturating_add(next.removed);
        self.kind = match (self.kind, next.kind) {
            (FileChangeKind::Add, FileChangeKind::Update) => FileChangeKind::Add,
            (_, FileChangeKind::Add) => FileChangeKind::Update,
            (_, kind) => kind,
        };
        let name = next.moved_to.unwrap_or(next.path);
        self.moved_to = Some(name).filter(|name| *name != self.path);
    }

    fn name(&self) -> &str {
        self.moved_to.as_deref().unwrap_or(&self.path)
    }
}

/// A diff being read.
#[derive(Default)]
struct Reader {
    files: Vec<FileStat>,
    open: Option<Open>,
    /// Lines of the current hunk that are still to come, on each side.
    old: usize,
    new: usize,
}

/// The file being read.
#[derive(Default)]
struct Open {
    before: Option<String>,
    after: Option<String>,
    /// Whether git's own first line was seen.
    git: bool,
    /// Whether `---` was seen.
    sided: bool,
    added: u32,
    removed: u32,
}

impl Reader {
    fn line(&mut self, line: &str) {
        if (self.old > 0 || self.new > 0) && self.in_hunk(line) {
            return;
        }
        (self.old, self.new) = (0, 0);
        if let Some(names) = line.strip_prefix("diff --git ") {
            self.close();
            let (before, after) = git_names(names);
            self.open = Some(Open { before, after, git: true, ..Open::default() });
        } else if let Some(header) = Header::parse(line) {
            (self.old, self.new) = (header.old_lines, header.new_lines);
        } else if let Some(name) = line.strip_prefix("--- ") {
            let name = side("a/", name);
            let fits = |open: &Open| !open.sided && (open.before.is_none() || open.before == name);
            if !self.open.as_ref().is_some_and(fits) {
                self.close();
            }
            let open = self.open.get_or_insert_default();
            (open.before, open.sided) = (name, true);
        } else if let Some(name) = line.strip_prefix("rename from ") {
            self.unless_in_git_header().before = Some(unquoted("", name));
        } else if let Some(names) = line.strip_prefix("Binary files ") {
            let names = names.trim_end().strip_suffix(" differ").unwrap_or(names);
            if let Some((before, after)) = names.split_once(" and ") {
                let open = self.unless_in_git_header();
                (open.before, open.after) = (side("a/", before), side("b/", after));
            }
        } else if let Some(open) = &mut self.open {
            open.header(line);
        }
    }

    /// The file that a line is about which begins a file, unless git's own first line did.
    fn unless_in_git_header(&mut self) -> &mut Open {
        if !self.open.as_ref().is_some_and(|open| open.git && !open.sided) {
            self.close();
        }
        self.open.get_or_insert_default()
    }

    /// Whether the line belongs to the hunk.
    fn in_hunk(&mut self, line: &str) -> bool {
        let (old, new) = match line.as_bytes().first() {
            Some(b' ' | b'\n' | b'\r') => (1, 1),
            Some(b'-') => (1, 0),
            Some(b'+') => (0, 1),
            Some(b'\\') => (0, 0),
            _ => return false,
        };
        self.old = self.old.saturating_sub(old);
        self.new = self.new.saturating_sub(new);
        if let Some(open) = &mut self.open {
            open.removed += u32::from(old > new);
            open.added += u32::from(new > old);
        }
        true
    }

    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let stat = FileStat::new(open.before.as_deref(), open.after.as_deref(), open.added, open.removed);
        let Some(stat) = stat else { return };
        // Git tells every file from the start of all, and names may change hands; other diffs come one after the other.
        let same = |file: &&mut FileStat| match (open.git, stat.kind) {
            (false, _) => file.name() == stat.path,
            (true, FileChangeKind::Update) => file.name() == stat.path && stat.moved_to.is_none(),
            (true, _) => file.path == stat.path && file.moved_to.is_none(),
        };
        match self.files.iter_mut().rfind(same) {
            Some(file) => file.go_on(stat),
            None => self.files.push(stat),
        }
    }
}

impl Open {
    fn header(&mut self, line: &str) {
        if let Some(name) = line.strip_prefix("+++ ") {
            self.after = side("b/", name);
        } else if let Some(name) = line.strip_prefix("rename to ") {
            self.after = Some(unquoted("", name));
        } else if line.starts_with("new file mode ") {
            self.before = None;
        } else if line.starts_with("deleted file mode ") {
            self.after = None;
        } else if let Some((added, removed)) = parse_cut(line) {
            (self.added, self.removed) = (added, removed);
        }
    }
}

/// The name of one side; none for the place of files that are not there.
fn side(side: &str, text: &str) -> Option<String> {
    let name = unquoted(side, text);
    (name != "/dev/null").then_some(name)
}

/// The names of a `diff --git` line. Only those of a renamed file differ, and further lines tell them.
fn git_names(names: &str) -> (Option<String>, Option<String>) {
    let names = names.trim_end_matches(['\r', '\n']);
    // Both are equally long, but for a rename, with a space between them.
    let half = names.len() / 2;
    let (before, after) = match (names.get(..half), names.get(half + 1..)) {
        (Some(before), Some(after)) => (before, after),
        _ => (names, names),
    };
    (Some(unquoted("a/", before)), Some(unquoted("b/", after)))
}
