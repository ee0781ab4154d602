//! Commands in the sandbox, through the registry, with real processes: what they may and may not do, and what is said of it.

use crate::world::{World, eventually, finished, number_in, runs};
use agent_core::{
    Containment, Grant, NetworkAccess, Operation, OutputStatus, SandboxPolicy, ToolAnswer, ToolCallHandler,
    ToolOutput,
};
use serde_json::json;
use std::time::{Duration, Instant};
use tools::{
    ToolsConfig,
    sandbox::{Helper, Level, Limits, SandboxConfig, Support, TempSpace},
};

/// The helper of the sandbox.
pub(crate) const HELPER: &str = env!("CARGO_BIN_EXE_everturn-sandbox");

fn sandboxed(change: impl FnOnce(&mut SandboxConfig)) -> World {
    World::with(|config| {
        config.sandbox.helper = Helper::Program(HELPER.into());
        change(&mut config.sandbox);
    })
}

fn world() -> World {
    sandboxed(|_| {})
}

fn read_only() -> World {
    World { sandbox: SandboxPolicy::ReadOnly, ..world() }
}

/// The best this system can do, or at most that.
fn at_most(level: Level) -> Option<World> {
    let config =
        SandboxConfig { helper: Helper::Program(HELPER.into()), at_most: level, ..SandboxConfig::default() };
    (Support::detect(&config).level == level).then(|| sandboxed(|config| config.at_most = level))
}

async fn answer(world: &World, arguments: serde_json::Value) -> ToolAnswer {
    let mut request = world.request("exec_command", arguments).await;
    request.grant = Grant::Sandboxed;
    world.run(request).await
}

async fn exec(world: &World, cmd: &str) -> ToolOutput {
    finished(answer(world, json!({ "cmd": cmd })).await)
}

#[tokio::test]
async fn a_command_in_the_sandbox_runs_as_usual() {
    let world = world();
    let output = exec(&world, "echo out; echo err >&2; pwd; echo $FOO > made; exit 3").await;
    let cwd = world.workspace.path().canonicalize().unwrap();
    assert_eq!(output.plain_text(), format!("out\nerr\n{}\n", cwd.display()));
    assert_eq!((output.status, output.exit_code), (OutputStatus::Failed, Some(3)));
    assert_eq!((output.denial, world.read("made")), (None, "bar\n".to_owned()));
}

#[tokio::test]
async fn a_command_that_can_be_held_is_contained() {
    let preparation = world().prepare("exec_command", json!({ "cmd": "make" })).await.unwrap();
    assert_eq!(preparation.containment, Containment::Contained);
}

#[tokio::test]
async fn a_signal_that_ends_the_command_is_told() {
    let output = exec(&world(), "kill -SEGV $$").await;
    assert!(output.plain_text().contains("signal 11 (SIGSEGV)"), "{}", output.plain_text());
    assert_eq!(output.exit_code, None);
}

#[tokio::test]
async fn a_program_that_is_not_there_is_said_to_be_missing() {
    let world = world();
    let mut request = world.request("shell", json!({ "command": ["no-such-program"] })).await;
    request.grant = Grant::Sandboxed;
    let output = finished(world.run(request).await);
    let text = output.plain_text();
    assert!(text.starts_with("`no-such-program` could not be started: No such file or directory"), "{text}");
}

#[tokio::test]
async fn writing_outside_is_refused_and_looks_denied() {
    let world = world();
    let outside = tempfile::tempdir().unwrap();
    let file = outside.path().join("file");
    let output = exec(&world, &format!("echo x > {}", file.display())).await;
    assert_eq!(output.status, OutputStatus::Failed);
    assert!(output.denial.is_some_and(|denial| denial.contains("file")), "{:?}", output.content);
    assert!(!file.exists());
}

#[tokio::test]
async fn nothing_is_written_under_read_only() {
    let world = read_only();
    world.write("file", "kept");
    let output = exec(&world, "echo x > file; echo x > new; rm file; chmod 600 file; cat file").await;
    assert!(output.plain_text().ends_with("kept"), "{}", output.plain_text());
    assert_eq!(std::fs::read_dir(world.workspace.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn the_network_is_off_but_the_command_reaches_itself() {
    let script = "import socket
server = socket.create_server(('127.0.0.1', 0))
socket.create_connection(server.getsockname())
print('itself')
try: socket.create_connection(('192.0.2.1', 9), 1)
except OSError as error: print(error.errno)";
    let output = exec(&world(), &format!("python3 -c \"{script}\"")).await;
    assert_eq!(output.plain_text(), format!("itself\n{}\n", libc::ENETUNREACH));
}

#[tokio::test]
async fn the_network_can_be_switched_on() {
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let cmd = format!("exec 3<>/dev/tcp/127.0.0.1/{port} && echo reached");
    assert_ne!(exec(&world(), &cmd).await.plain_text(), "reached\n");
    let sandbox = SandboxPolicy::WorkspaceWrite { writable_roots: Vec::new(), network: NetworkAccess::On };
    assert_eq!(exec(&World { sandbox, ..world() }, &cmd).await.plain_text(), "reached\n");
}

#[tokio::test]
async fn temporary_files_have_a_place_that_goes_with_the_command() {
    for world in [world(), read_only()] {
        let output = exec(&world, "f=$(mktemp) && echo x > $f && echo $f && cat $f").await;
        let text = output.plain_text();
        let (path, rest) = text.split_once('\n').unwrap();
        assert_eq!(rest, "x\n");
        assert!(!std::path::Path::new(path).exists(), "{path}");
    }
}

#[tokio::test]
async fn shared_temporary_files_stay() {
    let world = sandboxed(|config| config.temp = TempSpace::Shared);
    let output = exec(&world, "TMPDIR=/tmp mktemp").await;
    let path = output.plain_text();
    std::fs::remove_file(path.trim()).unwrap();
}

#[tokio::test]
async fn repositories_and_settings_stay_as_they_are() {
    let world = world();
    world.write(".git/HEAD", "ref: refs/heads/main\n");
    world.write("src/a", "a");
    let script = "echo x > .git/HEAD; mkdir .git/hooks; mv .git moved; rm -rf .git; mkdir .everturn; touch \
                  .everturn/config.toml; rmdir .everturn; mv src sources; cat .git/HEAD";
    let output = exec(&world, script).await;
    assert!(output.plain_text().ends_with("ref: refs/heads/main\n"), "{}", output.plain_text());
    let mut names: Vec<_> = std::fs::read_dir(world.workspace.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, [".git", "sources"]);
    assert_eq!(std::fs::read_dir(world.path(".git")).unwrap().count(), 1);
}

#[tokio::test]
async fn what_is_held_free_is_shared_by_commands_that_run_at_once() {
    let one = world();
    let other = World { workspace: tempfile::tempdir().unwrap(), ..world() };
    let cwd = one.cwd();
    let in_one = |cmd: &str| format!("cd {cwd} && {cmd}");
    // The one that begins later goes on longer than the one that made the placeholder.
    let maker = exec(&one, "touch made; while [ ! -e go ]; do sleep 0.01; done");
    let later = async {
        eventually("the first command runs", || one.path("made").exists()).await;
        let mut request = other
            .request("exec_command", json!({ "cmd": in_one("touch go; sleep 0.4; mkdir .git; ls -A") }))
            .await;
        request.grant = Grant::Sandboxed;
        request.cwd.clone_from(&cwd);
        finished(other.run(request).await)
    };
    let (_, later) = tokio::join!(maker, later);
    let text = later.plain_text();
    assert!(text.contains("File exists") && text.contains(".git\n"), "{text}");
    assert!(!one.path(".git").exists() && !one.path(".everturn").exists());
}

#[tokio::test]
async fn a_repository_that_the_user_makes_meanwhile_stays() {
    let world = world();
    let running = exec(&world, "touch ready; while [ ! -e go ]; do sleep 0.01; done");
    let user = async {
        eventually("the command runs", || world.path("ready").exists()).await;
        world.write(".git/HEAD", "ref: refs/heads/main\n");
        world.write("go", "");
    };
    let _ = tokio::join!(running, user);
    assert_eq!(world.read(".git/HEAD"), "ref: refs/heads/main\n");
}

#[tokio::test]
async fn hidden_files_cannot_be_read_by_commands_or_tools() {
    let world = sandboxed(|config| config.hidden.push(".env".into()));
    world.write(".env", "hidden-123");
    let output = exec(&world, "cat .env; cp .env seen; cat seen; mv .env other; cat other; echo end").await;
    assert!(!output.plain_text().contains("hidden-123"), "{}", output.plain_text());
    std::os::unix::fs::symlink(".env", world.path("link")).unwrap();
    for (name, arguments) in [
        ("read_file", json!({ "path": "link" })),
        ("grep_files", json!({ "pattern": "hidden", "path": "link" })),
        ("grep_files", json!({ "pattern": "hidden-.23" })),
        ("view_image", json!({ "path": ".env" })),
    ] {
        let mut request = world.request(name, arguments).await;
        request.grant = Grant::Sandboxed;
        let output = finished(world.run(request).await);
        assert!(!output.plain_text().contains("hidden-123"), "{name}: {}", output.plain_text());
    }
    assert_eq!(world.read(".env"), "hidden-123");
}

#[tokio::test]
async fn what_a_command_leaves_running_is_stopped_and_told() {
    let world = world();
    let output =
        exec(&world, "(setsid bash -c 'echo $$ > own; exec sleep 77' &); sleep 0.3; echo done").await;
    let text = output.plain_text();
    assert!(text.starts_with("done\n[The command left 1 process running"), "{text}");
    assert_eq!(output.exit_code, Some(0));
}

#[tokio::test]
async fn what_ends_shortly_after_the_command_may() {
    let output = exec(&world(), "echo start > >(sleep 0.03; cat)").await;
    assert_eq!(output.plain_text(), "start\n");
}

async fn limited(change: impl FnOnce(&mut Limits), cmd: &str) -> ToolOutput {
    exec(&sandboxed(|config| change(&mut config.limits)), cmd).await
}

#[tokio::test]
async fn too_many_processes_are_stopped_and_told() {
    let output =
        limited(|limits| limits.processes = 20, "for i in $(seq 60); do sleep 20 & done; wait").await;
    let text = output.plain_text();
    assert!(text.contains("processes at a time, 20 are allowed"), "{text}");
    assert!(output.denial.is_some_and(|denial| denial.contains("20 are allowed")));
}

#[tokio::test]
async fn too_much_memory_is_stopped_and_told() {
    let cmd = "python3 -c 'b = bytearray(1 << 30); import time; time.sleep(20)'";
    let output = limited(|limits| limits.memory_percent = 2, cmd).await;
    assert!(output.plain_text().contains("MiB of memory"), "{}", output.plain_text());
}

#[tokio::test]
async fn a_file_that_gets_too_large_ends_its_writer() {
    let output =
        limited(|limits| limits.file_bytes = 1 << 20, "head -c 5000000 /dev/zero > big; echo $?").await;
    assert!(output.plain_text().contains("153"), "{}", output.plain_text());
}

#[tokio::test]
async fn a_disk_that_gets_full_is_noticed() {
    let free = rustix::fs::statvfs(std::env::temp_dir()).unwrap();
    let free_bytes = free.f_bavail * free.f_frsize;
    // Half of what is free counts at most, so a floor just below what is free is never reached by this.
    let output = limited(|limits| limits.disk_floor_bytes = free_bytes, "sleep 0.2; echo fine").await;
    assert_eq!(output.plain_text(), "fine\n");
}

#[tokio::test]
async fn an_interrupt_stops_what_runs_in_the_sandbox_within_a_hundred_milliseconds() {
    let mut took = Vec::new();
    for _ in 0..10 {
        let world = world();
        let cmd = "trap '' TERM; (setsid sleep 78 &); touch ready; while true; do sleep 0.01; done";
        let mut request = world.request("exec_command", json!({ "cmd": cmd })).await;
        request.grant = Grant::Sandboxed;
        let Operation { answer, mut cancel } = world.registry.start(request);
        let mut answer = answer.0;
        tokio::select! {
            answer = &mut answer => panic!("{answer:?}"),
            () = eventually("the command is ready", || world.path("ready").exists()) => {}
        }
        let begun = Instant::now();
        cancel.pull();
        let answer = answer.await.into_answer();
        took.push(begun.elapsed());
        assert!(matches!(answer, ToolAnswer::Cancelled { .. }), "{answer:?}");
        if begun.elapsed() < Duration::from_millis(100) {
            return;
        }
    }
    panic!("no answer within 100 ms: {took:?}");
}

#[tokio::test]
async fn a_supervisor_that_is_killed_leaves_nothing_behind() {
    let world = world();
    let cmd = "trap '' TERM; touch ready; while true; do sleep 0.01; done";
    let output = finished(answer(&world, json!({ "cmd": cmd, "timeout_ms": 400 })).await);
    assert!(output.plain_text().contains("time limit"), "{}", output.plain_text());
    assert!(
        world.path("ready").exists() && !world.path(".git").exists() && !world.path(".everturn").exists()
    );
}

#[tokio::test]
async fn an_interrupt_lets_the_command_clean_up() {
    let cmd = "trap 'echo bye; exit 0' TERM; touch ready; while true; do sleep 0.005; done";
    for _ in 0..10 {
        let world = world();
        let mut request = world.request("exec_command", json!({ "cmd": cmd })).await;
        request.grant = Grant::Sandboxed;
        let Operation { answer, mut cancel } = world.registry.start(request);
        let mut answer = answer.0;
        tokio::select! {
            answer = &mut answer => panic!("{answer:?}"),
            () = eventually("the command is ready", || world.path("ready").exists()) => {}
        }
        cancel.pull();
        if let ToolAnswer::Cancelled { output } = answer.await.into_answer()
            && output.plain_text().contains("bye\n")
        {
            return;
        }
    }
    panic!("it was never given the time to clean up");
}

#[tokio::test]
async fn an_abandoned_command_is_killed_with_its_namespace() {
    let world = world();
    let cmd =
        "(setsid bash -c 'exec sleep 79' &); echo $$ > main; touch ready; while true; do sleep 0.1; done";
    let mut request = world.request("exec_command", json!({ "cmd": cmd })).await;
    request.grant = Grant::Sandboxed;
    let operation = world.registry.start(request.clone());
    let mut answer = operation.answer.0;
    tokio::select! {
        answer = &mut answer => panic!("{answer:?}"),
        () = eventually("the command is ready", || world.path("ready").exists()) => {}
    }
    // Inside, numbers are others; the ledger has the supervisor's.
    let supervisor =
        world.ledger().split("\"pid\":").nth(1).unwrap().split(',').next().unwrap().parse().unwrap();
    assert!(number_in(&world.path("main")).await < 100);
    assert!(runs(supervisor));
    drop(answer);
    eventually("the supervisor is killed", || !runs(supervisor)).await;
    let answer = world.registry.recover(request).await;
    assert!(matches!(&answer, ToolAnswer::Unknown { note } if note.contains("had ended")), "{answer:?}");
}

#[tokio::test]
async fn without_namespaces_read_only_is_held_by_rules_alone() {
    let Some(world) = at_most(Level::Landlock) else { return };
    let world = World { sandbox: SandboxPolicy::ReadOnly, ..world };
    world.write("file", "kept");
    let script = "echo x > file; echo x > new; chmod 600 file; exec 3<>/dev/tcp/127.0.0.1/9; f=$(mktemp) && echo x > $f; \
                  (setsid sleep 80 &); cat file";
    let output = exec(&world, script).await;
    let text = output.plain_text();
    assert!(text.contains("kept") && text.contains("left 1 process"), "{text}");
    assert_eq!(std::fs::read_dir(world.workspace.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn without_namespaces_what_has_to_be_protected_is_not_risked() {
    let Some(world) = at_most(Level::Landlock) else { return };
    world.write(".git/HEAD", "ref: refs/heads/main\n");
    let preparation = world.prepare("exec_command", json!({ "cmd": "make" })).await.unwrap();
    match preparation.containment {
        Containment::Uncontained { reason } => assert!(reason.contains("namespaces"), "{reason}"),
        other => panic!("{other:?}"),
    }
    let output = exec(&world, "touch ran").await;
    assert!(output.plain_text().contains("did not run"), "{}", output.plain_text());
    assert!(!world.path("ran").exists());
}

#[tokio::test]
async fn without_namespaces_what_must_not_be_made_is_moved_aside() {
    let Some(world) = at_most(Level::Landlock) else { return };
    let output = exec(&world, "mkdir -p .git/hooks; echo x > .git/hooks/pre-commit; echo fine > file").await;
    assert_eq!(world.read("file"), "fine\n");
    assert!(!world.path(".git").exists());
    assert!(output.plain_text().contains("refused-by-everturn"), "{}", output.plain_text());
}

#[tokio::test]
async fn where_nothing_confines_nothing_runs() {
    for change in [
        (|config: &mut ToolsConfig| config.sandbox.at_most = Level::Nothing) as fn(&mut ToolsConfig),
        |config| config.sandbox.helper = Helper::Program("/bin/true".into()),
        |config| config.sandbox.helper = Helper::Program("/no/such/helper".into()),
    ] {
        let world = World::with(change);
        let preparation = world.prepare("exec_command", json!({ "cmd": "touch ran" })).await.unwrap();
        assert!(matches!(preparation.containment, Containment::Uncontained { .. }), "{preparation:?}");
        let output = exec(&world, "touch ran").await;
        assert!(output.plain_text().contains("did not run"), "{}", output.plain_text());
        assert!(!world.path("ran").exists());
    }
}

#[tokio::test]
async fn what_the_linker_is_told_reaches_the_command_and_not_the_helper() {
    let world = World::with(|config| {
        config.sandbox.helper = Helper::Program(HELPER.into());
        config.env_policy.set.insert("LD_PRELOAD".into(), "/no/such/library.so".into());
    });
    let output = exec(&world, "echo $LD_PRELOAD; env | grep -c PASSED_ON").await;
    let text = output.plain_text();
    assert!(text.contains("\n/no/such/library.so\n") && text.ends_with("0\n"), "{text}");
}
