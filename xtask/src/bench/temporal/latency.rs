//! Whatever somebody waits for: the first event, words, the end of a command that was interrupted, an approval.

use std::fs::File;
use std::io::Read;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::super::clock::{ms_between, now_ns};
use super::super::interrupt::{gone_after, wait_for_pid};
use super::super::model_process::ModelProcess;
use super::super::plan::Work;
use super::super::statistics::{median, percentile};
use super::client::{Client, PROMPT};
use super::deaths::wait;
use super::options::Options;
use super::progress;
use super::site::{Programs, Site, plan};
use super::worker::Worker;

/// Everything that was waited for.
#[derive(Debug, serde::Serialize)]
pub(super) struct Latency {
    /// From the start of `exec` to its first event: where no server runs, where one does, and where a worker does too.
    pub(super) first_cold: Waits,
    pub(super) first_warm: Waits,
    pub(super) first_served: Waits,
    /// From the start of `exec`, where a worker runs, to the model's first request.
    pub(super) first_request: Waits,
    /// From the model's writing of a delta to the reader of `exec`, which serves the thread itself.
    pub(super) delta: Waits,
    /// The same over a NATS server, where there is one: the worker is another process.
    pub(super) delta_nats: Option<Waits>,
    /// From SIGINT to `exec` to the end of the command.
    pub(super) interrupt: Waits,
    /// From the start of `everturn interrupt` in another process, while a worker serves, to the end of the command.
    pub(super) interrupt_elsewhere: Waits,
    /// From the start of `everturn approve` to the model's next request, when the command that waited has run.
    pub(super) approval: Waits,
}

/// Times of one kind.
#[derive(Debug, serde::Serialize)]
pub(super) struct Waits {
    pub(super) count: usize,
    pub(super) median_ms: f64,
    pub(super) p99_ms: f64,
    samples_ms: Vec<f64>,
}

impl From<Vec<f64>> for Waits {
    fn from(samples_ms: Vec<f64>) -> Self {
        let (median_ms, p99_ms) = (median(&samples_ms), percentile(&samples_ms, 0.99));
        Self { count: samples_ms.len(), median_ms, p99_ms, samples_ms }
    }
}

/// An exec without JSON, which shows words as they come.
const SHOWN: [&str; 6] =
    ["exec", "--backend", "temporal", "--skip-git-repo-check", "--sandbox", "danger-full-access"];

struct Bench<'a> {
    programs: &'a Programs,
    model: &'a ModelProcess,
    rounds: usize,
}

pub(super) fn run(programs: &Programs, model: &ModelProcess, options: &Options) -> Result<Latency> {
    let bench = Bench { programs, model, rounds: options.rounds };
    let (first_served, first_request) = bench.first_served()?;
    let latency = Latency {
        first_cold: bench.firsts(Site::cold)?,
        first_warm: bench.firsts(Site::start)?,
        first_served,
        first_request,
        delta: bench.deltas(None)?,
        delta_nats: bench.deltas_over_nats()?,
        interrupt: bench.interrupts()?,
        interrupt_elsewhere: bench.interrupts_elsewhere()?,
        approval: bench.approvals()?,
    };
    progress(format_args!("approval {:.0} ms", latency.approval.median_ms));
    Ok(latency)
}

impl Bench<'_> {
    fn many(&self, times: usize, one: impl FnMut(usize) -> Result<f64>) -> Result<Waits> {
        Ok((0..self.rounds * times).map(one).collect::<Result<Vec<_>>>()?.into())
    }

    /// Each in a data folder that is made for it.
    fn firsts(&self, site: fn(&Programs, &str) -> Result<Site>) -> Result<Waits> {
        self.many(1, |_| {
            let site = site(self.programs, &self.model.url(&plan("first", Work::True, 0)))?;
            first(&site)
        })
    }

    fn first_served(&self) -> Result<(Waits, Waits)> {
        let plan = plan("first-served", Work::True, 0);
        let site = Site::start(self.programs, &self.model.url(&plan))?;
        let _worker = Worker::start(&site)?;
        first(&site)?;
        let mut requests = Vec::new();
        let events = self.many(4, |_| {
            let began_ns = now_ns();
            let waited = first(&site)?;
            let exchanges = self.model.exchanges(&plan.run)?;
            let request = exchanges.last().context("the model was not asked")?;
            requests.push(ms_between(began_ns, request.first_byte_ns));
            Ok(waited)
        })?;
        Ok((events, requests.into()))
    }

    /// All deltas of some messages.
    fn deltas(&self, bus: Option<&str>) -> Result<Waits> {
        const DELTAS: usize = 1_000;
        let mut samples_ms = Vec::new();
        for round in 0..self.rounds.min(3) {
            let plan = plan(&format!("deltas-{}-{round}", bus.is_some()), Work::Deltas, DELTAS);
            let mut site = Site::start(self.programs, &self.model.url(&plan))?;
            site.bus = bus.map(str::to_owned);
            // Without another bus the words travel within a process, so the client serves.
            let worker = bus.map(|_| Worker::start(&site)).transpose()?;
            let mut command = site.everturn(&SHOWN);
            command.arg(PROMPT).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
            let mut client = Running(command.spawn().context("could not start the client")?);
            let shown = client.0.stderr.take().context("the client has no standard error")?;
            let under_way = under_way_ms(shown)?;
            ensure!(client.0.wait()?.success(), "the turn has failed");
            ensure!(under_way.len() > DELTAS / 2, "only {} of {DELTAS} deltas came", under_way.len());
            progress(format_args!("{} of {DELTAS} deltas shown", under_way.len()));
            samples_ms.extend(under_way);
            drop(worker);
        }
        Ok(samples_ms.into())
    }

    /// Nothing where there is no NATS server on `PATH`.
    fn deltas_over_nats(&self) -> Result<Option<Waits>> {
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port().to_string();
        let mut command = Command::new("nats-server");
        command.args(["--addr", "127.0.0.1", "--port", &port]);
        let started = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let Ok(server) = started else { return Ok(None) };
        let _server = Running(server);
        let address = format!("127.0.0.1:{port}");
        wait(|| Ok(std::net::TcpStream::connect(&address).is_ok()))?;
        self.deltas(Some(&format!("nats://{address}"))).map(Some)
    }

    fn interrupts(&self) -> Result<Waits> {
        self.many(4, |index| {
            let plan = plan(&format!("interrupt-{index}"), Work::Sleep, 1);
            let site = Site::start(self.programs, &self.model.url(&plan))?;
            let mut command = site.everturn(&SHOWN);
            command.arg(PROMPT).stdin(Stdio::null()).stdout(Stdio::null());
            command.stderr(File::create(site.place.file("client.log"))?);
            let mut client = Running(command.spawn().context("could not start the client")?);
            let running = wait_for_pid(&site.place.work().join("pid"), &mut client.0)?;
            let pid = rustix::process::Pid::from_child(&client.0);
            gone_after(running, || Ok(rustix::process::kill_process(pid, rustix::process::Signal::INT)?))
        })
    }

    fn interrupts_elsewhere(&self) -> Result<Waits> {
        self.many(2, |index| {
            let plan = plan(&format!("interrupt-elsewhere-{index}"), Work::Sleep, 1);
            let site = Site::start(self.programs, &self.model.url(&plan))?;
            let _worker = Worker::start(&site)?;
            let mut client = Client::start(&site)?;
            client.until("turn.started")?;
            let pid = site.place.work().join("pid");
            wait(|| Ok(pid.exists()))?;
            let running = std::fs::read_to_string(&pid)?.trim().parse()?;
            let running = rustix::process::Pid::from_raw(running).context("the command has no number")?;
            let mut command = site.everturn(&["interrupt", &client.thread]);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let mut other = None;
            let waited = gone_after(running, || {
                other = Some(Running(command.spawn()?));
                Ok(())
            });
            drop(other);
            waited
        })
    }

    fn approvals(&self) -> Result<Waits> {
        const ASKING: [&str; 9] = [
            "exec",
            "--backend",
            "temporal",
            "--skip-git-repo-check",
            "--sandbox",
            "workspace-write",
            "--approval",
            "on-request",
            "--json",
        ];
        self.many(2, |index| {
            let plan = plan(&format!("approval-{index}"), Work::True, 1);
            let site = Site::start(self.programs, &self.model.url(&plan))?;
            let _worker = Worker::start(&site)?;
            let mut client = Client::with(&site, &ASKING)?;
            let (_, asked) = client.until("approval.requested")?;
            let id = asked["id"].as_str().context("a question has no id")?;
            let mut command = site.everturn(&["approve", "--no-run", id]);
            let approved_ns = now_ns();
            let output = command.stdin(Stdio::null()).output()?;
            ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
            wait(|| Ok(self.model.exchanges(&plan.run)?.len() == 2))?;
            let exchanges = self.model.exchanges(&plan.run)?;
            let next = exchanges.last().context("the model was not asked again")?;
            client.end()?;
            Ok(ms_between(approved_ns, next.first_byte_ns))
        })
    }
}

/// From the start of a turn without a call to its first event.
fn first(site: &Site) -> Result<f64> {
    let mut client = Client::start(site)?;
    let (at_ns, _) = client.until("thread.started")?;
    let waited = ms_between(client.started_ns, at_ns);
    client.end()?;
    Ok(waited)
}

/// How long each moment was under way that the model wrote.
fn under_way_ms(mut shown: impl Read) -> Result<Vec<f64>> {
    /// A moment has so many digits at least, and no other number has.
    const DIGITS: usize = 12;
    let (mut under_way, mut text, mut bytes) = (Vec::new(), String::new(), vec![0; 64 * 1024]);
    loop {
        let count = shown.read(&mut bytes)?;
        let now = now_ns();
        if count == 0 {
            return Ok(under_way);
        }
        text.push_str(&String::from_utf8_lossy(bytes.get(..count).unwrap_or_default()));
        // What ends in a space is whole.
        let Some((whole, rest)) = text.rsplit_once(' ') else { continue };
        let moments = whole.split_whitespace().filter(|word| word.len() >= DIGITS);
        under_way.extend(moments.filter_map(|word| word.parse().ok()).map(|at_ns| ms_between(at_ns, now)));
        text = rest.to_owned();
    }
}

/// A process that does not outlive the measurement.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one piece at a time, as a pipe does.
    struct Pieces(Vec<&'static str>);

    impl Read for Pieces {
        fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
            if self.0.is_empty() { Ok(0) } else { self.0.remove(0).as_bytes().read(bytes) }
        }
    }

    #[test]
    fn a_moment_counts_once_wherever_it_is_cut_and_other_words_do_not() {
        let shown =
            Pieces(vec!["thread 01a1 in 4217 ms\n100000", "000001 100000000002 1000", "00000003 \ndone 12 "]);
        let under_way = under_way_ms(shown).unwrap();
        assert_eq!(under_way.len(), 3);
        let now = ms_between(100_000_000_002, now_ns());
        assert!(under_way.iter().all(|waited| *waited <= now), "{under_way:?}, {now}");
    }
}
