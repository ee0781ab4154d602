//! One server process: its flags, its ports, its end, its last words.

use super::{Home, connect, signal};
use rustix::process::{Pid, Signal, getpgid};
use std::{net::TcpListener, path::Path};
use temporal_backend::dev_server::{
    CliSearch, DevServer, DevServerError, DevServerOptions, NAMESPACE, Port, RETENTION_DAYS, Reporter,
    SEARCH_ATTRIBUTES, ServerWish, TemporalCli, Tuning, Ui, find_cli, use_server,
};
use temporalio_client::tonic::IntoRequest;
use temporalio_common::protos::temporal::api::{
    operatorservice::v1::ListSearchAttributesRequest, workflowservice::v1::DescribeNamespaceRequest,
};

async fn cli() -> TemporalCli {
    find_cli(&CliSearch::for_tests(), &Reporter::default()).await.unwrap()
}

fn options(folder: &Path) -> DevServerOptions {
    DevServerOptions {
        database: folder.join("server.db"),
        log: folder.join("server.log"),
        port: Port::Any,
        ui: Ui::None,
        tuning: Tuning::Users,
    }
}

#[tokio::test]
async fn a_server_keeps_histories_for_thirty_days_and_knows_the_search_attributes() {
    let folder = tempfile::tempdir().unwrap();
    let server = DevServer::start(&cli().await, &options(folder.path())).await.unwrap();
    let connection = connect(&server.address()).await;
    let namespace = DescribeNamespaceRequest { namespace: NAMESPACE.to_owned(), ..Default::default() };
    let answer = connection.workflow_service().describe_namespace(namespace.into_request()).await.unwrap();
    let kept = answer.into_inner().config.unwrap().workflow_execution_retention_ttl.unwrap();
    assert_eq!(kept.seconds, i64::from(RETENTION_DAYS) * 24 * 3_600);
    let attributes = ListSearchAttributesRequest { namespace: NAMESPACE.to_owned() };
    let answer = connection.operator_service().list_search_attributes(attributes.into_request()).await;
    let known = answer.unwrap().into_inner().custom_attributes;
    assert!(SEARCH_ATTRIBUTES.iter().all(|(name, _)| known.contains_key(*name)), "{known:?}");
    assert!(folder.path().join("server.db-wal").exists(), "the database is in WAL mode");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_that_was_stopped_is_gone_with_its_port_and_its_lock() {
    let folder = tempfile::tempdir().unwrap();
    let (cli, mut options) = (cli().await, options(folder.path()));
    let server = DevServer::start(&cli, &options).await.unwrap();
    let port = server.occupant().port;
    assert!(server.is_running() && TcpListener::bind(("127.0.0.1", port)).is_err());
    server.stop().await.unwrap();
    assert!(TcpListener::bind(("127.0.0.1", port)).is_ok());
    options.port = Port::Exactly(port);
    let again = DevServer::start(&cli, &options).await.unwrap();
    assert_eq!(again.occupant().port, port);
    again.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_has_a_process_group_of_its_own_and_outlives_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let server = DevServer::start(&cli().await, &options(folder.path())).await.unwrap();
    let pid = Pid::from_raw(server.occupant().pid.cast_signed()).unwrap();
    assert_eq!(getpgid(Some(pid)).unwrap(), pid);
    signal(server.occupant().pid, Signal::HUP);
    drop(connect(&server.address()).await);
    assert!(server.is_running());
    if let Ok(environment) = std::fs::read(format!("/proc/{}/environ", server.occupant().pid)) {
        let text = String::from_utf8_lossy(&environment).into_owned();
        assert!(!text.contains("CARGO") && !text.contains("HOME="), "{text}");
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn the_pages_are_shown_where_they_are_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let options = DevServerOptions { ui: Ui::On(Port::Any), ..options(folder.path()) };
    let server = DevServer::start(&cli().await, &options).await.unwrap();
    let ui = server.occupant().ui_port.unwrap();
    assert_ne!(ui, server.occupant().port);
    assert!(std::net::TcpStream::connect(("127.0.0.1", ui)).is_ok());
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_or_another_is_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let (cli, mut options) = (cli().await, options(folder.path()));
    let other = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = other.local_addr().unwrap().port();
    options.port = Port::Exactly(port);
    let error = DevServer::start(&cli, &options).await.unwrap_err();
    let expected = format!(
        "port {port} of 127.0.0.1 is taken by another program; choose another port, or let one be chosen"
    );
    assert_eq!((error.to_string(), error.code()), (expected, "port_taken"));
    options.port = Port::Prefer(port);
    let server = DevServer::start(&cli, &options).await.unwrap();
    assert_ne!(server.occupant().port, port);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_database_that_a_server_has_open_is_not_opened_by_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let (cli, options) = (cli().await, options(folder.path()));
    let server = DevServer::start(&cli, &options).await.unwrap();
    let error = DevServer::start(&cli, &options).await.unwrap_err();
    let pid = server.occupant().pid;
    assert!(
        matches!(error, DevServerError::DatabaseInUse { pid: Some(found), .. } if found == pid),
        "{error}"
    );
    assert!(error.retry() && error.to_string().contains(&format!("(process {pid})")), "{error}");
    server.kill().await.unwrap();
    DevServer::start(&cli, &options).await.unwrap().stop().await.unwrap();
}

#[tokio::test]
async fn a_server_that_cannot_open_its_database_is_told_in_its_own_words() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    std::fs::create_dir(&options.database).unwrap();
    let error = DevServer::start(&cli().await, &options).await.unwrap_err();
    let DevServerError::Died { words, log, status } = &error else { panic!("{error}") };
    assert_eq!((log, status.as_str()), (&options.log, "exit status: 1"));
    assert!(words.contains("unable to open database file"), "{words}");
    assert!(
        error.to_string().starts_with("the Temporal server ended at its start (exit status: 1)"),
        "{error}"
    );
    assert!(error.to_string().contains(words.lines().last().unwrap()), "{error}");
}

#[tokio::test]
async fn a_program_that_does_not_know_the_flags_is_told_in_its_own_words() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("temporal");
    std::fs::write(&program, "#!/bin/sh\necho 'Error: unknown flag: --sqlite-pragma' >&2\nexit 1\n").unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, executable).unwrap();
    let old = TemporalCli { path: program, version: "0.1.0".to_owned() };
    let error = DevServer::start(&old, &options(folder.path())).await.unwrap_err();
    assert!(
        matches!(&error, DevServerError::Died { words, .. } if words.contains("unknown flag")),
        "{error}"
    );
}

#[tokio::test]
async fn without_a_program_a_home_has_no_server_and_says_what_to_do() {
    let home = Home::without_program();
    let error = use_server(&home.server, ServerWish::default()).await.unwrap_err();
    assert_eq!((error.code(), error.retry()), ("no_temporal_cli", false));
    assert!(error.to_string().ends_with("or give --address of a server that runs"), "{error}");
    assert_eq!(home.pid(), None);
}
