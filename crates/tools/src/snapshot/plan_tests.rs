//! What a restore has to do, from trees alone.

use super::*;
use crate::snapshot::tree::Kind;

fn tree(files: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::default();
    for (path, content) in files {
        let path = PathBuf::from(path);
        for folder in path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()) {
            tree.folders.insert(folder.to_owned(), 0o755);
        }
        let entry = Entry { kind: Kind::File, content: (*content).to_owned(), permissions: 0o644 };
        tree.files.insert(path, entry);
    }
    tree
}

fn plan(steps: &[(&Tree, &Tree)], current: &Tree) -> Plan {
    let root = tempfile::tempdir().unwrap();
    let mut traces = Traces::default();
    for (before, after) in steps {
        traces.add(before, after);
    }
    traces.plan(current, root.path())
}

/// Path, content that is there, content to be.
fn changes(plan: &Plan) -> Vec<String> {
    let content =
        |entry: &Option<Entry>| entry.as_ref().map_or("-".to_owned(), |entry| entry.content.clone());
    let line = |change: &Change| {
        format!("{} {} {}", change.path.display(), content(&change.from), content(&change.to))
    };
    plan.changes.iter().map(line).collect()
}

fn conflicts(plan: &Plan) -> Vec<&str> {
    plan.conflicts.iter().map(|path| path.to_str().unwrap()).collect()
}

#[test]
fn a_turn_is_taken_back_and_other_files_stay() {
    let before = tree(&[("changed", "1"), ("gone", "1"), ("same", "1")]);
    let after = tree(&[("changed", "2"), ("new/file", "2"), ("same", "1")]);
    let current = tree(&[("changed", "2"), ("new/file", "2"), ("same", "mine"), ("mine", "x")]);
    let plan = plan(&[(&before, &after)], &current);
    assert_eq!(changes(&plan), ["changed 2 1", "gone - 1", "new/file 2 -"]);
    assert_eq!(plan.drop, BTreeSet::from(["new".into()]));
    assert_eq!(conflicts(&plan), [""; 0]);
}

#[test]
fn what_the_user_changed_since_is_a_conflict_unless_it_is_as_before() {
    let before = tree(&[("a", "1"), ("b", "1"), ("c", "1")]);
    let after = tree(&[("a", "2"), ("b", "2"), ("c", "2")]);
    let current = tree(&[("a", "mine"), ("b", "1")]);
    let plan = plan(&[(&before, &after)], &current);
    assert_eq!(conflicts(&plan), ["a", "c"]);
    assert_eq!(changes(&plan), [""; 0]);
    assert_eq!(plan.restored, BTreeSet::from(["b".into()]));
}

#[test]
fn several_turns_go_back_to_before_the_oldest() {
    let (first, second, third) = (tree(&[("a", "1")]), tree(&[("a", "2"), ("b", "2")]), tree(&[("a", "3")]));
    let plan = plan(&[(&second, &third), (&first, &second)], &third);
    assert_eq!(changes(&plan), ["a 3 1"]);
    assert_eq!(plan.restored.len(), 2, "b came and went: {plan:?}");
}

#[test]
fn what_the_user_changed_between_two_turns_is_a_conflict() {
    let (first, second) = (tree(&[("a", "1"), ("b", "1")]), tree(&[("a", "2"), ("b", "2")]));
    let (third, fourth) = (tree(&[("a", "mine"), ("b", "2")]), tree(&[("a", "4"), ("b", "4")]));
    let plan = plan(&[(&third, &fourth), (&first, &second)], &fourth);
    assert_eq!(conflicts(&plan), ["a"]);
}

#[test]
fn what_no_snapshot_holds_is_left_alone() {
    let before = {
        let mut tree = tree(&[("shrunk", "1"), ("kept", "1")]);
        tree.left = [("build".into(), Left::Ignored), ("grown".into(), Left::TooLarge)].into();
        tree
    };
    let mut after = tree(&[("build/file", "2"), ("grown", "2"), ("kept", "2")]);
    after.left.insert("shrunk".into(), Left::TooLarge);
    let mut current = after.clone();
    current.files.insert("new".into(), current.files[Path::new("kept")].clone());
    let plan = plan(&[(&before, &after)], &current);
    assert_eq!(changes(&plan), ["kept 2 1"]);
    let skipped: Vec<_> = plan.skipped.keys().map(|path| path.to_str().unwrap()).collect();
    assert_eq!(skipped, ["build/file", "grown", "shrunk"]);
}
