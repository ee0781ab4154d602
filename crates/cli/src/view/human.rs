//! What a person reads: streamed text, commands with their exit codes and times, coloured diffs, the plan as it moves on,
//! and at a turn's end the changed files and a summary.

mod calls;
mod files;
mod long;
mod page;
mod plan;
mod plan_tags;
mod questions;
mod summary;
mod waiting;

use super::{
    Reasoning, Style, Taste, View, clean, clean_line, command_line,
    ending::{abort_message, end_message},
    width::Columns,
};
use crate::retold::Retold;
use agent_core::{
    Content, Event, EventKind, FileStat, ItemDetail, ItemId, Live, LiveKind, Notice, OutputStatus, Settings,
    ToolOutput, TurnEnd, TurnItem,
};
use page::Page;
use plan::ShownPlan;
use plan_tags::Plan;
use serde_json::Value;
use std::{collections::BTreeSet, io::Write};
use summary::Summary;
use waiting::Waiting;

/// So many lines of what the user said are shown to those who watch.
const USER_LINES: usize = 6;
/// So much of a request in a form we do not draw is shown.
const REQUEST_CHARS: usize = 400;

/// Who reads: the one who talks to the agent, or others as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readers {
    Talking,
    Watching,
}

/// Writes a thread for a person.
pub(crate) struct HumanView<W> {
    page: Page<W>,
    style: Style,
    readers: Readers,
    columns: Columns,
    told: Retold<Told>,
    reasoning: Reasoning,
}

/// Whether what the agent says is that of a reviewer.
#[derive(Clone, Default, PartialEq, Eq)]
enum Reviewing {
    #[default]
    No,
    /// Nothing was said yet.
    Begun,
    /// It said this last, and it may be the result.
    Said(String),
}

/// What follows from the events.
#[derive(Clone, Default)]
struct Told {
    review: Reviewing,
    /// The plan of a message that is going to be whole.
    proposed: Option<String>,
    plan: ShownPlan,
    summary: Summary,
    /// What the turn changed, as last told.
    changed: Vec<FileStat>,
    /// The commands of the user that run: what they print is shown as it comes.
    user_commands: BTreeSet<ItemId>,
}

impl<W: Write + Send> HumanView<W> {
    /// A view on `out`; with `spin` a spinner runs on standard error while something is waited for.
    pub(crate) fn new(out: W, style: Style, spin: bool) -> Self {
        Self {
            page: Page::new(out, Waiting::new(style, spin)),
            style,
            readers: Readers::Talking,
            columns: Columns::OfTerminal,
            told: Retold::new(Told::default()),
            reasoning: Reasoning::default(),
        }
    }

    /// The same, as the configuration wants it.
    pub(crate) fn with(self, taste: Taste) -> Self {
        let Taste { reasoning, catalogue, model } = taste;
        let summary = Summary::priced(catalogue, &model);
        Self { reasoning, told: Retold::new(Told { summary, ..Told::default() }), ..self }
    }

    /// The same for somebody who did not see what the user said.
    pub(crate) fn watching(self) -> Self {
        Self { readers: Readers::Watching, ..self }
    }

    #[cfg(test)]
    pub(super) fn columns(self, columns: usize) -> Self {
        Self { columns: Columns::Exactly(columns), ..self }
    }

    fn dim(&mut self, text: &str) {
        self.page.line(&self.style.dim(text));
    }

    fn yellow(&mut self, text: &str) {
        self.page.line(&self.style.yellow(text));
    }

    /// What the user said, where a reader may not have seen it: in a thread that is watched or joined.
    fn user(&mut self, content: &[Content]) {
        for part in content {
            if let (Content::Text { text }, Readers::Watching) = (part, self.readers) {
                let first = clean(text).lines().take(USER_LINES).collect::<Vec<_>>().join("\n  ");
                self.page.line(&self.style.cyan(format!("› {first}")));
            }
        }
    }

    fn started(&mut self, item: &TurnItem) {
        // What has a call behind it was not the result.
        if let Reviewing::Said(_) = &self.told.review
            && let Reviewing::Said(text) = std::mem::replace(&mut self.told.review, Reviewing::Begun)
        {
            self.page.line(&clean(&text));
        }
        match &item.detail {
            ItemDetail::CommandExecution { command, .. } => {
                self.page.waiting.begin(&item.id, &command_line(command));
            }
            ItemDetail::FileChange { .. } => self.page.waiting.begin(&item.id, "changing files"),
            ItemDetail::ToolCall { tool, subject, .. } => {
                self.page.waiting.begin(&item.id, &format!("{tool} {subject}"));
            }
            ItemDetail::McpCall { server, tool, .. } => {
                self.page.waiting.begin(&item.id, &format!("{server} {tool}"));
            }
            ItemDetail::DynamicCall { tool, .. } => self.page.waiting.begin(&item.id, tool),
            ItemDetail::Compaction { .. } => {
                self.page.waiting.begin(&item.id, "summarising what was said so far");
            }
            ItemDetail::UserCommand { command, .. } => {
                self.told.user_commands.insert(item.id.clone());
                self.page.line(&format!("{} {}", self.style.bold("!"), clean_line(command)));
            }
            // Shown when it is whole.
            ItemDetail::UserMessage { .. }
            | ItemDetail::AgentMessage { .. }
            | ItemDetail::Reasoning { .. }
            | ItemDetail::WebSearch { .. }
            | ItemDetail::Plan { .. }
            | ItemDetail::SubAgent { .. }
            | ItemDetail::Review { .. }
            | ItemDetail::ProposedPlan { .. }
            | ItemDetail::Unknown(_) => {}
            _ => {}
        }
    }

    fn completed(&mut self, item: &TurnItem) {
        let style = self.style;
        match &item.detail {
            ItemDetail::UserMessage { content } => self.user(content),
            ItemDetail::AgentMessage { text, cut } => {
                self.said(&item.id, text);
                if let Some(plan) = self.told.proposed.take() {
                    self.page.lines(long::proposed_plan(style, &plan));
                }
                if *cut {
                    self.dim("(stopped here)");
                }
            }
            ItemDetail::Reasoning { summary, text } => self.reasoned(item, summary, text.as_deref()),
            ItemDetail::CommandExecution { command, output: Some(output), .. } => {
                self.call(calls::command(style, command, output));
            }
            ItemDetail::FileChange { changes, output: Some(output), .. } => {
                self.call(calls::files(style, changes, output));
            }
            ItemDetail::ToolCall { tool, subject, output: Some(output), .. } => {
                self.call(calls::tool(style, tool, subject, output));
            }
            ItemDetail::McpCall { server, tool, output: Some(output), .. } => {
                self.call(calls::tool(style, server, tool, output));
            }
            ItemDetail::DynamicCall { tool, output: Some(output), .. } => {
                self.call(calls::tool(style, tool, "", output));
            }
            ItemDetail::UserCommand { command, output: Some(output), .. } => {
                self.user_command(&item.id, command, output);
            }
            // A plan that was taken is shown by its own event.
            ItemDetail::Plan { output: Some(output), .. } => {
                let failed = output.status != OutputStatus::Ok;
                self.call(if failed { calls::tool(style, "update_plan", "", output) } else { Vec::new() });
            }
            ItemDetail::WebSearch { query } => {
                self.page.line(&format!(
                    "{} {} {}",
                    style.green("✓"),
                    style.bold("web search"),
                    clean_line(query)
                ));
            }
            ItemDetail::SubAgent { thread } => {
                self.dim(&format!("another agent works in thread {}", clean_line(thread)))
            }
            // It is shown below the message that has it.
            ItemDetail::ProposedPlan { text } => self.told.proposed = Some(text.clone()),
            // Their events say it.
            ItemDetail::Review { .. } | ItemDetail::Compaction { .. } => {}
            // A call is complete with its output; one without is told by whoever reports what is wrong.
            ItemDetail::CommandExecution { output: None, .. }
            | ItemDetail::FileChange { output: None, .. }
            | ItemDetail::ToolCall { output: None, .. }
            | ItemDetail::McpCall { output: None, .. }
            | ItemDetail::DynamicCall { output: None, .. }
            | ItemDetail::UserCommand { output: None, .. }
            | ItemDetail::Plan { output: None, .. } => {}
            ItemDetail::Unknown(value) => self.later("item", value),
            _ => self.dim("(an item of a later version)"),
        }
    }

    /// The last thing that a reviewer says is its result, which is shown in another form: so each is kept until the next.
    fn said(&mut self, item: &ItemId, text: &str) {
        match &mut self.told.review {
            Reviewing::No => {
                let plan = if self.told.proposed.is_some() { Plan::Shown } else { Plan::NotShown };
                self.page.said(item, text, plan);
            }
            reviewing => {
                if let Reviewing::Said(before) =
                    std::mem::replace(reviewing, Reviewing::Said(text.to_owned()))
                {
                    self.page.line(&clean(&before));
                }
            }
        }
    }

    /// What of its output was not shown as it came, and how it ended.
    fn user_command(&mut self, item: &ItemId, command: &str, output: &ToolOutput) {
        self.told.user_commands.remove(item);
        self.page.finish(item, &output.plain_text());
        let ended = calls::user_command(self.style, command, output);
        self.page.line(&ended);
    }

    fn reasoned(&mut self, item: &TurnItem, summary: &[String], text: Option<&str>) {
        let told = self.page.was_streamed(&item.id);
        let shown = match (self.reasoning, text) {
            (Reasoning::Hidden, _) => return,
            (Reasoning::Raw, Some(text)) => text.to_owned(),
            (Reasoning::Raw, None) | (Reasoning::Summary, _) => summary.join("\n"),
        };
        if !told && !shown.is_empty() {
            self.dim(&clean(&shown));
        }
    }

    fn call(&mut self, lines: Vec<String>) {
        self.told.summary.calls += 1;
        self.page.lines(lines);
    }

    fn thread(&mut self, id: &str, settings: &Settings, durability: &str) {
        let (model, cwd) = (clean_line(&settings.model), clean_line(&settings.cwd));
        self.dim(&format!("thread {id} · {model} · {cwd} · {durability}"));
    }

    fn turn_started(&mut self, event: &Event) {
        self.told.summary.turn(event.at_ms);
        self.told.changed.clear();
        self.page.turn();
        self.page.waiting.show();
    }

    fn question(&mut self, event: &Event) {
        self.page.waiting.rest();
        self.page.lines(questions::question(self.style, event));
    }

    /// Something that a later version wrote.
    fn later(&mut self, what: &str, value: &Value) {
        self.dim(&format!("(an {what} of a later version: {})", brief(value)));
    }

    fn retried(&mut self, retry: u32, of: u32, reason: &str) {
        let void = if self.page.is_telling() { "the text above is void; " } else { "" };
        let count = if retry == 0 { String::new() } else { format!(" ({retry} of {of})") };
        self.yellow(&format!("… {}; {void}asking the model again{count}", clean_line(reason)));
        self.page.waiting.show();
    }

    fn ended(&mut self, event: &Event, mark: &str, what: &str) {
        self.page.waiting.forget();
        let changed = std::mem::take(&mut self.told.changed);
        self.page.lines(files::changed_files(self.style, &changed, self.columns.now()));
        let summary = self.style.dim(format!("· {}", self.told.summary.line(event.at_ms)));
        self.page.line(&format!("{mark} {} {summary}", clean_line(what)));
        self.page.lines(self.told.summary.low_limits(self.style));
    }

    fn turn_completed(&mut self, event: &Event, end: &TurnEnd) {
        let style = self.style;
        match end {
            TurnEnd::Final { .. } => self.ended(event, &style.green("✓"), "done"),
            TurnEnd::BudgetSpent { .. } | TurnEnd::Blocked { .. } => {
                self.ended(event, &style.yellow("✗"), &end_message(end));
            }
            // The error that was told before says what is wrong.
            TurnEnd::RetriesExhausted { .. }
            | TurnEnd::ContextWindowExceeded { .. }
            | TurnEnd::RepeatedCalls { .. }
            | TurnEnd::OutputMisfit { .. }
            | TurnEnd::Fatal { .. } => self.ended(event, &style.red("✗"), "failed"),
            _ => self.ended(event, &style.red("✗"), "failed"),
        }
    }
}

impl<W: Write + Send> View for HumanView<W> {
    fn event(&mut self, event: &Event) {
        self.told.event(event.seq);
        // A turn that was joined in the middle is timed from there.
        if self.told.summary.started_ms == 0 {
            self.told.summary.started_ms = event.at_ms;
        }
        match &event.kind {
            EventKind::ThreadStarted { key, durability, settings, .. } => {
                self.told.summary.runs_under(settings);
                self.thread(key.thread.as_str(), settings, durability);
            }
            EventKind::TurnStarted => self.turn_started(event),
            EventKind::TokenCount { last, context_window, context_left, rate_limits, .. } => {
                self.told.summary.tokens(*last, (*context_window, *context_left), rate_limits);
            }
            EventKind::ItemStarted { item } => self.started(item),
            EventKind::ItemCompleted { item } => {
                self.completed(item);
                self.page.waiting.end(&item.id);
            }
            EventKind::ExecApprovalRequest(_)
            | EventKind::PatchApprovalRequest(_)
            | EventKind::RequestUserInput { .. }
            | EventKind::ElicitationRequest { .. }
            | EventKind::DynamicToolCallRequest { .. } => self.question(event),
            EventKind::InteractionResolved { id, outcome, actor } => {
                self.page.lines(questions::ending(self.style, id.as_str(), outcome, actor));
            }
            EventKind::TurnDiff { diff } => self.told.changed = FileStat::of_diff(diff),
            EventKind::PlanUpdate { plan } => {
                let lines = self.told.plan.update(self.style, plan);
                self.page.lines(lines);
            }
            EventKind::ModelRetry { retry, of, reason, .. } => self.retried(*retry, *of, reason),
            EventKind::ToolRetry { reason, .. } => {
                self.yellow(&format!("… a call is run again: {}", clean_line(reason)));
            }
            EventKind::ContextCompacted { trigger, before_tokens, after_tokens } => {
                self.dim(&long::compacted(*trigger, *before_tokens, *after_tokens));
            }
            EventKind::EnteredReviewMode { request } => {
                self.told.review = Reviewing::Begun;
                self.dim(&format!("reviewing {}", long::target(request)));
            }
            EventKind::ExitedReviewMode { outcome } => {
                self.told.review = Reviewing::No;
                self.page.lines(long::review(self.style, outcome));
            }
            EventKind::RolledBack { from, files, notes } => {
                self.page.lines(long::rolled_back(self.style, *from, files, notes));
            }
            EventKind::FilesRestored { from, files, notes } => {
                self.page.lines(long::files_restored(self.style, *from, files, notes));
            }
            EventKind::RollbackRefused { from, reason, paths } => {
                self.page.lines(long::rollback_refused(self.style, *from, reason, paths));
            }
            EventKind::HookNote { phase, hook, message } => {
                self.dim(&format!("hook {} ({}): {}", clean_line(hook), long::phase(*phase), clean(message)));
            }
            EventKind::Moved { from, to } => {
                self.dim(&format!("(this thread has moved from {} to {})", clean_line(from), clean_line(to)));
            }
            EventKind::SubAgent { update } => self.dim(&format!("another agent: {}", brief(update))),
            EventKind::BackgroundNote { message } => self.dim(&clean(message)),
            EventKind::Warning { message } => self.yellow(&format!("! {}", clean(message))),
            EventKind::Error { message, .. } => {
                self.page.line(&self.style.red(format!("error: {}", clean(message))));
            }
            EventKind::TurnCompleted { end, usage } => {
                self.told.summary.usage = *usage;
                self.turn_completed(event, end);
            }
            EventKind::TurnAborted { reason } => {
                self.ended(event, &self.style.yellow("■"), abort_message(*reason));
            }
            EventKind::SettingsChanged { settings } => self.told.summary.runs_under(settings),
            // What was decided shows in what follows; `sessions show --audit` lists it.
            EventKind::CallDecided(_) => {}
            EventKind::ToolsChanged { tools } => {
                self.dim(&format!("(the agent has {} tools now)", tools.len()));
            }
            // Whoever does these is told by the command that does it.
            EventKind::ThreadNamed { .. } | EventKind::ShutdownComplete | EventKind::Resumed => {}
            EventKind::Unknown(value) => self.later("event", value),
            _ => self.dim("(an event of a later version)"),
        }
    }

    fn live(&mut self, live: &Live) {
        match &live.kind {
            LiveKind::Message(_) if self.told.review != Reviewing::No => {}
            LiveKind::Message(piece) => self.page.say(live, piece),
            LiveKind::Reasoning(piece) if self.reasoning == Reasoning::Summary => {
                self.page.stream(live, piece, &self.style.dim(clean(piece)));
            }
            LiveKind::RawReasoning(piece) if self.reasoning == Reasoning::Raw => {
                self.page.stream(live, piece, &self.style.dim(clean(piece)));
            }
            LiveKind::Output(piece) if self.told.user_commands.contains(&live.item) => {
                self.page.stream(live, piece, &clean(piece));
            }
            LiveKind::Output(piece) => self.page.waiting.printed(&live.item, piece),
            LiveKind::Reasoning(_) | LiveKind::RawReasoning(_) => {}
            _ => {}
        }
    }

    fn note(&mut self, text: &str) {
        self.page.waiting.rest();
        self.page.line(text);
    }

    fn notice(&mut self, notice: &Notice) {
        match notice {
            Notice::ServerAway { message } | Notice::WorkerAway { message } | Notice::BusAway { message } => {
                self.page.beside(&self.style.yellow(format!("! {}", clean(message))));
            }
            Notice::Back { message } => self.page.beside(&self.style.dim(clean(message))),
            _ => {}
        }
    }

    fn rewind(&mut self, to: u64) {
        self.told.back_to(to);
        self.page.waiting.forget();
        self.page.turn();
        self.dim(&format!("(what follows event {to} is told anew)"));
    }

    fn gap(&mut self, from: u64, to: u64) {
        self.dim(&format!("(events {from} to {to} are kept no more)"));
    }
}

/// The beginning of a value that is not drawn.
fn brief(value: &Value) -> String {
    clean_line(&value.to_string()).chars().take(REQUEST_CHARS).collect()
}
