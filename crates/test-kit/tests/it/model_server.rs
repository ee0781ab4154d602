//! The model server as a client without any library sees it.

use crate::client::{PATIENCE, ask, data, path, post};
use agent_core::TokenUsage;
use serde_json::{Value, json};
use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};
use test_kit::{ModelServer, Recording, Replies, Reply, WireApi};

fn answer(server: &ModelServer) -> String {
    ask(server, WireApi::Responses)
}

fn types(answer: &str) -> Vec<String> {
    data(answer).iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn response_is_streamed_as_documented() {
    let usage = TokenUsage { input: 20, cached: 8, output: 9, reasoning: 4 };
    let reply = Reply::new()
        .encrypted_reasoning(&["Look"], "sealed")
        .text("On it")
        .call("exec_command", json!({ "cmd": "ls" }))
        .freeform("apply_patch", "*** Begin Patch")
        .usage(usage)
        .header("x-ratelimit-limit-requests", "60");
    let server = ModelServer::start(reply).unwrap();
    let answer = answer(&server);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"), "{answer}");
    assert!(answer.contains("x-ratelimit-limit-requests: 60\r\n"), "{answer}");
    assert!(answer.ends_with("0\r\n\r\n"), "{answer}");

    let events = data(&answer);
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], index);
    }
    let done: Vec<&Value> = events
        .iter()
        .filter(|event| event["type"] == "response.output_item.done")
        .map(|event| &event["item"])
        .collect();
    assert_eq!(done[0]["encrypted_content"], "sealed");
    assert_eq!(done[1]["content"][0]["text"], "On it");
    assert_eq!(done[2]["arguments"], r#"{"cmd":"ls"}"#);
    assert_eq!(done[3]["input"], "*** Begin Patch");
    let last = &events[events.len() - 1]["response"];
    assert_eq!(last["output"].as_array().unwrap().iter().collect::<Vec<_>>(), done);
    assert_eq!(last["usage"]["total_tokens"], 29);
    assert_eq!(last["usage"]["input_tokens_details"]["cached_tokens"], 8);
}

#[test]
fn search_of_the_web_is_streamed_as_documented() {
    let server = ModelServer::start(Reply::new().search("ferns").text("Found.")).unwrap();
    let asked = json!({ "tools": [{ "type": "web_search" }] }).to_string();
    let answer = post(&server, "/v1/responses", &asked, PATIENCE).text;
    let expected = [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.web_search_call.in_progress",
        "response.web_search_call.searching",
        "response.web_search_call.completed",
        "response.output_item.done",
        "response.output_item.added",
    ];
    assert_eq!(types(&answer)[..expected.len()], expected);
    let events = data(&answer);
    assert_eq!((&events[3]["item_id"], &events[3]["output_index"]), (&json!("ws_1"), &json!(0)));
    let done = json!({
        "id": "ws_1", "type": "web_search_call", "status": "completed",
        "action": { "type": "search", "query": "ferns", "queries": ["ferns"] },
    });
    assert_eq!(events[6]["item"], done);
    assert_eq!(events[events.len() - 1]["response"]["output"][0], done);
}

#[test]
fn search_that_nobody_offered_is_refused() {
    let offers = [
        ("/v1/responses", json!({})),
        ("/v1/responses", json!({ "tools": [{ "type": "function", "name": "web_search" }] })),
        ("/v1/chat/completions", json!({ "tools": [{ "type": "web_search" }] })),
    ];
    let server = ModelServer::start(Replies::always(Reply::new().search("ferns"))).unwrap();
    for (path, body) in offers {
        let answer = post(&server, path, &body.to_string(), PATIENCE).text;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(answer.contains("does not offer the tool web_search"), "{answer}");
    }
    // Nobody looks at the request here, so nobody can tell.
    let server =
        ModelServer::start_recording(Replies::always(Reply::new().search("ferns")), Recording::Count)
            .unwrap();
    assert!(answer(&server).contains("web_search_call"));
    assert!(ask(&server, WireApi::Chat).starts_with("HTTP/1.1 400 "));
}

#[test]
fn requests_are_recorded() {
    let server = ModelServer::start(Replies::always(Reply::new().text("hi"))).unwrap();
    let body = json!({
        "model": "m",
        "input": [{ "type": "function_call_output", "call_id": "c", "output": "done" }],
    });
    post(&server, "/v1/responses?api-version=3", &body.to_string(), PATIENCE);
    post(&server, "/responses", "no json", PATIENCE);
    let requests = server.requests();
    assert_eq!(requests[0].path, "/v1/responses");
    assert_eq!(requests[0].query, "api-version=3");
    assert_eq!(requests[0].header("authorization"), Some("Bearer key"));
    assert_eq!(requests[0].body, body);
    assert_eq!(requests[0].tool_outputs(), ["done"]);
    assert_eq!((requests[1].path.as_str(), &requests[1].body), ("/responses", &Value::Null));
    assert!(requests[0].at <= requests[1].at);
    assert_eq!((server.request_count(), server.connection_count()), (2, 2));
    futures::executor::block_on(server.reached(2));
}

#[test]
fn bodies_need_not_be_kept() {
    let server = ModelServer::start_recording(Replies::always(Reply::new()), Recording::Count).unwrap();
    answer(&server);
    assert_eq!((server.request_count(), server.requests().len()), (1, 0));
}

#[test]
fn replies_come_in_order_and_then_not() {
    let server =
        ModelServer::start(vec![Reply::new().text("one"), Reply::error(429, "slow_down", "later")]).unwrap();
    assert!(answer(&server).contains("\"one\""));
    let second = answer(&server);
    assert!(second.starts_with("HTTP/1.1 429 ") && second.contains(r#""code":"slow_down""#), "{second}");
    let third = answer(&server);
    assert!(third.starts_with("HTTP/1.1 400 ") && third.contains("no reply left"), "{third}");
}

#[test]
fn reply_can_depend_on_the_request() {
    let server =
        ModelServer::start(Replies::by(|body| Reply::new().text(body["say"].as_str().unwrap_or("?"))))
            .unwrap();
    for api in WireApi::ALL {
        let answer = post(&server, path(api), r#"{"say":"cuckoo"}"#, PATIENCE).text;
        assert!(answer.contains("cuckoo"), "{answer}");
    }
}

#[test]
fn endings_are_what_they_are_called() {
    let table: [(Reply, &str); 4] = [
        (Reply::new().text("a").failed("server_error", "m"), "response.failed"),
        (Reply::new().text("a").incomplete("max_output_tokens"), "response.incomplete"),
        (Reply::new().text("a").error_event("server_error", "m"), "error"),
        (Reply::new().text("a").close_early(), "response.output_item.done"),
    ];
    for (reply, last) in table {
        let server = ModelServer::start(reply).unwrap();
        let answer = answer(&server);
        assert_eq!(types(&answer).last().map(String::as_str), Some(last));
        assert!(answer.ends_with("0\r\n\r\n"), "{answer}");
    }
}

#[test]
fn cut_breaks_the_connection_after_half_of_the_events() {
    let server =
        ModelServer::start(vec![Reply::new().text("a b c d").cut(), Reply::new().text("a").cut_after(3)])
            .unwrap();
    let first = answer(&server);
    assert!(!first.ends_with("0\r\n\r\n"), "{first}");
    assert_eq!(types(&first).last().map(String::as_str), Some("response.output_text.delta"));
    assert_eq!(types(&answer(&server)).len(), 3);
}

#[test]
fn hang_up_says_nothing() {
    let server = ModelServer::start(Reply::hang_up()).unwrap();
    assert_eq!(answer(&server), "");
}

#[test]
fn silence_lasts() {
    let server = ModelServer::start(vec![Reply::silent(), Reply::new().text("a").silence()]).unwrap();
    for types_seen in [0, 8] {
        let heard = post(&server, "/v1/responses", "{}", Duration::from_millis(100));
        assert!(matches!(heard.end.unwrap_err().kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
        assert_eq!(types(&heard.text).len(), types_seen, "{}", heard.text);
    }
}

#[test]
fn inserts_come_where_they_were_put() {
    let reply = Reply::new().malformed_sse().text("a").malformed_json().unknown().huge_line(100_000);
    let server = ModelServer::start(reply).unwrap();
    let answer = answer(&server);
    let at = |text: &str| answer.find(text).unwrap_or_else(|| panic!("{text} is missing"));
    let order = [
        "response.in_progress",
        "<html>",
        "\"a\"",
        ".del\n",
        "telepathy",
        ": a comment",
        "padding",
        "response.completed",
    ];
    let found: Vec<usize> = order.iter().map(|text| at(text)).collect();
    assert!(found.is_sorted(), "{found:?}");
    assert!(answer.lines().any(|line| line.len() == 100_000));
}

#[test]
fn pace_is_kept() {
    let reply = Reply::new().delay(Duration::from_millis(50)).chunk_pause(Duration::from_millis(10));
    let server = ModelServer::start(reply).unwrap();
    let start = Instant::now();
    assert_eq!(types(&answer(&server)).len(), 3);
    assert!(start.elapsed() >= Duration::from_millis(80));
}

#[test]
fn drop_closes_port_and_connections() {
    let server = ModelServer::start(Reply::silent()).unwrap();
    let address = server.address();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"POST /v1/responses HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").unwrap();
    futures::executor::block_on(server.reached(1));
    drop(server);
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut byte = [0];
    assert!(matches!(stream.read(&mut byte), Ok(0) | Err(_)));
    assert!(TcpStream::connect(address).is_err());
}
