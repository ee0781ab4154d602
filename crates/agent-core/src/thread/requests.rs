//! What an effect is asked, made from the thread.

use super::{
    Effect, EffectKind, Thread,
    turn::{Phase, Stage},
};
use crate::protocol::{CallId, Conversation, ModelRequest, PrepareRequest, Purpose, ToolRequest};

impl Thread {
    /// The request of a model call; `None` for any other effect, or when no turn runs.
    pub fn model_request(&self, effect: &Effect) -> Option<ModelRequest> {
        let turn = self.turn.as_ref()?;
        let (purpose, conversation) = match (&effect.kind, &turn.phase) {
            (EffectKind::Model, _) => (Purpose::Answer, self.conversation(0)),
            (EffectKind::Compact, Phase::Summarising { summary, .. }) => {
                let mut conversation = self.conversation(summary.skipped);
                conversation.tail.push(Self::summary_prompt());
                (Purpose::Summary, conversation)
            }
            _ => return None,
        };
        let asked = turn.settings.asked();
        let by = match &turn.phase {
            Phase::Summarising { summary, .. } => summary.by.as_ref(),
            _ => None,
        };
        Some(ModelRequest {
            purpose,
            key: self.key.clone(),
            turn: turn.id,
            effect: effect.id,
            attempt: effect.attempt,
            provider: by.and_then(|by| by.provider.clone()).unwrap_or_else(|| asked.provider.to_owned()),
            model: by.map_or(asked.model, |by| &by.model).to_owned(),
            effort: asked.effort,
            summary: turn.settings.summary,
            instructions: self.turn_instructions(),
            tools: self.turn_tools(),
            conversation,
            output_schema: turn.output_schema.clone().filter(|_| purpose == Purpose::Answer),
            traceparent: turn.traceparent.clone(),
        })
    }

    /// The conversation without its first items.
    fn conversation(&self, skipped: u64) -> Conversation {
        let (parts, items) = self.cut(skipped);
        Conversation {
            epoch: self.epoch,
            archived: self.archived[parts..].to_vec(),
            items: self.items[items..].to_vec(),
            skipped,
            tail: Vec::new(),
        }
    }

    /// The request to prepare a call of the current step.
    pub fn prepare_request(&self, call: &CallId) -> Option<PrepareRequest> {
        let turn = self.turn.as_ref()?;
        Some(PrepareRequest {
            key: self.key.clone(),
            turn: turn.id,
            call: self.call(call)?.call.clone(),
            cwd: turn.settings.cwd.clone(),
            sandbox: turn.settings.bounds().clone(),
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
            sandbox: turn.settings.bounds().clone(),
            amendment: amendment.clone(),
            reply: reply.clone(),
            traceparent: turn.traceparent.clone(),
        })
    }
}
