//! Questions: what is asked and why, what can be answered, how long it waits, and how it ended.

use crate::{
    answering::fields,
    items::paths,
    view::{Style, amounts::duration, asked::call_line, clean, clean_line, command_line},
};
use agent_core::{
    ApprovalDecision, Elicitation, Event, EventKind, ExecApproval, InteractionOutcome, PatchApproval,
    Question,
};

/// The lines of a question; none where the event asks nothing.
pub(super) fn question(style: Style, event: &Event) -> Vec<String> {
    let waits = |deadline_ms: &Option<u64>, then: &str| {
        deadline_ms.map(|due| {
            let wait = duration(due.saturating_sub(event.at_ms));
            style.dim(format!("  without an answer within {wait} {then}"))
        })
    };
    let (mut lines, waits) = match &event.kind {
        EventKind::ExecApprovalRequest(request) => {
            (command(style, request), waits(&request.deadline_ms, "it is a no"))
        }
        EventKind::PatchApprovalRequest(request) => {
            (patch(style, request), waits(&request.deadline_ms, "it is a no"))
        }
        EventKind::RequestUserInput { id, questions, deadline_ms, .. } => {
            let mut lines = vec![headed(style, "The agent asks", id.as_str())];
            lines.extend(questions.iter().flat_map(|question| choices(style, question)));
            (lines, waits(deadline_ms, "the defaults count"))
        }
        EventKind::ElicitationRequest { id, request, deadline_ms, .. } => {
            (form(style, id.as_str(), request), waits(deadline_ms, "it is cancelled"))
        }
        EventKind::DynamicToolCallRequest { id, tool, arguments, deadline_ms, .. } => {
            let what = format!("A client has to run {}", clean_line(&call_line(tool, arguments)));
            (vec![headed(style, &what, id.as_str())], waits(deadline_ms, "it has failed"))
        }
        _ => return Vec::new(),
    };
    lines.extend(waits);
    lines
}

/// How a question ended, where what follows does not say it.
pub(super) fn ending(style: Style, id: &str, outcome: &InteractionOutcome, actor: &str) -> Option<String> {
    let what = match outcome {
        InteractionOutcome::Answered(ApprovalDecision::ApprovedWithAmendment { rule }) => {
            format!("{} added the rule `{}`", clean_line(actor), clean_line(rule))
        }
        InteractionOutcome::Expired => "nobody answered in time; the default counts".into(),
        InteractionOutcome::Released => "the settings changed, and allow it now".into(),
        InteractionOutcome::Withdrawn => "taken back: the turn stopped".into(),
        InteractionOutcome::Told(answers) => {
            let told: Vec<String> = answers.values().map(|texts| texts.join(", ")).collect();
            format!("answered: {}", clean_line(&told.join(" / ")))
        }
        // What follows the answer says what it was.
        InteractionOutcome::Answered(_) | InteractionOutcome::Replied(_) | InteractionOutcome::Ran { .. } => {
            return None;
        }
        _ => return None,
    };
    Some(style.dim(format!("  {what}  [{id}]")))
}

fn headed(style: Style, what: &str, id: &str) -> String {
    format!("{}  {}", style.yellow(what), style.dim(format!("[{id}]")))
}

fn may_i(style: Style, what: &str, reason: &str, id: &str) -> Vec<String> {
    vec![
        format!("{} {}", style.yellow("May I?"), clean(what)),
        style.dim(format!("  {}  [{id}]", clean_line(reason))),
    ]
}

fn command(style: Style, request: &ExecApproval) -> Vec<String> {
    let mut lines = may_i(style, &command_line(&request.command), &request.reason, request.id.as_str());
    lines.extend(stakes(style, request.grant_root.as_deref(), request.risk.as_deref()));
    if let Some(rule) = &request.amendment {
        lines.push(style.dim(format!("  a rule could allow all that begins with `{}`", clean_line(rule))));
    }
    lines
}

fn patch(style: Style, request: &PatchApproval) -> Vec<String> {
    let what = format!("change {}", paths(&request.changes));
    let mut lines = may_i(style, &what, &request.reason, request.id.as_str());
    lines.extend(stakes(style, request.grant_root.as_deref(), None));
    lines.extend(request.changes.iter().flat_map(|change| super::calls::diff(style, &change.diff)));
    lines
}

/// What a yes could lead to.
fn stakes(style: Style, grant_root: Option<&str>, risk: Option<&str>) -> Vec<String> {
    let risk = risk.map(|risk| style.yellow(format!("  risk: {}", clean_line(risk))));
    let root = grant_root.map(|root| {
        style.dim(format!("  a yes for the session lets the agent write in {}", clean_line(root)))
    });
    [risk, root].into_iter().flatten().collect()
}

fn choices(style: Style, question: &Question) -> Vec<String> {
    let header = if question.header.is_empty() {
        String::new()
    } else {
        format!("{}: ", style.bold(clean_line(&question.header)))
    };
    let mut lines = vec![format!("  {header}{}", clean(&question.question))];
    for (at, option) in question.options.iter().enumerate() {
        let about = if option.description.is_empty() {
            String::new()
        } else {
            style.dim(format!(" — {}", clean_line(&option.description)))
        };
        lines.push(format!("    {}  {}{about}", at + 1, clean_line(&option.label)));
    }
    if let Some(default) = &question.default {
        lines.push(style.dim(format!("    (without an answer: {})", clean_line(default))));
    }
    lines
}

fn form(style: Style, id: &str, request: &Elicitation) -> Vec<String> {
    let what = format!("The server {} asks", clean_line(&request.server));
    let mut lines = vec![headed(style, &what, id), format!("  {}", clean(&request.message))];
    if let Some(url) = &request.url {
        lines.push(format!("  open {}", clean_line(url)));
    }
    lines.extend(fields(&request.schema).iter().map(|field| format!("    {}", clean_line(&field.line()))));
    lines
}
