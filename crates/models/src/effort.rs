//! How providers call an [`Effort`].

use agent_core::Effort;

/// The value of `reasoning.effort` and `reasoning_effort`; `None` where nothing is to be sent.
pub(crate) fn effort_name(effort: Effort) -> Option<&'static str> {
    match effort {
        Effort::Minimal => Some("minimal"),
        Effort::Low => Some("low"),
        Effort::Medium => Some("medium"),
        Effort::High => Some("high"),
        Effort::XHigh => Some("xhigh"),
        Effort::Max => Some("max"),
        _ => None,
    }
}
