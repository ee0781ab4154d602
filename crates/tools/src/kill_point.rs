//! Named points of the work at which a test can stop this process, to kill it there from outside.
//!
//! Without the feature `kill-points` there are none: what is left of them does nothing. With it, the variable
//! `EVERTURN_KILL_POINT` selects one: `tool.before_spawn`, or `tool.before_spawn:3` for the third time it is reached, counted
//! over the whole process. There the file named by `EVERTURN_KILL_MARKER` appears, whole, with one line
//! `<name> <hit> <pid>`, and the thread stays for ever.
//!
//! The points of this crate, in the order a call passes them: `tool.before_ledger` (nothing is written yet),
//! `tool.before_spawn` (the ledger file is there, empty), `tool.child_held` (the child has written its entry and waits two
//! seconds before its program; the parent is not stopped), `tool.child_running`, `tool.before_finish` (the child has ended,
//! the ledger does not say so) and `tool.after_finish`. A patch passes all but `tool.child_held`; at `tool.child_running`
//! its entry is written and no file changed.

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
