//! [`ExportFormat`]: a thread as a file for people or programs.

use super::ThreadSummary;
use crate::protocol::{Content, Event, EventKind, ItemDetail, ReviewOutcome, ToolOutput};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// What an export looks like: the heading, then what each event adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ExportFormat {
    /// One durable event a line, as JSON.
    Jsonl,
    /// The conversation, to read.
    Markdown,
}

impl ExportFormat {
    /// What stands before all events; nothing in JSON.
    pub fn heading(self, thread: &ThreadSummary) -> String {
        let ThreadSummary { key, cwd, model, turns, .. } = thread;
        let title = thread.called().unwrap_or("Thread");
        match self {
            Self::Jsonl => String::new(),
            Self::Markdown => {
                format!("# {title}\n\nThread `{key}`, {turns} turns, `{model}` in `{cwd}`.\n")
            }
        }
    }

    /// What an event adds, if anything.
    ///
    /// # Errors
    /// Where an event cannot be written as JSON.
    pub fn event(self, event: &Event) -> Result<String, serde_json::Error> {
        match self {
            Self::Jsonl => Ok(serde_json::to_string(event)? + "\n"),
            Self::Markdown => Ok(section(event)),
        }
    }
}

/// What an event adds to the conversation, if anything.
fn section(event: &Event) -> String {
    match &event.kind {
        EventKind::ItemCompleted { item } => detail(&item.detail),
        EventKind::TurnAborted { reason } => {
            let reason = serde_json::to_value(reason).ok();
            format!(
                "\n*Turn stopped: {}*\n",
                reason.as_ref().and_then(|reason| reason.as_str()).unwrap_or("?")
            )
        }
        EventKind::Error { message, .. } => format!("\n*Error: {message}*\n"),
        EventKind::ContextCompacted { .. } => "\n*Earlier conversation summarised*\n".to_owned(),
        _ => String::new(),
    }
}

fn detail(detail: &ItemDetail) -> String {
    match detail {
        ItemDetail::UserMessage { content } => format!("\n## User\n\n{}\n", contents(content)),
        ItemDetail::AgentMessage { text, cut } => {
            format!("\n## Agent\n\n{text}{}\n", if *cut { " *(cut off)*" } else { "" })
        }
        ItemDetail::Reasoning { summary, .. } if summary.is_empty() => String::new(),
        ItemDetail::Reasoning { summary, .. } => {
            let quoted = summary.join("\n\n").replace('\n', "\n> ");
            format!("\n> {quoted}\n")
        }
        ItemDetail::CommandExecution { command, output, .. } => {
            format!("\n### Command\n\n{}{}", fenced("sh", &command.join(" ")), outcome(output.as_ref()))
        }
        ItemDetail::UserCommand { command, output, .. } => {
            format!("\n### Command of the user\n\n{}{}", fenced("sh", command), outcome(output.as_ref()))
        }
        ItemDetail::FileChange { changes, output, .. } => {
            let mut text = "\n### File change\n".to_owned();
            for change in changes {
                let _ = writeln!(text, "\n`{}`", change.path);
                if !change.diff.is_empty() {
                    let _ = write!(text, "\n{}", fenced("diff", &change.diff));
                }
            }
            text + &outcome(output.as_ref().filter(|_| changes.is_empty()))
        }
        ItemDetail::ToolCall { tool, subject, output, .. } => {
            format!("\n### {tool} {subject}\n{}", outcome(output.as_ref()))
        }
        ItemDetail::McpCall { server, tool, output, .. } => {
            format!("\n### {server}: {tool}\n{}", outcome(output.as_ref()))
        }
        ItemDetail::DynamicCall { tool, output, .. } => format!("\n### {tool}\n{}", outcome(output.as_ref())),
        ItemDetail::WebSearch { query } => format!("\n### Web search\n\n{query}\n"),
        ItemDetail::Plan { steps, .. } => {
            let mut text = "\n### Plan\n\n".to_owned();
            for step in steps {
                let _ = writeln!(text, "- {}", step.step);
            }
            text
        }
        ItemDetail::SubAgent { thread } => format!("\n### Agent `{thread}`\n"),
        ItemDetail::Review { outcome: ReviewOutcome::Completed { review } } => {
            format!("\n### Review\n\n{}\n", review.in_words())
        }
        ItemDetail::Review { outcome: ReviewOutcome::Interrupted { reason } } => {
            format!("\n### Review\n\n*{reason}*\n")
        }
        ItemDetail::ProposedPlan { text } => format!("\n### Proposed plan\n\n{text}\n"),
        ItemDetail::Compaction { summary } => format!("\n### Summary\n\n{summary}\n"),
        ItemDetail::Unknown(_) => String::new(),
    }
}

fn outcome(output: Option<&ToolOutput>) -> String {
    let Some(output) = output else { return String::new() };
    let code = output.exit_code.map(|code| format!("\nExit code {code}\n")).unwrap_or_default();
    format!("\n{}{code}", fenced("", &contents(&output.content)))
}

fn contents(content: &[Content]) -> String {
    let mut text = String::new();
    for part in content {
        match part {
            Content::Text { text: part } => text.push_str(part),
            Content::Blob { blob } => {
                let _ = write!(text, "[{} bytes of {}: {}]", blob.bytes, blob.media_type, blob.id);
            }
            Content::Mention { name, path } => {
                let _ = write!(text, "[@{name}]({path})");
            }
            Content::Skill { name } => {
                let _ = write!(text, "${name}");
            }
        }
    }
    text
}

/// A code block whose fence is longer than any run of backticks within.
fn fenced(language: &str, text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n", text.trim_end_matches('\n'))
}
