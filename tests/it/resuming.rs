//! What a thread keeps and what it takes when it is served again.

use crate::binary::{Bench, Ran};
use serde_json::{Value, json};
use std::process::Command;
use test_kit::{ModelServer, Reply};

/// A server with so many short answers, and a bench that asks it.
fn asking(answers: usize) -> (ModelServer, Bench) {
    let server = ModelServer::start(vec![Reply::new().text("Ok."); answers]).unwrap();
    (server, Bench::new())
}

fn run(bench: &Bench, server: &ModelServer, args: &[&str]) -> Ran {
    let mut command = bench.command(args);
    command.env("OPENAI_BASE_URL", server.url()).env("OPENAI_API_KEY", "k-12345678");
    command.output().unwrap().into()
}

fn input(server: &ModelServer, at: usize) -> String {
    server.requests()[at].body["input"].to_string()
}

fn git(bench: &Bench, args: &[&str]) {
    let identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
    let done = Command::new("git").args(identity).args(args).current_dir(bench.project()).output().unwrap();
    assert!(done.status.success(), "{done:?}");
}

fn last_thread(bench: &Bench) -> String {
    let list = bench.run(&["sessions", "list", "--json"]).stdout;
    let first: Value = serde_json::from_str(list.lines().next().unwrap()).unwrap();
    first["thread"].as_str().unwrap().to_owned()
}

#[test]
fn another_branch_is_told_by_whatever_serves_the_thread_again() {
    let (server, bench) = asking(4);
    std::fs::remove_dir(bench.project().join(".git")).unwrap();
    git(&bench, &["init", "-q", "-b", "first"]);
    git(&bench, &["commit", "-q", "--allow-empty", "-m", "x"]);
    run(&bench, &server, &["exec", "a"]).succeeds();
    git(&bench, &["checkout", "-q", "-b", "second"]);
    let thread = last_thread(&bench);
    run(&bench, &server, &["send", &thread, "b"]).succeeds();
    assert!(input(&server, 1).contains("<environment_change>\\ngit: second @ "), "{}", input(&server, 1));
    git(&bench, &["checkout", "-q", "-b", "third"]);
    let fork = run(&bench, &server, &["fork", &thread, "--no-run"]).succeeds().stdout;
    run(&bench, &server, &["exec", "resume", fork.trim(), "c"]).succeeds();
    let told = input(&server, 2);
    assert_eq!(
        (told.matches("<environment>").count(), told.matches("git: third @ ").count()),
        (1, 1),
        "{told}"
    );
}

#[test]
fn developer_instructions_can_be_taken_back() {
    let (server, bench) = asking(2);
    run(&bench, &server, &["exec", "-c", "developer_instructions=Rhyme.", "a"]).succeeds();
    run(&bench, &server, &["exec", "resume", "--last", "b", "-c", "developer_instructions=\"\""]).succeeds();
    assert!(input(&server, 1).contains("no longer apply"), "{}", input(&server, 1));
}

#[test]
fn a_profile_counts_as_said_however_it_is_named() {
    let (server, bench) = asking(5);
    bench.configure("[profiles.p]\nmodel = \"of-p\"\nsandbox_workspace_write.writable_roots = [\"/tmp\"]\n");
    run(&bench, &server, &["exec", "-m", "first", "a"]).succeeds();
    for named in [["-c", "profile=p"], ["--profile", "p"]] {
        run(&bench, &server, &["exec", "resume", "--last", "b", "-m", "first"]).succeeds();
        run(&bench, &server, &[&["exec", "resume", "--last", "c"], &named[..]].concat()).succeeds();
        assert_eq!(server.requests().last().unwrap().body["model"], "of-p");
    }
}

#[test]
fn directories_that_were_opened_stay_open() {
    let (server, bench) = asking(3);
    let other = bench.path().join("other");
    std::fs::create_dir(&other).unwrap();
    let other = other.canonicalize().unwrap();
    let other = other.to_str().unwrap();
    run(&bench, &server, &["exec", "-s", "workspace-write", "--add-dir", other, "a"]).succeeds();
    run(&bench, &server, &["exec", "resume", "--last", "-s", "workspace-write", "b"]).succeeds();
    assert!(!input(&server, 1).contains("environment_change"), "{}", input(&server, 1));
    run(&bench, &server, &["exec", "resume", "--last", "-s", "read-only", "c"]).succeeds();
    run(&bench, &server, &["exec", "resume", "--last", "--add-dir", other, "d"])
        .fails(2, &["workspace-write"]);
}

#[test]
fn limits_of_the_model_hold_for_the_model_of_the_thread() {
    let (server, bench) = asking(2);
    run(&bench, &server, &["exec", "-m", "other", "a"]).succeeds();
    let limits = ["-c", "model_max_output_tokens=77", "-c", "model_context_window=777", "--json"];
    let ran = run(&bench, &server, &[&["exec", "resume", "--last", "b"], &limits[..]].concat()).succeeds();
    assert_eq!(server.requests()[1].body["max_output_tokens"], 77);
    let count = ran.json().into_iter().find(|event| event["type"] == "token_count").unwrap();
    assert_eq!(count["context_window"], json!(777), "{count}");
}
