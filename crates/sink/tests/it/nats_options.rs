//! How a bus is named, without any server.

use crate::certificates::Certificates;
use sink::{BusError, NatsBus, NatsOptions};
use std::path::Path;

#[test]
fn a_url_that_makes_no_sense_is_an_error_with_advice_and_without_its_password() {
    for (url, problem) in [
        ("", "is empty"),
        ("host:4222", "has no nats:// or tls:// before the host"),
        ("hunter2@host:4222", "has no nats:// or tls:// before the host"),
        ("http://me:hunter2@host", "begins with something other than nats:// or tls://"),
        ("nats://me:hunter2@host:port", "cannot be read: invalid port number"),
        ("nats://me:hunter2", "cannot be read: invalid port number"),
        ("nats://me:hunter2@", "cannot be read: empty host"),
        ("nats://me:hunter2@host/hunter2", "has something after the port"),
        ("nats://host?token=hunter2", "has something after the port"),
        ("nats://me:%ff@host", "has a user or password that is not UTF-8"),
        ("nats://one,tls://other", "names servers with TLS and without"),
        ("nats://one,", "is empty"),
        (&["nats://one"; 17].join(","), "names 17 servers, and 16 are taken"),
    ] {
        let error = NatsOptions::parse(url).unwrap_err();
        let advice =
            "write nats://HOST:4222, or tls://HOST:4222 for TLS, with a comma between servers of one cluster";
        assert_eq!(error.to_string(), format!("the URL of the bus {problem}; {advice}"), "{url}");
        assert_eq!((error.code(), error.retry()), ("bus_url", false));
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}

#[test]
fn what_lets_us_in_is_taken_from_the_url_and_never_shown() {
    for (url, secret) in [
        ("nats://me:hunt%20er@host:4222", Some("hunt er")),
        ("tls://tok%2Fen@host", Some("tok/en")),
        ("nats://one:4222,nats://me:hunter2@other:4222", Some("hunter2")),
        ("nats://[::1]:4222", None),
    ] {
        let options = NatsOptions::parse(url).unwrap();
        assert_eq!(options.secrets(), secret.into_iter().map(str::to_owned).collect::<Vec<_>>(), "{url}");
        let shown = format!("{options:?}");
        assert!(!["hunt", "tok/", "tok%"].iter().any(|secret| shown.contains(secret)), "{shown}");
    }
    let options = NatsOptions::parse("nats://me:hunter2@host").unwrap().token("planted".into());
    assert_eq!(options.secrets(), ["planted"]);
    assert_eq!(options.user_password("me", "other".into()).secrets(), ["other"]);
}

#[tokio::test]
async fn a_file_that_is_no_certificate_is_named_at_the_start() {
    let options = || NatsOptions::parse("tls://127.0.0.1:1").unwrap();
    let files = Certificates::new();
    let (ca, key) = (files.path("ca.pem"), files.path("peer.key"));
    for (options, file, expected) in [
        (options().root_certificates("no such file"), Path::new("no such file"), "certificate"),
        (options().root_certificates(&key), &key, "certificate"),
        (options().client_certificate(&ca, &ca), &ca, "private key"),
    ] {
        let error = NatsBus::connect(options).await.unwrap_err();
        let BusError::Pem { path, expected: found, .. } = &error else { panic!("{error:?}") };
        assert_eq!((path.as_path(), *found), (file, expected), "{error}");
    }
}

#[test]
fn a_bus_without_a_runtime_is_an_error() {
    let connecting = NatsBus::connect(NatsOptions::parse("nats://127.0.0.1:1").unwrap());
    let error = futures::executor::block_on(connecting).unwrap_err();
    assert_eq!(error.code(), "bus_runtime");
}
