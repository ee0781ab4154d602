//! `git apply` takes the diff of a turn, where git is there.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the judge of a diff is another program, which works on files"
)]

use super::tree::{Tree, delete, rename, tree, write};
use agent_core::{FileChange, TurnDiff};
use std::{fs, io::Write, path::Path, process::Command};

fn git(folder: &Path) -> Command {
    let mut git = Command::new("git");
    // Whatever repository is around the folder, and whatever the user set, does not count.
    git.current_dir(folder).env("GIT_DIR", folder.join(".no-git")).env("GIT_CONFIG_GLOBAL", "/dev/null");
    git.env("GIT_CONFIG_NOSYSTEM", "1");
    git
}

fn files(folder: &Path, under: &str) -> Tree {
    let mut all = Tree::new();
    for entry in fs::read_dir(folder.join(under)).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{under}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            all.extend(files(folder, &format!("{name}/")));
        } else {
            all.insert(name, fs::read_to_string(entry.path()).unwrap());
        }
    }
    all
}

/// What git makes of the files; none without git.
fn applied(before: &Tree, diff: &str) -> Option<Tree> {
    let folder = tempfile::tempdir().unwrap();
    git(folder.path()).arg("--version").output().ok()?;
    for (name, text) in before {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let mut patch = tempfile::NamedTempFile::new().unwrap();
    patch.write_all(diff.as_bytes()).unwrap();
    let ran = git(folder.path()).args(["apply", "--whitespace=nowarn"]).arg(patch.path()).output().unwrap();
    assert!(ran.status.success(), "{}\n{diff}", String::from_utf8_lossy(&ran.stderr));
    Some(files(folder.path(), ""))
}

fn check(before: &Tree, change: impl FnOnce(&mut Tree) -> Vec<FileChange>) {
    let mut after = before.clone();
    let mut diff = TurnDiff::default();
    for change in change(&mut after) {
        diff.add(&change);
    }
    if let Some(applied) = applied(before, &diff.unified()) {
        assert_eq!(applied, after, "{}", diff.unified());
    }
}

fn lines(range: std::ops::RangeInclusive<u32>) -> String {
    range.map(|number| format!("{}\n", number % 7)).collect()
}

#[test]
fn git_applies_edits_moves_and_files_that_come_and_go() {
    let before = tree(&[
        ("dir/long.txt", &lines(1..=200)),
        ("gone.txt", "bye\n"),
        ("empty.txt", ""),
        ("two words.txt", "a\nb\n"),
        ("open.txt", "no end"),
        ("dos.txt", "a\r\nb\r\n"),
        ("old name.txt", "same\n"),
    ]);
    check(&before, |files| {
        vec![
            write(files, "dir/long.txt", &format!("top\n{}{}", lines(1..=90), lines(93..=200))),
            write(files, "dir/long.txt", &format!("top\n{}mid\n{}end\n", lines(1..=60), lines(61..=200))),
            write(files, "dir/long.txt", &format!("{}mid\n{}end\n", lines(1..=60), lines(61..=200))),
            delete(files, "gone.txt"),
            delete(files, "empty.txt"),
            write(files, "new/empty.txt", ""),
            write(files, "new/q\"uote \t.txt", "x"),
            write(files, "two words.txt", "a\nc\n"),
            write(files, "open.txt", "no end\nmore"),
            write(files, "open.txt", "an end\nmore\n"),
            write(files, "dos.txt", "a\r\nb\nc\r\n"),
            rename(files, "old name.txt", "new/name.txt", "same\n"),
            rename(files, "new/name.txt", "new/name too.txt", "not the same\n"),
        ]
    });
}

#[test]
fn git_applies_a_name_that_changes_hands() {
    let before = tree(&[("a", "one\n"), ("b", "two\n"), ("c", "three\n")]);
    check(&before, |files| vec![rename(files, "a", "z", "one\n"), write(files, "a", "fresh\n")]);
    check(&before, |files| vec![delete(files, "b"), rename(files, "a", "b", "one\n")]);
    check(&before, |files| {
        vec![write(files, "a", "uno\n"), delete(files, "b"), rename(files, "a", "b", "uno!\n")]
    });
    check(&before, |files| {
        vec![
            rename(files, "a", "t", "one\n"),
            rename(files, "b", "a", "two\n"),
            rename(files, "t", "b", "one!\n"),
            delete(files, "c"),
            write(files, "c", "tres\n"),
        ]
    });
}
