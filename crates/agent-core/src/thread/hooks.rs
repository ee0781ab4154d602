//! Hooks: the host's and the user's own say before and after turns and tool calls.

use super::{
    Effect, EffectKind, Thread,
    machine::Machine,
    ops::choose_model,
    turn::{Clearance, Ending, Phase, Showing, Stage, Task},
};
use crate::protocol::{
    CallId, Content, EventKind, Grant, HookPatch, HookPhase, HookRequest, HookRuling, Hooked, HookedCall,
    HookedEnd, Item, OutputStatus, Preparation, ToolCall, ToolOutput, TurnEnd,
};

/// Hooks that die with their process do not run again beyond this attempt: it may be they that kill it.
const MAX_ATTEMPTS: u32 = 4;
/// Hooks keep so many values with a thread, each so long.
const MAX_METADATA: usize = 64;
/// See [`MAX_METADATA`], in bytes.
const MAX_METADATA_BYTES: usize = 4_096;

/// Before a turn, in this order.
const BEFORE: [HookPhase; 3] = [HookPhase::SessionStart, HookPhase::PreRun, HookPhase::PreTurn];
/// After a turn, in this order.
const AFTER: [HookPhase; 2] = [HookPhase::PostTurn, HookPhase::PostRun];

impl Thread {
    /// The request to run hooks.
    pub fn hook_request(&self, effect: &Effect) -> Option<HookRequest> {
        let EffectKind::Hook { phase, call } = &effect.kind else { return None };
        let turn = self.turn.as_ref()?;
        let tool = call.as_ref().and_then(|call| self.call(call)).map(|call| {
            let output = match &call.stage {
                Stage::Ran { output, .. } => Some(output.clone()),
                _ => None,
            };
            Box::new(HookedCall { call: call.call.clone(), output })
        });
        let end = turn.ending.as_ref().map(|ending| match ending {
            Ending::Aborted(_) => HookedEnd::Aborted,
            Ending::Completed(end) => HookedEnd::Completed(end.clone()),
        });
        Some(HookRequest {
            key: self.key.clone(),
            turn: turn.id,
            effect: effect.id,
            attempt: effect.attempt,
            phase: *phase,
            cwd: turn.settings.cwd.clone(),
            model: turn.settings.asked().model.to_owned(),
            prompt: turn.opening.as_ref().map_or(&turn.prompt, |opening| &opening.content).clone(),
            tool,
            end,
            metadata: self.metadata.clone(),
        })
    }

    /// The next phase of these whose hooks have not run in this turn.
    fn next_phase(&self, phases: &[HookPhase]) -> Option<HookPhase> {
        let turn = self.turn.as_ref()?;
        let is_run = turn.task == Task::Answer;
        let is_due = |phase: &&HookPhase| {
            let applies = match phase {
                HookPhase::SessionStart => !self.is_begun,
                HookPhase::PreRun | HookPhase::PostRun => is_run,
                HookPhase::PreTurn | HookPhase::PostTurn | HookPhase::PreToolUse | HookPhase::PostToolUse => {
                    true
                }
            };
            applies && turn.settings.hooks.contains(phase) && !turn.hooked.contains(phase)
        };
        phases.iter().find(is_due).copied()
    }
}

impl Machine<'_> {
    /// Runs the next hooks before the turn. True where it has to wait.
    pub(super) fn hooks_before(&mut self) -> bool {
        // What is added in the midst of a turn counts from the next one on.
        let is_over =
            self.thread.turn.as_ref().is_some_and(|turn| turn.task == Task::Answer && turn.opening.is_none());
        let waits = !is_over && self.hooks_of_turn(&BEFORE);
        if !waits && self.thread.remembers() {
            self.thread.is_begun = true;
        }
        waits
    }

    /// Runs the next hooks after the turn. True where its end has to wait.
    pub(super) fn hooks_after(&mut self) -> bool {
        self.hooks_of_turn(&AFTER)
    }

    fn hooks_of_turn(&mut self, phases: &[HookPhase]) -> bool {
        let Some(phase) = self.thread.next_phase(phases) else { return false };
        let effect = self.start(EffectKind::Hook { phase, call: None });
        self.with_turn(|turn| turn.hooked.insert(phase));
        self.set_phase(Phase::Hooking { effect, phase });
        true
    }

    /// Runs the hooks before a call. True where there are any.
    pub(super) fn hooks_before_call(
        &mut self,
        call: &ToolCall,
        (preparation, grant): (&Preparation, Grant),
        amendment: Option<&String>,
        showing: Showing,
    ) -> bool {
        if !self.turn_settings().hooks.contains(&HookPhase::PreToolUse) {
            return false;
        }
        let effect =
            self.start(EffectKind::Hook { phase: HookPhase::PreToolUse, call: Some(call.id.clone()) });
        let stage = Stage::Hooking {
            effect,
            preparation: Box::new(preparation.clone()),
            grant,
            amendment: amendment.cloned(),
            showing,
        };
        self.set_stage(&call.id, stage);
        true
    }

    /// Runs the hooks after a call. True where there are any.
    pub(super) fn hooks_after_call(
        &mut self,
        call: &ToolCall,
        preparation: Option<&Preparation>,
        output: &ToolOutput,
    ) -> bool {
        let Some(preparation) = preparation else { return false };
        if self.thread.is_ending() || !self.turn_settings().hooks.contains(&HookPhase::PostToolUse) {
            return false;
        }
        let effect =
            self.start(EffectKind::Hook { phase: HookPhase::PostToolUse, call: Some(call.id.clone()) });
        let preparation = Box::new(preparation.clone());
        self.set_stage(&call.id, Stage::Ran { effect, preparation, output: output.clone() });
        true
    }

    pub(super) fn hooked(&mut self, phase: HookPhase, call: Option<&CallId>, hooked: &Hooked) {
        for note in &hooked.notes {
            self.event(EventKind::HookNote { phase, hook: note.hook.clone(), message: note.message.clone() });
        }
        self.note_metadata(&hooked.patch);
        match call.and_then(|call| self.look_up(call)) {
            Some((call, stage)) => self.call_hooked(&call, stage, hooked),
            None => self.turn_hooked(phase, hooked),
        }
    }

    fn turn_hooked(&mut self, phase: HookPhase, Hooked { ruling, patch, .. }: &Hooked) {
        self.set_phase(Phase::Between);
        let is_before = BEFORE.contains(&phase);
        if let HookRuling::Block { reason } = ruling {
            if is_before {
                // Also where the turn was stopped meanwhile: what a hook takes back is not heard.
                self.with_turn(|turn| turn.opening = None);
            }
            if is_before && !self.thread.is_ending() {
                let message = format!("a hook ended the turn: {reason}");
                self.fail("hook", message.clone(), TurnEnd::Blocked { message });
                return;
            }
            let message = format!("it wanted to stop what was over: {reason}");
            self.event(EventKind::HookNote { phase, hook: "hooks".into(), message });
        }
        if is_before {
            self.patch_turn(patch);
        }
        self.keep_for_model(patch.context.as_deref().map(str::trim).filter(|text| !text.is_empty()));
    }

    fn keep_for_model(&mut self, context: Option<&str>) {
        if let Some(context) = context {
            let text = format!("<hook>\n{context}\n</hook>");
            self.with_turn(|turn| turn.hook_context.push(text));
        }
    }

    fn patch_turn(&mut self, patch: &HookPatch) {
        if let Some(model) = &patch.model {
            let model = model.clone();
            self.with_turn(|turn| choose_model(&mut turn.settings, &model));
        }
        self.with_turn(|turn| {
            let Some(opening) = &mut turn.opening else { return };
            if let Some(prompt) = &patch.prompt {
                opening.content.retain(|part| !matches!(part, Content::Text { .. }));
                opening.content.insert(0, Content::text(prompt.clone()));
            }
            opening.content.extend(patch.attachments.iter().cloned());
            if let Some(model) = &patch.model {
                opening.overrides.model = Some(model.clone());
            }
        });
    }

    fn note_metadata(&mut self, patch: &HookPatch) {
        for (key, value) in &patch.metadata {
            if value.is_empty() {
                self.thread.metadata.remove(key);
            } else if key.len() + value.len() <= MAX_METADATA_BYTES
                && (self.thread.metadata.len() < MAX_METADATA || self.thread.metadata.contains_key(key))
            {
                self.thread.metadata.insert(key.clone(), value.clone());
            }
        }
    }

    fn call_hooked(&mut self, call: &ToolCall, stage: Stage, Hooked { ruling, patch, .. }: &Hooked) {
        let context = patch.context.as_deref().map(str::trim).filter(|text| !text.is_empty());
        match (stage, ruling) {
            (Stage::Hooking { preparation, .. }, HookRuling::Block { reason }) => {
                let output =
                    ToolOutput::text(OutputStatus::Denied, format!("Not run. A hook stopped it: {reason}"));
                self.call_done(call, Some(&preparation), output);
            }
            (Stage::Hooking { preparation, grant, amendment, showing, .. }, HookRuling::Continue) => {
                // After the outputs of the step: nothing is said between a call and its output.
                self.keep_for_model(context);
                let clearance = Clearance::Given;
                self.set_stage(&call.id, Stage::Ready { preparation, grant, amendment, showing, clearance });
            }
            (Stage::Ran { preparation, mut output, .. }, ruling) => {
                let blocked = match ruling {
                    HookRuling::Block { reason } => Some(format!("A hook objects: {reason}")),
                    HookRuling::Continue => None,
                };
                for text in blocked.as_deref().into_iter().chain(context) {
                    output.content.push(Content::text(format!("\n[{text}]")));
                }
                self.call_done(call, Some(&preparation), output);
            }
            (
                Stage::New
                | Stage::Preparing { .. }
                | Stage::Asking { .. }
                | Stage::Ready { .. }
                | Stage::Running { .. }
                | Stage::Done { .. },
                _,
            ) => {}
        }
    }

    /// Hooks were stopped on request.
    pub(super) fn hooks_stopped(&mut self, call: Option<&CallId>) {
        match call.and_then(|call| self.look_up(call)) {
            Some((call, Stage::Ran { preparation, output, .. })) => {
                self.call_done(&call, Some(&preparation), output);
            }
            Some((call, Stage::Hooking { .. })) => self.set_stage(&call.id, Stage::New),
            Some(_) => {}
            None => self.hooks_of_turn_stopped(),
        }
    }

    /// What hooks had no chance to block or change is not heard.
    fn hooks_of_turn_stopped(&mut self) {
        let is_before = matches!(
            self.thread.turn.as_ref().map(|turn| &turn.phase),
            Some(Phase::Hooking { phase, .. }) if BEFORE.contains(phase)
        );
        self.set_phase(Phase::Between);
        if is_before && self.with_turn(|turn| turn.opening.take()).is_some() {
            let message = "the turn was stopped before its hooks had looked at the message; the agent has not heard \
                           it, so say it again";
            self.event(EventKind::Warning { message: message.into() });
        }
    }

    pub(super) fn hooks_lost(&mut self, effect: Effect, cancelling: bool) {
        let EffectKind::Hook { phase, call } = effect.kind.clone() else { return };
        if cancelling {
            self.hooks_stopped(call.as_ref());
        } else if effect.attempt >= MAX_ATTEMPTS {
            let message = "the process died whenever these hooks ran; it goes on without them".to_owned();
            self.event(EventKind::HookNote { phase, hook: "hooks".into(), message });
            self.hooked(phase, call.as_ref(), &Hooked::default());
        } else {
            self.start_attempt(Effect { attempt: effect.attempt + 1, ..effect });
        }
    }

    /// Tells the model what hooks had to say.
    pub(super) fn tell_of_hooks(&mut self) {
        for text in self.with_turn(|turn| std::mem::take(&mut turn.hook_context)) {
            self.push(Item::Context { text });
        }
    }
}
