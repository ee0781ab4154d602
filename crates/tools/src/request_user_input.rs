//! `request_user_input`: the model asks the user. The thread puts the questions and has the answers; no call ever runs.

use crate::tool::{Host, Tool, failed};
use agent_core::{
    Preparation, PrepareRequest, Question, QuestionOption, Subject, ToolAnswer, ToolKind, ToolRequest,
    ToolSpec,
};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tokio_util::sync::CancellationToken;

const NAME: &str = "request_user_input";
const ABOUT: &str = "Asks the user up to three short questions and waits for the answers. Use it only where you cannot go on \
     without a decision that is the user's. Any text is an answer besides the options.";

/// Questions in one call.
const MAX_QUESTIONS: usize = 3;
/// Options of one question.
const MAX_OPTIONS: usize = 10;
/// Length of an id, a header or an option, in characters.
const MAX_LABEL_CHARS: usize = 120;
/// Length of a question, an answer or what is said of an option, in characters.
const MAX_TEXT_CHARS: usize = 4_000;
/// How long questions may wait: a week.
const MAX_WAIT_MS: u64 = 7 * 24 * 60 * 60 * 1_000;
/// The thread asks; nothing runs.
const TIMEOUT_MS: u64 = 1_000;

const EXPECTED: &str = "Expected: `questions` (a list of 1 to 3 objects with `id`, `question`, optional `header`, `options` and \
     `default`), `wait_ms` (a whole number, optional)";

/// The tool.
pub(crate) struct RequestUserInput;

#[async_trait]
impl Tool for RequestUserInput {
    fn spec(&self) -> ToolSpec {
        ToolSpec::new(NAME, ABOUT, ToolKind::Function { parameters: schema() })
    }

    async fn prepare(&self, host: &Host, request: &PrepareRequest) -> Result<Preparation, String> {
        let (questions, wait_ms) = read(request.call.payload.text())?;
        Ok(host.looking(request, Subject::Questions { questions, wait_ms }, TIMEOUT_MS))
    }

    async fn run(&self, _host: &Host, _request: &ToolRequest, _stop: &CancellationToken) -> ToolAnswer {
        failed(format!("{NAME}: nobody was asked: this host leaves questions to the thread."))
    }
}

fn schema() -> Value {
    let text = |about: &str| json!({ "type": "string", "description": about });
    let option = json!({
        "type": "object",
        "properties": {
            "label": text("The answer, in one to five words."),
            "description": text("What it means or leads to, in a sentence."),
        },
        "required": ["label"],
        "additionalProperties": false,
    });
    let question = json!({
        "type": "object",
        "properties": {
            "id": text("What the answer refers to, for example `database`. Another one for each question."),
            "header": text("The question in a word or two."),
            "question": text("The question, in one sentence."),
            "options": {
                "type": "array",
                "items": option,
                "maxItems": MAX_OPTIONS,
                "description": "What can be chosen, the one you would choose first. Without options any text is an answer.",
            },
            "default": text("The answer that counts where nobody gives one in time."),
        },
        "required": ["id", "question"],
        "additionalProperties": false,
    });
    json!({
        "type": "object",
        "properties": {
            "questions": { "type": "array", "items": question, "minItems": 1, "maxItems": MAX_QUESTIONS },
            "wait_ms": {
                "type": "integer",
                "minimum": 1,
                "maximum": MAX_WAIT_MS,
                "description": "How long to wait, in milliseconds. Without it, as long as it takes.",
            },
        },
        "required": ["questions"],
        "additionalProperties": false,
    })
}

/// What the model sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    questions: Vec<SentQuestion>,
    #[serde(default)]
    wait_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SentQuestion {
    id: String,
    #[serde(default)]
    header: Option<String>,
    question: String,
    #[serde(default)]
    options: Option<Vec<SentOption>>,
    #[serde(default)]
    default: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SentOption {
    label: String,
    #[serde(default)]
    description: Option<String>,
}

fn read(text: &str) -> Result<(Vec<Question>, Option<u64>), String> {
    let sent: Sent = serde_json::from_str(text)
        .map_err(|error| format!("{NAME}: the arguments do not fit: {error}. {EXPECTED}"))?;
    let faults = faults(&sent);
    if !faults.is_empty() {
        return Err(format!("{NAME}: {}. Nobody was asked.", faults.join("; ")));
    }
    let questions = sent.questions.into_iter().map(|sent| Question {
        id: sent.id,
        header: sent.header.unwrap_or_default(),
        question: sent.question,
        options: sent
            .options
            .into_iter()
            .flatten()
            .map(|option| QuestionOption {
                label: option.label,
                description: option.description.unwrap_or_default(),
            })
            .collect(),
        default: sent.default,
    });
    Ok((questions.collect(), sent.wait_ms))
}

/// What is wrong with the call.
fn faults(sent: &Sent) -> Vec<String> {
    let mut faults = Vec::new();
    let count = sent.questions.len();
    if !(1..=MAX_QUESTIONS).contains(&count) {
        faults.push(format!("there are {count} questions, from 1 to {MAX_QUESTIONS} can be asked at once"));
    }
    if let Some(wait_ms) = sent.wait_ms
        && !(1..=MAX_WAIT_MS).contains(&wait_ms)
    {
        faults.push(format!("`wait_ms` is {wait_ms}, it must be from 1 to {MAX_WAIT_MS}"));
    }
    let mut ids = BTreeSet::new();
    for question in sent.questions.iter().take(MAX_QUESTIONS) {
        if !ids.insert(question.id.as_str()) {
            faults.push(format!("the id `{}` is used twice", shown(&question.id)));
        }
        faults.extend(faults_of(question));
    }
    faults
}

fn faults_of(question: &SentQuestion) -> Vec<String> {
    let of = shown(&question.id);
    let mut faults = Vec::new();
    let mut check = |what: String, text: &str, limit: usize, blank: Blank| {
        let chars = text.chars().count();
        if chars > limit {
            faults.push(format!("{what} has {chars} characters, at most {limit} are allowed"));
        } else if blank == Blank::Refused && text.trim().is_empty() {
            faults.push(format!("{what} is empty"));
        } else if text.contains('\0') {
            faults.push(format!("{what} has a NUL character"));
        }
    };
    check("an `id`".to_owned(), &question.id, MAX_LABEL_CHARS, Blank::Refused);
    check(format!("`question` of `{of}`"), &question.question, MAX_TEXT_CHARS, Blank::Refused);
    let header = question.header.as_deref().unwrap_or_default();
    check(format!("`header` of `{of}`"), header, MAX_LABEL_CHARS, Blank::Fine);
    if let Some(default) = &question.default {
        check(format!("`default` of `{of}`"), default, MAX_TEXT_CHARS, Blank::Refused);
    }
    let options = question.options.as_deref().unwrap_or_default();
    for option in options.iter().take(MAX_OPTIONS) {
        check(format!("a `label` of `{of}`"), &option.label, MAX_LABEL_CHARS, Blank::Refused);
        let description = option.description.as_deref().unwrap_or_default();
        check(format!("a `description` of `{of}`"), description, MAX_TEXT_CHARS, Blank::Fine);
    }
    if options.len() > MAX_OPTIONS {
        faults.push(format!("`{of}` has {} options, at most {MAX_OPTIONS} are allowed", options.len()));
    }
    let labels: BTreeSet<&str> = options.iter().map(|option| option.label.as_str()).collect();
    if labels.len() < options.len() {
        faults.push(format!("`{of}` has two options of the same label"));
    }
    faults
}

/// Whether a text may be empty.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Blank {
    Fine,
    Refused,
}

/// An id in a message, cut where long.
fn shown(id: &str) -> String {
    id.chars().take(MAX_LABEL_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn questions_are_read_as_they_are_sent() {
        let text = r#"{"questions":[
            {"id":"db","header":"Database","question":"Which one?","options":[
                {"label":"SQLite","description":"one file"},{"label":"Postgres"}],"default":"SQLite"},
            {"id":"name","question":"What is it called?"}],"wait_ms":5000}"#;
        let option = |label: &str, description: &str| QuestionOption {
            label: label.to_owned(),
            description: description.to_owned(),
        };
        let questions = vec![
            Question {
                id: "db".into(),
                header: "Database".into(),
                question: "Which one?".into(),
                options: vec![option("SQLite", "one file"), option("Postgres", "")],
                default: Some("SQLite".into()),
            },
            Question {
                id: "name".into(),
                header: String::new(),
                question: "What is it called?".into(),
                options: Vec::new(),
                default: None,
            },
        ];
        assert_eq!(read(text), Ok((questions, Some(5_000))));
    }

    #[rstest]
    #[case(json!({}), "missing field `questions`")]
    #[case(json!({ "questions": "why?" }), "expected a sequence")]
    #[case(json!({ "questions": [] }), "there are 0 questions")]
    #[case(json!({ "questions": vec![json!({ "id": "a", "question": "b" }); 4] }), "there are 4 questions")]
    #[case(json!({ "questions": vec![json!({ "id": "a", "question": "b" }); 2] }), "the id `a` is used twice")]
    #[case(json!({ "questions": [{ "id": "a" }] }), "missing field `question`")]
    #[case(json!({ "questions": [{ "id": "a", "question": " " }] }), "`question` of `a` is empty")]
    #[case(json!({ "questions": [{ "id": "", "question": "b" }] }), "an `id` is empty")]
    #[case(json!({ "questions": [{ "id": "a", "question": "b\u{0}" }] }), "has a NUL character")]
    #[case(json!({ "questions": [{ "id": "a", "question": "x".repeat(4_001) }] }), "4001 characters, at most 4000")]
    #[case(json!({ "questions": [{ "id": "a", "question": "b", "default": "" }] }), "`default` of `a` is empty")]
    #[case(json!({ "questions": [{ "id": "a", "question": "b", "why": 1 }] }), "unknown field `why`")]
    #[case(
        json!({ "questions": [{ "id": "a", "question": "b", "options": vec![json!({ "label": "x" }); 2] }] }),
        "two options of the same label"
    )]
    #[case(
        json!({ "questions": [{ "id": "a", "question": "b", "options": vec![json!({ "label": "x" }); 11] }] }),
        "11 options, at most 10"
    )]
    #[case(json!({ "questions": [{ "id": "a", "question": "b" }], "wait_ms": 0 }), "`wait_ms` is 0")]
    fn what_is_wrong_is_named(#[case] arguments: Value, #[case] said: &str) {
        let error = read(&arguments.to_string()).unwrap_err();
        assert!(error.starts_with(NAME) && error.contains(said), "{error}");
    }
}
