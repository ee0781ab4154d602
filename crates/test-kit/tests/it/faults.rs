//! Every fault, over every API.

use crate::client::{Made, PATIENCE, ask, data, path, post};
use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, UNIX_EPOCH},
};
use test_kit::{ClosedPort, ModelServer, Replies, Reply, WireApi};

/// Asks each API of servers with this reply.
fn every(reply: &Reply) -> [String; 3] {
    WireApi::ALL.map(|api| ask(&ModelServer::start(reply.clone()).unwrap(), api))
}

/// Whether the response says that it is complete.
fn is_whole(answer: &str) -> bool {
    ["response.completed", "[DONE]", "message_stop"].iter().any(|end| answer.contains(end))
}

#[test]
fn http_errors_have_status_code_and_headers() {
    let table = [
        (Reply::rate_limited(), "429 ", "rate_limit_exceeded|rate_limit_error"),
        (Reply::rate_limited().retry_after(7), "429 ", "retry-after: 7\r\n"),
        (Reply::rate_limited().retry_after_ms(70), "429 ", "retry-after-ms: 70\r\n"),
        (
            Reply::rate_limited().retry_after_date(UNIX_EPOCH + Duration::from_secs(784_111_777)),
            "429 ",
            "retry-after: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
        ),
        (Reply::out_of_quota(), "429 ", "\"code\":\"insufficient_quota\"|billing_error"),
        (Reply::unauthorized(), "401 ", "invalid_api_key|authentication_error"),
        (Reply::forbidden(), "403 ", "permission_denied|permission_error"),
        (Reply::error(529, "overloaded_error", "Overloaded"), "529 ", "Overloaded"),
        (Reply::html(502), "502 ", "content-type: text/html\r\n"),
        (Reply::html(200), "200 ", "<h1>Bad Gateway</h1>"),
        (Reply::context_overflow(), "400 ", "context_length_exceeded|prompt is too long"),
    ];
    for (reply, status, says) in table {
        for answer in every(&reply) {
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
            assert!(says.split('|').any(|says| answer.contains(says)), "{says}: {answer}");
        }
    }
}

#[test]
fn sequences_are_played() {
    let server = ModelServer::start(vec![
        Reply::error(500, "server_error", "x"),
        Reply::error(500, "server_error", "x"),
        Reply::new().text("good"),
    ])
    .unwrap();
    let heads =
        [WireApi::Chat, WireApi::Responses, WireApi::Chat].map(|api| ask(&server, api)[9..12].to_owned());
    assert_eq!(heads, ["500", "500", "200"]);
    let around =
        ModelServer::start(Replies::cycle([Reply::new().text("one"), Reply::new().text("two")])).unwrap();
    let texts = [(); 3].map(|()| Made::of(&ask(&around, WireApi::Chat)).text);
    assert_eq!(texts, ["one", "two", "one"]);
}

#[test]
fn reset_is_a_reset_and_not_an_end() {
    let reply = Reply::new().text("a b c d e f").reset();
    for api in WireApi::ALL {
        let server = ModelServer::start(reply.clone()).unwrap();
        let heard = post(&server, path(api), "{}", PATIENCE);
        assert_eq!(heard.end.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert!(heard.text.contains("\"a \""), "{}", heard.text);
        assert!(!heard.text.contains("\"f\""), "{}", heard.text);
    }
}

#[test]
fn cut_ends_the_body_without_its_last_chunk() {
    for answer in every(&Reply::new().text("a b c d e f").cut()) {
        assert!(answer.contains("\"a \"") && !answer.contains("\"f\""), "{answer}");
        assert!(!answer.ends_with("0\r\n\r\n"), "{answer}");
    }
    let answer = ask(&ModelServer::start(Reply::new().text("a b").cut_after(2)).unwrap(), WireApi::Chat);
    assert_eq!(data(&answer).len(), 2);
}

#[test]
fn early_close_ends_the_body_well_and_the_response_not() {
    for answer in every(&Reply::new().text("a").close_early()) {
        assert!(answer.ends_with("0\r\n\r\n"), "{answer}");
        assert!(!is_whole(&answer) && !answer.contains("\"stop\""), "{answer}");
    }
    let answer = ask(&ModelServer::start(Reply::new().text("a").without_done()).unwrap(), WireApi::Chat);
    let made = Made::of(&answer);
    assert_eq!((made.finish.as_deref(), made.done), (Some("stop"), false));
}

#[test]
fn response_can_end_in_an_error() {
    for answer in every(&Reply::new().text("a").overflows()) {
        let words = ["context_length_exceeded", "prompt is too long"];
        assert!(words.iter().any(|words| answer.contains(words)), "{answer}");
    }
    for answer in every(&Reply::new().text("a").error_event("server_error", "The reason")) {
        assert!(answer.contains("The reason") && !is_whole(&answer), "{answer}");
    }
    let incomplete = |reason: &str| {
        let answer = ask(&ModelServer::start(Reply::new().incomplete(reason)).unwrap(), WireApi::Chat);
        Made::of(&answer).finish.unwrap()
    };
    assert_eq!(
        (incomplete("max_output_tokens"), incomplete("content_filter")),
        ("length".into(), "content_filter".into())
    );
}

#[test]
fn malformed_things_are_malformed() {
    let reply =
        Reply::new().text("a ").malformed_json().malformed_sse().malformed_fields().not_utf8().unknown();
    for answer in every(&reply.text("b")) {
        let payloads = answer.lines().filter_map(|line| line.strip_prefix("data: "));
        let broken = payloads
            .filter(|data| *data != "[DONE]" && serde_json::from_str::<serde_json::Value>(data).is_err());
        assert_eq!(broken.count(), 1, "{answer}");
        for text in ["<html>", "nonsense\n", "\u{FFFD}", ": a comment", "degrees"] {
            assert!(answer.contains(text), "{text}: {answer}");
        }
        assert!(is_whole(&answer), "{answer}");
    }
}

#[test]
fn huge_things_have_the_size_that_was_asked_for() {
    for answer in every(&Reply::new().huge_line(10_000_000)) {
        assert!(answer.lines().any(|line| line.len() == 10_000_000));
        assert!(is_whole(&answer));
    }
    let answer = ask(&ModelServer::start(Reply::new().huge_text(10_000_000)).unwrap(), WireApi::Chat);
    assert_eq!(Made::of(&answer).text.len(), 10_000_000);
}

#[test]
fn endless_line_lasts_as_long_as_it_is_read() {
    for api in WireApi::ALL {
        let server = ModelServer::start(Reply::new().text("a").endless_line()).unwrap();
        let mut stream = TcpStream::connect(server.address()).unwrap();
        let path = path(api);
        write!(stream, "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").unwrap();
        let mut buffer = vec![0; 1 << 20];
        let mut seen = 0;
        while seen < 20_000_000 {
            let read = stream.read(&mut buffer).unwrap();
            assert_ne!(read, 0);
            seen += read;
        }
    }
}

#[test]
fn closed_port_refuses_and_is_kept() {
    let port = ClosedPort::take().unwrap();
    for _ in 0..3 {
        let refused = TcpStream::connect(port.address()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    }
    assert!(std::net::TcpListener::bind(port.address()).is_err());
    assert_eq!(port.url(), format!("http://{}/v1", port.address()));
}

#[test]
fn hang_up_says_nothing_over_any_api() {
    assert_eq!(every(&Reply::hang_up()), [""; 3]);
}
