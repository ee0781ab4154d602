//! [`Machine`]: one application of one input, with what it produces.

use super::{
    Command, Effect, EffectKind, Genesis, Life, Outcome, Record, Running, Thread, TimerPurpose, turn::Turn,
};
use crate::protocol::{
    EffectId, Event, EventKind, Item, ItemDetail, ItemId, Shared, SnapshotMoment, TurnItem,
};
use std::collections::BTreeMap;

/// What was asked to stop and has not answered so long after is given up. Handlers answer far sooner; this keeps a
/// thread usable whose handler does not.
pub(super) const STOP_WITHIN_MS: u64 = 30_000;

/// A thread while an input is applied to it.
pub(super) struct Machine<'a> {
    pub(super) thread: &'a mut Thread,
    pub(super) at_ms: u64,
    /// Of the input's record.
    pub(super) rules: u32,
    outcome: Outcome,
}

impl<'a> Machine<'a> {
    pub(super) fn new(thread: &'a mut Thread, record: &Record) -> Self {
        Self { thread, at_ms: record.at_ms, rules: record.rules, outcome: Outcome::default() }
    }

    pub(super) fn finish(self) -> Outcome {
        self.outcome
    }

    pub(super) fn open(&mut self, genesis: &Genesis) {
        let thread = &mut *self.thread;
        thread.life = Life::Open;
        thread.rules = self.rules;
        thread.next_effect = genesis.effects + 1;
        thread.source = genesis.source;
        thread.settings = genesis.settings.clone();
        thread.instructions = genesis.instructions.clone();
        thread.tools = genesis.tools.clone();
        thread.discovery = genesis.discovery;
        thread.items = genesis.items.clone();
        thread.archived = genesis.archived.clone();
        thread.turns = genesis.turns;
        thread.next_call = genesis.calls + 1;
        thread.name = genesis.name.clone();
        thread.plan = genesis.plan.clone();
        thread.told = genesis.told.clone();
        if thread.remembers() {
            thread.memory = genesis.memory();
        }
        self.event(EventKind::ThreadStarted {
            key: self.thread.key.clone(),
            source: genesis.source,
            settings: Box::new(genesis.settings.clone()),
            forked_from: genesis.forked_from.clone(),
            durability: genesis.durability.clone(),
        });
        self.inherit(&genesis.items);
    }

    /// Shows clients the past that a fork begins with.
    fn inherit(&mut self, items: &[Shared<Item>]) {
        let mut calls = BTreeMap::new();
        for (index, item) in items.iter().enumerate() {
            let detail = match &**item {
                Item::User { content } => ItemDetail::UserMessage { content: content.clone() },
                Item::Agent { text, cut } => ItemDetail::AgentMessage { text: text.clone(), cut: *cut },
                Item::Call(call) => {
                    calls.insert(&call.id, &call.name);
                    continue;
                }
                Item::Output { call, output } => ItemDetail::ToolCall {
                    call: call.clone(),
                    tool: calls.remove(call).cloned().unwrap_or_default(),
                    subject: String::new(),
                    output: Some(output.clone()),
                },
                Item::WebSearch { query, .. } => ItemDetail::WebSearch { query: query.clone() },
                Item::Context { .. } | Item::Reasoning { .. } | Item::Unknown(_) => continue,
            };
            self.completed(ItemId::of_input(self.thread.input_seq, index), detail);
        }
    }

    pub(super) fn moved(&mut self, from: &str, to: &str) {
        self.thread.session_approvals.clear();
        self.event(EventKind::Moved { from: from.to_owned(), to: to.to_owned() });
        self.settled();
    }

    pub(super) fn resume(&mut self) {
        self.thread.is_begun = false;
        if self.thread.life == Life::Closed {
            self.thread.life = Life::Open;
            self.event(EventKind::Resumed);
        }
    }

    /// Tells clients something.
    pub(super) fn event(&mut self, kind: EventKind) {
        self.thread.event_seq += 1;
        self.outcome.events.push(Event {
            seq: self.thread.event_seq,
            at_ms: self.at_ms,
            turn: self.thread.current_turn(),
            kind,
        });
    }

    /// Tells clients that an item is whole.
    pub(super) fn completed(&mut self, id: ItemId, detail: ItemDetail) {
        self.event(EventKind::ItemCompleted { item: TurnItem { id, detail } });
    }

    /// Adds to the conversation.
    pub(super) fn push(&mut self, item: Item) {
        let item = Shared::new(item);
        if self.thread.remembers() {
            self.thread.memory.size.add(&item);
            if let Item::User { .. } = &*item
                && !self.thread.is_reviewing()
            {
                self.thread.memory.hear(&item);
            }
        }
        self.thread.items.push(item);
    }

    /// Starts a new effect.
    pub(super) fn start(&mut self, kind: EffectKind) -> EffectId {
        let id = EffectId(self.thread.next_effect);
        self.thread.next_effect += 1;
        self.start_attempt(Effect { id, attempt: 1, kind });
        id
    }

    /// Starts an attempt of an effect, the first or another.
    pub(super) fn start_attempt(&mut self, effect: Effect) {
        self.outcome.commands.push(Command::Start(effect.clone()));
        self.thread.running.insert(effect.id, Running { effect, cancelling: false });
    }

    /// Asks everything to stop that the turn has in flight, and sets the time by which it must have answered.
    pub(super) fn cancel_turn(&mut self) {
        self.cancel(|kind| {
            // The last two come to an end by themselves, and what they leave undone could not be made good.
            !matches!(
                kind,
                EffectKind::UserCommand { .. }
                    | EffectKind::Restore
                    | EffectKind::Snapshot { moment: SnapshotMoment::AfterTurn }
            )
        });
    }

    /// Asks what the user runs to stop.
    pub(super) fn cancel_user_commands(&mut self) {
        self.cancel(|kind| matches!(kind, EffectKind::UserCommand { .. }));
    }

    fn cancel(&mut self, which: impl Fn(&EffectKind) -> bool) {
        let mut asked = false;
        let running = self.thread.running.values_mut();
        for running in running.filter(|running| !running.cancelling && which(&running.effect.kind)) {
            running.cancelling = true;
            asked = true;
            self.outcome.commands.push(Command::Cancel(running.effect.id));
        }
        if asked {
            let due_ms = self.at_ms + STOP_WITHIN_MS;
            self.start(EffectKind::Timer { due_ms, purpose: TimerPurpose::Stop });
        }
    }

    /// Gives up the timers for what has stopped by now.
    pub(super) fn stop_waiting(&mut self) {
        let is_timer = |running: &&Running| {
            matches!(running.effect.kind, EffectKind::Timer { purpose: TimerPurpose::Stop, .. })
        };
        let running = &self.thread.running;
        if running.values().any(|running| running.cancelling && !is_timer(&running)) {
            return;
        }
        for timer in running.values().filter(is_timer).map(|running| running.effect.id).collect::<Vec<_>>() {
            self.give_up(timer);
        }
    }

    /// Takes an effect out of what is in flight. The driver drops it, which asks it to stop once more.
    pub(super) fn give_up(&mut self, effect: EffectId) -> Option<Effect> {
        let running = self.thread.running.remove(&effect)?;
        self.outcome.commands.push(Command::Cancel(effect));
        Some(running.effect)
    }

    /// A turn ended or the thread was shut down.
    pub(super) fn settled(&mut self) {
        self.outcome.settled = true;
    }

    /// The running turn. Callers have established that there is one; without one, nothing is done.
    pub(super) fn with_turn<R: Default>(&mut self, change: impl FnOnce(&mut Turn) -> R) -> R {
        self.thread.turn.as_mut().map(change).unwrap_or_default()
    }
}
