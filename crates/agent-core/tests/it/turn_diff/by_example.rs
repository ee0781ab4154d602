//! What the diff of a turn says, in whole texts.

use super::tree::{Tree, delete, rename, tree, write};
use agent_core::{
    FileChange, FileChangeKind, FileStat, MAX_TURN_DIFF_BYTES, MAX_TURN_DIFF_NAME_BYTES, TurnDiff,
};

/// Lines numbered from 1, some of them replaced.
fn numbered(lines: usize, replaced: &[(usize, &str)]) -> String {
    let line = |number| match replaced.iter().find(|(at, _)| *at == number) {
        Some((_, text)) => format!("{text}\n"),
        None => format!("line {number}\n"),
    };
    (1..=lines).map(line).collect()
}

fn diff_of(changes: impl IntoIterator<Item = FileChange>) -> TurnDiff {
    let mut diff = TurnDiff::default();
    for change in changes {
        diff.add(&change);
    }
    diff
}

fn update(path: &str, diff: &str) -> FileChange {
    FileChange { path: path.into(), kind: FileChangeKind::Update, moved_to: None, diff: diff.into() }
}

#[test]
fn a_file_patched_three_times_comes_once() {
    let mut files = tree(&[("f", &numbered(20, &[]))]);
    let diff = diff_of([
        write(&mut files, "f", &numbered(20, &[(3, "three")])),
        write(&mut files, "f", &numbered(20, &[(3, "three"), (15, "fifteen")])),
        write(&mut files, "f", &numbered(20, &[(3, "drei"), (15, "fifteen")])),
    ]);
    let expected = "\
diff --git a/f b/f
--- a/f
+++ b/f
@@ -1,6 +1,6 @@
 line 1
 line 2
-line 3
+drei
 line 4
 line 5
 line 6
@@ -12,7 +12,7 @@
 line 12
 line 13
 line 14
-line 15
+fifteen
 line 16
 line 17
 line 18
";
    assert_eq!(diff.unified(), expected);
    let stat =
        FileStat { path: "f".into(), kind: FileChangeKind::Update, moved_to: None, added: 2, removed: 2 };
    assert_eq!(diff.stat(), [stat]);
}

#[test]
fn edits_that_undo_one_another_vanish_with_their_context() {
    let mut files = tree(&[("f", &numbered(30, &[]))]);
    let mut diff = diff_of([
        write(&mut files, "f", &numbered(30, &[(3, "x")])),
        write(&mut files, "f", &numbered(30, &[(3, "x"), (20, "y")])),
        write(&mut files, "f", &numbered(30, &[(20, "y")])),
    ]);
    assert!(
        diff.unified().contains("@@ -17,7 +17,7 @@\n") && !diff.unified().contains("line 3\n"),
        "{}",
        diff.unified()
    );
    diff.add(&write(&mut files, "f", &numbered(30, &[])));
    assert_eq!((diff.is_empty(), diff.unified().as_str(), diff.stat()), (true, "", vec![]));
}

#[test]
fn a_new_file_stays_new_and_one_that_came_and_went_is_nothing() {
    let mut files = Tree::new();
    let mut diff = diff_of([write(&mut files, "n", "one\ntwo\n"), write(&mut files, "n", "one\n2\n")]);
    let expected =
        "diff --git a/n b/n\nnew file mode 100644\n--- /dev/null\n+++ b/n\n@@ -0,0 +1,2 @@\n+one\n+2\n";
    assert_eq!(diff.unified(), expected);
    diff.add(&rename(&mut files, "n", "m", "one\n2\n"));
    assert_eq!(diff.unified(), expected.replace("a/n b/n", "a/m b/m").replace("b/n", "b/m"));
    diff.add(&delete(&mut files, "m"));
    assert!(diff.is_empty(), "{}", diff.unified());
}

#[test]
fn a_file_written_anew_after_it_was_deleted_is_an_update() {
    let mut files = tree(&[("f", &numbered(5, &[]))]);
    let mut diff = diff_of([delete(&mut files, "f")]);
    assert_eq!(diff.stat()[0].kind, FileChangeKind::Delete);
    diff.add(&write(&mut files, "f", &numbered(5, &[(5, "five")])));
    assert_eq!(
        diff.unified(),
        "diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -2,4 +2,4 @@\n line 2\n line 3\n line 4\n-line 5\n+five\n"
    );
    diff.add(&write(&mut files, "f", &numbered(5, &[])));
    assert!(diff.is_empty());
}

#[test]
fn a_chain_of_moves_is_one_move_and_back_again_is_none() {
    let mut files = tree(&[("a", "x\n")]);
    let mut diff = diff_of([rename(&mut files, "a", "b", "x\n"), rename(&mut files, "b", "c", "y\n")]);
    assert_eq!(
        diff.unified(),
        "diff --git a/a b/c\nrename from a\nrename to c\n--- a/a\n+++ b/c\n@@ -1 +1 @@\n-x\n+y\n"
    );
    let stat = FileStat {
        path: "a".into(),
        kind: FileChangeKind::Update,
        moved_to: Some("c".into()),
        added: 1,
        removed: 1,
    };
    assert_eq!(diff.stat(), [stat]);
    diff.add(&rename(&mut files, "c", "a", "x\n"));
    assert!(diff.is_empty(), "{}", diff.unified());
}

#[test]
fn a_name_that_was_moved_away_can_be_taken_by_a_new_file() {
    let mut files = tree(&[("a", "x\n")]);
    let diff = diff_of([rename(&mut files, "a", "b", "x\n"), write(&mut files, "a", "new\n")]);
    assert_eq!(
        diff.unified(),
        "diff --git a/a b/a\nnew file mode 100644\n--- /dev/null\n+++ b/a\n@@ -0,0 +1 @@\n+new\n\
         diff --git a/a b/b\nrename from a\nrename to b\n"
    );
}

#[test]
fn another_file_under_the_name_of_a_deleted_one_is_an_update() {
    let before = tree(&[("a", "x\n")]);
    let update = "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-x\n+y\n";
    let mut files = before.clone();
    let moved =
        [delete(&mut files, "a"), write(&mut files, "new", "y\n"), rename(&mut files, "new", "a", "y\n")];
    assert_eq!(diff_of(moved).unified(), update);
    let mut files = before;
    let deleted =
        [rename(&mut files, "a", "b", "x\n"), write(&mut files, "a", "y\n"), delete(&mut files, "b")];
    assert_eq!(diff_of(deleted).unified(), update);
}

#[test]
fn a_missing_line_end_is_told_on_its_side() {
    let mut files = tree(&[("f", "one\ntwo")]);
    let mut diff = diff_of([write(&mut files, "f", "one\ntwo\n"), write(&mut files, "f", "one\ntwo\nthree")]);
    let head = "diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1,2 +1,3 @@\n one\n";
    let mark = "\\ No newline at end of file\n";
    assert_eq!(diff.unified(), format!("{head}-two\n{mark}+two\n+three\n{mark}"));
    diff.add(&write(&mut files, "f", "one\ntwo"));
    assert!(diff.is_empty(), "{}", diff.unified());
}

#[test]
fn line_ends_of_both_kinds_are_kept_apart() {
    let mut files = tree(&[("f", "a\r\nb\r\n")]);
    let mut diff = diff_of([write(&mut files, "f", "a\nb\r\n"), write(&mut files, "f", "a\nb\r\nc\r\n")]);
    assert_eq!(
        diff.unified(),
        "diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1,2 +1,3 @@\n-a\r\n+a\n b\r\n+c\r\n"
    );
    diff.add(&write(&mut files, "f", "a\r\nb\r\n"));
    assert!(diff.is_empty());
}

#[test]
fn empty_files_come_and_go_without_hunks() {
    let mut files = tree(&[("gone", "")]);
    let diff = diff_of([write(&mut files, "new", ""), delete(&mut files, "gone")]);
    assert_eq!(
        diff.unified(),
        "diff --git a/gone b/gone\ndeleted file mode 100644\ndiff --git a/new b/new\nnew file mode 100644\n"
    );
    let mut files = tree(&[("f", "x\n")]);
    let mut diff = diff_of([write(&mut files, "f", "")]);
    assert!(diff.unified().ends_with("@@ -1 +0,0 @@\n-x\n"), "{}", diff.unified());
    diff.add(&write(&mut files, "f", "x\n"));
    assert!(diff.is_empty());
}

#[test]
fn what_cannot_be_joined_is_kept_as_it_came() {
    let first = update("f", "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n");
    let elsewhere = update("f", "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-formatted\n+c\n");
    let binary = update("f", "Binary files a/f and b/f differ\n");
    let cut = update("f", "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n-x\n... the rest of this diff is cut\n");
    let back = update("f", "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-y\n+z\n");
    let on = update("f", "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-z\n+!\n");
    let diff = diff_of([first.clone(), elsewhere.clone(), binary.clone(), cut.clone(), back, on]);
    let git = "diff --git a/f b/f\n";
    let last = "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-y\n+!\n";
    let expected = [&first.diff, &elsewhere.diff, &binary.diff, &cut.diff, last]
        .map(|diff| format!("{git}{diff}"))
        .concat();
    assert_eq!(diff.unified(), expected);
    let stat =
        FileStat { path: "f".into(), kind: FileChangeKind::Update, moved_to: None, added: 3, removed: 4 };
    assert_eq!((diff.stat(), FileStat::of_diff(&expected)), (vec![stat.clone()], vec![stat]));
    assert_eq!(serde_json::from_value::<TurnDiff>(serde_json::to_value(&diff).unwrap()).unwrap(), diff);
}

#[test]
fn a_new_binary_file_that_is_deleted_again_is_nothing() {
    let change = |kind, diff: &str| FileChange { path: "f".into(), kind, moved_to: None, diff: diff.into() };
    let mut diff = diff_of([change(FileChangeKind::Add, "Binary files /dev/null and b/f differ\n")]);
    assert_eq!(diff.stat()[0].kind, FileChangeKind::Add);
    diff.add(&change(FileChangeKind::Delete, "Binary files a/f and /dev/null differ\n"));
    assert!(diff.is_empty());
}

#[test]
fn hunks_whose_numbers_are_wrong_are_not_believed() {
    for hunks in [
        "@@ -1,2 +1 @@\n-a\n+b\n",
        "@@ -2 +1 @@\n-a\n+b\n",
        "@@ -5 +5 @@\n-a\n+b\n@@ -2 +2 @@\n-c\n+d\n",
        "@@ -1 +1 @@\n-a\n+b\n-c\n",
        "@@ -99999999999999999999 +1 @@\n-a\n+b\n",
        "@@ -1,2 +1,2 @@\n-a\n\\ No newline at end of file\n-b\n+c\n+d\n",
        "@@ -1 +1 @@\n-a\n+b",
        "@@ -0,0 +1 @@\n\u{e9}\n",
    ] {
        let change = update("f", &format!("--- a/f\n+++ b/f\n{hunks}"));
        let mut diff = diff_of([change.clone()]);
        assert_eq!(diff.unified().trim_end(), format!("diff --git a/f b/f\n{}", change.diff).trim_end());
        diff.add(&change);
        assert_eq!(diff.unified().matches("diff --git").count(), 2, "kept after what was there");
    }
}

#[test]
fn strange_names_are_quoted_and_read_back() {
    let mut files = Tree::new();
    let names = ["two words.txt", "q\"uote\\.txt", "tab\tbell\u{7}", "größe.txt"];
    let diff = diff_of(names.map(|name| write(&mut files, name, "x\n")));
    let mut told: Vec<String> =
        FileStat::of_diff(&diff.unified()).into_iter().map(|file| file.path).collect();
    told.sort();
    let mut names = names.map(str::to_owned).to_vec();
    names.sort();
    assert_eq!(told, names);
    assert!(diff.unified().contains("+++ \"b/tab\\tbell\\007\"\n"), "{}", diff.unified());
    assert!(diff.unified().contains("+++ b/two words.txt\t\n"), "{}", diff.unified());
}

#[test]
fn lines_beyond_the_bound_are_left_out_and_counted() {
    let mut files = tree(&[("small", "a\n")]);
    let half = "0123456789abcde\n".repeat(MAX_TURN_DIFF_BYTES / 32);
    let mut diff = diff_of([write(&mut files, "one", &half), write(&mut files, "small", "b\n")]);
    let before = diff.unified();
    diff.add(&write(&mut files, "two", &half));
    let cut = "diff --git a/two b/two\nnew file mode 100644\n\
               # lines left out: 8192 added and 0 removed; the diff of this turn is too long\n";
    assert_eq!(diff.unified(), format!("{before}{cut}"));
    // It is not found again, but it is counted on.
    diff.add(&write(&mut files, "two", &format!("{half}more\n")));
    assert_eq!(diff.stat().last().map(|file| (file.path.as_str(), file.added)), Some(("two", 8_193)));
    assert_eq!(diff.stat(), FileStat::of_diff(&diff.unified()));
    diff.add(&delete(&mut files, "two"));
    assert_eq!(diff.unified(), before);
}

#[test]
fn a_snapshot_has_a_bound_whatever_is_changed() {
    let mut diff = TurnDiff::default();
    let mut files = Tree::new();
    for number in 0..4_000 {
        let name = format!("some/folder/with/a/name/file_{number}.rs");
        diff.add(&write(&mut files, &name, &format!("fn main() {{}}\n// {number}\n").repeat(20)));
    }
    let listed = diff.stat().len();
    let text = diff.unified();
    assert!(
        text.ends_with(&format!(
            "# {} more changes are not listed: too many files changed\n",
            4_000 - listed
        ))
    );
    assert!((300..4_000).contains(&listed), "{listed}");
    let bytes = serde_json::to_string(&diff).unwrap().len();
    assert!(bytes < 2 * (MAX_TURN_DIFF_BYTES + MAX_TURN_DIFF_NAME_BYTES), "{bytes}");
    // Of one file, too: parts that cannot be joined add up.
    let mut diff = TurnDiff::default();
    for number in 0..10_000 {
        diff.add(&update("f", &format!("--- a/f\n+++ b/f\n@@ -1 +1 @@\n-{number} old\n+{number} new\n")));
    }
    assert_eq!(
        diff.stat().iter().map(|file| (file.added, file.removed)).collect::<Vec<_>>(),
        [(10_000, 10_000)]
    );
    assert!(serde_json::to_string(&diff).unwrap().len() < 1_000);
}

#[test]
fn a_snapshot_with_a_plain_text_is_read_as_that_text() {
    let text = "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n--- a/f\n+++ b/f\n@@ -1 +1,2 @@\n b\n+c\n";
    let mut diff: TurnDiff = serde_json::from_value(text.into()).unwrap();
    assert_eq!(diff.unified(), text);
    let stat =
        FileStat { path: "f".into(), kind: FileChangeKind::Update, moved_to: None, added: 2, removed: 1 };
    assert_eq!(diff.stat(), [stat]);
    diff.append("more\n");
    assert_eq!(diff.unified(), format!("{text}more\n"));
    let again: TurnDiff = serde_json::from_value(serde_json::to_value(&diff).unwrap()).unwrap();
    assert_eq!(again, diff);
    assert!(serde_json::from_value::<TurnDiff>("".into()).unwrap().is_empty());
    assert_eq!(serde_json::to_value(TurnDiff::default()).unwrap(), serde_json::json!({}));
}

#[test]
fn diffs_of_earlier_turns_are_counted_too() {
    let text = "rename from x\nrename to y\n--- /dev/null\n+++ b/z\n@@ -0,0 +1,2 @@\n+-- not a header\n+++ b/neither\n\
                Binary files a/p.png and b/p.png differ\n--- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n--- a/minus\n";
    let file = |path: &str, kind, moved_to: Option<&str>, added, removed| FileStat {
        path: path.into(),
        kind,
        moved_to: moved_to.map(str::to_owned),
        added,
        removed,
    };
    let expected = [
        file("x", FileChangeKind::Update, Some("y"), 0, 0),
        file("z", FileChangeKind::Add, None, 2, 0),
        file("p.png", FileChangeKind::Update, None, 0, 0),
        file("gone", FileChangeKind::Delete, None, 0, 1),
    ];
    assert_eq!(FileStat::of_diff(text), expected);
}
