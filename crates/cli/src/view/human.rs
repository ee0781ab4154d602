//! What a person reads: streamed text, commands with their exit codes and times, coloured diffs, a summary.

use super::{
    Style, View, clean, clean_line,
    json::{command_line, end_message},
};
use agent_core::{
    AbortReason, Content, Event, EventKind, FileChange, FileChangeKind, ItemDetail, ItemId, Live, LiveKind,
    OutputStatus, PlanStep, PlanStepStatus, TokenUsage, ToolOutput, TurnEnd, TurnItem,
};
use indicatif::{ProgressBar, ProgressStyle};
use std::{collections::BTreeMap, io::Write, time::Duration};

/// So many lines of a command's output are shown.
const OUTPUT_LINES: usize = 12;
/// So much of what a command just printed is shown beside the spinner.
const SPINNER_CHARS: usize = 70;
/// So many lines of a diff are shown.
const DIFF_LINES: usize = 60;

/// So many lines of what the user said are shown to those who watch.
const USER_LINES: usize = 6;

/// Who reads: the one who talks to the agent, or others as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readers {
    Talking,
    Watching,
}

/// Writes a thread for a person.
pub(crate) struct HumanView<W> {
    out: W,
    style: Style,
    readers: Readers,
    spinner: Option<ProgressBar>,
    started_ms: u64,
    calls: u32,
    usage: TokenUsage,
    /// The item being streamed, on an unfinished line.
    streaming: Option<ItemId>,
    /// What was written of items before they were complete, with the attempt it came from.
    told: BTreeMap<ItemId, (u32, String)>,
}

impl<W: Write + Send> HumanView<W> {
    /// A view on `out`; with `spin` a spinner runs on standard error while something is waited for.
    pub(crate) fn new(out: W, style: Style, spin: bool) -> Self {
        let spinner = spin.then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {msg:.dim} {elapsed:.dim}") {
                bar.set_style(style);
            }
            bar
        });
        Self {
            out,
            style,
            readers: Readers::Talking,
            spinner,
            started_ms: 0,
            calls: 0,
            usage: TokenUsage::default(),
            streaming: None,
            told: BTreeMap::new(),
        }
    }

    /// The same for somebody who did not see what the user said.
    pub(crate) fn watching(self) -> Self {
        Self { readers: Readers::Watching, ..self }
    }

    fn line(&mut self, text: &str) {
        self.end_stream();
        self.raw(&format!("{text}\n"));
    }

    fn raw(&mut self, text: &str) {
        let out = &mut self.out;
        // A terminal that went away is noticed elsewhere; the turn goes on.
        let mut write = || {
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        };
        match &self.spinner {
            Some(spinner) => spinner.suspend(write),
            None => write(),
        }
    }

    fn end_stream(&mut self) {
        let Some(item) = self.streaming.take() else { return };
        if self.told.get(&item).is_some_and(|(_, text)| !text.ends_with('\n')) {
            self.raw("\n");
        }
    }

    /// A piece of an item, on from where the last one ended.
    fn stream(&mut self, live: &Live, piece: &str, shown: &str) {
        self.rest();
        if self.streaming.as_ref() != Some(&live.item) {
            self.end_stream();
            self.streaming = Some(live.item.clone());
        }
        match self.told.get_mut(&live.item) {
            Some((attempt, text)) if *attempt == live.attempt => text.push_str(piece),
            _ => {
                self.told.insert(live.item.clone(), (live.attempt, piece.to_owned()));
            }
        }
        self.raw(shown);
    }

    fn wait(&mut self, message: &str) {
        if let Some(spinner) = &self.spinner {
            spinner.set_message(message.to_owned());
            spinner.reset_elapsed();
            spinner.enable_steady_tick(Duration::from_millis(100));
        }
    }

    fn rest(&mut self) {
        if let Some(spinner) = &self.spinner {
            spinner.disable_steady_tick();
            spinner.finish_and_clear();
        }
    }

    /// What the user said, where a reader may not have seen it: in a thread that is watched or joined.
    fn user(&mut self, content: &[Content]) {
        for part in content {
            if let (Content::Text { text }, Readers::Watching) = (part, self.readers) {
                let first = clean(text).lines().take(USER_LINES).collect::<Vec<_>>().join("\n  ");
                self.line(&self.style.cyan(format!("› {first}")));
            }
        }
    }

    /// A whole message: what was not streamed of it.
    fn message(&mut self, item: &TurnItem, text: &str, cut: bool) {
        match self.told.remove(&item.id) {
            Some((_, told)) if text.starts_with(&told) => {
                if self.streaming.take_if(|streaming| *streaming == item.id).is_some() {
                    self.raw(&format!("{}\n", clean(&text[told.len()..])));
                } else if told.len() < text.len() {
                    self.line(&clean(&text[told.len()..]));
                }
            }
            _ => self.line(&clean(text)),
        }
        if cut {
            self.line(&self.style.dim("(stopped here)"));
        }
    }

    fn completed(&mut self, item: &TurnItem) {
        match &item.detail {
            ItemDetail::UserMessage { content } => self.user(content),
            ItemDetail::AgentMessage { text, cut } => self.message(item, text, *cut),
            ItemDetail::Reasoning { summary, .. } if self.told.remove(&item.id).is_none() => {
                self.line(&self.style.dim(clean(&summary.join("\n"))));
            }
            ItemDetail::CommandExecution { command, output: Some(output), .. } => {
                self.calls += 1;
                self.command(command, output);
            }
            ItemDetail::FileChange { changes, output: Some(output), .. } => {
                self.calls += 1;
                self.files(changes, output);
            }
            ItemDetail::ToolCall { tool, subject, output: Some(output), .. } => {
                self.calls += 1;
                let (mark, rest) = (self.mark(output), self.remark(output));
                self.line(&format!(
                    "{mark} {} {}{rest}",
                    self.style.bold(clean_line(tool)),
                    clean_line(subject)
                ));
                if output.status != OutputStatus::Ok {
                    self.block(&output.plain_text());
                }
            }
            ItemDetail::Plan { steps, .. } => {
                self.calls += 1;
                self.plan(steps);
            }
            _ => {}
        }
    }

    fn command(&mut self, command: &[String], output: &ToolOutput) {
        let (mark, rest) = (self.mark(output), self.remark(output));
        self.line(&format!(
            "{mark} {} {}{rest}",
            self.style.bold("$"),
            self.style.bold(clean(&command_line(command)))
        ));
        self.block(&output.plain_text());
    }

    fn files(&mut self, changes: &[FileChange], output: &ToolOutput) {
        let (mark, rest) = (self.mark(output), self.remark(output));
        for change in changes {
            let letter = match change.kind {
                FileChangeKind::Add => "A",
                FileChangeKind::Delete => "D",
                FileChangeKind::Update => "M",
            };
            let moved = change.moved_to.as_ref().map(|to| format!(" → {to}")).unwrap_or_default();
            self.line(&format!("{mark} {letter} {}{moved}{rest}", self.style.bold(clean_line(&change.path))));
            self.diff(&change.diff);
        }
        if output.status != OutputStatus::Ok {
            self.block(&output.plain_text());
        }
    }

    fn diff(&mut self, diff: &str) {
        for line in diff.lines().take(DIFF_LINES) {
            self.line(&format!("  {}", self.style.diff_line(&clean(line))));
        }
        let more = diff.lines().count().saturating_sub(DIFF_LINES);
        if more > 0 {
            self.line(&self.style.dim(format!("  … {more} more lines")));
        }
    }

    fn plan(&mut self, steps: &[PlanStep]) {
        self.line(&self.style.bold("Plan"));
        for step in steps {
            let step = PlanStep { step: clean_line(&step.step), ..step.clone() };
            let line = match step.status {
                PlanStepStatus::Completed => self.style.green(format!("  ✓ {}", step.step)),
                PlanStepStatus::InProgress => self.style.cyan(format!("  ▸ {}", step.step)),
                PlanStepStatus::Pending => self.style.dim(format!("  · {}", step.step)),
            };
            self.line(&line);
        }
    }

    fn mark(&self, output: &ToolOutput) -> String {
        match output.status {
            OutputStatus::Ok => self.style.green("✓"),
            OutputStatus::Unknown => self.style.yellow("?"),
            _ => self.style.red("✗"),
        }
    }

    /// How a call ended and how long it took.
    fn remark(&self, output: &ToolOutput) -> String {
        let mut parts = Vec::new();
        match (output.status, output.exit_code) {
            (OutputStatus::Ok | OutputStatus::Failed, Some(code)) => parts.push(format!("exit {code}")),
            (OutputStatus::Denied, _) => parts.push("not allowed".into()),
            (OutputStatus::Cancelled, _) => parts.push("stopped".into()),
            (OutputStatus::Unknown, _) => parts.push("outcome unknown".into()),
            _ => {}
        }
        parts.extend(output.duration_ms.map(seconds));
        if parts.is_empty() { String::new() } else { self.style.dim(format!("  ({})", parts.join(", "))) }
    }

    /// Output of a tool: its end, where it is long.
    fn block(&mut self, text: &str) {
        let text = clean(text);
        let lines: Vec<&str> = text.lines().collect();
        let hidden = lines.len().saturating_sub(OUTPUT_LINES);
        if hidden > 0 {
            self.line(&self.style.dim(format!("  │ … {hidden} lines above")));
        }
        for line in &lines[hidden..] {
            self.line(&self.style.dim(format!("  │ {line}")));
        }
    }

    fn question(&mut self, id: &str, what: &str, reason: &str) {
        self.line(&format!("{} {}", self.style.yellow("May I?"), clean(what)));
        self.line(&self.style.dim(format!("  {}  [{id}]", clean_line(reason))));
    }

    fn ended(&mut self, event: &Event, mark: String, what: &str) {
        self.rest();
        let took = seconds(event.at_ms.saturating_sub(self.started_ms));
        let usage = self.usage;
        let calls = if self.calls == 1 { "1 call".into() } else { format!("{} calls", self.calls) };
        self.line(&format!(
            "{mark} {what} {}",
            self.style.dim(format!(
                "· {took} · {calls} · {} tokens in ({} cached), {} out",
                usage.input, usage.cached, usage.output
            ))
        ));
    }
}

impl<W: Write + Send> View for HumanView<W> {
    fn event(&mut self, event: &Event) {
        // A turn that was joined in the middle is timed from there.
        if self.started_ms == 0 {
            self.started_ms = event.at_ms;
        }
        match &event.kind {
            EventKind::ThreadStarted { key, durability, settings, .. } => self.line(&self.style.dim(
                format!("thread {} · {} · {} · {durability}", key.thread, settings.model, settings.cwd),
            )),
            EventKind::TurnStarted => {
                self.started_ms = event.at_ms;
                (self.calls, self.usage) = (0, TokenUsage::default());
                self.told.clear();
                self.wait("thinking");
            }
            EventKind::TokenCount { last, .. } => self.usage += *last,
            EventKind::ItemStarted { item } => {
                if let ItemDetail::CommandExecution { command, .. } = &item.detail {
                    self.wait(&clean_line(&command_line(command)));
                }
            }
            EventKind::ItemCompleted { item } => {
                self.completed(item);
                self.wait("thinking");
            }
            EventKind::ExecApprovalRequest(request) => {
                self.rest();
                self.question(request.id.as_str(), &command_line(&request.command), &request.reason);
            }
            EventKind::PatchApprovalRequest(request) => {
                self.rest();
                let files: Vec<&str> = request.changes.iter().map(|change| change.path.as_str()).collect();
                self.question(request.id.as_str(), &format!("change {}", files.join(", ")), &request.reason);
                for change in &request.changes {
                    self.diff(&change.diff);
                }
            }
            EventKind::ModelRetry { retry, of, reason, .. } => {
                let void = if self.streaming.is_some() || !self.told.is_empty() {
                    "the text above is void; "
                } else {
                    ""
                };
                let count = if *retry == 0 { String::new() } else { format!(" ({retry} of {of})") };
                self.line(&self.style.yellow(format!("… {reason}; {void}asking the model again{count}")));
                self.wait("thinking");
            }
            EventKind::ToolRetry { reason, .. } => {
                self.line(&self.style.yellow(format!("… a call is run again: {reason}")));
            }
            EventKind::Warning { message } => self.line(&self.style.yellow(format!("! {message}"))),
            EventKind::Error { message, .. } => self.line(&self.style.red(format!("error: {message}"))),
            EventKind::TurnCompleted { end, .. } => match end {
                TurnEnd::Final { .. } => self.ended(event, self.style.green("✓"), "done"),
                TurnEnd::BudgetSpent { .. } => self.ended(event, self.style.yellow("✗"), &end_message(end)),
                _ => self.ended(event, self.style.red("✗"), "failed"),
            },
            EventKind::TurnAborted { reason } => {
                let what = match reason {
                    AbortReason::Interrupted => "interrupted",
                    AbortReason::Shutdown => "stopped: the thread was shut down",
                    _ => "stopped",
                };
                self.ended(event, self.style.yellow("■"), what);
            }
            _ => {}
        }
    }

    fn live(&mut self, live: &Live) {
        match &live.kind {
            LiveKind::Message(piece) => self.stream(live, piece, &clean(piece)),
            LiveKind::Reasoning(piece) => {
                let shown = self.style.dim(clean(piece));
                self.stream(live, piece, &shown);
            }
            LiveKind::Output(piece) => {
                let last = piece.lines().rfind(|line| !line.trim().is_empty());
                if let (Some(spinner), Some(line)) = (&self.spinner, last) {
                    spinner
                        .set_message(clean_line(line.trim()).chars().take(SPINNER_CHARS).collect::<String>());
                }
            }
            _ => {}
        }
    }

    fn note(&mut self, text: &str) {
        self.rest();
        self.line(text);
    }
}

fn seconds(ms: u64) -> String {
    if ms < 1_000 { format!("{ms} ms") } else { format!("{}.{} s", ms / 1_000, ms % 1_000 / 100) }
}
