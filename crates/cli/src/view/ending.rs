//! How a turn ended, in words and as a stable name.

use agent_core::{AbortReason, TurnEnd};

/// What an end says.
pub(crate) fn end_message(end: &TurnEnd) -> String {
    match end {
        TurnEnd::Final { message } => message.clone().unwrap_or_default(),
        TurnEnd::RepeatedCalls { times } => format!("the same tool calls came {times} times in a row"),
        TurnEnd::OutputMisfit { message }
        | TurnEnd::RetriesExhausted { message }
        | TurnEnd::ContextWindowExceeded { message }
        | TurnEnd::BudgetSpent { message }
        | TurnEnd::Blocked { message }
        | TurnEnd::Fatal { message } => message.clone(),
        _ => "the turn ended".into(),
    }
}

/// What a stop says.
pub(crate) fn abort_message(reason: AbortReason) -> &'static str {
    match reason {
        AbortReason::Interrupted => "interrupted",
        AbortReason::Replaced => "stopped: another task took its place",
        AbortReason::ReviewEnded => "stopped: the review ended",
        AbortReason::Shutdown => "stopped: the thread was shut down",
        _ => "stopped",
    }
}
