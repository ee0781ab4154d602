//! Long threads as their users meet them: taking back, reviews, modes, summaries, budgets, history, trust, skills, hooks.

mod conversation;
mod in_turn;
mod kept;
mod library;
mod on_temporal;
mod outside;
mod servers;
mod taking_back;

use crate::binary::{Bench, Ran};
use std::{
    io::{Read, Write},
    process::{Command, Stdio},
};

/// Makes the project a repository with one commit of these files.
fn repository(bench: &Bench, files: &[(&str, &str)]) {
    std::fs::remove_dir_all(bench.project().join(".git")).unwrap();
    git(bench, &["init", "-q", "-b", "main"]);
    for (name, content) in files {
        bench.file(name, content);
    }
    git(bench, &["add", "-A"]);
    git(bench, &["commit", "-q", "--allow-empty", "-m", "first"]);
}

/// Runs git in the project, and says what it printed.
fn git(bench: &Bench, args: &[&str]) -> String {
    let identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
    let done = Command::new("git").args(identity).args(args).current_dir(bench.project()).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    String::from_utf8(done.stdout).unwrap()
}

/// The thread that was used last.
fn last_thread(bench: &Bench) -> String {
    bench.run(&["sessions", "list", "--json"]).json()[0]["thread"].as_str().unwrap().to_owned()
}

/// A conversation with these lines, on with the last thread: each is typed when the one before it has led to all it leads to.
fn converse(bench: &Bench, args: &[&str], lines: &[&str]) -> Ran {
    talk(bench.command(&[&["resume", "--last"], args].concat()), lines)
}

fn talk(mut command: Command, lines: &[&str]) -> Ran {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let (mut typed, mut told) = (child.stdin.take().unwrap(), child.stderr.take().unwrap());
    let mut said = Vec::new();
    for line in lines {
        said.append(&mut heard_until(&mut told, &PROMPTS));
        writeln!(typed, "{line}").unwrap();
    }
    drop(typed);
    told.read_to_end(&mut said).unwrap();
    let mut ran: Ran = child.wait_with_output().unwrap().into();
    ran.stderr = String::from_utf8_lossy(&said).into_owned();
    ran
}

/// What is told up to one of these ends, or the end of all.
fn heard_until(told: &mut impl Read, ends: &[&str]) -> Vec<u8> {
    let mut heard = Vec::new();
    while !ends.iter().any(|end| heard.ends_with(end.as_bytes())) {
        let mut byte = [0];
        if told.read(&mut byte).unwrap() == 0 {
            break;
        }
        heard.push(byte[0]);
    }
    heard
}

/// What stands before a line that is typed.
const PROMPTS: [&str; 2] = ["› ", "[y/n] "];

/// A plan, and what carries it out.
const PLANNED: &str = r#"
[[turn]]
match = "make a plan"
[[turn.step]]
text = "<proposed_plan>\n1. Write done.txt\n</proposed_plan>"

[[turn]]
match = "The plan is approved"
[[turn.step]]
calls = [{ tool = "exec_command", args = { cmd = "echo done > done.txt" } }]
[[turn.step]]
text = "Carried out."
"#;

/// Everything is allowed: these tests are about other things.
const FREE: [&str; 2] = ["--sandbox", "danger-full-access"];
