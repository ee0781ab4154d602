//! `everturn replay`: threads gone through again, journals that were changed, cut, or written by a later version, and two
//! builds compared.

use crate::binary::{Bench, Ran};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

const TWO_STEPS: &str = r#"
[[step]]
text = "I look."
calls = [{ tool = "exec_command", args = { cmd = "echo hello" } }]
[[step]]
text = "Done."
"#;

/// A bench with a thread that had one turn, and its id.
fn bench() -> (Bench, String) {
    let bench = Bench::new();
    let script = bench.script(TWO_STEPS);
    bench.run(&["exec", "--sandbox", "danger-full-access", "--script", &script, "go"]).succeeds();
    let list = bench.run(&["sessions", "list", "--json"]).succeeds();
    let thread = list.json()[0]["thread"].as_str().unwrap().to_owned();
    (bench, thread)
}

fn verified(ran: &Ran) -> Value {
    serde_json::from_str(ran.stdout.trim()).unwrap()
}

/// The journal of the thread as lines, the first of which is the heading.
fn saved(bench: &Bench, thread: &str) -> (PathBuf, Vec<Value>) {
    let path = bench.path().join("journal.jsonl");
    bench.run(&["replay", thread, "--save", path.to_str().unwrap()]).succeeds();
    let lines = fs::read_to_string(&path).unwrap();
    (path, lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

fn write(path: &Path, lines: &[Value]) {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    fs::write(path, text).unwrap();
}

fn replay(bench: &Bench, path: &Path, more: &[&str]) -> Ran {
    bench.run(&[&["replay", "--journal", path.to_str().unwrap()], more].concat())
}

#[test]
fn a_thread_leads_to_what_was_recorded_and_every_moment_can_be_looked_at() {
    let (bench, thread) = bench();
    let before = bench.events();
    let records = saved(&bench, &thread).1.len() as u64 - 1;
    let ran = bench.run(&["replay", &thread, "--json"]).succeeds();
    assert_eq!(verified(&ran), json!({ "verified": true, "records": records, "events": before.len() }));
    let ran = bench.run(&["replay"]).succeeds();
    assert!(ran.stdout.contains(&format!("{records} records lead to the same")), "{ran:#?}");

    let at = verified(&bench.run(&["replay", &thread, "--at", "2", "--json"]).succeeds());
    assert_eq!((&at["input_seq"], &at["turn"]), (&json!(2), &json!(1)), "{at:#}");
    let ran = bench.run(&["replay", &thread, "--at", "2"]).succeeds();
    assert!(ran.stdout.contains("op user_") && ran.stdout.contains("turn 1 runs: "), "{ran:#?}");
    let last = records.to_string();
    let end = verified(&bench.run(&["replay", &thread, "--at", &last, "--json"]).succeeds());
    assert_eq!((&end["turn"], &end["running"], &end["turns"]), (&Value::Null, &json!([]), &json!(1)));
    let items: Vec<_> = end["items"].as_array().unwrap().iter().map(|item| item["kind"].clone()).collect();
    assert!(items.ends_with(&["call", "output", "agent"].map(Value::from)), "{items:?}");

    let range = bench.run(&["replay", &thread, "--from", "2", "--to", "4", "--json"]).succeeds().json();
    let shown: Vec<_> = range.iter().map(|line| (line["record"].clone(), line["same"].clone())).collect();
    assert_eq!(shown, [2, 3, 4].map(|seq| (json!(seq), json!(true))));
    bench.run(&["replay", &thread, "--from", "99999"]).fails(2, &["there is no record 99999"]);
    bench.run(&["replay", &thread, "--at", "99999"]).fails(2, &["there is no record 99999"]);
    bench.run(&["replay", "no-such-thread"]).fails(2, &["there is no thread no-such-thread"]);
    assert_eq!(bench.events(), before, "a replay changes nothing");
}

#[test]
fn it_is_stepped_through_by_hand() {
    let (bench, thread) = bench();
    let orders = "next\n\nprev\ngoto 3\nstate\ngoto 99999\nnonsense\nprev\nprev\nprev\nquit\n";
    let ran = bench.run_with(&["replay", &thread, "--step"], orders.as_bytes()).succeeds();
    let seqs: Vec<_> =
        ran.stdout.lines().filter_map(|line| line.strip_prefix('#')?.split(' ').next()).collect();
    assert_eq!(seqs, ["1", "2", "1", "3", "2", "1"], "{ran:#?}");
    assert!(ran.stdout.contains("after record 3"), "{ran:#?}");
    for said in ["there is no record 99999", "`nonsense` means nothing here", "this is the beginning"] {
        assert!(ran.stderr.contains(said), "{said}: {ran:#?}");
    }
    // The input ends without `quit`.
    bench.run_with(&["replay", &thread, "--step"], b"goto 99998").succeeds();
}

#[test]
fn the_first_record_that_differs_is_named_with_both() {
    let (bench, thread) = bench();
    let (path, mut lines) = saved(&bench, &thread);
    let at = lines[1..]
        .iter()
        .rposition(|line| line["events"].as_array().is_some_and(|all| !all.is_empty()))
        .unwrap()
        + 1;
    lines[at]["events"][0]["at_ms"] = json!(1);
    write(&path, &lines);
    let ran = replay(&bench, &path, &[]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    for said in ["recorded ", "now      ", &format!("record {at} of {}", lines.len() - 1)] {
        assert!(ran.stdout.contains(said), "{said}: {ran:#?}");
    }
    let said = verified(&replay(&bench, &path, &["--json"]));
    assert_eq!((&said["verified"], &said["record"]), (&json!(false), &json!(at)));
    assert_eq!(said["recorded_events"][0]["at_ms"], json!(1));
    assert_ne!(said["events"][0]["at_ms"], json!(1));
}

#[test]
fn journals_that_cannot_be_replayed_are_told_apart() {
    let (bench, thread) = bench();
    let (path, lines) = saved(&bench, &thread);
    let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "it has everything that was said");

    let mut newer = lines.clone();
    newer[3]["record"]["rules"] = json!(9999);
    write(&path, &newer);
    replay(&bench, &path, &[]).fails(1, &["record 3 was written by a later version (rules 9999"]);

    let mut gap = lines.clone();
    gap.remove(2);
    gap[0]["records"] = json!(gap.len() - 1);
    write(&path, &gap);
    replay(&bench, &path, &[]).fails(1, &["record 3 comes where record 2 is next", "damaged or was cut"]);

    write(&path, &lines[..lines.len() - 1]);
    replay(&bench, &path, &[]).fails(1, &["it was cut", "of its"]);

    let whole: String = lines.iter().map(|line| format!("{line}\n")).collect();
    fs::write(&path, &whole[..whole.len() - 20]).unwrap();
    replay(&bench, &path, &[]).fails(1, &["is no record, or a part of one"]);

    let mut newer = lines;
    newer[0]["everturn_journal"] = json!(2);
    write(&path, &newer);
    replay(&bench, &path, &[]).fails(1, &["it has form 2", "update Everturn"]);

    for (text, said) in [("", "it is empty"), ("garbage\n", "not the heading"), ("{}\n", "not the heading")] {
        fs::write(&path, text).unwrap();
        replay(&bench, &path, &[]).fails(1, &[said]);
    }
    replay(&bench, &bench.path().join("none"), &[]).fails(1, &["No such file"]);
}

#[test]
fn a_damaged_record_of_the_database_is_named() {
    let (bench, thread) = bench();
    let script = "import sqlite3, sys\n\
                  db = sqlite3.connect(sys.argv[1])\n\
                  db.execute('UPDATE commits SET input = ? WHERE (key & 4294967295) = 3', ('{\"type\":',))\n\
                  db.commit()\n";
    let database = bench.home().join("everturn.db");
    let done = std::process::Command::new("python3").args(["-c", script]).arg(&database).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    bench.run(&["replay", &thread]).fails(5, &["record 3 of thread", "everturn.db"]);
}

/// A program that says these things of a journal, in place of another build.
fn other_build(bench: &Bench, script: &str) -> String {
    let path = bench.path().join("other");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn two_builds_are_compared_to_the_record() {
    let (bench, thread) = bench();
    let this = env!("CARGO_BIN_EXE_everturn-under-test");
    let ran = bench.run(&["replay", &thread, "--bisect", this]).succeeds();
    assert!(ran.stdout.contains("both builds decide all"), "{ran:#?}");

    // Another build decides record 4 otherwise, and so everything after it.
    let trail = verified(&bench.run(&["replay", &thread, "--digests"]).succeeds());
    let mut digests = trail["digests"].as_array().unwrap().clone();
    for digest in &mut digests[3..] {
        *digest = format!("x{}", digest.as_str().unwrap()).into();
    }
    fs::write(bench.path().join("digests"), json!({ "digests": digests }).to_string()).unwrap();
    let script = "case \"$*\" in\n\
                  *--digests*) cat \"$(dirname \"$0\")/digests\" ;;\n\
                  *'--from 4 --to 4 --json'*) echo '{\"record\":4,\"events\":[{\"seq\":7,\"type\":\"odd\"}],\"effects\":[]}' ;;\n\
                  *) exit 9 ;;\nesac";
    let other = other_build(&bench, script);
    let ran = bench.run(&["replay", &thread, "--bisect", &other]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    for said in ["record 4 is the first", "this build:", "#4  ", r#"{"seq":7,"type":"odd"}"#] {
        assert!(ran.stdout.contains(said), "{said}: {ran:#?}");
    }
    let said = verified(&bench.run(&["replay", &thread, "--bisect", &other, "--json"]));
    assert_eq!((&said["same"], &said["record"]), (&json!(false), &json!(4)));
    assert_eq!(said["this"]["record"], json!(4));

    // It does not know the rules of the third record.
    let short =
        json!({ "digests": &trail["digests"].as_array().unwrap()[..2], "obstacle": "record 3 is too new" });
    fs::write(bench.path().join("digests"), short.to_string()).unwrap();
    let ran = bench.run(&["replay", &thread, "--bisect", &other]);
    assert!(
        ran.stdout.contains("record 3 is the first") && ran.stdout.contains("record 3 is too new"),
        "{ran:#?}"
    );
}

#[test]
fn what_is_no_other_build_is_told() {
    let (bench, thread) = bench();
    let bisect = |program: &str| bench.run(&["replay", &thread, "--bisect", program]);
    bisect("/nowhere/everturn").fails(1, &["cannot be started", "has to be an everturn"]);
    bisect(&other_build(&bench, "echo 'unexpected argument --journal' >&2; exit 2"))
        .fails(1, &["unexpected argument --journal"]);
    bisect(&other_build(&bench, "echo hello")).fails(1, &["is no trail of digests"]);
}
