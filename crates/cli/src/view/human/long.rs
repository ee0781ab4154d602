//! What happens in long threads: summaries, reviews, plans that are proposed, turns that are taken back.

use crate::view::{Style, amounts::number, clean, clean_line};
use agent_core::{
    CodeLocation, CompactionTrigger, Finding, HookPhase, LineRange, Review, ReviewOutcome, ReviewRequest,
    TurnId,
};

/// So many files are named one by one.
const MAX_FILES: usize = 12;

/// A summary, on one line.
pub(super) fn compacted(trigger: CompactionTrigger, before: u64, after: u64) -> String {
    let why = match trigger {
        CompactionTrigger::Size => "it was nearly full",
        CompactionTrigger::Requested => "as asked",
        CompactionTrigger::SmallerWindow => "the next model has a smaller window",
        CompactionTrigger::Overflow => "the provider said that it does not fit",
        _ => "for a reason of a later version",
    };
    format!("(summarised what was said so far, {why}: {} → {} tokens)", number(before), number(after))
}

/// A plan that waits for a yes, set apart from what is said around it.
pub(super) fn proposed_plan(style: Style, text: &str) -> Vec<String> {
    let bar = style.cyan("│");
    let body = clean(text);
    let body = body.trim().lines().map(|line| format!("{bar} {line}").trim_end().to_owned());
    std::iter::once(style.bold("Proposed plan")).chain(body).collect()
}

/// What is reviewed.
pub(crate) fn target(request: &ReviewRequest) -> String {
    let text = match request {
        ReviewRequest::Uncommitted => "what is not committed".to_owned(),
        ReviewRequest::BaseBranch { branch } => format!("the changes against {branch}"),
        ReviewRequest::Commit { sha, title: Some(title) } => format!("commit {sha} ({title})"),
        ReviewRequest::Commit { sha, title: None } => format!("commit {sha}"),
        ReviewRequest::Custom { instructions } => instructions.clone(),
        _ => "something of a later version".to_owned(),
    };
    clean_line(&text)
}

/// What a review came to: the verdict, then each finding with its place, the most urgent first.
pub(super) fn review(style: Style, outcome: &ReviewOutcome) -> Vec<String> {
    let review = match outcome {
        ReviewOutcome::Completed { review } => review,
        ReviewOutcome::Interrupted { reason } => {
            return vec![style.yellow(format!("the review was not finished: {}", clean_line(reason)))];
        }
        _ => return vec![style.dim("the review ended in a way of a later version")],
    };
    let mut lines = vec![verdict(style, review)];
    lines.extend(paragraph(&review.overall_explanation, ""));
    let mut findings: Vec<&Finding> = review.findings.iter().collect();
    findings.sort_by_key(|finding| finding.priority.unwrap_or(u8::MAX));
    for finding in findings {
        lines.push(String::new());
        lines.push(heading(style, finding));
        lines.extend(paragraph(&finding.body, "    "));
    }
    lines
}

fn verdict(style: Style, review: &Review) -> String {
    if review.findings.is_empty() && review.overall_correctness.is_empty() {
        return format!(
            "{} {}",
            style.bold("review in words:"),
            style.dim("the reviewer gave no list of findings")
        );
    }
    let count = match review.findings.len() {
        0 => "no findings".to_owned(),
        1 => "1 finding".to_owned(),
        count => format!("{count} findings"),
    };
    let said = clean_line(&review.overall_correctness);
    let said = if said.is_empty() { "review".to_owned() } else { said };
    let sure =
        review.overall_confidence_score.map(|score| format!(", {}", confidence(score))).unwrap_or_default();
    format!("{} {}", style.bold(format!("{said}:")), style.dim(format!("{count}{sure}")))
}

fn heading(style: Style, finding: &Finding) -> String {
    let priority =
        finding.priority.map(|priority| style.yellow(format!("[P{priority}] "))).unwrap_or_default();
    let place = finding.code_location.as_ref().map(place).unwrap_or_default();
    let sure = finding.confidence_score.map(|score| format!(" ({})", confidence(score))).unwrap_or_default();
    // Reviewers like to say the priority in the title as well.
    let title = clean_line(&finding.title);
    let said = finding.priority.map(|priority| format!("[P{priority}]")).unwrap_or_default();
    let title = title.strip_prefix(&said).unwrap_or(&title).trim_start();
    format!("  {priority}{}{}", style.bold(title), style.dim(format!("{place}{sure}")))
}

fn place(location: &CodeLocation) -> String {
    let file = clean_line(&location.file);
    match location.line_range {
        LineRange { start, end } if start == end => format!("  {file}:{start}"),
        LineRange { start, end } => format!("  {file}:{start}-{end}"),
    }
}

fn confidence(score: f64) -> String {
    format!("{:.0} % sure", score.clamp(0.0, 1.0) * 100.0)
}

fn paragraph(text: &str, indent: &str) -> Vec<String> {
    clean(text).trim().lines().map(|line| format!("{indent}{line}").trim_end().to_owned()).collect()
}

/// Turns that were taken back.
pub(super) fn rolled_back(style: Style, from: TurnId, files: &[String], notes: &[String]) -> Vec<String> {
    let what = match files.len() {
        0 => "no file had to change".to_owned(),
        count => format!("{count} {} as before", if count == 1 { "file is" } else { "files are" }),
    };
    let heading = format!("{} turn {from} and all after it are taken back; {what}", style.green("↶"));
    let notes = notes.iter().map(|note| style.dim(format!("  {}", clean_line(note))));
    std::iter::once(heading).chain(listed(files)).chain(notes).collect()
}

/// Files that went back while the conversation goes on.
pub(super) fn files_restored(style: Style, from: TurnId, files: &[String], notes: &[String]) -> Vec<String> {
    let heading = match files.len() {
        0 => format!("{} no file had to change to be as before turn {from}", style.green("↶")),
        1 => format!("{} 1 file is as before turn {from}", style.green("↶")),
        count => format!("{} {count} files are as before turn {from}", style.green("↶")),
    };
    let notes = notes.iter().map(|note| style.dim(format!("  {}", clean_line(note))));
    std::iter::once(heading).chain(listed(files)).chain(notes).collect()
}

/// Turns that could not be taken back.
pub(super) fn rollback_refused(style: Style, from: TurnId, reason: &str, paths: &[String]) -> Vec<String> {
    let heading = style.yellow(format!("turn {from} is not taken back: {}", clean(reason)));
    std::iter::once(heading).chain(listed(paths)).collect()
}

fn listed(files: &[String]) -> impl Iterator<Item = String> {
    let more = files.len().saturating_sub(MAX_FILES);
    let more = (more > 0).then(|| format!("  … and {more} more"));
    files.iter().take(MAX_FILES).map(|file| format!("  {}", clean_line(file))).chain(more)
}

/// When a hook ran.
pub(super) fn phase(phase: HookPhase) -> &'static str {
    match phase {
        HookPhase::SessionStart => "session_start",
        HookPhase::PreRun => "pre_run",
        HookPhase::PostRun => "post_run",
        HookPhase::PreTurn => "pre_turn",
        HookPhase::PostTurn => "post_turn",
        HookPhase::PreToolUse => "pre_tool_use",
        HookPhase::PostToolUse => "post_tool_use",
        _ => "a later version's phase",
    }
}
