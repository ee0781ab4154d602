//! What a request of the Responses API carries.

use crate::blobs::Blobs;
use crate::conversation::{agent, all, call_id, capable, items, message, request, user};
use agent_core::{
    BlobId, BlobRef, Content, Effort, Item, ItemId, ModelEvent, ModelItem, ModelRequest, OutputStatus,
    Payload, RateLimit, Shared, Summary, ToolCall, ToolKind, ToolOutput, ToolSpec,
};
use models::{ProviderConfig, ProviderError, ResponsesModel, SecretString};
use serde_json::{Value, json};
use std::sync::Arc;
use test_kit::{ModelServer, RecordedRequest, Replies, Reply};

fn call(number: u32, name: &str, payload: Payload) -> Item {
    Item::Call(ToolCall { id: call_id(number), item: ItemId::of_input(1, 0), name: name.to_owned(), payload })
}

fn function(number: u32, name: &str) -> Item {
    call(number, name, Payload::Function { arguments: "{\"half\": ".to_owned() })
}

async fn sent(request: ModelRequest, blobs: Option<Blobs>) -> RecordedRequest {
    let server = ModelServer::start(Replies::always(Reply::new().text("fine"))).unwrap();
    let config = ProviderConfig { base_url: server.url(), ..ProviderConfig::default() };
    let mut model = ResponsesModel::new(&config).unwrap().with_catalogue(capable());
    if let Some(blobs) = blobs {
        model = model.with_blobs(Arc::new(blobs));
    }
    assert_eq!(items(&model, request).await, [message("fine")]);
    server.requests().remove(0)
}

async fn input(said: Vec<Item>, blobs: Option<Blobs>) -> Value {
    sent(request(said), blobs).await.body["input"].clone()
}

#[tokio::test]
async fn body_is_the_golden_one() {
    let mut blobs = Blobs::default();
    let image = blobs.put(b"\x89PNG", "image/png");
    let output = ToolOutput {
        exit_code: Some(1),
        duration_ms: Some(1234),
        ..ToolOutput::text(OutputStatus::Failed, "no such file\n")
    };
    let said = vec![
        Item::Context { text: "cwd: /tmp".to_owned() },
        Item::User {
            content: vec![
                Content::text("Look at"),
                Content::Mention { name: "lib".to_owned(), path: "src/lib.rs".to_owned() },
                image,
                Content::Skill { name: "review".to_owned() },
            ],
        },
        Item::Reasoning {
            provider_id: Some("rs_1".to_owned()),
            summary: vec!["Hm.".to_owned()],
            text: Some("never sent".to_owned()),
            encrypted: Some("gAAA".to_owned()),
            provider: None,
        },
        agent("I will."),
        function(1, "exec_command"),
        call(2, "apply_patch", Payload::Freeform { input: "*** Begin Patch".to_owned() }),
        Item::Output { call: call_id(1), output },
        Item::Output {
            call: call_id(2),
            output: ToolOutput::text(OutputStatus::Denied, "The user said no."),
        },
    ];
    let parameters = json!({ "type": "object", "properties": { "cmd": { "type": "string" } } });
    let tools = vec![
        ToolSpec::new("exec_command", "Runs a command.", ToolKind::Function { parameters }),
        ToolSpec::new(
            "apply_patch",
            "Changes files.",
            ToolKind::Freeform { grammar: Some("start: \"x\"".to_owned()) },
        ),
        ToolSpec::new("note", "Writes a note.", ToolKind::Freeform { grammar: None }),
    ];
    let schema = json!({
        "type": "object", "properties": { "ok": { "type": "boolean" } }, "required": ["ok"],
        "additionalProperties": false,
    });
    let request = ModelRequest {
        effort: Some(Effort::High),
        summary: Some(Summary::Auto),
        tools: Shared::new(tools),
        output_schema: Some(schema),
        ..request(said)
    };
    let sent = sent(request, Some(blobs)).await;
    let expected: Value = serde_json::from_str(include_str!("../golden/request.json")).unwrap();
    assert_eq!(sent.body, expected, "{:#}", sent.body);
    assert_eq!(sent.path, "/v1/responses");
}

#[tokio::test]
async fn reasoning_is_asked_for_as_far_as_the_user_says() {
    let body = async |effort, summary| {
        sent(ModelRequest { effort, summary, ..request(vec![user("hi")]) }, None).await.body
    };
    let plain = body(None, None).await;
    for key in ["reasoning", "text", "max_output_tokens"] {
        assert_eq!(plain.get(key), None, "{key}");
    }
    assert_eq!(plain["include"], json!(["reasoning.encrypted_content"]), "it reasons anyhow");

    let none = body(Some(Effort::None), Some(Summary::Auto)).await;
    assert_eq!((none.get("reasoning"), none.get("include")), (None, None));
    let quiet = body(Some(Effort::Low), Some(Summary::None)).await;
    assert_eq!(quiet["reasoning"], json!({ "effort": "low" }));
    let most = body(Some(Effort::XHigh), Some(Summary::Detailed)).await;
    assert_eq!(most["reasoning"], json!({ "effort": "xhigh", "summary": "detailed" }));
}

#[tokio::test]
async fn open_schemas_are_not_strict() {
    let table = [
        (json!({ "type": "object" }), false),
        (json!({ "type": "object", "properties": {}, "additionalProperties": false }), true),
        (json!({ "type": "object", "properties": { "a": {} }, "additionalProperties": false }), false),
        (
            json!({
                "type": "object", "required": ["a"], "additionalProperties": false,
                "properties": { "a": { "type": "array", "items": { "type": "object", "properties": {} } } },
            }),
            false,
        ),
    ];
    for (schema, strict) in table {
        let request = ModelRequest { output_schema: Some(schema.clone()), ..request(vec![user("hi")]) };
        assert_eq!(sent(request, None).await.body["text"]["format"]["strict"], strict, "{schema}");
    }
}

fn thought(provider: Option<&str>, encrypted: Option<&str>) -> Item {
    Item::Reasoning {
        provider_id: Some("rs_1".to_owned()),
        summary: Vec::new(),
        text: Some("raw".to_owned()),
        encrypted: encrypted.map(str::to_owned),
        provider: provider.map(str::to_owned),
    }
}

#[tokio::test]
async fn thoughts_are_sent_only_sealed() {
    let sent = input(vec![user("a"), thought(None, None), thought(None, Some("gA")), agent("b")], None).await;
    assert_eq!(sent.as_array().unwrap().len(), 3);
    assert_eq!(
        sent[1],
        json!({ "type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gA" })
    );
}

#[tokio::test]
async fn thoughts_go_to_nobody_but_who_sealed_them() {
    let table = [
        ("", None, true),
        ("", Some(""), true),
        ("openai", Some("openai"), true),
        ("openai", None, false),
        ("", Some("openai"), false),
        ("azure", Some("openai"), false),
    ];
    for (asked, sealed, goes) in table {
        let said = vec![user("a"), thought(sealed, Some("gA")), agent("b")];
        let request = ModelRequest { provider: asked.to_owned(), ..request(said) };
        let sent = sent(request, None).await.body["input"].clone();
        assert_eq!(sent[1]["type"] == "reasoning", goes, "{asked:?} {sealed:?}");
    }
    let of_chat = vec![user("a"), thought(None, Some("chat:{}")), agent("b")];
    assert_eq!(input(of_chat, None).await.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn thoughts_that_led_to_nothing_are_left_out() {
    let sealed = || thought(None, Some("gA"));
    let table = [
        (vec![user("a"), sealed()], 1),
        (vec![user("a"), sealed(), user("b")], 2),
        (vec![user("a"), sealed(), agent(""), user("b")], 2),
        (vec![user("a"), sealed(), sealed(), agent("b")], 4),
        (vec![user("a"), sealed(), function(1, "t")], 3),
    ];
    for (said, length) in table {
        assert_eq!(input(said.clone(), None).await.as_array().unwrap().len(), length, "{said:?}");
    }
}

#[tokio::test]
async fn freeform_tools_are_functions_for_models_without_them() {
    let tool = ToolSpec::new(
        "apply_patch",
        "Changes files.",
        ToolKind::Freeform { grammar: Some("start: \"x\"".to_owned()) },
    );
    let patch = Payload::Freeform { input: "*** Begin Patch".to_owned() };
    let said = vec![
        user("a"),
        call(1, "apply_patch", patch.clone()),
        Item::Output { call: call_id(1), output: ToolOutput::text(OutputStatus::Ok, "done") },
    ];
    // The server answers with a call of the function, because it is offered one.
    let server = ModelServer::start(Reply::new().freeform("apply_patch", "*** Begin Patch")).unwrap();
    let config = ProviderConfig { base_url: server.url(), ..ProviderConfig::default() };
    let model = ResponsesModel::new(&config).unwrap();
    let request = ModelRequest { tools: Shared::new(vec![tool]), ..request(said) };
    let answered = items(&model, request).await;
    assert_eq!(answered, [ModelItem::Call { name: "apply_patch".to_owned(), payload: patch }]);

    let body = server.requests().remove(0).body;
    assert_eq!(body["tools"][0]["type"], "function");
    assert_eq!(body["tools"][0]["parameters"]["required"], json!(["input"]));
    let told = body["tools"][0]["description"].as_str().unwrap();
    assert!(told.starts_with("Changes files.") && told.ends_with("start: \"x\""), "{told}");
    let expected = json!({
        "type": "function_call", "call_id": "call_1", "name": "apply_patch",
        "arguments": "{\"input\":\"*** Begin Patch\"}",
    });
    assert_eq!(body["input"][1], expected);
    assert_eq!(body["input"][2]["type"], "function_call_output");
    for key in ["reasoning", "include"] {
        assert_eq!(body.get(key), None, "{key}: nothing is known of this model");
    }
}

#[tokio::test]
async fn outputs_say_how_the_call_ended() {
    let empty = |status| ToolOutput { content: Vec::new(), ..ToolOutput::text(status, "") };
    let table = [
        (ToolOutput::text(OutputStatus::Ok, "a\n"), "a\n"),
        (
            ToolOutput { exit_code: Some(0), ..ToolOutput::text(OutputStatus::Ok, "a") },
            "Exit code: 0\nOutput:\na",
        ),
        (ToolOutput::text(OutputStatus::Cancelled, "stopped by the user"), "stopped by the user"),
        (ToolOutput::text(OutputStatus::Unknown, "the process died"), "the process died"),
        (empty(OutputStatus::Ok), "(no output)"),
        (empty(OutputStatus::Failed), "The call failed, without output."),
        (empty(OutputStatus::Denied), "The call was not run: it was denied."),
        (empty(OutputStatus::Cancelled), "The call was stopped."),
        (empty(OutputStatus::Unknown), "It is unknown whether the call ran."),
    ];
    for (output, told) in table {
        let said = vec![user("a"), function(1, "t"), Item::Output { call: call_id(1), output }];
        let expected = json!({ "type": "function_call_output", "call_id": "call_1", "output": told });
        assert_eq!(input(said, None).await[2], expected);
    }
}

#[tokio::test]
async fn blobs_are_put_in() {
    let mut blobs = Blobs::default();
    let content = vec![
        Content::text("see"),
        blobs.put(b"\x00\x01", "image/jpeg"),
        blobs.put("lång".as_bytes(), "text/plain"),
        blobs.put(b"%PDF", "application/pdf"),
    ];
    let lost = Content::Blob {
        blob: BlobRef { id: BlobId::of(b"?"), bytes: 9, media_type: "image/png".to_owned() },
    };
    let shown = [content.as_slice(), &[lost]].concat();
    let output = ToolOutput { content: shown, ..ToolOutput::text(OutputStatus::Ok, "") };
    let said = vec![user("a"), function(1, "view_image"), Item::Output { call: call_id(1), output }];
    let expected = json!([
        { "type": "input_text", "text": "see" },
        { "type": "input_image", "image_url": "data:image/jpeg;base64,AAE=", "detail": "auto" },
        { "type": "input_text", "text": "lång" },
        { "type": "input_text", "text": "[application/pdf of 4 bytes: cannot be shown]" },
        { "type": "input_text", "text": "[image/png of 9 bytes: is lost]" },
    ]);
    assert_eq!(input(said, Some(blobs)).await[2]["output"], expected);

    let said = vec![Item::User { content: content[1..2].to_vec() }];
    let expected = json!([{ "type": "input_text", "text": "[image/jpeg of 2 bytes: is not available]" }]);
    assert_eq!(input(said, None).await[0]["content"], expected);
}

#[tokio::test]
async fn headers_and_query_are_those_of_the_config() {
    let server = ModelServer::start(Replies::always(Reply::new().text("fine"))).unwrap();
    let secret = |text: &str| SecretString::from(text.to_owned());
    let config = ProviderConfig {
        base_url: server.url() + "/",
        api_key: Some(secret("sk-123")),
        headers: vec![("X-Org".to_owned(), secret("acme"))],
        query: vec![("api-version".to_owned(), "2025 04".to_owned())],
        ..ProviderConfig::default()
    };
    let model = ResponsesModel::new(&config).unwrap();
    items(&model, request(vec![user("hi")])).await;
    let sent = server.requests().remove(0);
    let header = |name: &str| sent.header(name).map(str::to_owned);
    assert_eq!(header("authorization").as_deref(), Some("Bearer sk-123"));
    assert_eq!(header("x-org").as_deref(), Some("acme"));
    assert_eq!(header("accept").as_deref(), Some("text/event-stream"));
    assert_eq!(header("content-type").as_deref(), Some("application/json"));
    assert!(header("user-agent").unwrap().starts_with("everturn/"));
    assert_eq!((sent.path.as_str(), sent.query.as_str()), ("/v1/responses", "api-version=2025+04"));

    let debug = format!("{config:?} {model:?}");
    assert!(!debug.contains("sk-123") && !debug.contains("acme"), "{debug}");
}

#[tokio::test]
async fn rate_limits_come_with_the_usage() {
    let reply = Reply::new()
        .text("fine")
        .header("x-ratelimit-limit-requests", "60")
        .header("x-ratelimit-remaining-requests", "59")
        .header("x-ratelimit-reset-requests", "6m0s")
        .header("x-ratelimit-limit-tokens", "150000")
        .header("x-ratelimit-remaining-tokens", "149984");
    let server = ModelServer::start(reply).unwrap();
    let config = ProviderConfig { base_url: server.url(), ..ProviderConfig::default() };
    let mut events = all(&ResponsesModel::new(&config).unwrap(), request(vec![user("hi")])).await;
    let Some(Ok(ModelEvent::Completed(usage))) = events.pop() else { panic!("{events:?}") };
    let limit = |name: &str, limit, remaining, reset_ms| RateLimit {
        name: name.to_owned(),
        limit,
        remaining,
        reset_ms,
    };
    let expected = [limit("requests", 60, 59, Some(360_000)), limit("tokens", 150_000, 149_984, None)];
    assert_eq!(usage.rate_limits, expected);
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let refused = |config: ProviderConfig| ResponsesModel::new(&config).map(drop).unwrap_err();
    for base_url in ["", "api.openai.com/v1", "ftp://x/v1", "http://user:pass-word@x/v1"] {
        let error = refused(ProviderConfig { base_url: base_url.to_owned(), ..ProviderConfig::default() });
        assert!(matches!(error, ProviderError::BaseUrl { .. }), "{error}");
        assert!(
            error.to_string().contains("base_url") && !error.to_string().contains("pass-word"),
            "{error}"
        );
    }
    let secret = |text: &str| SecretString::from(text.to_owned());
    for (name, value) in [("X Org", "a"), ("X-Org", "a\nb-secret")] {
        let headers = vec![(name.to_owned(), secret(value))];
        let error = refused(ProviderConfig { headers, ..ProviderConfig::default() });
        assert!(matches!(error, ProviderError::Header { .. }), "{error}");
        assert!(error.to_string().contains(name) && !error.to_string().contains("secret"), "{error}");
    }
}
