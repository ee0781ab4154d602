//! Where the provider may cache the prompt.
//!
//! It caches up to a mark and finds again what was written up to a mark of an earlier request, where it looks back no
//! more than twenty blocks from a mark (Anthropic, "Prompt caching"). So there is a mark behind the tools, one behind
//! the system prompt, and one behind each of the last two messages of the user: the last of them is new, and the one
//! before it is where the request before ended, however many calls and outputs came since.

use super::wire::{Block, Body, CacheControl, Message, Role, Tool};

/// The messages of the user that are marked. With tools and system that makes the four marks that there may be.
const MARKED_MESSAGES: usize = 2;

pub(super) fn set(body: &mut Body<'_>) {
    let own = body.tools.iter_mut().rev().find_map(|tool| match tool {
        Tool::Own { cache_control, .. } => Some(cache_control),
        Tool::Providers(_) => None,
    });
    if let Some(mark) = own {
        *mark = Some(CacheControl::Ephemeral);
    }
    // The first is the same from turn to turn, others may not be.
    if let Some(mark) = body.system.first_mut().and_then(mark) {
        *mark = Some(CacheControl::Ephemeral);
    }
    let users = body.messages.iter_mut().rev().filter(|message| message.role == Role::User);
    for message in users.take(MARKED_MESSAGES) {
        mark_end(message);
    }
}

fn mark_end(message: &mut Message<'_>) {
    if let Some(mark) = message.content.iter_mut().rev().find_map(mark) {
        *mark = Some(CacheControl::Ephemeral);
    }
}

/// The mark of a block that may have one; thoughts may not.
fn mark<'b>(block: &'b mut Block<'_>) -> Option<&'b mut Option<CacheControl>> {
    match block {
        Block::Text { cache_control, .. }
        | Block::Image { cache_control, .. }
        | Block::ToolResult { cache_control, .. } => Some(cache_control),
        Block::Thinking { .. }
        | Block::RedactedThinking { .. }
        | Block::ToolUse { .. }
        | Block::Providers(_) => None,
    }
}
