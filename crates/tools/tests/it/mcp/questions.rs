//! Servers that ask the user in the middle of a call.

use super::{everything, next_attempt, watched, world};
use crate::world::{World, eventually, finished};
use agent_core::{
    Elicitation, ElicitationAction, ElicitationReply, OutputStatus, ToolAnswer, ToolRequest, TurnId,
};
use serde_json::{Value, json};

fn reply(action: ElicitationAction, content: Value) -> ElicitationReply {
    ElicitationReply { action, content }
}

async fn asked(world: &World, request: ToolRequest) -> Elicitation {
    match world.run(request).await {
        ToolAnswer::Asks { elicitation } => elicitation,
        other => panic!("expected a question, got {other:?}"),
    }
}

#[tokio::test]
async fn the_users_answer_reaches_the_server() {
    let world = world(vec![everything()]);
    let request = world.request("mcp__everything__trigger-elicitation-request", json!({})).await;
    let question = asked(&world, request.clone()).await;
    assert_eq!(question.server, "everything");
    assert_eq!(question.message, "Please provide inputs for the following fields:");
    assert_eq!(question.schema["properties"]["integer"]["maximum"], 100);
    assert_eq!(question.schema["properties"]["untitledSingleSelectEnum"]["enum"][1], "Rachel");
    let content = json!({ "name": "Ada", "check": true, "integer": 7 });
    let answered = next_attempt(&request, reply(ElicitationAction::Accept, content));
    let output = finished(world.run(answered).await);
    let text = output.plain_text();
    assert!(output.status == OutputStatus::Ok && text.contains("Ada"), "{text}");
    // Both attempts are in the ledger, so neither is run again after a crash.
    assert_eq!(world.ledger().matches("\"process\"").count(), 2, "{}", world.ledger());
}

#[tokio::test]
async fn the_user_may_decline() {
    let world = world(vec![everything()]);
    let request = world.request("mcp__everything__trigger-elicitation-request", json!({})).await;
    asked(&world, request.clone()).await;
    let declined = next_attempt(&request, reply(ElicitationAction::Decline, Value::Null));
    let text = finished(world.run(declined).await).plain_text();
    assert!(text.contains("declined"), "{text}");
}

#[tokio::test]
async fn an_address_to_open_is_handed_on() {
    let world = world(vec![everything()]);
    let url = "https://example.com/sign";
    for error_path in [false, true] {
        let arguments = json!({ "url": url, "message": "Sign here.", "errorPath": error_path });
        let mut request = world.request("mcp__everything__trigger-url-elicitation", arguments).await;
        request.effect = agent_core::EffectId(if error_path { 5 } else { 4 });
        let mut question = asked(&world, request.clone()).await;
        assert!(question.url.as_deref().is_some_and(|url| url.starts_with("https://")), "{question:?}");
        request = next_attempt(&request, reply(ElicitationAction::Accept, Value::Null));
        if error_path {
            // The server refused until the user had been there; now it goes on, and asks what it would have asked.
            question = asked(&world, request.clone()).await;
            request = next_attempt(&request, reply(ElicitationAction::Accept, Value::Null));
        }
        assert_eq!(question.url.as_deref(), Some(url));
        let output = finished(world.run(request).await);
        assert_eq!(output.status, OutputStatus::Ok, "{}", output.plain_text());
    }
}

#[tokio::test]
async fn several_questions_come_one_after_another() {
    let calls = tempfile::tempdir().unwrap();
    let world = world(vec![watched("quirky", &calls.path().join("calls"))]);
    let first = world.request("mcp__quirky__ask_twice", json!({})).await;
    assert_eq!(asked(&world, first.clone()).await.message, "Question 1?");
    let second = next_attempt(&first, reply(ElicitationAction::Accept, json!({ "word": "one" })));
    assert_eq!(asked(&world, second.clone()).await.message, "Question 2?");
    let third = next_attempt(&second, reply(ElicitationAction::Cancel, Value::Null));
    let text = finished(world.run(third).await).plain_text();
    assert_eq!(text, r#"[{"action": "accept", "content": {"word": "one"}}, {"action": "cancel"}]"#);
    assert_eq!(std::fs::read_to_string(calls.path().join("calls")).unwrap(), "ask_twice\n");
}

#[tokio::test]
async fn a_server_of_the_newest_protocol_asks_between_two_requests() {
    let world = world(vec![super::quirky("quirky", &["modern"])]);
    assert_eq!(world.told("mcp__quirky__data", json!({})).await, r#"{"degrees":21}"#);
    let first = world.request("mcp__quirky__ask_twice", json!({})).await;
    assert_eq!(asked(&world, first.clone()).await.message, "Question one?");
    let second = next_attempt(&first, reply(ElicitationAction::Accept, json!({ "word": "a" })));
    assert_eq!(asked(&world, second.clone()).await.message, "Question two?");
    let third = next_attempt(&second, reply(ElicitationAction::Accept, json!({ "word": "b" })));
    let text = finished(world.run(third).await).plain_text();
    assert_eq!(text, r#"{"action": "accept", "content": {"word": "b"}}"#);
}

#[tokio::test]
async fn an_answer_to_a_call_that_is_gone_says_so() {
    let world = world(vec![everything()]);
    let request = world.request("mcp__everything__trigger-elicitation-request", json!({})).await;
    let late = next_attempt(&request, reply(ElicitationAction::Accept, json!({})));
    let answer = world.run(late).await;
    let ToolAnswer::Unknown { note } = answer else { panic!("{answer:?}") };
    assert_eq!(note, "it waited for the user's answer, and the process that held it is gone");
}

#[tokio::test]
async fn a_call_of_a_later_turn_ends_one_that_waits_for_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let calls = folder.path().join("calls");
    let world = world(vec![watched("quirky", &calls)]);
    let waiting = world.request("mcp__quirky__ask_twice", json!({})).await;
    asked(&world, waiting.clone()).await;
    let mut later = world.request("mcp__quirky__data", json!({})).await;
    (later.turn, later.effect) = (TurnId(2), agent_core::EffectId(9));
    // This server serves one call at a time, so it answers none before the first one is gone.
    later.preparation.timeout_ms = 200;
    world.run(later).await;
    eventually("the server is told", || std::fs::read_to_string(&calls).unwrap().contains("cancelled")).await;
    let late = next_attempt(&waiting, reply(ElicitationAction::Accept, json!({ "word": "late" })));
    assert!(matches!(world.run(late).await, ToolAnswer::Unknown { .. }));
}
