//! Thoughts of Anthropic's models go back as they were, or not at all.

use crate::conversation::{items, output, provider, request, user};
use agent_core::{
    CallId, Conversation, Effort, Item, ItemId, ModelItem, ModelRequest, Shared, ToolCall, ToolKind, ToolSpec,
};
use models::{AnthropicModel, WireApi};
use serde_json::{Value, json};
use test_kit::{ModelServer, Replies, Reply};

const MODEL: &str = "claude-opus-5-5";

/// A thread of one provider, and what its model says.
struct Talk {
    server: ModelServer,
    model: AnthropicModel,
    said: Vec<Item>,
    calls: u32,
    request: ModelRequest,
}

impl Talk {
    fn new(replies: Vec<Reply>) -> Self {
        let server = ModelServer::start(Replies::in_order(replies)).unwrap();
        let model = AnthropicModel::new(&provider(&server, WireApi::Anthropic)).unwrap();
        let request = ModelRequest { model: MODEL.to_owned(), tools: tools("ls"), ..request(Vec::new()) };
        Self { server, model, said: vec![user("begin")], calls: 0, request }
    }

    /// One response, as the thread keeps it, with outputs for its calls.
    async fn step(&mut self) {
        let said = self.said.iter().cloned().map(Shared::new).collect();
        let request = ModelRequest { conversation: Conversation::of(0, said), ..self.request.clone() };
        let mut outputs = Vec::new();
        for item in items(&self.model, request).await {
            self.said.push(match item {
                ModelItem::Message { text } => Item::Agent { text, cut: false },
                ModelItem::Reasoning { provider_id, summary, text, encrypted } => {
                    Item::Reasoning { provider_id, summary, text, encrypted, provider: None }
                }
                ModelItem::Call { name, payload } => {
                    self.calls += 1;
                    let id = CallId::new(format!("call_{}", self.calls));
                    outputs.push(output(self.calls, "done"));
                    Item::Call(ToolCall { id, item: ItemId::of_input(1, 0), name, payload })
                }
                other => panic!("{other:?}"),
            });
        }
        self.said.extend(outputs);
    }

    /// The body of the last request.
    fn sent(&self) -> Value {
        self.server.requests().pop().unwrap().body
    }

    /// The thoughts in it, by their signature or their data.
    fn thoughts(&self) -> Vec<String> {
        let sent = self.sent();
        let messages = sent["messages"].as_array().unwrap();
        let blocks = messages.iter().flat_map(|message| message["content"].as_array().unwrap());
        let sealed =
            |block: &Value| block["signature"].as_str().or(block["data"].as_str()).map(str::to_owned);
        blocks.filter_map(sealed).collect()
    }
}

fn tools(name: &str) -> Shared<Vec<ToolSpec>> {
    let parameters = json!({ "type": "object" });
    Shared::new(vec![ToolSpec::new(name, "Lists.", ToolKind::Function { parameters })])
}

fn thought(text: &str, seal: &str) -> Reply {
    Reply::new().encrypted_reasoning(&[text], seal).text("I look.").call("ls", json!({}))
}

fn steps() -> Vec<Reply> {
    vec![
        thought("One.", "AA"),
        thought("Two.", "BB"),
        Reply::new().redacted_thoughts("CC").text("Done."),
        thought("Four.", "DD"),
        Reply::new().text("Done."),
    ]
}

#[tokio::test]
async fn thoughts_go_back_word_for_word_and_what_was_sent_stays_as_it_was() {
    let mut talk = Talk::new(steps());
    let mut before = Vec::new();
    for step in 0..5 {
        if step == 3 {
            talk.said.push(user("and more"));
        }
        talk.step().await;
        let sent = talk.sent()["messages"].as_array().unwrap().clone();
        let plain = |messages: &[Value]| {
            json!(messages).to_string().replace(r#""cache_control":{"type":"ephemeral"},"#, "")
        };
        assert!(plain(&sent).starts_with(plain(&before).trim_end_matches(']')), "step {step}: {sent:#?}");
        before = sent;
    }
    assert_eq!(talk.thoughts(), ["AA", "BB", "CC", "DD"]);
    let first = json!({ "type": "thinking", "thinking": "One.", "signature": "AA" });
    assert_eq!(before[1]["content"][0], first);
    assert_eq!(before[5]["content"][0], json!({ "type": "redacted_thinking", "data": "CC" }));
}

#[tokio::test]
async fn thoughts_stay_behind_where_the_prompt_before_them_changed() {
    let changes: [fn(&mut Talk); 4] = [
        |talk| talk.request.tools = tools("list"),
        |talk| talk.request.instructions = Shared::new("Be long.".to_owned()),
        |talk| talk.request.model = "claude-sonnet-5-5".to_owned(),
        |talk| talk.said[0] = user("begin otherwise"),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut talk = Talk::new(steps());
        talk.step().await;
        change(&mut talk);
        talk.step().await;
        assert_eq!(talk.thoughts(), [""; 0], "change {number}");
        // What was thought since then belongs to what is sent now.
        talk.step().await;
        assert_eq!(talk.thoughts(), ["BB"], "change {number}");
        let kept = talk.sent().to_string();
        assert!(kept.matches("I look.").count() == 2, "what was said and done stays: {kept}");
    }
}

#[tokio::test]
async fn thoughts_that_were_redacted_since_stay_behind() {
    let mut talk = Talk::new(steps());
    talk.step().await;
    let Item::Reasoning { summary, .. } = &mut talk.said[1] else { panic!("{:?}", talk.said) };
    *summary = vec!["[redacted]".to_owned()];
    talk.step().await;
    assert_eq!(talk.thoughts(), [""; 0]);
}

#[tokio::test]
async fn thoughts_between_two_calls_go_back_with_the_names_that_the_calls_had() {
    let reply = Reply::new()
        .encrypted_reasoning(&["One."], "AA")
        .call("ls", json!({ "n": 1 }))
        .encrypted_reasoning(&["Two."], "BB")
        .call("ls", json!({ "n": 2 }));
    let mut talk = Talk::new(vec![reply, Reply::new().text("Done.")]);
    talk.step().await;
    talk.step().await;
    assert_eq!(talk.thoughts(), ["AA", "BB"]);
    let sent = talk.sent();
    let ids = |message: usize, field: &str| -> Vec<String> {
        let blocks = sent["messages"][message]["content"].as_array().unwrap().iter();
        blocks.filter_map(|block| block[field].as_str().map(str::to_owned)).collect()
    };
    assert_eq!(ids(1, "id"), ["toolu_2", "call_2"], "what came before the second thought is as it was");
    assert_eq!(ids(2, "tool_use_id"), ["toolu_2", "call_2"]);
}

#[tokio::test]
async fn a_turn_that_another_began_is_ended_without_thinking_within_a_budget() {
    let mut talk = Talk::new(vec![thought("One.", "AA"), thought("Two.", "BB"), Reply::new().text("Done.")]);
    talk.request.model = "claude-haiku-4-5".to_owned();
    talk.request.effort = Some(Effort::Low);
    talk.step().await;
    talk.step().await;
    assert_eq!(talk.sent()["thinking"], json!({ "type": "enabled", "budget_tokens": 4096 }));
    talk.request.instructions = Shared::new("Be long.".to_owned());
    talk.step().await;
    assert_eq!((talk.thoughts().len(), talk.sent().get("thinking")), (0, None));
}
