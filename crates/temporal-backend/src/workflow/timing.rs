//! [`Timing`]: how long anything may take before it counts as lost.

use std::time::Duration;

/// The time limits of the activities.
///
/// They are part of the commands a workflow issues but not of what is compared in a replay, so they may change from one
/// build to the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    /// A worker that was not heard of for so long is taken for dead.
    pub(super) heartbeat: Duration,
    /// A tool gets so much longer than it asked for, to be stopped and to answer.
    pub(super) tool_grace: Duration,
    /// A model call that takes longer is lost.
    pub(super) model: Duration,
    /// Looking at a call, or a tool that only looks, may take so long inside a workflow task; then it runs as a regular
    /// activity.
    pub(super) quick: Duration,
    /// Looking for tools, which may start servers.
    pub(super) collect: Duration,
    /// Snapshots, restores and hooks, which end within bounds of their own.
    pub(super) workspace: Duration,
    /// Anything else that an owner does: stop a call, find out about one, archive items.
    pub(super) chore: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(5),
            tool_grace: Duration::from_secs(30),
            model: Duration::from_secs(3600),
            quick: Duration::from_millis(300),
            collect: Duration::from_secs(600),
            workspace: Duration::from_secs(600),
            chore: Duration::from_secs(60),
        }
    }
}
