//! What an effect is asked, made from the thread.

use super::{Effect, EffectKind, Thread, turn::Stage};
use crate::protocol::{CallId, Conversation, ModelRequest, PrepareRequest, ToolRequest};

impl Thread {
    /// The request of a model call; `None` for any other effect, or when no turn runs.
    pub fn model_request(&self, effect: &Effect) -> Option<ModelRequest> {
        let turn = self.turn.as_ref().filter(|_| effect.kind == EffectKind::Model)?;
        Some(ModelRequest {
            key: self.key.clone(),
            turn: turn.id,
            effect: effect.id,
            attempt: effect.attempt,
            provider: turn.settings.provider.clone(),
            model: turn.settings.model.clone(),
            effort: turn.settings.effort,
            summary: turn.settings.summary,
            instructions: self.instructions.clone(),
            tools: self.tools.clone(),
            conversation: Conversation {
                epoch: self.epoch,
                archived: self.archived.clone(),
                items: self.items.clone(),
            },
            output_schema: turn.output_schema.clone(),
            traceparent: turn.traceparent.clone(),
        })
    }

    /// The request to prepare a call of the current step.
    pub fn prepare_request(&self, call: &CallId) -> Option<PrepareRequest> {
        let turn = self.turn.as_ref()?;
        Some(PrepareRequest {
            key: self.key.clone(),
            turn: turn.id,
            call: self.call(call)?.call.clone(),
            cwd: turn.settings.cwd.clone(),
            sandbox: turn.settings.sandbox.clone(),
        })
    }

    /// The request to run a call of the current step that was decided to run, or a command of the user.
    pub fn tool_request(&self, effect: &Effect) -> Option<ToolRequest> {
        if let EffectKind::UserCommand { call } = &effect.kind {
            return self.user_command_request(effect, call);
        }
        let turn = self.turn.as_ref()?;
        let EffectKind::Tool { call } = &effect.kind else { return None };
        let call = self.call(call)?;
        let Stage::Running { preparation, grant, amendment, reply, .. } = &call.stage else { return None };
        Some(ToolRequest {
            key: self.key.clone(),
            turn: turn.id,
            effect: effect.id,
            attempt: effect.attempt,
            call: call.call.clone(),
            preparation: (**preparation).clone(),
            grant: *grant,
            cwd: turn.settings.cwd.clone(),
            sandbox: turn.settings.sandbox.clone(),
            amendment: amendment.clone(),
            reply: reply.clone(),
            traceparent: turn.traceparent.clone(),
        })
    }
}
