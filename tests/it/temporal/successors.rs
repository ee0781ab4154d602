//! Workers and clients that come and go: a second worker takes over, a client that is killed cancels nothing.

use super::{
    black_box::attached_until,
    client,
    reading::Reading,
    round::{Round, timeless},
    soon,
    worker::Worker,
};
use crate::{
    binary::{Bench, Ran},
    crash::{bench, check, whole},
};
use agent_core::{AgentSession, Cursor};
use serde_json::Value;
use std::{process::Child, time::Duration};
use temporal_backend::dev_server::TestServer;
use test_kit::Trace;

/// So often is looked at a file.
const LOOK: Duration = Duration::from_millis(10);

/// Waits until this holds.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let waited = async {
        while !holds() {
            tokio::time::sleep(LOOK).await;
        }
    };
    soon(what, waited).await;
}

fn said(bench: &Bench, text: &str) -> usize {
    std::fs::read_to_string(Worker::log(bench)).unwrap_or_default().matches(text).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_worker_of_a_data_folder_takes_over_when_the_first_is_killed() {
    let expected = tokio::task::spawn_blocking(whole).await.unwrap();
    let server = TestServer::start().await.unwrap();
    let client = client(server.address()).await;
    let round = Round::begin(&client, server.address(), "two-workers").await;
    let first = round.worker(None);
    until("the first worker", || said(&round.bench, "serving queue") == 1).await;
    let _second = round.worker(None);
    until("the second worker", || said(&round.bench, "waiting until it goes") == 1).await;
    let going = round.go();
    until("the third step", || round.bench.read("log.txt").contains("end-4")).await;
    assert_eq!(said(&round.bench, "serving queue"), 1, "one serves at a time");
    first.kill();
    let told = round.reading.turns(1).await;
    going.await.unwrap();
    round.check(&told, &expected, "a second worker").await;
    assert_eq!(said(&round.bench, "serving queue"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_who_comes_later_is_told_the_rest_and_nothing_twice() {
    let server = TestServer::start().await.unwrap();
    let client = client(server.address()).await;
    let round = Round::begin(&client, server.address(), "readers").await;
    let _worker = round.worker(None);
    let going = round.go();
    let begun = round.reading.until("ten events", |told| told.events.len() >= 10).await;
    // The first client leaves in mid-turn; another one begins where it stopped.
    let Round { backend, session, reading, .. } = &round;
    let seq = begun.events().last().unwrap().seq;
    let other = soon("the thread", backend.attach(session.key())).await.unwrap();
    let rest = Reading::after(&other, Cursor::after(seq)).turns(1).await.events();
    let all = reading.turns(1).await.events();
    going.await.unwrap();
    assert_eq!(timeless(rest), timeless(all[usize::try_from(seq).unwrap()..].to_vec()));
}

/// A server, a worker of its own process, and a client as the binary: both have one data folder.
struct Scene {
    server: TestServer,
    bench: Bench,
    script: String,
    _worker: Worker,
}

const QUEUE: &str = "everturn-clients";

impl Scene {
    async fn open() -> Self {
        let server = TestServer::start().await.unwrap();
        let (bench, script) = bench();
        let worker = Worker::start(&bench, server.address(), QUEUE, None);
        until("the worker", || said(&bench, "serving queue") == 1).await;
        Self { server, bench, script, _worker: worker }
    }

    /// What says where the threads are.
    fn place<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        let place = ["--backend", "temporal", "--address", self.server.address(), "--queue", QUEUE];
        args.iter().copied().chain(place).collect()
    }

    fn exec(&self) -> Child {
        let exec = ["exec", "--json", "--sandbox", "danger-full-access", "--script", &self.script, "go"];
        self.bench.spawn(&self.place(&exec))
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.bench.run(&self.place(args))
    }

    fn thread(&self) -> String {
        let list = self.run(&["sessions", "list", "--json"]).succeeds();
        list.json().first().unwrap_or_else(|| panic!("no thread: {list:?}"))["thread"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// The trace of the last thread, as it is stored.
    fn trace(&self) -> Trace {
        let export = self.run(&["sessions", "export", &self.thread(), "--format", "jsonl"]).succeeds();
        let events =
            export.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>();
        Trace::of(&events)
    }

    async fn logged(&self, text: &str) {
        until(text, || self.bench.read("log.txt").contains(text)).await;
    }
}

async fn ended(child: Child) -> Ran {
    tokio::task::spawn_blocking(move || Ran::from(child.wait_with_output().unwrap())).await.unwrap()
}

/// A model call that was under way when the server died may be lost with it; it is made again, and that is told.
fn is_of_a_lost_call(line: &Value) -> bool {
    line["code"] == "retry"
        && line["message"].as_str().is_some_and(|text| text.ends_with("that asked the model died"))
}

/// What a client printed of the turn, without what differs from thread to thread, without notices, and without model calls
/// that were lost.
fn told(ran: &Ran) -> Vec<Value> {
    let mut lines = ran.json();
    lines.retain(|line| line["type"] != "notice");
    let mut lost = 0;
    lines.retain_mut(|line| {
        let is_lost = is_of_a_lost_call(line);
        lost += u64::from(is_lost);
        if let Some(seq) = line["seq"].as_u64() {
            line["seq"] = (seq - lost).into();
        }
        !is_lost
    });
    for line in &mut lines {
        let object = line.as_object_mut().unwrap();
        for differs in ["thread_id", "durability", "rules"] {
            object.remove(differs);
        }
    }
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_prints_the_same_whatever_dies_behind_it() {
    let mut scene = Scene::open().await;
    let quiet = ended(scene.exec()).await.succeeds();
    let expected = told(&quiet);
    assert_eq!(expected.last().unwrap()["type"], "turn.completed", "{quiet:#?}");
    std::fs::remove_file(scene.bench.project().join("log.txt")).unwrap();
    std::fs::remove_file(scene.bench.project().join("added-6.txt")).unwrap();

    let client = scene.exec();
    for step in ["end-2", "end-5"] {
        scene.logged(step).await;
        scene.server.kill().await.unwrap();
        tokio::time::sleep(Duration::from_millis(700)).await;
        scene.server.restart().await.unwrap();
    }
    let ran = ended(client).await.succeeds();
    assert_eq!(told(&ran), expected, "{ran:#?}");
    let notices: Vec<String> = ran
        .json()
        .iter()
        .filter(|line| line["type"] == "notice")
        .map(|line| line["kind"].as_str().unwrap().to_owned())
        .collect();
    assert!(notices.contains(&"server_away".to_owned()), "{notices:?}");
    assert_eq!(notices.last().map(String::as_str), Some("back"), "{notices:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_killed_cancels_nothing_and_attach_joins_again() {
    let expected = tokio::task::spawn_blocking(whole).await.unwrap();
    let scene = Scene::open().await;
    let mut client = scene.exec();
    scene.logged("end-2").await;
    client.kill().unwrap();
    client.wait().unwrap();
    let thread = scene.thread();
    let attach = scene.bench.command(&scene.place(&["attach", &thread]));
    let attached = attached_until(attach, &scene.bench, "All done.");
    let follower = scene.bench.spawn(&scene.place(&["exec", "resume", &thread, "--json"]));
    let (attached, followed) = tokio::join!(attached, ended(follower));
    assert!(matches!(followed.code, Some(0)), "{followed:#?}");
    assert_eq!(followed.json().last().unwrap()["type"], "turn.completed", "{followed:#?}");
    for step in 1..=10 {
        let words = format!("Step {step}.");
        assert_eq!(attached.matches(&words).count(), 1, "{words}: {attached}");
    }
    assert_eq!(attached.matches("All done.").count(), 1, "{attached}");
    assert_eq!(check(&scene.bench, &scene.trace(), &expected, "a client was killed"), 0);
}
