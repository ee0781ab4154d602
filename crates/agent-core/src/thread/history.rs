//! What a well-formed conversation is. Providers refuse any other.

use super::{Thread, turn::Phase};
use crate::protocol::{CallId, Item};
use std::collections::BTreeSet;

/// How a conversation is not well formed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Disorder {
    /// Two calls have one id.
    #[error("call {0} is there twice")]
    RepeatedCall(CallId),
    /// An output without a call before it.
    #[error("the output of {0} has no call")]
    OrphanOutput(CallId),
    /// Two outputs for one call.
    #[error("call {0} has two outputs")]
    RepeatedOutput(CallId),
    /// A call that nothing will answer any more.
    #[error("call {0} has no output")]
    Unanswered(CallId),
    /// Something was said between calls and their outputs.
    #[error("something stands between call {0} and its output")]
    Interleaved(CallId),
}

/// Checks that every call has exactly one output, after it, before anything else is said; only the calls of the
/// step that is being worked on have none yet.
pub fn check_history(thread: &Thread) -> Result<(), Disorder> {
    let mut known = BTreeSet::new();
    let mut open: Vec<&CallId> = Vec::new();
    for item in thread.items() {
        match &**item {
            Item::Call(call) => {
                if !known.insert(&call.id) {
                    return Err(Disorder::RepeatedCall(call.id.clone()));
                }
                open.push(&call.id);
            }
            Item::Output { call, .. } => match open.iter().position(|waiting| *waiting == call) {
                Some(at) => {
                    open.remove(at);
                }
                None if known.contains(call) => return Err(Disorder::RepeatedOutput(call.clone())),
                None => return Err(Disorder::OrphanOutput(call.clone())),
            },
            Item::User { .. } | Item::Context { .. } => {
                if let Some(call) = open.first() {
                    return Err(Disorder::Interleaved((*call).clone()));
                }
            }
            Item::Agent { .. } | Item::Reasoning { .. } | Item::WebSearch { .. } | Item::Unknown(_) => {}
        }
    }
    let in_work = |id: &CallId| thread.call(id).is_some();
    let acting = matches!(thread.turn.as_ref().map(|turn| &turn.phase), Some(Phase::Acting { .. }));
    match open.into_iter().find(|id| !(acting && in_work(id))) {
        Some(id) => Err(Disorder::Unanswered(id.clone())),
        None => Ok(()),
    }
}
