//! The output schema: which responses are checked, and what is said of one that does not fit.

use crate::conversation::{request, user};
use agent_core::testing::{FakeModel, response};
use agent_core::{
    Completion, LiveKind, ModelError, ModelErrorKind, ModelEvent, ModelItem, ModelRequest, ModelStreamer,
    Payload,
};
use futures::StreamExt;
use models::{SchemaChecked, SchemaError, check_schema};
use rstest::rstest;
use serde_json::{Value, json};

fn message(text: &str) -> ModelItem {
    ModelItem::Message { text: text.to_owned() }
}

fn call() -> ModelItem {
    ModelItem::Call { name: "t".to_owned(), payload: Payload::Freeform { input: String::new() } }
}

fn person() -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": { "type": "string" },
            "age": { "type": "integer", "minimum": 0 },
            "tags": { "type": "array", "items": { "enum": ["a", "b"] } },
            "pet": { "anyOf": [{ "type": "null" }, { "$ref": "#/$defs/pet" }] },
        },
        "required": ["name", "age"],
        "additionalProperties": false,
        "$defs": { "pet": { "type": "object", "properties": { "legs": { "type": "integer" } } } },
    })
}

async fn events(items: Vec<ModelItem>, schema: Option<Value>) -> Vec<Result<ModelEvent, ModelError>> {
    let model = SchemaChecked::new(FakeModel::new(move |_| response(items.clone())));
    let request = ModelRequest { output_schema: schema, ..request(vec![user("who?")]) };
    model.stream(request).collect().await
}

async fn misfit_of(items: Vec<ModelItem>, schema: Value) -> Option<String> {
    match events(items, Some(schema)).await.pop() {
        Some(Ok(ModelEvent::Completed(completion))) => completion.misfit,
        other => panic!("the response does not end as it should: {other:?}"),
    }
}

async fn misfit(text: &str) -> Option<String> {
    misfit_of(vec![message(text)], person()).await
}

#[tokio::test]
async fn a_message_that_fits_passes() {
    assert_eq!(misfit(r#" {"name": "Ada", "age": 36, "tags": ["a"], "pet": {"legs": 4}} "#).await, None);
}

#[rstest]
#[case::a_wrong_type(
    r#"{"name": "Ada", "age": "old"}"#,
    r#"at /age: want integer, but got string, found "old""#
)]
#[case::a_missing_property(
    r#"{"name": "Ada"}"#,
    r#"at the top: missing properties 'age', found {"name":"Ada"}"#
)]
#[case::a_property_too_many(
    r#"{"age": 1, "name": "Ada", "x": 2}"#,
    r#"at the top: additionalProperties 'x' not allowed, found {"age":1,"name":"Ada","x":2}"#
)]
#[case::deep_inside(
    r#"{"name": "Ada", "age": 1, "tags": ["a", "c"]}"#,
    r#"at /tags/1: value must be one of 'a', 'b', found "c""#
)]
#[case::no_branch_of_a_choice(
    r#"{"name": "Ada", "age": 1, "pet": {"legs": "four"}}"#,
    r#"at /pet: anyOf failed (want null, but got object; /legs: want integer, but got string), found {"legs":"four"}"#
)]
#[case::two_places(
    r#"{"age": -1, "name": 1}"#,
    "at /age: must be >=0, but got -1, found -1; at /name: want string, but got number, found 1"
)]
#[case::no_json(
    "Ada is 36.",
    "the message is no JSON: expected value at line 1 column 1; it begins Ada is 36."
)]
#[case::something_after_the_json(
    r#"{"name": "Ada", "age": 36} Done."#,
    r#"the message is no JSON: trailing characters at line 1 column 28; it begins {"name": "Ada", "age": 36} Done."#
)]
#[case::a_code_fence(
    "```json\n{\"name\": \"Ada\", \"age\": 36}\n```",
    "the message is in a code fence; it has to be JSON and nothing else"
)]
#[tokio::test]
async fn a_message_that_does_not_fit_is_said_to(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(misfit(text).await.as_deref(), Some(expected));
}

#[tokio::test]
async fn what_is_said_stays_short_and_whole_characters() {
    let long = "ä".repeat(10_000);
    let many: Vec<Value> = (0..50).map(|_| json!(long)).collect();
    let text = json!({ "name": "n", "age": 1, "tags": many }).to_string();
    let misfit = misfit(&text).await.unwrap();
    assert!(misfit.ends_with("; and 47 more") && misfit.len() < 1_000, "{misfit}");
}

#[tokio::test]
async fn the_last_message_counts() {
    let good = r#"{"name": "Ada", "age": 36}"#;
    assert_eq!(misfit_of(vec![message("Well."), message(good)], person()).await, None);
    assert!(misfit_of(vec![message(good), message("Well.")], person()).await.is_some());
    let nothing = misfit_of(Vec::new(), person()).await;
    assert_eq!(nothing.as_deref(), Some("there is no message"));
}

#[tokio::test]
async fn a_response_that_asks_for_a_tool_is_not_final() {
    assert_eq!(misfit_of(vec![message("I look."), call()], person()).await, None);
    assert_eq!(misfit_of(vec![call(), message("I look.")], person()).await, None);
}

#[tokio::test]
async fn without_a_schema_nothing_is_checked() {
    let items = vec![message("Ada is 36.")];
    let plain: Vec<_> = response(items.clone());
    assert_eq!(events(items, None).await, plain);
}

#[tokio::test]
async fn everything_but_the_verdict_passes_unchanged() {
    let error = || ModelError::new(ModelErrorKind::Stream, "cut");
    let delta = || ModelEvent::Delta { index: 0, kind: LiveKind::Message("x".to_owned()) };
    let model = FakeModel::new(move |_| vec![Ok(delta()), Ok(ModelEvent::Item(message("x"))), Err(error())]);
    let request = ModelRequest { output_schema: Some(person()), ..request(vec![user("who?")]) };
    let expected: Vec<_> = model.stream(request.clone()).collect().await;
    let got: Vec<_> = SchemaChecked::new(model).stream(request).collect().await;
    assert_eq!(got, expected);
    let completed = events(vec![message("x")], Some(json!({}))).await.pop().unwrap().unwrap();
    let ModelEvent::Completed(Completion { tokens, .. }) = completed else { panic!("{completed:?}") };
    assert!(tokens.is_some());
}

#[tokio::test]
async fn a_schema_that_is_none_ends_the_call_before_the_model_is_asked() {
    let model = FakeModel::new(|_| panic!("the model was asked"));
    let request = ModelRequest { output_schema: Some(json!({ "type": "strin" })), ..request(Vec::new()) };
    let events: Vec<_> = SchemaChecked::new(model).stream(request).collect().await;
    let [Err(error)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(error.kind, ModelErrorKind::InvalidRequest);
    assert!(error.message.contains("/type"), "{error}");
}

#[test]
fn a_bad_schema_is_refused_with_the_place() {
    let why = |schema: Value| check_schema(&schema).unwrap_err().to_string();
    let word = why(json!({ "properties": { "a": { "type": "strin" } } }));
    assert!(word.contains("at /properties/a/type") && word.contains("strin"), "{word}");
    let pattern = why(json!({ "pattern": "(" }));
    assert!(pattern.contains("regex") && pattern.contains("'('"), "{pattern}");
    let nowhere = why(json!({ "$ref": "#/$defs/missing" }));
    assert!(nowhere.contains("#/$defs/missing"), "{nowhere}");
    assert!(why(json!([])).contains("want boolean or object"), "{}", why(json!([])));
}

#[rstest]
#[case("https://example.org/schema.json")]
#[case("file:///etc/passwd")]
#[case("other.json")]
fn nothing_is_fetched_for_a_schema(#[case] url: &str) {
    let error = check_schema(&json!({ "$ref": url })).unwrap_err();
    assert!(matches!(&error, SchemaError::Elsewhere { url: found } if found.contains(url)), "{error:?}");
    let draft = check_schema(&json!({ "$schema": url }));
    assert!(matches!(draft, Err(SchemaError::Elsewhere { .. } | SchemaError::Invalid { .. })), "{draft:?}");
}

#[test]
fn good_schemas_of_several_drafts_are_taken() {
    for schema in [
        json!(true),
        json!({}),
        person(),
        json!({ "$schema": "http://json-schema.org/draft-07/schema#", "definitions": { "a": {} }, "$ref": "#/definitions/a" }),
        json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "prefixItems": [true] }),
    ] {
        assert_eq!(check_schema(&schema), Ok(()), "{schema}");
    }
}
