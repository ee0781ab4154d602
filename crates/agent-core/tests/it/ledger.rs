//! [`Ledger`]: what the events and commands of a thread say so far, and what they must never say.

use crate::{generate::mutates, machine::saw};
use agent_core::{
    Access, Admission, Answer, ApprovalDecision, CallDecision, CallId, Command, Containment, EffectId,
    EffectKind, EventKind, Grant, Input, InteractionId, InteractionOutcome, ItemDetail, ItemId, Op, OpId,
    Outcome, Preparation, Prepared, Record, Repeat, ReviewOutcome, Ruling, Running, SandboxPolicy,
    SnapshotMoment, Subject, Submission, Thread, ToolAnswer, ToolRequest, TurnId, Undo, Verdict,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What the events and commands so far say.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) events: u64,
    pub(crate) terminals: BTreeMap<TurnId, u32>,
    pub(crate) questions: BTreeMap<InteractionId, u32>,
    pub(crate) open_items: BTreeSet<ItemId>,
    pub(crate) done_items: BTreeSet<ItemId>,
    pub(crate) tool_starts: BTreeMap<EffectId, u32>,
    pub(crate) may_start_again: BTreeSet<EffectId>,
    /// What each call was found to be, where, and under which sandbox policy.
    pub(crate) prepared: BTreeMap<CallId, (Preparation, String, SandboxPolicy)>,
    /// The call each question is about.
    pub(crate) asked: BTreeMap<InteractionId, CallId>,
    /// What the user said yes to: calls, and digests for the session.
    pub(crate) approved: BTreeSet<CallId>,
    pub(crate) session: BTreeSet<String>,
    /// What clients were told of each call.
    pub(crate) decided: BTreeMap<CallId, CallDecision>,
    /// How the conversation was when a turn began, where that could be seen.
    began: BTreeMap<TurnId, Value>,
    /// The turns whose workspace was kept before they changed it, or could not be.
    kept: BTreeSet<TurnId>,
    /// The turn that reviews.
    pub(crate) reviewing: Option<TurnId>,
}

impl Ledger {
    /// What calls are, and what the user allows.
    pub(crate) fn read_input(&mut self, before: &Thread, record: &Record) {
        match &record.input {
            Input::Answered {
                effect,
                answer: Answer::Prepared { prepared: Prepared::Ready(preparation) },
                ..
            } => {
                let running = before.running().find(|running| running.effect.id == *effect).unwrap();
                let EffectKind::Prepare { call } = &running.effect.kind else { panic!("a preparation") };
                let request = before.prepare_request(call).unwrap();
                self.prepared.insert(call.clone(), ((**preparation).clone(), request.cwd, request.sandbox));
            }
            Input::Moved { .. } => self.session.clear(),
            Input::Submitted(submission) if !submitted_before(before, &submission.op_id) => {
                let op = &submission.op;
                let (Op::ExecApproval { id, decision } | Op::PatchApproval { id, decision }) = op else {
                    return;
                };
                let Some(call) = self.asked.get(id) else { return };
                if *decision == ApprovalDecision::ApprovedForSession {
                    self.session.insert(self.prepared[call].0.digest.clone());
                }
                if !matches!(decision, ApprovalDecision::Denied | ApprovalDecision::Abort) {
                    self.approved.insert(call.clone());
                }
            }
            _ => {}
        }
    }

    /// A call runs as it was prepared, and without limits only where the user or the sandbox policy said so.
    fn check_grant(&self, request: &ToolRequest) {
        let (preparation, cwd, sandbox) = &self.prepared[&request.call.id];
        assert_eq!((&request.preparation, &request.cwd, &request.sandbox), (preparation, cwd, sandbox));
        if request.grant == Grant::Unconfined && *sandbox != SandboxPolicy::DangerFullAccess {
            let said_yes = self.approved.contains(&request.call.id)
                || self.session.contains(&preparation.digest)
                || matches!(preparation.verdict, Verdict::Allow { .. });
            assert!(said_yes, "{} runs without limits, and nobody said so", request.call.id);
            saw("approved call ran without limits");
        }
        // (8)
        let decision = &self.decided[&request.call.id];
        assert_eq!(
            (decision.ruling, decision.grant),
            (Ruling::Allowed, Some(request.grant)),
            "what is told is what is done"
        );
    }

    pub(crate) fn read(&mut self, outcome: &Outcome, record: &Record, before: &Thread, thread: &Thread) {
        self.read_turn_begins(outcome, before);
        self.read_snapshot(record, before, thread);
        for event in &outcome.events {
            self.events += 1;
            assert_eq!(event.seq, self.events, "events are numbered from 1 without gaps");
            self.read_event(event.turn, &event.kind);
        }
        if let Input::Answered { effect, answer: Answer::Tool { answer: ToolAnswer::NotStarted }, .. }
        | Input::Lost { effect, evidence: Some(ToolAnswer::NotStarted), .. } = &record.input
        {
            self.may_start_again.insert(*effect);
        }
        for command in &outcome.commands {
            let Command::Start(effect) = command.clone() else { continue };
            if matches!(effect.kind, EffectKind::Model | EffectKind::Compact) && effect.attempt == 1 {
                check_tokens(thread);
            }
            let EffectKind::Tool { .. } = effect.kind else { continue };
            check_tool_calls(before, thread);
            self.check_kept(&thread.tool_request(&effect).unwrap(), thread);
            let running = thread.running().find(|running| running.effect.id == effect.id).unwrap();
            self.check_grant(&thread.tool_request(&effect).unwrap());
            let starts = self.tool_starts.entry(effect.id).or_default();
            *starts += 1;
            if mutates(thread, running) == Some(true) && once_only(thread, running) {
                saw("mutating call started");
                // (5)
                let request = thread.tool_request(&effect).unwrap();
                let goes_on = request.reply.is_some();
                assert!(
                    *starts == 1 || goes_on || self.may_start_again.remove(&effect.id),
                    "a mutating call starts a second time only where it certainly did not run"
                );
                if *starts > 1 {
                    saw("mutating call that had not run started again");
                }
            }
        }
    }

    fn read_event(&mut self, turn: Option<TurnId>, kind: &EventKind) {
        self.read_review(turn, kind);
        match kind {
            EventKind::TurnStarted => {
                assert_eq!(self.terminals.insert(turn.unwrap(), 0), None, "a turn begins once");
            }
            EventKind::TurnCompleted { end, .. } => {
                saw(format!("turn ended: {}", serde_json::to_value(end).unwrap()["type"]));
                *self.terminals.get_mut(&turn.unwrap()).unwrap() += 1;
            }
            EventKind::TurnAborted { reason } => {
                saw(format!("turn aborted: {reason:?}"));
                *self.terminals.get_mut(&turn.unwrap()).unwrap() += 1;
            }
            EventKind::ExecApprovalRequest(request) => {
                assert_eq!(self.questions.insert(request.id.clone(), 0), None, "a question is asked once");
                self.asked.insert(request.id.clone(), request.call.clone());
            }
            EventKind::PatchApprovalRequest(request) => {
                assert_eq!(self.questions.insert(request.id.clone(), 0), None, "a question is asked once");
                self.asked.insert(request.id.clone(), request.call.clone());
            }
            EventKind::RequestUserInput { id, call, .. }
            | EventKind::ElicitationRequest { id, call, .. }
            | EventKind::DynamicToolCallRequest { id, call, .. } => {
                assert_eq!(self.questions.insert(id.clone(), 0), None, "a question is asked once");
                self.asked.insert(id.clone(), call.clone());
            }
            EventKind::CallDecided(decision) => {
                saw(format!("decided by {}", decision.by));
                self.decided.insert(decision.call.clone(), decision.clone());
            }
            EventKind::InteractionResolved { id, outcome, .. } => {
                if *outcome == InteractionOutcome::Released {
                    self.approved.insert(self.asked[id].clone());
                }
                saw(match outcome {
                    InteractionOutcome::Told(_) => "question settled: Told".to_owned(),
                    outcome => format!("question settled: {outcome:?}"),
                });
                let answers = self.questions.get_mut(id).unwrap();
                *answers += 1;
                assert_eq!(*answers, 1, "a question is settled once");
            }
            EventKind::ItemStarted { item } => {
                if let ItemDetail::UserCommand { .. } = item.detail {
                    saw("user command");
                    return;
                }
                assert!(self.open_items.insert(item.id.clone()), "an item begins once");
            }
            EventKind::ItemCompleted { item } => {
                self.open_items.remove(&item.id);
                assert!(self.done_items.insert(item.id.clone()), "item {} ends once", item.id);
                let detail = serde_json::to_value(&item.detail).unwrap();
                if let ItemDetail::Compaction { summary } = &item.detail
                    && summary.is_empty()
                {
                    saw("summary without a result");
                }
                if let Some(status) = detail["output"]["status"].as_str() {
                    saw(format!("call ended: {status}"));
                } else if detail["type"] == "user_message" {
                    saw("user messages");
                }
            }
            EventKind::ModelRetry { retry, .. } => {
                saw(if *retry == 0 { "model call lost" } else { "model call retried" });
            }
            EventKind::ToolRetry { .. } => saw("tool call run again"),
            EventKind::ContextCompacted { trigger, .. } => saw(format!("compacted: {trigger:?}")),
            EventKind::RollbackRefused { .. } => saw("rollback refused by the workspace"),
            EventKind::FilesRestored { .. } => saw("files alone went back"),
            EventKind::HookNote { .. } => saw("hook note"),
            EventKind::Moved { .. } => saw("moved"),
            _ => {}
        }
    }
}

/// Whether the thread has seen this op before.
fn submitted_before(thread: &Thread, op: &OpId) -> bool {
    let probe = Submission::new(op.clone(), "probe", Op::Interrupt);
    thread.admit(&probe) == Admission::Repeated
}

/// Whether a call must not run a second time by itself.
fn once_only(thread: &Thread, running: &Running) -> bool {
    thread.tool_request(&running.effect).is_some_and(|request| request.preparation.repeat == Repeat::Never)
}

impl Ledger {
    /// How the conversation is when a turn begins: known where none ran before.
    fn read_turn_begins(&mut self, outcome: &Outcome, before: &Thread) {
        let first = outcome.events.iter().find(|event| matches!(event.kind, EventKind::TurnStarted));
        if let Some(turn) = first.and_then(|event| event.turn)
            && before.current_turn().is_none()
        {
            self.began.insert(turn, conversation(before));
        }
    }

    /// Whether a turn's workspace is kept by now, or cannot be.
    fn read_snapshot(&mut self, record: &Record, before: &Thread, thread: &Thread) {
        let (Input::Answered { effect, .. } | Input::Lost { effect, .. }) = &record.input else { return };
        let is_it = |running: &&Running| running.effect.id == *effect;
        let Some(running) = before.running().find(is_it) else { return };
        let EffectKind::Snapshot { moment } = running.effect.kind else { return };
        let is_stopped = running.cancelling
            && !matches!(record.input, Input::Answered { answer: Answer::Snapshot { .. }, .. });
        if moment == SnapshotMoment::BeforeTurn
            && !is_stopped
            && !thread.running().any(|running| is_it(&running))
        {
            saw("snapshot before a change");
            self.kept.extend(before.current_turn());
        }
    }

    /// (9) Nothing is changed before the workspace was kept, where that is wanted.
    fn check_kept(&self, request: &ToolRequest, thread: &Thread) {
        let is_held = request.grant == Grant::Sandboxed
            && request.sandbox == SandboxPolicy::ReadOnly
            && request.preparation.containment == Containment::Contained
            && matches!(request.preparation.subject, Subject::Command { .. });
        if thread.settings().undo == Undo::On && request.preparation.access == Access::Mutating && !is_held {
            assert!(self.kept.contains(&request.turn), "{} begins before its snapshot", request.call.id);
            saw("change after its snapshot");
        }
    }

    /// (10) A review begins and ends once, within its turn.
    fn read_review(&mut self, turn: Option<TurnId>, kind: &EventKind) {
        match kind {
            EventKind::EnteredReviewMode { .. } => {
                assert_eq!(self.reviewing, None, "one review at a time");
                self.reviewing = turn;
            }
            EventKind::ExitedReviewMode { outcome } => {
                assert_eq!(self.reviewing.take(), turn, "a review ends in its turn");
                saw(match outcome {
                    ReviewOutcome::Completed { .. } => "review completed",
                    _ => "review interrupted",
                });
            }
            kind if kind.is_terminal() => assert_eq!(self.reviewing, None, "a review ends before its turn"),
            _ => {}
        }
    }

    /// (11) A conversation that goes back is what it was, to the last item.
    pub(crate) fn check_gone_back(&self, outcome: &Outcome, thread: &Thread) {
        for event in &outcome.events {
            let EventKind::RolledBack { from, files, .. } = &event.kind else { continue };
            saw(if files.is_empty() { "rolled back without files" } else { "rolled back with files" });
            // What was said meanwhile is heard at once.
            let goes_on = outcome.events.iter().any(|event| matches!(event.kind, EventKind::TurnStarted));
            if let Some(began) = self.began.get(from).filter(|_| !goes_on) {
                assert_same(&conversation(thread), began, *from);
                saw("rolled back to where a turn was seen to begin");
            }
        }
    }
}

/// What the model was told of files that went back stays: it may be about turns before.
fn assert_same(now: &Value, began: &Value, from: TurnId) {
    let is_note =
        |item: &Value| item["text"].as_str().is_some_and(|text| text.starts_with("<files_restored>"));
    let notes =
        |value: &Value| value["items"].as_array().unwrap().iter().filter(|item| is_note(item)).count();
    let without = |value: &Value| {
        let mut value = value.clone();
        value["items"].as_array_mut().unwrap().retain(|item| !is_note(item));
        value["memory"]["size"].take();
        value
    };
    match notes(now) > notes(began) {
        true => assert_eq!(without(now), without(began), "turn {from} left something behind"),
        false => assert_eq!(now, began, "turn {from} left something behind"),
    }
}

/// All that is the conversation in a thread.
fn conversation(thread: &Thread) -> Value {
    let mut value = serde_json::to_value(thread).unwrap();
    let fields = ["items", "archived", "told", "memory", "plan"];
    Value::Object(fields.into_iter().map(|name| (name.to_owned(), value[name].take())).collect())
}

/// (12) No model is asked beyond the budget of tokens.
fn check_tokens(thread: &Thread) {
    let value = serde_json::to_value(thread).unwrap();
    if let Some(limit) = value["turn"]["settings"]["budget"]["tokens"].as_u64() {
        assert!(
            thread.usage().total() < limit,
            "asked with {} of {limit} tokens spent",
            thread.usage().total()
        );
    }
}

/// (12) No call begins beyond the budget of calls.
fn check_tool_calls(before: &Thread, thread: &Thread) {
    let value = serde_json::to_value(thread).unwrap();
    let calls = value["tool_calls"].as_u64().unwrap();
    // One that goes on outside of the sandbox, or after its process died, began before.
    let has_begun = serde_json::to_value(before).unwrap()["tool_calls"].as_u64() < Some(calls);
    if let Some(limit) = value["turn"]["settings"]["budget"]["tool_calls"].as_u64()
        && has_begun
    {
        assert!(calls <= limit, "{calls} calls began, {limit} may");
        saw("call within a budget of calls");
    }
}
