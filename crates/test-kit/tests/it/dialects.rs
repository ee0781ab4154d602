//! What servers that speak Chat Completions do otherwise than OpenAI.

use crate::client::{Made, ask, body, data};
use agent_core::TokenUsage;
use serde_json::{Value, json};
use test_kit::{Dialect, ModelServer, Reply, WireApi};

fn stream(dialect: Dialect, reply: Reply) -> String {
    ask(&ModelServer::start_speaking(reply, dialect).unwrap(), WireApi::Chat)
}

fn two_calls() -> Reply {
    Reply::new()
        .thoughts("Let me see.")
        .text("I look.")
        .call("exec_command", json!({ "cmd": "ls -la" }))
        .call("read_file", json!({ "path": "a.txt" }))
        .usage(TokenUsage { input: 20, cached: 8, output: 9, reasoning: 4 })
}

/// The tool calls of each chunk that has some.
fn call_chunks(answer: &str) -> Vec<Vec<Value>> {
    let calls = |chunk: &Value| chunk["choices"][0]["delta"]["tool_calls"].as_array().cloned();
    data(answer).iter().filter_map(calls).collect()
}

#[test]
fn same_response_arrives_in_every_dialect() {
    for dialect in Dialect::ALL {
        let made = Made::of(&stream(dialect, two_calls()));
        let stops = matches!(dialect, Dialect::Gemini | Dialect::LiteLlm);
        let expected = Made {
            text: "I look.".into(),
            thoughts: "Let me see.".into(),
            refusal: String::new(),
            calls: vec![
                ("exec_command".into(), r#"{"cmd":"ls -la"}"#.into()),
                ("read_file".into(), r#"{"path":"a.txt"}"#.into()),
            ],
            finish: Some(if stops { "stop" } else { "tool_calls" }.into()),
            tokens: Some((20, 9)),
            done: true,
        };
        assert_eq!(made, expected, "{dialect:?}");
    }
}

#[test]
fn calls_travel_as_each_server_sends_them() {
    // How many chunks have calls, and the index of each call in the order of the chunks.
    let numbered = |pieces: usize| {
        let of_call = |index: u64| vec![Some(index); 1 + pieces];
        [of_call(0), of_call(1)].concat()
    };
    let table = [
        (Dialect::OpenAi, 8, numbered(3)),
        (Dialect::Vllm, 8, numbered(3)),
        (Dialect::LlamaCpp, 8, numbered(3)),
        (Dialect::OpenRouter, 8, numbered(3)),
        (Dialect::Ollama, 1, vec![Some(0), Some(1)]),
        (Dialect::Gemini, 2, vec![None, None]),
        (Dialect::LiteLlm, 2, vec![Some(0), Some(0)]),
    ];
    for (dialect, chunks, indexes) in table {
        let calls = call_chunks(&stream(dialect, two_calls()));
        assert_eq!(calls.len(), chunks, "{dialect:?}");
        let found: Vec<Option<u64>> = calls.iter().flatten().map(|call| call["index"].as_u64()).collect();
        assert_eq!(found, indexes, "{dialect:?}");
        let ids = calls.iter().flatten().filter(|call| call["id"].is_string());
        assert_eq!(ids.count(), 2, "{dialect:?}: only the first piece of a call has its id");
    }
    let small = call_chunks(&stream(Dialect::LmStudio, two_calls()));
    assert!(small.len() > 16, "{small:?}");
    assert_eq!(small[0][0]["id"], "814890118");
}

#[test]
fn usage_is_where_each_server_puts_it() {
    // The choices of the chunks with a usage: none, with a finish reason, or with an empty delta.
    let table = [
        (Dialect::OpenAi, "no choice"),
        (Dialect::Ollama, "no choice"),
        (Dialect::Vllm, "no choice"),
        (Dialect::LmStudio, "no choice"),
        (Dialect::LiteLlm, "no choice"),
        (Dialect::LlamaCpp, "the last choice"),
        (Dialect::DeepSeek, "the last choice"),
        (Dialect::OpenRouter, "an empty delta"),
    ];
    for (dialect, place) in table {
        let answer = stream(dialect, Reply::new().text("a b"));
        let with_usage: Vec<Value> =
            data(&answer).into_iter().filter(|chunk| chunk["usage"].is_object()).collect();
        assert_eq!(with_usage.len(), 1, "{dialect:?}");
        let choices = &with_usage[0]["choices"];
        let found = match (choices[0].is_object(), choices[0]["finish_reason"].is_string()) {
            (false, _) => "no choice",
            (true, true) => "the last choice",
            (true, false) => "an empty delta",
        };
        assert_eq!(found, place, "{dialect:?}");
    }
    let gemini = data(&stream(Dialect::Gemini, Reply::new().text("a b")));
    assert!(gemini.iter().all(|chunk| chunk["usage"]["total_tokens"] == 15), "{gemini:?}");
}

#[test]
fn small_habits_are_kept() {
    let says = |dialect: Dialect, texts: &[&str]| {
        let answer = stream(dialect, two_calls());
        for text in texts {
            assert!(answer.contains(text), "{dialect:?} does not say {text}: {answer}");
        }
    };
    says(Dialect::OpenAi, &[r#""usage":null"#, r#""reasoning_content":"Let "#]);
    says(Dialect::Ollama, &["fp_ollama", r#""reasoning":"Let "#]);
    says(Dialect::Vllm, &["chatcmpl-tool-1", r#""reasoning":"Let "#]);
    says(Dialect::LlamaCpp, &[r#""timings":{"#, r#""content":null"#, r#""reasoning_content":"Let "#]);
    says(Dialect::OpenRouter, &[": OPENROUTER PROCESSING\n\n", "native_finish_reason", "reasoning_details"]);
    says(Dialect::Gemini, &["thought_signature"]);
    says(Dialect::DeepSeek, &[": keep-alive\n\n", r#""prompt_cache_hit_tokens":8"#]);
    let roles = |dialect: Dialect| {
        let answer = stream(dialect, two_calls());
        data(&answer).iter().filter(|chunk| chunk["choices"][0]["delta"]["role"] == "assistant").count()
    };
    assert_eq!((roles(Dialect::OpenAi), roles(Dialect::LmStudio)), (1, 1));
    assert!(roles(Dialect::Ollama) > 5 && roles(Dialect::OpenRouter) > 5);
}

#[test]
fn failure_in_the_stream_comes_as_each_server_sends_it() {
    let table = [
        (Dialect::OpenAi, "data: {\"error\":{", ""),
        (Dialect::Vllm, "data: {\"error\":{", "data: [DONE]"),
        (Dialect::LlamaCpp, "error: {", "data: [DONE]"),
        (Dialect::LmStudio, "event: error\ndata: {\"error\":\"The server had an error\"}", ""),
        (Dialect::OpenRouter, "\"finish_reason\":\"error\"", "\"error\":{"),
        (Dialect::DeepSeek, "data: {\"error\":{", ""),
    ];
    for (dialect, first, second) in table {
        let answer =
            stream(dialect, Reply::new().text("a").failed("server_error", "The server had an error"));
        assert!(answer.contains(first) && answer.contains(second), "{dialect:?}: {answer}");
        assert!(answer.contains("The server had an error"), "{dialect:?}: {answer}");
        assert!(!answer.contains("\"stop\""), "{dialect:?}: {answer}");
    }
    let lost = stream(Dialect::Ollama, Reply::new().text("a").failed("server_error", "The reason"));
    assert!(!lost.contains("The reason") && !lost.contains("[DONE]"), "{lost}");
    assert_eq!(Made::of(&lost).finish, None);
}

#[test]
fn overflow_and_unknown_model_are_said_in_each_server_s_words() {
    let table = [
        (Dialect::OpenAi, "context_length_exceeded", 404, "model_not_found"),
        (Dialect::Ollama, "prompt too long", 404, "try pulling it first"),
        (Dialect::Vllm, "maximum context length is", 404, "does not exist"),
        (Dialect::LlamaCpp, "exceed_context_size_error", 400, "model 'no-such' not found"),
        (Dialect::LmStudio, "greater than the context length", 404, "lms load"),
        (Dialect::OpenRouter, "maximum context length is", 400, "no-such is not a valid model ID"),
        (Dialect::Gemini, "input token count", 404, "models/no-such is not found"),
        (Dialect::DeepSeek, "maximum context length is", 400, "Model Not Exist"),
        (Dialect::LiteLlm, "ContextWindowExceededError", 404, "Invalid model name"),
    ];
    for (dialect, overflow, status, unknown) in table {
        let answer = stream(dialect, Reply::context_overflow());
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains(overflow), "{dialect:?}: {answer}");
        let answer = stream(dialect, Reply::unknown_model("no-such"));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{dialect:?}: {answer}");
        assert!(answer.contains(unknown), "{dialect:?}: {answer}");
    }
    assert!(body(&stream(Dialect::Gemini, Reply::context_overflow())).is_array());
    assert!(body(&stream(Dialect::LmStudio, Reply::context_overflow()))["error"].is_string());
}

#[test]
fn responses_api_has_no_dialects() {
    let server = ModelServer::start_speaking(Reply::context_overflow(), Dialect::LmStudio).unwrap();
    let answer = ask(&server, WireApi::Responses);
    assert_eq!(body(&answer)["error"]["code"], "context_length_exceeded");
}
