//! Streams of all APIs, written by hand after the references of OpenAI, of the servers that speak like it, and of
//! Anthropic, and what is made of them.
//!
//! `golden/NAME.sse` is a stream of the Responses API, `golden/chat/NAME.sse` one of Chat Completions,
//! `golden/anthropic/NAME.sse` one of Anthropic's Messages, `NAME.expected` beside it what comes out, a line for each event. Every stream comes whole, byte by byte, and in
//! pieces of seven bytes: that must make no difference.

use crate::conversation::{all, http, request, user};
use agent_core::{LiveKind, ModelError, ModelEvent, ModelRequest, Shared, ToolKind, ToolSpec};
use models::WireApi;
use std::{
    fs,
    path::{Path, PathBuf},
};
use test_kit::{ModelServer, Reply};

fn line(event: &Result<ModelEvent, ModelError>) -> String {
    match event {
        Ok(ModelEvent::Delta { index, kind }) => {
            let (name, text) = match kind {
                LiveKind::Message(text) => ("message", text),
                LiveKind::Reasoning(text) => ("reasoning", text),
                LiveKind::RawReasoning(text) => ("raw_reasoning", text),
                other => panic!("a model says no {other:?}"),
            };
            format!("delta {index} {name} {}\n", serde_json::to_string(text).unwrap())
        }
        Ok(ModelEvent::Item(item)) => format!("item {}\n", serde_json::to_string(item).unwrap()),
        Ok(ModelEvent::Completed(completion)) => match completion.tokens {
            Some(t) => format!("completed {} {} {} {}\n", t.input, t.cached, t.output, t.reasoning),
            None => "completed\n".to_owned(),
        },
        Ok(other) => panic!("unexpected {other:?}"),
        Err(error) => {
            let wait = error.retry_after_ms.map(|ms| format!(" [{ms}]")).unwrap_or_default();
            let (_, message) = error.message.split_once(": ").expect("messages begin with the host");
            format!("error {} {message}{wait}\n", error.code())
        }
    }
}

/// A seal of Anthropic's names what was sent before it and what is in it; what those come to is not what is tested here.
fn without_fingerprints(mut line: String) -> String {
    for field in [r#"\"prefix\":"#, r#"\"content\":"#] {
        if let Some((before, after)) = line.rsplit_once(field) {
            let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
            if rest.len() < after.len() {
                line = format!("{before}{field}…{rest}");
            }
        }
    }
    line
}

fn streams(folder: &Path) -> Vec<PathBuf> {
    let mut streams: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    streams.retain(|path| path.extension().is_some_and(|extension| extension == "sse"));
    streams.sort();
    streams
}

/// The request that every stream answers; `apply_patch` is a freeform tool.
fn asked() -> ModelRequest {
    let tool = ToolSpec::new("apply_patch", String::new(), ToolKind::Freeform { grammar: None });
    ModelRequest { tools: Shared::new(vec![tool]), ..request(vec![user("hi")]) }
}

async fn check(folder: &Path, api: WireApi, at_least: usize) {
    let paths = streams(folder);
    assert!(paths.len() >= at_least, "{paths:?}");
    for path in paths {
        let sse = fs::read(&path).unwrap();
        let expected = fs::read_to_string(path.with_extension("expected")).unwrap();
        for size in [sse.len(), 7, 1] {
            let chunks: Vec<Vec<u8>> = sse.chunks(size).map(<[u8]>::to_vec).collect();
            let server = ModelServer::start(Reply::raw(chunks)).unwrap();
            let events = all(&http(&server, api), asked()).await;
            let found: String = events.iter().map(line).map(without_fingerprints).collect();
            assert_eq!(found, expected, "{} in pieces of {size} bytes", path.display());
        }
    }
}

#[tokio::test]
async fn responses_streams_become_what_is_expected() {
    check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden"), WireApi::Responses, 15).await;
}

#[tokio::test]
async fn chat_streams_become_what_is_expected() {
    check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/chat"), WireApi::Chat, 15).await;
}

#[tokio::test]
async fn anthropic_streams_become_what_is_expected() {
    check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/anthropic"), WireApi::Anthropic, 20)
        .await;
}
