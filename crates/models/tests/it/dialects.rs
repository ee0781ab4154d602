//! The same conversation with every server that speaks Chat Completions.

use crate::conversation::{all, error, function, http, message, request, user};
use agent_core::{ModelErrorKind, ModelEvent, ModelItem, TokenUsage, testing::check_response};
use models::WireApi;
use serde_json::json;
use test_kit::{Dialect, ModelServer, Replies, Reply};

/// The seal on thoughts is a server's own matter.
fn unsealed(item: ModelItem) -> Option<ModelItem> {
    match item {
        ModelItem::Reasoning { text: None, .. } => None,
        ModelItem::Reasoning { provider_id, summary, text, .. } => {
            Some(ModelItem::Reasoning { provider_id, summary, text, encrypted: None })
        }
        other => Some(other),
    }
}

#[tokio::test]
async fn response_is_the_same_from_every_server() {
    let tokens = TokenUsage { input: 20, cached: 8, output: 9, reasoning: 4 };
    let thoughts = ModelItem::Reasoning {
        provider_id: None,
        summary: Vec::new(),
        text: Some("Let me see.".to_owned()),
        encrypted: None,
    };
    let expected = [
        thoughts,
        message("I look."),
        function("exec_command", r#"{"cmd":"ls -la"}"#),
        function("exec_command", r#"{"cmd":"pwd"}"#),
    ];
    for dialect in Dialect::ALL {
        let reply = Reply::new()
            .thoughts("Let me see.")
            .text("I look.")
            .call("exec_command", json!({ "cmd": "ls -la" }))
            .call("exec_command", json!({ "cmd": "pwd" }))
            .usage(tokens);
        let server = ModelServer::start_speaking(Replies::always(reply), dialect).unwrap();
        let events = all(&http(&server, WireApi::Chat), request(vec![user("hi")])).await;
        let items: Vec<ModelItem> = check_response(&events).into_iter().filter_map(unsealed).collect();
        assert_eq!(items, expected, "{dialect:?}");
        let Some(Ok(ModelEvent::Completed(completion))) = events.last() else { panic!("{events:?}") };
        let found = completion.tokens.unwrap();
        assert_eq!((found.input, found.output), (20, 9), "{dialect:?}");
    }
}

#[tokio::test]
async fn every_server_says_in_its_words_that_the_conversation_is_too_long() {
    for dialect in Dialect::ALL {
        for reply in [Reply::context_overflow(), Reply::new().overflows()] {
            // Of a failure within a stream Ollama says nothing.
            let lost = dialect == Dialect::Ollama && format!("{reply:?}").contains("Failed");
            let server = ModelServer::start_speaking(reply, dialect).unwrap();
            let error = error(&http(&server, WireApi::Chat), request(vec![user("hi")])).await;
            let expected = if lost { ModelErrorKind::Stream } else { ModelErrorKind::ContextWindowExceeded };
            assert_eq!(error.kind, expected, "{dialect:?}: {error}");
        }
    }
}

#[tokio::test]
async fn every_server_says_in_its_words_that_it_does_not_know_the_model() {
    for dialect in Dialect::ALL {
        let server = ModelServer::start_speaking(Reply::unknown_model("test-model"), dialect).unwrap();
        let error = error(&http(&server, WireApi::Chat), request(vec![user("hi")])).await;
        assert_eq!(error.kind, ModelErrorKind::InvalidRequest, "{dialect:?}: {error}");
        let expected = "the provider \"test\" does not know the model \"test-model\"";
        assert!(error.message.starts_with(expected), "{dialect:?}: {error}");
    }
}

#[tokio::test]
async fn no_server_loses_the_end_of_a_response() {
    for dialect in Dialect::ALL {
        let replies = [
            (Reply::new().text("fine").without_done(), None),
            (Reply::new().text("fine").close_early(), Some(ModelErrorKind::Stream)),
            (Reply::new().text("fine").cut(), Some(ModelErrorKind::Stream)),
        ];
        for (reply, expected) in replies {
            let server = ModelServer::start_speaking(reply, dialect).unwrap();
            let events = all(&http(&server, WireApi::Chat), request(vec![user("hi")])).await;
            let found = events.last().and_then(|event| event.as_ref().err()).map(|error| error.kind);
            assert_eq!(found, expected, "{dialect:?}");
        }
    }
}
