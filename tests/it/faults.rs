//! The fault table: what a user sees of each way in which a model provider fails, over every API. Whatever happens, the
//! thread goes on afterwards and nothing of it is lost.
//!
//! `cargo nextest run -p tests --no-capture every_fault` prints the table as Markdown.

pub(crate) mod provider;

use crate::binary::{Bench, Ran};
use provider::{ANSWER, Provider, Shown, brief, goes_on, good};
use serde_json::Value;
use std::{
    panic::AssertUnwindSafe,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};
use test_kit::{ClosedPort, ModelServer, Recording, Replies, Reply, WireApi};

/// The most that a run may need besides its waits, on a busy machine with a build that is not optimised: 10 MB of text
/// take ten seconds there.
const WORK: Duration = Duration::from_secs(60);
/// How long a provider may send nothing, where that is what is tested, in milliseconds.
const IDLE_MS: u64 = 400;
/// As many runs as this at a time.
const WORKERS: usize = 4;

/// A fault and what is to come of it.
struct Fault {
    name: &'static str,
    what: What,
    outcome: Outcome,
    requests: usize,
    /// The waits that belong to it.
    waits: Duration,
    shown: &'static [Shown],
}

enum What {
    /// These, one after the other.
    Replies(Vec<Reply>),
    /// This one again and again.
    Always(Reply),
    /// Nobody listens.
    Refused,
}

enum Outcome {
    /// The turn ends well.
    Recovers,
    /// The turn fails: the code in JSON, and what the user is told.
    Fails(&'static str, Vec<&'static str>),
}

fn fault(name: &'static str, reply: Reply) -> Fault {
    Fault {
        name,
        what: What::Always(reply),
        outcome: Outcome::Recovers,
        requests: 1,
        waits: Duration::ZERO,
        shown: &[Shown::AsJson, Shown::AsText],
    }
}

fn sequence(name: &'static str, replies: Vec<Reply>) -> Fault {
    let requests = replies.len();
    Fault { what: What::Replies(replies), requests, ..fault(name, good()) }
}

impl Fault {
    fn fails(self, code: &'static str, says: &[&'static str]) -> Self {
        Self { outcome: Outcome::Fails(code, says.to_vec()), ..self }
    }

    /// How many requests are made; 1 if nothing is said.
    fn requests(self, requests: usize) -> Self {
        Self { requests, ..self }
    }

    fn waits(self, ms: u64) -> Self {
        Self { waits: Duration::from_millis(ms), ..self }
    }
}

/// The faults of the head, with two request retries and two stream retries.
fn before_the_response() -> Vec<Fault> {
    let gives_up = "retries_exhausted";
    let status = |status: u16| Reply::error(status, "server_error", "The server had an error.");
    vec![
        fault("429", Reply::rate_limited()).fails(gives_up, &["429", "try again later"]).requests(3),
        fault("429, Retry-After of an hour", Reply::rate_limited().retry_after(3600))
            .fails(gives_up, &["429", "it asks to wait 3600 s"]),
        sequence("429, Retry-After of 1 s, then good", vec![Reply::rate_limited().retry_after(1), good()])
            .waits(1000),
        sequence("429, retry-after-ms 50, then good", vec![Reply::rate_limited().retry_after_ms(50), good()])
            .waits(50),
        fault(
            "429, Retry-After as a date in an hour",
            Reply::rate_limited().retry_after_date(SystemTime::now() + Duration::from_secs(3600)),
        )
        .fails(gives_up, &["429", "it asks to wait 35"]),
        sequence(
            "429, Retry-After as a date that has passed, then good",
            vec![Reply::rate_limited().retry_after_date(SystemTime::now()), good()],
        ),
        fault("429, the account is empty", Reply::out_of_quota()).fails("fatal", &["add credit"]),
        fault("401", Reply::unauthorized()).fails("fatal", &["401", "key"]),
        fault("403", Reply::forbidden()).fails("fatal", &["403", "key"]),
        fault("no such model", Reply::unknown_model("test-model")).fails("fatal", &["test-model", "`model`"]),
        fault("500", status(500)).fails(gives_up, &["500", "try again later"]).requests(3),
        fault("502", status(502)).fails(gives_up, &["502", "try again later"]).requests(3),
        fault("503", status(503)).fails(gives_up, &["503", "try again later"]).requests(3),
        fault("529", status(529)).fails(gives_up, &["529", "try again later"]).requests(3),
        sequence("500 twice, then good", vec![status(500), status(500), good()]),
        fault("502 with a page of HTML", Reply::html(502))
            .fails(gives_up, &["502 Bad Gateway: (a page of HTML)", "try again later"])
            .requests(3),
        fault("200 with a page of HTML", Reply::html(200)).fails("fatal", &["text/html", "base_url"]),
        // The answer, its summary, and the summary without the first item.
        fault("the conversation is too long", Reply::context_overflow())
            .fails(
                "context_window_exceeded",
                &["could not be summarised", "does not fit", "begin a new thread"],
            )
            .requests(3),
        Fault { what: What::Refused, ..fault("connection refused", good()) }
            .fails(gives_up, &["127.0.0.1:", "running?"])
            .requests(0),
        fault("hang-up before the head", Reply::hang_up()).fails(gives_up, &["did not answer"]).requests(3),
        sequence("hang-up before the head, then good", vec![Reply::hang_up(), good()]),
        fault("silence before the head", Reply::silent())
            .fails(gives_up, &["sent nothing for", "stream_idle_timeout_ms", "(asked 3 times)"])
            .requests(3)
            .waits(3 * IDLE_MS),
        sequence("silence before the head, then good", vec![Reply::silent(), good()]).waits(IDLE_MS),
    ]
}

/// The faults of a response that began well.
fn within_the_response() -> Vec<Fault> {
    let gives_up = "retries_exhausted";
    let half = || Reply::new().text("Half of an answer and");
    vec![
        fault("silence in the stream", half().silence())
            .fails(gives_up, &["sent nothing for", "stream_idle_timeout_ms", "(asked 3 times)"])
            .requests(3)
            .waits(3 * IDLE_MS),
        fault("reset in the stream", half().reset())
            .fails(gives_up, &["broke off", "(asked 3 times)", "try again later"])
            .requests(3),
        fault("cut in the stream", half().cut())
            .fails(gives_up, &["broke off", "(asked 3 times)", "try again later"])
            .requests(3),
        fault("end without completion", half().close_early())
            .fails(gives_up, &["before it was completed", "try again later"])
            .requests(3),
        sequence("cut, reset, then good", vec![half().cut(), half().reset(), good()]),
        fault("error in the stream", half().failed("server_error", "The server had an error."))
            .fails(gives_up, &["The server had an error.", "try again later"])
            .requests(3),
        sequence("error in the stream, then good", vec![half().failed("server_error", "x"), good()]),
        fault("the conversation is too long, says the stream", half().overflows())
            .fails(
                "context_window_exceeded",
                &["could not be summarised", "does not fit", "begin a new thread"],
            )
            .requests(3),
        fault("data that is not JSON", half().malformed_json())
            .fails(gives_up, &["JSON", "try again later"])
            .requests(3),
        sequence("data that is not JSON, then good", vec![half().malformed_json(), good()]),
        fault("lines that are not SSE", good().malformed_sse().malformed_fields()),
        fault("bytes that are not UTF-8", Reply::new().not_utf8().text(ANSWER)),
        fault("unknown events and fields", Reply::new().unknown().text(ANSWER)),
        fault("a line of 10 MB", Reply::new().huge_line(10_000_000).text(ANSWER)),
        // Without optimisation it takes ten seconds to show: once is enough.
        Fault { shown: &[Shown::AsText], ..fault("a delta of 10 MB", Reply::new().huge_text(10_000_000)) },
        fault("a line without end", half().endless_line())
            .fails(gives_up, &["longer than", "try again later"])
            .requests(3),
        fault(
            "slow, but not silent",
            Reply::new().text(ANSWER).chunk_pause(Duration::from_millis(IDLE_MS / 2)),
        )
        .waits(2 * IDLE_MS),
        fault("an empty answer", Reply::new()),
    ]
}

/// A line of the table.
struct Row {
    sees: String,
    requests: usize,
    took: Duration,
}

#[test]
fn every_fault_has_its_result() {
    let faults: Vec<Fault> = before_the_response().into_iter().chain(within_the_response()).collect();
    let runs: Vec<(&Fault, WireApi)> =
        faults.iter().flat_map(|fault| WireApi::ALL.map(|api| (fault, api))).collect();
    let next = AtomicUsize::new(0);
    let rows: Vec<OnceLock<Row>> = runs.iter().map(|_| OnceLock::new()).collect();
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                // From the back, where the long ones are.
                while let Some(run) = runs.len().checked_sub(1 + next.fetch_add(1, Ordering::Relaxed)) {
                    let (fault, api) = runs[run];
                    // One that fails says so, and the others go on: the whole table is wanted.
                    let row = std::panic::catch_unwind(AssertUnwindSafe(|| {
                        fault.shown.iter().fold(None, |_, shown| Some(fault.run(api, *shown)))
                    }));
                    if let Ok(Some(row)) = row {
                        assert!(rows[run].set(row).is_ok());
                    }
                }
            });
        }
    });
    println!("| fault | API | exit code | what the user sees | requests | ms |");
    println!("|---|---|---|---|---|---|");
    let mut failed = Vec::new();
    for ((fault, api), row) in runs.iter().zip(rows) {
        let Some(row) = row.into_inner() else {
            failed.push((fault.name, api));
            continue;
        };
        let code = i32::from(matches!(fault.outcome, Outcome::Fails(..)));
        let sees = row.sees.replace('|', "\\|");
        println!(
            "| {} | {api:?} | {code} | {sees} | {} | {} |",
            fault.name,
            row.requests,
            row.took.as_millis()
        );
    }
    assert!(failed.is_empty(), "{failed:?}");
}

impl Fault {
    /// Runs it in a home of its own and checks all that is to come of it.
    fn run(&self, api: WireApi, shown: Shown) -> Row {
        let name = format!("{} over {api:?} {shown:?}", self.name);
        let bench = Bench::new();
        let closed = ClosedPort::take().unwrap();
        let server = ModelServer::start_recording(self.replies(), Recording::Count).unwrap();
        let url = if matches!(self.what, What::Refused) { closed.url() } else { server.url() };
        let (ran, took) = self.provider(url, api).exec(&bench, shown, &["First prompt."]);
        assert_eq!(server.request_count(), self.requests, "{name}: {}", brief(&ran));
        assert!(took >= self.waits && took < self.waits + WORK, "{name} took {took:?}");
        let sees = match (&self.outcome, shown) {
            (Outcome::Recovers, Shown::AsText) => self.answered(&ran, &name),
            (Outcome::Recovers, Shown::AsJson) => {
                assert_eq!(
                    (ran.code, &last(&ran)["type"]),
                    (Some(0), &"turn.completed".into()),
                    "{name}: {}",
                    brief(&ran)
                );
                String::new()
            }
            (Outcome::Fails(_, says), Shown::AsText) => failed(&ran, says, &name),
            (Outcome::Fails(code, says), Shown::AsJson) => {
                let last = last(&ran);
                let message = last["error"]["message"].as_str().unwrap_or_default();
                assert_eq!(
                    (&last["type"], &last["error"]["code"]),
                    (&"turn.failed".into(), &(*code).into()),
                    "{name}: {}",
                    brief(&ran)
                );
                assert!(says.iter().all(|text| message.contains(text)), "{name}: {message}");
                assert_eq!(ran.code, Some(1), "{name}: {}", brief(&ran));
                String::new()
            }
        };
        if shown == Shown::AsText {
            goes_on(&bench, api, &bench.events(), &["First prompt."], &name);
        }
        Row { sees, requests: server.request_count(), took }
    }

    /// Where silence is not what is tested, a machine that is busy should not look like it.
    fn provider(&self, url: String, api: WireApi) -> Provider {
        let idle_ms = if self.waits.is_zero() { Provider::PATIENT_MS } else { IDLE_MS };
        Provider { url, api, idle_ms }
    }

    fn replies(&self) -> Replies {
        match &self.what {
            What::Replies(replies) => Replies::in_order(replies.clone()),
            What::Always(reply) => Replies::always(reply.clone()),
            What::Refused => Replies::in_order([]),
        }
    }

    /// The answer is on standard output, and standard error says no more than that there were retries.
    fn answered(&self, ran: &Ran, name: &str) -> String {
        assert_eq!(ran.code, Some(0), "{name}: {}", brief(ran));
        match self.name {
            "a delta of 10 MB" => assert_eq!(ran.stdout.trim().len(), 10_000_000, "{name}"),
            "an empty answer" => assert_eq!(ran.stdout.trim(), "", "{name}"),
            _ => assert_eq!(ran.stdout.trim(), ANSWER, "{name}: {}", brief(ran)),
        }
        "the answer".to_owned()
    }
}

/// The last line of JSON.
fn last(ran: &Ran) -> Value {
    ran.json().pop().unwrap_or_default()
}

/// The line of standard error that says why the turn failed.
fn failed(ran: &Ran, says: &[&str], name: &str) -> String {
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{name}: {}", brief(ran));
    let line = ran.stderr.lines().rev().find(|line| says.iter().all(|text| line.contains(text)));
    let line = line.unwrap_or_else(|| panic!("{name}: no line says all of {says:?}: {}", brief(ran)));
    without_port(line.trim())
}

/// Ports differ from run to run.
fn without_port(line: &str) -> String {
    let mut parts = line.split("127.0.0.1:");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str("127.0.0.1:PORT");
        text.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    text
}
