//! How long snapshots of files are kept.

use super::{FREE, PROMPTS, heard_until, last_thread, repository};
use crate::{binary::Bench, commands::wait_for};
use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

const CHANGES: &str = r#"
[[turn]]
match = "one"
[[turn.step]]
calls = [{ tool = "exec_command", args = { cmd = "echo one > a.txt" } }]
[[turn.step]]
text = "One."
"#;

fn begun() -> (Bench, String) {
    let bench = Bench::new();
    repository(&bench, &[("a.txt", "first\n")]);
    let script = bench.script(CHANGES);
    begin(&bench, &script);
    (bench, script)
}

fn begin(bench: &Bench, script: &str) -> String {
    bench.run(&[&["exec"], &FREE[..], &["--script", script, "one"]].concat()).succeeds();
    last_thread(bench)
}

/// The shadow repositories there are.
fn shadows(bench: &Bench) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(bench.home().join("snapshots")).unwrap();
    let folders = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    folders.map(|folder| folder.join("git")).collect()
}

fn git(shadow: &Path, args: &[&str]) -> String {
    let done = Command::new("git").arg("--git-dir").arg(shadow).args(args).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    String::from_utf8(done.stdout).unwrap()
}

fn snapshots(bench: &Bench) -> Vec<String> {
    let listed =
        shadows(bench).into_iter().map(|shadow| git(&shadow, &["for-each-ref", "--format=%(refname)"]));
    listed.collect::<String>().lines().map(str::to_owned).collect()
}

#[test]
fn the_snapshots_of_a_deleted_thread_go_with_it_and_those_of_others_stay() {
    let (bench, script) = begun();
    let first = last_thread(&bench);
    let of_first = snapshots(&bench);
    assert!(!of_first.is_empty());
    bench.file("a.txt", "second\n");
    let second = begin(&bench, &script);
    bench.run(&["sessions", "delete", &first]).succeeds();
    let left = snapshots(&bench);
    assert!(!left.is_empty() && left.iter().all(|snapshot| !of_first.contains(snapshot)), "{left:?}");
    bench.run(&["undo", &second]).succeeds();
    assert_eq!(bench.read("a.txt"), "second\n");
    bench.run(&["sessions", "delete", &second]).succeeds();
    assert_eq!(shadows(&bench), Vec::<PathBuf>::new());
}

#[test]
fn old_snapshots_are_dropped_once_a_day_when_a_model_is_asked_and_not_before() {
    let (bench, script) = begun();
    let stamp = bench.home().join("snapshots/swept");
    // As old as it gets.
    let (shadow, kept) = (shadows(&bench).remove(0), snapshots(&bench).remove(0));
    let old = format!("{}-1000", kept.rsplit_once('-').unwrap().0);
    let make_old = || git(&shadow, &["update-ref", &old, &kept]);
    let day_ago = || {
        let file = std::fs::File::options().create(true).append(true).open(&stamp).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(24 * 60 * 60 + 1)).unwrap();
    };
    make_old();
    std::fs::write(&stamp, "").unwrap();
    bench.run(&["exec", "resume", "--last", "one", "--script", &script]).succeeds();
    assert!(snapshots(&bench).contains(&old), "it was swept less than a day ago");
    day_ago();
    bench.run(&["status"]).succeeds();
    let mut command = bench.command(&["resume", "--last", "--script", &script]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let (mut typed, mut told) = (child.stdin.take().unwrap(), child.stderr.take().unwrap());
    heard_until(&mut told, &PROMPTS);
    assert!(snapshots(&bench).contains(&old), "no model was asked yet");
    writeln!(typed, "one").unwrap();
    wait_for("the sweep", || !snapshots(&bench).contains(&old));
    assert!(snapshots(&bench).contains(&kept), "only what is old goes");
    let age = SystemTime::now().duration_since(std::fs::metadata(&stamp).unwrap().modified().unwrap());
    assert!(age.unwrap() < Duration::from_secs(3_600), "the next one is a day later");
    heard_until(&mut told, &PROMPTS);
    writeln!(typed, "/quit").unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
}
