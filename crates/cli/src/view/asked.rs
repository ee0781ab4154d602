//! What a question asks, in one line: for lists, and for whoever is told how to answer.

use super::{clean_line, command_line};
use crate::items::paths;
use agent_core::EventKind;

/// So much of the arguments of a client's tool is shown.
const ARGUMENT_CHARS: usize = 200;

/// What is asked, in one line; nothing where the event asks nothing.
pub(crate) fn asked(question: &EventKind) -> Option<String> {
    let text = match question {
        EventKind::ExecApprovalRequest(request) => {
            format!("{}: {}", command_line(&request.command), request.reason)
        }
        EventKind::PatchApprovalRequest(request) => {
            format!("change {}: {}", paths(&request.changes), request.reason)
        }
        EventKind::RequestUserInput { questions, .. } => {
            let texts: Vec<&str> = questions.iter().map(|question| question.question.as_str()).collect();
            format!("the agent asks: {}", texts.join(" / "))
        }
        EventKind::ElicitationRequest { request, .. } => {
            format!("the server {} asks: {}", request.server, request.message)
        }
        EventKind::DynamicToolCallRequest { tool, arguments, .. } => {
            format!("a client has to run {}", call_line(tool, arguments))
        }
        _ => return None,
    };
    Some(clean_line(&text))
}

/// A tool with the beginning of what it is called with.
pub(super) fn call_line(tool: &str, arguments: &str) -> String {
    let mut shown: String = arguments.chars().take(ARGUMENT_CHARS).collect();
    if shown.len() < arguments.len() {
        shown.push('…');
    }
    format!("{tool}({shown})")
}
