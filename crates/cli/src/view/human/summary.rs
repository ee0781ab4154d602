//! What a turn came to: time, calls, tokens, how much of the model's window is left.

use crate::view::{
    Style,
    amounts::{duration, number, percent},
    clean_line,
};
use agent_core::{RateLimit, TokenUsage};

/// A rate limit is told below this share of it.
const LOW_PERCENT: u64 = 20;

/// A turn in numbers, as they come.
#[derive(Default)]
pub(super) struct Summary {
    pub(super) started_ms: u64,
    pub(super) calls: u32,
    pub(super) usage: TokenUsage,
    /// Tokens left of the model's window, and the window.
    context: Option<(u64, u64)>,
    rate_limits: Vec<RateLimit>,
}

impl Summary {
    /// A new turn; the window and the limits stay as they were last told.
    pub(super) fn turn(&mut self, at_ms: u64) {
        (self.started_ms, self.calls, self.usage) = (at_ms, 0, TokenUsage::default());
    }

    pub(super) fn tokens(
        &mut self,
        last: TokenUsage,
        (window, left): (Option<u64>, Option<u64>),
        rate_limits: &[RateLimit],
    ) {
        self.usage += last;
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
