//! What becomes of a model's answer.

use super::{
    Effect, EffectKind, TimerPurpose,
    machine::Machine,
    rules::{ATTEMPTS_ARE_TOLD, CONVERSATIONS_ARE_SUMMARISED, LIMITS_ALONE_ARE_TOLD, TOOLS_ARE_BUDGETED},
    turn::{Call, Ending, Phase, Repeats, Stage, Task},
};
use crate::protocol::{
    BlobId, CallId, CompactionTrigger, Completion, EffectId, EventKind, Item, ItemDetail, ItemId,
    ModelAnswer, ModelError, ModelErrorKind, ModelItem, Payload, Price, ToolCall, TurnEnd,
};

/// The same calls so many times in a row end the turn.
pub(super) const MAX_REPEATS: u32 = 3;
/// A final message that misses the output schema is asked for again so often in a row.
const MAX_MISFITS: u32 = 2;
/// A model call that is lost with its process is not made again beyond this attempt.
pub(super) const MAX_MODEL_ATTEMPTS: u32 = 16;
/// The first wait before a broken response is asked for again; it doubles each time.
const RETRY_BASE_MS: u64 = 200;
/// No wait is longer.
const RETRY_MAX_MS: u64 = 60_000;

impl Machine<'_> {
    pub(super) fn model_answered(&mut self, effect: &Effect, answer: &ModelAnswer) {
        match answer {
            ModelAnswer::Completed { items, completion } => self.response(effect.id, items, completion),
            ModelAnswer::Failed { error } => self.model_failed(effect, error),
            ModelAnswer::Cancelled { partial, index } => {
                if !partial.is_empty() {
                    self.message(ItemId::of_effect(effect.id, *index), partial, true);
                }
                self.set_phase(Phase::Between);
            }
        }
    }

    /// A whole response: its items enter the conversation, its calls are due.
    fn response(&mut self, effect: EffectId, items: &[ModelItem], completion: &Completion) {
        let mut calls = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let id = ItemId::of_effect(effect, index);
            match item {
                ModelItem::Message { text } => {
                    self.propose(&id, text);
                    self.message(id, text, false);
                    self.with_turn(|turn| turn.last_message = Some(text.clone()));
                }
                ModelItem::Reasoning { provider_id, summary, text, encrypted } => {
                    self.push(Item::Reasoning {
                        provider_id: provider_id.clone(),
                        summary: summary.clone(),
                        text: text.clone(),
                        encrypted: encrypted.clone(),
                        provider: encrypted.as_ref().and_then(|_| self.sealing_provider()),
                    });
                    self.completed(
                        id,
                        ItemDetail::Reasoning { summary: summary.clone(), text: text.clone() },
                    );
                }
                ModelItem::WebSearch { query, sealed } => {
                    self.push(Item::WebSearch {
                        query: query.clone(),
                        sealed: sealed.clone(),
                        provider: sealed.as_ref().and_then(|_| self.sealing_provider()),
                    });
                    self.completed(id, ItemDetail::WebSearch { query: query.clone() });
                }
                ModelItem::Call { name, payload } => {
                    let call = self.new_call(id, name, payload);
                    self.push(Item::Call(call.clone()));
                    calls.push(Call { call, stage: Stage::New });
                }
            }
        }
        self.account(completion);
        self.with_turn(|turn| {
            turn.stream_retries = 0;
            turn.has_summary = false;
        });
        if calls.is_empty() {
            self.set_phase(Phase::Between);
            // A summary that was asked for meanwhile is made afterwards.
            if self.thread.queue.iter().all(|queued| queued.task == Task::Summarise) {
                self.final_message(completion.misfit.as_deref());
            }
            return;
        }
        self.with_turn(|turn| turn.misfits = 0);
        let times = self.count_repeats(&calls);
        self.set_phase(Phase::Acting { calls });
        if times >= MAX_REPEATS {
            let message = format!(
                "the model asked for the same tool calls {times} times in a row; tell it what to do differently"
            );
            self.fail("repeated_calls", message, TurnEnd::RepeatedCalls { times });
        }
    }

    /// The model stopped asking. It is done, unless its message misses the schema that was asked for.
    fn final_message(&mut self, misfit: Option<&str>) {
        let Some(misfit) = misfit else {
            let message = self.with_turn(|turn| turn.last_message.clone());
            self.set_ending(Ending::Completed(TurnEnd::Final { message }));
            return;
        };
        let misfits = self.with_turn(|turn| {
            turn.misfits += 1;
            turn.misfits
        });
        if misfits > MAX_MISFITS {
            let message = format!("the final message does not fit the output schema: {misfit}");
            self.fail("output_misfit", message.clone(), TurnEnd::OutputMisfit { message });
            return;
        }
        let message =
            format!("the final message does not fit the output schema, and the model is told so: {misfit}");
        self.event(EventKind::Warning { message });
        let text = format!(
            "Your final message does not fit the output schema: {misfit}\nAnswer again with nothing but JSON that fits \
             it."
        );
        self.push(Item::Context { text });
    }

    /// The provider of this step, as items name it.
    fn sealing_provider(&self) -> Option<String> {
        Some(self.turn_settings().provider.clone()).filter(|provider| !provider.is_empty())
    }

    fn message(&mut self, id: ItemId, text: &str, cut: bool) {
        self.push(Item::Agent { text: text.to_owned(), cut });
        self.completed(id, ItemDetail::AgentMessage { text: text.to_owned(), cut });
    }

    fn new_call(&mut self, item: ItemId, name: &str, payload: &Payload) -> ToolCall {
        let id = CallId::new(format!("call_{}", self.thread.next_call));
        self.thread.next_call += 1;
        // Later rules count the calls that begin.
        if self.thread.rules < TOOLS_ARE_BUDGETED {
            self.thread.tool_calls += 1;
        }
        ToolCall { id, item, name: name.to_owned(), payload: payload.clone() }
    }

    pub(super) fn account(&mut self, completion: &Completion) {
        let asked = self.turn_settings().asked();
        let (context_window, price) = (asked.context_window, asked.price);
        self.account_to(completion, context_window, price);
    }

    /// Accounts for an answer of a model with this window and price.
    pub(super) fn account_to(
        &mut self,
        completion: &Completion,
        context_window: Option<u64>,
        price: Option<Price>,
    ) {
        let tells_limits = self.thread.rules >= LIMITS_ALONE_ARE_TOLD && !completion.rate_limits.is_empty();
        if completion.tokens.is_none() && !tells_limits {
            return;
        }
        let last = completion.tokens.unwrap_or_default();
        self.thread.usage += last;
        self.with_turn(|turn| turn.usage += last);
        let price = price.filter(|_| self.thread.remembers());
        if self.thread.remembers() {
            self.thread.spent.pay(last, price);
            if completion.tokens.is_some() {
                self.thread.memory.size.count(last);
            }
        }
        self.event(EventKind::TokenCount {
            last,
            total: self.thread.usage,
            context_window,
            cost_microusd: price.and_then(|_| self.thread.cost_microusd()),
            context_left: context_window
                .filter(|_| completion.tokens.is_some())
                .map(|window| window.saturating_sub(last.total())),
            rate_limits: completion.rate_limits.clone(),
        });
    }

    fn count_repeats(&mut self, calls: &[Call]) -> u32 {
        let mut batch = String::new();
        for Call { call, .. } in calls {
            batch.push_str(&call.name);
            batch.push('\0');
            batch.push_str(call.payload.text());
            batch.push('\0');
        }
        let digest = BlobId::of(batch.as_bytes()).as_str().to_owned();
        self.with_turn(|turn| {
            let times = if turn.repeats.digest == digest { turn.repeats.times + 1 } else { 1 };
            turn.repeats = Repeats { digest, times };
            times
        })
    }

    fn model_failed(&mut self, effect: &Effect, error: &ModelError) {
        self.set_phase(Phase::Between);
        if self.thread.is_ending() {
            return;
        }
        if error.kind == ModelErrorKind::ContextWindowExceeded && self.gives_way() {
            return;
        }
        let of = self.turn_settings().stream_retries;
        let retry = self.with_turn(|turn| turn.stream_retries + 1);
        if !error.retry() || retry > of {
            let error =
                if self.thread.rules >= ATTEMPTS_ARE_TOLD { exhausted(error, retry) } else { error.clone() };
            self.fail(error.code(), error.message.clone(), turn_end(&error));
            return;
        }
        self.with_turn(|turn| turn.stream_retries = retry);
        let delay_ms = self.delay(effect, retry, error);
        self.event(EventKind::ModelRetry {
            attempt: effect.attempt + 1,
            retry,
            of,
            delay_ms,
            reason: error.message.clone(),
        });
        let timer =
            self.start(EffectKind::Timer { due_ms: self.at_ms + delay_ms, purpose: TimerPurpose::BackOff });
        self.set_phase(Phase::BackingOff {
            effect: effect.id,
            attempt: effect.attempt,
            timer,
            summary: None,
        });
    }

    /// How long to wait before the n-th retry.
    pub(super) fn delay(&self, effect: &Effect, retry: u32, error: &ModelError) -> u64 {
        self.retry_delay(effect, retry).max(error.retry_after_ms.unwrap_or(0)).min(RETRY_MAX_MS)
    }

    /// The provider says that the conversation does not fit: a summary makes room, once. True where it is to come.
    fn gives_way(&mut self) -> bool {
        let Some(turn) = &self.thread.turn else { return false };
        let gives = self.thread.rules >= CONVERSATIONS_ARE_SUMMARISED && !turn.has_summary;
        if gives {
            self.with_turn(|turn| turn.due_summary = Some(CompactionTrigger::Overflow));
        }
        gives
    }

    /// Doubles from [`RETRY_BASE_MS`], give or take a fifth. The jitter keeps many threads apart; it need not be
    /// random, so it is drawn from what names this attempt.
    fn retry_delay(&self, effect: &Effect, retry: u32) -> u64 {
        let base = RETRY_BASE_MS.saturating_mul(1 << (retry - 1).min(16)).min(RETRY_MAX_MS);
        let name = format!("{}/{}/{}", self.thread.key, effect.id, effect.attempt);
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        base * (80 + hash % 41) / 100
    }

    /// The back-off is over, or was stopped.
    pub(super) fn timer_answered(&mut self, timer: EffectId, due: bool) {
        let Some(turn) = &self.thread.turn else { return };
        let Phase::BackingOff { effect, attempt, timer: waited_for, summary } = turn.phase.clone() else {
            return;
        };
        if waited_for != timer {
            return;
        }
        // An answer that was no summary has cost something.
        let goes_on = due && turn.ending.is_none() && !(summary.is_some() && self.is_spent());
        if goes_on {
            let (kind, phase) = match summary {
                Some(summary) => (EffectKind::Compact, Phase::Summarising { effect, summary }),
                None => (EffectKind::Model, Phase::Sampling { effect }),
            };
            self.start_attempt(Effect { id: effect, attempt: attempt + 1, kind });
            self.set_phase(phase);
        } else {
            self.summary_stopped();
            self.set_phase(Phase::Between);
        }
    }

    /// A model call died with its process.
    pub(super) fn model_lost(&mut self, effect: Effect, cancelling: bool) {
        if cancelling {
            self.set_phase(Phase::Between);
            return;
        }
        if effect.attempt >= MAX_MODEL_ATTEMPTS {
            self.set_phase(Phase::Between);
            let message = format!("the process died in {} attempts of one model call", effect.attempt);
            self.fail("lost", message.clone(), TurnEnd::Fatal { message });
            return;
        }
        let attempt = effect.attempt + 1;
        self.event(EventKind::ModelRetry {
            attempt,
            retry: 0,
            of: self.turn_settings().stream_retries,
            delay_ms: 0,
            reason: "the process that asked the model died".into(),
        });
        self.start_attempt(Effect { attempt, ..effect });
    }
}

/// The last failure of a step, with how often the model was asked where asking again was of no use.
fn exhausted(error: &ModelError, asked: u32) -> ModelError {
    if !error.retry() {
        return error.clone();
    }
    let times = if asked == 1 { "once".to_owned() } else { format!("{asked} times") };
    let message = format!("{} (asked {times}); the thread is kept: try again later", error.message);
    ModelError { message, ..error.clone() }
}

fn turn_end(error: &ModelError) -> TurnEnd {
    let message = error.message.clone();
    match error.kind {
        ModelErrorKind::Stream | ModelErrorKind::Unavailable | ModelErrorKind::Lost => {
            TurnEnd::RetriesExhausted { message }
        }
        ModelErrorKind::ContextWindowExceeded => TurnEnd::ContextWindowExceeded { message },
        ModelErrorKind::Auth | ModelErrorKind::Quota | ModelErrorKind::InvalidRequest => {
            TurnEnd::Fatal { message }
        }
    }
}
