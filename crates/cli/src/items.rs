//! Items of calls: whose call it is, and what it does in one line.

use crate::view::command_line;
use agent_core::{CallId, FileChange, ItemDetail};

/// The call that an item tells of, if it is one's.
pub(crate) fn call_of(item: &ItemDetail) -> Option<&CallId> {
    match item {
        ItemDetail::CommandExecution { call, .. }
        | ItemDetail::FileChange { call, .. }
        | ItemDetail::ToolCall { call, .. }
        | ItemDetail::McpCall { call, .. }
        | ItemDetail::DynamicCall { call, .. }
        | ItemDetail::Plan { call, .. } => Some(call),
        _ => None,
    }
}

/// What it does, in one line; nothing where it is no call.
pub(crate) fn doing(item: &ItemDetail) -> Option<String> {
    Some(match item {
        ItemDetail::CommandExecution { command, .. } => command_line(command),
        ItemDetail::FileChange { changes, .. } => format!("change {}", paths(changes)),
        ItemDetail::ToolCall { tool, subject, .. } => format!("{tool} {subject}").trim_end().to_owned(),
        ItemDetail::McpCall { server, tool, .. } => format!("{server}: {tool}"),
        ItemDetail::DynamicCall { tool, .. } => format!("{tool} (client)"),
        ItemDetail::Plan { .. } => "update_plan".to_owned(),
        ItemDetail::UserCommand { command, .. } => format!("! {command}"),
        _ => return None,
    })
}

/// The files of a change.
pub(crate) fn paths(changes: &[FileChange]) -> String {
    let paths: Vec<&str> = changes.iter().map(|change| change.path.as_str()).collect();
    paths.join(", ")
}
