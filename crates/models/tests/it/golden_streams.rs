//! Streams of the Responses API, written by hand after OpenAI's reference, and what is made of them.
//!
//! `golden/NAME.sse` is the stream, `golden/NAME.expected` what comes out, a line for each event. Every stream comes
//! whole, byte by byte, and in pieces of seven bytes: that must make no difference.

use crate::conversation::{all, request, user};
use agent_core::{LiveKind, ModelError, ModelEvent};
use models::{ResponsesConfig, ResponsesModel};
use std::{fs, path::Path};
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
        Ok(ModelEvent::Completed(usage)) => match usage.tokens {
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

#[tokio::test]
async fn streams_become_what_is_expected() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut names: Vec<_> = fs::read_dir(&golden).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|extension| extension == "sse"));
    names.sort();
    assert!(names.len() >= 15, "{names:?}");
    for path in names {
        let sse = fs::read(&path).unwrap();
        let expected = fs::read_to_string(path.with_extension("expected")).unwrap();
        for size in [sse.len(), 7, 1] {
            let chunks: Vec<Vec<u8>> = sse.chunks(size).map(<[u8]>::to_vec).collect();
            let server = ModelServer::start(Reply::raw(chunks)).unwrap();
            let config = ResponsesConfig { base_url: server.url(), ..ResponsesConfig::default() };
            let model = ResponsesModel::new(&config).unwrap();
            let events = all(&model, request(vec![user("hi")])).await;
            let found: String = events.iter().map(line).collect();
            assert_eq!(found, expected, "{} in pieces of {size} bytes", path.display());
        }
    }
}
