//! What a request of Anthropic's Messages carries.

use crate::blobs::Blobs;
use crate::conversation::{
    agent, all, call_id, function, http, items, known, message, output, provider, request, user,
};
use agent_core::{
    BlobSource, Content, Effort, Item, ItemId, ModelEvent, ModelRequest, OutputStatus, Payload, RateLimit,
    Shared, Summary, ToolCall, ToolKind, ToolOutput, ToolSpec,
};
use models::{
    AnthropicModel, ModelOverrides, ProviderConfig, SecretString, WebPages, WebSearch, WireApi,
    web_search_tool,
};
use serde_json::{Value, json};
use std::sync::Arc;
use test_kit::{ModelServer, RecordedRequest, Replies, Reply};

const MODEL: &str = "claude-opus-5-5";

fn call(number: u32, name: &str, payload: Payload) -> Item {
    Item::Call(ToolCall { id: call_id(number), item: ItemId::of_input(1, 0), name: name.to_owned(), payload })
}

fn arguments(text: &str) -> Payload {
    Payload::Function { arguments: text.to_owned() }
}

fn tools() -> Vec<ToolSpec> {
    let parameters = json!({ "type": "object", "properties": { "cmd": { "type": "string" } } });
    vec![
        ToolSpec::new("exec_command", "Runs a command.", ToolKind::Function { parameters }),
        ToolSpec::new("apply_patch", "Changes files.", ToolKind::Freeform { grammar: None }),
    ]
}

async fn sent_by(
    model: impl FnOnce(AnthropicModel) -> AnthropicModel,
    request: ModelRequest,
) -> RecordedRequest {
    let server = ModelServer::start(Replies::always(Reply::new().text("fine"))).unwrap();
    let made = model(AnthropicModel::new(&provider(&server, WireApi::Anthropic)).unwrap());
    assert_eq!(items(&made, request).await, [message("fine")]);
    server.requests().remove(0)
}

async fn sent(request: ModelRequest) -> Value {
    sent_by(|model| model, request).await.body
}

/// The blocks of each message, without the marks of the cache.
async fn told(said: Vec<Item>) -> Vec<Value> {
    let mut messages = sent(request(said)).await["messages"].as_array().unwrap().clone();
    for block in messages.iter_mut().flat_map(|message| message["content"].as_array_mut().unwrap()) {
        block.as_object_mut().unwrap().remove("cache_control");
    }
    messages
}

#[tokio::test]
async fn body_is_the_golden_one() {
    let mut blobs = Blobs::default();
    let image = blobs.put(b"\x89PNG", "image/png");
    let failed =
        ToolOutput { exit_code: Some(1), ..ToolOutput::text(OutputStatus::Failed, "no such file\n") };
    let said = vec![
        Item::Context { text: "cwd: /tmp".to_owned() },
        Item::User {
            content: vec![
                Content::text("Look at"),
                image.clone(),
                Content::Skill { name: "review".to_owned() },
            ],
        },
        agent("I will."),
        call(1, "exec_command", arguments("{\"z\": 1, \"cmd\": \"ls\"}")),
        call(2, "apply_patch", Payload::Freeform { input: "*** Begin Patch".to_owned() }),
        call(3, "exec_command", arguments("{\"half\": ")),
        Item::Output { call: call_id(3), output: ToolOutput { content: vec![image], ..failed.clone() } },
        user("And quickly."),
        Item::Output { call: call_id(1), output: failed },
        output(2, "Done."),
    ];
    let schema = json!({
        "type": "object", "properties": { "ok": { "type": "boolean" } }, "required": ["ok"],
        "additionalProperties": false,
    });
    let request = ModelRequest {
        model: MODEL.to_owned(),
        effort: Some(Effort::High),
        summary: Some(Summary::Auto),
        tools: Shared::new(tools()),
        output_schema: Some(schema),
        ..request(said)
    };
    let blobs: Arc<dyn BlobSource> = Arc::new(blobs);
    let sent = sent_by(|model| model.with_blobs(blobs), request).await;
    let expected: Value = serde_json::from_str(include_str!("../golden/anthropic/request.json")).unwrap();
    assert_eq!(sent.body, expected, "{:#}", sent.body);
    assert_eq!(sent.path, "/v1/messages");
}

#[tokio::test]
async fn arguments_keep_the_order_in_which_the_model_wrote_them() {
    let server = ModelServer::start(Replies::by(|_| Reply::new().text("fine"))).unwrap();
    let said = vec![user("hi"), call(1, "t", arguments("{\"z\":1,\"a\":{\"y\":2,\"b\":3}}")), output(1, "x")];
    items(&http(&server, WireApi::Anthropic), request(said)).await;
    // The recorded body is parsed; what counts is that nothing is lost. The order itself is tested where it is made.
    let input = &server.requests()[0].body["messages"][1]["content"][0]["input"];
    assert_eq!(*input, json!({ "z": 1, "a": { "y": 2, "b": 3 } }));
}

#[tokio::test]
async fn key_and_version_are_headers_of_their_own() {
    let sent = sent_by(|model| model, request(vec![user("hi")])).await;
    assert_eq!(sent.header("x-api-key"), Some("sk-very-secret"));
    assert_eq!(sent.header("anthropic-version"), Some("2023-06-01"));
    assert_eq!((sent.header("authorization"), sent.header("anthropic-beta")), (None, None));
    // Within a budget the model thinks between calls only where it is asked to, beside what the settings ask for.
    let server = ModelServer::start(Reply::new().text("fine")).unwrap();
    let headers = vec![("anthropic-beta".to_owned(), SecretString::from("mine-2026-01-01".to_owned()))];
    let config = ProviderConfig { headers, ..provider(&server, WireApi::Anthropic) };
    let asked = ModelRequest { model: "claude-haiku-4-5".to_owned(), ..request(vec![user("hi")]) };
    items(&AnthropicModel::new(&config).unwrap(), asked).await;
    let headers = &server.requests()[0].headers;
    let beta: Vec<&str> = headers
        .iter()
        .filter(|(name, _)| name == "anthropic-beta")
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(beta, ["mine-2026-01-01", "interleaved-thinking-2025-05-14"]);
}

#[tokio::test]
async fn most_tokens_are_those_of_the_user_of_the_model_or_a_usual_number() {
    let most = async |model: &str, limit| {
        let catalogue = known(ModelOverrides { max_output_tokens: limit, ..ModelOverrides::default() });
        let asked = ModelRequest { model: model.to_owned(), ..request(vec![user("hi")]) };
        sent_by(|model| model.with_catalogue(catalogue), asked).await.body["max_tokens"].clone()
    };
    assert_eq!(most("test-model", Some(64)).await, 64);
    assert_eq!(most("test-model", None).await, 16_000);
    assert_eq!(most(MODEL, None).await, 128_000);
}

#[tokio::test]
async fn the_last_two_messages_of_the_user_are_marked_and_the_beginning() {
    let said = vec![user("one"), agent("a"), user("two"), agent("b"), user("three"), user("and four")];
    let asked = ModelRequest { tools: Shared::new(tools()), ..request(said) };
    let body = sent(asked).await;
    let mark = json!({ "type": "ephemeral" });
    let marked: Vec<String> = body["messages"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|message| message["content"].as_array().unwrap())
        .filter(|block| block["cache_control"] == mark)
        .map(|block| block["text"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(marked, ["two", "and four"]);
    assert_eq!(body["tools"][1]["cache_control"], mark);
    assert_eq!(body["system"][0]["cache_control"], mark);
    assert_eq!(body.to_string().matches("cache_control").count(), 4);
}

#[tokio::test]
async fn the_user_is_first_and_last() {
    let text =
        |role: &str, text: &str| json!({ "role": role, "content": [{ "type": "text", "text": text }] });
    let cut = Item::Agent { text: "I was ".to_owned(), cut: true };
    let expected = [text("user", "Go on."), text("assistant", "I was "), text("user", "Go on.")];
    assert_eq!(told(vec![cut]).await, expected);
    let expected = [text("user", "hi"), text("assistant", "Ok."), text("user", "Go on.")];
    assert_eq!(told(vec![user("hi"), agent("  "), agent("Ok."), user(" ")]).await, expected);
}

#[tokio::test]
async fn what_is_said_in_this_request_only_comes_last() {
    let mut asked = request(vec![user("hi"), agent("Ok.")]);
    asked.conversation.tail = vec![Shared::new(user("Sum it up."))];
    let body = sent(asked).await;
    assert_eq!(body["messages"][2]["content"][0]["text"], "Sum it up.");
    assert_eq!(body["messages"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn calls_of_tools_that_are_gone_are_told_all_the_same() {
    let said = vec![user("hi"), call(1, "gone", arguments("{}")), output(1, "x")];
    let body = sent(request(said)).await;
    assert_eq!(body["tools"][0]["name"], "gone");
    assert_eq!(body["tool_choice"], json!({ "type": "none" }));
}

#[tokio::test]
async fn schemas_of_tools_are_made_those_of_objects() {
    let spec = |parameters| ToolSpec::new("t", "", ToolKind::Function { parameters });
    let table = [
        (json!({}), json!({ "type": "object" })),
        (json!(true), json!({ "type": "object" })),
        (json!({ "anyOf": [], "title": "x" }), json!({ "type": "object", "title": "x" })),
        (json!({ "type": "object", "properties": {} }), json!({ "type": "object", "properties": {} })),
    ];
    for (parameters, expected) in table {
        let tools = Shared::new(vec![spec(parameters)]);
        let body = sent(ModelRequest { tools, ..request(vec![user("hi")]) }).await;
        assert_eq!(body["tools"][0]["input_schema"], expected);
        assert_eq!(body["tools"][0].get("description"), None);
    }
}

#[tokio::test]
async fn one_call_at_a_time_is_asked_for_where_the_model_wants_it() {
    let one = known(ModelOverrides { parallel_tool_calls: Some(false), ..ModelOverrides::default() });
    let asked = || ModelRequest { tools: Shared::new(tools()), ..request(vec![user("hi")]) };
    let body = sent_by(|model| model.with_catalogue(one), asked()).await.body;
    assert_eq!(body["tool_choice"], json!({ "type": "auto", "disable_parallel_tool_use": true }));
    assert_eq!(sent(asked()).await.get("tool_choice"), None);
}

#[tokio::test]
async fn schema_that_cannot_be_enforced_is_told_in_words() {
    let strict = json!({
        "type": "object", "properties": { "n": { "type": "integer" } }, "required": ["n"], "additionalProperties": false,
    });
    let mut bounded = strict.clone();
    bounded["properties"]["n"]["minimum"] = json!(1);
    let with =
        |schema: &Value| ModelRequest { output_schema: Some(schema.clone()), ..request(vec![user("hi")]) };
    let body = sent(with(&strict)).await;
    assert_eq!(body["output_config"]["format"], json!({ "type": "json_schema", "schema": strict }));
    assert_eq!(body["system"].as_array().unwrap().len(), 1);
    let open = json!({ "type": "object" });
    for schema in [&bounded, &open] {
        let body = sent(with(schema)).await;
        assert_eq!(body.get("output_config"), None);
        let words = body["system"][1]["text"].as_str().unwrap();
        assert!(words.ends_with(&schema.to_string()), "{words}");
    }
    // What is found in the web is cited, and that does not go with a schema.
    let tools = Shared::new(vec![web_search_tool(WebPages::Live)]);
    let asked = ModelRequest { tools, ..with(&strict) };
    let body = sent_by(|model| model.with_web_search(WebSearch::On), asked).await.body;
    assert_eq!((body.get("output_config"), body["system"].as_array().unwrap().len()), (None, 2));
}

#[tokio::test]
async fn images_of_other_types_are_named() {
    let mut blobs = Blobs::default();
    let content = vec![blobs.put(b"<svg/>", "image/svg+xml")];
    let blobs: Arc<dyn BlobSource> = Arc::new(blobs);
    let body = sent_by(|model| model.with_blobs(blobs), request(vec![Item::User { content }])).await.body;
    let text = body["messages"][0]["content"][0]["text"].as_str().unwrap();
    assert_eq!(text, "[an image of the type image/svg+xml, which this API does not take]");
}

#[tokio::test]
async fn limits_of_the_headers_are_told() {
    let reply = Reply::new()
        .text("fine")
        .header("anthropic-ratelimit-requests-limit", "50")
        .header("anthropic-ratelimit-requests-remaining", "49");
    let server = ModelServer::start(reply).unwrap();
    let events = all(&http(&server, WireApi::Anthropic), request(vec![user("hi")])).await;
    let Some(Ok(ModelEvent::Completed(completion))) = events.last() else { panic!("{events:?}") };
    let expected = RateLimit { name: "requests".to_owned(), limit: 50, remaining: 49, reset_ms: None };
    assert_eq!(completion.rate_limits, [expected]);
}

#[tokio::test]
async fn response_that_paused_is_gone_on_with() {
    let paused = Reply::new().text("I look.").search("rust").incomplete("pause_turn");
    let server =
        ModelServer::start(vec![paused, Reply::new().text("Found.").call("exec_command", json!({}))])
            .unwrap();
    let model = http(&server, WireApi::Anthropic).with_web_search(WebSearch::On);
    let tools = Shared::new([tools(), vec![web_search_tool(WebPages::Live)]].concat());
    let events = all(&model, ModelRequest { tools, ..request(vec![user("hi")]) }).await;
    let found: Vec<_> = events
        .iter()
        .filter_map(|event| match event.as_ref().unwrap() {
            ModelEvent::Delta { index, .. } => Some(*index),
            _ => None,
        })
        .collect();
    assert_eq!(found, [0, 0, 2], "pieces go on to be numbered");
    let Some(Ok(ModelEvent::Completed(completion))) = events.last() else { panic!("{events:?}") };
    assert_eq!(completion.tokens.unwrap().output, 10, "both parts cost");
    let called = Ok(ModelEvent::Item(function("exec_command", "{}")));
    assert!(events.contains(&called), "{events:?}");
    let [_, again] = &server.requests()[..] else { panic!("two requests") };
    let blocks = again.body["messages"][1]["content"].as_array().unwrap();
    let kinds: Vec<&str> = blocks.iter().map(|block| block["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["text", "server_tool_use", "web_search_tool_result"]);
    assert_eq!(again.body["messages"].as_array().unwrap().len(), 2, "nothing is said in between");
}

#[tokio::test]
async fn response_that_pauses_for_ever_ends() {
    let paused = Reply::new().text("I look.").incomplete("pause_turn");
    let server = ModelServer::start(Replies::always(paused)).unwrap();
    let answered = items(&http(&server, WireApi::Anthropic), request(vec![user("hi")])).await;
    assert_eq!((answered.len(), server.request_count()), (11, 11));
}
