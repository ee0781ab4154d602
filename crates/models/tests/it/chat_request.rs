//! What a request of Chat Completions carries.

use crate::{
    blobs::Blobs,
    conversation::{agent, call_id, error, http, items, known, message, request, user},
};
use agent_core::{
    BlobSource, Content, Effort, Item, ItemId, ModelErrorKind, ModelRequest, OutputStatus, Payload, Shared,
    Summary, ToolCall, ToolKind, ToolOutput, ToolSpec,
};
use models::{Catalogue, ModelOverrides, WireApi};
use serde_json::{Value, json};
use std::sync::Arc;
use test_kit::{ModelServer, RecordedRequest, Replies, Reply};

fn call(number: u32, name: &str, payload: Payload) -> Item {
    Item::Call(ToolCall { id: call_id(number), item: ItemId::of_input(1, 0), name: name.to_owned(), payload })
}

fn function(number: u32, arguments: &str) -> Item {
    call(number, "exec_command", Payload::Function { arguments: arguments.to_owned() })
}

fn output(number: u32, text: &str) -> Item {
    Item::Output { call: call_id(number), output: ToolOutput::text(OutputStatus::Ok, text) }
}

fn context(text: &str) -> Item {
    Item::Context { text: text.to_owned() }
}

fn thought(provider: &str, encrypted: &str) -> Item {
    Item::Reasoning {
        provider_id: None,
        summary: Vec::new(),
        text: Some("Hm.".to_owned()),
        encrypted: Some(encrypted.to_owned()),
        provider: Some(provider.to_owned()).filter(|provider| !provider.is_empty()),
    }
}

async fn sent_with(request: ModelRequest, blobs: Blobs, catalogue: Catalogue) -> RecordedRequest {
    let server = ModelServer::start(Replies::always(Reply::new().text("fine"))).unwrap();
    let blobs: Arc<dyn BlobSource> = Arc::new(blobs);
    let model = http(&server, WireApi::Chat).with_blobs(blobs).with_catalogue(catalogue);
    assert_eq!(items(&model, request).await, [message("fine")]);
    server.requests().remove(0)
}

async fn sent(request: ModelRequest) -> Value {
    sent_with(request, Blobs::default(), Catalogue::builtin()).await.body
}

async fn messages(said: Vec<Item>) -> Value {
    sent(request(said)).await["messages"].clone()
}

fn tools() -> Shared<Vec<ToolSpec>> {
    let parameters = json!({ "type": "object", "properties": { "cmd": { "type": "string" } } });
    Shared::new(vec![
        ToolSpec::new("exec_command", "Runs a command.", ToolKind::Function { parameters }),
        ToolSpec::new(
            "apply_patch",
            "Changes files.",
            ToolKind::Freeform { grammar: Some("start: \"x\"".to_owned()) },
        ),
        ToolSpec::new("note", "Writes a note.", ToolKind::Freeform { grammar: None }),
    ])
}

#[tokio::test]
async fn body_is_the_golden_one() {
    let mut blobs = Blobs::default();
    let (image, shot) = (blobs.put(b"\x89PNG", "image/png"), blobs.put(b"\xFF\xD8", "image/jpeg"));
    let failed = ToolOutput {
        exit_code: Some(1),
        duration_ms: Some(1234),
        ..ToolOutput::text(OutputStatus::Failed, "no such file\n")
    };
    let seen = ToolOutput {
        content: vec![Content::text("a.jpg: "), shot],
        ..ToolOutput::text(OutputStatus::Ok, "")
    };
    let said = vec![
        context("cwd: /tmp"),
        Item::User {
            content: vec![
                Content::text("Look at"),
                Content::Mention { name: "lib".to_owned(), path: "src/lib.rs".to_owned() },
                image,
                Content::Skill { name: "review".to_owned() },
            ],
        },
        thought("", "gAAA"),
        agent("I will."),
        function(1, "{\"cmd\":\"ls\"}"),
        call(2, "apply_patch", Payload::Freeform { input: "*** Begin \"Patch\"\n".to_owned() }),
        function(3, "{\"path\":\"a.jpg\"}"),
        Item::Output { call: call_id(1), output: failed },
        user("Faster!"),
        Item::Output {
            call: call_id(2),
            output: ToolOutput::text(OutputStatus::Denied, "The user said no."),
        },
        Item::Output { call: call_id(3), output: seen },
        context("The sandbox is read-only now."),
        agent("Done."),
    ];
    let request = ModelRequest {
        effort: Some(Effort::High),
        summary: Some(Summary::Auto),
        tools: tools(),
        ..request(said)
    };
    let overrides =
        ModelOverrides { reasoning: Some(true), max_output_tokens: Some(4096), ..ModelOverrides::default() };
    let sent = sent_with(request, blobs, known(overrides)).await;
    let expected: Value = serde_json::from_str(include_str!("../golden/chat/request.json")).unwrap();
    assert_eq!(sent.body, expected, "{:#}", sent.body);
    assert_eq!(sent.path, "/v1/chat/completions");
}

#[tokio::test]
async fn request_without_tools_says_nothing_of_tools() {
    let body = sent(request(vec![user("hi")])).await;
    let mut keys: Vec<&String> = body.as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(keys, ["messages", "model", "stream", "stream_options"]);
}

#[tokio::test]
async fn schema_is_enforced_only_where_that_leaves_the_model_its_tools() {
    let schema = json!({ "type": "object", "properties": {}, "additionalProperties": false });
    let free = ModelRequest { output_schema: Some(schema.clone()), ..request(vec![user("hi")]) };
    let body = sent(free.clone()).await;
    let expected = json!({
        "type": "json_schema", "json_schema": { "name": "output", "strict": true, "schema": schema },
    });
    assert_eq!(body["response_format"], expected);
    assert_eq!(body["messages"][0], json!({ "role": "system", "content": "Be brief." }));

    let body = sent(ModelRequest { tools: tools(), ..free }).await;
    assert_eq!(body.get("response_format"), None);
    let told = body["messages"][0]["content"].as_str().unwrap();
    assert!(told.starts_with("Be brief.\n\nYour final message must be nothing but JSON"), "{told}");
    assert!(told.ends_with(&schema.to_string()), "{told}");
}

#[tokio::test]
async fn catalogue_decides_what_is_sent() {
    let asked = || ModelRequest {
        effort: Some(Effort::XHigh),
        summary: Some(Summary::Auto),
        tools: tools(),
        ..request(vec![user("hi")])
    };
    let body = async |overrides| sent_with(asked(), Blobs::default(), known(overrides)).await.body;
    let unknown = body(ModelOverrides::default()).await;
    assert_eq!(
        (unknown.get("reasoning_effort"), &unknown["parallel_tool_calls"], unknown.get("max_tokens")),
        (None, &json!(true), None)
    );
    let reasons = ModelOverrides {
        reasoning: Some(true),
        parallel_tool_calls: Some(false),
        max_output_tokens: Some(512),
        ..ModelOverrides::default()
    };
    let body = body(reasons).await;
    assert_eq!(
        (&body["reasoning_effort"], &body["parallel_tool_calls"], &body["max_tokens"]),
        (&json!("xhigh"), &json!(false), &json!(512))
    );
}

#[tokio::test]
async fn limit_of_the_user_is_named_where_it_is_too_small() {
    let limited = known(ModelOverrides { max_output_tokens: Some(64), ..ModelOverrides::default() });
    for api in [WireApi::Responses, WireApi::Chat] {
        let server = ModelServer::start(Reply::new().text("fi").incomplete("max_output_tokens")).unwrap();
        let model = http(&server, api).with_catalogue(limited.clone());
        let error = error(&model, request(vec![user("hi")])).await;
        assert_eq!(error.kind, ModelErrorKind::InvalidRequest);
        assert!(error.message.contains("more than the 64 tokens of max_output_tokens"), "{error}");
        let body = server.requests().remove(0).body;
        let key = if api == WireApi::Chat { "max_tokens" } else { "max_output_tokens" };
        assert_eq!(body[key], json!(64));
    }
}

#[tokio::test]
async fn model_without_eyes_is_told_that_an_image_was_left_out() {
    let blind = known(ModelOverrides { images: Some(false), ..ModelOverrides::default() });
    for api in [WireApi::Responses, WireApi::Chat] {
        let mut blobs = Blobs::default();
        let content = vec![Content::text("see"), blobs.put(b"\x89PNG", "image/png")];
        let server = ModelServer::start(Reply::new().text("fine")).unwrap();
        let blobs: Arc<dyn BlobSource> = Arc::new(blobs);
        let model = http(&server, api).with_blobs(blobs).with_catalogue(blind.clone());
        items(&model, request(vec![Item::User { content }])).await;
        let body = server.requests().remove(0).body.to_string();
        assert!(
            body.contains("[image/png of 4 bytes: left out, because this model sees no images]"),
            "{body}"
        );
        assert!(!body.contains("data:image"), "{body}");
    }
}

#[tokio::test]
async fn harness_speaks_in_the_users_place() {
    let told = messages(vec![context("a"), user("b"), context("c"), agent("d"), context("e")]).await;
    let expected = json!([
        { "role": "system", "content": "Be brief." },
        { "role": "user", "content": "a\n\nb\n\nc" },
        { "role": "assistant", "content": "d" },
        { "role": "user", "content": "e" },
    ]);
    assert_eq!(told, expected);
}

#[tokio::test]
async fn calls_are_answered_before_the_user_is_heard() {
    let said = vec![
        user("a"),
        function(1, "{}"),
        function(2, "{}"),
        user("b"),
        output(2, "two"),
        context("c"),
        output(1, "one"),
    ];
    let told = messages(said).await;
    let roles: Vec<&str> =
        told.as_array().unwrap().iter().map(|message| message["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["system", "user", "assistant", "tool", "tool", "user"]);
    assert_eq!(told[3], json!({ "role": "tool", "tool_call_id": "call00001", "content": "one" }));
    assert_eq!(told[4], json!({ "role": "tool", "tool_call_id": "call00002", "content": "two" }));
    assert_eq!(told[5]["content"], "b\n\nc");
}

#[tokio::test]
async fn models_of_mistral_say_something_before_the_user_does() {
    let said = vec![user("a"), function(1, "{}"), output(1, "one"), user("b")];
    let roles = async |model: &str| {
        let request = ModelRequest { model: model.to_owned(), ..request(said.clone()) };
        let told = sent(request).await["messages"].clone();
        let roles = told.as_array().unwrap().iter().map(|message| message["role"].as_str().unwrap());
        roles.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(roles("devstral:24b").await, "system user assistant tool assistant user");
    assert_eq!(roles("qwen3:8b").await, "system user assistant tool user");
}

#[tokio::test]
async fn arguments_that_the_model_got_wrong_do_not_spoil_the_conversation() {
    let table = [
        ("{\"cmd\":\"ls\"}", "{\"cmd\":\"ls\"}"),
        ("{\"cmd\":", r#"{"arguments_that_are_no_json_object":"{\"cmd\":"}"#),
        ("[1]", r#"{"arguments_that_are_no_json_object":"[1]"}"#),
        ("", "{}"),
    ];
    for (arguments, expected) in table {
        let told = messages(vec![user("a"), function(1, arguments), output(1, "x")]).await;
        assert_eq!(told[2]["tool_calls"][0]["function"]["arguments"], expected, "{arguments}");
    }
}

#[tokio::test]
async fn empty_texts_are_not_sent() {
    let said = vec![user(""), user("a"), agent(""), function(1, "{}"), output(1, ""), agent(""), user("")];
    let told = messages(said).await;
    assert_eq!(told.as_array().unwrap().len(), 4, "{told}");
    assert_eq!(told[2]["content"], Value::Null);
    assert_eq!(told[3]["content"], "(no output)");
}

#[tokio::test]
async fn server_gets_back_the_thoughts_it_called_reasoning_content() {
    let replies = vec![
        Reply::new().thoughts("First.").call("exec_command", json!({})),
        Reply::new().call("exec_command", json!({})),
        Reply::new().thoughts("Last.").text("fine"),
    ];
    let server = ModelServer::start(replies).unwrap();
    let model = http(&server, WireApi::Chat);
    let mut said = vec![user("hi")];
    for number in 1..=3 {
        let answered =
            items(&model, ModelRequest { provider: "ds".to_owned(), ..request(said.clone()) }).await;
        said.extend(answered.into_iter().map(|item| as_item(item, number, "ds")));
        if number < 3 {
            said.push(output(number, "x"));
        }
    }
    let thoughts = |body: &Value| -> Vec<Value> {
        let messages = body["messages"].as_array().unwrap();
        let said = messages.iter().filter(|message| message["role"] == "assistant");
        said.map(|message| message.get("reasoning_content").cloned().unwrap_or_default()).collect()
    };
    said.push(user("more"));
    let back = ModelRequest { provider: "ds".to_owned(), ..request(said.clone()) };
    // Each call has its thoughts, be it none; a message without calls needs none.
    assert_eq!(thoughts(&sent(back).await), [json!("First."), json!(""), Value::Null]);
    let elsewhere = ModelRequest { provider: "other".to_owned(), ..request(said) };
    assert_eq!(thoughts(&sent(elsewhere).await), [Value::Null, Value::Null, Value::Null]);
}

#[tokio::test]
async fn server_gets_back_what_it_attached_to_a_call() {
    let server = ModelServer::start(Reply::raw([concat!(
        "data: {\"choices\":[{\"delta\":{\"tool_calls\":[",
        "{\"function\":{\"name\":\"a\",\"arguments\":\"{}\"},\"id\":\"1\"},",
        "{\"function\":{\"name\":\"b\",\"arguments\":\"{}\"},\"id\":\"2\",",
        "\"extra_content\":{\"google\":{\"thought_signature\":\"EjQ\"}}}",
        "]},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
    )]))
    .unwrap();
    let answered = items(&http(&server, WireApi::Chat), request(vec![user("hi")])).await;
    let mut said = vec![user("hi")];
    said.extend((1..).zip(answered).map(|(number, item)| as_item(item, number, "")));
    said.extend([output(1, "x"), output(2, "y")]);
    let told = messages(said.clone()).await;
    let calls = &told[2]["tool_calls"];
    assert_eq!(calls[0].get("extra_content"), None);
    assert_eq!(calls[1]["extra_content"], json!({ "google": { "thought_signature": "EjQ" } }));
    let elsewhere = sent(ModelRequest { provider: "other".to_owned(), ..request(said) }).await;
    assert!(!elsewhere.to_string().contains("EjQ"));
}

#[tokio::test]
async fn gateway_gets_back_the_details_it_sealed() {
    let chunk = |delta: Value| format!("data: {}\n\n", json!({ "choices": [{ "delta": delta }] }));
    let stream = [
        chunk(json!({
            "reasoning": "Hm.",
            "reasoning_details": [{ "type": "reasoning.text", "text": "Hm.", "index": 0 }],
        })),
        chunk(json!({
            "tool_calls": [
                { "index": 0, "id": "tool_a", "function": { "name": "a", "arguments": "{}" } },
                { "index": 1, "id": "tool_b", "function": { "name": "b", "arguments": "{}" } },
            ],
            "reasoning_details": [{ "type": "reasoning.encrypted", "data": "EjQ", "id": "tool_b", "index": 1 }],
        })),
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\ndata: [DONE]\n\n"
            .to_owned(),
    ];
    for model in ["google/gemini-3", "deepseek/deepseek-v4"] {
        let asked = |said| ModelRequest { model: model.to_owned(), ..request(said) };
        let server = ModelServer::start(Reply::raw(stream.clone())).unwrap();
        let answered = items(&http(&server, WireApi::Chat), asked(vec![user("hi")])).await;
        let mut said = vec![user("hi")];
        // The thoughts, then the calls 1 and 2, then the seal.
        said.extend((0..).zip(answered).map(|(number, item)| as_item(item, number, "")));
        said.extend([output(1, "x"), output(2, "y")]);

        let back = sent(asked(said.clone())).await["messages"][2].clone();
        let expected = json!([
            { "type": "reasoning.text", "text": "Hm.", "index": 0 },
            { "type": "reasoning.encrypted", "data": "EjQ", "id": "call00002", "index": 1 },
        ]);
        assert_eq!(back["reasoning_details"], expected);
        let thoughts = model.starts_with("deepseek").then(|| json!("Hm."));
        assert_eq!(back.get("reasoning_content"), thoughts.as_ref(), "{model}");

        let other = ModelRequest { model: "anthropic/claude".to_owned(), ..request(said) };
        assert_eq!(sent(other).await["messages"][2].get("reasoning_details"), None);
    }
}

/// An item of a response as the thread keeps it.
fn as_item(item: agent_core::ModelItem, number: u32, provider: &str) -> Item {
    match item {
        agent_core::ModelItem::Message { text } => agent(&text),
        agent_core::ModelItem::Call { name, payload } => call(number, &name, payload),
        agent_core::ModelItem::Reasoning { provider_id, summary, text, encrypted } => Item::Reasoning {
            provider_id,
            summary,
            text,
            encrypted,
            provider: Some(provider.to_owned()).filter(|provider| !provider.is_empty()),
        },
        other => panic!("{other:?}"),
    }
}
