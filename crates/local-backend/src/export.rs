//! Export: a thread as a file for people or programs.

use crate::{Database, LocalError, ThreadReader, ThreadSummary};
use agent_core::{Content, Event, EventKind, ItemDetail, StorageError, ThreadKey, ToolOutput};
use std::{
    fmt::Write as _,
    io::{self, Write},
};

/// Events read at once.
const PAGE: usize = 256;

/// What an export looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExportFormat {
    /// One durable event a line, as JSON.
    Jsonl,
    /// The conversation, to read.
    Markdown,
}

impl Database {
    /// Writes all there is of a thread, served or not.
    pub async fn export(
        &self,
        key: &ThreadKey,
        format: ExportFormat,
        writer: &mut (dyn Write + Send),
    ) -> Result<(), LocalError> {
        let summary = self.get(key).await?;
        let reader = ThreadReader::open(self, key).await?;
        if format == ExportFormat::Markdown {
            write(writer, &heading(&summary))?;
        }
        let mut after = 0;
        loop {
            let events = reader.events(after, PAGE).await?;
            let Some(last) = events.last() else { break };
            after = last.seq;
            for event in &events {
                let text = match format {
                    ExportFormat::Jsonl => line(event)?,
                    ExportFormat::Markdown => section(event),
                };
                write(writer, &text)?;
            }
        }
        writer.flush().map_err(write_failed)?;
        Ok(())
    }
}

fn write(writer: &mut (dyn Write + Send), text: &str) -> Result<(), StorageError> {
    writer.write_all(text.as_bytes()).map_err(write_failed)
}

fn write_failed(error: io::Error) -> StorageError {
    StorageError::Io {
        message: format!("the export cannot be written: {error}"),
        source: Some(Box::new(error)),
    }
}

fn line(event: &Event) -> Result<String, StorageError> {
    let json = serde_json::to_string(event).map_err(|error| write_failed(error.into()))?;
    Ok(json + "\n")
}

fn heading(summary: &ThreadSummary) -> String {
    let ThreadSummary { key, name, title, cwd, model, turns, .. } = summary;
    let title = name.as_ref().or(title.as_ref()).map_or("Thread", String::as_str);
    format!("# {title}\n\nThread `{key}`, {turns} turns, `{model}` in `{cwd}`.\n")
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
        EventKind::ContextCompacted => "\n*Earlier conversation summarised*\n".to_owned(),
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
        ItemDetail::Review { result } => format!("\n### Review\n\n{}", fenced("json", &result.to_string())),
        ItemDetail::Compaction { summary } => format!("\n### Summary\n\n{summary}\n"),
        _ => String::new(),
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
            _ => {}
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
