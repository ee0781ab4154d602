//! [`Report`]: everything that was measured, against the targets, as JSON and as people read it.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;

use super::super::facts::Machine;
use super::super::table::{Table, figure};
use super::super::targets::{Target, Verdict};
use super::deaths::Deaths;
use super::history::Waiting;
use super::idle::Idle;
use super::latency::{Latency, Waits};
use super::site::Programs;
use super::take_up::{self, TakeUp};
use super::turns::Turns;

/// The shape of the JSON; a reader can tell by it what to expect.
const FORMAT: u32 = 1;

/// Everything that was measured.
#[derive(Debug, serde::Serialize)]
pub(super) struct Report {
    format: u32,
    /// Seconds since 1970.
    at_s: u64,
    /// The checked out commit, with `+` where files differ from it, if it was built here.
    commit: String,
    /// The arguments that it was started with.
    arguments: String,
    everturn: String,
    temporal: String,
    machine: Machine,
    load_after: String,
    pub(super) turns: Vec<Turns>,
    pub(super) idle: Option<Idle>,
    pub(super) deaths: Vec<Deaths>,
    pub(super) take_ups: Vec<TakeUp>,
    pub(super) latency: Option<Latency>,
    verdicts: Vec<Verdict>,
}

impl Report {
    pub(super) fn new(machine: Machine, commit: String, programs: &Programs, args: &[String]) -> Self {
        Self {
            format: FORMAT,
            at_s: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            commit,
            arguments: args.join(" "),
            everturn: Programs::version(&programs.everturn),
            temporal: Programs::version(&programs.temporal),
            machine,
            load_after: String::new(),
            turns: Vec::new(),
            idle: None,
            deaths: Vec::new(),
            take_ups: Vec::new(),
            latency: None,
            verdicts: Vec::new(),
        }
    }

    /// Whether a target was missed.
    pub(super) fn has_misses(&self) -> bool {
        self.verdicts.iter().any(|verdict| !verdict.met)
    }

    /// Compares what was measured so far with the targets.
    pub(super) fn finish(&mut self, load: String) {
        self.load_after = load;
        let mut found = Verdicts::default();
        found.turns(&self.turns);
        found.deaths(&self.deaths);
        for one in self.take_ups.iter().filter(|one| one.calls == take_up::CALLS) {
            found.bound("N4", "200 calls taken up after a stop", 500.0, "ms", one.after_stop_ms);
            found.bound("N4", "200 calls taken up after a kill", 500.0, "ms", one.after_kill_ms);
        }
        if let Some(latency) = &self.latency {
            found.latency(latency);
        }
        self.verdicts = found.0;
    }

    pub(super) fn print(&self) -> Result<()> {
        let mut out = std::io::stdout().lock();
        let Machine { cpu, cores, kernel, memory_mb, load } = &self.machine;
        writeln!(out, "{} at {}, {}", self.everturn, self.commit, self.temporal)?;
        writeln!(out, "{cpu}, {cores} cores, {memory_mb} MB, Linux {kernel}")?;
        writeln!(
            out,
            "load {load} before, {} after; cargo xtask bench temporal {}\n",
            self.load_after, self.arguments
        )?;
        let tables = [
            (self.turns(), !self.turns.is_empty()),
            (self.waits(), self.latency.is_some()),
            (self.workers(), !self.deaths.is_empty() || !self.take_ups.is_empty() || self.idle.is_some()),
        ];
        for (table, _) in tables.iter().filter(|(_, has_rows)| *has_rows) {
            writeln!(out, "{table}")?;
        }
        let mut table = Table::new(["target", "row", "bound", "measured", ""]);
        for verdict in &self.verdicts {
            let Target { row, what, bound, unit } = &verdict.target;
            let met = if verdict.met { "met" } else { "MISSED" };
            let (bound, measured) =
                (format!("{bound} {unit}"), format!("{} {unit}", figure(verdict.measured)));
            table.row([*what, *row, &bound, &measured, met]);
        }
        writeln!(out, "{table}")?;
        Ok(())
    }

    fn turns(&self) -> Table {
        let mut table = Table::new([
            "calls with 2 kB",
            "wall ms",
            "step ms",
            "worker CPU",
            "server CPU",
            "runs",
            "events",
            "history kB",
            "kB a call",
            "worker's peak MB",
        ]);
        for one in &self.turns {
            table.row([
                one.calls.to_string(),
                figure(one.wall_ms),
                figure(one.step_ms),
                figure(one.worker_cpu_ms),
                figure(one.server_cpu_ms),
                format!("{:.0}", one.runs),
                format!("{:.0}", one.events),
                figure(one.bytes / 1e3),
                figure(one.bytes / 1e3 / one.calls as f64),
                figure(one.peak_mb),
            ]);
        }
        table
    }

    fn waits(&self) -> Table {
        let mut table = Table::new(["from, to", "times", "median ms", "p99 ms"]);
        let Some(latency) = &self.latency else { return table };
        let mut row = |what: &str, waits: &Waits| {
            table.row([
                what.to_owned(),
                waits.count.to_string(),
                figure(waits.median_ms),
                figure(waits.p99_ms),
            ]);
        };
        row("exec, first event; no server yet", &latency.first_cold);
        row("exec, first event; a server runs", &latency.first_warm);
        row("exec, first event; a worker runs too", &latency.first_served);
        row("exec, first request; a worker runs too", &latency.first_request);
        row("delta, reader in the same process", &latency.delta);
        if let Some(waits) = &latency.delta_nats {
            row("delta, reader behind NATS", waits);
        }
        row("SIGINT to exec, command gone", &latency.interrupt);
        row("everturn interrupt, command gone", &latency.interrupt_elsewhere);
        row("everturn approve, next request", &latency.approval);
        table
    }

    fn workers(&self) -> Table {
        let mut table = Table::new(["worker", "times", "median", "worst"]);
        for one in &self.deaths {
            let what = match one.waiting {
                Waiting::Model => "killed in a model call, turn goes on, ms",
                Waiting::Tool => "killed in a command, turn goes on, ms",
                Waiting::Task => "killed in a workflow task, turn goes on, ms",
                Waiting::Between => "killed between, turn goes on, ms",
            };
            table.row([what.into(), one.count.to_string(), figure(one.median_ms), figure(one.worst_ms)]);
        }
        for one in &self.take_ups {
            let what = |how: &str| format!("{} calls ({} events) taken up {how}", one.calls, one.events);
            table.row([what("after a stop, ms"), String::new(), figure(one.after_stop_ms), String::new()]);
            table.row([what("after a kill, ms"), String::new(), figure(one.after_kill_ms), String::new()]);
            table.row([what("until it serves, ms"), String::new(), figure(one.ready_ms), String::new()]);
            table.row([what("events a second"), String::new(), figure(one.replayed_per_s), String::new()]);
        }
        if let Some(idle) = &self.idle {
            let what = format!("{} threads that rest, MB (worst: peak)", idle.threads);
            table.row([what, String::new(), figure(idle.resting_mb), figure(idle.peak_mb)]);
            table.row(["each, kB".into(), String::new(), figure(idle.thread_kb), String::new()]);
        }
        table
    }
}

/// What is found of targets.
#[derive(Default)]
struct Verdicts(Vec<Verdict>);

impl Verdicts {
    fn bound(
        &mut self,
        row: &'static str,
        what: &'static str,
        bound: f64,
        unit: &'static str,
        measured: f64,
    ) {
        let met = measured <= bound;
        self.0.push(Verdict { target: Target { row, what, bound, unit }, measured, met });
    }

    fn turns(&mut self, turns: &[Turns]) {
        let of = |calls: usize| turns.iter().find(|one| one.calls == calls);
        if let Some(one) = of(100) {
            self.bound("N2", "100 calls", 2_500.0, "ms", one.wall_ms);
            self.bound("N2", "history of 100 calls", 600.0, "kB", one.bytes / 1e3);
        }
        if let Some(one) = of(200) {
            self.bound("N2", "200 calls", 5_000.0, "ms", one.wall_ms);
            self.bound("N2", "history of 200 calls", 1_200.0, "kB", one.bytes / 1e3);
        }
        if let (Some(hundred), Some(thousand)) = (of(100), of(1_000)) {
            self.bound("N2", "1,000 calls, in bytes of 100", 11.0, "times", thousand.bytes / hundred.bytes);
        }
        let peaks = turns.iter().map(|one| one.peak_mb);
        if let Some(peak) = peaks.reduce(f64::max) {
            self.bound("N2", "worker's peak memory, one thread", 40.0, "MB", peak);
        }
    }

    fn deaths(&mut self, deaths: &[Deaths]) {
        for one in deaths {
            let (what, bound) = match one.waiting {
                Waiting::Model => ("killed in a model call, worst", 3_000.0),
                Waiting::Tool => ("killed in a command, worst", 3_000.0),
                Waiting::Task => ("killed in a workflow task, worst", 6_000.0),
                Waiting::Between => ("killed between, worst", 3_000.0),
            };
            self.bound("N4", what, bound, "ms", one.worst_ms);
        }
    }

    fn latency(&mut self, latency: &Latency) {
        let Latency { delta, interrupt, interrupt_elsewhere, .. } = latency;
        self.bound("N3", "delta, median", 10.0, "ms", delta.median_ms);
        self.bound("N3", "delta, p99", 10.0, "ms", delta.p99_ms);
        self.bound("N6", "interrupt, p99", 500.0, "ms", interrupt.p99_ms);
        self.bound("N6", "interrupt from elsewhere, p99", 500.0, "ms", interrupt_elsewhere.p99_ms);
    }
}
