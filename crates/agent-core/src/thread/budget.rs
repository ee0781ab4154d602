//! What a thread has spent, and whether it may spend more.

use super::{
    EffectKind, Input, Record, Thread, TimerPurpose,
    machine::Machine,
    rules::{CONVERSATIONS_ARE_SUMMARISED, TOOLS_ARE_BUDGETED},
    turn::Ending,
};
use crate::protocol::{EventKind, Price, TokenUsage, TurnEnd};
use serde::{Deserialize, Serialize};

/// Pico-dollars in a micro-dollar; prices are micro-dollars for a million tokens.
const PICO_PER_MICRO: u64 = 1_000_000;

/// What a thread has spent besides tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Spent {
    /// In millionths of a millionth of a US dollar.
    cost_pico_usd: u64,
    /// Some tokens were spent whose price is not known.
    is_cost_partial: bool,
    /// Milliseconds in which a turn ran and did not only wait for an answer.
    work_ms: u64,
    /// When the last input was applied; 0 before the first.
    last_ms: u64,
}

impl Spent {
    pub(super) fn pay(&mut self, usage: TokenUsage, price: Option<Price>) {
        let Some(Price { input, cached, output }) = price else {
            self.is_cost_partial |= usage.total() > 0;
            return;
        };
        let fresh = usage.input.saturating_sub(usage.cached);
        let cost = [(fresh, input), (usage.cached, cached), (usage.output, output)];
        let cost = cost.into_iter().map(|(tokens, price)| tokens.saturating_mul(price));
        self.cost_pico_usd = cost.fold(self.cost_pico_usd, u64::saturating_add);
    }

    fn cost_microusd(self) -> u64 {
        self.cost_pico_usd.div_ceil(PICO_PER_MICRO)
    }
}

impl Thread {
    /// What was spent so far, in millionths of a US dollar; `None` where a price was not known.
    pub fn cost_microusd(&self) -> Option<u64> {
        (!self.spent.is_cost_partial).then(|| self.spent.cost_microusd())
    }

    /// Milliseconds of work so far: while a turn ran and did not only wait for an answer.
    pub fn work_ms(&self) -> u64 {
        self.spent.work_ms
    }

    /// Counts the time since the last input, where something was worked at. The time in which nobody served the thread is
    /// none of it.
    pub(super) fn pass_time(&mut self, record: &Record) {
        let Record { at_ms, rules, input, .. } = record;
        // A new thread takes the rules of its first record only when that is applied.
        if !self.remembers() || *rules < CONVERSATIONS_ARE_SUMMARISED {
            return;
        }
        let is_at_work = |kind: &EffectKind| {
            let waits = matches!(
                kind,
                EffectKind::UserCommand { .. } | EffectKind::Timer { purpose: TimerPurpose::Deadline(_), .. }
            );
            !waits
        };
        let worked = self.turn.is_some()
            && !matches!(input, Input::Lost { .. } | Input::Resumed | Input::Opened(_))
            && self.running.values().any(|running| is_at_work(&running.effect.kind));
        let last_ms = std::mem::replace(&mut self.spent.last_ms, *at_ms);
        if worked && last_ms > 0 {
            self.spent.work_ms += at_ms.saturating_sub(last_ms);
        }
    }
}

impl Machine<'_> {
    /// Ends the turn where a limit is reached. True where it is.
    pub(super) fn is_spent(&mut self) -> bool {
        let Some(message) = self.spent() else { return false };
        self.fail("budget", message.clone(), TurnEnd::BudgetSpent { message });
        true
    }

    /// The same before a call.
    pub(super) fn is_spent_for_a_call(&mut self) -> bool {
        if self.thread.rules < TOOLS_ARE_BUDGETED {
            return false;
        }
        let Some(message) = self.spent() else { return false };
        // Calls that run have been paid for: they come to their end.
        self.event(EventKind::Error { code: "budget".into(), message: message.clone() });
        self.set_ending(Ending::Completed(TurnEnd::BudgetSpent { message }));
        self.withdraw_questions("everturn");
        true
    }

    /// A call begins. Earlier rules counted the calls that were asked for.
    pub(super) fn count_call(&mut self) {
        if self.thread.rules >= TOOLS_ARE_BUDGETED {
            self.thread.tool_calls += 1;
        }
    }

    fn spent(&self) -> Option<String> {
        let settings = self.turn_settings();
        let (budget, thread) = (settings.budget, &*self.thread);
        let started_ms = thread.turn.as_ref().map_or(self.at_ms, |turn| turn.started_ms);
        let over = |name: &str, used: u64, limit: Option<u64>| {
            let limit = limit.filter(|limit| used >= *limit)?;
            Some(format!("the budget of {limit} {name} is spent ({used}); raise it to go on"))
        };
        let money = || {
            let limit = budget.cost_microusd?;
            let used = thread.spent.cost_microusd();
            let dollars =
                |microusd: u64| format!("${}.{:04}", microusd / 1_000_000, microusd % 1_000_000 / 100);
            if used >= limit {
                let (limit, used) = (dollars(limit), dollars(used));
                return Some(format!("the budget of {limit} is spent ({used}); raise it to go on"));
            }
            let asked = settings.asked();
            (asked.price.is_none()).then(|| {
                format!(
                    "there is a budget of {}, and the price of the model {} is not known; give its price, or take the limit \
                     away",
                    dollars(limit),
                    asked.model
                )
            })
        };
        over("tokens", thread.usage.total(), budget.tokens)
            .or_else(|| over("tool calls", thread.tool_calls, budget.tool_calls))
            .or_else(|| {
                over("milliseconds for a turn", self.at_ms.saturating_sub(started_ms), budget.turn_ms)
            })
            .or_else(|| over("milliseconds of work", thread.spent.work_ms, budget.work_ms))
            .or_else(money)
    }
}
