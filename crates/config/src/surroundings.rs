//! What the machine is like around a thread: the user's shell, the local date, what is checked out.
//!
//! No process is spawned for any of it: `git` alone would take longer than the rest of the program's start.

mod date;
mod git;

use crate::Environment;
use agent_core::Surroundings;
use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

/// The user's shell.
const SHELL: &str = "SHELL";
/// The time zone, as the C library has it.
const TZ: &str = "TZ";
/// How much of a name is told, in bytes.
const MAX_NAME_BYTES: usize = 200;

/// What `cwd` is like now. Whatever cannot be found out is left out.
pub fn surroundings(environment: &Environment, cwd: &Path) -> Surroundings {
    surroundings_at(environment, cwd, SystemTime::now())
}

/// What `cwd` is like, with the date of another time.
///
/// * `shell`: the name of the program in `SHELL`, for example `bash`.
/// * `date`: the local date at `now` as `2026-11-21`; local is what `TZ` says, else `/etc/localtime`, else UTC, as for
///   every other program.
/// * `git`: `main @ 1a2b3c4`, `detached at 1a2b3c4`, or `main, no commit yet`, read from the files of the repository
///   that `cwd` is in. `None` outside of one, and for one that keeps its refs in a reftable.
pub fn surroundings_at(environment: &Environment, cwd: &Path, now: SystemTime) -> Surroundings {
    let seconds = match now.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).ok(),
        Err(_) => None,
    };
    Surroundings {
        shell: environment.get(SHELL).and_then(shell),
        date: seconds.and_then(|seconds| date::local(environment.get(TZ), seconds)),
        git: git::checked_out(cwd),
    }
}

fn shell(path: &str) -> Option<String> {
    Path::new(path).file_name()?.to_str().map(told)
}

/// A name on one line and of bounded length: what is told to a model must not be a way to say more.
fn told(name: &str) -> String {
    let end = name.floor_char_boundary(MAX_NAME_BYTES.min(name.len()));
    name[..end].replace(char::is_control, "?")
}
