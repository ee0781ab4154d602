//! [`Watch`]: until when work goes on, and whether anybody still waits for it.

use super::SnapshotError;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// How often work that waits for something else looks whether it is still wanted.
pub(super) const LOOK: Duration = Duration::from_millis(20);

/// Until when work goes on. Work looks at it wherever it may last.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    until: Instant,
    limit_ms: u64,
    gone: Arc<AtomicBool>,
}

/// Tells the work that nobody waits for it any more, when it is dropped.
pub(super) struct Waiting(Arc<AtomicBool>);

impl Watch {
    pub(super) fn new(limit_ms: u64) -> (Self, Waiting) {
        let gone = Arc::new(AtomicBool::new(false));
        let watch = Self {
            until: Instant::now() + Duration::from_millis(limit_ms),
            limit_ms,
            gone: Arc::clone(&gone),
        };
        (watch, Waiting(gone))
    }

    pub(super) fn check(&self) -> Result<(), SnapshotError> {
        if self.gone.load(Ordering::Relaxed) {
            return Err(SnapshotError::Cancelled);
        }
        if Instant::now() >= self.until {
            return Err(SnapshotError::TooSlow(self.limit_ms));
        }
        Ok(())
    }

    /// How long to wait for something before the next look.
    pub(super) fn pause(&self) -> Duration {
        LOOK.min(self.until.saturating_duration_since(Instant::now()))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
