//! Who is let in to a bus, what others can do to it, and what is never written down.

use crate::{
    certificates::Certificates,
    key,
    nats_bus::{LIMIT, bus, hear, listening},
    nats_server::NatsServer,
};
use agent_core::{Tenant, ThreadId, ThreadKey};
use sink::{Bus, BusHeard, NatsBus, NatsOptions, Signal, Standing};
use std::{
    fmt::Write as _,
    io::{self, BufRead, BufReader, Write},
    net::TcpStream,
    sync::{Arc, Mutex},
};
use tempfile::TempDir;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

/// Everything that is logged on this thread, at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn start() -> (Self, DefaultGuard) {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(log.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn why(bus: &NatsBus) -> String {
    match bus.standing() {
        Standing::Away { why } => why.to_string(),
        other => panic!("{other:?}"),
    }
}

async fn connect(options: NatsOptions) -> NatsBus {
    NatsBus::connect(options).await.unwrap()
}

async fn passes(worker: &NatsBus, client: &NatsBus) {
    passes_for(worker, client, &key()).await;
}

async fn passes_for(worker: &NatsBus, client: &NatsBus, key: &ThreadKey) {
    let mut ear = listening(client, key).await;
    worker.publish(key, Signal::Wake { seq: 3 });
    assert_eq!(hear(&mut ear).await, BusHeard::Signal(Signal::Wake { seq: 3 }));
}

#[tokio::test]
async fn a_token_and_a_password_let_in_and_are_written_nowhere() {
    for (options, good, bad) in [
        (vec!["--auth", "planted-secret"], "planted-secret@", "planted-wrong@"),
        (vec!["--user", "me", "--pass", "planted-secret"], "me:planted-secret@", "me:planted-wrong@"),
    ] {
        let Some(server) = NatsServer::start(&options) else { return };
        let (log, _guard) = Log::start();
        let url = |login: &str| format!("nats://{login}127.0.0.1:{}", server.port());
        let (worker, client) = (bus(&url(good)).await, bus(&url(good)).await);
        passes(&worker, &client).await;
        let (refused, stranger) = (bus(&url(bad)).await, bus(&url("")).await);
        for bus in [&refused, &stranger] {
            assert!(why(bus).contains("it does not let us in: check the user and password"), "{}", why(bus));
        }
        let mut shown = log.text();
        assert!(shown.contains("the bus is there") && shown.contains("the bus is away"), "{shown}");
        write!(shown, "{worker:?} {refused:?} {} {:?}", why(&refused), refused.subscribe(&key())).unwrap();
        assert!(!shown.contains("planted"), "{shown}");
    }
}

#[tokio::test]
async fn tls_needs_an_authority_that_is_trusted() {
    let files = Certificates::new();
    let (cert, private) = (files.path("peer.pem"), files.path("peer.key"));
    let options = ["--tlscert", cert.to_str().unwrap(), "--tlskey", private.to_str().unwrap()];
    let Some(server) = NatsServer::start(&[&["--tls"], &options[..]].concat()) else { return };
    let options =
        |scheme: &str| NatsOptions::parse(&format!("{scheme}://127.0.0.1:{}", server.port())).unwrap();
    let trusting = || options("tls").root_certificates(files.path("ca.pem"));
    passes(&connect(trusting()).await, &connect(trusting()).await).await;
    let stranger = connect(options("tls")).await;
    assert!(
        why(&stranger).contains("TLS fails") || why(&stranger).contains("UnknownIssuer"),
        "{}",
        why(&stranger)
    );
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_gets_one() {
    let files = Certificates::new();
    let paths = ["peer.pem", "peer.key", "ca.pem"].map(|name| files.path(name));
    let [cert, private, ca] = paths.each_ref().map(|path| path.to_str().unwrap());
    let options = ["--tlsverify", "--tlscert", cert, "--tlskey", private, "--tlscacert", ca];
    let Some(server) = NatsServer::start(&options) else { return };
    let options = || {
        let options = NatsOptions::parse(&format!("tls://127.0.0.1:{}", server.port())).unwrap();
        options.root_certificates(ca)
    };
    let known = || connect(options().client_certificate(cert, private));
    passes(&known().await, &known().await).await;
    assert!(matches!(connect(options()).await.standing(), Standing::Away { .. }));
}

#[tokio::test]
async fn a_server_without_tls_is_not_talked_to_where_tls_was_asked_for() {
    let Some(server) = NatsServer::start(&[]) else { return };
    let options = NatsOptions::parse(&format!("tls://planted-secret@127.0.0.1:{}", server.port())).unwrap();
    let bus = connect(options).await;
    assert!(
        why(&bus).starts_with(&format!("the bus tls://127.0.0.1:{} is away: ", server.port())),
        "{}",
        why(&bus)
    );
}

/// The rules for `acme` are those of `docs/bus.md`.
const ACCOUNTS: &str = r#"
    authorization { users = [
        { user: all, password: p }
        { user: other, password: p, permissions: { publish: other, subscribe: other } }
        { user: acme, password: p, permissions: {
            publish: ["everturn.acme.*", "everturn.hello"]
            subscribe: ["everturn.acme.*", "everturn.inbox.>"]
        } }
    ] }
"#;

fn server_with_accounts() -> Option<(NatsServer, TempDir)> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nats.conf");
    std::fs::write(&file, ACCOUNTS).unwrap();
    Some((NatsServer::start(&["--config", file.to_str().unwrap()])?, folder))
}

async fn as_user(server: &NatsServer, user: &str) -> NatsBus {
    bus(&format!("nats://{user}:p@127.0.0.1:{}", server.port())).await
}

#[tokio::test]
async fn an_account_that_may_not_use_the_subjects_is_told_which() {
    let Some((server, _folder)) = server_with_accounts() else { return };
    let bus = as_user(&server, "other").await;
    let mut ear = bus.subscribe(&key());
    let told = loop {
        match hear(&mut ear).await {
            BusHeard::Away { why } if why.contains("not connected yet") => {}
            BusHeard::Away { why } => break why,
            other => panic!("{other:?}"),
        }
    };
    assert!(told.contains("Permissions Violation") || told.contains("everturn.>"), "{told}");
}

#[tokio::test]
async fn an_account_of_one_tenant_reaches_no_other() {
    let Some((server, _folder)) = server_with_accounts() else { return };
    let (acme, all) = (as_user(&server, "acme").await, as_user(&server, "all").await);
    let of = |tenant: &str| ThreadKey { tenant: Tenant::new(tenant), thread: ThreadId::new("t") };
    let (mut own, mut others) = (listening(&all, &of("acme")).await, listening(&all, &of("else")).await);
    let mut deaf = listening(&acme, &of("else")).await;
    acme.publish(&of("else"), Signal::Wake { seq: 1 });
    acme.publish(&of("acme"), Signal::Wake { seq: 2 });
    assert_eq!(hear(&mut own).await, BusHeard::Signal(Signal::Wake { seq: 2 }));
    // Its own ear heard it within the process, and hears nothing of the others.
    assert_eq!(hear(&mut deaf).await, BusHeard::Signal(Signal::Wake { seq: 1 }));
    all.publish(&of("else"), Signal::Wake { seq: 3 });
    assert_eq!(hear(&mut others).await, BusHeard::Signal(Signal::Wake { seq: 3 }));
    passes_for(&all, &acme, &of("acme")).await;
    acme.publish(&of("else"), Signal::Wake { seq: 4 });
    assert_eq!(hear(&mut deaf).await, BusHeard::Signal(Signal::Wake { seq: 4 }));
}

#[tokio::test]
async fn what_is_no_signal_is_ignored_with_a_warning_that_does_not_repeat_it() {
    let Some(server) = NatsServer::start(&[]) else { return };
    let (log, _guard) = Log::start();
    let client = bus(&server.url()).await;
    let mut ear = listening(&client, &key()).await;
    let long = format!(r#"{{"v":1,"signal":"wake","seq":1,"x":"{}"}}"#, "x".repeat(600_000));
    let good = r#"{"v":1,"signal":"wake","seq":8}"#;
    let bad =
        ["planted words", r#"{"v":1,"signal":"planted"}"#, r#"{"v":2,"signal":"wake","seq":1}"#, &long, ""];
    say(&server, "everturn.default.t", bad.into_iter().chain([good])).unwrap();
    assert_eq!(hear(&mut ear).await, BusHeard::Signal(Signal::Wake { seq: 8 }));
    let warnings: Vec<String> =
        log.text().lines().filter(|line| line.contains("WARN")).map(str::to_owned).collect();
    assert_eq!(warnings.len(), 3, "the first, the second and the fourth of five: {warnings:?}");
    for warning in &warnings {
        assert!(warning.contains("something on the bus was ignored thread=default/t"), "{warning}");
        assert!(!warning.contains("planted"), "{warning}");
    }
    drop(client);
    drop(tokio::time::timeout(LIMIT, ear.hear()).await);
}

/// What anybody can send who is let in.
fn say<'a>(server: &NatsServer, subject: &str, payloads: impl Iterator<Item = &'a str>) -> io::Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port()))?;
    stream.write_all(b"CONNECT {\"verbose\":false,\"pedantic\":false}\r\n")?;
    for payload in payloads {
        write!(stream, "PUB {subject} {}\r\n{payload}\r\n", payload.len())?;
    }
    stream.write_all(b"PING\r\n")?;
    let mut lines = BufReader::new(stream).lines();
    while lines.next().transpose()?.is_some_and(|line| line != "PONG") {}
    Ok(())
}
