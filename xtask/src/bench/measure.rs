//! One run of a program: how long it took, what it used, how it ended.
//!
//! What is counted is what the kernel counts for the process and for those of its descendants that it or they waited for:
//! the shells of the tool calls too. The share of the program alone is read from `/proc` before the process is reaped, in
//! clock ticks; of short runs it says little.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::clock::{ms_between, now_ns};

/// What one run cost.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub(crate) struct Cost {
    /// When the process was made, by the shared clock.
    pub(crate) started_ns: u64,
    /// From then to its end.
    pub(crate) wall_ms: f64,
    /// User and system time of it and of what it waited for.
    pub(crate) cpu_ms: f64,
    /// Of it alone.
    pub(crate) own_cpu_ms: f64,
    /// The most memory that it, or one of those it waited for, had resident, in kB of 1,024 bytes. Not less than what this process has:
    /// a child begins with its parent's.
    pub(crate) peak_kb: u64,
}

impl Cost {
    /// The same in MB.
    pub(crate) fn peak_mb(&self) -> f64 {
        self.peak_kb as f64 * 1.024 / 1e3
    }
}

/// What the kernel says of a process that has ended.
struct Usage {
    cpu_ms: f64,
    peak_kb: u64,
    /// `None` after a signal.
    code: Option<i32>,
}

/// Runs a command to its end. Its standard output goes to the file `out`, its standard error to `err`.
pub(crate) fn run(command: &mut Command, out: &Path, err: &Path) -> Result<Cost> {
    command.stdin(Stdio::null()).stdout(File::create(out)?).stderr(File::create(err)?);
    let started_ns = now_ns();
    // A group of its own, so that what it leaves behind can be found.
    let child = command
        .process_group(0)
        .spawn()
        .with_context(|| format!("could not start {:?}", command.get_program()))?;
    let pid = Pid::from_child(&child);
    // It stays a zombie, so that its line in /proc can still be read.
    waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
    let wall_ms = ms_between(started_ns, now_ns());
    let own_cpu_ms = own_cpu_ms(pid)?;
    // The zombie is always there; anybody else in its group would disturb the next run.
    let _ = kill_process_group(pid, Signal::KILL);
    let usage = reap(pid)?;
    if usage.code != Some(0) {
        let said = std::fs::read_to_string(err).unwrap_or_default();
        let told = std::fs::read_to_string(out).unwrap_or_default();
        let last = told.lines().last().unwrap_or_default();
        bail!("{:?} failed with {:?}: {last} {}", command.get_program(), usage.code, said.trim());
    }
    Ok(Cost { started_ns, wall_ms, cpu_ms: usage.cpu_ms, own_cpu_ms, peak_kb: usage.peak_kb })
}

/// User and system time of a process without its children, from `/proc/<pid>/stat`.
pub(crate) fn own_cpu_ms(pid: Pid) -> Result<f64> {
    /// The fields 14 and 15, counted behind the program's name, which is the second field.
    const USER_FIELD: usize = 11;
    let path = format!("/proc/{}/stat", pid.as_raw_nonzero());
    let stat = std::fs::read_to_string(&path).with_context(|| format!("could not read {path}"))?;
    let fields = stat.rsplit_once(')').map(|(_, fields)| fields).unwrap_or_default();
    let ticks: u64 = fields
        .split_whitespace()
        .skip(USER_FIELD)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    let ticks_per_s = rustix::param::clock_ticks_per_second();
    Ok(ticks as f64 * 1e3 / ticks_per_s as f64)
}

#[expect(unsafe_code, reason = "the standard library waits for a child without asking what it used")]
fn reap(pid: Pid) -> Result<Usage> {
    let mut status = 0;
    // SAFETY: zeroes are a valid `rusage`, which is nothing but numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live values of the types that the call fills.
    let reaped = unsafe { libc::wait4(pid.as_raw_nonzero().get(), &raw mut status, 0, &raw mut usage) };
    if reaped < 0 {
        return Err(std::io::Error::last_os_error()).context("could not wait for the program");
    }
    let ms = |time: libc::timeval| time.tv_sec as f64 * 1e3 + time.tv_usec as f64 / 1e3;
    let code = libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status));
    let cpu_ms = ms(usage.ru_utime) + ms(usage.ru_stime);
    Ok(Usage { cpu_ms, peak_kb: usage.ru_maxrss.unsigned_abs(), code })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(line: &str) -> Result<Cost> {
        let place = tempfile::tempdir().unwrap();
        let mut command = Command::new("/bin/sh");
        run(command.args(["-c", line]), &place.path().join("out"), &place.path().join("err"))
    }

    #[test]
    fn what_the_descendants_used_counts_and_the_programs_own_share_is_told_apart() {
        let busy = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
        let cost = shell(&format!("sh -c '{busy}'; exit 0")).unwrap();
        assert!(cost.cpu_ms > 50.0 && cost.wall_ms > 50.0, "{cost:?}");
        assert!(cost.own_cpu_ms < cost.cpu_ms / 2.0, "{cost:?}");
        assert!(cost.peak_kb > 100, "{cost:?}");
    }

    #[test]
    fn what_the_program_leaves_behind_is_stopped() {
        let place = tempfile::tempdir().unwrap();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "sleep 60 & echo $!"]);
        let out = place.path().join("out");
        run(&mut command, &out, &place.path().join("err")).unwrap();
        let left = std::fs::read_to_string(out).unwrap();
        let stat = format!("/proc/{}/stat", left.trim());
        // Killed, it may still wait for whoever inherits it to reap it.
        let begun = std::time::Instant::now();
        while std::fs::read_to_string(&stat).is_ok_and(|line| !line.contains(") Z ")) {
            assert!(begun.elapsed().as_secs() < 20, "{stat} is still there");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_program_that_fails_is_an_error_with_its_last_words() {
        let error = shell("echo told; echo said >&2; exit 3").unwrap_err().to_string();
        assert!(error.contains("Some(3)") && error.contains("told") && error.contains("said"), "{error}");
        assert!(shell("kill -9 $$").unwrap_err().to_string().contains("None"));
    }
}
