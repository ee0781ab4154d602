//! Messages as Anthropic speaks it.

use crate::client::{PATIENCE, ask, body, data, post};
use agent_core::TokenUsage;
use serde_json::{Value, json};
use test_kit::{ModelServer, Reply, WireApi};

fn anthropic(reply: Reply) -> String {
    ask(&ModelServer::start(reply).unwrap(), WireApi::Anthropic)
}

/// The blocks of a stream as they are announced, with what came in pieces.
fn blocks(answer: &str) -> Vec<(String, String)> {
    let mut blocks: Vec<(String, String)> = Vec::new();
    for event in data(answer) {
        match event["type"].as_str().unwrap() {
            "content_block_start" => {
                blocks.push((event["content_block"]["type"].as_str().unwrap().to_owned(), String::new()));
            }
            "content_block_delta" => {
                let piece = ["text", "thinking", "partial_json", "signature"]
                    .iter()
                    .find_map(|field| event["delta"][*field].as_str());
                blocks[event["index"].as_u64().unwrap() as usize].1 += piece.unwrap();
            }
            _ => {}
        }
    }
    blocks
}

#[test]
fn message_is_streamed_as_documented() {
    let usage = TokenUsage { input: 20, cached: 8, output: 9, reasoning: 4 };
    let reply = Reply::new()
        .encrypted_reasoning(&["Hm."], "EqQB")
        .redacted_thoughts("EmwK")
        .text("On it")
        .call("exec_command", json!({ "cmd": "ls", "n": 1 }))
        .freeform("apply_patch", "x")
        .usage(usage);
    let answer = anthropic(reply);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"), "{answer}");
    let expected = [
        ("thinking", "Hm.EqQB"),
        ("redacted_thinking", ""),
        ("text", "On it"),
        ("tool_use", r#"{"cmd":"ls","n":1}"#),
        ("tool_use", r#"{"input":"x"}"#),
    ];
    assert_eq!(blocks(&answer), expected.map(|(kind, text)| (kind.to_owned(), text.to_owned())));
    let events = data(&answer);
    let start = &events[0]["message"]["usage"];
    assert_eq!((&start["input_tokens"], &start["cache_read_input_tokens"]), (&json!(12), &json!(8)));
    let [.., delta, stop] = &events[..] else { panic!("{answer}") };
    assert_eq!((&delta["delta"]["stop_reason"], &stop["type"]), (&json!("tool_use"), &json!("message_stop")));
    let expected = json!({ "output_tokens": 9, "output_tokens_details": { "thinking_tokens": 4 } });
    assert_eq!(delta["usage"], expected);
}

#[test]
fn message_can_come_whole() {
    let reply = Reply::new().text("On it").call("exec_command", json!({ "cmd": "ls" })).not_streamed();
    let message = body(&anthropic(reply));
    let expected = json!([
        { "type": "text", "text": "On it" },
        { "type": "tool_use", "id": "toolu_2", "name": "exec_command", "input": { "cmd": "ls" } },
    ]);
    assert_eq!((&message["content"], &message["stop_reason"]), (&expected, &json!("tool_use")));
}

#[test]
fn response_ends_with_the_reason_that_anthropic_has_for_it() {
    let table = [
        ("max_output_tokens", "model_context_window_exceeded"),
        ("content_filter", "refusal"),
        ("pause_turn", "pause_turn"),
    ];
    for (reason, expected) in table {
        let events = data(&anthropic(Reply::new().text("a").incomplete(reason)));
        let reasons: Vec<&Value> = events
            .iter()
            .map(|event| &event["delta"]["stop_reason"])
            .filter(|reason| !reason.is_null())
            .collect();
        assert_eq!(reasons, [expected]);
    }
}

#[test]
fn errors_are_in_the_shape_of_anthropic() {
    let error = json!({ "type": "not_found_error", "message": "model: claude-x" });
    let whole = json!({ "type": "error", "error": error, "request_id": "req_1" });
    let answer = anthropic(Reply::unknown_model("claude-x"));
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    assert_eq!(body(&answer), whole);
    let error = json!({ "type": "overloaded_error", "message": "Overloaded" });
    let events = data(&anthropic(Reply::new().text("a").failed("overloaded_error", "Overloaded")));
    assert_eq!(events.last().unwrap(), &json!({ "type": "error", "error": error }));
}

#[test]
fn search_is_answered_only_where_its_tool_is_offered() {
    let reply = || Reply::new().search("rust").text("Found.");
    let ask = |body: &str| post(&ModelServer::start(reply()).unwrap(), "/v1/messages", body, PATIENCE).text;
    assert!(ask("{}").contains("does not offer the tool"));
    let answer = ask(r#"{"tools":[{"type":"web_search_20250305","name":"web_search"}]}"#);
    let kinds: Vec<String> = blocks(&answer).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["server_tool_use", "web_search_tool_result", "text"]);
}
