//! Is a provider there, and does it take the key? Over every API, since they share the answer.

use crate::conversation::{APIS, provider};
use agent_core::ModelErrorKind;
use models::{HttpModel, KeyStanding, ProbeAnswer, ProbeError, ProviderConfig, SecretString, WireApi};
use std::{
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener},
    time::{Duration, Instant},
};
use test_kit::{ClosedPort, ModelServer, Reply, ServerOptions};

const KEY: &str = "sk-very-secret";

async fn probe(config: &ProviderConfig) -> Result<ProbeAnswer, ProbeError> {
    HttpModel::new(config).unwrap().probe().await
}

fn asking_for(key: &'static str) -> ModelServer {
    let options = ServerOptions { key: Some(key), ..ServerOptions::default() };
    ModelServer::start_with(Vec::<Reply>::new(), options).unwrap()
}

/// Answers every request with this, and returns its base url.
fn always(answer: &'static str) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let request = BufReader::new(stream.try_clone().unwrap());
            let _: Vec<_> =
                request.lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    url
}

fn at(base_url: String) -> ProviderConfig {
    let api_key = Some(SecretString::from(KEY.to_owned()));
    ProviderConfig { base_url, api_key, ..ProviderConfig::default() }
}

#[tokio::test]
async fn a_key_that_opens_the_list_is_accepted_and_one_that_nobody_looks_at_is_untested() {
    for api in APIS {
        let models = || Some(vec!["test-model".to_owned(), "test-model-mini".to_owned()]);
        let server = asking_for(KEY);
        let host = server.address().to_string();
        let answer = probe(&provider(&server, api)).await.unwrap();
        assert_eq!(answer, ProbeAnswer { host, models: models(), key: KeyStanding::Accepted });
        assert_eq!(server.request_count(), 0, "no model was asked");

        let open = ModelServer::start(Vec::<Reply>::new()).unwrap();
        let host = open.address().to_string();
        let answer = probe(&provider(&open, api)).await.unwrap();
        assert_eq!(answer, ProbeAnswer { host: host.clone(), models: models(), key: KeyStanding::Untested });
        let keyless = ProviderConfig { api_key: None, ..provider(&open, api) };
        let answer = probe(&keyless).await.unwrap();
        assert_eq!(answer, ProbeAnswer { host, models: models(), key: KeyStanding::None });
    }
}

#[tokio::test]
async fn a_wrong_key_is_refused_and_not_repeated() {
    let server = asking_for("sk-another");
    let error = probe(&provider(&server, WireApi::Responses)).await.unwrap_err();
    let what = format!(
        "{} answered with status 401 Unauthorized: Incorrect API key provided: Bearer [redacted]. (invalid_api_key)",
        server.address()
    );
    let remedy = "check the key: set OPENAI_API_KEY".to_owned();
    assert_eq!(error, ProbeError { kind: ModelErrorKind::Auth, what, remedy });

    let none = ProviderConfig { api_key: None, ..provider(&server, WireApi::Chat) };
    assert_eq!(probe(&none).await.unwrap_err().remedy, "no key was sent: set OPENAI_API_KEY");
}

#[tokio::test]
async fn where_nobody_is_the_address_to_look_at_is_named() {
    let port = ClosedPort::take().unwrap();
    let error = probe(&at(port.url())).await.unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::Unavailable);
    assert!(error.what.starts_with(&format!("{} did not answer: ", port.address())), "{error}");
    assert_eq!(error.remedy, format!("is the server at http://{} running?", port.address()));
}

#[tokio::test]
async fn whoever_answers_nothing_is_given_up_within_seconds() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let began = Instant::now();
    let error = probe(&at(format!("http://{}/v1", silent.local_addr().unwrap()))).await.unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::Unavailable);
    assert!(error.what.ends_with("did not answer within 5 s"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_server_without_a_list_is_there_all_the_same() {
    for status in ["404 Not Found", "405 Method Not Allowed"] {
        let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        let answer = probe(&at(always(answer.leak()))).await.unwrap();
        assert_eq!((answer.models, answer.key), (None, KeyStanding::Untested), "{status}");
    }
}

#[tokio::test]
async fn what_is_no_provider_of_this_api_is_told_with_what_it_said() {
    use ModelErrorKind::{InvalidRequest, Quota, Unavailable};
    let table = [
        ("200 OK", "text/html", "<html>", InvalidRequest, "text/html instead of a list of models"),
        ("302 Found", "text/plain", "elsewhere", InvalidRequest, "status 302 Found: elsewhere"),
        (
            "200 OK",
            "application/json",
            r#"{"error":"Unexpected endpoint"}"#,
            InvalidRequest,
            "Unexpected endpoint",
        ),
        (
            "503 Service Unavailable",
            "text/plain",
            "busy",
            Unavailable,
            "status 503 Service Unavailable: busy",
        ),
        ("402 Payment Required", "text/plain", "pay", Quota, "status 402 Payment Required: pay"),
    ];
    for (status, content_type, body, kind, says) in table {
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        let error = probe(&at(always(answer.leak()))).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.what.ends_with(says), "{error}");
        assert!(!error.remedy.is_empty(), "{error}");
    }
}
