//! Searches of the web by the provider: who is asked for them, what comes back, and who is told of them again.

use crate::conversation::{agent, all, capable, http, items, message, request, user};
use agent_core::{
    AgentSession, Content, Cursor, Effort, EventKind, Genesis, Item, ItemDetail, ModelEvent, ModelItem,
    ModelRequest, Op, OpId, Settings, Shared, Submission, ThreadKey, ToolKind, ToolSpec, Update,
    testing::FakeTools,
};
use futures::StreamExt;
use models::{WebPages, WebSearch, WireApi, web_search_tool};
use serde_json::{Value, json};
use std::sync::Arc;
use test_kit::{MemorySession, ModelServer, Replies, Reply};

fn tools(pages: WebPages) -> Shared<Vec<ToolSpec>> {
    let kind = ToolKind::Function { parameters: json!({ "type": "object" }) };
    Shared::new(vec![web_search_tool(pages), ToolSpec::new("exec_command", "Runs a command.", kind)])
}

fn asks(said: Vec<Item>) -> ModelRequest {
    ModelRequest { tools: tools(WebPages::Live), ..request(said) }
}

/// What a provider is sent that has a web search, or has none.
async fn sent(api: WireApi, choice: WebSearch, request: ModelRequest) -> Value {
    let server = ModelServer::start(Reply::new().text("fine")).unwrap();
    let model = http(&server, api).with_catalogue(capable()).with_web_search(choice);
    assert_eq!(items(&model, request).await, [message("fine")]);
    server.requests().remove(0).body
}

fn names(body: &Value) -> Vec<&str> {
    let tools = body["tools"].as_array().unwrap().iter();
    let name = |tool: &'_ Value| tool["name"].as_str().or(tool["function"]["name"].as_str()).is_some();
    tools.map(|tool| if name(tool) { "function" } else { tool["type"].as_str().unwrap() }).collect()
}

/// The items of a response as the thread keeps them.
fn kept(items: Vec<ModelItem>, provider: Option<&str>) -> Vec<Item> {
    let provider = || provider.map(str::to_owned);
    let keep = |item| match item {
        ModelItem::Message { text } => agent(&text),
        ModelItem::Reasoning { provider_id, summary, text, encrypted } => {
            Item::Reasoning { provider_id, summary, text, encrypted, provider: provider() }
        }
        ModelItem::WebSearch { query, sealed } => Item::WebSearch { query, sealed, provider: provider() },
        other => panic!("not said here: {other:?}"),
    };
    items.into_iter().map(keep).collect()
}

/// A conversation in which the provider `searcher` searched, as it really comes back.
async fn searched(searcher: Option<&str>) -> Vec<Item> {
    let reply =
        Reply::new().encrypted_reasoning(&["Look it up."], "gAAA").search("rust 1.95").text("This is new.");
    let server = ModelServer::start(reply).unwrap();
    let model = http(&server, WireApi::Responses).with_web_search(WebSearch::On);
    let answered = items(&model, asks(vec![user("What is new?")])).await;
    let [ModelItem::Reasoning { .. }, ModelItem::WebSearch { query, .. }, said] = answered.as_slice() else {
        panic!("{answered:?}")
    };
    assert_eq!((query.as_str(), said), ("rust 1.95", &message("This is new.")));
    [vec![user("What is new?")], kept(answered, searcher), vec![user("And before?")]].concat()
}

#[tokio::test]
async fn body_with_a_search_is_the_golden_one() {
    let request = ModelRequest { tools: tools(WebPages::Indexed), ..request(searched(None).await) };
    let body = sent(WireApi::Responses, WebSearch::On, request).await;
    let expected: Value = serde_json::from_str(include_str!("../golden/request_web_search.json")).unwrap();
    assert_eq!(body, expected, "{body:#}");
}

#[tokio::test]
async fn provider_that_is_not_known_to_search_is_not_told_of_the_tool() {
    let mut expected = sent(WireApi::Responses, WebSearch::On, asks(vec![user("hi")])).await;
    assert_eq!(names(&expected), ["function", "web_search"]);
    expected["tools"].as_array_mut().unwrap().pop();
    for choice in [WebSearch::WhereKnown, WebSearch::Off] {
        assert_eq!(sent(WireApi::Responses, choice, asks(vec![user("hi")])).await, expected, "{choice:?}");
    }
}

#[tokio::test]
async fn chat_is_never_told_of_the_tool() {
    let body = sent(WireApi::Chat, WebSearch::On, asks(vec![user("hi")])).await;
    assert_eq!(names(&body), ["function"]);
    let alone = ModelRequest {
        tools: Shared::new(vec![web_search_tool(WebPages::Live)]),
        ..request(vec![user("hi")])
    };
    let body = sent(WireApi::Chat, WebSearch::On, alone).await;
    for key in ["tools", "tool_choice", "parallel_tool_calls", "web_search_options"] {
        assert_eq!(body.get(key), None, "{key}");
    }
}

#[tokio::test]
async fn tools_of_the_provider_are_never_functions() {
    let spec = web_search_tool(WebPages::Live);
    let grammar = ToolKind::Freeform { grammar: None };
    let specs = vec![
        ToolSpec { name: "image_generation".to_owned(), ..spec.clone() },
        ToolSpec { kind: grammar, name: "code_interpreter".to_owned(), ..spec },
    ];
    let request = ModelRequest { tools: Shared::new(specs), ..request(vec![user("hi")]) };
    assert_eq!(sent(WireApi::Responses, WebSearch::On, request.clone()).await["tools"], json!([]));
    assert_eq!(sent(WireApi::Chat, WebSearch::On, request).await.get("tools"), None);
}

#[tokio::test]
async fn nothing_is_searched_with_minimal_effort() {
    for (effort, offered) in [(Effort::Minimal, false), (Effort::Low, true), (Effort::None, true)] {
        let request = ModelRequest { effort: Some(effort), ..asks(vec![user("hi")]) };
        let body = sent(WireApi::Responses, WebSearch::On, request).await;
        assert_eq!(names(&body).contains(&"web_search"), offered, "{effort:?}");
    }
}

#[tokio::test]
async fn searches_go_to_nobody_but_who_made_them() {
    let table = [
        ("", None, true),
        ("openai", Some("openai"), true),
        ("openai", None, false),
        ("", Some("openai"), false),
        ("azure", Some("openai"), false),
    ];
    for (asked, searcher, goes) in table {
        let said = searched(searcher).await;
        let request = ModelRequest { provider: asked.to_owned(), ..asks(said) };
        let body = sent(WireApi::Responses, WebSearch::On, request).await;
        let kinds: Vec<&str> =
            body["input"].as_array().unwrap().iter().map(|item| item["type"].as_str().unwrap()).collect();
        let expected: &[&str] = match goes {
            true => &["message", "reasoning", "web_search_call", "message", "message"],
            false => &["message", "message", "message"],
        };
        assert_eq!(kinds, expected, "{asked:?} {searcher:?}");
    }
}

#[tokio::test]
async fn search_is_told_again_where_there_may_be_none_any_more() {
    let body = sent(WireApi::Responses, WebSearch::Off, request(searched(None).await)).await;
    assert_eq!(body["input"][2]["action"]["query"], "rust 1.95");
    assert_eq!(body["tools"], json!([]));
}

#[tokio::test]
async fn chat_is_not_told_of_searches() {
    let body = sent(WireApi::Chat, WebSearch::On, request(searched(None).await)).await;
    let expected = json!([
        { "role": "system", "content": "Be brief." },
        { "role": "user", "content": "What is new?" },
        { "role": "assistant", "content": "This is new." },
        { "role": "user", "content": "And before?" },
    ]);
    assert_eq!(body["messages"], expected);
}

#[tokio::test]
async fn thoughts_that_led_to_a_search_are_told_with_it_alone() {
    // Of a search that cannot be told, its thoughts lead to what follows, here to nothing.
    let thought = Item::Reasoning {
        provider_id: None,
        summary: Vec::new(),
        text: None,
        encrypted: Some("gA".to_owned()),
        provider: None,
    };
    let record = json!({ "type": "web_search_call", "status": "completed", "action": { "type": "search" } });
    for (sealed, expected) in [(Some(record.to_string()), 4), (None, 2), (Some("broken".to_owned()), 2)] {
        let search = Item::WebSearch { query: "q".to_owned(), sealed, provider: None };
        let said = vec![user("a"), thought.clone(), search, user("b")];
        let body = sent(WireApi::Responses, WebSearch::On, asks(said)).await;
        assert_eq!(body["input"].as_array().unwrap().len(), expected, "{:#}", body["input"]);
    }
}

#[tokio::test]
async fn sources_are_not_put_under_a_message_that_is_to_be_json() {
    let sse = include_str!("../golden/web_search.sse");
    let server = ModelServer::start(Replies::always(Reply::raw([sse]))).unwrap();
    let model = http(&server, WireApi::Responses);
    for (output_schema, told) in [(None, true), (Some(json!({ "type": "object" })), false)] {
        let request = ModelRequest { output_schema, ..asks(vec![user("hi")]) };
        let events = all(&model, request).await;
        let last = events.iter().rev().find_map(|event| match event {
            Ok(ModelEvent::Item(ModelItem::Message { text })) => Some(text.clone()),
            _ => None,
        });
        assert_eq!(last.unwrap().contains("Sources:"), told);
    }
}

/// The whole way: the provider searches in one turn, clients see it, and in the next turn the provider is told of it.
#[tokio::test]
async fn thread_shows_a_search_and_tells_its_provider_of_it_again() {
    let replies = vec![
        Reply::new().encrypted_reasoning(&["Look it up."], "gAAA").search("rust 1.95").text("This is new."),
        Reply::new().text("Nothing."),
    ];
    let server = ModelServer::start(replies).unwrap();
    let model = http(&server, WireApi::Responses).with_catalogue(capable()).with_web_search(WebSearch::On);
    let settings = Settings::new("/work", "test-model");
    let genesis = Genesis { settings, tools: tools(WebPages::Live), ..Genesis::default() };
    let key = ThreadKey::for_test("thread-1");
    let session = MemorySession::start(key, genesis, Arc::new(model), Arc::new(FakeTools::default()));
    let mut updates = session.updates(Cursor::default());
    let mut shown = Vec::new();
    for text in ["What is new?", "And before?"] {
        let op = Op::UserInput { items: vec![Content::text(text)] };
        session.submit(Submission::new(OpId::new(text), "test", op)).await.unwrap();
        loop {
            let Some(Ok(Update::Event(event))) = updates.next().await else { panic!("the thread ended") };
            match event.kind {
                EventKind::ItemCompleted { item } => shown.push(item.detail),
                EventKind::TurnCompleted { .. } => break,
                _ => {}
            }
        }
    }
    let searched = ItemDetail::WebSearch { query: "rust 1.95".to_owned() };
    assert_eq!(shown.iter().filter(|detail| **detail == searched).count(), 1, "{shown:?}");
    let requests = server.requests();
    assert_eq!(names(&requests[1].body), ["function", "web_search"]);
    let input = requests[1].input();
    let at = input.iter().position(|item| item["type"] == "web_search_call").unwrap();
    let action = json!({ "type": "search", "query": "rust 1.95", "queries": ["rust 1.95"] });
    assert_eq!(input[at], json!({ "type": "web_search_call", "status": "completed", "action": action }));
    assert_eq!((&input[at - 1]["type"], &input[at + 1]["role"]), (&json!("reasoning"), &json!("assistant")));
}
