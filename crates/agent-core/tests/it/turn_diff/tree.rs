//! Files in memory, changed with diffs as tools tell them, and a strict reader of unified diffs.

use agent_core::{FileChange, FileChangeKind};
use similar::{Algorithm, capture_diff_slices, group_diff_ops, udiff::UnifiedHunkHeader};
use std::collections::BTreeMap;

/// Names and texts.
pub(super) type Tree = BTreeMap<String, String>;

/// A tree of these.
pub(super) fn tree(files: &[(&str, &str)]) -> Tree {
    files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// The change that writes a file, or another text into it.
pub(super) fn write(tree: &mut Tree, name: &str, text: &str) -> FileChange {
    let old = tree.insert(name.into(), text.into());
    let kind = if old.is_some() { FileChangeKind::Update } else { FileChangeKind::Add };
    let diff = match &old {
        None => between("/dev/null", &format!("b/{name}"), "", text),
        Some(old) if old == text => String::new(),
        Some(old) => between(&format!("a/{name}"), &format!("b/{name}"), old, text),
    };
    FileChange { path: name.into(), kind, moved_to: None, diff }
}

/// The change that deletes a file.
pub(super) fn delete(tree: &mut Tree, name: &str) -> FileChange {
    let old = tree.remove(name).unwrap();
    let diff = between(&format!("a/{name}"), "/dev/null", &old, "");
    FileChange { path: name.into(), kind: FileChangeKind::Delete, moved_to: None, diff }
}

/// The change that moves a file and gives it another text.
pub(super) fn rename(tree: &mut Tree, name: &str, to: &str, text: &str) -> FileChange {
    let old = tree.remove(name).unwrap();
    assert_eq!(tree.insert(to.into(), text.into()), None, "a file is moved to a free name");
    let body = if old == text {
        String::new()
    } else {
        between(&format!("a/{name}"), &format!("b/{to}"), &old, text)
    };
    let diff = format!("rename from {name}\nrename to {to}\n{body}");
    FileChange { path: name.into(), kind: FileChangeKind::Update, moved_to: Some(to.into()), diff }
}

/// A unified diff as the patch tool makes it.
pub(super) fn between(old_name: &str, new_name: &str, old: &str, new: &str) -> String {
    // Not as the lines of `similar`, for which a carriage return alone ends a line.
    let old: Vec<&str> = old.split_inclusive('\n').collect();
    let new: Vec<&str> = new.split_inclusive('\n').collect();
    let mut all = format!("--- {old_name}\n+++ {new_name}\n");
    for group in group_diff_ops(capture_diff_slices(Algorithm::Myers, &old, &new), 3) {
        all += &format!("{}\n", UnifiedHunkHeader::new(&group));
        for change in group.iter().flat_map(|op| op.iter_changes(&old[..], &new[..])) {
            all += &format!("{}{}", change.tag(), change.value());
            if !change.value().ends_with('\n') {
                all += "\n\\ No newline at end of file\n";
            }
        }
    }
    all
}

/// What becomes of the files where this diff in git's form is applied; panics where anything does not fit.
pub(super) fn apply(before: &Tree, diff: &str) -> Tree {
    let mut after = before.clone();
    let mut written = Tree::new();
    for part in diff.split("diff --git ").skip(1) {
        let line = |start: &str| part.lines().find_map(|line| line.strip_prefix(start)).map(str::to_owned);
        let names = part.lines().next().unwrap().split_once(" b/").unwrap();
        let from = line("rename from ").unwrap_or_else(|| names.0.strip_prefix("a/").unwrap().into());
        let to = line("rename to ").unwrap_or_else(|| names.1.into());
        let hunks = part.find("\n@@ -").map_or("", |at| &part[at + 1..]);
        let is_new = line("new file mode ").is_some();
        let old = if is_new { String::new() } else { before.get(&from).unwrap().clone() };
        let new = apply_hunks(&old, hunks);
        if !is_new {
            assert!(after.remove(&from).is_some(), "{from} is told once: {diff}");
        }
        if line("deleted file mode ").is_some() {
            assert_eq!(new, "", "nothing is left of a deleted file");
        } else {
            assert_eq!(written.insert(to, new), None, "{diff}");
        }
    }
    for (name, text) in written {
        assert_eq!(after.insert(name, text), None, "{diff}");
    }
    after
}

fn apply_hunks(old: &str, hunks: &str) -> String {
    let old: Vec<&str> = old.split_inclusive('\n').collect();
    let mut new: Vec<String> = Vec::new();
    let mut at = 0;
    let mut lines = hunks.split_inclusive('\n').peekable();
    while let Some(header) = lines.next() {
        let mut numbers =
            header.split(|c: char| !c.is_ascii_digit() && c != ',').filter(|text| !text.is_empty());
        let mut range = || {
            let (start, count) =
                numbers.next().map(|text| text.split_once(',').unwrap_or((text, "1"))).unwrap();
            (start.parse::<usize>().unwrap(), count.parse::<usize>().unwrap())
        };
        let ((old_start, old_count), (new_start, new_count)) = (range(), range());
        let begin = if old_count == 0 { old_start } else { old_start - 1 };
        new.extend(old[at..begin].iter().map(|line| (*line).to_owned()));
        at = begin;
        assert_eq!(new.len(), if new_count == 0 { new_start } else { new_start - 1 }, "{header}");
        let (old_end, new_end) = (at + old_count, new.len() + new_count);
        while at < old_end || new.len() < new_end {
            let line = lines.next().unwrap();
            let (sign, mut text) = (&line[..1], line[1..].to_owned());
            if lines.next_if_eq(&"\\ No newline at end of file\n").is_some() {
                assert_eq!(text.pop(), Some('\n'));
            }
            if sign != "+" {
                assert_eq!(old[at], text, "the old text has the line");
                at += 1;
            }
            if sign != "-" {
                new.push(text);
            }
        }
        assert_eq!((at, new.len()), (old_end, new_end), "{header}");
    }
    new.extend(old[at..].iter().map(|line| (*line).to_owned()));
    new.concat()
}
