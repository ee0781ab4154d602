//! What the model is told about its arguments.

use super::*;
use rstest::rstest;

const FIELDS: &[Field] = &[
    Field { name: "path", about: "A path.", shape: Shape::Text, need: Need::Required },
    Field { name: "words", about: "Words.", shape: Shape::Texts, need: Need::Optional },
    Field { name: "limit", about: "A limit.", shape: Shape::Whole { min: 1, max: 10 }, need: Need::Optional },
    Field {
        name: "steps",
        about: "Steps.",
        shape: Shape::Entries { text: "step", word: "status", words: &["open", "done"] },
        need: Need::Optional,
    },
];

#[test]
fn good_arguments_are_read() {
    let text = r#"{"path":"a","words":["x","y"],"limit":3.0,"steps":[{"step":"s","status":"done"}]}"#;
    let arguments = Arguments::read("t", FIELDS, text).unwrap();
    assert_eq!(arguments.required("path"), "a");
    assert_eq!(arguments.texts("words"), ["x", "y"]);
    assert_eq!((arguments.whole("limit"), arguments.count("limit", 7)), (Some(3), 3));
    assert_eq!(arguments.entries("steps", "step", "status"), [("s", "done")]);
    let least = Arguments::read("t", FIELDS, r#"{"path":"a","limit":null}"#).unwrap();
    assert_eq!((least.whole("limit"), least.count("limit", 7), least.texts("words").len()), (None, 7, 0));
}

#[rstest]
#[case::broken_json(r#"{"path": "a"#, &["not JSON", "`path` (a string)"])]
#[case::no_object("[1]", &["a list, `[1]`, not an object"])]
#[case::missing("", &["`path` is missing", "`limit` (a whole number from 1 to 10, optional)"])]
#[case::unknown(r#"{"path":"a","file":1}"#, &["there is no field `file`", "`words`"])]
#[case::several(r#"{"pth":"a"}"#, &["there is no field `pth`; `path` is missing"])]
#[case::ill_typed(r#"{"path":5}"#, &["`path` must be a string, but is a number, `5`"])]
#[case::nul(r#"{"path":"a\u0000b"}"#, &["`path` must be a string"])]
#[case::too_large(r#"{"path":"a","limit":11}"#, &["from 1 to 10, but is a number, `11`"])]
#[case::negative(r#"{"path":"a","limit":-1}"#, &["`limit` must be"])]
#[case::fraction(r#"{"path":"a","limit":1.5}"#, &["`limit` must be"])]
#[case::text_for_number(r#"{"path":"a","limit":"3"}"#, &["but is a string, `\"3\"`"])]
#[case::mixed_list(r#"{"path":"a","words":["x",1]}"#, &["`words` must be a list of strings, not empty"])]
#[case::empty_list(r#"{"path":"a","words":[]}"#, &["not empty"])]
#[case::bad_word(r#"{"path":"a","steps":[{"step":"s","status":"later"}]}"#, &["one of \"open\", \"done\""])]
#[case::extra_key(r#"{"path":"a","steps":[{"step":"s","status":"done","x":1}]}"#, &["`steps` must be"])]
fn a_fault_names_the_field_what_was_given_and_what_is_expected(#[case] text: &str, #[case] said: &[&str]) {
    let error = Arguments::read("t", FIELDS, text).unwrap_err();
    assert!(error.starts_with("t: "), "{error}");
    for part in said {
        assert!(error.contains(part), "{error} does not say {part}");
    }
}

#[test]
fn long_values_are_cut_in_messages() {
    let error = Arguments::read("t", FIELDS, &format!(r#"{{"path":["{}"]}}"#, "ä".repeat(500))).unwrap_err();
    assert!(error.len() < 600 && error.contains('…'), "{error}");
}

#[test]
fn the_schema_says_the_same() {
    let schema = schema(&FIELDS[..3]);
    assert_eq!(
        schema,
        json!({
            "type": "object",
            "properties": {
                "path": { "type": "string", "description": "A path." },
                "words": {
                    "type": "array", "items": { "type": "string" }, "minItems": 1, "description": "Words."
                },
                "limit": { "type": "integer", "minimum": 1, "maximum": 10, "description": "A limit." },
            },
            "required": ["path"],
            "additionalProperties": false,
        })
    );
}
