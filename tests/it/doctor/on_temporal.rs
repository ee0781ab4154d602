//! What it finds of Temporal.

use super::{KEY, of, one, with_key};
use crate::binary::{Bench, Ran};
use std::{
    process::{Child, Stdio},
    time::{Duration, Instant},
};
use temporal_backend::dev_server::TestServer;
use test_kit::ClosedPort;

/// Longer than anything here takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(90);

/// A home whose model is a script.
fn scripted() -> Bench {
    let bench = Bench::new();
    let script = bench.script("[[turn]]\n[[turn.step]]\ntext = \"Done.\"\n");
    bench.configure(&format!("model = \"scripted:{script}\"\n"));
    bench
}

/// A process that ends with this.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn it_is_left_out_where_this_data_folder_has_nothing_to_do_with_it() {
    let bench = scripted();
    let ran = bench.run(&["doctor", "--json"]).succeeds();
    assert_eq!(of(&ran, "Temporal server"), []);
    std::fs::create_dir_all(bench.home().join("temporal")).unwrap();
    let ran = bench.run(&["doctor", "--json"]);
    assert_eq!(of(&ran, "Temporal server").len(), 1, "{ran:#?}");
    let ran = bench.run(&["doctor", "--json", "--backend", "local"]).succeeds();
    assert_eq!(of(&ran, "Temporal server"), []);
}

#[test]
fn a_server_of_the_data_folder_that_rests_is_fine_and_nothing_is_started_or_made() {
    let bench = scripted();
    let program = bench.path().join("no-temporal");
    std::fs::write(&program, "").unwrap();
    let run = |named: Option<&str>, path: Option<&str>| -> Ran {
        let mut command = bench.command(&["doctor", "--json", "--backend", "temporal"]);
        command.env_remove("EVERTURN_TEMPORAL_CLI").envs(named.map(|named| ("EVERTURN_TEMPORAL_CLI", named)));
        command.envs(path.map(|path| ("PATH", path))).output().unwrap().into()
    };
    let ran = run(program.to_str(), None).fails(1, &[]);
    let (verdict, found, _) = one(&ran, "Temporal server");
    assert_eq!(verdict, "ok");
    assert!(found.contains("started when it is needed"), "{found}");
    assert_eq!(one(&ran, "payload codec").0, "ok");
    assert!(of(&ran, "namespace").is_empty() && of(&ran, "worker").is_empty(), "{ran:#?}");
    let (verdict, found, remedy) = one(&ran, "temporal program");
    assert_eq!(verdict, "problem");
    assert!(found.contains("EVERTURN_TEMPORAL_CLI names") && remedy.contains("unset it"), "{ran:#?}");
    // Where there is none it is fetched, if there is something that can.
    let ran = run(None, Some("/nowhere")).fails(1, &[]);
    assert!(one(&ran, "temporal program").1.contains("no python3"), "{ran:#?}");
    assert!(!bench.home().join("temporal").exists(), "looking makes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_server_the_worker_is_a_warning_until_there_is_one() {
    let server = TestServer::start().await.unwrap();
    let bench = scripted();
    let at = ["--address", server.address(), "--queue", "doctors"];
    let args = [&["doctor", "--json"], &at[..]].concat();
    let ran = bench.run(&args).succeeds();
    let (verdict, found, remedy) = one(&ran, "worker");
    assert_eq!((verdict.as_str(), found.as_str()), ("warning", "nobody polls doctors"));
    assert!(remedy.contains("everturn worker"), "{remedy}");
    for subject in ["Temporal server", "namespace", "retention", "payload codec"] {
        assert_eq!(one(&ran, subject).0, "ok", "{ran:#?}");
    }
    assert_eq!(of(&ran, "temporal program"), [], "this server is somebody's own");
    // A data folder that has not been there has no queue, and is not given one.
    let ran = bench.run(&["doctor", "--json", "--address", server.address()]).succeeds();
    assert!(one(&ran, "worker").1.contains("no thread of this data folder"), "{ran:#?}");
    assert!(!bench.home().join("temporal").exists());

    let mut worker = bench.command(&[&["worker"], &at[..]].concat());
    // Its threads are scripted.
    worker.env("OPENAI_API_KEY", "sk-never-used");
    let _worker = Process(worker.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let began = Instant::now();
    loop {
        let ran = bench.run(&args).succeeds();
        let (verdict, found, _) = one(&ran, "worker");
        if verdict == "ok" {
            assert!(found.ends_with(" polls doctors"), "{found}");
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{ran:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_it_from_a_server_is_a_problem_with_what_to_do() {
    let mut server = TestServer::start().await.unwrap();
    let bench = scripted();
    let address = server.address().to_owned();
    let ran = bench.run(&["doctor", "--json", "--address", &address, "--namespace", "other"]).fails(1, &[]);
    let (verdict, found, remedy) = one(&ran, "namespace");
    assert_eq!(verdict, "problem");
    assert!(found.contains("no namespace \"other\""), "{found}");
    assert!(remedy.contains("there are default"), "{remedy}");
    server.kill().await.unwrap();
    let ran = bench.run(&["doctor", "--json", "--address", &address]).fails(1, &[]);
    assert_eq!(one(&ran, "Temporal server").0, "problem");
}

#[test]
fn a_bus_that_is_away_and_codec_keys_that_are_not_there_are_told_without_secrets() {
    let port = ClosedPort::take().unwrap();
    let bench = scripted();
    let bus = format!("nats://doctor:hunter2-secret@{}", port.address());
    let args = ["--backend", "temporal", "--bus", &bus, "-c", "temporal.codec.key_env=NOT_SET"];
    let ran = with_key(&bench, KEY, &args).fails(1, &[]);
    let (verdict, found, remedy) = one(&ran, "bus");
    assert_eq!(verdict, "warning", "{ran:#?}");
    assert!(found.contains(&port.address().to_string()), "{found}");
    assert!(remedy.contains("temporal.bus"), "{remedy}");
    assert!(!ran.stdout.contains("hunter2-secret"), "{ran:#?}");
    assert_eq!(one(&ran, "payload codec").0, "problem");
    // What the command line says of places may be wrong as well; the file holds all the same.
    let ran = with_key(&bench, KEY, &["--backend", "temporal", "--bus", "carrier-pigeon"]).fails(1, &[]);
    let (_, found, remedy) = one(&ran, "configuration");
    assert!(found.contains("carrier-pigeon"), "{found}");
    assert!(remedy.ends_with("without the options of this command"), "{remedy}");
    assert_eq!((one(&ran, "model").0.as_str(), one(&ran, "Temporal server").0.as_str()), ("ok", "ok"));
    let named = ["--backend", "temporal", "--bus", "nats://host:no-port"];
    let ran = with_key(&bench, KEY, &named).fails(1, &[]);
    assert_eq!(one(&ran, "bus").0, "problem", "{ran:#?}");
}
