//! Tells the server that an activity lives, for as long as it does.

use std::time::Duration;
use temporalio_sdk::activities::ActivityContext;

/// A cancellation reaches an activity with the answer to a beat, so this is how long it may take.
const INTERVAL: Duration = Duration::from_millis(250);

/// Does the work and beats meanwhile, on a timer of its own: work that says nothing for long is alive too.
pub(super) async fn while_beating<T>(ctx: &ActivityContext, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    let mut timer = tokio::time::interval(INTERVAL);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    timer.tick().await;
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            _ = timer.tick() => {
                if let Err(error) = ctx.record_heartbeat(()).await {
                    tracing::warn!(%error, "the server is not told that an activity lives");
                }
            }
        }
    }
}
