//! Commands that run to their end.

use crate::world::{SECRET, World, eventually, finished, number_in, runs};
use agent_core::{OutputStatus, ToolAnswer, ToolCallHandler};
use serde_json::json;
use std::time::{Duration, Instant};

#[tokio::test]
async fn output_exit_code_and_duration_are_told() {
    let world = World::new();
    let output = world.exec("echo out; echo err >&2; echo more; exit 3").await;
    assert_eq!(output.plain_text(), "out\nerr\nmore\n", "in the order they were written");
    assert_eq!((output.status, output.exit_code), (OutputStatus::Failed, Some(3)));
    assert!(output.duration_ms.is_some_and(|ms| ms < 5_000));
    let output = world.call("shell", json!({ "command": ["printf", "%s|", "a b", "$HOME"] })).await;
    assert_eq!(output.plain_text(), "a b|$HOME|", "no shell");
    assert_eq!((output.status, output.exit_code), (OutputStatus::Ok, Some(0)));
    let output = world.exec("true").await;
    assert_eq!(output.content, []);
}

#[tokio::test]
async fn a_command_runs_where_it_is_told_to() {
    let world = World::new();
    world.write("sub/x", "");
    let output = world.call("exec_command", json!({ "cmd": "pwd; echo $PWD", "workdir": "sub" })).await;
    let sub = world.path("sub").display().to_string();
    assert_eq!(output.plain_text(), format!("{sub}\n{sub}\n"));
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_a_failed_output_and_nothing_runs() {
    let world = World::new();
    world.write("file", "");
    for (workdir, said) in [("nowhere", "nowhere does not exist"), ("file", "is not a directory")] {
        let output = world.call("exec_command", json!({ "cmd": "touch ran", "workdir": workdir })).await;
        assert_eq!(output.status, OutputStatus::Failed);
        assert!(output.plain_text().contains(said), "{}", output.plain_text());
    }
    assert_eq!(world.ledger(), "");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_a_failed_output() {
    let world = World::new();
    let output = world.call("shell", json!({ "command": ["no-such-program", "x"] })).await;
    assert_eq!((output.status, output.exit_code), (OutputStatus::Failed, None));
    assert!(
        output.plain_text().contains("`no-such-program` could not be started"),
        "{}",
        output.plain_text()
    );
    assert_eq!(world.exec("no-such-program").await.exit_code, Some(127));
}

#[tokio::test]
async fn death_by_a_signal_is_told() {
    let output = World::new().exec("echo before; kill -9 $$").await;
    assert_eq!((output.status, output.exit_code), (OutputStatus::Failed, None));
    assert_eq!(output.plain_text(), "before\n[The command was ended by signal 9 (SIGKILL).]\n");
}

#[tokio::test]
async fn standard_input_is_empty_and_there_is_no_terminal() {
    let output =
        World::new().exec("cat; test -t 1 || echo none; (: </dev/tty) 2>/dev/null || echo no tty").await;
    assert_eq!(output.plain_text(), "none\nno tty\n");
}

#[tokio::test]
async fn a_hundred_megabytes_are_capped_in_memory_and_in_the_answer() {
    let world = World::new();
    let before = peak_memory();
    let output =
        world.exec("echo first; head -c 100000000 /dev/zero | tr '\\0' 'x' | fold -w 99; echo last").await;
    let text = output.plain_text();
    assert!(text.len() < 33 * 1024, "{} bytes", text.len());
    assert!(
        text.starts_with("first\nxxx") && text.ends_with("xxx\nlast\n") || text.ends_with("xlast\n"),
        "{}",
        &text[..20]
    );
    assert!(text.contains("bytes (") && text.contains("lines) omitted: output is capped at 32768 bytes"));
    assert!(world.live().len() < 300 * 1024);
    let grown = peak_memory() - before;
    assert!(grown < 16 * 1024, "{grown} kB more memory were used");
}

/// In kB.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn bytes_that_are_no_text_are_replaced() {
    let output = World::new().exec(r"printf 'a\xff\xc3'; sleep 0.05; printf '\xa4b\xf0\x9f'").await;
    assert_eq!(output.plain_text(), "a\u{fffd}äb\u{fffd}");
}

#[tokio::test]
async fn output_is_shown_while_the_command_runs() {
    let world = World::new();
    let request = world.request("exec_command", json!({ "cmd": "echo one; sleep 30" })).await;
    let item = request.call.item.clone();
    let operation = world.registry.start(request);
    let mut answer = operation.answer.0;
    tokio::select! {
        answer = &mut answer => panic!("{answer:?}"),
        () = eventually("output is shown", || !world.sink.live_pieces().is_empty()) => {}
    }
    let live = world.sink.live_pieces().remove(0);
    assert_eq!((live.item, live.attempt, live.turn.0), (item, 1, 1));
}

#[tokio::test]
async fn a_secret_is_in_no_output_no_ledger_and_not_shown() {
    let world = World::new();
    let (start, end) = SECRET.split_at(7);
    let cmd = format!("printf 'x {start}'; sleep 0.2; printf '{end} y\\n'; exit 1");
    let request = world.request("exec_command", json!({ "cmd": cmd })).await;
    let output = finished(world.run(request.clone()).await);
    assert_eq!(output.plain_text(), "x [redacted] y\n");
    assert!(world.ledger().contains("[redacted]") && !world.ledger().contains(SECRET));
    assert_eq!(world.live(), "x [redacted] y\n");
    assert_eq!(world.registry.recover(request).await, ToolAnswer::Finished { output });
    let error = world.prepare(SECRET, json!({})).await.unwrap_err();
    assert!(error.contains("[redacted]") && !error.contains(SECRET));
}

#[tokio::test]
async fn commands_see_the_environment_of_the_policy() {
    let world = World::with(|config| {
        config.env_policy.set.insert("EXTRA".into(), "1".into());
        config.env_policy.default_excludes = false;
    });
    let output = world.exec("env | cut -d= -f1 | sort").await;
    let names: Vec<String> = output.plain_text().lines().map(str::to_owned).collect();
    for name in ["EXTRA", "FOO", "PATH", "SERVICE_TOKEN", "EVERTURN_EFFECT"] {
        assert!(names.contains(&name.to_owned()), "{name} is missing from {names:?}");
    }
    assert!(!names.contains(&"OPENAI_API_KEY".to_owned()), "model keys never reach a command");
    let output = World::new().exec("echo ${SERVICE_TOKEN-none} ${OPENAI_API_KEY-none} $FOO").await;
    assert_eq!(output.plain_text(), "none none bar\n");
}

#[tokio::test]
async fn a_background_process_does_not_hold_the_answer_and_may_go_on() {
    let world = World::new();
    let begun = Instant::now();
    let output = world.exec("sleep 60 & echo $! > pid; echo started").await;
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(output.exit_code, Some(0));
    let text = output.plain_text();
    assert!(text.starts_with("started\n[The command left processes running"), "{text}");
    let pid = number_in(&world.path("pid")).await;
    assert!(runs(pid));
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[tokio::test]
async fn the_ledger_tells_of_a_command_until_it_is_acknowledged() {
    let world = World::new();
    let request = world.request("exec_command", json!({ "cmd": "echo hi > a; echo hi" })).await;
    let answer = world.run(request.clone()).await;
    let ledger = world.ledger();
    assert!(ledger.starts_with("3-1: {\"child\":{\"pid\":") && ledger.contains("{\"answer\":"), "{ledger}");
    assert_eq!(world.registry.recover(request.clone()).await, answer);
    assert_eq!(world.run(request.clone()).await, answer, "the same run is not begun twice");
    world.registry.acknowledge(&request.key, request.effect);
    assert_eq!(world.ledger(), "");
    assert_eq!(world.registry.recover(request).await, ToolAnswer::NotStarted);
}

#[tokio::test]
async fn a_ledger_that_survives_the_loss_of_power_tells_the_same() {
    let world = World::with(|config| config.durability = tools::Durability::Power);
    let request = world.request("exec_command", json!({ "cmd": "echo hi" })).await;
    let answer = world.run(request.clone()).await;
    assert_eq!(finished(answer.clone()).plain_text(), "hi\n");
    assert_eq!(world.registry.recover(request).await, answer);
}

#[tokio::test]
async fn without_a_ledger_nothing_runs() {
    let world = World::new();
    std::fs::write(world.home.path().join("effects"), "in the way").unwrap();
    let request = world.request("exec_command", json!({ "cmd": "touch ran" })).await;
    let answer = world.run(request).await;
    assert!(
        matches!(&answer, ToolAnswer::Fatal { message } if message.contains("effect ledger")),
        "{answer:?}"
    );
    assert!(!world.path("ran").exists());
}
