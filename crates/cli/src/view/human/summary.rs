//! What a turn came to: time, calls, tokens, how much of the model's window is left.

use crate::view::{
    Style,
    amounts::{dollars, duration, number, percent},
    clean_line,
};
use agent_core::{RateLimit, Settings, TokenUsage};
use models::{Catalogue, Price};

/// A rate limit is told below this share of it.
const LOW_PERCENT: u64 = 20;

/// A turn in numbers, as they come.
#[derive(Clone, Default)]
pub(super) struct Summary {
    pub(super) started_ms: u64,
    pub(super) calls: u32,
    pub(super) usage: TokenUsage,
    /// Tokens left of the model's window, and the window.
    context: Option<(u64, u64)>,
    rate_limits: Vec<RateLimit>,
    /// Knows prices; without it no cost is told.
    catalogue: Option<Catalogue>,
    /// Of the model that is asked.
    price: Option<Price>,
    /// What the turn's tokens cost, in micro-dollars; 0 where no price is known.
    cost: u64,
}

impl Summary {
    pub(super) fn priced(catalogue: Catalogue, model: &str) -> Self {
        let price = catalogue.model(model).price;
        Self { catalogue: Some(catalogue), price, ..Self::default() }
    }

    /// The model may be another one from now on.
    pub(super) fn runs_under(&mut self, settings: &Settings) {
        self.price = self.catalogue.as_ref().and_then(|catalogue| catalogue.model(&settings.model).price);
    }

    /// A new turn; the window and the limits stay as they were last told.
    pub(super) fn turn(&mut self, at_ms: u64) {
        (self.started_ms, self.calls, self.usage, self.cost) = (at_ms, 0, TokenUsage::default(), 0);
    }

    pub(super) fn tokens(
        &mut self,
        last: TokenUsage,
        (window, left): (Option<u64>, Option<u64>),
        rate_limits: &[RateLimit],
    ) {
        self.usage += last;
        self.cost += self.price.map_or(0, |price| price.cost(&last));
        self.context = left.zip(window);
        if !rate_limits.is_empty() {
            self.rate_limits = rate_limits.to_vec();
        }
    }

    /// All of it on one line.
    pub(super) fn line(&self, at_ms: u64) -> String {
        let mut parts = vec![duration(at_ms.saturating_sub(self.started_ms)), self.calls()];
        if self.usage != TokenUsage::default() {
            parts.push(self.spent());
        }
        if self.cost > 0 {
            parts.push(dollars(self.cost));
        }
        if let Some((left, window)) = self.context.filter(|(_, window)| *window > 0) {
            parts.push(format!("context {} % left", percent(left, window)));
        }
        parts.join(" · ")
    }

    /// The rate limits that are nearly spent, a line each.
    pub(super) fn low_limits(&self, style: Style) -> Vec<String> {
        let low = self
            .rate_limits
            .iter()
            .filter(|limit| limit.limit > 0 && percent(limit.remaining, limit.limit) < LOW_PERCENT);
        let line = |limit: &RateLimit| {
            let again =
                limit.reset_ms.map(|ms| format!(", whole again in {}", until(ms))).unwrap_or_default();
            let (name, left, of) = (clean_line(&limit.name), number(limit.remaining), number(limit.limit));
            style.yellow(format!("  {name}: {left} of {of} left{again}"))
        };
        low.map(line).collect()
    }

    fn calls(&self) -> String {
        if self.calls == 1 { "1 call".into() } else { format!("{} calls", self.calls) }
    }

    fn spent(&self) -> String {
        let usage = &self.usage;
        let cached = match usage.cached {
            0 => String::new(),
            cached => format!(" ({} % cached)", percent(cached, usage.input)),
        };
        let reasoning = match usage.reasoning {
            0 => String::new(),
            reasoning => format!(" ({} reasoning)", number(reasoning)),
        };
        format!("{} tokens in{cached}, {} out{reasoning}", number(usage.input), number(usage.output))
    }
}

/// A time to wait, in whole seconds.
fn until(ms: u64) -> String {
    match ms.div_ceil(1_000) {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds => duration(seconds * 1_000),
    }
}
