//! `everturn sandbox -- COMMAND`: the command's own streams and code, what it is held to, and what is said of a denial.

use crate::binary::{Bench, Ran};
use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    os::unix::process::ExitStatusExt,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// What nobody may read.
const SECRET: &str = "not-for-commands-123456";

/// Runs a line of shell in the sandbox, with these options.
fn sandboxed(bench: &Bench, options: &[&str], script: &str) -> Ran {
    bench.run(&[&["sandbox"], options, &["--", "sh", "-c", script]].concat())
}

/// What must not change, beside the project.
fn beside(bench: &Bench) -> std::path::PathBuf {
    let path = bench.path().join("beside");
    fs::write(&path, "kept\n").unwrap();
    path
}

#[test]
fn a_command_has_its_own_streams_and_its_own_code() {
    let bench = Bench::new();
    let args = ["sandbox", "--", "sh", "-c", "cat; echo to out; echo to err >&2; exit 7"];
    let ran = bench.run_with(&args, b"from in\n");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(7), "from in\nto out\n"), "{ran:#?}");
    assert!(ran.stderr.starts_with("to err\n"), "{ran:#?}");
    let quiet = bench.run(&["sandbox", "--", "true"]).succeeds();
    assert_eq!((quiet.stdout, quiet.stderr), (String::new(), String::new()), "success is not talked about");
}

#[test]
fn it_works_where_whoever_starts_it_does_not_care_for_children() {
    let bench = Bench::new();
    let everturn = bench.command(&["sandbox", "--", "sh", "-c", "echo here; exit 4"]);
    let mut command = Command::new("bash");
    command
        .args(["-c", "trap '' CHLD; exec \"$0\" \"$@\""])
        .arg(everturn.get_program())
        .args(everturn.get_args());
    for (name, value) in everturn.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let ran = command.current_dir(bench.project()).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(
        (ran.status.code(), String::from_utf8_lossy(&ran.stdout).as_ref()),
        (Some(4), "here\n"),
        "{said}"
    );
}

#[test]
fn the_workspace_can_be_written_and_nothing_else() {
    let bench = Bench::new();
    let beside = beside(&bench);
    sandboxed(&bench, &[], "echo new > made").succeeds();
    assert_eq!(bench.read("made"), "new\n");
    let ran = sandboxed(&bench, &[], "echo changed > ../beside");
    assert_ne!(ran.code, Some(0));
    assert_eq!(fs::read_to_string(beside).unwrap(), "kept\n");
    assert!(ran.stderr.contains("looks as if the sandbox"), "nobody says what stopped it: {ran:#?}");
    assert!(ran.stderr.contains("--add-dir"), "nobody says what would help: {ran:#?}");
}

#[test]
fn read_only_writes_nothing_and_says_so() {
    let bench = Bench::new();
    let ran = sandboxed(&bench, &["--sandbox", "read-only"], "echo new > made");
    assert_ne!(ran.code, Some(0));
    assert!(!bench.project().join("made").exists());
    assert!(ran.stderr.contains("sandbox"), "nobody says what stopped it: {ran:#?}");
    sandboxed(&bench, &["--sandbox", "read-only"], "ls -la").succeeds();
}

#[test]
fn the_repository_and_the_agents_own_folder_stay_as_they_are() {
    let bench = Bench::new();
    fs::create_dir_all(bench.project().join(".git/hooks")).unwrap();
    for script in
        ["echo evil > .git/hooks/pre-commit", "mkdir .everturn && echo evil > .everturn/config.toml"]
    {
        let ran = sandboxed(&bench, &[], script);
        assert!(!ran.stderr.is_empty(), "{script}: {ran:#?}");
    }
    assert!(!bench.project().join(".git/hooks/pre-commit").exists());
    assert!(!bench.project().join(".everturn").exists());
}

#[test]
fn another_folder_and_another_directory_can_be_named() {
    let bench = Bench::new();
    let more = bench.path().join("more");
    fs::create_dir(&more).unwrap();
    let more = more.to_str().unwrap();
    assert_ne!(sandboxed(&bench, &[], "echo new > ../more/made").code, Some(0));
    sandboxed(&bench, &["--add-dir", more], "echo new > ../more/made").succeeds();
    let ran = sandboxed(&bench, &["-C", more], "pwd; echo new > here").succeeds();
    assert_eq!(ran.stdout, format!("{more}\n"));
    assert!(bench.path().join("more/here").exists());
}

#[test]
fn the_network_is_off_until_it_is_asked_for() {
    let bench = Bench::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let connect = format!("exec 3<>/dev/tcp/127.0.0.1/{port}");
    let with =
        |options: &[&str]| bench.run(&[&["sandbox"], options, &["--", "bash", "-c", &connect]].concat());
    let held = with(&[]);
    assert_ne!(held.code, Some(0));
    assert!(listener.accept().is_err(), "somebody came out");
    assert!(held.stderr.contains("network"), "nobody says that the network is off: {held:#?}");
    with(&["--network"]).succeeds();
    assert!(listener.accept().is_ok());
}

#[test]
fn the_agents_home_cannot_be_read() {
    let bench = Bench::new();
    bench.configure("");
    fs::write(bench.home().join("auth.json"), SECRET).unwrap();
    let ran = sandboxed(&bench, &[], "cat ../home/auth.json");
    assert_ne!(ran.code, Some(0), "{ran:#?}");
    assert!(!ran.stdout.contains(SECRET), "it was read");
}

#[test]
fn keys_cannot_be_read_as_in_an_agents_commands() {
    let bench = Bench::new();
    fs::create_dir_all(bench.path().join(".ssh")).unwrap();
    fs::write(bench.path().join(".ssh/id_ed25519"), SECRET).unwrap();
    let ran = sandboxed(&bench, &[], "cat ../.ssh/id_ed25519");
    assert_ne!(ran.code, Some(0), "{ran:#?}");
    assert!(!ran.stdout.contains(SECRET), "it was read");
}

#[test]
fn what_is_left_running_is_stopped_and_told() {
    let bench = Bench::new();
    let ran = sandboxed(&bench, &[], "(setsid sleep 1000 &) ; echo $$; sleep 0.1; exit 0").succeeds();
    assert!(ran.stderr.contains("1 process"), "{ran:#?}");
}

#[test]
fn a_signal_that_ends_the_command_is_the_end_of_this_too() {
    let bench = Bench::new();
    let status = |script: &str| bench.command(&["sandbox", "--", "sh", "-c", script]).status().unwrap();
    for (signal, number) in [("KILL", 9), ("TERM", 15), ("SEGV", 11)] {
        let status = status(&format!("kill -{signal} $$"));
        let as_shells_say_it = status.code() == Some(128 + number);
        assert!(as_shells_say_it || status.signal() == Some(number), "{signal}: {status:?}");
    }
}

#[test]
fn being_asked_to_end_is_passed_on() {
    let bench = Bench::new();
    let script = "trap 'echo cleaned; exit 5' TERM; echo ready; while :; do sleep 0.01; done";
    let mut child =
        bench.command(&["sandbox", "--", "sh", "-c", script]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().as_deref(), Some("ready"));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(lines.next().as_deref(), Some("cleaned"));
    assert_eq!(child.wait().unwrap().code(), Some(5));
}

/// The processes that a process has started.
fn children(parent: u32) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{parent}/task")).unwrap();
    let of = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("children")).unwrap_or_default();
    let lists: Vec<String> = threads.map(|thread| of(thread.unwrap())).collect();
    lists.iter().flat_map(|list| list.split_whitespace()).map(str::to_owned).collect()
}

#[test]
fn where_its_supervisor_is_killed_nothing_is_left_running() {
    let bench = Bench::new();
    let script = "trap '' TERM HUP; echo ready > ready; while :; do sleep 0.01; date +%s%N > beat; done";
    let mut child = bench.command(&["sandbox", "--", "sh", "-c", script]).spawn().unwrap();
    let begun = Instant::now();
    while !bench.project().join("beat").exists() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it did not start");
        std::thread::sleep(Duration::from_millis(2));
    }
    let supervisors = children(child.id());
    assert_eq!(supervisors.len(), 1, "{supervisors:?}");
    let killed = std::process::Command::new("kill").args(["-9", &supervisors[0]]).status().unwrap();
    assert!(killed.success());
    assert!(!child.wait().unwrap().success());
    let quiet = || {
        let before = bench.read("beat");
        std::thread::sleep(Duration::from_millis(100));
        before == bench.read("beat")
    };
    let begun = Instant::now();
    while !quiet() {
        assert!(begun.elapsed() < Duration::from_secs(5), "it goes on without its supervisor");
    }
}

#[test]
fn a_program_that_cannot_be_started_is_told() {
    let bench = Bench::new();
    bench.run(&["sandbox", "--", "no-such-program"]).fails(127, &["no-such-program", "No such file"]);
    bench.file("no-program", "x");
    bench.run(&["sandbox", "--", "./no-program"]).fails(127, &["no-program", "Permission denied"]);
}

#[test]
fn what_makes_no_sense_is_said_before_anything_runs() {
    let bench = Bench::new();
    bench.run(&["sandbox"]).fails(2, &["COMMAND"]);
    bench
        .run(&["sandbox", "--sandbox", "wide-open", "--", "touch", "ran"])
        .fails(2, &["read-only", "workspace-write"]);
    bench.run(&["sandbox", "--no-such-flag", "--", "touch", "ran"]).fails(2, &["--no-such-flag"]);
    bench.run(&["sandbox", "-C", "nowhere", "--", "touch", "ran"]).fails(2, &["nowhere"]);
    bench.run(&["sandbox", "--add-dir", "nowhere", "--", "touch", "ran"]).fails(2, &["nowhere"]);
    bench
        .run(&["sandbox", "--sandbox", "read-only", "--network", "--", "touch", "ran"])
        .fails(2, &["--network"]);
    assert!(!bench.project().join("ran").exists());
}

#[test]
fn options_after_the_dashes_are_the_commands_own() {
    let ran = Bench::new().run(&["sandbox", "--", "echo", "--sandbox", "-C", "x"]).succeeds();
    assert_eq!(ran.stdout, "--sandbox -C x\n");
}

#[test]
fn the_help_says_what_is_held_and_how_to_try_it() {
    let ran = Bench::new().run(&["sandbox", "--help"]).succeeds();
    for word in ["read-only", "workspace-write", "--network", "--add-dir", "-C"] {
        assert!(ran.stdout.contains(word), "the help does not speak of {word}: {}", ran.stdout);
    }
}

#[test]
fn a_command_that_fails_by_itself_is_not_called_denied() {
    let ran = sandboxed(&Bench::new(), &[], "echo no; exit 3");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), "no\n"), "{ran:#?}");
    assert!(!ran.stderr.contains("looks as if"), "{ran:#?}");
}
