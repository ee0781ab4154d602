//! Ops that were admitted.

use super::{
    Life,
    admit::RECENT_OPS,
    machine::Machine,
    rules::{TOOLS_ARE_BUDGETED, WINDOW_IS_THE_MODELS},
    turn::{Ending, Queued, Task},
};
use crate::protocol::{
    AbortReason, ApprovalDecision, Content, EventKind, InteractionId, Op, RollbackFiles, Settings,
    Submission, TurnOverrides,
};

impl Machine<'_> {
    pub(super) fn submission(&mut self, submission: &Submission) {
        if self.thread.recent_ops.contains(&submission.op_id) {
            return;
        }
        self.thread.recent_ops.push_back(submission.op_id.clone());
        if self.thread.recent_ops.len() > RECENT_OPS {
            self.thread.recent_ops.pop_front();
        }
        self.expire_overdue();
        match &submission.op {
            Op::UserTurn { items, overrides, output_schema } => self.thread.queue.push_back(Queued {
                input_seq: self.thread.input_seq,
                task: Task::Answer,
                content: items.clone(),
                overrides: overrides.clone(),
                output_schema: output_schema.clone(),
                traceparent: submission.traceparent.clone(),
            }),
            Op::UserInput { items } => self.enqueue(Task::Answer, items, submission),
            Op::Compact => self.enqueue(Task::Summarise, &[], submission),
            Op::Review { request } => {
                self.enqueue(Task::Review { request: request.clone() }, &[], submission);
            }
            Op::Undo => self.roll_back(1, RollbackFiles::Restore),
            Op::Rollback { turns, files } => self.roll_back(*turns, *files),
            Op::Interrupt => {
                self.end(Ending::Aborted(AbortReason::Interrupted), &submission.actor);
                self.cancel_user_commands();
            }
            Op::ExecApproval { id, decision } | Op::PatchApproval { id, decision } => {
                self.approval(id, decision, &submission.actor);
            }
            Op::UserInputAnswer { id, answers } => self.told(id, answers, &submission.actor),
            Op::ResolveElicitation { id, response } => self.replied(id, response.clone(), &submission.actor),
            Op::DynamicToolResponse { id, response } => self.ran(id, response, &submission.actor),
            Op::RunUserShellCommand { command } => self.run_for_user(command),
            Op::OverrideTurnContext { overrides } => self.override_settings(overrides, &submission.actor),
            Op::SetThreadName { name } => {
                self.thread.name = Some(name.clone());
                self.event(EventKind::ThreadNamed { name: name.clone() });
            }
            Op::Shutdown { now } => self.shutdown(*now, &submission.actor),
            Op::AddToHistory { .. }
            | Op::GetHistoryEntry { .. }
            | Op::ListMcpTools
            | Op::ListCustomPrompts
            | Op::ListSkills
            | Op::ListModels
            | Op::Unknown(_) => {}
        }
    }

    fn enqueue(&mut self, task: Task, content: &[Content], submission: &Submission) {
        self.thread.queue.push_back(Queued {
            input_seq: self.thread.input_seq,
            task,
            content: content.to_vec(),
            overrides: TurnOverrides::default(),
            output_schema: None,
            traceparent: submission.traceparent.clone(),
        });
    }

    fn approval(&mut self, id: &InteractionId, decision: &ApprovalDecision, actor: &str) {
        self.resolve(id, decision, actor);
        match decision {
            ApprovalDecision::Abort => self.end(Ending::Aborted(AbortReason::Interrupted), actor),
            ApprovalDecision::Approved
            | ApprovalDecision::ApprovedForSession
            | ApprovalDecision::ApprovedWithAmendment { .. }
            | ApprovalDecision::Denied => {}
        }
    }

    fn override_settings(&mut self, overrides: &TurnOverrides, actor: &str) {
        let rules = self.thread.rules;
        apply_overrides(&mut self.thread.settings, overrides, self.rules);
        self.with_turn(|turn| {
            turn.overrides.push(overrides.clone());
            // It is no part of what a call was prepared and approved under, and calls are looked at as they begin.
            if let Some(budget) = overrides.budget.filter(|_| rules >= TOOLS_ARE_BUDGETED) {
                turn.settings.budget = budget;
            }
        });
        self.event(EventKind::SettingsChanged { settings: Box::new(self.thread.settings.clone()) });
        if let Some(tools) = &overrides.client_tools {
            self.serve_client_tools(tools);
        }
        if overrides.approval.is_some() || overrides.sandbox.is_some() {
            self.release(actor);
        }
    }

    fn shutdown(&mut self, now: bool, actor: &str) {
        self.thread.life = Life::Closing;
        if now {
            self.end(Ending::Aborted(AbortReason::Shutdown), actor);
            self.cancel_user_commands();
        }
    }
}

/// Changes what the overrides name.
pub(super) fn apply_overrides(settings: &mut Settings, overrides: &TurnOverrides, rules: u32) {
    let TurnOverrides {
        cwd,
        approval,
        sandbox,
        provider,
        model,
        context_window,
        stream_retries,
        effort,
        summary,
        personality,
        mode,
        budget,
        developer_instructions,
        surroundings,
        answer_within,
        client_tools: _,
        price,
        compact_at,
        masks,
        review_model,
        undo,
        hooks,
    } = overrides.clone();
    let asked = (settings.provider.clone(), settings.model.clone());
    if let Some(cwd) = cwd {
        settings.cwd = cwd;
    }
    if let Some(approval) = approval {
        settings.approval = approval;
    }
    if let Some(sandbox) = sandbox {
        settings.sandbox = sandbox;
    }
    if let Some(provider) = provider {
        settings.provider = provider;
    }
    if let Some(model) = model {
        settings.model = model;
    }
    let is_another = (&settings.provider, &settings.model) != (&asked.0, &asked.1);
    if context_window.is_some() || is_another && rules >= WINDOW_IS_THE_MODELS {
        settings.context_window = context_window;
    }
    if price.is_some() || is_another {
        settings.price = price;
    }
    if let Some(compact_at) = compact_at {
        settings.compact_at = compact_at;
    }
    if let Some(masks) = masks {
        settings.masks = masks;
    }
    if let Some(undo) = undo {
        settings.undo = undo;
    }
    if let Some(hooks) = hooks {
        settings.hooks = hooks;
    }
    settings.review_model = review_model.or(settings.review_model.take());
    if let Some(stream_retries) = stream_retries {
        settings.stream_retries = stream_retries;
    }
    if let Some(budget) = budget {
        settings.budget = budget;
    }
    if let Some(mode) = mode {
        settings.mode = mode;
    }
    if let Some(text) = developer_instructions {
        settings.developer_instructions = Some(text).filter(|text| !text.is_empty());
    }
    if let Some(surroundings) = surroundings {
        settings.surroundings = surroundings;
    }
    settings.answer_within = answer_within.or(settings.answer_within);
    settings.effort = effort.or(settings.effort);
    settings.summary = summary.or(settings.summary);
    settings.personality = personality.or(settings.personality.take());
}

/// Takes another model, of which nothing else is known.
pub(super) fn choose_model(settings: &mut Settings, model: &str) {
    if settings.model != model {
        model.clone_into(&mut settings.model);
        settings.context_window = None;
        settings.price = None;
    }
}
