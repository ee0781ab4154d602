//! M6: each fault of a provider, what comes of it, and how many requests it takes.

use crate::conversation::{all, error, items, kinds, message, request, user};
use agent_core::{ModelErrorKind, ModelEvent, ModelStreamer};
use futures::StreamExt;
use models::{ResponsesConfig, ResponsesModel, SecretString};
use std::{
    net::TcpListener,
    time::{Duration, Instant},
};
use test_kit::{ModelServer, Replies, Reply};

fn config(server: &ModelServer) -> ResponsesConfig {
    ResponsesConfig {
        base_url: server.url(),
        api_key: Some(SecretString::from("sk-very-secret".to_owned())),
        retry_base_ms: 1,
        ..ResponsesConfig::default()
    }
}

fn model(server: &ModelServer) -> ResponsesModel {
    ResponsesModel::new(&config(server)).unwrap()
}

fn good() -> Reply {
    Reply::new().text("fine")
}

#[tokio::test]
async fn faults_have_a_defined_result() {
    use ModelErrorKind::{Auth, ContextWindowExceeded, InvalidRequest, Quota, Stream, Unavailable};
    let mib = 1024 * 1024;
    // Each fault is every reply of the server, so that what is retried is retried until it is given up.
    let table: Vec<(&str, Reply, ModelErrorKind, usize, &str)> = vec![
        (
            "429",
            Reply::error(429, "slow_down", "too fast"),
            Unavailable,
            5,
            "status 429 Too Many Requests: too fast (slow_down); try again later (tried 5 times)",
        ),
        ("500", Reply::status(500, "oops"), Unavailable, 5, "status 500 Internal Server Error: oops"),
        ("503", Reply::status(503, ""), Unavailable, 5, "it gave no reason"),
        ("408", Reply::status(408, "slow"), Unavailable, 5, "408 Request Timeout"),
        (
            "429 for long",
            Reply::error(429, "x", "y").header("retry-after", "3600"),
            Unavailable,
            1,
            "it asks to wait 3600000 ms",
        ),
        ("429 quota", Reply::error(429, "insufficient_quota", "no money"), Quota, 1, "add credit"),
        ("402", Reply::status(402, "pay"), Quota, 1, "add credit"),
        (
            "401",
            Reply::error(401, "invalid_api_key", "wrong key sk-very-secret"),
            Auth,
            1,
            "wrong key [redacted] (invalid_api_key); check the key in OPENAI_API_KEY",
        ),
        ("403", Reply::status(403, "not you"), Auth, 1, "status 403 Forbidden: not you"),
        (
            "400",
            Reply::error(400, "invalid_value", "bad tool"),
            InvalidRequest,
            1,
            "does not take the request, status 400 Bad Request: bad tool",
        ),
        (
            "404",
            Reply::error(404, "model_not_found", "no such model"),
            InvalidRequest,
            1,
            "are `base_url` and the model's name right?",
        ),
        (
            "redirect",
            Reply::status(302, "").header("location", "http://127.0.0.1:1/"),
            InvalidRequest,
            1,
            "status 302",
        ),
        (
            "context",
            Reply::error(400, "context_length_exceeded", "too long"),
            ContextWindowExceeded,
            1,
            "does not fit",
        ),
        (
            "context of vllm",
            Reply::status(
                400,
                r#"{"error":{"message":"This model's maximum context length is 4096 tokens.","code":400}}"#,
            ),
            ContextWindowExceeded,
            1,
            "4096",
        ),
        (
            "context in the stream",
            Reply::new().failed("context_length_exceeded", "too long"),
            ContextWindowExceeded,
            1,
            "does not fit",
        ),
        (
            "page",
            Reply::status(200, "<html>").header("content-type", "text/html"),
            InvalidRequest,
            1,
            "instead of an event stream",
        ),
        ("hang up", Reply::hang_up(), Unavailable, 5, "did not answer"),
        ("cut", good().cut(), Stream, 1, "broke off"),
        ("cut at once", good().cut_after(0), Stream, 1, "broke off"),
        ("closed early", good().close_early(), Stream, 1, "closed the response before it was completed"),
        ("malformed json", good().malformed_json(), Stream, 1, "an event that is not JSON"),
        ("huge line", good().huge_line(17 * mib), Stream, 1, "longer than 16777216 bytes"),
        ("failed", good().failed("server_error", "sorry"), Stream, 1, "sorry (server_error)"),
        ("error event", good().error_event("server_error", "sorry"), Stream, 1, "sorry (server_error)"),
    ];
    for (name, reply, kind, requests, words) in table {
        let server = ModelServer::start(Replies::always(reply)).unwrap();
        let events = all(&model(&server), request(vec![user("hi")])).await;
        let Some(Err(error)) = events.last() else { panic!("{name}: {events:?}") };
        assert_eq!((error.kind, server.request_count()), (kind, requests), "{name}: {error}");
        assert!(error.message.contains(words), "{name}: {error}");
        assert!(error.message.contains("127.0.0.1:"), "{name} does not say who: {error}");
        assert!(!error.message.contains("sk-very-secret"), "{name}: {error}");
    }
}

#[tokio::test]
async fn harmless_oddities_are_read_over() {
    let replies = [
        good().unknown(),
        Reply::new().unknown().text("fine"),
        Reply::new().malformed_sse().text("fine"),
        Reply::new().huge_line(15 * 1024 * 1024).text("fine"),
    ];
    for reply in replies {
        let server = ModelServer::start(reply).unwrap();
        assert_eq!(items(&model(&server), request(vec![user("hi")])).await, [message("fine")]);
    }
}

#[tokio::test]
async fn request_is_made_again_until_it_is_answered() {
    let faults =
        || [Reply::hang_up(), Reply::status(500, ""), Reply::error(429, "x", "y"), Reply::status(503, "")];
    let server = ModelServer::start(Vec::from_iter(faults().into_iter().chain([good()]))).unwrap();
    assert_eq!(items(&model(&server), request(vec![user("hi")])).await, [message("fine")]);
    let requests = server.requests();
    assert_eq!(requests.len(), 5);
    assert!(requests.iter().all(|request| request.body == requests[0].body));
}

#[tokio::test]
async fn number_of_retries_is_configured() {
    let server = ModelServer::start(Replies::always(Reply::status(500, ""))).unwrap();
    let model = ResponsesModel::new(&ResponsesConfig { request_retries: 0, ..config(&server) }).unwrap();
    assert_eq!(error(&model, request(vec![user("hi")])).await.kind, ModelErrorKind::Unavailable);
    assert_eq!(server.request_count(), 1);
}

#[tokio::test]
async fn retry_after_is_honoured() {
    for (name, value, at_least) in [("retry-after", "1", 1000), ("retry-after-ms", "300", 300)] {
        let busy = Reply::error(429, "x", "y").header(name, value);
        let server = ModelServer::start(vec![busy, good()]).unwrap();
        assert_eq!(items(&model(&server), request(vec![user("hi")])).await, [message("fine")]);
        let [first, second] = &server.requests()[..] else { panic!("two requests") };
        assert!(second.at - first.at >= Duration::from_millis(at_least), "{name}");
    }
}

#[tokio::test]
async fn wish_to_wait_is_passed_on() {
    let server =
        ModelServer::start(Replies::always(Reply::status(503, "").header("retry-after", "120"))).unwrap();
    assert_eq!(error(&model(&server), request(vec![user("hi")])).await.retry_after_ms, Some(120_000));
}

#[tokio::test]
async fn silence_ends_at_the_idle_timeout() {
    for (reply, before) in [(Reply::silent(), 0), (Reply::new().text("a b").silence(), 3)] {
        let server = ModelServer::start(Replies::always(reply)).unwrap();
        let model = ResponsesModel::new(&ResponsesConfig { idle_timeout_ms: 50, ..config(&server) }).unwrap();
        let events = all(&model, request(vec![user("hi")])).await;
        assert_eq!(events.len(), before + 1);
        assert_eq!(kinds(&events).last(), Some(&"stream"));
        let Some(Err(error)) = events.last() else { unreachable!() };
        assert!(error.message.contains("sent nothing for 50 ms (idle_timeout_ms)"), "{error}");
        assert_eq!(server.request_count(), 1);
    }
}

#[tokio::test]
async fn slow_stream_is_not_an_idle_one() {
    let server =
        ModelServer::start(Reply::new().text("a b c d").chunk_pause(Duration::from_millis(40))).unwrap();
    let model = ResponsesModel::new(&ResponsesConfig { idle_timeout_ms: 400, ..config(&server) }).unwrap();
    assert_eq!(items(&model, request(vec![user("hi")])).await, [message("a b c d")]);
}

#[tokio::test]
async fn nobody_listens() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = ResponsesConfig {
        base_url: format!("http://{free}/v1"),
        retry_base_ms: 1,
        ..ResponsesConfig::default()
    };
    let error = error(&ResponsesModel::new(&config).unwrap(), request(vec![user("hi")])).await;
    assert_eq!(error.kind, ModelErrorKind::Unavailable);
    let expected = format!("is the server at http://{free} running? (tried 5 times)");
    assert!(error.message.ends_with(&expected), "{error}");
    assert!(error.message.contains("Connection refused"), "{error}");
}

#[tokio::test]
async fn long_words_are_cut_and_no_half_key_remains() {
    for before in 2030..2050 {
        let words = format!("{}sk-very-secret{}", "x".repeat(before), "y".repeat(100_000));
        let replies = vec![Reply::error(400, "bad", &words), Reply::new().failed("bad", &words)];
        let server = ModelServer::start(replies).unwrap();
        for _ in 0..2 {
            let error = error(&model(&server), request(vec![user("hi")])).await;
            assert!(error.message.len() < 3100 && !error.message.contains("sk-"), "{before}: {error}");
        }
    }
}

#[tokio::test]
async fn missing_key_is_said_to_be_missing() {
    let server = ModelServer::start(Reply::status(401, "who are you?")).unwrap();
    let config = ResponsesConfig { api_key: None, api_key_env: "MY_KEY".to_owned(), ..config(&server) };
    let error = error(&ResponsesModel::new(&config).unwrap(), request(vec![user("hi")])).await;
    assert!(error.message.ends_with("who are you?; no key was sent: set MY_KEY"), "{error}");
}

#[tokio::test]
async fn completion_ends_the_stream_whatever_the_socket_does() {
    let mut events = String::new();
    events.push_str("data: {\"type\":\"response.completed\",\"response\":{}}\n\n");
    let mut replies = Vec::new();
    // After the completion: garbage, an error, more items.
    for rest in [
        "data: {\n\n",
        "data: {\"type\":\"error\"}\n\n",
        "data: {\"type\":\"response.completed\",\"response\":{}}\n\n",
    ] {
        replies.push(Reply::raw([events.clone() + rest]));
    }
    replies.push(
        Reply::new().event(serde_json::json!({ "type": "response.completed", "response": {} })).silence(),
    );
    let server = ModelServer::start(replies).unwrap();
    let model = model(&server);
    let start = Instant::now();
    for _ in 0..4 {
        assert_eq!(kinds(&all(&model, request(vec![user("hi")])).await), ["completed"]);
    }
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn deltas_come_while_the_response_is_made() {
    let server = ModelServer::start(Reply::new().text("now").silence()).unwrap();
    let model = model(&server);
    let mut stream = model.stream(request(vec![user("hi")]));
    assert!(matches!(stream.next().await, Some(Ok(ModelEvent::Delta { index: 0, .. }))));
}

#[tokio::test]
async fn connection_is_used_again() {
    let server = ModelServer::start(Replies::always(good())).unwrap();
    let model = model(&server);
    for _ in 0..20 {
        // As the loop does it: the stream is dropped at `Completed`.
        let mut stream = model.stream(request(vec![user("hi")]));
        while !matches!(stream.next().await, Some(Ok(ModelEvent::Completed(_)))) {}
    }
    assert_eq!(server.request_count(), 20);
    assert!(server.connection_count() <= 3, "{} connections", server.connection_count());
}
