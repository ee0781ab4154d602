//! SIGKILL from outside, at every kill point and at random instants of a ten-step turn; resumed each time, the turn ends
//! as if nothing had happened, but that the call running at the kill may read `unknown`. No command runs twice.

mod long;

use crate::binary::Bench;
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    process::Child,
    time::{Duration, Instant},
};
use test_kit::{KillPoint, Trace};

/// The steps of the turn: commands that must not run twice, patches, and reading.
pub(crate) const STEPS: usize = 10;
/// Commits of the whole turn: the beginning, the request, three for each step with one call, one for the end.
pub(crate) const COMMITS: u32 = 3 + 3 * STEPS as u32;

pub(crate) fn script() -> String {
    let mut script = String::new();
    for step in 1..=STEPS {
        let call = match step {
            3 => r#"{ tool = "read_file", args = { path = "notes.txt" } }"#.to_owned(),
            6 => format!(
                r#"{{ tool = "apply_patch", input = "*** Begin Patch\n*** Add File: added-{step}.txt\n+{step}\n*** End Patch\n" }}"#
            ),
            _ => format!(
                r#"{{ tool = "exec_command", args = {{ cmd = "echo step-{step} >> log.txt; sleep 0.03; echo end-{step} >> log.txt" }} }}"#
            ),
        };
        let _ = writeln!(script, "[[step]]\ntext = \"Step {step}.\"\ncalls = [{call}]\n");
    }
    script.push_str("[[step]]\ntext = \"All done.\"\n");
    script
}

/// A bench with the script and the project.
pub(crate) fn bench() -> (Bench, String) {
    let bench = Bench::new();
    bench.file("notes.txt", "notes\n");
    let script = bench.script(&script());
    (bench, script)
}

const EXEC: [&str; 4] = ["exec", "--sandbox", "danger-full-access", "--script"];

/// Starts the turn in a process of its own.
fn start(bench: &Bench, script: &str, kill: Option<&KillPoint>) -> Child {
    let mut command = bench.command(&EXEC);
    command.arg(script).arg("go");
    if let Some(point) = kill {
        point.arm(&mut command);
    }
    command.spawn().unwrap()
}

/// Goes on until the turn has ended, and returns its trace.
fn resume(bench: &Bench, script: &str) -> Trace {
    if bench.run(&["sessions", "list", "--json"]).stdout.is_empty() {
        // Killed before anything was acknowledged: there is nothing to go on with, and the user asks again.
        assert!(start(bench, script, None).wait().unwrap().success());
    } else {
        let resumed = bench.run(&["exec", "resume", "--last"]);
        let had_ended = resumed.code == Some(2) && resumed.stderr.contains("no turn was running");
        assert!(resumed.code == Some(0) || had_ended, "{resumed:#?}");
        if Trace::of(&bench.events()).thread.is_empty() {
            // The thread was there, the request was not acknowledged yet: the user asks again.
            bench.run(&["exec", "resume", "--last", "--prompt", "go"]).succeeds();
        }
    }
    Trace::of(&bench.events())
}

/// The trace of the turn that nobody kills.
pub(crate) fn whole() -> Trace {
    let (bench, script) = bench();
    assert!(start(&bench, &script, None).wait().unwrap().success());
    let trace = Trace::of(&bench.events());
    assert_eq!(trace.items.len(), 2 + 2 * STEPS, "{trace:#?}");
    trace
}

/// Checks the promise: the same trace but for one unknown outcome, and no command ran twice.
pub(crate) fn check(bench: &Bench, trace: &Trace, expected: &Trace, what: &str) -> usize {
    // A patch with an unknown outcome has no diff to tell.
    let diff_known = !trace.items.contains(&"file_change: unknown".to_owned());
    let thread: Vec<_> = expected.thread.iter().filter(|name| diff_known || *name != "turn_diff").collect();
    assert_eq!(trace.thread.iter().collect::<Vec<_>>(), thread, "{what}");
    assert_eq!(trace.items.len(), expected.items.len(), "{what}: {trace:#?}");
    let different: Vec<_> =
        trace.items.iter().zip(&expected.items).filter(|(got, wanted)| got != wanted).collect();
    assert!(different.len() <= 1, "{what}: {different:#?}");
    for (got, _) in &different {
        assert!(got.ends_with(": unknown"), "{what}: {got}");
    }
    let mut lines = BTreeMap::new();
    for line in bench.read("log.txt").lines() {
        *lines.entry(line.to_owned()).or_insert(0) += 1;
    }
    for (line, times) in &lines {
        assert_eq!(*times, 1, "{what}: `{line}` is there {times} times");
    }
    // What is known to have ended well did all of its work.
    for (step, item) in trace.items.iter().filter(|item| item.starts_with("command_execution")).enumerate() {
        let name = [1, 2, 4, 5, 7, 8, 9, 10][step];
        if item.ends_with(": ok") {
            assert!(lines.contains_key(&format!("end-{name}")), "{what}: step {name} is ok but did not run");
        }
    }
    different.len()
}

/// Kills the turn at each of these hits of a kill point; returns how often an outcome was unknown.
fn kill_at(point: &str, hits: impl IntoIterator<Item = u32>) -> usize {
    let expected = whole();
    let mut unknown = 0;
    for hit in hits {
        let (bench, script) = bench();
        let point = KillPoint { name: point.to_owned(), hit, marker: bench.path().join("marker") };
        let mut child = start(&bench, &script, Some(&point));
        point.kill(&mut child).unwrap();
        let what = point.to_string();
        let trace = resume(&bench, &script);
        unknown += check(&bench, &trace, &expected, &what);
    }
    unknown
}

#[test]
fn killed_before_each_commit() {
    kill_at("commit.before", 1..=COMMITS);
}

#[test]
fn killed_after_each_commit() {
    kill_at("commit.after", 1..=COMMITS);
}

#[test]
fn killed_before_the_ledger_is_opened_the_call_starts_later() {
    assert_eq!(kill_at("tool.before_ledger", [1, 4, 8]), 0, "a call that did not begin is never unknown");
}

#[test]
fn killed_between_ledger_and_spawn_the_call_starts_later() {
    assert_eq!(kill_at("tool.before_spawn", [1, 4, 8]), 0, "a call that did not begin is never unknown");
}

#[test]
fn killed_while_the_child_is_held_before_exec_the_outcome_is_unknown() {
    assert_eq!(kill_at("tool.child_held", [1, 4, 8]), 3);
}

#[test]
fn killed_while_the_child_runs_the_outcome_is_unknown() {
    assert_eq!(kill_at("tool.child_running", [1, 2, 3, 4, 5, 6, 7, 8]), 8);
}

#[test]
fn killed_between_exit_and_finish_record_the_outcome_is_unknown() {
    assert_eq!(kill_at("tool.before_finish", [1, 4, 8]), 3);
}

#[test]
fn killed_after_the_finish_record_the_outcome_is_known() {
    assert_eq!(kill_at("tool.after_finish", [1, 4, 8]), 0, "what was recorded is used");
}

/// `EVERTURN_CRASHES` sets how many random instants are tried.
#[test]
fn killed_at_random_instants() {
    let crashes: u64 =
        std::env::var("EVERTURN_CRASHES").ok().and_then(|count| count.parse().ok()).unwrap_or(15);
    let expected = whole();
    let timed = Instant::now();
    whole();
    let length = timed.elapsed().as_millis() as u64;
    let (mut unknown, mut killed, mut seed) =
        (0, 0, 0x9e37_79b9_7f4a_7c15_u64 ^ u64::from(std::process::id()));
    for round in 0..crashes {
        // xorshift64*: good enough to pick instants.
        seed ^= seed >> 12;
        seed ^= seed << 25;
        seed ^= seed >> 27;
        let instant = Duration::from_millis(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) % length);
        let what = format!("round {round}, killed after {instant:?} of {length} ms");
        let (bench, script) = bench();
        let mut child = start(&bench, &script, None);
        std::thread::sleep(instant);
        child.kill().unwrap();
        killed += u64::from(!child.wait().unwrap().success());
        let trace = resume(&bench, &script);
        unknown += check(&bench, &trace, &expected, &what);
    }
    println!("{crashes} random instants: {killed} killed in mid-turn, {unknown} calls with unknown outcome");
}
