//! Chat Completions as OpenAI speaks it.

use crate::client::{Made, PATIENCE, ask, body, data, path, post};
use agent_core::TokenUsage;
use serde_json::{Value, json};
use test_kit::{ModelServer, Reply, WireApi};

fn chat(reply: Reply) -> String {
    ask(&ModelServer::start(reply).unwrap(), WireApi::Chat)
}

#[test]
fn completion_is_streamed_as_documented() {
    let usage = TokenUsage { input: 20, cached: 8, output: 9, reasoning: 4 };
    let answer = chat(Reply::new().text("On it").call("exec_command", json!({ "cmd": "ls" })).usage(usage));
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"), "{answer}");
    let chunks = data(&answer);
    let envelope =
        |chunk: &Value| (chunk["object"].clone(), chunk["id"].clone(), chunk.get("usage").is_some());
    assert!(
        chunks
            .iter()
            .all(|chunk| envelope(chunk) == (json!("chat.completion.chunk"), json!("chatcmpl-1"), true))
    );
    let deltas: Vec<&Value> = chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]).collect();
    assert_eq!(deltas[0], &json!({ "role": "assistant", "content": "" }));
    assert_eq!(deltas[1..3], [&json!({ "content": "On " }), &json!({ "content": "it" })]);
    let call = json!({ "index": 0, "id": "call_1", "type": "function", "function": { "name": "exec_command", "arguments": "" } });
    assert_eq!(deltas[3], &json!({ "tool_calls": [call] }));
    let piece = |text: &str| json!({ "tool_calls": [{ "index": 0, "function": { "arguments": text } }] });
    assert_eq!(deltas[4..7], [&piece(r#"{"cm"#), &piece(r#"d":""#), &piece(r#"ls"}"#)]);
    assert_eq!(deltas[7], &json!({}));
    let reasons: Vec<&Value> = chunks.iter().map(|chunk| &chunk["choices"][0]["finish_reason"]).collect();
    assert_eq!(reasons[7], "tool_calls");
    assert!(reasons[..7].iter().all(|reason| reason.is_null()));

    let last = chunks.last().unwrap();
    assert_eq!((&last["choices"], chunks.len()), (&json!([]), 9));
    assert_eq!(last["usage"]["total_tokens"], 29);
    assert_eq!(last["usage"]["prompt_tokens_details"]["cached_tokens"], 8);
    assert_eq!(last["usage"]["completion_tokens_details"]["reasoning_tokens"], 4);
    assert!(answer.contains("data: [DONE]\n\n\r\n0\r\n\r\n"), "{answer}");
}

#[test]
fn usage_is_sent_only_where_it_is_wanted() {
    let server = ModelServer::start(Reply::new().text("a")).unwrap();
    let answer = post(&server, path(WireApi::Chat), r#"{"stream":true}"#, PATIENCE).text;
    assert!(!answer.contains("usage"), "{answer}");
    assert!(answer.contains("[DONE]"), "{answer}");
}

#[test]
fn everything_that_is_said_arrives() {
    let reply = Reply::new()
        .reasoning("Look first.")
        .thoughts(" Then leap.")
        .text("On ")
        .text("it.")
        .refusal("No.")
        .freeform("apply_patch", "*** \"Begin\"\nPatch")
        .call_with_text("exec_command", "not json")
        .call("noop", json!({}));
    let expected = Made {
        text: "On it.".into(),
        thoughts: "Look first. Then leap.".into(),
        refusal: "No.".into(),
        calls: vec![
            ("apply_patch".into(), r#"{"input":"*** \"Begin\"\nPatch"}"#.into()),
            ("exec_command".into(), "not json".into()),
            ("noop".into(), "{}".into()),
        ],
        finish: Some("tool_calls".into()),
        tokens: Some((10, 5)),
        done: true,
    };
    assert_eq!(Made::of(&chat(reply)), expected);
}

#[test]
fn freeform_tool_that_is_offered_as_a_function_is_called_as_one() {
    let reply = Reply::new().freeform("apply_patch", "text");
    let server = ModelServer::start(vec![reply.clone(), reply]).unwrap();
    let offer = |kind: &str| json!({ "tools": [{ "type": kind, "name": "apply_patch" }] }).to_string();
    let as_function = post(&server, "/v1/responses", &offer("function"), PATIENCE).text;
    assert!(as_function.contains(r#""type":"function_call""#), "{as_function}");
    assert!(as_function.contains(r#""arguments":"{\"input\":\"text\"}""#), "{as_function}");
    let as_custom = post(&server, "/v1/responses", &offer("custom"), PATIENCE).text;
    assert!(as_custom.contains(r#""type":"custom_tool_call""#), "{as_custom}");
}

#[test]
fn answer_can_come_in_one_object() {
    let reply = Reply::new().thoughts("Hm.").text("On it.").call("noop", json!({})).not_streamed();
    let server = ModelServer::start(vec![reply.clone(), reply]).unwrap();
    let answer = ask(&server, WireApi::Chat);
    assert!(answer.contains("content-type: application/json\r\n"), "{answer}");
    let completion = body(&answer);
    assert_eq!(completion["object"], "chat.completion");
    let message = &completion["choices"][0]["message"];
    assert_eq!((&message["content"], &message["reasoning_content"]), (&json!("On it."), &json!("Hm.")));
    assert_eq!(message["tool_calls"][0]["function"]["name"], "noop");
    assert_eq!(completion["choices"][0]["finish_reason"], "tool_calls");

    let response = body(&ask(&server, WireApi::Responses));
    assert_eq!((&response["object"], &response["status"]), (&json!("response"), &json!("completed")));
    assert_eq!(response["output"][1]["content"][0]["text"], "On it.");
}

#[test]
fn requests_of_both_apis_are_told_apart() {
    let server = ModelServer::start(vec![Reply::new(), Reply::new(), Reply::new()]).unwrap();
    let body = json!({ "messages": [
        { "role": "user", "content": "go" },
        { "role": "tool", "tool_call_id": "call_1", "content": "done" },
        { "role": "tool", "tool_call_id": "call_2", "content": [{ "type": "text", "text": "too" }] },
    ] });
    post(&server, "/v1/chat/completions", &body.to_string(), PATIENCE);
    post(&server, "/chat/completions", "{}", PATIENCE);
    post(&server, "/responses", "{}", PATIENCE);
    let requests = server.requests();
    let apis: Vec<WireApi> = requests.iter().map(|request| request.api).collect();
    assert_eq!(apis, [WireApi::Chat, WireApi::Chat, WireApi::Responses]);
    assert_eq!(requests[0].path, "/v1/chat/completions");
    assert_eq!(requests[0].input().len(), 3);
    assert_eq!(requests[0].tool_outputs(), ["done", "too"]);
}

#[test]
fn models_are_listed() {
    let server = ModelServer::start(Vec::new()).unwrap();
    for path in ["/v1/models", "/models"] {
        let mut stream = std::net::TcpStream::connect(server.address()).unwrap();
        std::io::Write::write_all(
            &mut stream,
            format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes(),
        )
        .unwrap();
        let answer = std::io::read_to_string(stream).unwrap();
        assert_eq!(body(&answer)["data"][0]["id"], "test-model");
    }
    assert_eq!(server.request_count(), 0);
}
