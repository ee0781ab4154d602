//! [`Worker`]: `everturn worker` in a process of its own.

use std::fs::File;
use std::process::{Child, Stdio};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use super::super::clock::now_ns;
use super::super::measure::own_cpu_ms;
use super::site::{Site, wait_for_text};

/// A worker process. It is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Worker {
    child: Child,
    /// When the process was made.
    pub(super) started_ns: u64,
}

impl Worker {
    /// Starts one and waits until it serves the queue.
    pub(super) fn start(site: &Site) -> Result<Self> {
        let log = site.place.file("worker.log");
        let errors = File::create(&log)?;
        let mut command = site.everturn(&["worker"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors);
        let started_ns = now_ns();
        let mut worker = Self { child: command.spawn().context("could not start the worker")?, started_ns };
        wait_for_text(&log, "serving queue", &mut worker.child)?;
        Ok(worker)
    }

    /// The most memory it has had, and what it has now, in MB.
    pub(super) fn memory_mb(&self) -> Result<(f64, f64)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let field = |name: &str| -> Result<f64> {
            let line =
                status.lines().find_map(|line| line.strip_prefix(name)).context("the kernel does not say")?;
            let kb = line.trim().trim_end_matches(" kB").parse::<f64>()?;
            Ok(kb * 1.024 / 1e3)
        };
        Ok((field("VmHWM:")?, field("VmRSS:")?))
    }

    /// The processor time that it has used itself, without the commands.
    pub(super) fn cpu_ms(&self) -> Result<f64> {
        own_cpu_ms(Pid::from_child(&self.child))
    }

    /// Ends it in good order.
    pub(super) fn stop(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        self.child.wait().context("could not wait for the worker").map(drop)
    }

    /// Kills it.
    pub(super) fn kill(self) {
        drop(self);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
