//! Questions to the user, as calls.

use crate::world::{World, finished, function};
use agent_core::{Access, Containment, OutputStatus, Payload, Question, QuestionOption, Repeat, Subject};
use serde_json::json;

#[tokio::test]
async fn questions_are_handed_to_the_thread() {
    let world = World::new();
    let arguments = json!({
        "questions": [{
            "id": "db", "header": "Database", "question": "Which one?",
            "options": [{ "label": "SQLite", "description": "one file" }], "default": "SQLite",
        }],
        "wait_ms": 60_000,
    });
    let preparation = world.prepare("request_user_input", arguments.clone()).await.unwrap();
    let option = QuestionOption { label: "SQLite".into(), description: "one file".into() };
    let question = Question {
        id: "db".into(),
        header: "Database".into(),
        question: "Which one?".into(),
        options: vec![option],
        default: Some("SQLite".into()),
    };
    let subject = Subject::Questions { questions: vec![question], wait_ms: Some(60_000) };
    assert_eq!(preparation.subject, subject);
    assert_eq!((preparation.access, preparation.repeat), (Access::ReadOnly, Repeat::Safe));
    assert_eq!(preparation.containment, Containment::Contained);
    let request = world.request_payload("request_user_input", function(&arguments)).await;
    let output = finished(world.run(request).await);
    assert_eq!(output.status, OutputStatus::Failed, "a host that starts it has not asked");
}

#[tokio::test]
async fn questions_that_make_no_sense_are_rejected() {
    let world = World::new();
    for (arguments, said) in [
        (json!({ "questions": [] }).to_string(), "there are 0 questions, from 1 to 3"),
        (json!({ "questions": [{ "id": "a", "question": 1 }] }).to_string(), "expected a string"),
        (json!({ "question": "why?" }).to_string(), "unknown field `question`"),
        ("{".to_owned(), "the arguments do not fit"),
    ] {
        let error =
            world.prepare_payload("request_user_input", Payload::Function { arguments }).await.unwrap_err();
        assert!(error.contains(said), "{error}");
    }
}
