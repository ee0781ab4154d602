//! The calls of a step: prepared together, read-only ones run together, a mutating one runs alone.

use super::{
    Effect, EffectKind, Thread,
    asking::left_waiting,
    machine::Machine,
    rules::DIFFS_ARE_JOINED,
    turn::{About, Call, Clearance, Phase, Showing, Stage},
};
use crate::{
    approval::{Basis, Decision, approved_as, asks_on_failure, decide},
    protocol::{
        Access, CallId, Containment, EventKind, FileChange, Grant, Item, ItemDetail, OutputStatus,
        Preparation, Prepared, Repeat, SandboxPolicy, Subject, ToolAnswer, ToolCall, ToolOutput, TurnEnd,
        TurnItem, Verdict,
    },
};

/// A call that certainly did not run is started again, up to this attempt.
const MAX_START_ATTEMPTS: u32 = 8;
/// A call that died with its process and may run twice is run again, up to this attempt: it may be what kills it.
const MAX_LOST_ATTEMPTS: u32 = 4;

impl Thread {
    /// The calls of the step that is worked on.
    pub(super) fn calls(&self) -> &[Call] {
        match self.turn.as_ref().map(|turn| &turn.phase) {
            Some(Phase::Acting { calls }) => calls,
            Some(
                Phase::Between
                | Phase::Sampling { .. }
                | Phase::BackingOff { .. }
                | Phase::Collecting { .. }
                | Phase::Summarising { .. }
                | Phase::Hooking { .. },
            )
            | None => &[],
        }
    }

    pub(super) fn call(&self, id: &CallId) -> Option<&Call> {
        self.calls().iter().find(|call| call.call.id == *id)
    }

    fn calls_mut(&mut self) -> &mut [Call] {
        match self.turn.as_mut().map(|turn| &mut turn.phase) {
            Some(Phase::Acting { calls }) => calls,
            Some(
                Phase::Between
                | Phase::Sampling { .. }
                | Phase::BackingOff { .. }
                | Phase::Collecting { .. }
                | Phase::Summarising { .. }
                | Phase::Hooking { .. },
            )
            | None => &mut [],
        }
    }
}

impl Machine<'_> {
    /// The call and how far it is.
    pub(super) fn look_up(&self, id: &CallId) -> Option<(ToolCall, Stage)> {
        self.thread.call(id).map(|call| (call.call.clone(), call.stage.clone()))
    }

    pub(super) fn set_stage(&mut self, id: &CallId, stage: Stage) {
        if let Some(call) = self.thread.calls_mut().iter_mut().find(|call| call.call.id == *id) {
            call.stage = stage;
        }
    }

    /// Starts what may start now, in the model's order: a mutating call when everything before it is done, a
    /// read-only call when every mutating one before it is. True when all are done.
    pub(super) fn schedule(&mut self) -> bool {
        let mut due = Vec::new();
        let mut open = false;
        let mut barrier = false;
        for Call { call, stage } in self.thread.calls_mut() {
            match stage {
                Stage::Done { .. } => continue,
                Stage::New => {
                    due.push(call.id.clone());
                    barrier = true;
                }
                Stage::Preparing { .. } => barrier = true,
                Stage::Asking { preparation, .. }
                | Stage::Hooking { preparation, .. }
                | Stage::Running { preparation, .. }
                | Stage::Ran { preparation, .. } => {
                    barrier |= preparation.access == Access::Mutating;
                }
                Stage::Ready { preparation, .. } => {
                    let mutating = preparation.access == Access::Mutating;
                    if !(barrier || mutating && open) {
                        due.push(call.id.clone());
                    }
                    barrier |= mutating;
                }
            }
            open = true;
        }
        for id in due {
            self.advance(&id);
        }
        // What is refused at once waits for nothing.
        !open || self.thread.calls_mut().iter().all(|call| matches!(call.stage, Stage::Done { .. }))
    }

    /// Prepares a call that is new, runs one that is ready.
    fn advance(&mut self, id: &CallId) {
        // The call before it may have been one too many for the budget.
        if self.thread.is_ending() {
            return;
        }
        match self.look_up(id) {
            Some((call, Stage::New)) if self.thread.withheld(&call.name).is_some() => {
                let message = self.thread.withheld(&call.name).unwrap_or_default();
                self.call_done(&call, None, ToolOutput::text(OutputStatus::Denied, message));
            }
            Some((call, Stage::New)) if self.thread.is_client_tool(&call.name) => self.ask_client(&call),
            Some((_, Stage::New)) => {
                let effect = self.start(EffectKind::Prepare { call: id.clone() });
                self.set_stage(id, Stage::Preparing { effect });
            }
            Some((call, Stage::Ready { preparation, grant, amendment, showing, clearance })) => {
                let is_cleared = clearance == Clearance::Given;
                // A call that goes on outside of the sandbox began before.
                if showing == Showing::New && self.is_spent_for_a_call()
                    || !is_cleared
                        && self.hooks_before_call(&call, (&preparation, grant), amendment.as_ref(), showing)
                    || self.may_change(&preparation, grant) && self.keeps_first()
                {
                    return;
                }
                if showing == Showing::New {
                    self.count_call();
                    self.show(&call, &preparation);
                }
                let effect = self.start(EffectKind::Tool { call: id.clone() });
                self.set_stage(id, Stage::Running { effect, preparation, grant, amendment, reply: None });
            }
            Some((
                _,
                Stage::Preparing { .. }
                | Stage::Asking { .. }
                | Stage::Hooking { .. }
                | Stage::Running { .. }
                | Stage::Ran { .. }
                | Stage::Done { .. },
            ))
            | None => {}
        }
    }

    /// Whether a call may change the workspace. A command in a read-only sandbox cannot.
    fn may_change(&self, preparation: &Preparation, grant: Grant) -> bool {
        let is_held = grant == Grant::Sandboxed
            && *self.turn_settings().bounds() == SandboxPolicy::ReadOnly
            && preparation.containment == Containment::Contained
            && matches!(preparation.subject, Subject::Command { .. });
        preparation.access == Access::Mutating && !is_held
    }

    /// Clients see the call begin.
    pub(super) fn show(&mut self, call: &ToolCall, preparation: &Preparation) {
        let detail = detail(call, Some(preparation), None);
        self.event(EventKind::ItemStarted { item: TurnItem { id: call.item.clone(), detail } });
    }

    pub(super) fn prepared(&mut self, id: &CallId, prepared: &Prepared) {
        let Some((call, _)) = self.look_up(id) else { return };
        let preparation = match prepared {
            Prepared::Rejected { message } => {
                self.call_done(&call, None, ToolOutput::text(OutputStatus::Failed, message));
                return;
            }
            Prepared::Ready(preparation) => preparation,
        };
        let is_ending = self.thread.is_ending();
        if let Subject::Questions { questions, wait_ms } = &preparation.subject {
            return match is_ending {
                true => self.set_stage(id, Stage::New),
                false => self.ask_questions(&call, preparation, questions, *wait_ms),
            };
        }
        let decision = match self.thread.refused_by_review(preparation) {
            Some(message) => Decision::Refuse { message, basis: Basis::Policy },
            None => decide(self.turn_settings(), preparation, &self.thread.session_approvals),
        };
        self.ruled(id, &decision);
        match decision {
            Decision::Run { grant, .. } => self.set_stage(
                id,
                Stage::Ready {
                    preparation: preparation.clone(),
                    grant,
                    amendment: None,
                    showing: Showing::New,
                    clearance: Clearance::Due,
                },
            ),
            Decision::Ask { .. } if is_ending => self.set_stage(id, Stage::New),
            Decision::Ask { reason, grant } => self.ask(&call, preparation, (reason, grant), About::Approval),
            Decision::Refuse { message, .. } => {
                self.call_done(&call, Some(preparation), ToolOutput::text(OutputStatus::Denied, message));
            }
        }
    }

    pub(super) fn tool_answered(&mut self, effect: &Effect, id: &CallId, answer: &ToolAnswer) {
        let Some((call, stage)) = self.look_up(id) else { return };
        let preparation = stage.preparation();
        match answer {
            ToolAnswer::Asks { elicitation } => self.ask_for_server(effect, &call, elicitation),
            ToolAnswer::Finished { output } if self.escalates(&call, &stage, output) => {}
            ToolAnswer::Finished { output } if self.hooks_after_call(&call, preparation, output) => {}
            ToolAnswer::Finished { output } | ToolAnswer::Cancelled { output } => {
                self.call_done(&call, preparation, output.clone());
            }
            ToolAnswer::Unknown { note } => self.call_done(&call, preparation, unknown(note)),
            ToolAnswer::NotStarted if effect.attempt >= MAX_START_ATTEMPTS => {
                let text = format!(
                    "The call could not be started in {MAX_START_ATTEMPTS} attempts. It did not run."
                );
                self.call_done(&call, preparation, ToolOutput::text(OutputStatus::Failed, text));
            }
            ToolAnswer::NotStarted => self.run_again(effect, &call, preparation, "it had not started"),
            ToolAnswer::Fatal { message } => {
                self.call_done(&call, preparation, ToolOutput::text(OutputStatus::Failed, message));
                self.fail("tool", message.clone(), TurnEnd::Fatal { message: message.clone() });
            }
        }
    }

    /// Puts a failure in the sandbox to the user, where that is the policy. True when the call waits for the answer.
    fn escalates(&mut self, call: &ToolCall, stage: &Stage, output: &ToolOutput) -> bool {
        let (Stage::Running { preparation, grant, .. }, Some(denial)) = (stage, &output.denial) else {
            return false;
        };
        if self.thread.is_ending() || !asks_on_failure(self.turn_settings(), *grant) {
            return false;
        }
        let outside = approved_as(&preparation.digest, Grant::Unconfined);
        let basis = match &preparation.verdict {
            Verdict::Allow { rule } => Some(Basis::Rule(rule.clone())),
            _ => self.thread.session_approvals.contains(&outside).then_some(Basis::Session),
        };
        if let Some(basis) = basis {
            let (preparation, grant) = (preparation.clone(), Grant::Unconfined);
            self.ruled(&call.id, &Decision::Run { grant, basis });
            self.set_stage(
                &call.id,
                Stage::Ready {
                    preparation,
                    grant,
                    amendment: None,
                    showing: Showing::Begun,
                    clearance: Clearance::Given,
                },
            );
            return true;
        }
        let reason = format!("it failed in the sandbox: {denial}. Run it again outside?");
        let about = About::Escalation { output: output.clone() };
        self.ask(call, preparation, (reason, Grant::Unconfined), about);
        true
    }

    /// A tool call died with its process. What may have changed something is never run again.
    pub(super) fn tool_lost(&mut self, effect: &Effect, id: &CallId, evidence: Option<&ToolAnswer>) {
        let Some((call, stage)) = self.look_up(id) else { return };
        let Some(preparation) = stage.preparation() else { return };
        let note = match evidence {
            Some(ToolAnswer::Unknown { note }) => note,
            Some(answer) => return self.tool_answered(effect, id, answer),
            None => "nothing is known of what it did",
        };
        let only_looks = preparation.access == Access::ReadOnly;
        if only_looks && self.thread.is_ending() {
            let text = "The turn was stopped while this call ran. It only looks.";
            self.call_done(&call, Some(preparation), ToolOutput::text(OutputStatus::Cancelled, text));
        } else if (only_looks || preparation.repeat == Repeat::Safe)
            && effect.attempt < MAX_LOST_ATTEMPTS
            && !self.thread.is_ending()
        {
            self.run_again(effect, &call, Some(preparation), "running it twice is running it once");
        } else {
            self.call_done(&call, Some(preparation), unknown(note));
        }
    }

    fn run_again(
        &mut self,
        effect: &Effect,
        call: &ToolCall,
        preparation: Option<&Preparation>,
        reason: &str,
    ) {
        if self.thread.is_ending() {
            self.call_done(call, preparation, not_run());
            return;
        }
        let attempt = effect.attempt + 1;
        self.event(EventKind::ToolRetry { item: call.item.clone(), attempt, reason: reason.to_owned() });
        self.start_attempt(Effect { attempt, ..effect.clone() });
    }

    fn changed(&mut self, change: &FileChange) {
        if self.thread.remembers() {
            self.thread.memory.touch(&change.path);
        }
        let joins = self.thread.rules >= DIFFS_ARE_JOINED;
        self.with_turn(|turn| if joins { turn.diff.add(change) } else { turn.diff.append(&change.diff) });
    }

    /// A call has its output. It enters the conversation with those of the whole step.
    pub(super) fn call_done(
        &mut self,
        call: &ToolCall,
        preparation: Option<&Preparation>,
        output: ToolOutput,
    ) {
        self.completed(call.item.clone(), detail(call, preparation, Some(output.clone())));
        for change in &output.changes {
            self.changed(change);
        }
        if let Some(Preparation { subject: Subject::Plan { plan }, .. }) = preparation
            && output.status == OutputStatus::Ok
        {
            self.thread.plan = Some(plan.clone());
            self.event(EventKind::PlanUpdate { plan: plan.clone() });
        }
        self.set_stage(&call.id, Stage::Done { output });
    }

    /// Gives every call that has no output yet one that says it did not run.
    pub(super) fn cancel_calls(&mut self) {
        let calls = self.thread.calls_mut().iter();
        let open = calls.filter(|call| !matches!(call.stage, Stage::Done { .. }));
        let open: Vec<CallId> = open.map(|call| call.call.id.clone()).collect();
        for id in open {
            if let Some((call, stage)) = self.look_up(&id) {
                self.call_done(&call, stage.preparation(), unfinished(&stage));
            }
        }
    }

    /// Feeds the outputs of the step back, in the model's order.
    pub(super) fn commit_outputs(&mut self) {
        let phase = self.with_turn(|turn| Some(std::mem::replace(&mut turn.phase, Phase::Between)));
        let Some(Phase::Acting { calls }) = phase else { return };
        for Call { call, stage } in calls {
            if let Stage::Done { output } = stage {
                self.push(Item::Output { call: call.id, output });
            }
        }
    }
}

/// The output of a call that the end of its turn finds so.
fn unfinished(stage: &Stage) -> ToolOutput {
    if let Stage::Ran { output, .. } = stage {
        return output.clone();
    }
    let Stage::Asking { about, .. } = stage else { return not_run() };
    match &**about {
        About::Escalation { output } => output.clone(),
        About::Elicitation { .. } => left_waiting(),
        About::Approval | About::Questions | About::Client => not_run(),
    }
}

fn not_run() -> ToolOutput {
    ToolOutput::text(OutputStatus::Cancelled, "The turn was stopped before this call ran. It did not run.")
}

fn unknown(note: &str) -> ToolOutput {
    let text = format!(
        "Interrupted, outcome unknown: the process died while this call ran ({note}). It was not run again. Check \
         what it did before you repeat it."
    );
    ToolOutput::text(OutputStatus::Unknown, text)
}

/// What clients see of a call.
fn detail(call: &ToolCall, preparation: Option<&Preparation>, output: Option<ToolOutput>) -> ItemDetail {
    let id = call.id.clone();
    match preparation.map(|preparation| &preparation.subject) {
        Some(Subject::Command { command, cwd }) => {
            ItemDetail::CommandExecution { call: id, command: command.clone(), cwd: cwd.clone(), output }
        }
        Some(Subject::Patch { changes }) => {
            // What was really changed, once known.
            let changes = output
                .as_ref()
                .map(|output| &output.changes)
                .filter(|done| !done.is_empty())
                .unwrap_or(changes)
                .clone();
            let output = output.map(|output| ToolOutput { changes: Vec::new(), ..output });
            ItemDetail::FileChange { call: id, changes, output }
        }
        Some(Subject::Plan { plan }) => ItemDetail::Plan { call: id, steps: plan.steps.clone(), output },
        Some(Subject::Mcp { server, tool, .. }) => {
            ItemDetail::McpCall { call: id, server: server.clone(), tool: tool.clone(), output }
        }
        Some(Subject::Client { tool }) => ItemDetail::DynamicCall { call: id, tool: tool.clone(), output },
        Some(Subject::Questions { questions, .. }) => {
            let subject = questions.first().map(|first| first.question.clone()).unwrap_or_default();
            ItemDetail::ToolCall { call: id, tool: call.name.clone(), subject, output }
        }
        Some(Subject::Other { summary }) => {
            ItemDetail::ToolCall { call: id, tool: call.name.clone(), subject: summary.clone(), output }
        }
        None => ItemDetail::ToolCall { call: id, tool: call.name.clone(), subject: String::new(), output },
    }
}
