//! A thread of thousands of steps whose conversation is summarised again and again: what was said and found out early is
//! still told, memory and storage follow the conversation and not its past, and a process that was killed goes on at once.
//!
//! `EVERTURN_LONG_STEPS=3000 cargo nextest run -p tests --no-capture long_thread` prints what it measured.

use crate::binary::Bench;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    io::Read,
    process::{Child, Command},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use test_kit::{Accounting, ModelServer, Recording, Replies, Reply, ServerOptions};

/// Turns of the whole run; each is a process of its own.
const TURNS: usize = 10;
/// Steps of a run in which nobody says how many.
const STEPS: usize = 300;
/// The window of the model: its instructions and tools leave room for some twenty steps.
const WINDOW: u64 = 24_000;
/// Lines of 64 bytes that a step reads.
const LINES_PER_STEP: usize = 32;
/// The file that is read, over and over.
const LINES: usize = 4_000;
/// A step reads 2 kB. In the database are its input, events, and its share of the summaries.
const BYTES_PER_STEP: u64 = 9_000;
/// A debug build with everything in it.
const PEAK_KB: u64 = 120_000;
/// From the start of the process to its first request: 3 s are the promise on Temporal, with a worker that starts.
const TAKEN_UP_WITHIN: Duration = Duration::from_secs(3);
/// In the first line of the prompt for a summary.
const SUMMARY: &str = "is about to be replaced by a summary";

fn steps() -> usize {
    std::env::var("EVERTURN_LONG_STEPS").ok().and_then(|steps| steps.parse().ok()).unwrap_or(STEPS)
}

/// What the model was asked.
#[derive(Debug, Default)]
struct Seen {
    steps: usize,
    summaries: usize,
    last: String,
    largest: usize,
    requests: Vec<Instant>,
}

/// A model that reads on for so many steps a turn, and in a summary tells every fact it finds.
fn model(per_turn: usize, seen: Arc<Mutex<Seen>>) -> Replies {
    Replies::by(move |body| {
        let text = body["input"].to_string();
        let mut seen = seen.lock().unwrap();
        seen.requests.push(Instant::now());
        let is_summary = body["input"]
            .as_array()
            .and_then(|all| all.last())
            .is_some_and(|last| last.to_string().contains(SUMMARY));
        if is_summary {
            seen.summaries += 1;
            let facts: BTreeSet<&str> = text
                .split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
                .filter(|word| word.starts_with("FACT-"))
                .collect();
            let facts = facts.into_iter().collect::<Vec<_>>().join(", ");
            return Reply::new().text(&format!("## Facts\nFound out so far: {facts}."));
        }
        seen.largest = seen.largest.max(text.len());
        seen.last = text;
        let step = seen.steps;
        seen.steps += 1;
        if step % per_turn == per_turn - 1 {
            return Reply::new().text("This turn is done.");
        }
        if step % 20 == 5 {
            let cmd = format!("echo step-{step} >> log.txt; echo FACT-STEP-{step}");
            let call = json!({ "cmd": cmd });
            return Reply::new().text("I note it.").call("exec_command", call);
        }
        let offset = step * LINES_PER_STEP % (LINES - LINES_PER_STEP) + 1;
        let part = json!({ "path": "long.txt", "offset": offset, "limit": LINES_PER_STEP });
        Reply::new().text("I read on.").call("read_file", part)
    })
}

/// A bench, its model, and what the model saw.
struct Run {
    bench: Bench,
    server: ModelServer,
    seen: Arc<Mutex<Seen>>,
}

impl Run {
    fn new(per_turn: usize) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let options = ServerOptions {
            recording: Recording::Count,
            accounting: Accounting::PromptCache,
            ..ServerOptions::default()
        };
        let server = ModelServer::start_with(model(per_turn, Arc::clone(&seen)), options).unwrap();
        let bench = Bench::new();
        let text: String = (0..LINES).map(|line| format!("{line:07} {}\n", noise(line))).collect();
        bench.file("long.txt", &text);
        bench.configure(&format!("model_context_window = {WINDOW}\n"));
        Self { bench, server, seen }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.bench.command(args);
        command.env("OPENAI_BASE_URL", self.server.url()).env("OPENAI_API_KEY", "k-12345678");
        command
    }

    fn turn(&self, turn: usize) -> Command {
        let say = format!("Turn {turn}: remember FACT-USER-{turn} and read on.");
        if turn == 0 {
            self.command(&["exec", "--sandbox", "danger-full-access", &say])
        } else {
            self.command(&["exec", "resume", "--last", &say])
        }
    }

    /// The bytes of the database.
    fn stored(&self) -> u64 {
        std::fs::metadata(self.bench.home().join("everturn.db")).unwrap().len()
    }

    fn compactions(&self) -> usize {
        let events = self.bench.events();
        let compacted =
            |event: &&agent_core::Event| matches!(event.kind, agent_core::EventKind::ContextCompacted { .. });
        events.iter().filter(compacted).count()
    }
}

/// 55 bytes that no two lines share.
fn noise(seed: usize) -> String {
    let mut state = seed as u64 + 1;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + u8::try_from(state >> 33 & 15).unwrap())
    })
    .take(55)
    .collect()
}

/// The most memory that a process had, in kB, as long as it can be asked.
fn peak_kb(child: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Waits for a process that has to succeed, and gives its peak memory in kB.
fn watched(mut child: Child) -> u64 {
    let mut peak = 0;
    let ended = loop {
        peak = peak_kb(&child).unwrap_or(0).max(peak);
        match child.try_wait().unwrap() {
            Some(ended) => break ended,
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert!(ended.success(), "{ended}: {stderr}");
    peak
}

/// A text column of the database.
fn sqlite(run: &Run, query: &str) -> String {
    let script =
        "import sqlite3, sys\nprint(sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchone()[0])";
    let database = run.bench.home().join("everturn.db");
    let done = Command::new("python3").args(["-c", script]).arg(database).arg(query).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

#[test]
fn thousands_of_steps_cost_no_more_than_the_first_ones() {
    let per_turn = steps() / TURNS;
    let run = Run::new(per_turn);
    let begun = Instant::now();
    let (mut peaks, mut stored, mut snapshots) = (Vec::new(), Vec::new(), Vec::new());
    for turn in 0..TURNS {
        let mut command = run.turn(turn);
        command.stdout(std::process::Stdio::null());
        peaks.push(watched(command.spawn().unwrap()));
        stored.push(run.stored());
        snapshots.push(sqlite(&run, "SELECT length(body) FROM snapshots").parse::<u64>().unwrap());
    }
    let took = begun.elapsed();
    let seen = run.seen.lock().unwrap();
    let (steps, compactions) = (seen.steps, run.compactions());
    let per_step = |from: usize, to: usize| (stored[to] - stored[from]) / ((to - from) * per_turn) as u64;
    println!(
        "{steps} steps in {took:?} ({:?} a step), {compactions} summaries; largest request {} kB\n\
         peak memory by turn, kB: {peaks:?}\nstored by turn, bytes: {stored:?}; a step: {} in the first half, {} in the \
         second\nsnapshot by turn, bytes: {snapshots:?}",
        took / u32::try_from(steps).unwrap(),
        seen.largest / 1000,
        per_step(0, TURNS / 2),
        per_step(TURNS / 2, TURNS - 1),
    );
    assert_eq!(steps, per_turn * TURNS);
    assert!(compactions >= 10 && compactions == seen.summaries, "{compactions} of {}", seen.summaries);
    // What the first turns said, and what the first commands found out, is in the last prompt.
    for fact in ["FACT-USER-0", "FACT-USER-1", "FACT-STEP-5", "FACT-STEP-25"] {
        assert!(seen.last.contains(fact), "{fact} is lost: {}", &seen.last[..4000.min(seen.last.len())]);
    }
    let log = run.bench.read("log.txt");
    let lines: BTreeSet<&str> = log.lines().collect();
    assert_eq!(lines.len(), log.lines().count(), "no command ran twice");
    let most = *peaks.iter().max().unwrap();
    assert!(most < PEAK_KB, "{most} kB");
    assert!(peaks[TURNS - 1] < peaks[1] + peaks[1] / 2, "memory grows with the past: {peaks:?}");
    assert!(
        per_step(TURNS / 2, TURNS - 1) < BYTES_PER_STEP,
        "{} bytes a step",
        per_step(TURNS / 2, TURNS - 1)
    );
    let last = snapshots[TURNS - 1];
    assert!(last < 2 * snapshots[1].max(50_000), "snapshots grow with the past: {snapshots:?}");
    let replayed: Value =
        serde_json::from_str(&run.bench.run(&["replay", "--json"]).succeeds().stdout).unwrap();
    assert_eq!(replayed["verified"], json!(true), "{replayed}");
}

#[test]
fn a_long_turn_that_is_killed_goes_on_at_once() {
    let run = Run::new(usize::MAX);
    let mut child = run.turn(0).spawn().unwrap();
    let enough = steps() / 2;
    while run.seen.lock().unwrap().steps < enough {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // Another server: what the killed process had still sent may reach the first one later.
    let seen = Arc::new(Mutex::new(Seen { steps: run.seen.lock().unwrap().steps, ..Seen::default() }));
    let server = ModelServer::start(model(usize::MAX, Arc::clone(&seen))).unwrap();
    let begun = Instant::now();
    let mut command = run.command(&["exec", "resume", "--last"]);
    let mut child = command.env("OPENAI_BASE_URL", server.url()).spawn().unwrap();
    let first = loop {
        if let Some(first) = seen.lock().unwrap().requests.first() {
            break *first;
        }
        assert!(child.try_wait().unwrap().is_none(), "it does not go on");
        std::thread::sleep(Duration::from_millis(2));
    };
    let took = first - begun;
    println!(
        "killed after {enough} steps of one turn; {took:?} from the start of the process to its first request"
    );
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(took < TAKEN_UP_WITHIN, "{took:?}");
    let log = run.bench.read("log.txt");
    let lines: BTreeSet<&str> = log.lines().collect();
    assert_eq!(lines.len(), log.lines().count(), "no command ran twice");
}
