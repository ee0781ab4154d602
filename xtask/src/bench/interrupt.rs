//! How long a running command lives on after the program is told to stop (SIGINT, as a terminal sends it).

use std::fs::File;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use super::clock::{ms_between, now_ns};
use super::home::Place;
use super::model_process::ModelProcess;
use super::options::Options;
use super::plan::{Plan, Work};
use super::statistics::{median, percentile};
use super::subject::Subject;

/// How often each kind of command is interrupted.
const TIMES: usize = 20;
/// How often it is looked whether the command runs.
const LOOK: Duration = Duration::from_millis(2);
/// How long anything may take before it counts as hung.
const PATIENCE: Duration = Duration::from_secs(20);

/// The interrupts of one program and one kind of command.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Interrupts {
    pub(crate) subject: &'static str,
    pub(crate) work: Work,
    pub(crate) median_ms: f64,
    pub(crate) p99_ms: f64,
    samples_ms: Vec<f64>,
}

pub(crate) fn run(model: &ModelProcess, subjects: &[Subject], options: &Options) -> Result<Vec<Interrupts>> {
    let times = if options.repeats == 1 { 1 } else { TIMES };
    let mut found = Vec::new();
    for subject in subjects {
        for work in [Work::Sleep, Work::StubbornSleep] {
            let samples_ms =
                (0..times).map(|time| interrupt(model, subject, work, time)).collect::<Result<Vec<_>>>()?;
            found.push(Interrupts {
                subject: subject.name,
                work,
                median_ms: median(&samples_ms),
                p99_ms: percentile(&samples_ms, 0.99),
                samples_ms,
            });
        }
    }
    Ok(found)
}

/// From the signal to the end of the command's process, in milliseconds.
fn interrupt(model: &ModelProcess, subject: &Subject, work: Work, time: usize) -> Result<f64> {
    let place = Place::empty()?;
    let plan = Plan { run: format!("{}-{work}-{time}", subject.name), work, calls: 1 };
    let mut command = subject.turn(&place, &model.url(&plan))?;
    let err = place.file("err");
    command.stdin(Stdio::null()).stdout(File::create(place.file("out"))?).stderr(File::create(&err)?);
    let mut child = Running(command.spawn().context("could not start the program")?);
    let running = wait_for_pid(&place.work().join("pid"), &mut child.0)?;
    let pid = Pid::from_child(&child.0);
    let gone_ms = gone_after(running, || Ok(kill_process(pid, Signal::INT)?))
        .with_context(|| format!("{} was interrupted", subject.name))?;
    child.0.wait()?;
    Ok(gone_ms)
}

/// From the moment at which somebody is told to the end of this process, in milliseconds.
pub(crate) fn gone_after(running: Pid, tell: impl FnOnce() -> Result<()>) -> Result<f64> {
    let process = pidfd_open(running, PidfdFlags::empty()).context("the command is gone already")?;
    let told_ns = now_ns();
    tell()?;
    // A pidfd becomes readable when its process ends.
    let mut ended = [PollFd::new(&process, PollFlags::IN)];
    let patience = Timespec { tv_sec: PATIENCE.as_secs().cast_signed(), tv_nsec: 0 };
    let count = poll(&mut ended, Some(&patience))?;
    let gone_ns = now_ns();
    ensure!(count == 1, "the command ran on for {} s", PATIENCE.as_secs());
    Ok(ms_between(told_ns, gone_ns))
}

/// The program; it does not outlive the measurement, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until the command of a child has said who it is.
pub(crate) fn wait_for_pid(path: &Path, child: &mut Child) -> Result<Pid> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Ok(text) = std::fs::read_to_string(path) {
            let pid: i32 = text.trim().parse().context("the command does not say its number")?;
            return Pid::from_raw(pid).context("the command has no number");
        }
        if let Some(status) = child.try_wait()? {
            bail!("the program ended before its command ran: {status}");
        }
        std::thread::sleep(LOOK);
    }
    bail!("the command did not begin within {} s", PATIENCE.as_secs())
}
