//! [`Entropy`]: time, ids and chance.

use async_trait::async_trait;

/// The only source of what differs from one run to the next.
///
/// Everything taken from here reaches the thread inside an input, so that replay needs none of it. Inside a
/// workflow the implementation takes it from the workflow's own clock and generator.
#[cfg_attr(feature = "test-util", mockall::automock)]
#[async_trait]
pub trait Entropy: Send + Sync {
    /// Milliseconds since the Unix epoch. It may stand still or jump; the thread only compares.
    fn now_ms(&self) -> u64;

    /// A fresh id, unique for all time: a UUID in text form.
    fn id(&self) -> String;

    /// A random number.
    fn random(&self) -> u64;

    /// Returns when `now_ms` has reached `due_ms`, at once where it has. Dropping the future cancels the wait.
    async fn sleep_until(&self, due_ms: u64);
}
