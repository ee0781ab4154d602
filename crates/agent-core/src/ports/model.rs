//! [`ModelStreamer`]: one model response as a stream.

use crate::protocol::{EffectId, ModelError, ModelEvent, ModelRequest};
use futures::stream::BoxStream;

/// How a model call is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopping {
    /// By dropping its stream, which has told everything so far.
    AtOnce,
    /// It was asked, and its stream ends soon.
    Answers,
}

/// Asks a model.
///
/// * Order: deltas of an item come before the item, items in the model's order, `Completed` last.
/// * Failure: an `Err` is the last thing the stream yields. Requests that fail before the first byte are retried
///   inside (429, 5xx, connection refused), with back-off and a bound; a response that breaks off is not: it is
///   answered with [`crate::ModelErrorKind::Stream`], and the thread decides whether to ask again. A stream that
///   ends without `Completed` counts as broken off.
/// * Output schema: where the request has one and the response asks for no tool, [`crate::Completion::misfit`] says
///   whether its last message fits. The thread does not look at the schema itself.
/// * Lost: where the call runs in another process, its death is answered with [`crate::ModelErrorKind::Lost`].
/// * Cancellation: dropping the stream cancels the call. Where [`ModelStreamer::stop`] says that the call answers, it is
///   asked first and heard to its end.
/// * Nothing is durable until the stream has ended and the driver has committed the response as a whole.
#[cfg_attr(feature = "test-util", mockall::automock)]
pub trait ModelStreamer: Send + Sync {
    /// Starts a call. All work happens in the stream's polls.
    fn stream<'a>(&'a self, request: ModelRequest) -> BoxStream<'a, Result<ModelEvent, ModelError>>;

    /// Asks this attempt of a call to stop. [`Stopping::Answers`] promises that its stream ends soon, having said what it
    /// had: the driver hears it out. It is for calls whose pieces do not come through the stream.
    fn stop(&self, _effect: EffectId, _attempt: u32) -> Stopping {
        Stopping::AtOnce
    }
}
