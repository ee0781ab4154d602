//! Calls that wait for a yes or no.

use super::{
    machine::Machine,
    turn::{Stage, allows},
};
use crate::protocol::{
    ApprovalDecision, CallId, EventKind, ExecApproval, Grant, InteractionId, InteractionOutcome,
    OutputStatus, PatchApproval, Preparation, Subject, ToolCall, ToolOutput,
};

impl Machine<'_> {
    /// Puts a question to the user; the call waits for the answer.
    pub(super) fn ask(
        &mut self,
        call: &ToolCall,
        preparation: &Preparation,
        reason: String,
    ) -> InteractionId {
        let id = InteractionId::new(format!(
            "{}-{}",
            self.thread.key.thread.short(),
            self.thread.next_interaction
        ));
        self.thread.next_interaction += 1;
        self.thread.pending.insert(id.clone(), call.id.clone());
        self.event(question(id.clone(), call, preparation, reason));
        id
    }

    /// Settles a question. The call is set free or gets its output.
    pub(super) fn resolve(&mut self, id: &InteractionId, decision: &ApprovalDecision, actor: &str) {
        let Some(call) = self.take_pending(id, decision.into(), actor) else { return };
        let Some((item, Stage::Asking { preparation, .. })) = self.look_up(&call) else { return };
        if allows(decision) {
            if *decision == ApprovalDecision::ApprovedForSession {
                self.thread.session_approvals.insert(preparation.digest.clone());
            }
            self.set_stage(&call, Stage::Ready { preparation, grant: Grant::Unconfined });
        } else {
            let output =
                ToolOutput::text(OutputStatus::Denied, "The user did not approve this call. It did not run.");
            self.call_done(&item, Some(&preparation), output);
        }
    }

    /// Takes back all questions: nobody needs to answer them any more. Their calls are settled by the caller.
    pub(super) fn withdraw_questions(&mut self, actor: &str) {
        let open: Vec<InteractionId> = self.thread.pending.keys().cloned().collect();
        for id in open {
            self.take_pending(&id, InteractionOutcome::Withdrawn, actor);
        }
    }

    fn take_pending(
        &mut self,
        id: &InteractionId,
        outcome: InteractionOutcome,
        actor: &str,
    ) -> Option<CallId> {
        let call = self.thread.pending.remove(id)?;
        self.event(EventKind::InteractionResolved { id: id.clone(), outcome, actor: actor.to_owned() });
        Some(call)
    }
}

fn question(id: InteractionId, call: &ToolCall, preparation: &Preparation, reason: String) -> EventKind {
    let (command, cwd) = match &preparation.subject {
        Subject::Patch { changes } => {
            return EventKind::PatchApprovalRequest(PatchApproval {
                id,
                call: call.id.clone(),
                changes: changes.clone(),
                reason,
                grant_root: None,
            });
        }
        Subject::Command { command, cwd } => (command.clone(), cwd.clone()),
        Subject::Plan { .. } => (vec![call.name.clone()], String::new()),
        Subject::Other { summary } => (vec![call.name.clone(), summary.clone()], String::new()),
    };
    EventKind::ExecApprovalRequest(ExecApproval {
        id,
        call: call.id.clone(),
        command,
        cwd,
        reason,
        grant_root: None,
        risk: None,
    })
}
