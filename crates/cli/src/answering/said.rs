//! [`said`]: the op that a command line means as the answer to a question.

use super::{
    decide,
    field::{Field, content, fields},
    option_or_text,
};
use crate::{exit::Failure, view::clean_line};
use agent_core::{
    Answers, ApprovalDecision, ClientToolResult, Content, Elicitation, ElicitationAction, ElicitationReply,
    EventKind, Op, PendingInteraction, Question,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a command line says of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Said {
    /// Nothing.
    #[default]
    Nothing,
    /// This text.
    Text(String),
    /// The option with this number.
    Option(usize),
    /// Values by the names of fields or questions.
    Fields(Vec<(String, String)>),
    /// All of it, as JSON.
    Json(String),
    /// No.
    Decline,
    /// Neither yes nor no.
    Cancel,
    /// It failed, and why.
    Failed(String),
}

/// The op that answers an approval.
pub(crate) fn approval(question: &PendingInteraction, decision: ApprovalDecision) -> Result<Op, Failure> {
    decide(&question.question.kind, question.id.clone(), decision).ok_or_else(|| {
        Failure::usage(format!(
            "{} is no question of yes or no: answer it with everturn answer {} …, see everturn approvals",
            question.id, question.id
        ))
    })
}

/// The op that answers any other question.
pub(crate) fn said(question: &PendingInteraction, said: &Said) -> Result<Op, Failure> {
    let id = question.id.clone();
    let op = match &question.question.kind {
        EventKind::RequestUserInput { questions, .. } => {
            tell(questions, said).map(|answers| Op::UserInputAnswer { id, answers })
        }
        EventKind::ElicitationRequest { request, .. } => {
            reply(request, said).map(|response| Op::ResolveElicitation { id, response })
        }
        EventKind::DynamicToolCallRequest { .. } => {
            ran(said).map(|response| Op::DynamicToolResponse { id, response })
        }
        _ => Err(format!("it is a question of yes or no: everturn approve {id} or everturn deny {id}")),
    };
    op.map_err(|why| Failure::usage(format!("question {}: {why}", question.id)))
}

fn tell(questions: &[Question], said: &Said) -> Result<Answers, String> {
    let ids = || {
        let id = |question: &Question| format!("--field {}=…", question.id);
        questions.iter().map(id).collect::<Vec<_>>().join(" ")
    };
    let only = || match questions {
        [only] => Ok(only),
        _ => Err(format!("it asks {} things; answer each: {}", questions.len(), ids())),
    };
    let one = |question: &Question, text: &str| (question.id.clone(), vec![option_or_text(question, text)]);
    match said {
        Said::Text(text) => Ok(Answers::from([one(only()?, text)])),
        Said::Option(number) => {
            let question = only()?;
            let option = number.checked_sub(1).and_then(|at| question.options.get(at));
            let option =
                option.ok_or_else(|| format!("it has {} options, not {number}", question.options.len()))?;
            Ok(Answers::from([(question.id.clone(), vec![option.label.clone()])]))
        }
        Said::Fields(fields) => {
            let answer = |(id, text): &(String, String)| {
                let question = questions.iter().find(|question| question.id == *id);
                let question =
                    question.ok_or_else(|| format!("it does not ask `{id}`; it asks {}", ids()))?;
                Ok(one(question, text))
            };
            let answers: Answers = fields.iter().map(answer).collect::<Result<_, String>>()?;
            match questions.iter().find(|question| !answers.contains_key(&question.id)) {
                Some(missing) => Err(format!("there is no answer to `{}`; it asks {}", missing.id, ids())),
                None => Ok(answers),
            }
        }
        Said::Json(json) => answers_of(questions, json, &ids()),
        Said::Nothing => Err(format!("say the answer: a text, --option N, or {}", ids())),
        Said::Decline | Said::Cancel | Said::Failed(_) => Err(
            "the agent's questions are answered with a text or --option N; everturn interrupt stops the turn"
                .into(),
        ),
    }
}

/// Texts, or lists of texts, by the ids of the questions.
fn answers_of(questions: &[Question], json: &str, ids: &str) -> Result<Answers, String> {
    let wrong = || format!("the JSON is no object of texts by question; it asks {ids}");
    let read: BTreeMap<String, Value> = serde_json::from_str(json).map_err(|_| wrong())?;
    if let Some(unknown) = read.keys().find(|id| !questions.iter().any(|question| question.id == **id)) {
        return Err(format!("it does not ask `{unknown}`; it asks {ids}"));
    }
    let text = |value: Value| match value {
        Value::String(text) => Ok(text),
        _ => Err(wrong()),
    };
    let texts = |value| match value {
        Value::Array(values) => values.into_iter().map(text).collect::<Result<_, _>>(),
        value => text(value).map(|text| vec![text]),
    };
    read.into_iter().map(|(id, value)| Ok((id, texts(value)?))).collect()
}

fn reply(request: &Elicitation, said: &Said) -> Result<ElicitationReply, String> {
    let fields = fields(&request.schema);
    let of = |action, content| Ok(ElicitationReply { action, content });
    match said {
        Said::Decline => of(ElicitationAction::Decline, Value::Null),
        Said::Cancel => of(ElicitationAction::Cancel, Value::Null),
        Said::Json(json) => {
            let content: Value =
                serde_json::from_str(json).map_err(|error| format!("that is no JSON: {error}"))?;
            if !content.is_object() {
                return Err("the JSON has to be an object".into());
            }
            of(ElicitationAction::Accept, content)
        }
        Said::Text(text) if fields.is_empty() => match text.to_lowercase().as_str() {
            "y" | "yes" | "done" => of(ElicitationAction::Accept, Value::Null),
            _ => Err("there is nothing to fill in: say yes, --decline or --cancel".into()),
        },
        Said::Text(text) => match &fields[..] {
            [only] => of(ElicitationAction::Accept, filled(&fields, &[(only.name.clone(), text.clone())])?),
            _ => Err(format!("there are several things to fill in: {}", listed(&fields))),
        },
        Said::Fields(given) => of(ElicitationAction::Accept, filled(&fields, given)?),
        Said::Nothing if fields.is_empty() => Err("say yes, --decline or --cancel".into()),
        Said::Nothing => Err(format!("say --decline, --cancel, or fill in {}", listed(&fields))),
        Said::Option(_) | Said::Failed(_) => {
            Err("a form is filled in with --field NAME=VALUE or --json, or --decline, or --cancel".into())
        }
    }
}

/// What was filled in. What is left out has its default, or none.
fn filled(fields: &[Field], given: &[(String, String)]) -> Result<Value, String> {
    if let Some((unknown, _)) = given.iter().find(|(name, _)| !fields.iter().any(|field| field.name == *name))
    {
        return Err(format!("there is no `{unknown}` to fill in, but {}", listed(fields)));
    }
    let mut all = Vec::new();
    for field in fields {
        let value = match given.iter().rfind(|(name, _)| *name == field.name) {
            Some((_, text)) => Some(field.read(text)?),
            None => field.unsaid()?,
        };
        all.extend(value.map(|value| (field.name.clone(), value)));
    }
    Ok(content(all))
}

fn listed(fields: &[Field]) -> String {
    fields.iter().map(|field| clean_line(&field.line())).collect::<Vec<_>>().join("; ")
}

fn ran(said: &Said) -> Result<ClientToolResult, String> {
    let result = |success, text: &str| Ok(ClientToolResult { success, content: vec![Content::text(text)] });
    match said {
        Said::Text(text) | Said::Json(text) => result(true, text),
        Said::Failed(why) => result(false, why),
        Said::Decline => result(false, "the user declined to run it"),
        Said::Cancel => result(false, "the user could not run it"),
        Said::Nothing => Err("say what the tool returned: a text, --json JSON, or --fail WHY".into()),
        Said::Option(_) | Said::Fields(_) => {
            Err("a tool's result is a text, --json JSON, or --fail WHY".into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::{
        CallId, Event, ExecApproval, InteractionId, QuestionOption, Tenant, ThreadId, ThreadKey,
    };
    use serde_json::json;

    fn pending(kind: EventKind) -> PendingInteraction {
        PendingInteraction {
            key: ThreadKey { tenant: Tenant::default(), thread: ThreadId::new("t") },
            id: InteractionId::new("t-1"),
            title: None,
            question: Event { seq: 1, at_ms: 1, turn: None, kind },
        }
    }

    fn asks(ids: &[&str]) -> PendingInteraction {
        let option = |label: &str| QuestionOption { label: label.into(), description: String::new() };
        let question = |id: &&str| Question {
            id: (*id).into(),
            header: String::new(),
            question: "Which?".into(),
            options: vec![option("snake"), option("camel")],
            default: None,
        };
        pending(EventKind::RequestUserInput {
            id: InteractionId::new("t-1"),
            call: CallId::new("call_1"),
            questions: ids.iter().map(question).collect(),
            deadline_ms: None,
        })
    }

    fn form(schema: Value) -> PendingInteraction {
        let request = Elicitation { server: "s".into(), message: "m".into(), schema, url: None };
        let (id, call) = (InteractionId::new("t-1"), CallId::new("call_1"));
        pending(EventKind::ElicitationRequest { id, call, request, deadline_ms: None })
    }

    fn fields_of(given: &[(&str, &str)]) -> Said {
        Said::Fields(given.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
    }

    fn told(question: &PendingInteraction, words: &Said) -> Result<Value, String> {
        match said(question, words) {
            Ok(Op::UserInputAnswer { answers, .. }) => Ok(json!(answers)),
            Ok(Op::ResolveElicitation { response, .. }) => Ok(json!(response)),
            Ok(Op::DynamicToolResponse { response, .. }) => Ok(json!(response)),
            Ok(other) => Err(other.name().to_owned()),
            Err(failure) => Err(failure.message),
        }
    }

    #[test]
    fn a_question_takes_a_text_a_number_or_json() {
        let one = asks(&["style"]);
        assert_eq!(told(&one, &Said::Text("CAMEL".into())), Ok(json!({ "style": ["camel"] })));
        assert_eq!(told(&one, &Said::Text("kebab".into())), Ok(json!({ "style": ["kebab"] })));
        assert_eq!(told(&one, &Said::Option(1)), Ok(json!({ "style": ["snake"] })));
        assert_eq!(told(&one, &Said::Option(3)).unwrap_err(), "question t-1: it has 2 options, not 3");
        assert_eq!(
            told(&one, &Said::Json(r#"{"style":["a","b"]}"#.into())),
            Ok(json!({ "style": ["a", "b"] }))
        );
        assert!(told(&one, &Said::Json(r#"{"other":"a"}"#.into())).unwrap_err().contains("`other`"));
        assert!(told(&one, &Said::Decline).is_err());
        let two = asks(&["a", "b"]);
        assert_eq!(
            told(&two, &Said::Text("x".into())).unwrap_err(),
            "question t-1: it asks 2 things; answer each: --field a=… --field b=…"
        );
        assert_eq!(
            told(&two, &fields_of(&[("b", "2"), ("a", "x")])),
            Ok(json!({ "a": ["x"], "b": ["camel"] }))
        );
        assert!(told(&two, &fields_of(&[("a", "x")])).unwrap_err().contains("no answer to `b`"));
        assert!(told(&two, &fields_of(&[("c", "x")])).unwrap_err().contains("does not ask `c`"));
    }

    #[test]
    fn a_form_takes_fields_json_or_a_no() {
        let two = form(json!({ "required": ["age"], "properties": {
            "age": { "type": "integer" }, "name": { "type": "string", "default": "me" } } }));
        let accepted = |content: Value| Ok(json!({ "action": "accept", "content": content }));
        assert_eq!(told(&two, &fields_of(&[("age", "4")])), accepted(json!({ "age": 4, "name": "me" })));
        assert!(told(&two, &fields_of(&[("name", "x")])).unwrap_err().contains("`age` has to be filled in"));
        assert!(told(&two, &fields_of(&[("age", "x")])).unwrap_err().contains("a whole number"));
        assert!(told(&two, &fields_of(&[("agee", "1")])).unwrap_err().contains("no `agee`"));
        assert_eq!(told(&two, &Said::Json(r#"{"age":5}"#.into())), accepted(json!({ "age": 5 })));
        assert!(told(&two, &Said::Json("5".into())).is_err());
        assert_eq!(told(&two, &Said::Decline), Ok(json!({ "action": "decline" })));
        assert_eq!(told(&two, &Said::Cancel), Ok(json!({ "action": "cancel" })));
        let one = form(json!({ "properties": { "age": { "type": "integer" } } }));
        assert_eq!(told(&one, &Said::Text("4".into())), accepted(json!({ "age": 4 })));
        let none = form(Value::Null);
        assert_eq!(told(&none, &Said::Text("yes".into())), Ok(json!({ "action": "accept" })));
        assert!(told(&none, &Said::Nothing).is_err());
    }

    #[test]
    fn a_clients_tool_returns_or_fails_and_an_approval_is_no_text() {
        let tool = pending(EventKind::DynamicToolCallRequest {
            id: InteractionId::new("t-1"),
            call: CallId::new("call_1"),
            tool: "look_up".into(),
            arguments: "{}".into(),
            deadline_ms: None,
        });
        let text = |success: bool, text: &str| {
            Ok(json!({ "success": success, "content": [{ "type": "text", "text": text }] }))
        };
        assert_eq!(told(&tool, &Said::Text("42".into())), text(true, "42"));
        assert_eq!(told(&tool, &Said::Failed("offline".into())), text(false, "offline"));
        assert!(
            approval(&tool, ApprovalDecision::Approved).unwrap_err().message.contains("everturn answer t-1")
        );
        let command = pending(EventKind::ExecApprovalRequest(ExecApproval {
            id: InteractionId::new("t-1"),
            call: CallId::new("call_1"),
            command: Vec::new(),
            cwd: String::new(),
            reason: String::new(),
            grant_root: None,
            risk: None,
            amendment: None,
            deadline_ms: None,
        }));
        assert!(told(&command, &Said::Text("y".into())).unwrap_err().contains("everturn approve t-1"));
    }
}
