//! What runs right now: a spinner on standard error, and under it the last lines that a command printed.

use crate::view::{
    Style, clean_line,
    width::{Columns, cut_end},
};
use agent_core::ItemId;
use indicatif::{ProgressBar, ProgressStyle};
use std::{collections::VecDeque, time::Duration};

/// So many lines of a running command's output are shown.
const LIVE_LINES: usize = 5;
/// Of a line that does not end, so much is kept.
const LIVE_LINE_BYTES: usize = 4096;
/// Columns beside the command: the spinner and the time.
const BESIDE_COLUMNS: usize = 16;
const TICK: Duration = Duration::from_millis(100);

/// The spinner, if there is one, and what it tells of.
pub(super) struct Waiting {
    bar: Option<ProgressBar>,
    columns: Columns,
    running: Vec<Running>,
}

/// A call that runs.
struct Running {
    item: ItemId,
    what: String,
    tail: Tail,
}

/// The last lines of an output.
#[derive(Default)]
struct Tail {
    lines: VecDeque<String>,
    /// The line that has no end yet.
    open: String,
}

impl Waiting {
    /// Without a spinner nothing is shown or kept.
    pub(super) fn new(style: Style, spin: bool) -> Self {
        let bar = spin.then(|| {
            let bar = ProgressBar::new_spinner();
            let template = match style {
                Style::Plain => "{spinner} {prefix} {elapsed}{msg}",
                Style::Colour => "{spinner:.cyan} {prefix:.dim} {elapsed:.dim}{msg:.dim}",
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, columns: Columns::OfTerminal, running: Vec::new() }
    }

    /// A call began.
    pub(super) fn begin(&mut self, item: &ItemId, what: &str) {
        self.running.push(Running { item: item.clone(), what: clean_line(what), tail: Tail::default() });
        self.show();
    }

    /// A call printed something.
    pub(super) fn printed(&mut self, item: &ItemId, piece: &str) {
        let Some(bar) = &self.bar else { return };
        if let Some(running) = self.running.iter_mut().find(|running| running.item == *item) {
            running.tail.push(piece);
            bar.set_message(below(&running.tail, self.columns.now()));
        }
    }

    /// A call ended, or an item that never began.
    pub(super) fn end(&mut self, item: &ItemId) {
        self.running.retain(|running| running.item != *item);
        self.show();
    }

    /// What is waited for now: a call, or else the model.
    pub(super) fn show(&self) {
        let Some(bar) = &self.bar else { return };
        let columns = self.columns.now();
        bar.set_prefix(cut_end(&beside(&self.running), columns.saturating_sub(BESIDE_COLUMNS)));
        bar.set_message(self.running.last().map(|running| below(&running.tail, columns)).unwrap_or_default());
        bar.reset_elapsed();
        bar.enable_steady_tick(TICK);
    }

    /// Nothing is waited for.
    pub(super) fn rest(&self) {
        if let Some(bar) = &self.bar {
            bar.disable_steady_tick();
            bar.finish_and_clear();
        }
    }

    /// A turn ended: what ran is over.
    pub(super) fn forget(&mut self) {
        self.running.clear();
        self.rest();
    }

    /// Writes while the spinner is out of the way.
    pub(super) fn aside(&self, write: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

fn beside(running: &[Running]) -> String {
    match running {
        [] => "thinking".into(),
        [one] => one.what.clone(),
        [others @ .., last] => format!("{} (and {} more)", last.what, others.len()),
    }
}

fn below(tail: &Tail, columns: usize) -> String {
    let line = |line: &str| format!("\n  │ {}", cut_end(line, columns.saturating_sub(6)));
    tail.shown().iter().map(|text| line(text)).collect()
}

impl Tail {
    fn push(&mut self, piece: &str) {
        for part in piece.split_inclusive('\n') {
            if self.open.len() + part.len() <= LIVE_LINE_BYTES || part.contains('\r') {
                self.open.push_str(part);
            }
            // What comes after a carriage return is written over what was there.
            if let Some((_, over)) = self.open.trim_end_matches(['\r', '\n']).rsplit_once('\r') {
                self.open =
                    over.chars().take(LIVE_LINE_BYTES).chain(part.ends_with('\n').then_some('\n')).collect();
            }
            if part.ends_with('\n') {
                let line = std::mem::take(&mut self.open);
                self.keep(&line);
            }
        }
    }

    fn keep(&mut self, line: &str) {
        let line = clean_line(line.trim_end());
        if !line.is_empty() {
            self.lines.push_back(line);
        }
        if self.lines.len() > LIVE_LINES {
            self.lines.pop_front();
        }
    }

    fn shown(&self) -> Vec<String> {
        let open = clean_line(self.open.trim_end());
        let all: Vec<String> =
            self.lines.iter().cloned().chain(Some(open).filter(|open| !open.is_empty())).collect();
        all[all.len().saturating_sub(LIVE_LINES)..].to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(pieces: &[&str]) -> Tail {
        let mut tail = Tail::default();
        pieces.iter().for_each(|piece| tail.push(piece));
        tail
    }

    #[test]
    fn the_last_lines_of_a_running_command_are_shown() {
        let lines: String = (1..=9).map(|number| format!("line {number}\n\n")).collect();
        assert_eq!(tail(&[&lines]).shown(), ["line 5", "line 6", "line 7", "line 8", "line 9"]);
        assert_eq!(tail(&[&lines, "li", "ne 10"]).shown()[4], "line 10");
        assert_eq!(
            below(&tail(&["a\tb\u{1b}[31m\n", "日本語日本語日本語"]), 20),
            "\n  │ a b␛[31m\n  │ 日本語日本語…"
        );
    }

    #[test]
    fn progress_that_is_written_over_is_one_line() {
        assert_eq!(tail(&["10 %\r20 %", "\r30 %"]).shown(), ["30 %"]);
        assert_eq!(tail(&["10 %\r", "100 %\r\ndone\r\n"]).shown(), ["100 %", "done"]);
    }

    #[test]
    fn a_line_without_end_is_not_kept_without_end() {
        let tail = tail(&vec!["x".repeat(1_000).as_str(); 50]);
        assert!(tail.open.len() <= LIVE_LINE_BYTES, "{}", tail.open.len());
    }

    #[test]
    fn several_running_calls_are_counted() {
        let running =
            |what: &str| Running { item: ItemId::new(what), what: what.into(), tail: Tail::default() };
        assert_eq!(beside(&[]), "thinking");
        assert_eq!(beside(&[running("a"), running("b"), running("c")]), "c (and 2 more)");
    }
}
