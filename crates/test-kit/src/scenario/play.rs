//! [`play`]: plays a scenario on a session.

use super::{Scenario, Step, Trace, trace::name};
use agent_core::{
    AgentSession, CallId, ClientToolResult, Content, Cursor, Event, EventKind, InteractionId, Op, OpId,
    SessionError, Submission, Update, question,
};
use futures::StreamExt;
use std::time::Duration;

/// A scenario that does not end within this time has failed.
const PLAY_LIMIT: Duration = Duration::from_secs(60);

/// A scenario could not be played to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlayError {
    /// The session failed.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// It took too long.
    #[error("the scenario did not end in time; so far: {0:?}")]
    Late(Trace),
    /// A step that does nothing, or answers a question that nobody asked.
    #[error("step {0} of the scenario makes no sense here")]
    Senseless(usize),
}

/// Plays the user's steps and returns the trace of the thread from its first event to the end of its last turn. Op ids
/// follow from the steps, so a scenario can be played again on a thread that was recovered after a crash.
///
/// # Errors
/// When the session fails, a step makes no sense, or the turn does not end in time.
pub async fn play(scenario: &Scenario, session: &dyn AgentSession) -> Result<Trace, PlayError> {
    let mut events = Vec::new();
    match tokio::time::timeout(PLAY_LIMIT, steps(scenario, session, &mut events)).await {
        Ok(result) => result.map(|()| Trace::of(&events)),
        Err(_) => Err(PlayError::Late(Trace::of(&events))),
    }
}

async fn steps(
    scenario: &Scenario,
    session: &dyn AgentSession,
    events: &mut Vec<Event>,
) -> Result<(), PlayError> {
    let mut updates = session.updates(Cursor::default());
    let mut seen = 0;
    for (at, step) in scenario.steps.iter().enumerate() {
        if let Some(after) = &step.after {
            while !events[seen..].iter().any(|event| name(&event.kind).starts_with(after.as_str())) {
                next(&mut updates, events).await?;
            }
            let found = events[seen..].iter().position(|event| name(&event.kind).starts_with(after.as_str()));
            seen += found.map_or(0, |found| found + 1);
        }
        if step.only_waits() {
            continue;
        }
        let op = op(step, &events[..seen]).ok_or(PlayError::Senseless(at))?;
        let submission = Submission {
            tenant: session.key().tenant.clone(),
            ..Submission::new(OpId::new(format!("step-{at}")), "scenario", op)
        };
        session.submit(submission).await?;
    }
    let ends = scenario.expected.thread.iter().filter(|name| is_end(name)).count();
    let (items, told) = (scenario.expected.items.len(), scenario.expected.thread.len());
    loop {
        let ended = events.iter().filter(|event| event.kind.is_terminal()).count();
        // What the user runs may end after the turn, and turns are taken back after it.
        let trace = Trace::of(events);
        if ended >= ends && trace.items.len() >= items && trace.thread.len() >= told {
            return Ok(());
        }
        next(&mut updates, events).await?;
    }
}

fn is_end(name: &str) -> bool {
    name.starts_with("turn_completed") || name.starts_with("turn_aborted")
}

async fn next(
    updates: &mut (impl StreamExt<Item = Result<Update, SessionError>> + Unpin),
    events: &mut Vec<Event>,
) -> Result<(), PlayError> {
    match updates.next().await {
        Some(Ok(Update::Event(event))) => events.push(event),
        Some(Ok(_)) => {}
        Some(Err(error)) => return Err(error.into()),
        None => return Err(PlayError::Late(Trace::of(events))),
    }
    Ok(())
}

fn op(step: &Step, seen: &[Event]) -> Option<Op> {
    if let Some(text) = &step.say {
        return Some(Op::UserInput { items: vec![Content::text(text)] });
    }
    if let Some(decision) = step.answer.clone() {
        let is_approval = |kind: &EventKind| {
            matches!(kind, EventKind::ExecApprovalRequest(_) | EventKind::PatchApprovalRequest(_))
        };
        let (id, kind) = last_question(seen, is_approval)?;
        return Some(match kind {
            EventKind::PatchApprovalRequest(_) => Op::PatchApproval { id, decision },
            _ => Op::ExecApproval { id, decision },
        });
    }
    if let Some(answers) = step.told.clone() {
        let (id, _) = last_question(seen, |kind| matches!(kind, EventKind::RequestUserInput { .. }))?;
        return Some(Op::UserInputAnswer { id, answers });
    }
    if let Some(text) = &step.returns {
        let (id, _) = last_question(seen, |kind| matches!(kind, EventKind::DynamicToolCallRequest { .. }))?;
        let response = ClientToolResult { success: true, content: vec![Content::text(text)] };
        return Some(Op::DynamicToolResponse { id, response });
    }
    if let Some(response) = step.reply.clone() {
        let (id, _) = last_question(seen, |kind| matches!(kind, EventKind::ElicitationRequest { .. }))?;
        return Some(Op::ResolveElicitation { id, response });
    }
    step.op.clone()
}

/// The question of this kind about the last call: calls that are looked at together ask in any order. Of two about one call
/// the later one.
fn last_question(
    seen: &[Event],
    is_meant: impl Fn(&EventKind) -> bool,
) -> Option<(InteractionId, &EventKind)> {
    let asked = seen.iter().filter(|event| is_meant(&event.kind));
    let asked = asked.filter_map(|event| Some((call(&event.kind)?, question(event)?, &event.kind)));
    let (_, id, kind) = asked.max_by_key(|(call, ..)| number(call))?;
    Some((id.clone(), kind))
}

/// The call that a question is about.
fn call(kind: &EventKind) -> Option<&CallId> {
    match kind {
        EventKind::ExecApprovalRequest(request) => Some(&request.call),
        EventKind::PatchApprovalRequest(request) => Some(&request.call),
        EventKind::RequestUserInput { call, .. }
        | EventKind::ElicitationRequest { call, .. }
        | EventKind::DynamicToolCallRequest { call, .. } => Some(call),
        _ => None,
    }
}

/// The number in a call's id. The thread counts its calls.
pub(super) fn number(call: &CallId) -> u64 {
    let digits = call.as_str().trim_start_matches(|c: char| !c.is_ascii_digit());
    digits.parse().unwrap_or_default()
}
