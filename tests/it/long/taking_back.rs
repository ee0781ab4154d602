//! `undo`, `rollback` and `fork --worktree`.

use super::{FREE, converse, git, last_thread, repository};
use crate::binary::{Bench, Ran};

/// Three turns, each of which changes a file.
const CHANGES: &str = r#"
[[turn]]
match = "one"
[[turn.step]]
calls = [{ tool = "exec_command", args = { cmd = "echo one > a.txt; echo new > b.txt" } }]
[[turn.step]]
text = "One."

[[turn]]
match = "two"
[[turn.step]]
calls = [{ tool = "exec_command", args = { cmd = "echo two > a.txt; rm b.txt" } }]
[[turn.step]]
text = "Two."

[[turn]]
match = "look"
[[turn.step]]
text = "Nothing to do."
"#;

fn say(bench: &Bench, script: &str, prompt: &str) -> Ran {
    bench.run(&[&["exec"], &FREE[..], &["--script", script, prompt]].concat()).succeeds()
}

fn go_on(bench: &Bench, script: &str, thread: &str, prompt: &str) -> Ran {
    bench.run(&["exec", "resume", thread, prompt, "--script", script]).succeeds()
}

/// A repository in which two turns were made of a thread.
fn two_turns() -> (Bench, String, String) {
    let bench = Bench::new();
    repository(&bench, &[("a.txt", "first\n"), (".gitignore", "ignored\n")]);
    let script = bench.script(CHANGES);
    say(&bench, &script, "one");
    let thread = last_thread(&bench);
    go_on(&bench, &script, &thread, "two");
    (bench, script, thread)
}

#[test]
fn undo_takes_back_a_turn_with_its_files_and_nothing_else() {
    let (bench, script, thread) = two_turns();
    bench.file("mine.txt", "my own\n");
    let index = std::fs::read(bench.project().join(".git/index")).unwrap();
    let ran = bench.run(&["undo"]).succeeds();
    assert!(ran.stdout.contains("turn 2 and all after it are taken back; 2 files are as before"), "{ran:#?}");
    assert_eq!(
        (bench.read("a.txt"), bench.read("b.txt"), bench.read("mine.txt")),
        ("one\n".into(), "new\n".into(), "my own\n".into())
    );
    bench.run(&["undo", &thread]).succeeds();
    assert_eq!((bench.read("a.txt"), bench.read("b.txt")), ("first\n".into(), String::new()));
    assert!(
        std::fs::read(bench.project().join(".git/index")).unwrap() == index,
        "the user's index was touched"
    );
    let now = std::fs::read(bench.project().join(".git/index")).unwrap();
    assert!(now == index, "the user's index was touched");
    assert_eq!(git(&bench, &["status", "--porcelain"]), "?? mine.txt\n");
    bench.run(&["undo", &thread]).fails(1, &["nothing has changed"]);
    go_on(&bench, &script, &thread, "one");
    assert_eq!(bench.read("a.txt"), "one\n");
}

#[test]
fn undo_is_refused_where_the_user_changed_the_same_file_since_and_names_it() {
    let (bench, _, thread) = two_turns();
    bench.file("a.txt", "mine\n");
    let ran = bench.run(&["undo", "--last"]).fails(1, &[]);
    assert!(
        ran.stdout.contains("turn 2 is not taken back") && ran.stdout.contains("\n  a.txt\n"),
        "{ran:#?}"
    );
    assert_eq!((bench.read("a.txt"), bench.read("b.txt")), ("mine\n".into(), String::new()));
    // Only what was said goes.
    let ran = bench.run(&["rollback", &thread, "1", "--keep-files"]).succeeds();
    assert!(ran.stdout.contains("turn 2 and all after it are taken back"), "{ran:#?}");
    assert_eq!(bench.read("a.txt"), "mine\n");
}

#[test]
fn rollback_takes_back_several_turns_or_only_their_files() {
    let (bench, _, thread) = two_turns();
    let ran = bench.run(&["rollback", &thread, "2", "--files-only"]).succeeds();
    assert!(
        ran.stdout.contains("2 files are as before turn 1")
            || ran.stdout.contains("1 file is as before turn 1"),
        "{ran:#?}"
    );
    assert_eq!((bench.read("a.txt"), bench.read("b.txt")), ("first\n".into(), String::new()));
    bench.run(&["rollback", &thread, "9"]).fails(1, &["nothing has changed"]);
    bench.run(&["rollback", &thread, "0"]).fails(2, &["0"]);
    let (bench, _, thread) = two_turns();
    bench.run(&["rollback", &thread, "2"]).succeeds();
    assert_eq!((bench.read("a.txt"), bench.read("b.txt")), ("first\n".into(), String::new()));
}

#[test]
fn a_conversation_takes_back_turns_too() {
    let (bench, script, _) = two_turns();
    let ran =
        converse(&bench, &["--script", &script], &["/undo", "/rollback 1", "/undo", "/quit"]).succeeds();
    assert!(ran.stderr.contains("turn 2 and all after it are taken back"), "{ran:#?}");
    assert!(ran.stderr.contains("turn 1 and all after it are taken back"), "{ran:#?}");
    assert_eq!((bench.read("a.txt"), bench.read("b.txt")), ("first\n".into(), String::new()));
}

#[test]
fn without_undo_a_turn_is_taken_back_only_by_what_was_said() {
    let bench = Bench::new();
    repository(&bench, &[("a.txt", "first\n")]);
    let script = bench.script(CHANGES);
    bench.run(&[&["exec"], &FREE[..], &["-c", "undo=false", "--script", &script, "one"]].concat()).succeeds();
    assert!(!bench.home().join("snapshots").exists());
    let ran = bench.run(&["undo"]);
    assert_eq!(bench.read("a.txt"), "one\n", "{ran:#?}");
}

#[test]
fn a_fork_takes_the_files_along_into_a_worktree() {
    let (bench, _, thread) = two_turns();
    let folder = bench.path().join("tree");
    let there = folder.to_str().unwrap();
    let ran = bench.run(&["fork", &thread, "--at", "1", "--worktree", there, "--no-run"]).succeeds();
    assert!(ran.stderr.contains("files are in"), "{ran:#?}");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    assert_eq!((read("a.txt"), read("b.txt")), ("one\n".into(), "new\n".into()));
    assert_eq!((bench.read("a.txt"), bench.read("b.txt")), ("two\n".into(), String::new()));
    let status = bench.run(&["status", ran.stdout.trim()]).succeeds().stdout;
    assert!(status.contains(there), "{status}");
    bench.run(&["fork", &thread, "--at", "1", "--worktree", there, "--no-run"]).fails(5, &["tree"]);
}

#[test]
fn a_folder_without_a_repository_can_be_taken_back_as_well() {
    let bench = Bench::new();
    std::fs::remove_dir_all(bench.project().join(".git")).unwrap();
    bench.file("a.txt", "first\n");
    let script = bench.script(CHANGES);
    bench
        .run(&[&["exec"], &FREE[..], &["--skip-git-repo-check", "--script", &script, "one"]].concat())
        .succeeds();
    bench.run(&["undo"]).succeeds();
    assert_eq!((bench.read("a.txt"), bench.read("b.txt")), ("first\n".into(), String::new()));
}
