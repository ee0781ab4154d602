//! Events of long threads: summaries, reviews, turns that are taken back, hooks, moves.

use agent_core::{EventKind, ReviewOutcome};
use serde_json::{Value, json};

/// The event, under a name of its own with the fields that it has.
pub(super) fn event_json(event: &EventKind) -> Value {
    match event {
        EventKind::ContextCompacted { trigger, before_tokens, after_tokens } => json!({
            "type": "context.compacted", "trigger": trigger, "before_tokens": before_tokens,
            "after_tokens": after_tokens,
        }),
        EventKind::EnteredReviewMode { request } => json!({ "type": "review.entered", "request": request }),
        EventKind::ExitedReviewMode { outcome } => {
            // No findings are good news only where the reviewer gave a list of them.
            let in_words = matches!(outcome, ReviewOutcome::Completed { review }
                if review.findings.is_empty() && review.overall_correctness.is_empty());
            json!({ "type": "review.exited", "outcome": outcome, "in_words": in_words })
        }
        EventKind::RolledBack { from, files, notes } => {
            json!({ "type": "rollback.done", "from_turn": from, "files": files, "notes": notes })
        }
        EventKind::FilesRestored { from, files, notes } => {
            json!({ "type": "files.restored", "from_turn": from, "files": files, "notes": notes })
        }
        EventKind::RollbackRefused { from, reason, paths } => {
            json!({ "type": "rollback.refused", "from_turn": from, "reason": reason, "paths": paths })
        }
        EventKind::HookNote { phase, hook, message } => {
            json!({ "type": "hook.note", "phase": phase, "hook": hook, "message": message })
        }
        EventKind::Moved { from, to } => json!({ "type": "thread.moved", "from": from, "to": to }),
        _ => json!({ "type": "unknown" }),
    }
}
