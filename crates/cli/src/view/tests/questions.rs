//! Questions, for people and programs: what is asked, what can be answered, how long it waits, how it ended.

use super::{shown, told};
use agent_core::{
    Answers, ApprovalDecision, CallId, Elicitation, EventKind, ExecApproval, FileChange, FileChangeKind,
    InteractionId, InteractionOutcome, PatchApproval, Question, QuestionOption,
};
use serde_json::json;

fn exec() -> EventKind {
    EventKind::ExecApprovalRequest(ExecApproval {
        id: InteractionId::new("q0"),
        call: CallId::new("call_1"),
        command: vec!["rm".into(), "a b".into()],
        cwd: "/work".into(),
        reason: "it deletes".into(),
        grant_root: Some("/etc".into()),
        risk: Some("data is lost".into()),
        amendment: Some("rm \u{1b}[2J".into()),
        deadline_ms: Some(300_100),
    })
}

fn patch() -> EventKind {
    EventKind::PatchApprovalRequest(PatchApproval {
        id: InteractionId::new("q1"),
        call: CallId::new("call_2"),
        changes: vec![FileChange {
            path: "f".into(),
            kind: FileChangeKind::Add,
            moved_to: None,
            diff: "+x\n".into(),
        }],
        reason: "outside".into(),
        grant_root: Some("/etc".into()),
        deadline_ms: None,
    })
}

fn asks() -> EventKind {
    let option = |label: &str, about: &str| QuestionOption { label: label.into(), description: about.into() };
    EventKind::RequestUserInput {
        id: InteractionId::new("q2"),
        call: CallId::new("call_3"),
        questions: vec![
            Question {
                id: "style".into(),
                header: "Style".into(),
                question: "Which one?\u{1b}[2J".into(),
                options: vec![option("snake", "lower case"), option("camel", "")],
                default: Some("snake".into()),
            },
            Question {
                id: "name".into(),
                header: String::new(),
                question: "Whose?".into(),
                options: Vec::new(),
                default: None,
            },
        ],
        deadline_ms: Some(60_300),
    }
}

fn elicits() -> EventKind {
    EventKind::ElicitationRequest {
        id: InteractionId::new("q3"),
        call: CallId::new("call_4"),
        request: Elicitation {
            server: "files".into(),
            message: "Which folder?".into(),
            schema: json!({ "required": ["path"], "properties": { "path": { "type": "string", "title": "Path" } } }),
            url: Some("https://a.b/c".into()),
        },
        deadline_ms: None,
    }
}

fn runs() -> EventKind {
    EventKind::DynamicToolCallRequest {
        id: InteractionId::new("q4"),
        call: CallId::new("call_5"),
        tool: "look_up".into(),
        arguments: "{\"a\":1}".into(),
        deadline_ms: Some(1_500),
    }
}

#[test]
fn questions_say_what_and_why_and_what_can_be_answered() {
    let all = shown([exec(), patch(), asks(), elicits(), runs()].map(Into::into).into());
    assert_eq!(
        all,
        "May I? rm 'a b'\n  it deletes  [q0]\n  risk: data is lost\n  a yes for the session lets the agent write in /etc\n  \
         a rule could allow all that begins with `rm ␛[2J`\n  without an answer within 5 min 0 s it is a no\n\
         May I? change f\n  outside  [q1]\n  a yes for the session lets the agent write in /etc\n  +x\n\
         The agent asks  [q2]\n  Style: Which one?␛[2J\n    1  snake — lower case\n    2  camel\n    \
         (without an answer: snake)\n  Whose?\n  without an answer within 1 min 0 s the defaults count\n\
         The server files asks  [q3]\n  Which folder?\n  open https://a.b/c\n    path: Path (text)\n\
         A client has to run look_up({\"a\":1})  [q4]\n  without an answer within 1.0 s it has failed\n"
    );
}

fn resolved(id: &str, outcome: InteractionOutcome) -> EventKind {
    EventKind::InteractionResolved { id: InteractionId::new(id), outcome, actor: "cli".into() }
}

fn endings() -> Vec<EventKind> {
    let answers: Answers = [("name".to_owned(), vec!["me\u{7}".to_owned()])].into();
    let rule = ApprovalDecision::ApprovedWithAmendment { rule: "rm".into() };
    vec![
        resolved("q0", InteractionOutcome::Answered(ApprovalDecision::Approved)),
        resolved("q0", InteractionOutcome::Answered(rule)),
        resolved("q2", InteractionOutcome::Told(answers)),
        resolved("q1", InteractionOutcome::Expired),
        resolved("q1", InteractionOutcome::Released),
        resolved("q1", InteractionOutcome::Withdrawn),
        resolved("q4", InteractionOutcome::Ran { success: true }),
    ]
}

#[test]
fn how_a_question_ended_is_told_where_nothing_else_says_it() {
    assert_eq!(
        shown(endings().into_iter().map(Into::into).collect()),
        "  cli added the rule `rm`  [q0]\n  answered: me␇  [q2]\n  nobody answered in time; the default counts  [q1]\n  \
         the settings changed, and allow it now  [q1]\n  taken back: the turn stopped  [q1]\n"
    );
}

#[test]
fn programs_are_told_every_question_with_what_answers_it() {
    let mut kinds = vec![exec(), patch(), asks(), elicits(), runs()];
    kinds.extend([endings().remove(0), endings().remove(2)]);
    let questions = json!([
        { "id": "style", "header": "Style", "question": "Which one?\u{1b}[2J", "default": "snake",
          "options": [{ "label": "snake", "description": "lower case" }, { "label": "camel" }] },
        { "id": "name", "question": "Whose?" },
    ]);
    let EventKind::ElicitationRequest { request, .. } = elicits() else { return };
    assert_eq!(
        told(kinds.into_iter().map(Into::into).collect()),
        [
            json!({ "seq": 1, "type": "approval.requested", "id": "q0", "kind": "command", "command": "rm 'a b'", "cwd": "/work", "reason": "it deletes", "grant_root": "/etc", "risk": "data is lost", "amendment": "rm \u{1b}[2J", "deadline_ms": 300_100 }),
            json!({ "seq": 2, "type": "approval.requested", "id": "q1", "kind": "file_change", "changes": [{ "path": "f", "kind": "add" }], "reason": "outside", "grant_root": "/etc" }),
            json!({ "seq": 3, "type": "interaction.requested", "id": "q2", "kind": "user_input", "request": { "questions": questions }, "deadline_ms": 60_300 }),
            json!({ "seq": 4, "type": "interaction.requested", "id": "q3", "kind": "elicitation", "request": json!(request) }),
            json!({ "seq": 5, "type": "interaction.requested", "id": "q4", "kind": "tool_call", "request": { "tool": "look_up", "arguments": "{\"a\":1}" }, "deadline_ms": 1_500 }),
            json!({ "seq": 6, "type": "approval.resolved", "id": "q0", "outcome": { "answered": "approved" }, "actor": "cli" }),
            json!({ "seq": 7, "type": "interaction.resolved", "id": "q2", "outcome": { "told": { "name": ["me\u{7}"] } }, "actor": "cli" }),
        ]
    );
}
