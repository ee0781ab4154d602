//! [`Inbox`]: where submissions come from.

use crate::protocol::{Accepted, OpId, Refusal, Submission};
use async_trait::async_trait;
use futures::stream::BoxStream;

/// The queue of one thread's submissions, read by the one driver that serves the thread.
#[cfg_attr(feature = "test-util", mockall::automock)]
#[async_trait]
pub trait Inbox: Send + Sync {
    /// The submissions, in the order they were accepted into the queue. Called once in the life of a driver.
    ///
    /// The stream takes a submission from the queue only in the poll that returns it, and a durable queue keeps it
    /// until [`Inbox::reply`]: after a crash it comes again, and the thread knows it by its `op_id`. The thread remembers
    /// the last [`crate::RECENT_OPS`] ids; that an older one does not count again is the queue's duty. The end
    /// of the stream tells the driver to return ([`crate::Exit::Detached`]); what runs is dropped and found again.
    fn submissions<'a>(&'a self) -> BoxStream<'a, Submission>;

    /// Tells what became of a submission. Accepted means committed. Called once for each submission taken, before the
    /// next one is, unless the driver fails; a failure to tell is the inbox's to log.
    async fn reply(&self, op: &OpId, reply: Result<Accepted, Refusal>);

    /// Asked while nothing is in flight: should the driver return so that another takes over
    /// ([`crate::Exit::HandOver`])? Effects that are decided and not started are started by the next driver.
    fn hand_over(&self) -> bool {
        false
    }
}
