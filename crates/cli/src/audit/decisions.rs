//! From events to rows.

use super::{
    Row, RowKind,
    policies::{changed, policies},
};
use crate::{
    items::{call_of, doing, paths},
    view::{asked, command_line},
};
use agent_core::{
    ApprovalDecision, CallDecision, CallId, ElicitationAction, Event, EventKind, InteractionId,
    InteractionOutcome, ItemDetail, Ruling, Settings, question,
};
use std::collections::BTreeMap;

/// Who runs what the user runs.
const USER: &str = "user";

/// The decisions of a thread, as its events tell them. What a call does is often told after it was decided upon, so the
/// rows are there once all events are.
#[derive(Default)]
pub(crate) struct Audit {
    rows: Vec<Row>,
    /// What each call does.
    calls: BTreeMap<CallId, String>,
    /// What each question asks, and why.
    questions: BTreeMap<InteractionId, Asked>,
    /// How each question ended.
    outcomes: BTreeMap<InteractionId, InteractionOutcome>,
    settings: Option<Settings>,
}

struct Asked {
    call: Option<CallId>,
    what: String,
    reason: Option<String>,
}

impl Audit {
    /// Takes the next event.
    pub(crate) fn event(&mut self, event: &Event) {
        if let Some(id) = question(event) {
            self.asks(id, &event.kind);
        }
        match &event.kind {
            EventKind::ThreadStarted { settings, .. } => {
                let all = policies(settings).into_iter().map(|(name, value)| format!("{name}: {value}"));
                let what = all.collect::<Vec<_>>().join("; ");
                self.rows.push(Row {
                    what,
                    decision: "started with".into(),
                    ..row(event, RowKind::Settings)
                });
                self.settings = Some((**settings).clone());
            }
            EventKind::SettingsChanged { settings } => {
                let before = self.settings.replace((**settings).clone()).unwrap_or_default();
                let what = changed(&before, settings).join("; ");
                if !what.is_empty() {
                    self.rows.push(Row { what, decision: "changed".into(), ..row(event, RowKind::Settings) });
                }
            }
            EventKind::ItemStarted { item } | EventKind::ItemCompleted { item } => {
                if let (Some(call), Some(what)) = (call_of(&item.detail), doing(&item.detail)) {
                    self.calls.insert(call.clone(), what);
                }
                if let (EventKind::ItemStarted { .. }, ItemDetail::UserCommand { command, .. }) =
                    (&event.kind, &item.detail)
                {
                    let (what, by, decision) = (command.clone(), USER.into(), "ran".into());
                    self.rows.push(Row { what, by, decision, ..row(event, RowKind::UserCommand) });
                }
            }
            EventKind::CallDecided(decision) => self.decided(event, decision),
            EventKind::InteractionResolved { id, outcome, actor } => {
                self.resolved(event, id, outcome, actor);
            }
            _ => {}
        }
    }

    /// The rows, in the order of the events.
    pub(crate) fn rows(self) -> Vec<Row> {
        let Self { mut rows, calls, questions, outcomes, .. } = self;
        // An approval whose call was decided upon is told by that decision.
        let told: Vec<InteractionId> =
            rows.iter().filter(|row| row.kind == RowKind::Call).filter_map(|row| row.asked.clone()).collect();
        rows.retain(|row| {
            row.kind != RowKind::Question || row.asked.as_ref().is_none_or(|id| !told.contains(id))
        });
        for row in &mut rows {
            let asked = row.asked.as_ref().and_then(|id| questions.get(id));
            if let Some(asked) = asked {
                row.call = row.call.take().or_else(|| asked.call.clone());
                row.reason = row.reason.take().or_else(|| asked.reason.clone());
            }
            if row.what.is_empty() {
                let what = row.call.as_ref().and_then(|call| calls.get(call));
                row.what = match (row.kind, what, asked) {
                    (RowKind::Question, _, Some(asked)) | (_, None, Some(asked)) => asked.what.clone(),
                    (_, Some(what), _) => what.clone(),
                    (_, None, None) => String::new(),
                };
            }
            if let (RowKind::Call, Some(outcome)) =
                (row.kind, row.asked.as_ref().and_then(|id| outcomes.get(id)))
            {
                row.decision = outcome_word(outcome);
            }
        }
        rows
    }

    fn asks(&mut self, id: &InteractionId, kind: &EventKind) {
        let (call, reason) = match kind {
            EventKind::ExecApprovalRequest(request) => (Some(&request.call), Some(request.reason.clone())),
            EventKind::PatchApprovalRequest(request) => (Some(&request.call), Some(request.reason.clone())),
            EventKind::RequestUserInput { call, .. }
            | EventKind::ElicitationRequest { call, .. }
            | EventKind::DynamicToolCallRequest { call, .. } => (Some(call), None),
            _ => (None, None),
        };
        // Why is told in its own place.
        let what = match kind {
            EventKind::ExecApprovalRequest(request) => command_line(&request.command),
            EventKind::PatchApprovalRequest(request) => format!("change {}", paths(&request.changes)),
            _ => asked(kind).unwrap_or_default(),
        };
        self.questions.insert(id.clone(), Asked { call: call.cloned(), what, reason });
    }

    fn decided(&mut self, event: &Event, decision: &CallDecision) {
        let CallDecision { call, ruling, by, asked, grant, reason, rule } = decision;
        let ruling = match ruling {
            Ruling::Allowed => "allowed",
            Ruling::Refused => "refused",
        };
        self.rows.push(Row {
            call: Some(call.clone()),
            decision: ruling.into(),
            by: by.clone(),
            asked: asked.clone(),
            reason: reason.clone(),
            rule: rule.clone(),
            grant: *grant,
            ..row(event, RowKind::Call)
        });
    }

    fn resolved(&mut self, event: &Event, id: &InteractionId, outcome: &InteractionOutcome, actor: &str) {
        self.outcomes.insert(id.clone(), outcome.clone());
        let rule = match outcome {
            InteractionOutcome::Answered(ApprovalDecision::ApprovedWithAmendment { rule }) => {
                Some(rule.clone())
            }
            _ => None,
        };
        self.rows.push(Row {
            decision: outcome_word(outcome),
            by: actor.to_owned(),
            asked: Some(id.clone()),
            rule,
            ..row(event, RowKind::Question)
        });
    }
}

fn row(event: &Event, kind: RowKind) -> Row {
    Row {
        seq: event.seq,
        at_ms: event.at_ms,
        turn: event.turn,
        kind,
        call: None,
        what: String::new(),
        decision: String::new(),
        by: String::new(),
        asked: None,
        reason: None,
        rule: None,
        grant: None,
    }
}

/// How a question ended, in a word or two.
fn outcome_word(outcome: &InteractionOutcome) -> String {
    let word = match outcome {
        InteractionOutcome::Answered(decision) => match decision {
            ApprovalDecision::Approved => "approved",
            ApprovalDecision::ApprovedForSession => "approved for the thread",
            ApprovalDecision::ApprovedWithAmendment { .. } => "approved with a rule",
            ApprovalDecision::Denied => "denied",
            ApprovalDecision::Abort => "denied, turn stopped",
            _ => "answered",
        },
        InteractionOutcome::Told(answers) => {
            let told: Vec<String> = answers.values().map(|texts| texts.join(", ")).collect();
            return format!("answered: {}", told.join(" / "));
        }
        InteractionOutcome::Replied(action) => match action {
            ElicitationAction::Accept => "filled in",
            ElicitationAction::Decline => "declined",
            _ => "cancelled",
        },
        InteractionOutcome::Ran { success: true } => "run by the client",
        InteractionOutcome::Ran { success: false } => "failed at the client",
        InteractionOutcome::Expired => "expired",
        InteractionOutcome::Released => "released",
        InteractionOutcome::Withdrawn => "withdrawn",
        _ => "answered",
    };
    word.to_owned()
}
