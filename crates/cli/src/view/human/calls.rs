//! Calls that ended: what ran, how it ended, the end of what it printed, the diffs of what it changed.

use crate::view::{Style, amounts::duration, clean, clean_line, command_line};
use agent_core::{FileChange, FileChangeKind, OutputStatus, ToolOutput};

/// So many lines of a command's output are shown.
const OUTPUT_LINES: usize = 12;
/// So many lines of a diff are shown.
const DIFF_LINES: usize = 60;

/// A command, its outcome and the end of its output.
pub(super) fn command(style: Style, command: &[String], output: &ToolOutput) -> Vec<String> {
    let line = clean(&command_line(command));
    let mut lines = vec![format!(
        "{} {} {}{}",
        mark(style, output),
        style.bold("$"),
        style.bold(line),
        remark(style, output)
    )];
    lines.extend(block(style, &output.plain_text()));
    lines
}

/// How a command of the user ended; what it printed is above.
pub(super) fn user_command(style: Style, command: &str, output: &ToolOutput) -> String {
    format!("{} ! {}{}", mark(style, output), clean_line(command), remark(style, output))
}

/// Changed files with their diffs.
pub(super) fn files(style: Style, changes: &[FileChange], output: &ToolOutput) -> Vec<String> {
    let (mark, remark) = (mark(style, output), remark(style, output));
    let mut lines = Vec::new();
    for change in changes {
        let moved = change.moved_to.as_ref().map(|to| format!(" → {}", clean_line(to))).unwrap_or_default();
        let path = style.bold(clean_line(&change.path));
        lines.push(format!("{mark} {} {path}{moved}{remark}", letter(change.kind)));
        lines.extend(diff(style, &change.diff));
    }
    if output.status != OutputStatus::Ok {
        lines.extend(block(style, &output.plain_text()));
    }
    lines
}

/// Any other tool; what it returned is shown only where it did not end well.
pub(super) fn tool(style: Style, name: &str, subject: &str, output: &ToolOutput) -> Vec<String> {
    let subject = clean_line(subject);
    let subject = if subject.is_empty() { subject } else { format!(" {subject}") };
    let name = style.bold(clean_line(name));
    let mut lines = vec![format!("{} {name}{subject}{}", mark(style, output), remark(style, output))];
    if output.status != OutputStatus::Ok {
        lines.extend(block(style, &output.plain_text()));
    }
    lines
}

/// A unified diff: its beginning, where it is long.
pub(super) fn diff(style: Style, diff: &str) -> Vec<String> {
    let shown = diff.lines().take(DIFF_LINES);
    let mut lines: Vec<String> = shown.map(|line| format!("  {}", style.diff_line(&clean(line)))).collect();
    let more = diff.lines().count().saturating_sub(DIFF_LINES);
    if more > 0 {
        lines.push(style.dim(format!("  … {more} more lines")));
    }
    lines
}

/// The letter git has for it.
pub(super) fn letter(kind: FileChangeKind) -> &'static str {
    match kind {
        FileChangeKind::Add => "A",
        FileChangeKind::Delete => "D",
        FileChangeKind::Update => "M",
    }
}

fn mark(style: Style, output: &ToolOutput) -> String {
    match output.status {
        OutputStatus::Ok => style.green("✓"),
        OutputStatus::Unknown => style.yellow("?"),
        _ => style.red("✗"),
    }
}

/// How a call ended and how long it took.
fn remark(style: Style, output: &ToolOutput) -> String {
    let mut parts = Vec::new();
    match (output.status, output.exit_code) {
        (OutputStatus::Ok | OutputStatus::Failed, Some(code)) => parts.push(format!("exit {code}")),
        (OutputStatus::Denied, _) => parts.push("not allowed".into()),
        (OutputStatus::Cancelled, _) => parts.push("stopped".into()),
        (OutputStatus::Unknown, _) => parts.push("outcome unknown".into()),
        _ => {}
    }
    parts.extend(output.duration_ms.map(duration));
    if parts.is_empty() { String::new() } else { style.dim(format!("  ({})", parts.join(", "))) }
}

/// Output of a tool: its end, where it is long.
fn block(style: Style, text: &str) -> Vec<String> {
    let text = clean(text);
    let lines: Vec<&str> = text.lines().collect();
    let hidden = lines.len().saturating_sub(OUTPUT_LINES);
    let above = (hidden > 0).then(|| format!("  │ … {hidden} lines above"));
    let shown = lines[hidden..].iter().map(|line| format!("  │ {line}"));
    above.into_iter().chain(shown).map(|line| style.dim(line)).collect()
}
