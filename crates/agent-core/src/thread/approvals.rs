//! Calls that wait for a yes or no.

use super::{
    machine::Machine,
    ops::apply_overrides,
    rules::DECISIONS_ARE_EVENTS,
    turn::{About, Clearance, Showing, Stage},
};
use crate::{
    approval::{Basis, Decision, approved_as, decide},
    protocol::{
        ApprovalDecision, CallDecision, CallId, EventKind, ExecApproval, Grant, InteractionId,
        InteractionOutcome, OutputStatus, PatchApproval, Preparation, Ruling, Subject, ToolCall, ToolOutput,
    },
};

impl Machine<'_> {
    /// Asks whether a call may run; the call waits for the answer.
    pub(super) fn ask(
        &mut self,
        call: &ToolCall,
        preparation: &Preparation,
        (reason, grant): (String, Grant),
        about: About,
    ) {
        let (id, deadline_ms) = self.new_question(&call.id, None);
        self.event(question(id.clone(), call, preparation, reason, deadline_ms));
        self.wait_for(call, id, preparation, grant, about);
    }

    /// Settles a question. The call is set free or gets its output.
    pub(super) fn resolve(&mut self, id: &InteractionId, decision: &ApprovalDecision, actor: &str) {
        self.resolve_as(id, decision, decision.into(), actor);
    }

    pub(super) fn resolve_as(
        &mut self,
        id: &InteractionId,
        decision: &ApprovalDecision,
        outcome: InteractionOutcome,
        actor: &str,
    ) {
        let Some(call) = self.take_pending(id, outcome, actor) else { return };
        let Some((item, Stage::Asking { preparation, grant, about, .. })) = self.look_up(&call) else {
            return;
        };
        let amendment = match decision {
            ApprovalDecision::Approved | ApprovalDecision::ApprovedForSession => None,
            ApprovalDecision::ApprovedWithAmendment { rule } => Some(rule.clone()),
            ApprovalDecision::Denied | ApprovalDecision::Abort => {
                self.decided(&call, Ruling::Refused, actor, Asked { id, grant: None, rule: None });
                let output = match *about {
                    About::Escalation { output } => output,
                    _ => ToolOutput::text(
                        OutputStatus::Denied,
                        "The user did not approve this call. It did not run.",
                    ),
                };
                return self.call_done(&item, Some(&preparation), output);
            }
        };
        if *decision == ApprovalDecision::ApprovedForSession {
            self.thread.session_approvals.insert(approved_as(&preparation.digest, grant));
        }
        self.decided(
            &call,
            Ruling::Allowed,
            actor,
            Asked { id, grant: Some(grant), rule: amendment.clone() },
        );
        self.free(&call, preparation, grant, amendment, &about);
    }

    fn free(
        &mut self,
        call: &CallId,
        preparation: Box<Preparation>,
        grant: Grant,
        amendment: Option<String>,
        about: &About,
    ) {
        let (showing, clearance) = match about {
            About::Approval => (Showing::New, Clearance::Due),
            _ => (Showing::Begun, Clearance::Given),
        };
        self.set_stage(call, Stage::Ready { preparation, grant, amendment, showing, clearance });
    }

    /// Lets the calls go that the settings of the turn's next step would not ask about.
    pub(super) fn release(&mut self, actor: &str) {
        let Some(turn) = &self.thread.turn else { return };
        let (mut settings, runs_under) = (turn.settings.clone(), turn.settings.sandbox.clone());
        for overrides in &turn.overrides {
            apply_overrides(&mut settings, overrides, self.thread.rules);
        }
        let open: Vec<(InteractionId, CallId)> = self.thread.pending.clone().into_iter().collect();
        for (id, call) in open {
            let Some((_, Stage::Asking { preparation, about, .. })) = self.look_up(&call) else { continue };
            if !matches!(*about, About::Approval | About::Escalation { .. }) {
                continue;
            }
            let Decision::Run { grant, .. } = decide(&settings, &preparation, &self.thread.session_approvals)
            else {
                continue;
            };
            // During its step it keeps to the sandbox policy it was prepared for, which may allow more than the one of now.
            if grant == Grant::Sandboxed && settings.sandbox != runs_under {
                continue;
            }
            // Inside the sandbox it has failed already.
            if matches!(*about, About::Escalation { .. }) && grant == Grant::Sandboxed {
                continue;
            }
            self.take_pending(&id, InteractionOutcome::Released, actor);
            self.decided(&call, Ruling::Allowed, actor, Asked { id: &id, grant: Some(grant), rule: None });
            self.free(&call, preparation, grant, None, &about);
        }
    }

    /// Tells clients what was decided without asking anybody.
    pub(super) fn ruled(&mut self, call: &CallId, decision: &Decision) {
        let (ruling, grant, reason, basis) = match decision {
            Decision::Run { grant, basis } => (Ruling::Allowed, Some(*grant), None, basis),
            Decision::Refuse { message, basis } => (Ruling::Refused, None, Some(message.clone()), basis),
            Decision::Ask { .. } => return,
        };
        let (by, rule) = match basis {
            Basis::Policy => ("policy", None),
            Basis::Rule(rule) => ("rule", Some(rule.clone())),
            Basis::Session => ("session", None),
        };
        self.tell_decision(CallDecision {
            call: call.clone(),
            ruling,
            by: by.to_owned(),
            asked: None,
            grant,
            reason,
            rule,
        });
    }

    fn decided(&mut self, call: &CallId, ruling: Ruling, by: &str, asked: Asked<'_>) {
        let Asked { id, grant, rule } = asked;
        let (call, by, asked) = (call.clone(), by.to_owned(), Some(id.clone()));
        self.tell_decision(CallDecision { call, ruling, by, asked, grant, reason: None, rule });
    }

    fn tell_decision(&mut self, decision: CallDecision) {
        if self.thread.rules >= DECISIONS_ARE_EVENTS {
            self.event(EventKind::CallDecided(decision));
        }
    }
}

/// What came of a question.
struct Asked<'a> {
    id: &'a InteractionId,
    grant: Option<Grant>,
    rule: Option<String>,
}

fn question(
    id: InteractionId,
    call: &ToolCall,
    preparation: &Preparation,
    reason: String,
    deadline_ms: Option<u64>,
) -> EventKind {
    let (command, cwd) = match &preparation.subject {
        Subject::Patch { changes } => {
            return EventKind::PatchApprovalRequest(PatchApproval {
                id,
                call: call.id.clone(),
                changes: changes.clone(),
                reason,
                grant_root: None,
                deadline_ms,
            });
        }
        Subject::Command { command, cwd } => (command.clone(), cwd.clone()),
        Subject::Mcp { arguments, .. } => (vec![call.name.clone(), arguments.clone()], String::new()),
        Subject::Other { summary } => (vec![call.name.clone(), summary.clone()], String::new()),
        Subject::Plan { .. } | Subject::Questions { .. } | Subject::Client { .. } => {
            (vec![call.name.clone()], String::new())
        }
    };
    EventKind::ExecApprovalRequest(ExecApproval {
        id,
        call: call.id.clone(),
        command,
        cwd,
        reason,
        grant_root: None,
        risk: None,
        amendment: preparation.amendment.clone(),
        deadline_ms,
    })
}
