//! The helper: this program again, started in place of a command, that confines itself and becomes the command.
//!
//! It has one thread until it becomes the program, so it may fork and allocate freely. Start reading at
//! `supervisor.rs`, then `confined.rs`.

mod census;
mod channel;
mod confined;
mod mounts;
mod placeholders;
mod privileges;
mod processes;
mod rules;
mod signals;
mod supervisor;
mod syscalls;
mod watch;

pub(super) use placeholders::sweep;
pub(super) use rules::restrict_writing;
pub(super) use watch::put_back;

use super::{
    launch::Order,
    report::{MAX_REPORT_BYTES, Note},
};
use std::{
    ffi::OsString,
    fs::File,
    io::{self, Write},
    os::fd::{FromRawFd, RawFd},
};

/// The exit code where the command did not run because it could not be confined.
const NOT_CONFINED: i32 = 126;
/// The exit code where the program could not be started.
const NO_PROGRAM: i32 = 127;

/// What went wrong while a command was to be confined.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("{step}: {source}")]
    Step { step: String, source: io::Error },
    #[error("{0}")]
    Other(String),
    /// It was confined, but there is no such program.
    #[error("{0}")]
    NoProgram(io::Error),
}

trait Step<T> {
    /// Says in which step it happened.
    fn step(self, step: impl Into<String>) -> Result<T, Fault>;
}

impl<T, E: Into<io::Error>> Step<T> for Result<T, E> {
    fn step(self, step: impl Into<String>) -> Result<T, Fault> {
        self.map_err(|error| Fault::Step { step: step.into(), source: error.into() })
    }
}

/// Does what the arguments after the first say, and returns the exit code. Without any, it is only there.
pub(super) fn serve(mut arguments: impl Iterator<Item = OsString>) -> i32 {
    let Some(descriptor) = arguments.next() else { return 0 };
    let order = arguments.next();
    let Some(mut reporter) = descriptor.to_str().and_then(|text| text.parse().ok()).and_then(Reporter::of)
    else {
        return NOT_CONFINED;
    };
    let order: Result<Order, _> = serde_json::from_slice(order.unwrap_or_default().as_encoded_bytes());
    let argv: Vec<OsString> = arguments.skip(1).collect();
    match order {
        Ok(order) => supervisor::run(&order, &argv, &mut reporter),
        Err(error) => {
            reporter.note(&Note::Fault(format!("the helper does not understand its order: {error}")));
            NOT_CONFINED
        }
    }
}

/// Where the host reads what became of the launch.
struct Reporter {
    pipe: File,
    left_bytes: u64,
}

impl Reporter {
    /// Takes the descriptor over, unless it is none of a pipe, or one of the first three.
    #[expect(unsafe_code, reason = "the host names the descriptor that it left open for this")]
    fn of(descriptor: RawFd) -> Option<Self> {
        if descriptor <= 2 {
            return None;
        }
        // SAFETY: nothing else in this process has opened anything yet; a number that is not open fails in the next call.
        let pipe = unsafe { File::from_raw_fd(descriptor) };
        // The program must not be able to write here.
        rustix::io::fcntl_setfd(&pipe, rustix::io::FdFlags::CLOEXEC).ok()?;
        rustix::io::ioctl_fionbio(&pipe, true).ok()?;
        Some(Self { pipe, left_bytes: MAX_REPORT_BYTES })
    }

    /// Tells one thing. What does not fit, or finds nobody, is not told.
    fn note(&mut self, note: &Note) {
        let Ok(mut line) = serde_json::to_vec(note) else { return };
        line.push(b'\n');
        let bytes = line.len() as u64;
        if bytes <= self.left_bytes && self.pipe.write_all(&line).is_ok() {
            self.left_bytes -= bytes;
        }
    }
}
