//! Whatever is done to files, the diff of the turn leads from the first state to the last one.

use super::tree::{Tree, apply, delete, rename, write};
use agent_core::{FileChange, FileChangeKind, FileStat, TurnDiff};
use proptest::prelude::*;
use std::collections::BTreeSet;

const NAMES: [&str; 3] = ["a.txt", "dir/b.txt", "c d.txt"];

/// Something done to a file.
#[derive(Clone, Debug)]
enum Action {
    Write { file: usize, edits: Vec<(usize, usize, Vec<String>)>, last_line_end: bool },
    Delete { file: usize },
    Rename { file: usize, to: usize, edits: Vec<(usize, usize, Vec<String>)> },
}

/// Lines that often come twice, with either kind of line end.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![8 => "[abc]\n", 2 => "[ab]\r\n", 2 => Just("\n".to_owned()), 1 => "[-+@\\\\ ]{1,4}\n"]
}

fn text() -> impl Strategy<Value = String> {
    (prop::collection::vec(line(), 0..40), any::<bool>()).prop_map(|(lines, end)| ended(lines.concat(), end))
}

/// The text with or without an end of its last line.
fn ended(mut text: String, line_end: bool) -> String {
    if !line_end && text.ends_with('\n') {
        text.pop();
    }
    text
}

fn action() -> impl Strategy<Value = Action> {
    let edits =
        || prop::collection::vec((0..45_usize, 0..4_usize, prop::collection::vec(line(), 0..4)), 0..4);
    prop_oneof![
        6 => (0..3_usize, edits(), prop::bool::weighted(0.9))
            .prop_map(|(file, edits, last_line_end)| Action::Write { file, edits, last_line_end }),
        1 => (0..3_usize).prop_map(|file| Action::Delete { file }),
        2 => (0..3_usize, 0..3_usize, edits()).prop_map(|(file, to, edits)| Action::Rename { file, to, edits }),
    ]
}

fn edited(text: &str, edits: &[(usize, usize, Vec<String>)], line_end: bool) -> String {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    for (at, gone, new) in edits {
        let at = (*at).min(lines.len());
        let end = (at + gone).min(lines.len());
        lines.splice(at..end, new.iter().cloned());
    }
    // Only the last line can be without an end.
    for line in &mut lines {
        if !line.ends_with('\n') {
            line.push('\n');
        }
    }
    ended(lines.concat(), line_end)
}

/// What the action changes; none where it makes no sense.
fn act(tree: &mut Tree, action: &Action) -> Option<FileChange> {
    match action {
        Action::Write { file, edits, last_line_end } => {
            let old = tree.get(NAMES[*file]).cloned().unwrap_or_default();
            Some(write(tree, NAMES[*file], &edited(&old, edits, *last_line_end)))
        }
        Action::Delete { file } => tree.contains_key(NAMES[*file]).then(|| delete(tree, NAMES[*file])),
        Action::Rename { file, to, edits } => {
            let old = tree.get(NAMES[*file])?.clone();
            let free = !tree.contains_key(NAMES[*to]);
            free.then(|| rename(tree, NAMES[*file], NAMES[*to], &edited(&old, edits, true)))
        }
    }
}

/// A diff as the changes that undo it, made from its text alone: what was added goes, what was removed comes.
fn inverse(diff: &TurnDiff, before: &Tree) -> Vec<FileChange> {
    let text = diff.unified();
    let parts: Vec<&str> = text.split("diff --git ").skip(1).collect();
    diff.stat()
        .iter()
        .zip(parts)
        .map(|(file, part)| {
            let hunks = part.find("\n@@ -").map_or("", |at| &part[at + 1..]);
            let name = file.moved_to.as_ref().unwrap_or(&file.path).clone();
            let (kind, moved_to) = match file.kind {
                FileChangeKind::Add => (FileChangeKind::Delete, None),
                FileChangeKind::Delete => (FileChangeKind::Add, None),
                FileChangeKind::Update => {
                    (FileChangeKind::Update, file.moved_to.is_some().then(|| file.path.clone()))
                }
            };
            assert!(kind == FileChangeKind::Delete || before.contains_key(&file.path));
            FileChange { path: name, kind, moved_to, diff: swapped(hunks) }
        })
        .collect()
}

/// Hunks the other way round.
fn swapped(hunks: &str) -> String {
    let turn = |line: &str| match line.split_at(1) {
        ("+", rest) => format!("-{rest}"),
        ("-", rest) => format!("+{rest}"),
        ("@", _) => {
            let words: Vec<&str> = line.split(' ').collect();
            format!("@@ -{} +{} @@\n", &words[2][1..], &words[1][1..])
        }
        _ => line.to_owned(),
    };
    hunks.split_inclusive('\n').map(turn).collect()
}

fn stored(diff: &TurnDiff) -> TurnDiff {
    serde_json::from_str(&serde_json::to_string(diff).unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_diff_of_a_turn_leads_from_its_start_to_its_end(
        texts in prop::array::uniform3(prop::option::of(text())),
        actions in prop::collection::vec(action(), 1..9),
    ) {
        let first: Tree = NAMES.iter().zip(texts).filter_map(|(name, text)| Some(((*name).into(), text?))).collect();
        let mut last = first.clone();
        let mut diff = TurnDiff::default();
        let mut restored = TurnDiff::default();
        for action in &actions {
            let Some(change) = act(&mut last, action) else { continue };
            diff.add(&change);
            // A snapshot in between changes nothing.
            restored = stored(&restored);
            restored.add(&change);
            prop_assert_eq!(&diff, &restored);
            prop_assert_eq!(apply(&first, &diff.unified()), last.clone(), "{}", diff.unified());
        }
        prop_assert_eq!(diff.stat(), FileStat::of_diff(&diff.unified()));
    }

    #[test]
    fn a_diff_and_its_inverse_are_nothing(
        texts in prop::array::uniform3(prop::option::of(text())),
        actions in prop::collection::vec(action(), 1..6),
    ) {
        let first: Tree = NAMES.iter().zip(texts).filter_map(|(name, text)| Some(((*name).into(), text?))).collect();
        let mut last = first.clone();
        let mut diff = TurnDiff::default();
        for action in &actions {
            if let Some(change) = act(&mut last, action) {
                diff.add(&change);
            }
        }
        let before = diff.unified();
        // Where a name changed hands there is an order to undo it in, which is not what is tested here.
        let names: Vec<String> = diff.stat().into_iter().flat_map(|file| [Some(file.path), file.moved_to]).flatten().collect();
        let distinct: BTreeSet<&String> = names.iter().collect();
        prop_assume!(distinct.len() == names.len());
        for change in inverse(&diff, &first) {
            diff.add(&change);
        }
        prop_assert!(diff.is_empty(), "{before}\nand its inverse are\n{}", diff.unified());
        prop_assert_eq!(diff.unified(), "");
    }
}
