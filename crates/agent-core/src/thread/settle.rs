//! What comes next: the only place that begins turns, steps and model calls, and ends turns.

use super::{
    Effect, EffectKind, Life, Thread, TimerPurpose,
    input::Answer,
    machine::{Machine, STOP_WITHIN_MS},
    ops::apply_overrides,
    review::confine,
    rules::SKILLS_ARE_TOLD,
    turn::{Ending, Keeping, Phase, Queued, Repeats, Task, Tools, Turn},
};
use crate::{
    protocol::{
        Content, EffectId, EventKind, Item, ItemDetail, ItemId, ModelChoice, Prepared, RestoreAnswer,
        Settings, SnapshotAnswer, TokenUsage, ToolAnswer, TurnEnd, TurnId,
    },
    turn_diff::TurnDiff,
};
use std::collections::BTreeSet;

/// Whether the end of a turn does not wait for it.
fn is_beside_the_turn(effect: &Effect) -> bool {
    matches!(
        effect.kind,
        EffectKind::Timer { purpose: TimerPurpose::Stop, .. } | EffectKind::UserCommand { .. }
    )
}

/// A preparation that is lost with its process is not made again beyond this attempt.
const MAX_PREPARE_ATTEMPTS: u32 = 8;

impl Thread {
    pub(super) fn effective_settings(&self) -> &Settings {
        self.turn.as_ref().map_or(&self.settings, |turn| &turn.settings)
    }
}

impl Machine<'_> {
    /// Goes on until something outside is waited for.
    pub(super) fn settle(&mut self) {
        loop {
            let Some(turn) = &self.thread.turn else {
                if self.thread.rollback.is_some() {
                    return;
                }
                match self.thread.queue.pop_front() {
                    Some(first) if self.thread.life != Life::Closed => self.begin(first),
                    _ => break,
                }
                continue;
            };
            if let Some(ending) = turn.ending.clone() {
                let waiting =
                    self.thread.running.values().any(|running| !is_beside_the_turn(&running.effect));
                if waiting {
                    return;
                }
                // Before hooks take their place.
                self.summary_stopped();
                self.cancel_calls();
                self.commit_outputs();
                if self.keeps_last() || self.hooks_after() {
                    return;
                }
                self.conclude(ending);
                continue;
            }
            match turn.phase {
                Phase::Sampling { .. }
                | Phase::BackingOff { .. }
                | Phase::Collecting { .. }
                | Phase::Summarising { .. }
                | Phase::Hooking { .. } => return,
                Phase::Acting { .. } => {
                    if self.schedule() {
                        self.commit_outputs();
                    } else if !self.thread.is_ending() {
                        return;
                    }
                }
                Phase::Between => {
                    if self.hooks_before() || self.collects() {
                        return;
                    }
                    self.next_step();
                }
            }
        }
        if self.thread.life == Life::Closing && self.thread.user_commands.is_empty() {
            self.thread.life = Life::Closed;
            self.event(EventKind::ShutdownComplete);
            self.settled();
        }
    }

    fn begin(&mut self, first: Queued) {
        self.thread.turns += 1;
        self.thread.rules = self.rules;
        // A summary on request is no turn that anybody wants to take back.
        if first.task != Task::Summarise && self.thread.remembers() {
            self.mark();
        }
        self.thread.turn = Some(Turn {
            id: TurnId(self.thread.turns),
            started_ms: self.at_ms,
            settings: self.thread.settings.clone(),
            overrides: Vec::new(),
            output_schema: None,
            traceparent: None,
            phase: Phase::Between,
            ending: None,
            unheard: Vec::new(),
            usage: TokenUsage::default(),
            last_message: None,
            stream_retries: 0,
            misfits: 0,
            repeats: Repeats::default(),
            tools: Tools::Due,
            diff: TurnDiff::default(),
            opening: None,
            prompt: Vec::new(),
            is_heard: false,
            due_summary: None,
            has_summary: false,
            summary_after: None,
            keeping: Keeping::Untouched,
            review: None,
            hooked: BTreeSet::new(),
            hook_context: Vec::new(),
            task: first.task.clone(),
            skills: BTreeSet::new(),
            told_skills: BTreeSet::new(),
        });
        self.event(EventKind::TurnStarted);
        let (task, rules) = (first.task.clone(), self.thread.rules);
        self.with_turn(|turn| apply_overrides(&mut turn.settings, &first.overrides, rules));
        if task != Task::Answer {
            return self.begin_task(&task);
        }
        self.with_turn(|turn| turn.opening = Some(first));
        // Hooks may change it, and a summary comes before it.
        if self.turn_settings().hooks.is_empty() && !self.is_summary_due() {
            self.hear_opening();
        }
    }

    /// What the turn begins with enters the conversation.
    fn hear_opening(&mut self) {
        if let Some(opening) = self.with_turn(|turn| turn.opening.take()) {
            if !self.turn_settings().hooks.is_empty() {
                self.with_turn(|turn| turn.prompt.clone_from(&opening.content));
            }
            self.hear(opening);
        }
    }

    /// Something the user said enters the conversation, and its overrides the turn.
    fn hear(&mut self, queued: Queued) {
        let Queued { input_seq, task: _, content, overrides, output_schema, traceparent } = queued;
        let rules = self.thread.rules;
        let skills = content.iter().filter_map(|part| match part {
            Content::Skill { name } => Some(name.clone()),
            _ => None,
        });
        let skills: BTreeSet<String> = skills.collect();
        self.with_turn(|turn| {
            turn.is_heard = true;
            if !skills.is_empty() && rules >= SKILLS_ARE_TOLD {
                turn.tools = Tools::Due;
                turn.skills.extend(skills);
            }
            apply_overrides(&mut turn.settings, &overrides, rules);
            confine(turn);
            turn.output_schema = output_schema.or(turn.output_schema.take());
            turn.traceparent = traceparent.or(turn.traceparent.take());
        });
        if let Some(tools) = &overrides.client_tools {
            self.serve_client_tools(tools);
        }
        self.tell();
        self.push(Item::User { content: content.clone() });
        self.completed(ItemId::of_input(input_seq, 0), ItemDetail::UserMessage { content });
    }

    /// Limits, then what the user said meanwhile, then the model.
    fn next_step(&mut self) {
        let rules = self.thread.rules;
        self.with_turn(|turn| {
            for overrides in std::mem::take(&mut turn.overrides) {
                apply_overrides(&mut turn.settings, &overrides, rules);
            }
            confine(turn);
        });
        if self.summarises() {
            return;
        }
        self.hear_opening();
        for queued in std::mem::take(&mut self.thread.queue) {
            match queued.task {
                Task::Summarise => self.begin_task(&queued.task),
                Task::Answer | Task::Review { .. } => self.hear(queued),
            }
        }
        self.tell();
        self.tell_of_hooks();
        // What was just said may name skills, ask for a summary, or be what makes it too large.
        if self.collects() || self.summarises() || self.is_spent() {
            return;
        }
        if self.thread.remembers() {
            self.thread.asked_last = Some(self.asked());
        }
        let effect = self.start(EffectKind::Model);
        self.set_phase(Phase::Sampling { effect });
    }

    /// Whom the next request goes to.
    fn asked(&self) -> ModelChoice {
        let asked = self.turn_settings().asked();
        ModelChoice {
            provider: Some(asked.provider.to_owned()),
            model: asked.model.to_owned(),
            context_window: asked.context_window,
            price: asked.price,
        }
    }

    /// The turn is to end so, now or once what runs has answered. The first reason counts.
    pub(super) fn end(&mut self, ending: Ending, actor: &str) {
        if self.thread.turn.is_none() {
            return;
        }
        if let Ending::Aborted(_) = ending {
            let unheard = std::mem::take(&mut self.thread.queue);
            self.with_turn(|turn| turn.unheard.extend(unheard));
        }
        self.set_ending(ending);
        self.withdraw_questions(actor);
        self.cancel_turn();
    }

    /// Something failed: clients are told, and the turn is to end.
    pub(super) fn fail(&mut self, code: &str, message: String, end: TurnEnd) {
        self.event(EventKind::Error { code: code.to_owned(), message });
        self.end(Ending::Completed(end), "everturn");
    }

    pub(super) fn set_ending(&mut self, ending: Ending) {
        self.with_turn(|turn| {
            turn.ending.get_or_insert(ending);
        });
    }

    pub(super) fn set_phase(&mut self, phase: Phase) {
        self.with_turn(|turn| turn.phase = phase);
    }

    pub(super) fn turn_settings(&self) -> &Settings {
        self.thread.effective_settings()
    }

    /// Ends the turn: nothing of it runs any more.
    fn conclude(&mut self, ending: Ending) {
        self.stop_waiting();
        self.leave_review(&ending);
        // A turn that was stopped before it was heard was said all the same; what a hook took back was not.
        self.hear_opening();
        let unheard = self.with_turn(|turn| std::mem::take(&mut turn.unheard));
        for queued in unheard {
            match queued.task {
                Task::Answer => self.hear(queued),
                Task::Summarise | Task::Review { .. } => {
                    let message =
                        "what was asked for meanwhile was not begun, because the turn was stopped; ask again";
                    self.event(EventKind::Warning { message: message.into() });
                }
            }
        }
        self.tell_of_hooks();
        self.mark_kept();
        let (usage, diff) = self.with_turn(|turn| (turn.usage, std::mem::take(&mut turn.diff)));
        if !diff.is_empty() {
            self.event(EventKind::TurnDiff { diff: diff.unified() });
        }
        self.event(match ending {
            Ending::Aborted(reason) => EventKind::TurnAborted { reason },
            Ending::Completed(end) => EventKind::TurnCompleted { end, usage },
        });
        self.thread.turn = None;
        self.settled();
    }

    /// An effect has its answer.
    pub(super) fn answered(&mut self, id: EffectId, answer: &Answer) {
        let Some(running) = self.thread.running.remove(&id) else { return };
        let effect = running.effect;
        match (&effect.kind, answer) {
            (EffectKind::Model, Answer::Model { answer }) => self.model_answered(&effect, answer),
            (EffectKind::Prepare { call }, Answer::Prepared { prepared }) => self.prepared(call, prepared),
            (EffectKind::Tool { call }, Answer::Tool { answer }) => self.tool_answered(&effect, call, answer),
            (EffectKind::UserCommand { .. }, Answer::Tool { answer }) => match answer {
                ToolAnswer::NotStarted if running.cancelling => self.user_command_stopped(effect.id),
                answer => self.user_command_answered(&effect, answer),
            },
            (EffectKind::UserCommand { .. }, Answer::NotServed) => {
                let message = "this host runs no commands of the user".to_owned();
                self.user_command_answered(&effect, &ToolAnswer::Fatal { message });
            }
            (EffectKind::Collect, Answer::Collected { collected }) => self.collected(collected),
            (EffectKind::Collect, Answer::Cancelled) => self.tools_known(),
            (EffectKind::Compact, Answer::Model { answer }) => self.summary_answered(&effect, answer),
            (EffectKind::Snapshot { .. }, Answer::Snapshot { answer }) => self.snapshot_answered(answer),
            (EffectKind::Snapshot { .. }, Answer::Cancelled) => self.snapshot_stopped(),
            (EffectKind::Snapshot { .. }, Answer::NotServed) => {
                let why = "this host keeps no snapshots".to_owned();
                self.snapshot_answered(&SnapshotAnswer::Unavailable { why });
            }
            (EffectKind::Restore, Answer::Restored { answer }) => self.restored(answer),
            (EffectKind::Restore, Answer::NotServed) => {
                self.restored(&RestoreAnswer::Failed { message: "this host keeps no snapshots".into() });
            }
            (EffectKind::Hook { phase, call }, Answer::Hooked { hooked }) => {
                self.hooked(*phase, call.as_ref(), hooked);
            }
            (EffectKind::Hook { call, .. }, Answer::Cancelled) => self.hooks_stopped(call.as_ref()),
            (EffectKind::Timer { purpose: TimerPurpose::Deadline(question), .. }, Answer::Due) => {
                self.expired(question);
            }
            (EffectKind::Timer { purpose: TimerPurpose::Stop, .. }, Answer::Due) => self.stop_overdue(),
            (EffectKind::Timer { .. }, Answer::Due) => self.timer_answered(id, true),
            (EffectKind::Timer { .. }, Answer::Cancelled) => self.timer_answered(id, false),
            (kind, Answer::NotServed) => {
                let message = format!("this host does not serve effects of kind {kind:?}");
                self.fail("not_served", message.clone(), TurnEnd::Fatal { message });
            }
            (_, Answer::Cancelled | Answer::Due) => {}
            (
                _,
                Answer::Model { .. }
                | Answer::Prepared { .. }
                | Answer::Tool { .. }
                | Answer::Collected { .. }
                | Answer::Snapshot { .. }
                | Answer::Restored { .. }
                | Answer::Hooked { .. },
            ) => {}
        }
    }

    /// What was asked to stop has not answered in time. Its calls get an output that says what is known.
    fn stop_overdue(&mut self) {
        let stopping = self.thread.running.values().filter(|running| running.cancelling);
        for id in stopping.map(|running| running.effect.id).collect::<Vec<_>>() {
            let Some(effect) = self.give_up(id) else { continue };
            let note = format!("it did not stop within {} s", STOP_WITHIN_MS / 1_000);
            let unknown = ToolAnswer::Unknown { note };
            match &effect.kind {
                EffectKind::Tool { call } => self.tool_lost(&effect, call, Some(&unknown)),
                EffectKind::UserCommand { .. } => self.user_command_answered(&effect, &unknown),
                EffectKind::Snapshot { .. } => self.snapshot_stopped(),
                EffectKind::Hook { call, .. } => self.hooks_stopped(call.as_ref()),
                _ => {}
            }
        }
    }

    /// An effect died with its process.
    pub(super) fn lost(&mut self, id: EffectId, evidence: Option<&ToolAnswer>) {
        let Some(running) = self.thread.running.remove(&id) else { return };
        let effect = running.effect;
        match &effect.kind {
            EffectKind::Model => self.model_lost(effect, running.cancelling),
            EffectKind::Tool { call } => self.tool_lost(&effect, &call.clone(), evidence),
            EffectKind::UserCommand { .. } => self.user_command_lost(&effect, running.cancelling, evidence),
            EffectKind::Collect if running.cancelling => self.tools_known(),
            EffectKind::Collect => self.collect_lost(effect),
            EffectKind::Timer { .. } if running.cancelling => self.timer_answered(id, false),
            EffectKind::Prepare { .. } if running.cancelling => {}
            EffectKind::Prepare { call } if effect.attempt >= MAX_PREPARE_ATTEMPTS => {
                let message = format!(
                    "The process died {} times while this call was looked at. It did not run.",
                    effect.attempt
                );
                self.prepared(&call.clone(), &Prepared::Rejected { message });
            }
            EffectKind::Compact => self.summary_lost(effect, running.cancelling),
            EffectKind::Snapshot { .. } => self.snapshot_lost(effect, running.cancelling),
            EffectKind::Restore => self.restore_lost(effect),
            EffectKind::Hook { .. } => self.hooks_lost(effect, running.cancelling),
            EffectKind::Prepare { .. } | EffectKind::Timer { .. } | EffectKind::Child { .. } => {
                self.start_attempt(Effect { attempt: effect.attempt + 1, ..effect });
            }
        }
    }
}
