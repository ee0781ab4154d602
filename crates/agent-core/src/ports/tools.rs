//! [`ToolCallHandler`]: run one tool call.

use crate::protocol::{
    CollectRequest, Collected, EffectId, PrepareRequest, Prepared, ThreadKey, ToolAnswer, ToolRequest,
};
use async_trait::async_trait;
use futures::future::BoxFuture;
use std::fmt;

/// Runs tool calls.
///
/// The handler never decides whether a call may run: it says what the call is (`prepare`), the thread decides, and
/// `start` is asked only for what was decided. What the model can act on (a failed command, bad arguments, a
/// patch that does not fit) is an answer, never an error.
#[cfg_attr(feature = "test-util", mockall::automock)]
#[async_trait]
pub trait ToolCallHandler: Send + Sync {
    /// Says which tools there are, for a thread that [asks each turn](crate::Discovery::EachTurn). Changes nothing, may run
    /// twice, and comes to an end: what takes too long is left out, with a warning. By default nothing has changed.
    async fn collect(&self, request: CollectRequest) -> Collected {
        Collected { digest: request.known, ..Collected::default() }
    }

    /// Says what a call is. Quick, changes nothing, may run twice, and must not depend on what other calls of
    /// the same step do. Unknown tools and bad arguments are [`Prepared::Rejected`].
    async fn prepare(&self, request: PrepareRequest) -> Prepared;

    /// Starts a call; all work happens in the polls of the operation's answer.
    ///
    /// A handler whose calls outlive the death of its process keeps a ledger: an entry written before the call
    /// can have any effect, and the answer before it is given. No two calls with the same effect run at once.
    fn start<'a>(&'a self, request: ToolRequest) -> Operation<'a>;

    /// Says what became of a call started by a process that died: stops what still runs of it, then answers
    /// `NotStarted`, `Finished` (the answer had been kept) or `Unknown`.
    async fn recover(&self, request: ToolRequest) -> ToolAnswer;

    /// The answer of this effect is committed: whatever was kept to tell it again may go.
    fn acknowledge(&self, _key: &ThreadKey, _effect: EffectId) {}
}

/// A call in flight.
#[derive(Debug)]
pub struct Operation<'a> {
    /// Its last word. It comes within a bound after the cancel handle is pulled: `Cancelled`, or `Finished`
    /// where the call was faster, or `Unknown`.
    pub answer: Answering<'a>,
    /// Stops it.
    pub cancel: CancelHandle<'a>,
}

/// The future of an operation's answer.
pub struct Answering<'a>(pub BoxFuture<'a, Ended>);

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With its answer.
    Answered(ToolAnswer),
    /// The process that carried it out is gone. The driver makes [`crate::Input::Lost`] of it, so that a call that may run
    /// twice does.
    Lost {
        /// What [`ToolCallHandler::recover`] found out about it.
        evidence: Option<ToolAnswer>,
    },
}

impl fmt::Debug for Answering<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answering")
    }
}

impl Ended {
    /// What is known of it: of a lost one, what was found out.
    pub fn into_answer(self) -> ToolAnswer {
        match self {
            Self::Answered(answer) | Self::Lost { evidence: Some(answer) } => answer,
            Self::Lost { evidence: None } => {
                ToolAnswer::Unknown { note: "nothing is known of what it did".into() }
            }
        }
    }
}

impl<'a> Operation<'a> {
    /// An operation that is stopped by calling `cancel`, once at most.
    pub fn new(
        answer: impl Future<Output = ToolAnswer> + Send + 'a,
        cancel: impl FnOnce() + Send + 'a,
    ) -> Self {
        Self::elsewhere(async { Ended::Answered(answer.await) }, cancel)
    }

    /// The same for an operation that another process carries out, which may die.
    pub fn elsewhere(
        ended: impl Future<Output = Ended> + Send + 'a,
        cancel: impl FnOnce() + Send + 'a,
    ) -> Self {
        Self { answer: Answering(Box::pin(ended)), cancel: CancelHandle(Some(Box::new(cancel))) }
    }
}

/// Asks an operation to stop. Dropping it asks too, so that an abandoned operation does not run on.
pub struct CancelHandle<'a>(Option<Box<dyn FnOnce() + Send + 'a>>);

impl CancelHandle<'_> {
    /// Asks. The operation still answers.
    pub fn pull(&mut self) {
        if let Some(cancel) = self.0.take() {
            cancel();
        }
    }

    /// The operation has answered: there is nothing left to stop.
    pub fn disarm(&mut self) {
        self.0 = None;
    }
}

impl Drop for CancelHandle<'_> {
    fn drop(&mut self) {
        self.pull();
    }
}

impl fmt::Debug for CancelHandle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CancelHandle").field(&self.0.is_some()).finish()
    }
}
