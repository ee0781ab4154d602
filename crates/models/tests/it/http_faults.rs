//! M6: each fault of a provider over every API, what comes of it, and how many requests it takes.

use crate::conversation::{APIS, all, error, http, items, kinds, message, provider, request, user};
use agent_core::{ModelError, ModelErrorKind, ModelEvent, ModelStreamer};
use futures::StreamExt;
use models::{HttpModel, ProviderConfig, WireApi};
use serde_json::json;
use std::time::{Duration, Instant};
use test_kit::{ClosedPort, ModelServer, Replies, Reply};

const MIB: usize = 1024 * 1024;

fn good() -> Reply {
    Reply::new().text("fine")
}

/// A fault, what comes of it, the number of requests, and words of the message.
type Case = (&'static str, Reply, ModelErrorKind, usize, &'static str);

/// Faults instead of a response.
fn refusals() -> Vec<Case> {
    use ModelErrorKind::{Auth, ContextWindowExceeded, InvalidRequest, Quota, Unavailable};
    vec![
        (
            "429",
            Reply::error(429, "slow_down", "too fast"),
            Unavailable,
            5,
            "status 429 Too Many Requests: too fast (slow_down); try again later (tried 5 times)",
        ),
        ("429 of the kit", Reply::rate_limited(), Unavailable, 5, "requests per min"),
        ("500", Reply::status(500, "oops"), Unavailable, 5, "status 500 Internal Server Error: oops"),
        ("502", Reply::html(502), Unavailable, 5, "Bad Gateway"),
        ("503", Reply::status(503, ""), Unavailable, 5, "it gave no reason"),
        ("529", Reply::error(529, "overloaded_error", "busy"), Unavailable, 5, "busy"),
        ("408", Reply::status(408, "slow"), Unavailable, 5, "408 Request Timeout"),
        (
            "429 for long",
            Reply::error(429, "x", "y").retry_after(3600),
            Unavailable,
            1,
            "it asks to wait 3600 s",
        ),
        ("429 quota", Reply::out_of_quota(), Quota, 1, "add credit"),
        ("402", Reply::status(402, "pay"), Quota, 1, "add credit"),
        (
            "401",
            Reply::error(401, "invalid_api_key", "wrong key sk-very-secret"),
            Auth,
            1,
            "wrong key [redacted] (invalid_api_key); check the key: set OPENAI_API_KEY",
        ),
        ("403", Reply::status(403, "not you"), Auth, 1, "status 403 Forbidden: not you"),
        (
            "400 for a wrong key",
            Reply::status(400, r#"[{"error":{"code":400,"message":"API key not valid."}}]"#),
            Auth,
            1,
            "check the key",
        ),
        (
            "400",
            Reply::error(400, "invalid_value", "bad tool"),
            InvalidRequest,
            1,
            "does not take the request, status 400 Bad Request: bad tool",
        ),
        ("404", Reply::status(404, r#"{"detail":"Not Found"}"#), InvalidRequest, 1, "is `base_url` right"),
        (
            "unknown model",
            Reply::unknown_model("test-model"),
            InvalidRequest,
            1,
            "the provider \"test\" does not know the model \"test-model\", or not for this key: check `model`",
        ),
        (
            "model without tools",
            Reply::status(400, r#"{"error":{"message":"library/test-model does not support tools"}}"#),
            InvalidRequest,
            1,
            "the model \"test-model\" of the provider \"test\" cannot call tools: set `model` to one that can",
        ),
        (
            "model without eyes",
            Reply::status(500, r#"{"error":{"code":500,"message":"image input is not supported"}}"#),
            InvalidRequest,
            1,
            "sees no images: set models.\"test-model\".images = false, and they are left out",
        ),
        (
            "redirect",
            Reply::status(302, "").header("location", "http://127.0.0.1:1/"),
            InvalidRequest,
            1,
            "status 302",
        ),
        ("context", Reply::context_overflow(), ContextWindowExceeded, 1, "does not fit"),
        ("page", Reply::html(200), InvalidRequest, 1, "with text/html instead of an event stream"),
        (
            "other JSON",
            Reply::status(200, r#"{"hello":"world"}"#),
            InvalidRequest,
            1,
            "with application/json instead of an event stream",
        ),
        (
            "error of status 200",
            Reply::status(200, r#"{"error":"sorry"}"#),
            ModelErrorKind::Stream,
            1,
            "sorry",
        ),
        ("hang up", Reply::hang_up(), Unavailable, 5, "did not answer"),
    ]
}

/// Faults within a response.
fn breaks() -> Vec<Case> {
    use ModelErrorKind::{ContextWindowExceeded, InvalidRequest, Stream};
    vec![
        ("cut", good().cut(), Stream, 1, "broke off"),
        ("cut at once", good().cut_after(0), Stream, 1, "broke off"),
        ("reset", good().reset(), Stream, 1, "broke off"),
        ("closed early", good().close_early(), Stream, 1, "closed the response before it was completed"),
        ("malformed json", good().malformed_json(), Stream, 1, "an event that is not JSON"),
        ("huge line", good().huge_line(17 * MIB), Stream, 1, "longer than 16777216 bytes"),
        ("endless line", good().endless_line(), Stream, 1, "longer than 16777216 bytes"),
        ("failed", good().failed("server_error", "sorry"), Stream, 1, "sorry (server_error)"),
        ("error event", good().error_event("server_error", "sorry"), Stream, 1, "sorry (server_error)"),
        (
            "unknown model in the stream",
            good().failed("model_not_found", "no such model"),
            InvalidRequest,
            1,
            "the provider \"test\" does not know the model \"test-model\"",
        ),
        ("context in the stream", Reply::new().overflows(), ContextWindowExceeded, 1, "does not fit"),
        (
            "full window",
            good().incomplete("max_output_tokens"),
            ContextWindowExceeded,
            1,
            "the model's window was full before the response was complete",
        ),
        ("filter", good().incomplete("content_filter"), InvalidRequest, 1, "say it differently"),
    ]
}

/// Anthropic has names of its own for codes of OpenAI's.
fn in_words_of(api: WireApi, words: &str) -> String {
    match api {
        WireApi::Anthropic => words
            .replace("(server_error)", "(api_error)")
            .replace("(invalid_api_key)", "(authentication_error)"),
        _ => words.to_owned(),
    }
}

#[tokio::test]
async fn faults_have_a_defined_result() {
    // Each fault is every reply of the server, so that what is retried is retried until it is given up.
    for (name, reply, kind, requests, words) in refusals().into_iter().chain(breaks()) {
        for api in APIS {
            let server = ModelServer::start(Replies::always(reply.clone())).unwrap();
            let events = all(&http(&server, api), request(vec![user("hi")])).await;
            let Some(Err(error)) = events.last() else { panic!("{name}, {api:?}: {events:?}") };
            assert_eq!((error.kind, server.request_count()), (kind, requests), "{name}, {api:?}: {error}");
            let words = in_words_of(api, words);
            assert!(error.message.contains(&words), "{name}, {api:?}: {error}");
            assert!(error.message.contains("127.0.0.1:"), "{name}, {api:?} does not say who: {error}");
            assert!(!error.message.contains("sk-very-secret"), "{name}, {api:?}: {error}");
        }
    }
}

#[tokio::test]
async fn harmless_oddities_are_read_over() {
    let replies = [
        good().unknown(),
        Reply::new().unknown().text("fine"),
        Reply::new().malformed_sse().text("fine"),
        Reply::new().malformed_fields().text("fine"),
        Reply::new().not_utf8().text("fine"),
        Reply::new().huge_line(15 * MIB).text("fine"),
    ];
    for reply in replies {
        for api in APIS {
            let server = ModelServer::start(reply.clone()).unwrap();
            assert_eq!(items(&http(&server, api), request(vec![user("hi")])).await, [message("fine")]);
        }
    }
}

#[tokio::test]
async fn huge_message_is_taken_and_an_endless_one_is_not() {
    for api in APIS {
        let server = ModelServer::start(Reply::new().huge_text(MIB)).unwrap();
        assert_eq!(
            items(&http(&server, api), request(vec![user("hi")])).await,
            [message(&"x".repeat(MIB))],
            "{api:?}"
        );
    }
    let mut reply = Reply::new();
    for _ in 0..17 {
        reply = reply.huge_text(MIB);
    }
    let server = ModelServer::start(reply).unwrap();
    let error = error(&http(&server, WireApi::Chat), request(vec![user("hi")])).await;
    assert!(error.message.contains("the response is longer than 16777216 bytes"), "{error}");
}

#[tokio::test]
async fn request_is_made_again_until_it_is_answered() {
    for api in APIS {
        let faults =
            [Reply::hang_up(), Reply::status(500, ""), Reply::error(429, "x", "y"), Reply::status(503, "")];
        let server = ModelServer::start(Vec::from_iter(faults.into_iter().chain([good()]))).unwrap();
        assert_eq!(items(&http(&server, api), request(vec![user("hi")])).await, [message("fine")]);
        let requests = server.requests();
        assert_eq!(requests.len(), 5);
        assert!(requests.iter().all(|request| request.body == requests[0].body));
    }
}

#[tokio::test]
async fn number_of_retries_is_configured() {
    for api in APIS {
        let server = ModelServer::start(Replies::always(Reply::status(500, ""))).unwrap();
        let config = ProviderConfig { request_retries: 0, ..provider(&server, api) };
        let model = HttpModel::new(&config).unwrap();
        assert_eq!(error(&model, request(vec![user("hi")])).await.kind, ModelErrorKind::Unavailable);
        assert_eq!(server.request_count(), 1);
    }
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let busy = || Reply::error(429, "x", "y");
    for (busy, at_least) in [(busy().retry_after(1), 1000), (busy().retry_after_ms(300), 300)] {
        for api in APIS {
            let server = ModelServer::start(vec![busy.clone(), good()]).unwrap();
            assert_eq!(items(&http(&server, api), request(vec![user("hi")])).await, [message("fine")]);
            let [first, second] = &server.requests()[..] else { panic!("two requests") };
            assert!(second.at - first.at >= Duration::from_millis(at_least), "{at_least} ms");
        }
    }
}

#[tokio::test]
async fn wish_to_wait_is_passed_on() {
    for api in APIS {
        let server = ModelServer::start(Replies::always(Reply::status(503, "").retry_after(120))).unwrap();
        let error = error(&http(&server, api), request(vec![user("hi")])).await;
        assert_eq!(error.retry_after_ms, Some(120_000));
    }
}

#[tokio::test]
async fn silence_ends_at_the_idle_timeout() {
    for (reply, before) in [(Reply::silent(), 0), (Reply::new().text("a b").silence(), 2)] {
        for api in APIS {
            let server = ModelServer::start(Replies::always(reply.clone())).unwrap();
            let config = ProviderConfig { idle_timeout_ms: 50, ..provider(&server, api) };
            let events = all(&HttpModel::new(&config).unwrap(), request(vec![user("hi")])).await;
            let deltas = kinds(&events).iter().filter(|kind| **kind == "delta").count();
            assert_eq!((deltas, kinds(&events).last()), (before, Some(&"stream")), "{api:?}");
            let Some(Err(error)) = events.last() else { unreachable!() };
            assert!(
                error.message.contains(
                    "sent nothing for 50 ms; if the model needs longer, raise stream_idle_timeout_ms"
                ),
                "{error}"
            );
            assert_eq!(server.request_count(), 1);
        }
    }
}

#[tokio::test]
async fn slow_stream_is_not_an_idle_one() {
    for api in APIS {
        let reply = Reply::new().text("a b c d").chunk_pause(Duration::from_millis(40));
        let server = ModelServer::start(reply).unwrap();
        let config = ProviderConfig { idle_timeout_ms: 400, ..provider(&server, api) };
        let model = HttpModel::new(&config).unwrap();
        assert_eq!(items(&model, request(vec![user("hi")])).await, [message("a b c d")]);
    }
}

#[tokio::test]
async fn nobody_listens() {
    let closed = ClosedPort::take().unwrap();
    for wire_api in APIS {
        let config = ProviderConfig {
            base_url: closed.url(),
            wire_api,
            retry_base_ms: 1,
            ..ProviderConfig::default()
        };
        let error = error(&HttpModel::new(&config).unwrap(), request(vec![user("hi")])).await;
        assert_eq!(error.kind, ModelErrorKind::Unavailable);
        let expected = format!("is the server at http://{} running? (tried 5 times)", closed.address());
        assert!(error.message.ends_with(&expected), "{error}");
        assert!(error.message.contains("Connection refused"), "{error}");
    }
}

#[tokio::test]
async fn long_words_are_cut_and_no_half_key_remains() {
    for before in 2030..2050 {
        let words = format!("{}sk-very-secret{}", "x".repeat(before), "y".repeat(100_000));
        for api in APIS {
            let replies = vec![Reply::error(400, "bad", &words), Reply::new().failed("bad", &words)];
            let server = ModelServer::start(replies).unwrap();
            for _ in 0..2 {
                let error = error(&http(&server, api), request(vec![user("hi")])).await;
                assert!(error.message.len() < 3100 && !error.message.contains("sk-"), "{before}: {error}");
            }
        }
    }
}

#[tokio::test]
async fn advice_on_the_key_is_that_of_the_config() {
    let table = [
        (None, "set MY_KEY or run `everturn login`", "; no key was sent: set MY_KEY or run `everturn login`"),
        (None, "", "; no key was sent"),
        (Some("sk-1234567"), "set MY_KEY", "; check the key: set MY_KEY"),
        (Some("sk-1234567"), "", "; check the key"),
    ];
    for (key, key_hint, expected) in table {
        for api in APIS {
            let server = ModelServer::start(Reply::status(401, "who are you?")).unwrap();
            let api_key = key.map(|key| models::SecretString::from(key.to_owned()));
            let key_hint = key_hint.to_owned();
            let config = ProviderConfig { api_key, key_hint, ..provider(&server, api) };
            let error = error(&HttpModel::new(&config).unwrap(), request(vec![user("hi")])).await;
            assert!(error.message.ends_with(&format!("who are you?{expected}")), "{error}");
        }
    }
}

/// A stream that is whole, and the same with something after its end.
fn endings(api: WireApi, rest: &str) -> String {
    let whole = match api {
        WireApi::Chat => {
            "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
        }
        WireApi::Anthropic => {
            "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n\
             data: {\"type\":\"message_stop\"}\n\n"
        }
        _ => "data: {\"type\":\"response.completed\",\"response\":{}}\n\n",
    };
    format!("{whole}{rest}")
}

#[tokio::test]
async fn completion_ends_the_stream_whatever_the_socket_does() {
    for api in APIS {
        // After the completion: garbage, an error, another completion, silence.
        let mut replies: Vec<Reply> =
            ["data: {\n\n", "data: {\"type\":\"error\",\"error\":\"x\"}\n\n", "data: [DONE]\n\n"]
                .map(|rest| Reply::raw([endings(api, rest)]))
                .into();
        replies.push(Reply::new().bytes(endings(api, "")).silence());
        let server = ModelServer::start(replies).unwrap();
        let model = http(&server, api);
        let start = Instant::now();
        for _ in 0..4 {
            assert_eq!(kinds(&all(&model, request(vec![user("hi")])).await), ["completed"], "{api:?}");
        }
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn response_that_is_finished_needs_no_last_word() {
    // Some servers neither say `[DONE]` nor close the connection.
    let finished = "data: {\"choices\":[{\"delta\":{\"content\":\"fine\"},\"finish_reason\":\"stop\"}]}\n\n";
    for reply in [Reply::new().bytes(finished).silence(), Reply::new().bytes(finished).cut_after(9)] {
        let server = ModelServer::start(reply).unwrap();
        let config = ProviderConfig { idle_timeout_ms: 50, ..provider(&server, WireApi::Chat) };
        let model = HttpModel::new(&config).unwrap();
        assert_eq!(items(&model, request(vec![user("hi")])).await, [message("fine")]);
    }
}

#[tokio::test]
async fn deltas_come_while_the_response_is_made() {
    for api in APIS {
        let server = ModelServer::start(Reply::new().text("now").silence()).unwrap();
        let model = http(&server, api);
        let mut stream = model.stream(request(vec![user("hi")]));
        assert!(matches!(stream.next().await, Some(Ok(ModelEvent::Delta { index: 0, .. }))));
    }
}

#[tokio::test]
async fn connection_is_used_again() {
    for api in APIS {
        let server = ModelServer::start(Replies::always(good())).unwrap();
        let model = http(&server, api);
        for _ in 0..20 {
            // As the loop does it: the stream is dropped at `Completed`.
            let mut stream = model.stream(request(vec![user("hi")]));
            while !matches!(stream.next().await, Some(Ok(ModelEvent::Completed(_)))) {}
        }
        assert_eq!(server.request_count(), 20);
        assert!(server.connection_count() <= 3, "{} connections", server.connection_count());
    }
}

#[tokio::test]
async fn whole_answer_instead_of_a_stream_is_taken_over_chat_and_anthropics_api() {
    let reply =
        Reply::new().thoughts("hm").text("fine").call("exec_command", json!({ "cmd": "ls" })).not_streamed();
    let server = ModelServer::start(Replies::always(reply)).unwrap();
    for api in [WireApi::Chat, WireApi::Anthropic] {
        let events = all(&http(&server, api), request(vec![user("hi")])).await;
        assert_eq!(kinds(&events), ["delta", "item", "delta", "item", "item", "completed"], "{api:?}");
    }
    let ModelError { kind, message, .. } =
        error(&http(&server, WireApi::Responses), request(vec![user("hi")])).await;
    assert_eq!(kind, ModelErrorKind::InvalidRequest);
    assert!(message.contains("with application/json instead of an event stream"), "{message}");
}
