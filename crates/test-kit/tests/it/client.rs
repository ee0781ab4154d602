//! A client without any library: what it sees is what the server sent.

use serde_json::Value;
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};
use test_kit::{ModelServer, WireApi};

/// Longer than any test takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What came back.
pub(crate) struct Heard {
    pub(crate) text: String,
    /// How reading ended.
    pub(crate) end: std::io::Result<usize>,
}

pub(crate) fn path(api: WireApi) -> &'static str {
    match api {
        WireApi::Responses => "/v1/responses",
        WireApi::Chat => "/v1/chat/completions",
        WireApi::Anthropic => "/v1/messages",
    }
}

/// Posts a body and reads until the server ends the connection, or for `patience`.
pub(crate) fn post(server: &ModelServer, path: &str, body: &str, patience: Duration) -> Heard {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(patience)).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Authorization: Bearer key\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes);
    Heard { text: String::from_utf8_lossy(&bytes).into_owned(), end }
}

/// Asks over an API, with usage wanted.
pub(crate) fn ask(server: &ModelServer, api: WireApi) -> String {
    let body = r#"{"stream":true,"stream_options":{"include_usage":true}}"#;
    post(server, path(api), body, PATIENCE).text
}

/// The data of the events of an answer, as far as it is JSON. Each is one chunk of HTTP, so that lines are whole.
pub(crate) fn data(answer: &str) -> Vec<Value> {
    answer
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter_map(|data| serde_json::from_str(data).ok())
        .collect()
}

/// The JSON body of an answer that is no stream.
pub(crate) fn body(answer: &str) -> Value {
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

/// What a client makes of a stream of chat: as tolerant as one must be with all dialects.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Made {
    pub(crate) text: String,
    pub(crate) thoughts: String,
    pub(crate) refusal: String,
    pub(crate) calls: Vec<(String, String)>,
    pub(crate) finish: Option<String>,
    pub(crate) tokens: Option<(u64, u64)>,
    pub(crate) done: bool,
}

impl Made {
    pub(crate) fn of(answer: &str) -> Self {
        let mut made = Self { done: answer.contains("data: [DONE]"), ..Self::default() };
        // The id of each call, which with some servers alone says which one a piece belongs to.
        let mut ids: Vec<String> = Vec::new();
        for chunk in data(answer) {
            if let Some(prompt) = chunk["usage"]["prompt_tokens"].as_u64() {
                made.tokens = Some((prompt, chunk["usage"]["completion_tokens"].as_u64().unwrap()));
            }
            let choice = &chunk["choices"][0];
            let delta = &choice["delta"];
            let text = |key: &str| delta[key].as_str().unwrap_or_default();
            made.text += text("content");
            made.refusal += text("refusal");
            made.thoughts += text("reasoning_content");
            made.thoughts += text("reasoning");
            for call in delta["tool_calls"].as_array().into_iter().flatten() {
                let part = |key: &str| call["function"][key].as_str().unwrap_or_default().to_owned();
                match call["id"].as_str() {
                    Some(id) if !ids.iter().any(|known| known == id) => {
                        ids.push(id.to_owned());
                        made.calls.push((part("name"), part("arguments")));
                    }
                    _ => {
                        let index = call["index"].as_u64().unwrap() as usize;
                        made.calls[index].1 += &part("arguments");
                    }
                }
            }
            made.finish = choice["finish_reason"].as_str().map(str::to_owned).or(made.finish);
        }
        made
    }
}
