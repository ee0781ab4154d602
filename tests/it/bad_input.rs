//! What bad input gets: a clear message with what to do next, the right exit code, nothing lost.

use crate::binary::Bench;
use std::{
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const SAYS_HI: &str = "[[step]]\ntext = \"Hi.\"\n";
const FULL: [&str; 3] = ["exec", "--sandbox", "danger-full-access"];

/// Runs one command through the agent and returns the JSON of its item.
fn agent_runs(bench: &Bench, cmd: &str, timeout_ms: u64) -> serde_json::Value {
    let cmd = cmd.replace('\\', "\\\\").replace('"', "\\\"");
    let script = bench.script(&format!(
        "[[step]]\ncalls = [{{ tool = \"exec_command\", args = {{ cmd = \"{cmd}\", timeout_ms = {timeout_ms} }} }}]\n{SAYS_HI}"
    ));
    let ran = bench.run(&[&FULL[..], &["--script", &script, "--json", "go"]].concat()).succeeds();
    let item = ran
        .json()
        .into_iter()
        .find(|event| event["type"] == "item.completed" && event["item"]["type"] == "command_execution");
    item.unwrap()["item"].clone()
}

#[test]
fn a_missing_key_says_which_variable_to_set() {
    Bench::new().run(&["exec", "hi"]).fails(1, &["OPENAI_API_KEY", "--script"]);
}

#[test]
fn an_unreachable_host_is_named_and_the_thread_is_kept() {
    let bench = Bench::new();
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/v1");
    let output = bench.command(&["exec", "hi"]).env("OPENAI_BASE_URL", &url).output().unwrap();
    crate::binary::Ran::from(output).fails(1, &[&format!("127.0.0.1:{port}")]);
    assert!(bench.run(&["sessions"]).succeeds().stdout.contains("hi"));
}

#[test]
fn a_malformed_patch_changes_nothing_and_says_where() {
    let bench = Bench::new();
    bench.file("a.txt", "a\n");
    let patch = b"*** Begin Patch\n*** Update File: a.txt\n@@\n-a\n+b\n*** Update File: missing.txt\n@@\n-x\n+y\n*** End Patch\n";
    bench.run_with(&["apply-patch"], patch).fails(1, &["missing.txt"]);
    assert_eq!(bench.read("a.txt"), "a\n");
    bench.run_with(&["apply-patch"], b"not a patch").fails(1, &["*** Begin Patch"]);
}

#[test]
fn a_path_outside_the_workspace_is_refused() {
    let bench = Bench::new();
    let patch = b"*** Begin Patch\n*** Add File: ../outside.txt\n+x\n*** End Patch\n";
    bench.run_with(&["apply-patch"], patch).fails(1, &["outside.txt"]);
    assert!(!bench.path().join("outside.txt").exists());

    let script = bench.script(
        "[[step]]\ncalls = [{ tool = \"apply_patch\", input = \"*** Begin Patch\\n*** Add File: ../outside.txt\\n+x\\n*** End Patch\\n\" }]\n[[step]]\ntext = \"Refused.\"\n",
    );
    let ran =
        bench.run(&["exec", "--sandbox", "workspace-write", "--script", &script, "--json", "go"]).succeeds();
    assert!(ran.stdout.contains("declined"), "{ran:#?}");
    assert!(!bench.path().join("outside.txt").exists());
}

#[test]
fn an_unknown_thread_is_named() {
    let bench = Bench::new();
    for command in [
        &["exec", "resume", "nosuch"][..],
        &["status", "nosuch"],
        &["attach", "nosuch"],
        &["send", "nosuch", "hi"],
    ] {
        bench.run(command).fails(2, &["nosuch", "everturn sessions"]);
    }
    bench.run(&["exec", "resume", "--last"]).fails(2, &["no thread"]);
    bench.run(&["approve", "nosuch-1"]).fails(2, &["nosuch-1", "everturn approvals"]);
}

#[test]
fn a_directory_that_does_not_exist_is_named() {
    let bench = Bench::new();
    let script = bench.script(SAYS_HI);
    bench.run(&["exec", "--script", &script, "--cd", "no/such/dir", "hi"]).fails(2, &["no/such/dir"]);
}

#[test]
fn a_script_that_does_not_exist_is_named() {
    Bench::new().run(&["exec", "--script", "missing.toml", "hi"]).fails(2, &["missing.toml"]);
}

#[test]
fn no_prompt_is_a_usage_error() {
    let bench = Bench::new();
    let script = bench.script(SAYS_HI);
    // Empty standard input, and none at all.
    bench.run_with(&["exec", "--script", &script], b"").fails(2, &["prompt is empty"]);
    let closed = Command::new("sh")
        .args([
            "-c",
            &format!("exec {} exec --script {script} <&-", env!("CARGO_BIN_EXE_everturn-under-test")),
        ])
        .current_dir(bench.project())
        .env("EVERTURN_HOME", bench.home())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    crate::binary::Ran::from(closed).fails(2, &["prompt"]);
}

#[test]
fn a_corrupt_database_is_said_to_be_one() {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.home()).unwrap();
    std::fs::write(
        bench.home().join("everturn.db"),
        "this is no database, but it is long enough to look at".repeat(100),
    )
    .unwrap();
    let script = bench.script(SAYS_HI);
    bench.run(&["exec", "--script", &script, "hi"]).fails(5, &["everturn.db"]);
    bench.run(&["sessions"]).fails(5, &["everturn.db"]);
}

#[test]
fn a_locked_database_is_waited_for_and_then_said_to_be_locked() {
    let bench = Bench::new();
    let script = bench.script(SAYS_HI);
    bench.run(&["exec", "--script", &script, "hi"]).succeeds();
    let mut holder = Command::new("python3")
        .args([
            "-c",
            "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute('BEGIN EXCLUSIVE'); \
             print('held', flush=True); sys.stdin.read()",
        ])
        .arg(bench.home().join("everturn.db"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(holder.stdout.take().unwrap()), &mut line)
        .unwrap();
    bench.run(&["exec", "--script", &script, "hi"]).fails(5, &["everturn.db"]);
    holder.kill().unwrap();
    holder.wait().unwrap();
    bench.run(&["exec", "--script", &script, "hi"]).succeeds();
}

#[test]
fn a_full_disk_stops_the_turn_and_keeps_what_was_acknowledged() {
    let bench = Bench::new();
    // A small disk of its own, mounted where only this process tree sees it.
    let big = "x".repeat(20_000);
    let mut script = String::new();
    for step in 0..40 {
        script.push_str(&format!("[[step]]\ntext = \"{step} {big}\"\ncalls = [{{ tool = \"list_dir\", args = {{ path = \".\", limit = {} }} }}]\n", step + 1));
    }
    let script = bench.script(&format!("{script}{SAYS_HI}"));
    std::fs::create_dir_all(bench.home()).unwrap();
    let shell = format!(
        "mount -t tmpfs -o size=400k none {home} && {binary} exec --script {script} go; code=$?; \
         dd if=/dev/null of=/dev/null 2>/dev/null; mount -o remount,size=64m {home} && {binary} sessions >&2; exit $code",
        home = bench.home().display(),
        binary = env!("CARGO_BIN_EXE_everturn-under-test"),
    );
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &shell])
        .current_dir(bench.project())
        .env("EVERTURN_HOME", bench.home())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let ran = crate::binary::Ran::from(output).fails(5, &["no space is left"]);
    assert!(ran.stderr.contains("go"), "the thread is still listed: {ran:#?}");
}

#[test]
fn a_hundred_megabytes_of_output_are_capped() {
    let bench = Bench::new();
    let item = agent_runs(&bench, "head -c 100000000 /dev/zero | tr '\\0' 'x'", 60_000);
    let output = item["aggregated_output"].as_str().unwrap();
    assert!(output.len() < 100_000, "{} bytes", output.len());
    assert!(output.contains("omitted"), "the cap is stated");
    assert_eq!(item["exit_code"], 0);
}

#[test]
fn invalid_utf8_is_shown_as_far_as_it_goes() {
    let bench = Bench::new();
    let item = agent_runs(&bench, "printf 'a\\377b\\303'", 10_000);
    assert_eq!(item["aggregated_output"], "a\u{fffd}b\u{fffd}");
}

#[test]
fn a_command_that_ignores_sigterm_is_killed_with_its_children() {
    let bench = Bench::new();
    let started = Instant::now();
    let item =
        agent_runs(&bench, "trap '' TERM; echo $$ > pid.txt; (trap '' TERM; sleep 300) & sleep 300", 500);
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(item["status"], "failed");
    let pid = bench.read("pid.txt").trim().to_owned();
    let alive = std::path::Path::new("/proc").join(&pid).exists();
    assert!(!alive, "process {pid} is still there");
}

#[test]
fn two_processes_do_not_serve_one_thread() {
    let bench = Bench::new();
    let script = bench.script("[[step]]\ntext = \"Slow.\"\ndelay_ms = 5000\n");
    let mut first = bench.spawn(&["exec", "--script", &script, "hi"]);
    let started = Instant::now();
    while !bench.run(&["sessions"]).stdout.contains("running") {
        assert!(started.elapsed() < Duration::from_secs(10));
    }
    let pid = first.id().to_string();
    bench.run(&["exec", "resume", "--last"]).fails(5, &[&pid, "attach"]);
    first.kill().unwrap();
    first.wait().unwrap();
    // The lease goes with the process.
    bench.run(&["exec", "resume", "--last"]).succeeds();
}

#[test]
fn a_home_that_cannot_be_used_is_named() {
    let bench = Bench::new();
    let file = bench.file("file", "");
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    let output = bench.command(&["sessions"]).env("EVERTURN_HOME", &file).output().unwrap();
    crate::binary::Ran::from(output).fails(5, &["EVERTURN_HOME"]);
}

#[test]
fn wrong_usage_exits_with_2_and_says_what_is_right() {
    let bench = Bench::new();
    bench.run(&["exce"]).fails(2, &["exec"]);
    bench.run(&["exec", "--sandbox", "open"]).fails(2, &["danger-full-access"]);
    bench.run(&[]).fails(2, &["everturn exec"]);
}
