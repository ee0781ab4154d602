//! [`SystemEntropy`]: this machine's clock and randomness.

use agent_core::Entropy;
use async_trait::async_trait;
use std::{
    hash::{BuildHasher, RandomState},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use uuid::Uuid;

/// The system's clock, UUIDs of version 7, the system's randomness, tokio's timer.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

#[async_trait]
impl Entropy for SystemEntropy {
    fn now_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn id(&self) -> String {
        Uuid::now_v7().to_string()
    }

    fn random(&self) -> u64 {
        RandomState::new().hash_one(Uuid::now_v7().as_u128())
    }

    async fn sleep_until(&self, due_ms: u64) {
        loop {
            let left = due_ms.saturating_sub(self.now_ms());
            if left == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(left)).await;
        }
    }
}
