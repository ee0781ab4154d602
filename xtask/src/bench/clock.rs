//! The clock that all processes of a machine share.

use rustix::time::{ClockId, clock_gettime};

const NS_PER_S: u64 = 1_000_000_000;

/// Nanoseconds since some moment that is the same for every process of this machine until it is restarted.
pub(crate) fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * NS_PER_S + now.tv_nsec.cast_unsigned()
}

/// The time between two moments, in milliseconds; 0 where they are the wrong way round.
pub(crate) fn ms_between(from_ns: u64, to_ns: u64) -> f64 {
    ms(to_ns.saturating_sub(from_ns))
}

/// Nanoseconds as milliseconds.
pub(crate) fn ms(ns: u64) -> f64 {
    const NS_PER_MS: f64 = 1e6;
    ns as f64 / NS_PER_MS
}
