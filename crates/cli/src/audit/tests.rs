//! What an audit makes of a thread's events.

use super::{Audit, Row};
use crate::view::Style;
use agent_core::{
    ApprovalDecision, CallDecision, CallId, Event, EventKind, ExecApproval, Grant, InteractionId,
    InteractionOutcome, ItemDetail, ItemId, OutputStatus, Question, Ruling, SandboxPolicy, Settings, Source,
    Tenant, ThreadId, ThreadKey, ToolOutput, TurnId, TurnItem,
};
use serde_json::json;

/// 2026-11-21T14:00:00Z.
const START_MS: u64 = 1_795_269_600_000;

fn audit(kinds: Vec<EventKind>) -> Vec<Row> {
    let mut audit = Audit::default();
    for (seq, kind) in (1..).zip(kinds) {
        audit.event(&Event { seq, at_ms: START_MS + seq * 1_000, turn: Some(TurnId(1)), kind });
    }
    audit.rows()
}

fn lines(kinds: Vec<EventKind>) -> Vec<String> {
    audit(kinds).iter().flat_map(|row| row.lines(Style::Plain)).collect()
}

fn asked(id: &str, call: &str, command: &str) -> EventKind {
    EventKind::ExecApprovalRequest(ExecApproval {
        id: InteractionId::new(id),
        call: CallId::new(call),
        command: vec!["/bin/bash".into(), "-c".into(), command.into()],
        cwd: "/work".into(),
        reason: "it leaves the sandbox".into(),
        grant_root: None,
        risk: None,
        amendment: Some("git push".into()),
        deadline_ms: None,
    })
}

fn resolved(id: &str, outcome: InteractionOutcome, actor: &str) -> EventKind {
    EventKind::InteractionResolved { id: InteractionId::new(id), outcome, actor: actor.into() }
}

fn decided(call: &str, ruling: Ruling, by: &str, asked: Option<&str>) -> CallDecision {
    let grant = (ruling == Ruling::Allowed).then_some(Grant::Sandboxed);
    let asked = asked.map(InteractionId::new);
    CallDecision { call: CallId::new(call), ruling, by: by.into(), asked, grant, reason: None, rule: None }
}

fn ran(call: &str, command: &str) -> EventKind {
    let detail = ItemDetail::CommandExecution {
        call: CallId::new(call),
        command: vec![command.into()],
        cwd: "/work".into(),
        output: Some(ToolOutput::text(OutputStatus::Ok, "")),
    };
    EventKind::ItemCompleted { item: TurnItem { id: ItemId::new(call), detail } }
}

#[test]
fn a_call_that_nobody_was_asked_about_is_a_row_with_what_is_told_of_it_later() {
    let refused = CallDecision {
        reason: Some("Forbidden by policy: never".into()),
        rule: Some("never".into()),
        ..decided("call_2", Ruling::Refused, "rule", None)
    };
    assert_eq!(
        lines(vec![
            EventKind::CallDecided(decided("call_1", Ruling::Allowed, "policy", None)),
            ran("call_1", "ls\u{1b}"),
            EventKind::CallDecided(refused),
            ran("call_2", "shutdown"),
        ]),
        [
            "2026-11-21T14:00:01Z     1  call_1    allowed               policy     sandboxed   'ls␛'",
            "2026-11-21T14:00:03Z     1  call_2    refused               rule       -           shutdown",
            "    why: Forbidden by policy: never; rule: never",
        ]
    );
}

#[test]
fn an_answered_approval_is_one_row_with_who_and_why_and_which_rule() {
    let rule = ApprovalDecision::ApprovedWithAmendment { rule: "git".into() };
    let allowed = CallDecision {
        rule: Some("git".into()),
        grant: Some(Grant::Unconfined),
        ..decided("call_1", Ruling::Allowed, "ann", Some("t-1"))
    };
    assert_eq!(
        lines(vec![
            asked("t-1", "call_1", "git push"),
            resolved("t-1", InteractionOutcome::Answered(rule), "ann"),
            EventKind::CallDecided(allowed),
            asked("t-2", "call_2", "rm -r x"),
            resolved("t-2", InteractionOutcome::Expired, "deadline"),
            EventKind::CallDecided(decided("call_2", Ruling::Refused, "deadline", Some("t-2"))),
            asked("t-3", "call_3", "make"),
            resolved("t-3", InteractionOutcome::Withdrawn, "cli"),
        ]),
        [
            "2026-11-21T14:00:03Z     1  call_1    approved with a rule  ann        unconfined  git push",
            "    asked as t-1; why: it leaves the sandbox; rule: git",
            "2026-11-21T14:00:06Z     1  call_2    expired               deadline   -           rm -r x",
            "    asked as t-2; why: it leaves the sandbox",
            "2026-11-21T14:00:08Z     1  call_3    withdrawn             cli        -           make",
            "    asked as t-3; why: it leaves the sandbox",
        ]
    );
}

#[test]
fn answers_settings_and_commands_of_the_user_are_rows_too() {
    let before = Settings::new("/work", "m");
    let after = Settings { sandbox: SandboxPolicy::DangerFullAccess, ..before.clone() };
    let question = Question {
        id: "style".into(),
        header: String::new(),
        question: "Which?".into(),
        options: Vec::new(),
        default: None,
    };
    let detail = ItemDetail::UserCommand { command: "ls -l".into(), cwd: "/work".into(), output: None };
    let rows = audit(vec![
        EventKind::ThreadStarted {
            key: ThreadKey { tenant: Tenant::default(), thread: ThreadId::new("t") },
            source: Source::Cli,
            settings: Box::new(before),
            forked_from: None,
            durability: "d".into(),
        },
        EventKind::RequestUserInput {
            id: InteractionId::new("t-1"),
            call: CallId::new("call_1"),
            questions: vec![question],
            deadline_ms: None,
        },
        resolved(
            "t-1",
            InteractionOutcome::Told([("style".to_owned(), vec!["snake".to_owned()])].into()),
            "ann",
        ),
        EventKind::SettingsChanged { settings: Box::new(after.clone()) },
        // Nothing that a decision depends on.
        EventKind::SettingsChanged { settings: Box::new(Settings { stream_retries: 1, ..after }) },
        EventKind::ItemStarted { item: TurnItem { id: ItemId::new("in_1"), detail } },
    ]);
    let told: Vec<_> =
        rows.iter().map(|row| (row.kind.word(), row.decision.as_str(), row.what.as_str())).collect();
    assert_eq!(
        told,
        [
            (
                "settings",
                "started with",
                "approval: on-request; sandbox: read-only; answers: wait for ever; cwd: /work; model: m"
            ),
            ("question", "answered: snake", "the agent asks: Which?"),
            ("settings", "changed", "sandbox: read-only → danger-full-access"),
            ("user_command", "ran", "ls -l"),
        ]
    );
    assert_eq!(
        rows[1].json(),
        json!({
            "seq": 3, "at_ms": START_MS + 3_000, "time": "2026-11-21T14:00:03Z", "turn": 1, "kind": "question",
            "call": "call_1", "what": "the agent asks: Which?", "decision": "answered: snake", "by": "ann",
            "asked": true, "question": "t-1", "reason": null, "rule": null, "grant": null,
        })
    );
}

#[test]
fn a_thread_of_an_earlier_version_tells_its_answers() {
    let rows = audit(vec![
        asked("t-1", "call_1", "make"),
        resolved("t-1", InteractionOutcome::Answered(ApprovalDecision::Denied), "ann"),
        ran("call_1", "make"),
    ]);
    let told: Vec<_> =
        rows.iter().map(|row| (row.decision.as_str(), row.by.as_str(), row.call.clone())).collect();
    assert_eq!(told, [("denied", "ann", Some(CallId::new("call_1")))]);
}
