//! Conversations of every kind over every API: what is sent obeys the rules of the strictest server.

use crate::{
    blobs::Blobs,
    conversation::{agent, call_id, capable, http, items, message, provider, request, user},
};
use agent_core::{
    BlobSource, Content, Item, ItemId, ModelItem, ModelRequest, OutputStatus, Payload, Shared, ToolCall,
    ToolOutput,
};
use models::{HttpModel, ProviderConfig, WebPages, WebSearch, WireApi, web_search_tool};
use proptest::{
    prelude::*,
    sample::Index,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};
use test_kit::{ModelServer, Replies, Reply};

/// One response of the model, and what happened until the next.
#[derive(Clone, Debug)]
struct Step {
    thoughts: Vec<Thought>,
    searches: Vec<Search>,
    messages: Vec<String>,
    calls: Vec<(Payload, ToolOutput)>,
    /// What others say after the response, and where among the outputs.
    said: Vec<(Item, Index)>,
    /// In which order the outputs come.
    order: Vec<Index>,
}

#[derive(Clone, Debug)]
struct Thought {
    encrypted: Option<&'static str>,
    provider: Option<&'static str>,
}

/// A search of the web by the provider.
#[derive(Clone, Debug)]
struct Search {
    sealed: Option<&'static str>,
    provider: Option<&'static str>,
}

/// The record of a search, as it really comes back from Anthropic's API.
fn search_of_anthropic() -> &'static str {
    static RECORD: OnceLock<String> = OnceLock::new();
    RECORD.get_or_init(|| {
        let server = ModelServer::start(Reply::new().search("q")).unwrap();
        let model = http(&server, WireApi::Anthropic).with_web_search(WebSearch::On);
        let tools = Shared::new(vec![web_search_tool(WebPages::Live)]);
        let asked = ModelRequest { tools, ..request(vec![user("hi")]) };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        match &runtime.block_on(items(&model, asked))[..] {
            [ModelItem::WebSearch { sealed: Some(record), .. }] => record.clone(),
            other => panic!("{other:?}"),
        }
    })
}

fn image() -> Content {
    Blobs::default().put(b"\x89PNG", "image/png")
}

fn payload() -> impl Strategy<Value = Payload> {
    let text =
        prop_oneof![Just(""), Just("{}"), Just("{\"a\":1}"), Just("{\"half"), Just("[1]"), Just("\"x\" ")];
    (any::<bool>(), text).prop_map(|(freeform, text)| match freeform {
        true => Payload::Freeform { input: text.to_owned() },
        false => Payload::Function { arguments: text.to_owned() },
    })
}

fn content() -> impl Strategy<Value = Vec<Content>> {
    let part = prop_oneof![
        Just(Content::text("")),
        Just(Content::text("words")),
        Just(Content::Skill { name: "review".to_owned() }),
        Just(image()),
    ];
    prop::collection::vec(part, 0..3)
}

fn told() -> impl Strategy<Value = Item> {
    prop_oneof![
        content().prop_map(|content| Item::User { content }),
        prop_oneof![Just(""), Just("a notice")].prop_map(|text| Item::Context { text: text.to_owned() }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let encrypted = prop_oneof![
        Just(None),
        Just(Some("gAAA")),
        Just(Some("chat:{\"thoughts\":\"reasoning_content\"}")),
        Just(Some("chat:{\"extra_content\":{\"0\":{\"google\":1}}}")),
        Just(Some("chat:broken")),
        Just(Some("anthropic:broken")),
        Just(Some(
            r#"anthropic:{"model":"test-model","prefix":1,"content":2,"block":{"signature":"bm90IHlvdXJz"}}"#
        )),
    ];
    let sealed = prop_oneof![Just(None), Just(Some("mine")), Just(Some("other"))];
    let thought =
        (encrypted, sealed.clone()).prop_map(|(encrypted, provider)| Thought { encrypted, provider });
    let record = prop_oneof![
        Just(None),
        Just(Some(
            r#"{"type":"web_search_call","status":"completed","action":{"type":"search","query":"q"}}"#
        )),
        Just(Some(search_of_anthropic())),
        Just(Some("broken")),
    ];
    let search = (record, sealed).prop_map(|(sealed, provider)| Search { sealed, provider });
    let words = prop_oneof![Just(String::new()), Just("Hm.".to_owned()), Just("Ok.".to_owned())];
    let output =
        content().prop_map(|content| ToolOutput { content, ..ToolOutput::text(OutputStatus::Failed, "") });
    (
        prop::collection::vec(thought, 0..3),
        prop::collection::vec(search, 0..3),
        prop::collection::vec(words, 0..3),
        prop::collection::vec((payload(), output), 0..4),
        prop::collection::vec((told(), any::<Index>()), 0..3),
        prop::collection::vec(any::<Index>(), 4),
    )
        .prop_map(|(thoughts, searches, messages, calls, said, order)| Step {
            thoughts,
            searches,
            messages,
            calls,
            said,
            order,
        })
}

/// The conversation, well formed: every call has one output, somewhere before the next response.
fn history(steps: &[Step]) -> Vec<Item> {
    let mut items = vec![user("begin")];
    let mut number = 0;
    for step in steps {
        for thought in &step.thoughts {
            items.push(Item::Reasoning {
                provider_id: None,
                summary: Vec::new(),
                text: Some("Thoughts.".to_owned()),
                encrypted: thought.encrypted.map(str::to_owned),
                provider: thought.provider.map(str::to_owned),
            });
        }
        items.extend(step.searches.iter().map(|search| Item::WebSearch {
            query: "q".to_owned(),
            sealed: search.sealed.map(str::to_owned),
            provider: search.provider.map(str::to_owned),
        }));
        items.extend(step.messages.iter().map(|text| agent(text)));
        let mut after = Vec::new();
        for ((payload, output), index) in step.calls.iter().zip(&step.order) {
            number += 1;
            let (id, item) = (call_id(number), ItemId::of_input(1, 0));
            let payload = payload.clone();
            items.push(Item::Call(ToolCall { id: id.clone(), item, name: "tool".to_owned(), payload }));
            after.insert(index.index(after.len() + 1), Item::Output { call: id, output: output.clone() });
        }
        for (said, index) in &step.said {
            after.insert(index.index(after.len() + 1), said.clone());
        }
        items.extend(after);
    }
    items
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// What is wrong with the messages of a Chat Completions request.
fn check_chat(messages: &[Value], items: &[Item]) {
    let mut waiting: Vec<String> = Vec::new();
    let mut answered = Vec::new();
    let mut before = "";
    for (at, message) in messages.iter().enumerate() {
        let role = text(&message["role"]);
        if role != "tool" {
            assert_eq!(waiting, Vec::<String>::new(), "a call is not answered right after it");
        }
        match role {
            "system" => assert_eq!(at, 0, "a system message that is not the first"),
            "user" => {
                assert_ne!(before, "user", "two messages of the user");
                match &message["content"] {
                    Value::Array(parts) => assert!(!parts.is_empty()),
                    content => assert!(!text(content).is_empty()),
                }
            }
            "assistant" => {
                assert_ne!(before, "assistant", "two messages of the model");
                let calls = message["tool_calls"].as_array().cloned().unwrap_or_default();
                assert!(!calls.is_empty() || !text(&message["content"]).is_empty(), "an empty message");
                for call in &calls {
                    let arguments = text(&call["function"]["arguments"]);
                    let parsed: Value = serde_json::from_str(arguments).unwrap();
                    assert!(parsed.is_object(), "{arguments}");
                    waiting.push(text(&call["id"]).to_owned());
                }
            }
            "tool" => {
                assert!(!text(&message["content"]).is_empty(), "an empty answer");
                assert_eq!(waiting.remove(0), text(&message["tool_call_id"]));
                answered.push(text(&message["tool_call_id"]).to_owned());
            }
            other => panic!("no such role: {other}"),
        }
        before = role;
    }
    assert_eq!(waiting, Vec::<String>::new());
    let plain = |id: &String| id.len() == 9 && id.chars().all(|c| c.is_ascii_alphanumeric());
    assert!(answered.iter().all(plain), "ids that Mistral refuses: {answered:?}");
    let numbers = |ids: &[String]| -> Vec<u32> {
        ids.iter().map(|id| id.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()).collect()
    };
    assert_eq!(
        numbers(&answered),
        numbers(&call_ids(items)),
        "every call is answered once, in the model's order"
    );
    let all = json!(messages).to_string();
    assert!(!all.contains("gAAA"), "a seal of the Responses API");
    assert!(!all.contains("web_search"), "a search of the Responses API");
}

/// What is wrong with the input of a Responses API request.
fn check_responses(input: &[Value], items: &[Item], freeform: bool) {
    let mut open: BTreeMap<String, String> = BTreeMap::new();
    let mut called = Vec::new();
    for (at, item) in input.iter().enumerate() {
        match text(&item["type"]) {
            "message" => {
                let content = item["content"].as_array().unwrap();
                assert!(!content.is_empty(), "an empty message");
            }
            "reasoning" => {
                assert_eq!(item["encrypted_content"], "gAAA");
                let next = input.get(at + 1).map(|next| (text(&next["type"]), &next["role"]));
                let leads = matches!(
                    next,
                    Some(("reasoning" | "web_search_call" | "function_call" | "custom_tool_call", _))
                ) || next.is_some_and(|(_, role)| *role == "assistant");
                assert!(leads, "thoughts before {next:?}");
            }
            "web_search_call" => {
                let action = json!({ "type": "search", "query": "q" });
                let expected = json!({ "type": "web_search_call", "status": "completed", "action": action });
                assert_eq!(*item, expected);
            }
            kind @ ("function_call" | "custom_tool_call") => {
                assert!(freeform || kind == "function_call");
                let id = text(&item["call_id"]).to_owned();
                called.push(id.clone());
                assert_eq!(open.insert(id, format!("{kind}_output")), None, "a call twice");
            }
            kind => {
                let expected = open.remove(text(&item["call_id"]));
                assert_eq!(expected.as_deref(), Some(kind), "an answer without its call");
            }
        }
    }
    assert_eq!(open, BTreeMap::new(), "calls without an answer");
    assert_eq!(called, call_ids(items));
}

/// What is wrong with the messages of an Anthropic request.
fn check_anthropic(messages: &[Value], items: &[Item]) {
    let mut answered = Vec::new();
    let mut waiting: Vec<String> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let role = text(&message["role"]);
        assert_eq!(role, if at % 2 == 0 { "user" } else { "assistant" }, "they take turns, the user first");
        let blocks = message["content"].as_array().unwrap();
        assert!(!blocks.is_empty(), "an empty message");
        let results = blocks.iter().take_while(|block| block["type"] == "tool_result").count();
        let called = std::mem::take(&mut waiting);
        let ids = blocks[..results].iter().map(|block| text(&block["tool_use_id"]).to_owned());
        assert_eq!(ids.collect::<Vec<_>>(), called, "all results come first, in the order of the calls");
        answered.extend(called);
        for block in &blocks[results..] {
            match (role, text(&block["type"])) {
                (_, "text") => assert!(!text(&block["text"]).trim().is_empty(), "an empty text"),
                ("user", "image") => assert_eq!(block["source"]["media_type"], "image/png"),
                ("assistant", "tool_use") => {
                    assert!(block["input"].is_object(), "{block}");
                    waiting.push(text(&block["id"]).to_owned());
                }
                ("assistant", "server_tool_use" | "web_search_tool_result") => {}
                other => panic!("no such block: {other:?}"),
            }
        }
        for result in &blocks[..results] {
            let content = &result["content"];
            assert!(content.as_array().map_or(content != "", |parts| !parts.is_empty()), "an empty result");
            let has_image =
                content.as_array().is_some_and(|parts| parts.iter().any(|part| part["type"] == "image"));
            assert!(!(has_image && result["is_error"] == true), "an error with an image");
        }
    }
    assert_eq!(waiting, Vec::<String>::new(), "a call without a result");
    assert_eq!(messages.len() % 2, 1, "the user is last");
    assert_eq!(answered, call_ids(items));
    let all = json!(messages).to_string();
    assert!(!all.contains("gAAA") && !all.contains("bm90IHlvdXJz") && !all.contains("web_search_call"));
    assert!(all.matches("cache_control").count() <= 2, "more than two marks: {all}");
}

fn call_ids(items: &[Item]) -> Vec<String> {
    let id = |item: &Item| match item {
        Item::Call(call) => Some(call.id.as_str().to_owned()),
        _ => None,
    };
    items.iter().filter_map(id).collect()
}

#[test]
fn any_conversation_obeys_the_rules_of_every_api() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut blobs = Blobs::default();
    blobs.put(b"\x89PNG", "image/png");
    let blobs: Arc<dyn BlobSource> = Arc::new(blobs);
    let server = ModelServer::start(Replies::always(Reply::new().text("fine"))).unwrap();
    let model = |api| http(&server, api).with_blobs(Arc::clone(&blobs));
    let (chat, plain) = (model(WireApi::Chat), model(WireApi::Responses));
    let anthropic = model(WireApi::Anthropic);
    let thinking = anthropic.with_catalogue(capable());
    let capable = plain.with_catalogue(capable());
    let sent = |model: &HttpModel, items_said: &[Item]| -> Vec<Value> {
        let request = ModelRequest { provider: "mine".to_owned(), ..request(items_said.to_vec()) };
        assert_eq!(runtime.block_on(items(model, request)), [message("fine")]);
        server.requests().pop().unwrap().input().to_vec()
    };
    let seen = std::cell::RefCell::new(BTreeMap::<&str, u32>::new());
    TestRunner::new(Config { cases: 128, failure_persistence: None, ..Config::default() })
        .run(&prop::collection::vec(step(), 0..4), |steps| {
            let items = history(&steps);
            let messages = sent(&chat, &items);
            check_chat(&messages, &items);
            check_responses(&sent(&plain, &items), &items, false);
            let input = sent(&capable, &items);
            check_responses(&input, &items, true);
            let blocks = sent(&anthropic, &items);
            check_anthropic(&blocks, &items);
            check_anthropic(&sent(&thinking, &items), &items);
            let mut seen = seen.borrow_mut();
            let searched = input.iter().any(|item| item["type"] == "web_search_call");
            *seen.entry("searched").or_default() += u32::from(searched);
            let found = json!(blocks).to_string().contains("web_search_tool_result");
            *seen.entry("searched over Anthropic's").or_default() += u32::from(found);
            let all = json!(messages).to_string();
            for what in ["reasoning_content", "extra_content", "image_url", "arguments_that_are", "a notice"]
            {
                *seen.entry(what).or_default() += u32::from(all.contains(what));
            }
            Ok(())
        })
        .unwrap();
    assert!(seen.borrow().values().all(|times| *times >= 1), "too little was tried: {seen:?}");
}

#[tokio::test]
async fn thread_changes_its_provider_there_and_back() {
    let mut blobs = Blobs::default();
    let image = blobs.put(b"\x89PNG", "image/png");
    let blobs: Arc<dyn BlobSource> = Arc::new(blobs);
    let server = ModelServer::start(Replies::by(|_| Reply::new().text("fine"))).unwrap();
    let model = |api| http(&server, api).with_blobs(Arc::clone(&blobs)).with_catalogue(capable());
    let ask = async |api, provider: &str, said: &[Item]| {
        let request = ModelRequest { provider: provider.to_owned(), ..request(said.to_vec()) };
        assert_eq!(items(&model(api), request).await, [message("fine")]);
        server.requests().pop().unwrap().input().to_vec()
    };
    let sealed = |provider: &str, encrypted: &str| Item::Reasoning {
        provider_id: Some("rs_1".to_owned()),
        summary: vec!["Hm.".to_owned()],
        text: Some("Thoughts.".to_owned()),
        encrypted: Some(encrypted.to_owned()),
        provider: Some(provider.to_owned()),
    };
    let call = |number, payload| {
        let (id, item, name) = (call_id(number), ItemId::of_input(1, 0), "apply_patch".to_owned());
        Item::Call(ToolCall { id, item, name, payload })
    };
    let patch = Payload::Freeform { input: "*** Begin Patch".to_owned() };
    let answer = |number, content| Item::Output {
        call: call_id(number),
        output: ToolOutput { content, ..ToolOutput::text(OutputStatus::Ok, "") },
    };

    // Begun on the Responses API: a sealed thought, a freeform call, an image in its output.
    let mut said = vec![
        user("begin"),
        sealed("openai", "gAAA"),
        call(1, patch.clone()),
        answer(1, vec![Content::text("seen"), image]),
        agent("Done."),
        user("go on"),
    ];
    let kinds = |sent: &[Value], key: &str| -> Vec<String> {
        sent.iter().map(|item| item[key].as_str().unwrap_or_default().to_owned()).collect()
    };
    let first = ask(WireApi::Responses, "openai", &said).await;
    let expected =
        ["message", "reasoning", "custom_tool_call", "custom_tool_call_output", "message", "message"];
    assert_eq!(kinds(&first, "type"), expected);

    // Over chat: no thought, a function for the freeform tool, the image in a message of its own.
    let second = ask(WireApi::Chat, "deepseek", &said).await;
    let expected = ["system", "user", "assistant", "tool", "user", "assistant", "user"];
    assert_eq!(kinds(&second, "role"), expected);
    assert_eq!(
        second[2]["tool_calls"][0]["function"],
        json!({ "name": "apply_patch", "arguments": "{\"input\":\"*** Begin Patch\"}" })
    );
    assert!(second[4]["content"][1]["image_url"]["url"].as_str().unwrap().starts_with("data:image/png"));
    assert!(!json!(second).to_string().contains("gAAA"));

    // What the other one said has a seal of its own, which only it gets back.
    said.extend([
        sealed("deepseek", "chat:{\"thoughts\":\"reasoning_content\"}"),
        call(2, patch),
        answer(2, vec![Content::text("patched")]),
        agent("Done too."),
        user("and back"),
    ]);
    let third = ask(WireApi::Responses, "openai", &said).await;
    assert_eq!(
        third[..first.len()],
        first[..],
        "what was sent before is sent as it was, for the prompt cache"
    );
    let expected = ["custom_tool_call", "custom_tool_call_output", "message", "message"];
    assert_eq!(kinds(&third[first.len()..], "type"), expected);
    let fourth = ask(WireApi::Chat, "deepseek", &said).await;
    let thoughts: Vec<&Value> =
        fourth.iter().filter_map(|message| message.get("reasoning_content")).collect();
    assert_eq!(thoughts, ["", "Thoughts."]);

    // A third one has neither's seals, and all that was said and done, its images included.
    let blocks = |sent: &[Value]| -> Vec<Vec<String>> {
        sent.iter().map(|message| kinds(message["content"].as_array().unwrap(), "type")).collect()
    };
    let fifth = ask(WireApi::Anthropic, "anthropic", &said).await;
    let expected: [&[&str]; 7] =
        [&["text"], &["tool_use"], &["tool_result"], &["text"], &["text"], &["tool_use"], &["tool_result"]];
    assert_eq!(blocks(&fifth)[..7], expected, "{fifth:#?}");
    assert_eq!(fifth[1]["content"][0]["input"], json!({ "input": "*** Begin Patch" }));
    assert_eq!(fifth[2]["content"][0]["content"][1]["source"]["media_type"], "image/png");
    let all = json!(fifth).to_string();
    assert!(!all.contains("gAAA") && !all.contains("Thoughts."), "{all}");
    // What it seals stays with it, and what was sent before stays as it was.
    said.extend([sealed("anthropic", "anthropic:{}"), agent("Well."), user("back again")]);
    let sixth = ask(WireApi::Responses, "openai", &said).await;
    assert_eq!(sixth[..third.len()], third[..]);
    assert_eq!(kinds(&sixth[third.len()..], "type"), ["message", "message"]);
}

#[tokio::test]
async fn client_of_a_model_is_made_when_it_is_asked() {
    // Nothing here touches certificates or the network, so a thousand cost next to nothing.
    let begun = std::time::Instant::now();
    for _ in 0..1000 {
        let config = ProviderConfig { wire_api: WireApi::Chat, ..ProviderConfig::default() };
        HttpModel::new(&config).unwrap();
    }
    let each = begun.elapsed() / 1000;
    assert!(each < std::time::Duration::from_millis(1), "{each:?}");
    let server = ModelServer::start(Reply::new().text("fine")).unwrap();
    let model = HttpModel::new(&provider(&server, WireApi::Chat)).unwrap();
    assert_eq!(server.connection_count(), 0);
    let shared = Shared::new(user("hi"));
    let mut request = request(Vec::new());
    request.conversation.items.push(shared);
    assert_eq!(items(&model.clone(), request).await, [message("fine")]);
}
