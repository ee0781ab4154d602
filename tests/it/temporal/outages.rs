//! The server is killed with SIGKILL and started again on its database, in mid-turn. Worker and client stay where they are,
//! and go on.

use super::{client, reading::Told, round::Round, worker::Worker};
use crate::{binary::Bench, crash::whole};
use agent_core::{EventKind, ItemDetail, Notice, OutputStatus};
use std::{path::Path, time::Duration};
use temporal_backend::{dev_server::TestServer, wire::RunOptions};
use test_kit::Trace;

/// Longer than a heartbeat may be overdue: the server takes the call for lost when it is back.
const LONG: Duration = Duration::from_secs(7);
/// Shorter.
const SHORT: Duration = Duration::from_millis(500);
/// So often is looked for a file.
const LOOK: Duration = Duration::from_millis(10);

/// A turn with one command that runs until it is told to end, and then says so.
const WAITING: &str = r#"
[[step]]
text = "I run it."
calls = [{ tool = "exec_command", args = { cmd = "echo begun >> log.txt; until test -e go; do sleep 0.02; done; echo ended >> log.txt; echo it is done", timeout_ms = 60000 } }]

[[step]]
expect_output = "it is done"
text = "Done."
"#;

/// A turn whose first answer takes its time.
const SLOW_MODEL: &str = r#"
[[step]]
text = "one two three four five six seven eight"
chunk_delay_ms = 250
calls = [{ tool = "exec_command", args = { cmd = "echo begun >> log.txt" } }]

[[step]]
text = "Done."
"#;

/// A server, a worker of its own process, and a thread with this script.
struct Scene {
    server: TestServer,
    round: Round,
    _worker: Worker,
}

impl Scene {
    async fn open(name: &str, script: &str) -> Self {
        let server = TestServer::start().await.unwrap();
        let client = client(server.address()).await;
        let bench = Bench::new();
        let script = bench.script(script);
        let round = Round::with(&client, server.address(), name, bench, &script, RunOptions::default()).await;
        let worker = round.worker(None);
        Self { server, round, _worker: worker }
    }

    /// The server dies and is away for so long.
    async fn outage(&mut self, length: Duration) {
        self.server.kill().await.unwrap();
        tokio::time::sleep(length).await;
        self.server.restart().await.unwrap();
    }

    /// What the commands of the turn have logged.
    fn log(&self) -> String {
        self.round.bench.read("log.txt")
    }
}

async fn file(path: &Path) {
    let there = async {
        while !path.exists() {
            tokio::time::sleep(LOOK).await;
        }
    };
    super::soon(&path.display().to_string(), there).await;
}

/// The text and the status of the one command.
fn command(told: &Told) -> (String, OutputStatus) {
    let outputs = told.events.iter().filter_map(|(_, event)| match &event.kind {
        EventKind::ItemCompleted { item } => match &item.detail {
            ItemDetail::CommandExecution { output, .. } => output.clone(),
            _ => None,
        },
        _ => None,
    });
    let outputs: Vec<_> = outputs.collect();
    let [output] = outputs.as_slice() else { panic!("{outputs:#?}") };
    (output.plain_text(), output.status)
}

/// The client was told that the server is away, and that it is back.
fn assert_was_told(told: &Told) {
    let away = told.notices.iter().position(|notice| matches!(notice, Notice::ServerAway { .. }));
    let back = told.notices.iter().rposition(|notice| matches!(notice, Notice::Back { .. }));
    assert!(away.is_some() && back > away, "{:#?}", told.notices);
}

/// The command goes on while the server is away for so long, and ends then or afterwards.
async fn command_outlives(name: &str, outage: Duration, ends: Ends) {
    let mut scene = Scene::open(name, WAITING).await;
    let going = scene.round.go();
    file(&scene.round.bench.project().join("log.txt")).await;
    scene.server.kill().await.unwrap();
    if ends == Ends::Meanwhile {
        scene.round.bench.file("go", "");
        let ended = async {
            while !scene.log().contains("ended") {
                tokio::time::sleep(LOOK).await;
            }
        };
        super::soon("the end of the command", ended).await;
    }
    tokio::time::sleep(outage).await;
    scene.server.restart().await.unwrap();
    if ends == Ends::Afterwards {
        // The server takes the call for lost before the client is told anything new.
        scene.round.reading.until("the server", |told| told.notices.iter().any(is_back)).await;
        tokio::time::sleep(outage).await;
        scene.round.bench.file("go", "");
    }
    let told = scene.round.reading.turns(1).await;
    going.await.unwrap();
    assert_eq!(scene.log(), "begun\nended\n", "{told:#?}");
    let (text, status) = command(&told);
    assert!(text.contains("it is done") && status == OutputStatus::Ok, "{status:?}: {text}");
    assert_eq!(
        Trace::of(&told.events()),
        Trace {
            thread: vec!["turn_started".into(), "turn_completed: final".into()],
            items: vec![
                "user_message: go".into(),
                "agent_message: I run it.".into(),
                "command_execution: ok".into(),
                "agent_message: Done.".into(),
            ],
            decisions: vec!["allowed by policy, unconfined".into()],
        }
    );
    assert_was_told(&told);
}

/// When a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    /// While the server is away.
    Meanwhile,
    /// When it is back.
    Afterwards,
}

fn is_back(notice: &Notice) -> bool {
    matches!(notice, Notice::Back { .. })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_command_says_while_the_server_is_away_arrives() {
    let short = command_outlives("outage-a", SHORT, Ends::Meanwhile);
    let long = command_outlives("outage-b", LONG, Ends::Meanwhile);
    tokio::join!(short, long);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_the_server_took_for_lost_is_neither_killed_nor_run_again() {
    command_outlives("outage-c", LONG, Ends::Afterwards).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_asked_while_the_server_dies_is_heard() {
    let mut scene = Scene::open("outage-d", SLOW_MODEL).await;
    let going = scene.round.go();
    scene.round.reading.event("the turn", |kind| matches!(kind, EventKind::TurnStarted)).await;
    scene.outage(SHORT).await;
    let told = scene.round.reading.turns(1).await;
    going.await.unwrap();
    assert_eq!(scene.log(), "begun\n");
    assert_eq!(
        Trace::of(&told.events()).items,
        [
            "user_message: go",
            "agent_message: one two three four five six seven eight",
            "command_execution: ok",
            "agent_message: Done.",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_goes_on_through_several_deaths_of_the_server() {
    let expected = tokio::task::spawn_blocking(whole).await.unwrap();
    let mut server = TestServer::start().await.unwrap();
    let client = client(server.address()).await;
    let round = Round::begin(&client, server.address(), "outage-e").await;
    let _worker = round.worker(None);
    let going = round.go();
    for step in [1, 4, 8] {
        // As soon as the step's command begins: what follows of the turn meets the outage.
        let begun = format!("step-{step}\n");
        let looked = async {
            while !round.bench.read("log.txt").contains(&begun) {
                tokio::time::sleep(LOOK).await;
            }
        };
        super::soon(&begun, looked).await;
        server.kill().await.unwrap();
        server.restart().await.unwrap();
    }
    let told = round.reading.turns(1).await;
    going.await.unwrap();
    let ended = round.check(&told, &expected, "three deaths of the server").await;
    assert_eq!(ended.unknown, 0);
}
