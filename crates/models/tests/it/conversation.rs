//! Makes requests and reads streams, shortly.

use agent_core::{
    CallId, Content, Conversation, EffectId, Item, ItemId, ModelError, ModelEvent, ModelItem, ModelRequest,
    ModelStreamer, OutputStatus, Payload, Purpose, Shared, Tenant, ThreadId, ThreadKey, ToolCall, ToolOutput,
    TurnId, testing::check_response,
};
use futures::StreamExt;
use models::{Catalogue, HttpModel, ModelOverrides, ProviderConfig, SecretString, WireApi};
use test_kit::ModelServer;

/// All APIs, for tests that go through them.
pub(crate) const APIS: [WireApi; 3] = [WireApi::Responses, WireApi::Chat, WireApi::Anthropic];

/// A provider at a server, with a key and without waits.
pub(crate) fn provider(server: &ModelServer, wire_api: WireApi) -> ProviderConfig {
    ProviderConfig {
        name: "test".to_owned(),
        base_url: server.url(),
        wire_api,
        api_key: Some(SecretString::from("sk-very-secret".to_owned())),
        retry_base_ms: 1,
        ..ProviderConfig::default()
    }
}

pub(crate) fn http(server: &ModelServer, wire_api: WireApi) -> HttpModel {
    HttpModel::new(&provider(server, wire_api)).unwrap()
}

/// A catalogue in which the model of [`request`] is one of OpenAI's reasoning models.
pub(crate) fn capable() -> Catalogue {
    let overrides =
        ModelOverrides { reasoning: Some(true), freeform_tools: Some(true), ..ModelOverrides::default() };
    Catalogue::builtin().with("test-model", overrides)
}

/// A catalogue in which the model of [`request`] is as these say.
pub(crate) fn known(overrides: ModelOverrides) -> Catalogue {
    Catalogue::builtin().with("test-model", overrides)
}

pub(crate) fn request(items: Vec<Item>) -> ModelRequest {
    ModelRequest {
        purpose: Purpose::Answer,
        key: ThreadKey { tenant: Tenant::default(), thread: ThreadId::new("thread-1") },
        turn: TurnId(1),
        effect: EffectId(1),
        attempt: 1,
        provider: String::new(),
        model: "test-model".to_owned(),
        effort: None,
        summary: None,
        instructions: Shared::new("Be brief.".to_owned()),
        tools: Shared::default(),
        conversation: Conversation::of(0, items.into_iter().map(Shared::new).collect()),
        output_schema: None,
        traceparent: None,
    }
}

pub(crate) fn attempt(attempt: u32, items: Vec<Item>) -> ModelRequest {
    ModelRequest { attempt, ..request(items) }
}

pub(crate) fn user(text: &str) -> Item {
    Item::User { content: vec![Content::text(text)] }
}

pub(crate) fn agent(text: &str) -> Item {
    Item::Agent { text: text.to_owned(), cut: false }
}

pub(crate) fn call(number: u32) -> Item {
    Item::Call(ToolCall {
        id: call_id(number),
        item: ItemId::of_effect(EffectId(1), 0),
        name: "exec_command".to_owned(),
        payload: Payload::Function { arguments: r#"{"cmd":"ls"}"#.to_owned() },
    })
}

pub(crate) fn output(number: u32, text: &str) -> Item {
    Item::Output { call: call_id(number), output: ToolOutput::text(OutputStatus::Ok, text) }
}

pub(crate) fn call_id(number: u32) -> CallId {
    CallId::new(format!("call_{number}"))
}

/// Everything a stream yields; it must come as the trait's contract says.
pub(crate) async fn all(
    model: &dyn ModelStreamer,
    request: ModelRequest,
) -> Vec<Result<ModelEvent, ModelError>> {
    let events: Vec<_> = model.stream(request).collect().await;
    check_response(&events);
    events
}

/// The items of a response that must be whole.
pub(crate) async fn items(model: &dyn ModelStreamer, request: ModelRequest) -> Vec<ModelItem> {
    let mut items = Vec::new();
    for event in all(model, request).await {
        if let ModelEvent::Item(item) = event.expect("the response is whole") {
            items.push(item);
        }
    }
    items
}

/// The error a stream must end with.
pub(crate) async fn error(model: &dyn ModelStreamer, request: ModelRequest) -> ModelError {
    let last = all(model, request).await.pop();
    last.expect("the stream yields something").expect_err("the stream ends in an error")
}

pub(crate) fn message(text: &str) -> ModelItem {
    ModelItem::Message { text: text.to_owned() }
}

pub(crate) fn function(name: &str, arguments: &str) -> ModelItem {
    ModelItem::Call { name: name.to_owned(), payload: Payload::Function { arguments: arguments.to_owned() } }
}

pub(crate) fn freeform(name: &str, input: &str) -> ModelItem {
    ModelItem::Call { name: name.to_owned(), payload: Payload::Freeform { input: input.to_owned() } }
}

/// The error without its words, for tables.
pub(crate) fn kinds(events: &[Result<ModelEvent, ModelError>]) -> Vec<&'static str> {
    events
        .iter()
        .map(|event| match event {
            Ok(ModelEvent::Delta { .. }) => "delta",
            Ok(ModelEvent::Item(_)) => "item",
            Ok(ModelEvent::Completed(_)) => "completed",
            Ok(_) => "other",
            Err(error) => error.code(),
        })
        .collect()
}
