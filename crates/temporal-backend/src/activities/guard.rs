//! What an activity fails with is in the history for good, so it is told without secrets, and without what a panic said.

use agent_core::Redactor;
use futures::FutureExt;
use std::panic::AssertUnwindSafe;
use temporalio_sdk::activities::ActivityError;

/// What is told of a panic. The panic itself is on standard error.
const PANICKED: &str = "Everturn has a fault there, which its error output describes";

/// The work's result, or what is told of a panic.
pub(super) async fn caught<T>(work: impl Future<Output = T>) -> Result<T, &'static str> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|_| PANICKED)
}

/// The activity's result, its failure without secrets.
pub(super) async fn clean<T>(
    redactor: &Redactor,
    work: impl Future<Output = Result<T, ActivityError>>,
) -> Result<T, ActivityError> {
    match caught(work).await {
        Ok(Err(ActivityError::Application(failure))) => {
            Err(anyhow::anyhow!(redactor.scrub(&failure.to_string())).into())
        }
        Ok(done) => done,
        Err(message) => Err(anyhow::anyhow!(message).into()),
    }
}
