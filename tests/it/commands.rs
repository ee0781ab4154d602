//! The commands as a user types them.

use crate::binary::{Bench, Ran};
use agent_core::EventKind;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::{
    os::unix::process::ExitStatusExt,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use test_kit::{ModelServer, Reply};

const TWO_STEPS: &str = r#"
[[step]]
reasoning = "Look first."
text = "Looking."
calls = [{ tool = "exec_command", args = { cmd = "echo hello" } }, { tool = "update_plan", args = { plan = [{ step = "look", status = "completed" }] } }]
usage = { input = 100, cached = 40, output = 10, reasoning = 3 }

[[step]]
text = "It says {{output:1}}"
usage = { input = 150, cached = 100, output = 5 }
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

/// Asks for a command and exits 3; returns the question's id.
fn ask(bench: &Bench) -> String {
    let script = bench.script(ASKS);
    let ran = bench.run(&["exec", "--approval", "on-request", "--script", &script, "go"]);
    let ran = ran.fails(3, &["everturn approve "]);
    let (_, rest) = ran.stderr.rsplit_once("everturn approve ").unwrap();
    rest.split_whitespace().next().unwrap().to_owned()
}

pub(crate) fn wait_for(what: &str, mut check: impl FnMut() -> bool) {
    let started = Instant::now();
    while !check() {
        assert!(started.elapsed() < Duration::from_secs(20), "{what} did not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn exec_prints_json_in_the_shapes_of_the_codex_sdk() {
    let bench = Bench::new();
    let script = bench.script(TWO_STEPS);
    let ran = bench
        .run(&["exec", "--sandbox", "danger-full-access", "--script", &script, "--json", "go"])
        .succeeds();
    let mut lines = ran.json();
    let thread = lines[0]["thread_id"].as_str().unwrap().to_owned();
    assert_eq!(thread.len(), 36);
    // Every line tells of a durable event, in order.
    let seqs: Vec<u64> = lines.iter().map(|line| line["seq"].as_u64().unwrap()).collect();
    assert!(seqs.is_sorted() && seqs[0] == 1, "{seqs:?}");
    for line in &mut lines {
        let object = line.as_object_mut().unwrap();
        object.remove("seq");
        object.remove("thread_id");
        object.remove("durability");
        if let Some(item) = line.get_mut("item").and_then(Value::as_object_mut) {
            item.remove("id");
            item.remove("outcome");
        }
    }
    let item = |kind: &str, item: Value| json!({ "type": kind, "item": item });
    let command = |output: &str, code: Value, status: &str| json!({ "type": "command_execution", "command": "echo hello", "aggregated_output": output, "exit_code": code, "status": status });
    let plan = json!({ "type": "todo_list", "items": [{ "text": "look", "completed": true, "status": "completed" }] });
    let tokens = |input, cached, output, reasoning| json!({ "input_tokens": input, "cached_input_tokens": cached, "output_tokens": output, "reasoning_output_tokens": reasoning });
    let count = |last, total| json!({ "type": "token_count", "last": last, "total": total, "context_window": null, "context_left": null, "rate_limits": [] });
    let decided = |call: &str| json!({ "type": "call.decided", "call": call, "ruling": "allowed", "by": "policy", "grant": "unconfined" });
    let expected = [
        json!({ "type": "thread.started" }),
        json!({ "type": "turn.started" }),
        decided("call_1"),
        decided("call_2"),
        item("item.completed", json!({ "type": "reasoning", "text": "Look first." })),
        item("item.completed", json!({ "type": "agent_message", "text": "Looking." })),
        item("item.started", command("", Value::Null, "in_progress")),
        item("item.completed", command("hello\n", json!(0), "completed")),
        item("item.started", plan.clone()),
        item("item.completed", json!({ "type": "agent_message", "text": "It says hello\n" })),
        item("item.completed", plan),
        count(tokens(100, 40, 10, 3), tokens(100, 40, 10, 3)),
        count(tokens(150, 100, 5, 0), tokens(250, 140, 15, 3)),
        json!({ "type": "turn.completed", "usage": tokens(250, 140, 15, 3) }),
    ];
    let sorted = |lines: &[Value]| {
        let mut lines: Vec<String> = lines.iter().map(Value::to_string).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&lines), sorted(&expected));
}

#[test]
fn exec_answers_on_standard_output_and_reports_on_standard_error() {
    let bench = Bench::new();
    let script = bench.script(TWO_STEPS);
    let ran = bench.run(&["exec", "--sandbox", "danger-full-access", "--script", &script, "go"]).succeeds();
    assert_eq!(ran.stdout.trim(), "It says hello");
    assert!(ran.stderr.contains("$ echo hello") && ran.stderr.contains("exit 0"), "{}", ran.stderr);
    assert!(ran.stderr.contains("done") && ran.stderr.contains("250 tokens in"), "{}", ran.stderr);
    assert!(!ran.stderr.contains('\u{1b}'), "no colours where there is no terminal");
}

#[test]
fn the_prompt_comes_from_standard_input_too() {
    let bench = Bench::new();
    let script = bench.script("[[step]]\ntext = \"You said: {{prompt}}\"\n");
    let piped = bench.run_with(&["exec", "--script", &script], b"from the pipe").succeeds();
    assert_eq!(piped.stdout.trim(), "You said: from the pipe");
    let both = bench.run_with(&["exec", "--script", &script, "review this", "-"], b"the diff").succeeds();
    assert_eq!(both.stdout.trim(), "You said: review this\n\nthe diff");
}

#[test]
fn in_a_read_only_sandbox_a_command_writes_nothing_and_the_model_is_told() {
    let bench = Bench::new();
    let script = bench.script("[[step]]\ncalls = [{ tool = \"exec_command\", args = { cmd = \"echo hi > f\" } }]\n[[step]]\ntext = \"{{output}}\"\n");
    let ran = bench.run(&["exec", "--script", &script, "go"]).succeeds();
    assert!(ran.stdout.contains("f: "), "{ran:#?}");
    assert!(!bench.project().join("f").exists());
}

#[test]
fn an_approval_goes_on_with_the_turn_in_another_process() {
    let bench = Bench::new();
    let id = ask(&bench);
    let list = bench.run(&["approvals"]).succeeds();
    assert!(list.stdout.contains(&id) && list.stdout.contains("echo asked"), "{list:#?}");
    assert!(bench.run(&["status"]).succeeds().stdout.contains(&id));
    assert_eq!(bench.read("log.txt"), "");
    let ran = bench.run(&["approve", &id]).succeeds();
    assert!(ran.stderr.contains("Went on."), "{ran:#?}");
    assert_eq!(bench.read("log.txt"), "asked\n");
    bench.run(&["approve", &id]).fails(2, &[&id]);
    assert_eq!(bench.read("log.txt"), "asked\n");
}

#[test]
fn a_denial_goes_on_too_and_can_be_left_for_later() {
    let bench = Bench::new();
    let id = ask(&bench);
    bench.run(&["deny", &id, "--no-run"]).succeeds();
    let ran = bench.run(&["exec", "resume", "--last"]).succeeds();
    assert_eq!(ran.stdout.trim(), "Went on.");
    assert_eq!(bench.read("log.txt"), "");
}

#[test]
fn a_second_answer_is_refused_and_the_turn_is_served_to_its_end() {
    let bench = Bench::new();
    let id = ask(&bench);
    bench.run(&["approve", &id, "--no-run"]).succeeds();
    let ran = bench.run(&["deny", &id]).fails(1, &["not taken", &id, "Went on."]);
    assert!(!ran.stderr.contains("unknown"), "{ran:#?}");
    assert_eq!(bench.read("log.txt"), "asked\n");
}

#[test]
fn many_terminals_answer_at_once_and_one_of_them_counts() {
    let bench = Bench::new();
    let id = ask(&bench);
    let children: Vec<_> = (0..6).map(|_| bench.spawn(&["approve", &id])).collect();
    let ran: Vec<Ran> = children.into_iter().map(|child| child.wait_with_output().unwrap().into()).collect();
    // Taken (0), refused (1), or too late to find the question (2); never a failure of the storage.
    assert!(ran.iter().all(|ran| matches!(ran.code, Some(0..=2))), "{ran:#?}");
    assert!(ran.iter().any(|ran| ran.code == Some(0)), "{ran:#?}");
    assert_eq!(bench.read("log.txt"), "asked\n");
    let answers = bench
        .events()
        .iter()
        .filter(|event| matches!(event.kind, EventKind::InteractionResolved { .. }))
        .count();
    assert_eq!(answers, 1);
}

#[test]
fn an_interrupt_is_heard_before_a_cut_off_turn_goes_on() {
    let bench = Bench::new();
    let script = bench.script(
        "[[step]]\ncalls = [{ tool = \"exec_command\", args = { cmd = \"echo started > s.txt; sleep 100\" } }]\n\
         [[step]]\ncalls = [{ tool = \"exec_command\", args = { cmd = \"echo went-on > s.txt\" } }]\n[[step]]\ntext = \"Never.\"\n",
    );
    let mut child = bench.spawn(&["exec", "--sandbox", "danger-full-access", "--script", &script, "go"]);
    wait_for("the command", || bench.read("s.txt") == "started\n");
    child.kill().unwrap();
    child.wait().unwrap();
    bench.run(&["interrupt"]).fails(130, &["interrupted"]);
    assert_eq!(bench.read("s.txt"), "started\n");
    let models =
        bench.events().iter().filter(|event| matches!(event.kind, EventKind::TokenCount { .. })).count();
    assert_eq!(models, 1, "the model is not asked again");
}

#[test]
fn several_questions_are_answered_one_by_one() {
    let bench = Bench::new();
    let script = bench.script(
        "[[step]]\ncalls = [{ tool = \"exec_command\", args = { cmd = \"echo 1 >> log.txt\", sandbox_permissions = \"require_escalated\", justification = \"it is needed\" } }, \
         { tool = \"exec_command\", args = { cmd = \"echo 2 >> log.txt\", sandbox_permissions = \"require_escalated\", justification = \"it is needed\" } }]\n[[step]]\ntext = \"Both.\"\n",
    );
    let ran =
        bench.run(&["exec", "--approval", "on-request", "--script", &script, "go"]).fails(3, &["approve"]);
    assert_eq!(ran.stderr.matches("everturn approve ").count(), 2, "{ran:#?}");
    // Calls that are looked at together ask in any order.
    let list = bench.run(&["approvals"]).succeeds().stdout;
    let ids = ["echo 1", "echo 2"].map(|command| {
        let line = list.lines().find(|line| line.contains(command)).unwrap_or_else(|| panic!("{list}"));
        line.split_whitespace().next().unwrap()
    });
    bench.run(&["approve", ids[1]]).fails(3, &["everturn approve", ids[0]]);
    assert_eq!(bench.read("log.txt"), "", "the first one goes first");
    let ran = bench.run(&["exec", "resume", "--last", "--prompt", "hurry"]).fails(3, &["the prompt is kept"]);
    assert!(ran.stderr.contains(ids[0]), "{ran:#?}");
    bench.run(&["approve", ids[0]]).succeeds();
    assert_eq!(bench.read("log.txt"), "1\n2\n");
    assert!(
        bench
            .run(&["sessions", "export", "--format", "jsonl", &last_thread(&bench)])
            .stdout
            .contains("hurry")
    );
}

#[test]
fn nothing_that_is_shown_can_move_the_cursor_or_hide_a_question() {
    let bench = Bench::new();
    let script = bench.script(
        "[[step]]\ntext = \"esc \\u001B[31m\"\ncalls = [{ tool = \"exec_command\", args = { cmd = \"echo evil #\\r      echo good\", sandbox_permissions = \"require_escalated\", justification = \"it is needed\" } }]\n",
    );
    let ran = bench
        .run(&["exec", "--approval", "on-request", "--script", &script, "go"])
        .fails(3, &["esc ␛[31m", "evil #␍"]);
    assert!(!ran.stderr.contains(['\u{1b}', '\r']), "{ran:#?}");
    assert!(!bench.run(&["approvals"]).stdout.contains('\r'));
}

#[test]
fn an_answer_that_cannot_be_written_is_a_failure_and_a_reader_that_left_is_none() {
    let bench = Bench::new();
    let script = bench.script("[[step]]\ntext = \"Hi.\"\n");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = bench.command(&["exec", "--script", &script, "go"]).stdout(full).output().unwrap();
    Ran::from(output).fails(1, &["standard output could not be written"]);
    let thread = last_thread(&bench);
    let mut child = bench.spawn(&["sessions", "export", &thread]);
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}

/// The id of the thread that was used last.
pub(crate) fn last_thread(bench: &Bench) -> String {
    bench.run(&["sessions"]).stdout.split_whitespace().next().unwrap().to_owned()
}

#[test]
fn what_is_sent_to_a_resting_thread_begins_a_turn() {
    let bench = Bench::new();
    let id = ask(&bench);
    bench.run(&["deny", &id, "--abort"]).fails(130, &["interrupted"]);
    let ran = bench.run(&["send", &last_thread(&bench), "more"]).succeeds();
    assert!(ran.stderr.contains("More."), "{ran:#?}");
}

#[test]
fn a_second_terminal_reaches_a_running_thread() {
    let bench = Bench::new();
    let script = bench.script(
        "[[step]]\ncalls = [{ tool = \"exec_command\", args = { cmd = \"echo started > s.txt; sleep 100\" } }]\n[[step]]\ntext = \"Never.\"\n",
    );
    let child = bench.spawn(&["exec", "--sandbox", "danger-full-access", "--script", &script, "go"]);
    wait_for("the command", || bench.read("s.txt") == "started\n");
    let status = bench.run(&["status"]).succeeds();
    assert!(
        status.stdout.contains("running") && status.stdout.contains(&child.id().to_string()),
        "{status:#?}"
    );
    // Attached readers see the thread from its beginning, and leaving cancels nothing.
    let mut attached = bench.spawn(&["attach"]);
    std::thread::sleep(Duration::from_millis(300));
    attached.kill().unwrap();
    let seen = Ran::from(attached.wait_with_output().unwrap());
    assert!(seen.stdout.contains("go") || seen.stdout.contains("thread"), "{seen:#?}");
    let asked = Instant::now();
    bench.run(&["interrupt"]).succeeds();
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert!(asked.elapsed() < Duration::from_secs(3));
    ran.fails(130, &["interrupted"]);
}

pub(crate) fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(child.id().cast_signed()).unwrap(), signal).unwrap();
}

#[test]
fn ctrl_c_interrupts_the_turn_and_the_thread_goes_on_later() {
    let bench = Bench::new();
    let script = bench.script(
        "[[turn]]\nmatch = \"go\"\n[[turn.step]]\ncalls = [{ tool = \"exec_command\", args = { cmd = \"echo $$ > pid.txt; sleep 100\" } }]\n[[turn]]\nmatch = \"more\"\n[[turn.step]]\ntext = \"More.\"\n",
    );
    let child = bench.spawn(&["exec", "--sandbox", "danger-full-access", "--script", &script, "go"]);
    wait_for("the command", || bench.read("pid.txt").ends_with('\n'));
    signal(&child, Signal::INT);
    Ran::from(child.wait_with_output().unwrap()).fails(130, &["stopping", "interrupted"]);
    let command = format!("/proc/{}", bench.read("pid.txt").trim());
    assert!(!std::path::Path::new(&command).exists(), "the command's process is gone");
    let ran = bench.run(&["exec", "resume", "--last", "--prompt", "more"]).succeeds();
    assert_eq!(ran.stdout.trim(), "More.");
}

#[test]
fn what_is_advised_can_be_copied_and_keeps_the_configuration() {
    let bench = Bench::new();
    bench.configure("[profiles.mine.shell_environment_policy]\nset = { WHO = \"me\" }\n");
    let script = bench.script(&ASKS.replace("echo asked", "echo $WHO $MARK $MY_TOKEN"));
    let given = [
        "exec",
        "--profile",
        "mine",
        "-c",
        "shell_environment_policy.set.MARK=it's",
        "-c",
        "shell_environment_policy.set.MY_TOKEN=t-12345678",
        "--approval",
        "on-request",
        "--script",
        &script,
        "go",
    ];
    let ran = bench.run(&given).fails(3, &["add -c shell_environment_policy.set.MY_TOKEN=…"]);
    assert!(!ran.stderr.contains("t-12345678"), "{ran:#?}");
    let (_, line) = ran.stderr.split_once("waiting for an answer: everturn ").unwrap();
    let (line, _) = line.split_once("    (or: ").unwrap();
    let everturn = env!("CARGO_BIN_EXE_everturn-under-test");
    let mut shell = bench.command(&[]);
    let home = shell.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
    let home: Vec<_> = home.collect();
    shell = Command::new("sh");
    shell.args(["-c", &format!("'{everturn}' {line}")]).envs(home).current_dir(bench.project());
    Ran::from(shell.output().unwrap()).succeeds();
    assert_eq!(bench.read("log.txt"), "me it's\n");
    let thread = last_thread(&bench);
    bench.run(&["--profile", "mine", "send", &thread, "more"]).succeeds();
    bench.run(&["--sandbox", "read-only", "send", &thread, "more"]).fails(2, &["take -c and --profile"]);
    bench.run(&["send", &thread, "more", "--profile", "none"]).fails(2, &["none"]);
}

#[test]
fn threads_are_listed_renamed_forked_exported_and_deleted() {
    let bench = Bench::new();
    let script =
        bench.script("[[turn]]\n[[turn.step]]\ntext = \"One.\"\n[[turn]]\n[[turn.step]]\ntext = \"Two.\"\n");
    bench.run(&["exec", "--script", &script, "first words"]).succeeds();
    bench.run(&["exec", "resume", "--last", "--prompt", "second words"]).succeeds();
    let list = bench.run(&["sessions"]).succeeds();
    assert!(list.stdout.contains("first words"), "{list:#?}");
    let thread = list.stdout.split_whitespace().next().unwrap().to_owned();
    bench.run(&["sessions", "rename", &thread, "a good name"]).succeeds();
    assert!(bench.run(&["sessions"]).stdout.contains("a good name"));

    let fork = bench.run(&["fork", &thread, "--turn", "1", "--no-run"]).succeeds().stdout.trim().to_owned();
    assert_ne!(fork, thread);
    let text = bench.run(&["sessions", "export", &fork]).succeeds().stdout;
    assert!(
        text.contains("first words") && text.contains("One.") && !text.contains("second words"),
        "{text}"
    );
    let text = bench.run(&["sessions", "export", &thread]).succeeds().stdout;
    assert!(text.contains("second words") && text.contains("Two."), "{text}");

    bench.run(&["sessions", "delete", &fork]).succeeds();
    bench.run(&["sessions", "export", &fork]).fails(2, &["no thread"]);
}

#[test]
fn a_budget_ends_the_turn_with_its_own_exit_code() {
    let bench = Bench::new();
    let script = bench.script(TWO_STEPS);
    bench
        .run(&["exec", "--sandbox", "danger-full-access", "--script", &script, "--max-tokens", "50", "go"])
        .fails(4, &["budget of 50 tokens"]);
}

#[test]
fn a_resumed_thread_takes_new_settings_from_the_command_line() {
    let bench = Bench::new();
    let script = bench.script(
        "[[turn]]\nmatch = \"go\"\n[[turn.step]]\ncalls = [{ tool = \"exec_command\", args = { cmd = \"echo 1 > f\" } }]\n\
         usage = { input = 100, output = 10 }\n[[turn]]\nmatch = \"more\"\n[[turn.step]]\n\
         calls = [{ tool = \"exec_command\", args = { cmd = \"echo 2 > f\" } }]\n[[turn.step]]\ntext = \"More.\"\n",
    );
    bench.run(&["exec", "--script", &script, "--max-tokens", "50", "go"]).fails(4, &["raise it"]);
    bench.run(&["exec", "resume", "--last", "--prompt", "more"]).fails(4, &["raise it"]);
    assert_eq!(bench.read("f"), "", "nothing may run yet");
    let more = [
        "exec",
        "--max-tokens",
        "100000",
        "--sandbox",
        "danger-full-access",
        "resume",
        "--last",
        "--prompt",
        "more",
    ];
    assert_eq!(bench.run(&more).succeeds().stdout.trim(), "More.");
    assert_eq!(bench.read("f"), "2\n");
}

#[test]
fn a_script_that_does_not_fit_fails_loudly() {
    let bench = Bench::new();
    let script = bench.script("[[step]]\nmatch = \"something else\"\ntext = \"Hi.\"\n");
    bench.run(&["exec", "--script", &script, "go"]).fails(1, &["something else"]);
}

#[test]
fn exec_works_over_http_and_survives_faults() {
    let bench = Bench::new();
    bench.file("a.txt", "one\ntwo\n");
    let server = ModelServer::start(vec![
        Reply::status(500, "try later"),
        Reply::new().text("Rea").cut(),
        Reply::new().text("Reading.").call("read_file", json!({ "path": "a.txt" })),
        Reply::new().freeform(
            "apply_patch",
            "*** Begin Patch\n*** Update File: a.txt\n@@\n one\n-two\n+three\n*** End Patch\n",
        ),
        Reply::new().text("Changed."),
    ])
    .unwrap();
    let mut command = bench.command(&["exec", "--sandbox", "workspace-write", "change it"]);
    command.env("OPENAI_BASE_URL", server.url()).env("OPENAI_API_KEY", "sk-test-1234567890");
    let ran = Ran::from(command.output().unwrap()).succeeds();
    assert_eq!(ran.stdout.trim(), "Changed.");
    assert_eq!(bench.read("a.txt"), "one\nthree\n");
    assert!(ran.stderr.contains("asking the model again (1 of 5)"), "{ran:#?}");
    assert_eq!(server.requests().len(), 5);
    let database = std::fs::read(bench.home().join("everturn.db")).unwrap();
    assert!(!database.windows(18).any(|bytes| bytes == b"sk-test-1234567890"), "the key is stored nowhere");
}

#[test]
fn exec_works_over_http_on_this_very_repository() {
    let bench = Bench::new();
    let repository = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    std::fs::remove_dir(bench.project().join(".git")).unwrap();
    let clone =
        Command::new("git").args(["clone", "--quiet", repository, "."]).current_dir(bench.project()).status();
    assert!(clone.unwrap().success());
    let file = "crates/agent-core/src/thread/models.rs";
    let patch = format!(
        "*** Begin Patch\n*** Update File: {file}\n@@\n-pub(super) const MAX_REPEATS: u32 = 3;\n+pub(super) const MAX_REPEATS: u32 = 4;\n*** End Patch\n"
    );
    let server = ModelServer::start(vec![
        Reply::new()
            .text("Where is it?")
            .call("grep_files", json!({ "pattern": "MAX_REPEATS", "include": "*.rs" })),
        Reply::new()
            .call("read_file", json!({ "path": file, "limit": 40 }))
            .call("list_dir", json!({ "path": "crates" })),
        Reply::new().freeform("apply_patch", &patch),
        Reply::new().call("exec_command", json!({ "cmd": "git diff --stat && git diff" })),
        Reply::new().text("Raised to 4."),
    ])
    .unwrap();
    let mut command =
        bench.command(&["exec", "--sandbox", "danger-full-access", "let a model repeat itself four times"]);
    command.env("OPENAI_BASE_URL", server.url()).env("OPENAI_API_KEY", "sk-test-1234567890");
    let ran = Ran::from(command.output().unwrap()).succeeds();
    assert_eq!(ran.stdout.trim(), "Raised to 4.");
    let outputs = server.requests().last().unwrap().tool_outputs();
    assert_eq!(outputs.len(), 5);
    let told = format!("{outputs:?}");
    assert!(
        told.contains(file) && told.contains("local-backend/") && told.contains("1 file changed"),
        "{told}"
    );
}

#[test]
fn the_demo_fixes_its_project() {
    let bench = Bench::new();
    let ran = bench.run(&["demo"]).succeeds();
    assert!(ran.stdout.contains("scripted") && ran.stdout.contains("All tests pass"), "{ran:#?}");
}

#[test]
fn the_demo_survives_its_own_death() {
    let bench = Bench::new();
    let ran = bench.run(&["demo", "--crash"]).succeeds();
    assert!(ran.stdout.contains("killed with SIGKILL"), "{ran:#?}");
    assert!(ran.stdout.contains("outcome is unknown"), "{ran:#?}");
    assert!(ran.stdout.contains("started 3 times and finished 2 times"), "{ran:#?}");
}

#[test]
fn apply_patch_works_as_a_command_and_under_its_own_name() {
    let bench = Bench::new();
    bench.file("a.txt", "a\n");
    let patch = "*** Begin Patch\n*** Update File: a.txt\n@@\n-a\n+b\n*** End Patch\n";
    bench.run_with(&["apply-patch"], patch.as_bytes()).succeeds();
    assert_eq!(bench.read("a.txt"), "b\n");
    let link = bench.path().join("apply_patch");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_everturn-under-test"), &link).unwrap();
    let back = patch.replace("-a", "-b").replace("+b", "+a");
    let status =
        Command::new(&link).arg(back).current_dir(bench.project()).stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "{status:?} {:?}", status.signal());
    assert_eq!(bench.read("a.txt"), "a\n");
}

#[test]
fn completion_is_printed_for_a_shell() {
    assert!(Bench::new().run(&["completion", "bash"]).succeeds().stdout.contains("everturn"));
}
