//! Questions: how they are put, how long they wait, and what becomes of them where nobody answers.

use super::{
    EffectKind, TimerPurpose,
    machine::Machine,
    turn::{About, Stage},
};
use crate::protocol::{
    AbortReason, Answers, ApprovalDecision, CallId, ClientToolResult, Elicitation, ElicitationAction,
    ElicitationReply, EventKind, Grant, InteractionId, InteractionOutcome, Otherwise, OutputStatus,
    Preparation, Question, Subject, ToolCall, ToolOutput,
};
use crate::thread::{Effect, turn::Ending};

/// Who settles a question that nobody answered in time.
pub(super) const DEADLINE: &str = "deadline";

impl Machine<'_> {
    /// A number for a question about a call, and when it is answered by its default.
    pub(super) fn new_question(
        &mut self,
        call: &CallId,
        wait_ms: Option<u64>,
    ) -> (InteractionId, Option<u64>) {
        let number = self.thread.next_interaction;
        self.thread.next_interaction += 1;
        let id = InteractionId::new(format!("{}-{number}", self.thread.key.thread.short()));
        self.thread.pending.insert(id.clone(), call.clone());
        // The agent may wait for less time than the user allows, and for no more.
        let limit_ms = self.turn_settings().answer_within.map(|limit| limit.ms);
        let wait_ms = wait_ms.into_iter().chain(limit_ms).min();
        let deadline_ms = wait_ms.map(|wait_ms| self.at_ms.saturating_add(wait_ms));
        if let Some(due_ms) = deadline_ms {
            self.start(EffectKind::Timer { due_ms, purpose: TimerPurpose::Deadline(id.clone()) });
        }
        (id, deadline_ms)
    }

    /// The agent's own questions: the call is over once they are answered.
    pub(super) fn ask_questions(
        &mut self,
        call: &ToolCall,
        preparation: &Preparation,
        questions: &[Question],
        wait_ms: Option<u64>,
    ) {
        let (id, deadline_ms) = self.new_question(&call.id, wait_ms);
        let asked = (call.id.clone(), questions.to_vec());
        self.event(EventKind::RequestUserInput {
            id: id.clone(),
            call: asked.0,
            questions: asked.1,
            deadline_ms,
        });
        self.wait_for(call, id, preparation, Grant::Sandboxed, About::Questions);
    }

    /// A call of a tool that the client runs.
    pub(super) fn ask_client(&mut self, call: &ToolCall) {
        let preparation = Preparation::reading(Subject::Client { tool: call.name.clone() }, 0);
        if self.is_spent_for_a_call() {
            return;
        }
        self.count_call();
        let (id, deadline_ms) = self.new_question(&call.id, None);
        self.show(call, &preparation);
        self.event(EventKind::DynamicToolCallRequest {
            id: id.clone(),
            call: call.id.clone(),
            tool: call.name.clone(),
            arguments: call.payload.text().to_owned(),
            deadline_ms,
        });
        self.wait_for(call, id, &preparation, Grant::Sandboxed, About::Client);
    }

    /// A call that runs wants to know something first.
    pub(super) fn ask_for_server(&mut self, effect: &Effect, call: &ToolCall, request: &Elicitation) {
        let Some((_, Stage::Running { preparation, grant, .. })) = self.look_up(&call.id) else { return };
        if self.thread.is_ending() {
            self.call_done(call, Some(&preparation), left_waiting());
            return;
        }
        let (id, deadline_ms) = self.new_question(&call.id, None);
        let request = request.clone();
        self.event(EventKind::ElicitationRequest {
            id: id.clone(),
            call: call.id.clone(),
            request,
            deadline_ms,
        });
        let about = About::Elicitation { effect: effect.id, attempt: effect.attempt };
        self.wait_for(call, id, &preparation, grant, about);
    }

    pub(super) fn wait_for(
        &mut self,
        call: &ToolCall,
        interaction: InteractionId,
        preparation: &Preparation,
        grant: Grant,
        about: About,
    ) {
        let preparation = Box::new(preparation.clone());
        self.set_stage(&call.id, Stage::Asking { interaction, preparation, grant, about: Box::new(about) });
    }

    /// The user answered the agent's questions.
    pub(super) fn told(&mut self, id: &InteractionId, answers: &Answers, actor: &str) {
        self.settle_call(id, InteractionOutcome::Told(answers.clone()), actor, |_| answered(answers, ""));
    }

    /// The client ran its tool.
    pub(super) fn ran(&mut self, id: &InteractionId, result: &ClientToolResult, actor: &str) {
        let ClientToolResult { success, content } = result.clone();
        self.settle_call(id, InteractionOutcome::Ran { success }, actor, |_| ToolOutput {
            content,
            ..ToolOutput::text(if success { OutputStatus::Ok } else { OutputStatus::Failed }, "")
        });
    }

    fn settle_call(
        &mut self,
        id: &InteractionId,
        outcome: InteractionOutcome,
        actor: &str,
        output: impl FnOnce(&Preparation) -> ToolOutput,
    ) {
        let Some(call) = self.take_pending(id, outcome, actor) else { return };
        let Some((item, Stage::Asking { preparation, .. })) = self.look_up(&call) else { return };
        let output = output(&preparation);
        self.call_done(&item, Some(&preparation), output);
    }

    /// The user answered what a server wanted to know: the call goes on as its next attempt.
    pub(super) fn replied(&mut self, id: &InteractionId, reply: ElicitationReply, actor: &str) {
        let outcome = InteractionOutcome::Replied(reply.action);
        self.go_on(id, reply, outcome, actor);
    }

    fn go_on(
        &mut self,
        id: &InteractionId,
        reply: ElicitationReply,
        outcome: InteractionOutcome,
        actor: &str,
    ) {
        let Some(call) = self.take_pending(id, outcome, actor) else { return };
        let Some((_, Stage::Asking { preparation, grant, about, .. })) = self.look_up(&call) else { return };
        let About::Elicitation { effect, attempt } = *about else { return };
        self.start_attempt(Effect {
            id: effect,
            attempt: attempt + 1,
            kind: EffectKind::Tool { call: call.clone() },
        });
        let stage = Stage::Running { effect, preparation, grant, amendment: None, reply: Some(reply) };
        self.set_stage(&call, stage);
    }

    /// Nobody answered in time.
    pub(super) fn expired(&mut self, id: &InteractionId) {
        let Some(call) = self.thread.pending.get(id).cloned() else { return };
        let Some((item, Stage::Asking { about, .. })) = self.look_up(&call) else { return };
        let otherwise = self.turn_settings().answer_within.map(|limit| limit.otherwise).unwrap_or_default();
        let outcome = InteractionOutcome::Expired;
        match *about {
            About::Approval | About::Escalation { .. } => {
                self.resolve_as(id, &ApprovalDecision::Denied, outcome, DEADLINE);
            }
            About::Questions => self.settle_call(id, outcome, DEADLINE, by_default),
            About::Elicitation { .. } => {
                let reply =
                    ElicitationReply { action: ElicitationAction::Cancel, content: serde_json::Value::Null };
                self.go_on(id, reply, outcome, DEADLINE);
            }
            About::Client => self.settle_call(id, outcome, DEADLINE, |_| {
                let text = format!("No client ran `{}` in time.", item.name);
                ToolOutput::text(OutputStatus::Failed, text)
            }),
        }
        if otherwise == Otherwise::Abort {
            self.end(Ending::Aborted(AbortReason::Interrupted), DEADLINE);
        }
    }

    /// Questions whose time was over before this input: nobody served the thread when they came due.
    pub(super) fn expire_overdue(&mut self) {
        let at_ms = self.at_ms;
        let overdue = self.thread.running.values().filter_map(|running| match &running.effect.kind {
            EffectKind::Timer { due_ms, purpose: TimerPurpose::Deadline(question) } if *due_ms < at_ms => {
                Some(question.clone())
            }
            _ => None,
        });
        for question in overdue.collect::<Vec<_>>() {
            self.expired(&question);
        }
    }

    /// Takes back all questions: nobody needs to answer them any more. Their calls are settled by the caller.
    pub(super) fn withdraw_questions(&mut self, actor: &str) {
        let open: Vec<InteractionId> = self.thread.pending.keys().cloned().collect();
        for id in open {
            self.take_pending(&id, InteractionOutcome::Withdrawn, actor);
        }
    }

    /// Takes a question from those that wait, with its deadline.
    pub(super) fn take_pending(
        &mut self,
        id: &InteractionId,
        outcome: InteractionOutcome,
        actor: &str,
    ) -> Option<CallId> {
        let call = self.thread.pending.remove(id)?;
        let ends = |effect: &Effect| matches!(&effect.kind, EffectKind::Timer { purpose: TimerPurpose::Deadline(of), .. } if of == id);
        let timer = self.thread.running.values().find(|running| ends(&running.effect));
        if let Some(timer) = timer.map(|running| running.effect.id) {
            self.give_up(timer);
        }
        self.event(EventKind::InteractionResolved { id: id.clone(), outcome, actor: actor.to_owned() });
        Some(call)
    }
}

/// What the model is told of answers.
fn answered(answers: &Answers, note: &str) -> ToolOutput {
    let json = serde_json::json!({ "answers": answers });
    ToolOutput::text(OutputStatus::Ok, format!("{json}{note}"))
}

/// The defaults of the questions that have one.
fn by_default(preparation: &Preparation) -> ToolOutput {
    let Subject::Questions { questions, .. } = &preparation.subject else {
        return ToolOutput::text(OutputStatus::Failed, "Nobody answered in time.");
    };
    let given =
        questions.iter().filter_map(|question| Some((question.id.clone(), vec![question.default.clone()?])));
    answered(&given.collect(), "\nNobody answered in time; these are the defaults.")
}

/// The output of a call whose turn was stopped while its server waited for the user.
pub(super) fn left_waiting() -> ToolOutput {
    let text = "The turn was stopped while this call waited for an answer of the user. It had begun; how far it came is \
                not known.";
    ToolOutput::text(OutputStatus::Cancelled, text)
}
