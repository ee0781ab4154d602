//! What is typed while a turn runs.

use super::{FREE, PROMPTS, heard_until};
use crate::{binary::Bench, commands::wait_for};
use std::{io::Write, process::Stdio};

const WAITS: &str = r#"
[[turn]]
match = "hello"
[[turn.step]]
text = "Hi."

[[turn]]
match = "work"
[[turn.step]]
calls = [{ tool = "exec_command", args = { cmd = "touch begun; while [ ! -e go ]; do sleep 0.05; done" } }]
[[turn.step]]
text = "Done."
"#;

#[test]
fn commands_that_tell_and_those_that_stop_work_while_a_turn_runs_and_others_say_what_to_do() {
    let bench = Bench::new();
    let script = bench.script(WAITS);
    let args = [&["exec"], &FREE[..], &["--script", &script, "hello"]].concat();
    bench.run(&args).succeeds();
    let mut command = bench.command(&["resume", "--last", "--script", &script]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let (mut typed, mut told) = (child.stdin.take().unwrap(), child.stderr.take().unwrap());
    heard_until(&mut told, &PROMPTS);
    writeln!(typed, "work").unwrap();
    wait_for("the command", || bench.project().join("begun").exists());
    for (line, says) in [
        ("/status", "status     running\n"),
        ("/help", "stop the turn, as Ctrl-C does\n"),
        ("/models", "gpt-5"),
        (
            "/undo",
            "/undo is for when no turn runs: type it again at the end of this one, or stop this one now with /stop\n",
        ),
        ("/plan first", "/plan is for when no turn runs"),
        ("/nothing", "there is no command /nothing"),
        ("/quit", "/quit leaves when no turn runs"),
    ] {
        writeln!(typed, "{line}").unwrap();
        let heard = heard_until(&mut told, &[says]);
        assert!(heard.ends_with(says.as_bytes()), "{line}: {}", String::from_utf8_lossy(&heard));
    }
    writeln!(typed, "/stop").unwrap();
    let heard = String::from_utf8(heard_until(&mut told, &PROMPTS)).unwrap();
    assert!(heard.contains("interrupted"), "{heard}");
    writeln!(typed, "/stop").unwrap();
    let heard = String::from_utf8(heard_until(&mut told, &PROMPTS)).unwrap();
    assert!(heard.contains("nothing runs"), "{heard}");
    writeln!(typed, "/quit").unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
}
