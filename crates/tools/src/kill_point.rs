//! Named points of the work at which a test can stop this process, to kill it there from outside.
//!
//! Without the feature `kill-points` there are none: what is left of them does nothing.

#[cfg(feature = "kill-points")]
mod armed;

#[cfg(feature = "kill-points")]
pub use armed::kill_point;
#[cfg(feature = "kill-points")]
pub(crate) use armed::{Held, held_child};

/// A point where a test may stop this process; not in this build.
#[cfg(not(feature = "kill-points"))]
#[inline]
pub fn kill_point(_name: &str) {}

/// How the next child is to be held before it starts its program; not in this build.
#[cfg(not(feature = "kill-points"))]
pub(crate) fn held_child() -> Option<Held> {
    None
}

/// A child that waits before its program; there is none in this build.
#[cfg(not(feature = "kill-points"))]
pub(crate) struct Held;

#[cfg(not(feature = "kill-points"))]
impl Held {
    pub(crate) fn hold(&self) {}
}
