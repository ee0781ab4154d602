//! Servers that are away, silent, or without the namespace.

use std::time::{Duration, Instant};
use temporal_backend::{ConnectError, ConnectOptions, connect, dev_server::TestServer};
use tokio::net::TcpListener;

/// Nobody should wait longer to hear that an address is dead.
const SOON: Duration = Duration::from_secs(6);

async fn refused(options: &ConnectOptions) -> ConnectError {
    let began = Instant::now();
    let error = connect(options, None).await.unwrap_err();
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    error
}

#[tokio::test]
async fn an_address_where_nobody_listens_is_told_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let error = refused(&ConnectOptions::at(&address)).await;
    assert_eq!(
        (error.to_string(), error.code(), error.retry()),
        (
            format!(
                "no Temporal server answers at {address} (Connection refused (os error 111)); start it, or correct the \
                 address; where none is set, everturn starts a server for this machine"
            ),
            "temporal_down",
            true
        )
    );
    // A name that no resolver is asked for: one part of it is too long.
    let unknown = format!("{}.invalid:7233", "x".repeat(64));
    let error = refused(&ConnectOptions::at(&unknown)).await;
    assert!(
        matches!(&error, ConnectError::Down { address, is_default: false, .. } if *address == unknown),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let options = ConnectOptions { timeout: Duration::from_millis(300), ..ConnectOptions::at(&address) };
    let began = Instant::now();
    let error = refused(&options).await;
    assert_eq!(
        error.to_string(),
        format!(
            "the Temporal server at {address} did not answer within 0.3 s; is the address right, and nothing between here \
             and there that swallows what is sent?"
        )
    );
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn something_else_at_the_address_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let web = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.try_write(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        }
    });
    let error = refused(&ConnectOptions::at(&address)).await;
    assert!(matches!(&error, ConnectError::NotTemporal { .. }), "{error:?}");
    web.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_is_not_there_is_told_with_those_that_are() {
    let server = TestServer::start().await.unwrap();
    let options =
        ConnectOptions { namespace: Some("defualt".into()), ..ConnectOptions::at(server.address()) };
    let error = refused(&options).await;
    assert_eq!(
        error.to_string(),
        format!(
            "there is no namespace \"defualt\" at {}; there are default: set TEMPORAL_NAMESPACE or temporal.namespace",
            server.address()
        )
    );
    assert!(!error.retry());
}
