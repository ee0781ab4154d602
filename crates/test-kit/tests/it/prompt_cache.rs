//! A server that keeps account of a prompt cache.

use crate::client::{PATIENCE, data, path, post};
use serde_json::{Value, json};
use test_kit::{Accounting, ModelServer, Recording, Replies, Reply, ServerOptions, WireApi};

fn server() -> ModelServer {
    let options = ServerOptions {
        accounting: Accounting::PromptCache,
        recording: Recording::Count,
        ..ServerOptions::default()
    };
    ModelServer::start_with(Replies::always(Reply::new().text("fine")), options).unwrap()
}

/// The input tokens of an answer, and how many of them were cached.
fn tokens(api: WireApi, answer: &str) -> (u64, u64) {
    let events = data(answer);
    let of = |usage: &Value, fields: [&str; 2]| {
        let count = |field: &str| usage.pointer(field).and_then(Value::as_u64);
        Some((count(fields[0])?, count(fields[1])?))
    };
    let found = events.iter().find_map(|event| match api {
        WireApi::Responses => {
            of(&event["response"]["usage"], ["/input_tokens", "/input_tokens_details/cached_tokens"])
        }
        WireApi::Chat => of(&event["usage"], ["/prompt_tokens", "/prompt_tokens_details/cached_tokens"]),
        WireApi::Anthropic => {
            let usage = &event["message"]["usage"];
            let (rest, read) = of(usage, ["/input_tokens", "/cache_read_input_tokens"])?;
            Some((rest + read + usage["cache_creation_input_tokens"].as_u64()?, read))
        }
    });
    found.unwrap()
}

#[test]
fn what_an_earlier_request_began_with_is_cached_over_every_api() {
    let long = |what: &str| what.repeat(4000);
    let request = |api: WireApi, texts: &[&str]| {
        let field = if api == WireApi::Responses { "input" } else { "messages" };
        let last = texts.len() - 1;
        let block = |(at, text): (usize, &&str)| {
            let mut block = json!({ "type": "text", "text": text });
            if at == last {
                block["cache_control"] = json!({ "type": "ephemeral" });
            }
            block
        };
        let content: Vec<Value> = texts.iter().enumerate().map(block).collect();
        let told = match api {
            WireApi::Anthropic => json!([{ "role": "user", "content": content }]),
            _ => json!(texts),
        };
        json!({ field: told, "stream_options": { "include_usage": true } }).to_string()
    };
    for api in WireApi::ALL {
        let server = server();
        let ask =
            |texts: &[&str]| tokens(api, &post(&server, path(api), &request(api, texts), PATIENCE).text);
        let (one, two) = (long("a"), long("b"));
        let (first, none) = ask(&[&one]);
        assert!(first >= 1000 && none == 0, "{api:?}: {first} {none}");
        let long = [one.as_str(), &two, &one, &two];
        ask(&long);
        let (input, cached) = ask(&[&long[..], &["end"]].concat());
        assert!(cached * 100 > input * 95 && cached <= input, "{api:?}: {cached} of {input}");
        let (_, other) = ask(&[&two, &one, &two, &one]);
        assert_eq!(other, 0, "{api:?}: another beginning");
    }
}
