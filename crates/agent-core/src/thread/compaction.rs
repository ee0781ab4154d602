//! Summaries: when a conversation is summarised, who does it, and what the conversation is afterwards.

use super::{
    Effect, EffectKind, Thread, TimerPurpose,
    machine::Machine,
    memory::{ContextSize, MAX_SAID_TOKENS, overhead, weight},
    rules::CONVERSATIONS_ARE_SUMMARISED,
    turn::{Ending, Phase, Summarising, Tools},
};
use crate::protocol::{
    CompactAt, CompactionTrigger, Completion, EffectId, EventKind, Item, ItemDetail, ItemId, ModelAnswer,
    ModelChoice, ModelError, ModelErrorKind, ModelItem, PlanStepStatus, Shared, TurnEnd, TurnItem,
};
use std::collections::VecDeque;

const PROMPT: &str = include_str!("../prompts/summary.md");
/// A summary is asked for so often in all: a model may fail, say nothing, or say too much.
const MAX_TRIES: u32 = 4;
/// Where the conversation does not fit a request for its summary, so much of what is left of it is left out next.
const DROP_SHARE: u64 = 4;
/// What the user said is kept up to this share of the limit, and so is the summary.
const KEEP_SHARE: u64 = 4;
/// A conversation is full where all but this share of the window is used.
const FULL_SHARE: u64 = 20;
/// By this share of the limit a conversation grows before it is summarised again.
const GROWTH_SHARE: u64 = 10;
/// A summary may always have so many tokens.
const MIN_SUMMARY_TOKENS: u64 = 1_000;

impl Thread {
    /// How many tokens the conversation has, as the provider counted them, with a guess for what came since.
    pub fn context_tokens(&self) -> u64 {
        self.memory.size.tokens(&self.instructions, &self.tools)
    }

    /// From how many tokens on the conversation is summarised; `None` for never.
    fn limit(&self) -> Option<u64> {
        let settings = self.effective_settings();
        let window = settings.asked().context_window;
        match settings.compact_at {
            CompactAt::Percent(0) | CompactAt::Never => None,
            CompactAt::Percent(share) => window.map(|window| window.saturating_mul(u64::from(share)) / 100),
            CompactAt::Tokens(tokens) => Some(window.map_or(tokens, |window| tokens.min(window))),
        }
    }

    /// Whether the conversation is to be summarised. Where a summary left it near the limit it has to grow a little first, or
    /// there would be another one for each step.
    fn is_large(&self) -> bool {
        let used = self.context_tokens();
        let is_full = |window: u64| used >= window / FULL_SHARE * (FULL_SHARE - 1);
        let window = self.effective_settings().asked().context_window;
        self.limit().is_some_and(|limit| {
            let grown = used >= self.memory.settled_tokens.saturating_add(limit / GROWTH_SHARE);
            used >= limit && (grown || window.is_none_or(is_full))
        })
    }

    /// The first items that a request for a summary leaves out, archived parts and items apart, so that no output loses its
    /// call. `wanted` counts both.
    pub(super) fn cut(&self, wanted: u64) -> (usize, usize) {
        if wanted == 0 {
            return (0, 0);
        }
        let mut left = wanted;
        let mut parts = 0;
        for part in &self.archived {
            if part.items > left {
                return (parts, 0);
            }
            left -= part.items;
            parts += 1;
        }
        let mut open = 0_usize;
        let mut cut = 0;
        let mut cuts = 0;
        for item in &self.items {
            match &**item {
                Item::Call(_) => open += 1,
                Item::Output { .. } => open = open.saturating_sub(1),
                _ => {}
            }
            cut += 1;
            if open == 0 && cut as u64 <= left {
                cuts = cut;
            }
        }
        (parts, cuts)
    }

    /// The items of the conversation, archived ones included.
    pub(super) fn length(&self) -> u64 {
        self.archived.iter().map(|part| part.items).sum::<u64>() + self.items.len() as u64
    }

    pub(super) fn summary_prompt() -> Shared<Item> {
        Shared::new(Item::Context { text: PROMPT.trim().to_owned() })
    }
}

impl Machine<'_> {
    /// Begins a summary where that is due. True when the turn has to wait for it, or has ended.
    pub(super) fn summarises(&mut self) -> bool {
        let Some(turn) = &self.thread.turn else { return false };
        // No journal of earlier rules has one that was asked for; a run that keeps to them makes it all the same.
        if self.thread.rules < CONVERSATIONS_ARE_SUMMARISED && turn.due_summary.is_none() {
            return false;
        }
        let used = self.thread.context_tokens();
        let is_tried = turn.summary_after.is_some_and(|tokens| used < tokens);
        let is_large = !is_tried && self.thread.is_large();
        let is_over = !is_tried && self.thread.limit().is_some_and(|limit| used >= limit);
        if is_over && turn.has_summary && turn.due_summary.is_none() {
            let message = format!(
                "the conversation still has about {used} tokens after it was summarised, where {} are the limit; raise the \
                 limit (model_auto_compact_token_limit), take a model with a larger window, or begin a new thread",
                self.thread.limit().unwrap_or_default()
            );
            let end = TurnEnd::ContextWindowExceeded { message: message.clone() };
            self.fail("context_window_exceeded", message, end);
            return true;
        }
        let trigger = match turn.due_summary {
            Some(trigger) => trigger,
            None if !is_large => return false,
            None if self.is_smaller_window() => CompactionTrigger::SmallerWindow,
            None => CompactionTrigger::Size,
        };
        self.thread.recall();
        if self.thread.length() <= self.thread.memory.preamble.len() as u64 {
            return self.has_nothing_to_summarise(trigger);
        }
        if self.is_spent() {
            return true;
        }
        self.summarise(trigger);
        true
    }

    /// Nobody has said anything beyond what every request has. True when the turn ends with that.
    fn has_nothing_to_summarise(&mut self, trigger: CompactionTrigger) -> bool {
        self.with_turn(|turn| turn.due_summary = None);
        match trigger {
            CompactionTrigger::Requested => {
                self.event(EventKind::Warning { message: "there is nothing to summarise yet".into() });
                self.ends_if_silent()
            }
            CompactionTrigger::Overflow => {
                let message = "what every request begins with does not fit the model's window; take a model with a larger \
                               window, or say less at once"
                    .to_owned();
                let end = TurnEnd::ContextWindowExceeded { message: message.clone() };
                self.fail("context_window_exceeded", message, end);
                true
            }
            CompactionTrigger::Size | CompactionTrigger::SmallerWindow => false,
        }
    }

    /// Whether a summary is to come before what a turn begins with.
    pub(super) fn is_summary_due(&self) -> bool {
        self.thread.rules >= CONVERSATIONS_ARE_SUMMARISED && self.thread.is_large()
    }

    /// Whether the model that comes next has a smaller window than the one that was asked last.
    fn is_smaller_window(&self) -> bool {
        let next = self.turn_settings().asked().context_window;
        let last = self.thread.asked_last.as_ref().and_then(|last| last.context_window);
        matches!((last, next), (Some(last), Some(next)) if next < last)
    }

    fn summarise(&mut self, trigger: CompactionTrigger) {
        // What the next model cannot read, the last one can.
        let by = match trigger {
            CompactionTrigger::SmallerWindow => self.thread.asked_last.clone(),
            _ => None,
        };
        let effect = self.start(EffectKind::Compact);
        let item = summary_item(effect, String::new());
        self.event(EventKind::ItemStarted { item });
        let before = self.thread.context_tokens();
        self.set_phase(Phase::Summarising {
            effect,
            summary: Box::new(Summarising {
                item: ItemId::of_effect(effect, 0),
                trigger,
                by,
                before,
                skipped: 0,
                tries: 1,
            }),
        });
    }

    fn summarising(&self) -> Option<Summarising> {
        match &self.thread.turn.as_ref()?.phase {
            Phase::Summarising { summary, .. } => Some((**summary).clone()),
            _ => None,
        }
    }

    pub(super) fn summary_answered(&mut self, effect: &Effect, answer: &ModelAnswer) {
        let Some(summary) = self.summarising() else { return };
        match answer {
            ModelAnswer::Completed { items, completion } => {
                self.pay_for(completion, summary.by.as_ref());
                let texts = items.iter().filter_map(|item| match item {
                    ModelItem::Message { text } => Some(text.trim()),
                    _ => None,
                });
                let text = texts.collect::<Vec<_>>().join("\n\n");
                self.summary_came(effect, summary, &text);
            }
            ModelAnswer::Failed { error } if error.kind == ModelErrorKind::ContextWindowExceeded => {
                self.drop_oldest(effect, summary, error);
            }
            ModelAnswer::Failed { error } => self.summary_failed(effect, summary, error),
            ModelAnswer::Cancelled { .. } => self.summary_stopped(),
        }
    }

    /// The turn ends without the summary that it was about to have.
    pub(super) fn summary_stopped(&mut self) {
        let summary = match self.thread.turn.as_ref().map(|turn| &turn.phase) {
            Some(Phase::Summarising { summary, .. } | Phase::BackingOff { summary: Some(summary), .. }) => {
                summary.item.clone()
            }
            _ => return,
        };
        self.set_phase(Phase::Between);
        self.completed(summary, ItemDetail::Compaction { summary: String::new() });
    }

    fn summary_came(&mut self, effect: &Effect, summary: Summarising, text: &str) {
        let room = self.summary_room(&summary);
        let size = weight(&Item::Context { text: text.to_owned() });
        let fault = match text {
            "" => "the model gave no summary".to_owned(),
            _ if size > room => format!("the summary has about {size} tokens, where {room} are the limit"),
            _ => return self.compacted(effect.id, &summary, text),
        };
        self.summary_failed(effect, summary, &ModelError::new(ModelErrorKind::Stream, fault));
    }

    /// So many tokens a summary may have: less than what it stands for, and a part of the limit.
    fn summary_room(&self, summary: &Summarising) -> u64 {
        let half = (summary.before / 2).max(1);
        let share = self.thread.limit().map_or(MAX_SAID_TOKENS, |limit| limit / KEEP_SHARE);
        share.max(MIN_SUMMARY_TOKENS).min(half.max(MIN_SUMMARY_TOKENS))
    }

    /// The conversation does not fit a request for its summary: the oldest part of it is left out, and it is asked again.
    fn drop_oldest(&mut self, effect: &Effect, summary: Summarising, error: &ModelError) {
        if self.thread.is_ending() {
            return self.summary_stopped();
        }
        let length = self.thread.length();
        let share = (length.saturating_sub(summary.skipped) / DROP_SHARE).max(1);
        let mut wanted = summary.skipped;
        let mut skipped = summary.skipped;
        // A step with many calls goes as a whole, or not at all.
        while skipped <= summary.skipped && wanted < length {
            wanted += share;
            let (parts, items) = self.thread.cut(wanted);
            skipped =
                self.thread.archived.iter().take(parts).map(|part| part.items).sum::<u64>() + items as u64;
        }
        if skipped <= summary.skipped || skipped >= length {
            return self.summary_given_up(&summary, error);
        }
        self.ask_shorter(effect, summary, skipped, error);
    }

    fn ask_shorter(&mut self, effect: &Effect, summary: Summarising, skipped: u64, error: &ModelError) {
        self.event(EventKind::ModelRetry {
            attempt: effect.attempt + 1,
            retry: 0,
            of: MAX_TRIES,
            delay_ms: 0,
            reason: format!("{}; the summary leaves out the first {skipped} items", error.message),
        });
        self.start_attempt(Effect { attempt: effect.attempt + 1, ..effect.clone() });
        self.set_phase(Phase::Summarising {
            effect: effect.id,
            summary: Box::new(Summarising { skipped, ..summary }),
        });
    }

    fn summary_failed(&mut self, effect: &Effect, summary: Summarising, error: &ModelError) {
        if self.thread.is_ending() {
            return self.summary_stopped();
        }
        if !error.retry() || summary.tries >= MAX_TRIES {
            return self.summary_given_up(&summary, error);
        }
        let retry = summary.tries;
        let delay_ms = self.delay(effect, retry, error);
        self.event(EventKind::ModelRetry {
            attempt: effect.attempt + 1,
            retry,
            of: MAX_TRIES - 1,
            delay_ms,
            reason: error.message.clone(),
        });
        let timer =
            self.start(EffectKind::Timer { due_ms: self.at_ms + delay_ms, purpose: TimerPurpose::BackOff });
        let summary = Box::new(Summarising { tries: retry + 1, ..summary });
        self.set_phase(Phase::BackingOff {
            effect: effect.id,
            attempt: effect.attempt,
            timer,
            summary: Some(summary),
        });
    }

    /// There is no summary. Where the conversation still fits, the turn goes on without.
    fn summary_given_up(&mut self, summary: &Summarising, error: &ModelError) {
        self.set_phase(Phase::Between);
        self.completed(summary.item.clone(), ItemDetail::Compaction { summary: String::new() });
        let why = format!("the conversation could not be summarised: {}", error.message);
        let window = self.turn_settings().asked().context_window;
        let fits = window.is_none_or(|window| self.thread.context_tokens() < window);
        let is_wanted = matches!(summary.trigger, CompactionTrigger::Requested);
        if is_wanted && self.is_nothing_else_to_do() {
            let message = format!("{why}; it is as it was");
            self.fail("compaction", message.clone(), TurnEnd::Fatal { message });
        } else if fits && summary.trigger != CompactionTrigger::Overflow {
            self.with_turn(|turn| {
                turn.due_summary = None;
                turn.summary_after = Some(summary.before + summary.before / 10);
            });
            self.event(EventKind::Warning { message: format!("{why}; it goes on as it is") });
        } else {
            // A provider that says so says what helps, too.
            let message = match error.kind {
                ModelErrorKind::ContextWindowExceeded => why,
                _ => format!(
                    "{why}, and it does not fit the model's window; begin a new thread, or take a model with a larger window"
                ),
            };
            let end = TurnEnd::ContextWindowExceeded { message: message.clone() };
            self.fail("context_window_exceeded", message, end);
        }
    }

    /// Whether the turn only was to summarise.
    fn is_nothing_else_to_do(&self) -> bool {
        self.thread.turn.as_ref().is_some_and(|turn| turn.is_silent())
    }

    /// The summary takes the conversation's place.
    fn compacted(&mut self, effect: EffectId, summary: &Summarising, text: &str) {
        // It may repeat what a tool found; nothing in it ends it.
        let text = self.with_what_is_known(text).replace("</summary", "<\\/summary");
        self.completed(ItemId::of_effect(effect, 0), ItemDetail::Compaction { summary: text.clone() });
        let thread = &mut *self.thread;
        let keep = thread.limit().map_or(MAX_SAID_TOKENS, |limit| (limit / KEEP_SHARE).min(MAX_SAID_TOKENS));
        let mut items = thread.memory.preamble.clone();
        items.extend(newest(&thread.memory.said, keep));
        items.push(Shared::new(Item::Context { text: format!("<summary>\n{text}\n</summary>") }));
        let estimate = items.iter().map(|item| weight(item)).sum();
        thread.items = items;
        thread.archived.clear();
        thread.epoch += 1;
        thread.told = Default::default();
        thread.memory.compactions += 1;
        thread.memory.size = ContextSize::of_estimate(estimate);
        thread.memory.settled_tokens = thread.context_tokens();
        if !thread.is_reviewing() {
            thread.forget_where_turns_began();
        }
        let after_tokens = estimate + overhead(&thread.instructions, &thread.tools);
        self.event(EventKind::ContextCompacted {
            trigger: summary.trigger,
            before_tokens: summary.before,
            after_tokens,
        });
        self.set_phase(Phase::Between);
        self.with_turn(|turn| {
            turn.due_summary = None;
            turn.has_summary = true;
            // The work that the user named them for goes on.
            if !turn.told_skills.is_empty() {
                turn.tools = Tools::Due;
                turn.skills.append(&mut turn.told_skills);
            }
        });
        self.ends_if_silent();
    }

    /// Ends a turn that was only to summarise. True where it is one.
    fn ends_if_silent(&mut self) -> bool {
        // What was said meanwhile is a turn of its own, with hooks that look at it.
        let ends = self.is_nothing_else_to_do();
        if ends {
            self.set_ending(Ending::Completed(TurnEnd::Final { message: None }));
        }
        ends
    }

    /// The model's summary, and what the thread knows without it.
    fn with_what_is_known(&self, text: &str) -> String {
        let mut whole = text.to_owned();
        if let Some(plan) = &self.thread.plan {
            whole.push_str("\n\n## Plan\n");
            for step in &plan.steps {
                let mark = match step.status {
                    PlanStepStatus::Pending => "[ ]",
                    PlanStepStatus::InProgress => "[>]",
                    PlanStepStatus::Completed => "[x]",
                };
                whole.push_str(&format!("{mark} {}\n", step.step));
            }
        }
        if !self.thread.memory.touched.is_empty() {
            whole.push_str("\n\n## Files changed so far\n");
            whole.push_str(&self.thread.memory.touched.join("\n"));
        }
        whole.trim_end().to_owned()
    }

    fn pay_for(&mut self, completion: &Completion, by: Option<&ModelChoice>) {
        let size = self.thread.memory.size;
        match by {
            Some(ModelChoice { context_window, price, .. }) => {
                self.account_to(completion, *context_window, *price);
            }
            None => self.account(completion),
        }
        self.thread.memory.size = size;
    }

    /// A request for a summary died with its process.
    pub(super) fn summary_lost(&mut self, effect: Effect, cancelling: bool) {
        match self.summarising() {
            Some(_) if cancelling => self.summary_stopped(),
            Some(summary) if effect.attempt >= super::models::MAX_MODEL_ATTEMPTS => {
                let error =
                    ModelError::new(ModelErrorKind::Lost, "the process died whenever it was asked for");
                self.summary_given_up(&summary, &error);
            }
            Some(_) => self.start_attempt(Effect { attempt: effect.attempt + 1, ..effect }),
            None => {}
        }
    }
}

fn summary_item(effect: EffectId, summary: String) -> TurnItem {
    TurnItem { id: ItemId::of_effect(effect, 0), detail: ItemDetail::Compaction { summary } }
}

/// The last messages up to a number of tokens, the oldest first; the very last one always.
fn newest(said: &VecDeque<Shared<Item>>, tokens: u64) -> Vec<Shared<Item>> {
    let mut left = tokens;
    let mut kept = VecDeque::new();
    for item in said.iter().rev() {
        let weight = weight(item);
        if weight > left && !kept.is_empty() {
            break;
        }
        left = left.saturating_sub(weight);
        kept.push_front(item.clone());
    }
    kept.into()
}
