//! The report as people read it. Its tables are Markdown, so that they can be pasted into a document.

use std::io::Write;

use anyhow::Result;

use super::host::BodyCost;
use super::length::{Length, Step};
use super::report::Report;
use super::statistics::Line;
use super::steps::Summary;

/// Rows of cells, the first of them the heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with a heading and no rows yet.
    pub fn new<T: Into<String>>(heading: impl IntoIterator<Item = T>) -> Self {
        Self { rows: vec![heading.into_iter().map(Into::into).collect()] }
    }

    /// Adds a row. Its first cell says what it is about; the others are figures.
    pub fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
        };
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0).max(3)).collect();
        for (index, row) in self.rows.iter().enumerate() {
            for (column, width) in widths.iter().enumerate() {
                let cell = row.get(column).map_or("", String::as_str);
                if column == 0 {
                    write!(f, "| {cell:<width$} ")?;
                } else {
                    write!(f, "| {cell:>width$} ")?;
                }
            }
            writeln!(f, "|")?;
            if index == 0 {
                for (column, width) in widths.iter().enumerate() {
                    let dashes = "-".repeat(*width);
                    if column == 0 { write!(f, "| {dashes} ") } else { write!(f, "|-{dashes}:") }?;
                }
                writeln!(f, "|")?;
            }
        }
        Ok(())
    }
}

/// Prints the report.
pub(crate) fn print(report: &Report) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let machine = &report.machine;
    writeln!(
        out,
        "{} cores of {}, Linux {}, {} MB, load {}; commit {}; {} rounds",
        machine.cores,
        machine.cpu,
        machine.kernel,
        machine.memory_mb,
        machine.load,
        report.commit(),
        report.repeats
    )?;
    for subject in &report.subjects {
        writeln!(out, "{}: {}", subject.name, subject.version)?;
    }
    if let Some(steps) = &report.steps {
        writeln!(out, "\nTurns, medians\n\n{}", sizes(&steps.summaries))?;
        writeln!(out, "The cost of a step\n\n{}", slopes(&steps.summaries, report.ours()))?;
        let mut table = Table::new(["a shell alone", "wall ms", "CPU ms"]);
        for floor in &steps.floors {
            table.row([floor.command.to_owned(), figure(floor.wall_ms), figure(floor.cpu_ms)]);
        }
        writeln!(out, "{table}")?;
    }
    if let Some(length) = &report.length {
        writeln!(out, "Steps of one turn of 1,000 calls, medians around them\n\n{}", long(length))?;
    }
    if !report.interrupts.is_empty() {
        let mut table = Table::new(["interrupted command", "median ms", "p99 ms"]);
        for one in &report.interrupts {
            let name = format!("{}, {}", one.subject, one.work);
            table.row([name, figure(one.median_ms), figure(one.p99_ms)]);
        }
        writeln!(out, "From SIGINT to the end of the command's process\n\n{table}")?;
    }
    if let Some(delta) = &report.delta {
        let heading = ["delta, from the model's write to a reader", "median ms", "p99 ms", "worst ms"];
        let mut table = Table::new(heading);
        let name = format!("{}, {} of {} shown", report.ours(), delta.shown, delta.sent);
        table.row([name, figure(delta.median_ms), figure(delta.p99_ms), figure(delta.worst_ms)]);
        writeln!(out, "{table}")?;
    }
    let mut table = Table::new(["target", "row", "bound", "measured", ""]);
    for verdict in &report.verdicts {
        let target = &verdict.target;
        table.row([
            target.what.to_owned(),
            target.row.to_owned(),
            format!("{} {}", target.bound, target.unit),
            format!("{} {}", figure(verdict.measured), target.unit),
            if verdict.met { "met" } else { "MISSED" }.to_owned(),
        ]);
    }
    writeln!(out, "{table}")?;
    Ok(())
}

fn sizes(summaries: &[Summary]) -> Table {
    let mut table =
        Table::new(["program, call", "calls", "wall ms", "CPU ms", "own CPU ms", "peak MB", "stored kB"]);
    for summary in summaries {
        for size in &summary.sizes {
            table.row([
                format!("{}, {}", summary.subject, summary.work),
                size.calls.to_string(),
                figure(size.wall_ms),
                figure(size.cpu_ms),
                figure(size.own_cpu_ms),
                figure(size.peak_mb),
                figure(size.stored_kb),
            ]);
        }
    }
    table
}

fn slopes(summaries: &[Summary], ours: &str) -> Table {
    let mut table = Table::new([
        "program, call",
        "wall ms",
        "range",
        "CPU ms",
        "own CPU ms",
        "stored kB",
        "of the thread",
        "first request ms",
        "in a new home",
    ]);
    let slope = |line: Option<Line>| line.map_or(f64::NAN, |line| line.slope);
    for summary in summaries {
        let (low, high) = summary.wall_slopes_ms;
        table.row([
            format!("{}, {}", summary.subject, summary.work),
            figure(slope(summary.wall_ms)),
            format!("{}–{}", figure(low), figure(high)),
            figure(slope(summary.cpu_ms)),
            figure(slope(summary.own_cpu_ms)),
            figure(slope(summary.stored_bytes) / 1e3),
            figure(slope(summary.thread_bytes) / 1e3),
            figure(summary.first_request_ms),
            figure(summary.first_request_new_home_ms),
        ]);
    }
    for peer in summaries.iter().filter(|summary| summary.subject != ours) {
        let Some(own) = summaries.iter().find(|own| own.subject == ours && own.work == peer.work) else {
            continue;
        };
        let ratio = |value: fn(&Summary) -> f64| format!("{:.1}×", value(peer) / value(own));
        table.row([
            format!("{} / {ours}, {}", peer.subject, peer.work),
            ratio(|one| one.wall_ms.map_or(f64::NAN, |line| line.slope)),
            String::new(),
            ratio(|one| one.cpu_ms.map_or(f64::NAN, |line| line.slope)),
            ratio(|one| one.own_cpu_ms.map_or(f64::NAN, |line| line.slope)),
            ratio(|one| one.stored_bytes.map_or(f64::NAN, |line| line.slope)),
            ratio(|one| one.thread_bytes.map_or(f64::NAN, |line| line.slope)),
            ratio(|one| one.first_request_ms),
            ratio(|one| one.first_request_new_home_ms),
        ]);
    }
    table
}

fn alone(step: &Step, value: impl Fn(&BodyCost) -> f64) -> String {
    step.body_alone.as_ref().map_or_else(String::new, |alone| figure(value(alone)))
}

fn long(lengths: &[Length]) -> Table {
    let mut table = Table::new([
        "program",
        "step",
        "wall ms",
        "body kB",
        "reading it ms",
        "its JSON ms",
        "bare sending ms",
        "model call alone ms",
        "the rest ms",
    ]);
    for length in lengths {
        for step in &length.steps {
            table.row([
                length.subject.to_owned(),
                step.step.to_string(),
                figure(step.wall_ms),
                figure(step.body_kb),
                figure(step.reading_ms),
                alone(step, |alone| alone.json_ms),
                alone(step, |alone| alone.send_ms),
                alone(step, |alone| alone.call_ms),
                alone(step, |alone| step.wall_ms - alone.call_ms),
            ]);
        }
    }
    table
}

/// Three digits, more before the point where there are more.
pub(crate) fn figure(value: f64) -> String {
    match value.abs() {
        large if large >= 99.95 => format!("{value:.0}"),
        medium if medium >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
