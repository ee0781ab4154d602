//! Threads on Temporal as a user without a server has them: nothing but the binary, in a fresh data folder.

use super::PATIENCE;
use crate::{
    binary::{Bench, Ran},
    laptop::{DevServer, Laptop},
};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    process::Command,
    time::{Duration, Instant},
};
use test_kit::Trace;

/// A server that was told to end has done so within this time.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

const LOGS: &str = r#"
[[step]]
text = "I log."
calls = [{ tool = "exec_command", args = { cmd = "echo logged >> log.txt" } }]
[[step]]
text = "It is logged."
"#;

const ASKS: &str = r#"
[[turn]]
match = "go"
[[turn.step]]
calls = [{ tool = "exec_command", args = { cmd = "echo asked >> log.txt", sandbox_permissions = "require_escalated", justification = "it is needed" } }]
[[turn.step]]
text = "Went on."

[[turn]]
match = "more"
[[turn.step]]
text = "More."
"#;

impl Laptop {
    /// Nothing of it runs any more, or is about to end: whoever leaves a server does not wait for its end.
    fn is_quiet(&self) {
        let begun = Instant::now();
        while !self.processes().is_empty() {
            assert!(begun.elapsed() < ENDS_WITHIN, "still there: {:?}", self.processes());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Processes whose command line names the data folder or the program under test in it.
    fn processes(&self) -> Vec<String> {
        let home = self.bench.path().to_str().unwrap().to_owned();
        let command_line = |entry: std::io::Result<std::fs::DirEntry>| {
            let line = std::fs::read(entry.ok()?.path().join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            line.contains(&home).then_some(line)
        };
        std::fs::read_dir("/proc").map(|all| all.filter_map(command_line).collect()).unwrap_or_default()
    }
}

/// The id in the advice of a run that waits for an answer.
fn question(ran: &Ran) -> String {
    let (_, rest) = ran.stderr.rsplit_once("everturn approve ").unwrap_or_else(|| panic!("{ran:#?}"));
    rest.split_whitespace().next().unwrap().to_owned()
}

#[tokio::test]
async fn the_agents_question_is_answered_from_another_process_and_the_audit_tells_of_it() {
    let laptop = Laptop::new().await;
    let script = laptop.bench.script(crate::questions::STYLE);
    let exec = ["exec", "--backend", "temporal", "--script", &script, "go"];
    let ran = laptop.run(&exec).fails(3, &["The agent asks", "everturn answer "]);
    let id = crate::questions::id_after(&ran.stderr, "everturn answer ").to_owned();
    let list = laptop.run(&["approvals"]).succeeds().stdout;
    assert!(list.contains(&format!("{id}  the agent asks: Which style?")), "{list}");
    let ran = laptop.run(&["answer", &id, "--option", "2"]).succeeds();
    assert!(ran.stderr.contains("answered: camel") && ran.stderr.contains("Told: "), "{ran:#?}");
    let audit =
        laptop.run(&["sessions", "show", &laptop.threads()[0], "--audit", "--json"]).succeeds().json();
    let told: Vec<_> = audit.iter().map(|row| (row["kind"].as_str(), row["decision"].as_str())).collect();
    assert_eq!(
        told,
        [(Some("settings"), Some("started with")), (Some("question"), Some("answered: camel"))],
        "{audit:#?}"
    );
    assert_eq!((&audit[1]["question"], &audit[1]["by"]), (&id.into(), &"cli".into()));
    laptop.is_quiet();
}

#[tokio::test]
async fn exec_brings_its_own_server_and_leaves_no_process_behind() {
    let laptop = Laptop::new().await;
    let script = laptop.bench.script(LOGS);
    let exec =
        ["exec", "--backend", "temporal", "--sandbox", "danger-full-access", "--script", &script, "go"];
    let ran = laptop.run(&exec).succeeds();
    assert_eq!(ran.stdout.trim(), "It is logged.", "{ran:#?}");
    assert_eq!(laptop.bench.read("log.txt"), "logged\n");
    laptop.is_quiet();
    // The thread is there in the next process, which names no backend.
    let [thread] = &laptop.threads()[..] else { panic!("{:?}", laptop.threads()) };
    let trace = Trace::of(&laptop.events(thread));
    assert_eq!(trace.thread, ["turn_started", "turn_completed: final"]);
    assert_eq!(
        trace.items,
        [
            "user_message: go",
            "agent_message: I log.",
            "command_execution: ok",
            "agent_message: It is logged."
        ]
    );
    laptop.is_quiet();
}

#[tokio::test]
async fn the_commands_of_a_second_terminal_work_on_a_thread_on_temporal() {
    let laptop = Laptop::new().await;
    let script = laptop.bench.script(ASKS);
    // One server for all that follows, as a user has who works for a while.
    let _server = DevServer::start(&laptop);
    let exec = ["exec", "--backend", "temporal", "--approval", "on-request", "--script", &script, "go"];
    let asked = question(&laptop.run(&exec).fails(3, &["everturn approve "]));
    let [thread] = &laptop.threads()[..] else { panic!("{:?}", laptop.threads()) };

    let listed = laptop.run(&["approvals"]).succeeds().stdout;
    assert!(listed.contains(&asked) && listed.contains("echo asked") && listed.contains(thread), "{listed}");
    let status = laptop.run(&["status", thread]).succeeds().stdout;
    assert!(status.contains("waiting") && status.contains("temporal"), "{status}");

    laptop.run(&["approve", &asked]).succeeds();
    assert_eq!(laptop.bench.read("log.txt"), "asked\n");
    laptop.run(&["approve", &asked]).fails(2, &[&asked]);
    assert_eq!(laptop.run(&["approvals"]).succeeds().stdout, "");

    laptop.run(&["send", thread, "more"]).succeeds();
    let before = laptop.events(thread);
    assert_eq!(
        Trace::of(&before).items,
        [
            "user_message: go",
            "user_message: more",
            "command_execution: ok",
            "agent_message: Went on.",
            "agent_message: More.",
        ]
    );

    // Denied, the turn goes on.
    laptop.run(&["send", thread, "go"]).fails(3, &["everturn approve "]);
    let listed = laptop.run(&["approvals"]).succeeds().stdout;
    let denied = listed.split_whitespace().next().unwrap();
    laptop.run(&["deny", denied]).succeeds();
    // Interrupted, it does not.
    laptop.run(&["send", thread, "go"]).fails(3, &["everturn approve "]);
    laptop.run(&["interrupt", thread]).fails(130, &["interrupted"]);
    assert_eq!(laptop.bench.read("log.txt"), "asked\n");
    let events = laptop.events(thread);
    assert_eq!(events[..before.len()], before, "what was told stays");
    let ends: Vec<_> = Trace::of(&events)
        .thread
        .into_iter()
        .filter(|name| name.starts_with("turn_") && name.contains(": "))
        .collect();
    let finals = ["turn_completed: final"; 3];
    assert_eq!(ends, [&finals[..], &["turn_aborted: interrupted"]].concat());

    let fork = laptop.run(&["fork", thread, "--turn", "1", "--no-run"]).succeeds().stdout.trim().to_owned();
    assert_ne!(fork, *thread);
    laptop.run(&["send", &fork, "more"]).succeeds();
    let items = Trace::of(&laptop.events(&fork)).items;
    assert_eq!(items.last().map(String::as_str), Some("agent_message: More."), "{items:?}");
    let status = laptop.run(&["status", &fork]).succeeds().stdout;
    assert!(status.contains("temporal"), "{status}");

    // Nobody serves the thread any more, and it is shown all the same.
    let shown = attached_until(laptop.command(&["attach", thread]), &laptop.bench, "interrupted").await;
    assert_eq!(shown.matches("More.").count(), 1, "{shown}");
}

/// What `attach` prints until it has printed this. It leaves at Ctrl-C.
pub(super) async fn attached_until(mut attach: Command, bench: &Bench, text: &str) -> String {
    let path = bench.path().join("attached.txt");
    let mut attached = attach.stdout(std::fs::File::create(&path).unwrap()).spawn().unwrap();
    let shown = || std::fs::read_to_string(&path).unwrap();
    let begun = Instant::now();
    while !shown().contains(text) {
        assert!(begun.elapsed() < PATIENCE, "`{text}` is not shown: {}", shown());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    kill_process(Pid::from_child(&attached), Signal::INT).unwrap();
    assert_eq!(attached.wait().unwrap().code(), Some(0));
    shown()
}
